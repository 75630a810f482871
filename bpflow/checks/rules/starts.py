"""Rules about starts; most of them are found when starts are read."""

from __future__ import annotations

from collections.abc import Iterator

from bpflow.checks.rule import page, rule
from bpflow.checks.subject import Subject
from bpflow.diagnostics import Diagnostic, each_quoted, say

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


@rule("missing-input")
def missing_input(subject: Subject) -> Iterator[Diagnostic]:
    """A start that no person fills in must give every input that the process requires.

    By hand people fill in the form, and a process that calls another one gives what that requires. A start by a document, a message or a
    schedule has nobody who could: it says in `with` what the inputs are. Otherwise each instance would begin with an incident. An input with a
    `default` may be left out.

    Bad:

        inputs:
          reason: {type: string, required: true}
        start:
          - {on: manual}
          - {on: document-created}
        steps:
          - {activity: notify, to: user("ivanov"), text: $(reason)}

    Good:

        inputs:
          reason: {type: string, required: true}
        start:
          - {on: manual}
          - {on: document-created, with: {reason: A new company}}
        steps:
          - {activity: notify, to: user("ivanov"), text: $(reason)}
    """
    needed = [name for name, field in subject.graph.inputs if field.required and field.default is None]
    for start, model in zip(subject.graph.starts, subject.process.start, strict=True):
        missing = [name for name in needed if name not in dict(start.give)]
        if missing and start.on not in ("manual", "call"):
            message = say("nobody fills in {names} here, and the process requires it", names=each_quoted(missing))
            yield Diagnostic(model.value_span("on"), "missing-input", message, say('give it in "with", or a "default"'))
