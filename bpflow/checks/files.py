"""Pages of the rules about the text of a file, which are found while it is read."""

from bpflow.checks.rule import page

page(
    "duplicate-key",
    """
    A key stands once in its place.

    Of two equal keys only one would be read.

    Bad:

        steps:
          - activity: notify
            to: initiator
            text: Ready
            text: Really

    Good:

        steps:
          - activity: notify
            to: initiator
            text: Ready
    """,
)
