"""What must be so, held against what is so.

The law of this file: it looks at the stage and changes nothing. Each expectation that does not hold is a mismatch with its place:
what was expected, and what was there instead.
"""

from __future__ import annotations

from collections.abc import Sequence

from bpflow.diagnostics import LANGUAGES, Message, Span, say
from bpflow.graph import step_name
from bpflow.scenario.facts import Mismatch, Mismatches, unmet_facts
from bpflow.scenario.known import means_none, names
from bpflow.scenario.model import Ends, Expect, Facts
from bpflow.scenario.stage import Stage
from bpflow.scenario.wording import listed, together, value_text
from bpflow.stores.contract import TaskEntry

__all__ = ["Mismatch", "Mismatches", "says", "unmet", "unmet_end"]


def unmet(stage: Stage, expect: Expect) -> Mismatches:
    """Those of the expectations that do not hold now."""
    process = str(expect.process) if expect.process is not None else None
    if expect.instances is not None and len(stage.instances(process)) != expect.instances:
        found = len(stage.instances(process))
        message = say("expected {expected} as the number of instances, but it is {found}", expected=expect.instances, found=found)
        yield Mismatch(expect.value_span("instances"), message)
    if expect.task is not None:
        yield from _task(stage, expect, expect.task, process)
    if expect.waiting is not None:
        yield from _waiting(stage, expect.waiting, expect.value_span("waiting"), process)
    if expect.stage is not None:
        yield from _stage(stage, str(expect.stage), expect.value_span("stage"), process)
    if expect.incident is not None:
        yield from _incident(stage, expect.incident, expect.value_span("incident"))
    if expect.result is not None:
        yield from _ended(stage, expect, expect.value_span("result"), process)
    yield from unmet_facts(stage, expect, process)


def unmet_end(stage: Stage, ends: Ends, span: Span) -> Mismatches:
    """What is not as the end must be. `span`: the place of the whole."""
    yield from _ended(stage, ends, span, None)
    if stage.instance() is not None:
        yield from unmet_facts(stage, ends, None)


def _ended(stage: Stage, facts: Facts, span: Span, process: str | None) -> Mismatches:
    """Whether the instance has ended, and with which result. `span`: the place of what is said of its end."""
    row, wanted = stage.instance(process), facts.result
    if row is None:
        yield Mismatch(span, say("expected the process to have ended, but it has not been started"))
    elif row.status == "running":
        if wanted is None or means_none(wanted):
            yield Mismatch(span, say("expected the process to have ended, but it is still running"))
        else:
            message = say('expected the process to have ended with "{result}", but it is still running', result=wanted)
            yield Mismatch(facts.value_span("result"), message)
    elif wanted is not None and row.result != (None if means_none(wanted) else wanted):
        shown = say('it has ended with "{result}"', result=row.result) if row.result else say("it has ended without a result")
        message = say('expected the result "{result}", but {found}', result=wanted, found=shown)
        yield Mismatch(facts.value_span("result"), message)


def says(message: Message, part: str) -> bool:
    """Whether the part is in the message, in one of its languages; capitals do not matter."""
    return any(part.casefold() in message.text(language).casefold() for language in LANGUAGES)


# ── tasks and waiting ───────────────────────────────────────────────────────────────────────────────────────────────
def _task(stage: Stage, expect: Expect, step: str, process: str | None) -> Mismatches:
    entries = stage.tasks(step, process)
    if not entries:
        others = sorted({step_name(entry.node) for entry in stage.tasks(process=process)})
        instead = say("open is {steps}", steps=listed(f'"{name}"' for name in others)) if others else say("no task is open")
        yield Mismatch(expect.value_span("task"), say('expected an open task of "{step}", but {instead}', step=step, instead=instead))
        return
    yield from _people(expect, step, entries)
    yield from _deadline(stage, expect, step, entries)


def _people(expect: Expect, step: str, entries: Sequence[TaskEntry]) -> Mismatches:
    expected = sorted(set(names(expect.to)))
    found = sorted({entry.party.partition(":")[2] for entry in entries})
    if expect.to is not None and expected != found:
        message = say('expected the task of "{step}" to be for {expected}, but it is for {found}', step=step, expected=listed(expected), found=listed(found))
        yield Mismatch(expect.value_span("to"), message)


def _deadline(stage: Stage, expect: Expect, step: str, entries: Sequence[TaskEntry]) -> Mismatches:
    zone = stage.known.zone
    if expect.due is not None:
        expected = None if means_none(expect.due) else stage.known.instant(expect.due)
        found = {entry.due for entry in entries}
        if expected not in found:
            words = {"step": step, "expected": value_text(expected, zone), "found": listed(sorted(value_text(due, zone) for due in found))}
            yield Mismatch(expect.value_span("due"), say('expected the task of "{step}" to be due {expected}, but it is due {found}', **words))
    if expect.overdue is not None and all(entry.overdue != expect.overdue for entry in entries):
        due = value_text(entries[0].due, zone)
        if expect.overdue:
            message = say('expected the task of "{step}" to be overdue, but it is not: it is due {due}', step=step, due=due)
        else:
            message = say('expected the task of "{step}" not to be overdue, but it is: it was due {due}', step=step, due=due)
        yield Mismatch(expect.value_span("overdue"), message)


def _waiting(stage: Stage, name: str, span: Span, process: str | None) -> Mismatches:
    known = stage.of(process)
    if not any(known.stands_at(standing.path, name) for view in stage.views(process) for standing in view.where):
        yield Mismatch(span, say('expected the process to wait at "{step}", but it does not', step=name))


def _stage(stage: Stage, name: str, span: Span, process: str | None) -> Mismatches:
    view = stage.view(process)
    found = view.stage.id if view is not None and view.stage is not None else None
    if found is None:
        yield Mismatch(span, say('expected the document to be in the stage "{stage}", but it is in none', stage=name))
    elif found != name:
        yield Mismatch(span, say('expected the document to be in the stage "{stage}", but it is in "{found}"', stage=name, found=found))


def _incident(stage: Stage, part: str, span: Span) -> Mismatches:
    found = [incident.message for incident in stage.incidents()]
    if not any(says(message, part) for message in found):
        instead = say("there is: {incidents}", incidents=together(found)) if found else say("there is none")
        yield Mismatch(span, say('expected an incident with "{part}", but {instead}', part=part, instead=instead))
