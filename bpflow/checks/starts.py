"""The pages of the rules about starts, which are found when they are read."""

from bpflow.checks.rule import page

page(
    "bad-schedule",
    """
    A schedule is written as in cron, and its time must come.

    Five parts: minute, hour, day of the month, month, day of the week (0 and 7 are Sunday, or `MON` to `SUN`). `*` is each, `1-5` a
    range, `*/15` each fifteenth, `9,18` a list. It is read in the zone of the process. So `0 9 * * 1-5` is nine o'clock on weekdays.

    Bad:

        # bpflow.yaml
        timezone: Europe/Moscow
        # morning.yaml
        bpflow: 1
        id: morning
        start:
          - {on: schedule, cron: 0 25 * * *}
        steps:
          - {activity: notify, to: user("ivanov"), text: Good morning}

    Good:

        # bpflow.yaml
        timezone: Europe/Moscow
        # morning.yaml
        bpflow: 1
        id: morning
        start:
          - {on: schedule, cron: 0 9 * * 1-5}
        steps:
          - {activity: notify, to: user("ivanov"), text: Good morning}
    """,
)

page(
    "schedule-on-document",
    """
    A process on a document is not started by a schedule: nobody could say on which document.

    Let a process without a document be started by the schedule.

    Bad:

        document: company
        start:
          - {on: schedule, cron: 0 9 * * 1-5}
        steps:
          - {activity: notify, to: user("ivanov"), text: Good morning}

    Good:

        document: company
        start:
          - {on: document-created}
        steps:
          - {activity: notify, to: user("ivanov"), text: Good morning}
    """,
)
