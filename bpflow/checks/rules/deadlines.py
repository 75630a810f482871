"""Rules about the time that people are given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bpflow.checks.rule import rule
from bpflow.checks.subject import Subject
from bpflow.definition.step import Step
from bpflow.definition.triggers import Handler
from bpflow.diagnostics import Diagnostic, Severity, say


@rule("no-deadline", Severity.ADVICE)
def no_deadline(subject: Subject) -> Iterator[Diagnostic]:
    """A process that waits for people says until when.

    A task that nobody answers is noticed by nobody: without `due` it is never overdue, nobody is reminded, and the process stands still. Give
    it a deadline, and say under `on-overdue` who hears of it. Where it may wait as long as it likes, write `due: none`: then the next
    reader knows that this is meant. Nothing is said where a timer stands around the task, under `meanwhile` of a block, a stage or the
    process, or in a branch beside it that may win; nor about a process that stands in no workspace, which is a sketch.

    Bad:

        # call.yaml
        bpflow: 1
        id: call
        steps:
          - {id: call, activity: task, title: Call the client, to: initiator}

    Good:

        # call.yaml
        bpflow: 1
        id: call
        steps:
          - {id: call, activity: task, title: Call the client, to: initiator, due: 2 working days, on-overdue: {remind: 1 working day}}
          - {id: read, activity: review, title: Read when you have time, to: initiator, due: none}
    """
    process = subject.process
    if subject.settings and subject.complete and not _timed(process.meanwhile):
        yield from _without(process.steps)
        yield from (finding for handler in process.meanwhile for finding in _without(handler.steps))
        for stage in process.stages.values():
            if not _timed(stage.meanwhile):
                yield from _without(stage.steps)


def _without(steps: Iterable[Step]) -> Iterator[Diagnostic]:
    """The findings about steps of a list, and of those inside them, unless a timer stands around them."""
    for step in steps:
        if step.awaits_people and "due" not in step.model_fields_set:
            message = say("nothing says until when this is to be answered")
            yield Diagnostic(
                step.value_span("activity"), "no-deadline", message, say('write "due: 2 working days", or "due: none" if it may wait'), Severity.ADVICE
            )
        if not step.has_timer:
            for inner in step.inner():
                yield from _without(inner)


def _timed(handlers: Iterable[Handler]) -> bool:
    """Whether something happens when a time has come."""
    return any(handler.is_timer for handler in handlers)
