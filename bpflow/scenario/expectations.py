"""What must be so, held against what is so.

The law of this file: it looks at the stage and changes nothing. Each expectation that does not hold is a mismatch with its place:
what was expected, and what was there instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from bpflow.diagnostics import LANGUAGES, Message, Span, say
from bpflow.expressions.data import Value
from bpflow.scenario.known import means_none, names
from bpflow.scenario.model import CalendarEntry, Ends, Expect, Notice, parts
from bpflow.scenario.stage import Stage
from bpflow.scenario.wording import NONE, entry_shown, entry_text, instant_text, listed, notice_shown, notice_text, together, value_text
from bpflow.stores.contract import CalendarRow, NoticeRow, TaskEntry

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Mismatch:
    """An expectation that does not hold, and where it is written."""

    span: Span
    message: Message


Mismatches = Iterator[Mismatch]


def unmet(stage: Stage, expect: Expect) -> Mismatches:
    """Those of the expectations that do not hold now."""
    if expect.instances is not None and len(stage.instances()) != expect.instances:
        message = say("expected {expected} as the number of instances, but it is {found}", expected=expect.instances, found=len(stage.instances()))
        yield Mismatch(expect.value_span("instances"), message)
    if expect.task is not None:
        yield from _task(stage, expect, expect.task)
    if expect.waiting is not None:
        yield from _waiting(stage, expect.waiting, expect.value_span("waiting"))
    if expect.incident is not None:
        yield from _incident(stage, expect.incident, expect.value_span("incident"))
    yield from _facts(stage, expect)


def unmet_end(stage: Stage, ends: Ends, span: Span) -> Mismatches:
    """What is not as the end must be. `span`: the place of the whole."""
    view = stage.view()
    if view is None:
        yield Mismatch(span, say("expected the process to have ended, but it has not been started"))
        return
    found = view.row.result
    if view.row.status == "running":
        if ends.result is None or means_none(ends.result):
            yield Mismatch(span, say("expected the process to have ended, but it is still running"))
        else:
            message = say('expected the process to have ended with "{result}", but it is still running', result=ends.result)
            yield Mismatch(ends.value_span("result"), message)
    elif ends.result is not None and found != (None if means_none(ends.result) else ends.result):
        shown = say('it has ended with "{result}"', result=found) if found else say("it has ended without a result")
        message = say('expected the result "{result}", but {found}', result=ends.result, found=shown)
        yield Mismatch(ends.value_span("result"), message)
    yield from _facts(stage, ends)


def says(message: Message, part: str) -> bool:
    """Whether the part is in the message, in one of its languages; capitals do not matter."""
    return any(part.casefold() in message.text(language).casefold() for language in LANGUAGES)


# ── tasks and waiting ───────────────────────────────────────────────────────────────────────────────────────────────
def _task(stage: Stage, expect: Expect, step: str) -> Mismatches:
    entries = stage.tasks(step)
    if not entries:
        others = sorted({entry.node.rpartition("/")[2] for entry in stage.tasks()})
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


def _waiting(stage: Stage, name: str, span: Span) -> Mismatches:
    view = stage.view()
    where = view.where if view else []
    if not any(stage.known.stands_at(standing.path, name) for standing in where):
        yield Mismatch(span, say('expected the process to wait at "{step}", but it does not', step=name))


def _incident(stage: Stage, part: str, span: Span) -> Mismatches:
    view = stage.view()
    found = [incident.message for incident in view.incidents] if view else []
    if not any(says(message, part) for message in found):
        instead = say("there is: {incidents}", incidents=together(found)) if found else say("there is none")
        yield Mismatch(span, say('expected an incident with "{part}", but {instead}', part=part, instead=instead))


# ── the document, calendars, notices ────────────────────────────────────────────────────────────────────────────────
def _facts(stage: Stage, expected: Expect | Ends) -> Mismatches:
    for given in expected.document:
        field = stage.known.fields.get(given.name)
        if field is None:
            yield Mismatch(given.name_place, say('the document has no field "{field}"', field=given.name))
            continue
        wanted, found = stage.known.value(field, given.raw), stage.value(given.name)
        if _filled(wanted) != _filled(found):
            words = {"field": given.name, "expected": value_text(wanted, stage.known.zone), "found": value_text(found, stage.known.zone)}
            yield Mismatch(given.place, say('expected "{field}" of the document to be {expected}, but it is {found}', **words))
    yield from _calendar(stage, expected)
    yield from _notices(stage, expected)


def _filled(value: Value) -> Value:
    """An empty field is none, however it is empty."""
    return None if value in ("", []) else value


def _calendar(stage: Stage, expected: Expect | Ends) -> Mismatches:
    rows, zone, span = stage.calendar(), stage.known.zone, expected.value_span("calendar")
    shown = _shown(rows, lambda row: entry_shown(row, zone))
    if expected.calendar == "none" and rows:
        yield Mismatch(span, say("expected no calendar entries, but there are: {entries}", entries=shown))
    for wanted in parts(expected.calendar, CalendarEntry):
        if not all(any(_is_entry(stage, row, wanted, person) for row in rows) for person in _each(wanted.to)):
            at = instant_text(stage.known.instant(wanted.at), zone) if wanted.at is not None else None
            told = entry_text(wanted.title, at, names(wanted.to))
            message = say("expected a calendar entry {entry}, but the entries are: {entries}", entry=told, entries=shown)
            yield Mismatch(wanted.place if wanted.place.file else span, message)


def _is_entry(stage: Stage, row: CalendarRow, wanted: CalendarEntry, person: str | None) -> bool:
    return (
        (person is None or row.person == person)
        and (wanted.title is None or row.title == wanted.title)
        and (wanted.at is None or row.at == stage.known.instant(wanted.at))
    )


def _notices(stage: Stage, expected: Expect | Ends) -> Mismatches:
    rows, span = stage.notices(), expected.value_span("notice")
    shown = _shown(rows, notice_shown)
    if expected.notice == "none" and rows:
        yield Mismatch(span, say("expected no notices since the last action, but there are: {notices}", notices=shown))
    for wanted in parts(expected.notice, Notice):
        if not all(any(_is_notice(row, wanted, person) for row in rows) for person in _each(wanted.to)):
            told = notice_text(wanted.title, wanted.text, names(wanted.to))
            message = say("expected a notice {notice}, but the notices since the last action are: {notices}", notice=told, notices=shown)
            yield Mismatch(wanted.place if wanted.place.file else span, message)


def _is_notice(row: NoticeRow, wanted: Notice, person: str | None) -> bool:
    return (person is None or row.person == person) and (wanted.title is None or row.title == wanted.title) and (wanted.text is None or wanted.text in row.text)


def _each(people: str | Iterable[str] | None) -> list[str | None]:
    """The people who are named; nobody in particular where none is."""
    found: list[str | None] = [*names(people)]
    return found or [None]


def _shown(rows: Iterable[Row], show: Callable[[Row], Message]) -> Message:
    said = [show(row) for row in rows]
    return together(said) if said else NONE
