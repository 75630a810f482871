"""What must be so, held against what is so.

The law of this file: it looks at the stage and changes nothing. Each expectation that does not hold is a mismatch with its place:
what was expected, and what was there instead.
"""

from __future__ import annotations

from collections.abc import Sequence

from bpflow.diagnostics import LANGUAGES, Message, Span, each_quoted, say
from bpflow.engine.state import Vote
from bpflow.graph import step_name
from bpflow.scenario.facts import Mismatch, Mismatches, unmet_facts
from bpflow.scenario.known import names
from bpflow.scenario.model import Answered, Ends, Expect, Facts, means_none, parts
from bpflow.scenario.stage import Stage
from bpflow.scenario.wording import id_of, listed, together, value_text, vote_text, votes_shown
from bpflow.stores.entries import TaskEntry

NOBODY = say("nobody")

__all__ = ["Mismatch", "Mismatches", "says", "unmet", "unmet_end"]


def unmet(stage: Stage, expect: Expect) -> Mismatches:
    """Those of the expectations that do not hold now."""
    process = str(expect.process) if expect.process is not None else None
    if expect.instances is not None and len(stage.instances(process)) != expect.instances:
        found = len(stage.instances(process))
        message = say("expected {expected} as the number of instances, but it is {found}", expected=expect.instances, found=found)
        yield Mismatch(expect.value_span("instances"), message)
    if expect.task is not None:
        yield from _no_task(stage, expect, process) if means_none(expect.task) else _task(stage, expect, expect.task, process)
    if expect.closed is not None:
        yield from _closed(stage, expect, expect.closed, process)
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
        instead = say("open is {steps}", steps=each_quoted(others)) if others else say("no task is open")
        yield Mismatch(expect.value_span("task"), say('expected an open task of "{step}", but {instead}', step=step, instead=instead))
        return
    yield from _people(expect, step, entries)
    yield from _in_place_of(expect, step, entries)
    yield from _answered(expect, step, stage.engine.task(entries[0].id).votes)
    yield from _told(stage, expect, step, entries[0].id)
    yield from _deadline(stage, expect, step, entries)


def _no_task(stage: Stage, expect: Expect, process: str | None) -> Mismatches:
    found = sorted({step_name(entry.node) for entry in stage.tasks(process=process)})
    if found:
        message = say("expected no open task, but open is {steps}", steps=each_quoted(found))
        yield Mismatch(expect.value_span("task"), message)


def _closed(stage: Stage, expect: Expect, step: str, process: str | None) -> Mismatches:
    span = expect.value_span("closed")
    if stage.tasks(step, process):
        yield Mismatch(span, say('expected the task of "{step}" to be closed, but it is open', step=step))
    elif stage.task(step, "", process) is None:
        yield Mismatch(span, say('expected the task of "{step}" to be closed, but nobody has had one yet', step=step))


def _people(expect: Expect, step: str, entries: Sequence[TaskEntry]) -> Mismatches:
    expected = sorted(set(names(expect.to)))
    found = sorted({id_of(entry.party) for entry in entries})
    if expect.to is not None and expected != found:
        message = say('expected the task of "{step}" to be for {expected}, but it is for {found}', step=step, expected=listed(expected), found=listed(found))
        yield Mismatch(expect.value_span("to"), message)


def _in_place_of(expect: Expect, step: str, entries: Sequence[TaskEntry]) -> Mismatches:
    expected = sorted(set(names(expect.in_place_of)))
    found = sorted({id_of(entry.in_place_of) for entry in entries if entry.in_place_of})
    if expect.in_place_of is not None and expected != found:
        words = {"step": step, "expected": listed(expected), "found": listed(found) or NOBODY}
        message = say('expected the task of "{step}" to be done in place of {expected}, but it is done in place of {found}', **words)
        yield Mismatch(expect.value_span("in-place-of"), message)


def _answered(expect: Expect, step: str, votes: Sequence[Vote]) -> Mismatches:
    span, shown = expect.value_span("answered"), votes_shown(votes)
    if expect.answered == "none" and votes:
        yield Mismatch(span, say('expected the task of "{step}" to have no answers, but it has: {answers}', step=step, answers=shown))
    for wanted in parts(expect.answered, Answered):
        if not any(_is_answer(vote, wanted) for vote in votes):
            words = {"step": step, "answer": vote_text(wanted.outcome, wanted.by, wanted.in_place_of), "answers": shown}
            message = say('expected the task of "{step}" to have an answer {answer}, but the answers are: {answers}', **words)
            yield Mismatch(wanted.place if wanted.place.file else span, message)


def _is_answer(vote: Vote, wanted: Answered) -> bool:
    return (
        (wanted.by is None or wanted.by == vote.by.id)
        and (wanted.outcome is None or wanted.outcome == vote.outcome)
        and (wanted.in_place_of is None or (vote.in_place_of is not None and wanted.in_place_of == vote.in_place_of.id))
    )


def _told(stage: Stage, expect: Expect, step: str, task: str) -> Mismatches:
    """What its people read."""
    if expect.title is None and expect.text is None:
        return
    view = stage.engine.task(task)
    if expect.title is not None and expect.title != view.subject:
        words = {"step": step, "expected": expect.title, "found": view.subject}
        yield Mismatch(expect.value_span("title"), say('expected the task of "{step}" to be called "{expected}", but it is called "{found}"', **words))
    if expect.text is not None and expect.text not in view.text:
        words = {"step": step, "expected": expect.text, "found": view.text}
        yield Mismatch(expect.value_span("text"), say('expected the task of "{step}" to tell "{expected}", but it tells "{found}"', **words))


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
