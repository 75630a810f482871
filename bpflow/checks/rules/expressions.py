"""The pages of the rules about how expressions and durations are written, which are found when they are read."""

from bpflow.checks.rule import page

page(
    "bad-expression",
    """
    An expression must be written in the language of expressions.

    It is a small part of Python's: `==` compares, `and`, `or`, `not` join conditions, a text stands in straight quotes, a date is
    written `date("2026-12-31")`. The finding points at the first sign that does not fit.

    Bad:

        steps:
          - activity: condition
            branches:
              - {when: document.status = "won", next: go-on}
            otherwise: {next: go-on}

    Good:

        steps:
          - activity: condition
            branches:
              - {when: document.status == "won", next: go-on}
            otherwise: {next: go-on}
    """,
)

page(
    "typographic-quotes",
    """
    In an expression a text stands in straight quotes.

    Word processors and messengers turn them into « », “ ” or „ “. In texts outside of `$(…)` those are welcome.

    Bad:

        steps:
          - {activity: notify, to: with_role(«director»), text: Ready}

    Good:

        steps:
          - {activity: notify, to: with_role("director"), text: Ready}
    """,
)

page(
    "bad-duration",
    """
    A duration is a whole number with a unit.

    Such as `90min`, `2h`, `3d`, `1w`, `2 working days`, `4 working hours`, or several of them, `1d 2h`. A working day is a day of
    the workspace's calendar.

    Bad:

        steps:
          - {activity: pause, for: 2 workdays}

    Good:

        steps:
          - {activity: pause, for: 2 working days}
    """,
)
