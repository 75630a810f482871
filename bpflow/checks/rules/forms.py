"""The page of the rule about forms, which is found when they are read."""

from bpflow.checks.rule import page

page(
    "field-cycle",
    """
    No field of a form may wait for itself.

    A form is filled in from its top to its end: a field whose `when` or `from` reads another one is asked for after it. Where one field
    waits for another and that one for the first, or a field for itself, none could ever be asked for.

    Bad:

        steps:
          - id: ask
            activity: request-info
            to: initiator
            fields:
              abroad: {type: boolean, when: ask.country != "Russia"}
              country: {type: string, when: ask.abroad}

    Good:

        steps:
          - id: ask
            activity: request-info
            to: initiator
            fields:
              abroad: {type: boolean, required: true}
              country: {type: string, when: ask.abroad}
    """,
)
