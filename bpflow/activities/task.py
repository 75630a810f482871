"""The activity `task`."""

from __future__ import annotations

from bpflow.activities.people import ToPeople


class Task(ToPeople):
    """Work assigned to people, done when one of them says so.

    `to` says whose work it is, `title` and `text` what is to be done, `due` by when. A form, further outcomes and what happens when the
    deadline has passed are as for the other activities for people.

        steps:
          - id: visit
            activity: task
            title: Visit $(document.name)
            to: document.responsible
            text: The address is in the card.
            due: 3 working days
            fields:
              report: {type: text, title: What was said, required: true}
    """
