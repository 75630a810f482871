"""The pages of the rules about the other files of a workspace: its settings, its directory, and how files are called."""

from bpflow.checks.rule import page
from bpflow.diagnostics import Severity

page(
    "file-name",
    """
    A file is called so that it is found: a process as its id says, and every file with `.yaml` at the end.

    A file that ends in `.yml` is not read.

    Bad:

        # tell.yaml
        bpflow: 1
        id: tell-author
        steps:
          - {activity: notify, to: initiator, text: Ready}

    Good:

        # tell-author.yaml
        bpflow: 1
        id: tell-author
        steps:
          - {activity: notify, to: initiator, text: Ready}
    """,
    Severity.ADVICE,
)

page(
    "unknown-timezone",
    """
    A time zone is called by its name in the IANA database.

    Such as Europe/Moscow or Asia/Yekaterinburg. Offsets such as UTC+3 are no zones: they do not know when clocks change.

    Bad:

        # bpflow.yaml
        timezone: Europe/Moskow

    Good:

        # bpflow.yaml
        timezone: Europe/Moscow
    """,
)

page(
    "working-hours",
    """
    Working hours end after they begin, and do not overlap.

    Bad:

        # bpflow.yaml
        calendar: {hours: "18:00-09:00"}

    Good:

        # bpflow.yaml
        calendar: {hours: "09:00-18:00"}
    """,
)

page(
    "no-working-day",
    """
    A week has a working day.

    Otherwise nothing that is due in working days would ever be due.

    Bad:

        # bpflow.yaml
        calendar: {weekend: [monday, tuesday, wednesday, thursday, friday, saturday, sunday]}

    Good:

        # bpflow.yaml
        calendar: {weekend: [saturday, sunday]}
    """,
)

page(
    "day-worked-and-free",
    """
    A day is worked or it is not.

    Bad:

        # bpflow.yaml
        calendar: {holidays: [2026-12-30], working-days: [2026-12-30]}

    Good:

        # bpflow.yaml
        calendar: {holidays: [2026-12-30]}
    """,
)

page(
    "department-circle",
    """
    Departments are parts of each other in a tree, never in a circle.

    Bad:

        # directory.yaml
        departments:
          sales: {title: Sales, parent: east}
          east: {title: Sales East, parent: sales}

    Good:

        # directory.yaml
        departments:
          sales: {title: Sales}
          east: {title: Sales East, parent: sales}
    """,
)

page(
    "absence-dates",
    """
    An absence ends on or after the day on which it begins.

    Bad:

        # directory.yaml
        people:
          ivanov: {name: Ivan Ivanov, absences: [{from: 2026-07-14, to: 2026-07-01}]}

    Good:

        # directory.yaml
        people:
          ivanov: {name: Ivan Ivanov, absences: [{from: 2026-07-01, to: 2026-07-14}]}
    """,
)

page(
    "own-substitute",
    """
    Nobody stands in for himself.

    Bad:

        # directory.yaml
        people:
          ivanov: {name: Ivan Ivanov, substitute: ivanov}

    Good:

        # directory.yaml
        people:
          ivanov: {name: Ivan Ivanov, substitute: petrova}
          petrova: {name: Anna Petrova}
    """,
)

page(
    "attribute-name",
    """
    A further attribute of a person or department has a name of its own.

    `email` or `department` have keys of their own, and could be read in two ways.

    Bad:

        # directory.yaml
        people:
          ivanov: {name: Ivan Ivanov, attributes: {email: ivanov@example.org}}

    Good:

        # directory.yaml
        people:
          ivanov: {name: Ivan Ivanov, email: ivanov@example.org, attributes: {experience: 5}}
    """,
)

page(
    "unknown-process",
    """
    A process that is named must be one of the workspace: the one that a file of scenarios is about, and one that a process calls.

    Bad:

        # tell.yaml
        bpflow: 1
        id: tell
        steps:
          - {activity: end, result: done}
        # tell.test.yaml
        process: tel
        scenarios:
          - {title: It ends, at: 2026-03-02T10:00+03:00, ends: {result: done}}

    Good:

        # tell.yaml
        bpflow: 1
        id: tell
        steps:
          - {activity: end, result: done}
        # tell.test.yaml
        process: tell
        scenarios:
          - {title: It ends, at: 2026-03-02T10:00+03:00, ends: {result: done}}
    """,
)

page(
    "idle-comment",
    """
    A comment that silences a rule says why, and there is something for it to silence.

    `# bpflow: off RULE — why`, at the end of a line or on a line of its own before it, silences a warning or an advice there. Several
    rules stand in a row, with commas. Errors cannot be silenced. A comment that names no such rule, says no reason, or stands where
    there is nothing to silence any more is only in the way of the reader.

    Bad:

        variables:
          code: {type: string, default: "007"} # bpflow: off number — the zeros are no part of the code
        steps:
          - {activity: notify, to: initiator, text: $(code)}

    Good:

        variables:
          code: {type: string, default: 007} # bpflow: off number — the zeros are no part of the code
        steps:
          - {activity: notify, to: initiator, text: $(code)}
    """,
    Severity.WARNING,
)
