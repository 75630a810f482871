"""The activity `review`."""

from typing import ClassVar

from bpflow.activities.people import ToPeople
from bpflow.activities.rules import Rule


class Review(ToPeople):
    """People acknowledge that they have read something.

    Each of those whom `to` names is asked, `members(…)` for each of a group, and all must acknowledge unless `rule` says otherwise.
    Meanwhile `<id>.waiting` says who has not, `<id>.answers` who has and when.

        steps:
          - id: read
            activity: review
            title: Read the new rules
            to: members(department("sales"))
            text: The rules are in $(document.name).
            due: 3 working days
            on-overdue: {remind: 1 working day, tell: initiator}
    """

    default_outcomes: ClassVar[tuple[str, ...]] = ("acknowledged",)

    rule: Rule = "all"
    """How many must acknowledge; `all` if nothing is said."""
