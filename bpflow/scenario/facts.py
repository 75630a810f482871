"""What a process has done so far, held against what a scenario says: documents, variables, outputs, calendars, absences, notices, calls.

The law of this file: as in `expectations`, it looks and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from msgspec import Struct

from bpflow.definition.model import key_of
from bpflow.definition.types import Given
from bpflow.diagnostics import Message, Span, say
from bpflow.expressions.data import Value
from bpflow.scenario.known import Known, bare, names
from bpflow.scenario.model import Away, CalendarEntry, Facts, Notice, ServiceCall, means_none, parts
from bpflow.scenario.services import Called
from bpflow.scenario.stage import Stage
from bpflow.scenario.wording import (
    NONE,
    absence_shown,
    call_shown,
    call_text,
    entry_shown,
    entry_text,
    instant_text,
    notice_shown,
    notice_text,
    together,
    value_text,
)
from bpflow.stores.absent import NewAbsence
from bpflow.stores.contract import DocumentRow
from bpflow.stores.entries import CalendarRow, NoticeRow
from bpflow.values import Field, InvalidValue

Row = TypeVar("Row")


class Mismatch(Struct, frozen=True):
    """An expectation that does not hold, and where it is written."""

    span: Span
    message: Message


Mismatches = Iterator[Mismatch]


def unmet_facts(stage: Stage, facts: Facts, process: str | None) -> Mismatches:
    """What is not as it is said, of a process or of the scenario's own."""
    yield from _document(stage, facts.document)
    for given in facts.documents:
        yield from _documents(stage, given)
    yield from _variables(stage, facts, process)
    yield from _outputs(stage, facts, process)
    yield from _calendar(stage, facts, process)
    yield from _absences(stage, facts, process)
    yield from _notices(stage, facts, process)
    yield from _calls(stage, facts)


# ── documents ───────────────────────────────────────────────────────────────────────────────────────────────────────
def _document(stage: Stage, given: Iterable[Given]) -> Mismatches:
    known = stage.known
    for one in given:
        field = known.fields.get(one.name)
        if field is None:
            yield Mismatch(one.name_place, say('the document has no field "{field}"', field=one.name))
            continue
        found = stage.value(one.name)
        if not _holds(known, field, one, found):
            words = {"field": one.name, "expected": _wanted(known, field, one), "found": value_text(found, known.zone)}
            yield Mismatch(one.place, say('expected "{field}" of the document to be {expected}, but it is {found}', **words))


def _holds(known: Known, field: Field, given: Given, found: Value) -> bool:
    """Whether a field holds what is written; an empty one is none, however it is empty."""
    try:
        return _filled(known.value(field, given.raw)) == _filled(found)
    except InvalidValue:
        return False


def _filled(value: Value) -> Value:
    return None if value in ("", []) else value


def _wanted(known: Known, field: Field, given: Given) -> str:
    """What is written, as it is shown."""
    try:
        return value_text(known.value(field, given.raw), known.zone)
    except InvalidValue:
        return str(given.raw)


def _documents(stage: Stage, given: Given) -> Mismatches:
    """How many documents there are of a type, or fields that one of them has (or the one that the scenario calls so)."""
    known, wanted, named = stage.known, bare(given.raw), stage.named.get(given.name)
    rows = [row for row in stage.engine.documents(None if named else given.name) if named in (None, row.ref)]
    if not isinstance(wanted, Mapping):
        if wanted != len(rows):
            words = {"type": given.name, "expected": wanted, "found": len(rows)}
            yield Mismatch(given.place, say('expected {expected} as the number of documents of the type "{type}", but it is {found}', **words))
        return
    fields = dict(known.types[rows[0].ref.type].fields) if rows else {}
    if not any(all(_has(known, fields, row, name, raw) for name, raw in given.raw.items()) for row in rows):
        shown = "; ".join(_fields_shown(known, row, wanted) for row in rows) or "–"
        yield Mismatch(given.place, say('expected a document "{name}" with these fields, but there are: {found}', name=given.name, found=shown))


def _has(known: Known, fields: Mapping[str, Field], row: DocumentRow, name: str, raw: object) -> bool:
    field = fields.get(str(name))
    return field is not None and _holds(known, field, Given(str(name), raw), row.fields.get(str(name)))


def _fields_shown(known: Known, row: DocumentRow, wanted: Mapping[str, object]) -> str:
    """The fields of a document that were asked for."""
    return "{" + ", ".join(f"{name}: {value_text(row.fields.get(name), known.zone)}" for name in wanted) + "}"


# ── variables and outputs ───────────────────────────────────────────────────────────────────────────────────────────
def _variables(stage: Stage, facts: Facts, process: str | None) -> Mismatches:
    known, view = stage.of(process), stage.view(process) if facts.variables else None
    for one in facts.variables:
        field, found = known.variables.get(one.name), view.names.get(one.name) if view else None
        if field is None:
            yield Mismatch(one.name_place, say('the process has no variable "{name}"', name=one.name))
        elif not _holds(known, field, one, found):
            words = {"name": one.name, "expected": _wanted(known, field, one), "found": value_text(found, known.zone)}
            yield Mismatch(one.place, say('expected the variable "{name}" to be {expected}, but it is {found}', **words))


def _outputs(stage: Stage, facts: Facts, process: str | None) -> Mismatches:
    known, view = stage.of(process), stage.view(process) if facts.outputs else None
    for one in facts.outputs:
        if one.name not in known.outputs:
            yield Mismatch(one.name_place, say('the process has no output "{name}"', name=one.name))
            continue
        found = view.outputs.get(one.name) if view else None
        if not known.is_written(found, one.raw):
            words = {"name": one.name, "expected": _plainly(one.raw), "found": value_text(found, known.zone)}
            yield Mismatch(one.place, say('expected the output "{name}" to be {expected}, but it is {found}', **words))


def _plainly(raw: object) -> str:
    """What is written, where no type is known."""
    plain = bare(raw)
    return f'"{plain}"' if isinstance(plain, str) and not means_none(raw) else value_text(plain)


# ── calendars, notices, calls ───────────────────────────────────────────────────────────────────────────────────────
def _calendar(stage: Stage, expected: Facts, process: str | None) -> Mismatches:
    rows, zone, span = stage.calendar(process), stage.known.zone, expected.value_span("calendar")
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


def _absences(stage: Stage, expected: Facts, process: str | None) -> Mismatches:
    rows, span = stage.absences(process), expected.value_span("absence")
    shown = _shown(rows, absence_shown)
    if expected.absence == "none" and rows:
        yield Mismatch(span, say("expected no absences to be entered, but there are: {absences}", absences=shown))
    for wanted in parts(expected.absence, Away):
        if not any(_is_away(row, wanted) for row in rows):
            told = call_text("absence", {key: str(value) for key, value in _told(wanted).items()})
            message = say("expected {absence}, but entered are: {absences}", absence=told, absences=shown)
            yield Mismatch(wanted.place if wanted.place.file else span, message)


def _is_away(row: NewAbsence, wanted: Away) -> bool:
    found = {"user": row.person, "from": row.first, "to": row.last, "substitute": row.substitute, "reason": row.reason}
    return all(found[key] is None if means_none(word) else str(found[key]) == word for key, word in _told(wanted).items())


def _told(wanted: Away) -> dict[str, str | None]:
    """What is said of it, by the names of the service's arguments."""
    return {key_of(name): getattr(wanted, name) for name in type(wanted).model_fields if name in wanted.model_fields_set}


def _notices(stage: Stage, expected: Facts, process: str | None) -> Mismatches:
    rows, span = stage.notices(process), expected.value_span("notice")
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


def _calls(stage: Stage, expected: Facts) -> Mismatches:
    calls, known, span = stage.calls(), stage.known, expected.value_span("call")
    shown = _shown(calls, lambda call: call_shown(call.service, call.arguments, known.zone))
    if expected.call == "none" and calls:
        yield Mismatch(span, say("expected no calls of services since the last action, but there are: {calls}", calls=shown))
    for wanted in parts(expected.call, ServiceCall):
        if not any(_is_call(known, call, wanted) for call in calls):
            told = call_text(wanted.service, {one.name: _plainly(one.raw) for one in wanted.with_})
            message = say("expected a call of {call}, but the calls since the last action are: {calls}", call=told, calls=shown)
            yield Mismatch(wanted.place if wanted.place.file else span, message)


def _is_call(known: Known, call: Called, wanted: ServiceCall) -> bool:
    given = call.arguments
    return call.service == wanted.service and all(one.name in given and known.is_written(given[one.name], one.raw) for one in wanted.with_)


def _each(people: str | Iterable[str] | None) -> list[str | None]:
    """The people who are named; nobody in particular where none is."""
    found: list[str | None] = [*names(people)]
    return found or [None]


def _shown(rows: Iterable[Row], show: Callable[[Row], Message]) -> Message:
    said = [show(row) for row in rows]
    return together(said) if said else NONE
