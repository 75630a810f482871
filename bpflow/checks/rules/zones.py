"""Rules about times that are told by the clocks of two zones.

Instants are instants, in whatever zone they were written, and compare rightly; days and times of day are read in the zone of the process
everywhere. Two places are left where another zone comes in: an offset that is written out, and the whole days of the directory.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bpflow.checks.literals import literals
from bpflow.checks.rule import rule
from bpflow.checks.subject import Subject, Use
from bpflow.diagnostics import Diagnostic, Severity, Span, say

_OFFSET = re.compile(r".*[+-]\d\d:?\d\d")
_WRITTEN = re.compile(r'\[?datetime\("')


@rule("foreign-offset", Severity.ADVICE)
def foreign_offset(subject: Subject) -> Iterator[Diagnostic]:
    """A time that is written with an offset has that of the process's zone.

    `2026-07-01T12:00+01:00` is an exact instant, but not noon where the process is at home, and everybody who reads the file takes it for that;
    most often the clocks had changed, or the line comes from a process of another zone. Without an offset a time is read in the zone of
    the process. `Z`, the time of Greenwich, is taken at its word.

    Bad:

        timezone: Europe/Berlin
        steps:
          - {activity: pause, until: 'datetime("2026-07-01T12:00+01:00")'}
          - {activity: notify, to: initiator, text: Noon}

    Good:

        timezone: Europe/Berlin
        steps:
          - {activity: pause, until: 'datetime("2026-07-01T12:00")'}
          - {activity: pause, until: 'datetime("2026-07-02T12:00+02:00")'}
          - {activity: notify, to: initiator, text: Noon}
    """
    zone = ZoneInfo(subject.graph.timezone)
    for text, span in _instants(subject):
        told = _with_offset(text)
        here = told.astimezone(zone) if told else None
        if told and here and told.utcoffset() != here.utcoffset():
            message = say("in the zone of the process, {zone}, this is {time}", zone=subject.graph.timezone, time=f"{here:%Y-%m-%d %H:%M}")
            hint = say('write "{time}" without an offset, if that hour is meant by the clocks there', time=f"{told:%Y-%m-%dT%H:%M}")
            yield Diagnostic(span, "foreign-offset", message, hint, Severity.ADVICE)


def _with_offset(text: str) -> datetime | None:
    """The instant with the offset that is written; None if there is none, or it lies at the ends of the calendar."""
    try:
        found = datetime.fromisoformat(text) if _OFFSET.fullmatch(text) else None
    except ValueError:
        return None
    return found if found and 2 <= found.year <= 9998 else None


def _instants(subject: Subject) -> Iterator[tuple[str, Span]]:
    """The texts of all instants that are written out, with their places."""
    for use in subject.uses:
        if any(name == "datetime" for name, _ in use.parsed.calls):
            for node in ast.walk(use.parsed.tree):
                match node:
                    case ast.Call(func=ast.Name(id="datetime"), args=[ast.Constant(value=str(text)) as said]):
                        yield text.strip(), use.span(said.col_offset, (said.end_col_offset or 0) - said.col_offset)
    for literal in literals(subject, _WRITTEN):
        values = literal.raw if isinstance(literal.raw, list) else [literal.raw]
        for value, (_, span) in zip(values, literal.values(), strict=False):
            yield str(value), span


@rule("day-of-another-zone", Severity.WARNING)
def day_of_another_zone(subject: Subject) -> Iterator[Diagnostic]:
    """Whether somebody is absent on a day is asked by the days of the workspace.

    The days of the directory are whole days in the time zone of the workspace. A process that lives further east asks about the beginning
    of its own day, when the day before is not yet over there: so `is_absent(x, day)` and `acting(x, day)` would tell of the wrong day. A time
    in the middle of the day is the same day for both.

    Bad:

        # bpflow.yaml
        timezone: Europe/Moscow
        # directory.yaml
        people:
          ivanov: {name: Ivan Ivanov, absences: [{from: 2026-07-01, to: 2026-07-14}]}
        # visit.yaml
        bpflow: 1
        id: visit
        timezone: Asia/Vladivostok
        inputs:
          day: {type: date, required: true}
        outputs:
          away: is_absent(user("ivanov"), day)
        steps:
          - {activity: end, result: asked}

    Good:

        # bpflow.yaml
        timezone: Europe/Moscow
        # directory.yaml
        people:
          ivanov: {name: Ivan Ivanov, absences: [{from: 2026-07-01, to: 2026-07-14}]}
        # visit.yaml
        bpflow: 1
        id: visit
        timezone: Asia/Vladivostok
        inputs:
          day: {type: date, required: true}
        outputs:
          away: is_absent(user("ivanov"), at_time(day, "12:00"))
        steps:
          - {activity: end, result: asked}
    """
    if subject.settings is None or subject.directory is None or not _ahead(subject.graph.timezone, subject.settings.timezone):
        return
    for use in subject.uses:
        for node in ast.walk(use.parsed.tree):
            match node:
                case ast.Call(func=ast.Name(id="is_absent" | "acting"), args=[_, day]) if _is_day(day, use):
                    text = use.part.text.strip()[day.col_offset : day.end_col_offset]
                    values = {"zone": subject.graph.timezone, "other": subject.settings.timezone}
                    message = say("when this day begins in {zone}, it is still the day before in {other}, by which the directory counts", **values)
                    span = use.span(day.col_offset, (day.end_col_offset or 0) - day.col_offset)
                    yield Diagnostic(span, "day-of-another-zone", message, say('write "{call}"', call=f'at_time({text}, "12:00")'), Severity.WARNING)


def _ahead(zone: str, other: str) -> bool:
    """Whether a day begins in a zone while it is the day before in the other, in winter or in summer."""
    begins = [datetime(2026, month, 2, tzinfo=ZoneInfo(zone)) for month in (1, 7)]
    return any(at.astimezone(ZoneInfo(other)).date() == at.date() - timedelta(days=1) for at in begins)


def _is_day(node: ast.expr, use: Use) -> bool:
    """Whether a part of an expression is certainly a day without a time."""
    match node:
        case ast.Call(func=ast.Name(id="today" | "date" | "next_working_day")):
            return True
        case ast.Name(id=name):
            field = use.field((name,))
            return field is not None and field.kind == "date" and not field.many
        case ast.Attribute(value=ast.Name(id=name), attr=attribute):
            field = use.field((name, attribute))
            return field is not None and field.kind == "date" and not field.many
    return False
