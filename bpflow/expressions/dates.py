"""Functions of the library: dates, instants and durations. What needs a calendar or a time zone is asked for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from bpflow.diagnostics import say
from bpflow.expressions.data import Duration, Value
from bpflow.expressions.durations import bounded, parse_duration
from bpflow.expressions.errors import EvaluationError, ExpressionError, describe
from bpflow.expressions.functions import Scope, as_integer, as_text, function
from bpflow.expressions.instants import read_date, read_instant, read_time
from bpflow.expressions.operations import later
from bpflow.expressions.signatures import DAY, WHEN, due, kept, printed_day
from bpflow.expressions.types import BOOLEAN, DATE, DATETIME, DURATION, INTEGER, TEXT, one_of_types


def _as_date(value: Any, name: str) -> date:
    if isinstance(value, date):
        return value
    raise EvaluationError(say('"{name}" needs a date, not {value}', name=name, value=describe(value)))


def _ask_date(s: Scope, operation: str, *arguments: Value) -> date:
    answer = s.ask(("calendar", operation, *arguments, s.zone))
    if isinstance(answer, date):
        return answer
    raise EvaluationError(say("the calendar gave {value} instead of a date", value=describe(answer)))


# ── durations ───────────────────────────────────────────────────────────────────────────────────────────────────────
def _units(name: str, doc: str, make: Callable[[int], Duration]) -> None:
    def run(count: Any) -> Duration:
        return bounded(make(as_integer(count, name)))

    run.__doc__ = f"`{name}(n)` → duration\n\n{doc}"
    function(INTEGER, gives=DURATION, name=name, literal=True)(run)


_units("minutes", "So many minutes.\nExample: `now + minutes(30)`.", lambda n: Duration(seconds=60 * n))
_units("hours", "So many hours.\nExample: `ask.meeting_at - hours(2)`.", lambda n: Duration(seconds=3600 * n))
_units("days", "So many calendar days.\nExample: `today() + days(3)`.", lambda n: Duration(days=n))
_units("weeks", "So many weeks.\nExample: `today() + weeks(2)`.", lambda n: Duration(days=7 * n))
_units(
    "working_hours",
    "So many hours of working time, by the workspace's calendar.\nExample: `now + working_hours(4)`.",
    lambda n: Duration(working_seconds=3600 * n),
)
_units(
    "working_days",
    "So many working days of the workspace's calendar.\nExample: `document.deadline - working_days(2)`.",
    lambda n: Duration(working_days=n),
)


@function(one_of_types(TEXT, DURATION), gives=DURATION, literal=True)
def duration(value: Any) -> Duration:
    """`duration("2 working days")` → duration

    The duration that a text says: `90min`, `2h`, `3d`, `1w`, `30s`, `1d 2h`, `2 working days`, `4 working hours`.
    Example: `now + duration("1d 2h")`.
    """
    if isinstance(value, Duration):
        return value
    try:
        return parse_duration(as_text(value, "duration"))
    except ExpressionError as error:
        raise EvaluationError(error.message, error.hint) from None


# ── dates ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def _literal_date(value: Any) -> date:
    found = read_date(as_text(value, "date"), points=False)
    if found:
        return found
    turned = read_date(as_text(value, "date"))
    hint = say('write "{date}"', date=turned.isoformat()) if turned else say('for example "2026-12-31"')
    raise EvaluationError(say("{value} is not a date", value=describe(value)), hint)


@function(one_of_types(TEXT, DATE, DATETIME), gives=DATE, name="date", asks=True, literal=_literal_date)
def date_(s: Scope, value: Any) -> date:
    """`date("2026-12-31")` → date

    The date that a text says; or the day, in the process's zone, of an instant.
    Example: `date(ask.at) == today()`.
    """
    if isinstance(value, datetime):
        return _ask_date(s, "date", value)
    return value if isinstance(value, date) else _literal_date(value)


def _read_instant(value: Any) -> datetime:
    text = as_text(value, "datetime")
    found = read_instant(text, points=False)
    if found:
        return found
    hint = say('for example "2026-03-03T12:00" or "2026-03-03T12:00+03:00"')
    raise EvaluationError(say("{value} is not a date with a time", value=describe(value)), hint)


def _literal_instant(value: Any) -> datetime | None:
    found = _read_instant(value)
    return found if found.tzinfo else None


@function(one_of_types(TEXT, DATETIME), gives=DATETIME, name="datetime", asks=True, literal=_literal_instant)
def datetime_(s: Scope, value: Any) -> datetime:
    """`datetime("2026-03-03T12:00")` → date and time

    The instant that a text says; without `+03:00` or `Z` it is read in the process's zone.
    Example: `now > datetime("2026-03-03T12:00+03:00")`.
    """
    if isinstance(value, datetime):
        return value
    found = _read_instant(value)
    if found.tzinfo:
        return found
    clock = found.strftime("%H:%M:%S" if found.second else "%H:%M")
    return _as_instant(_ask_date(s, "at_time", found.date(), clock))


def _as_instant(value: date) -> datetime:
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    raise EvaluationError(say("the calendar gave {value} instead of an instant", value=describe(value)))


@function(gives=DATE, asks=True)
def today(s: Scope) -> date:
    """`today()` → date

    The date of now in the process's zone.
    Example: `document.deadline < today()`.
    """
    return _ask_date(s, "date", s.now)


def _months(count: Any) -> Duration:
    return bounded(Duration(months=as_integer(count, "add_months")))


@function(DAY, INTEGER, gives=kept(DATE, DATETIME), asks=True, bounds={1: _months})
def add_months(s: Scope, value: Any, count: Any) -> date:
    """`add_months(date, n)` → date, or date and time

    The same day so many months later (earlier, if negative), or the last day of a shorter month.
    Example: `add_months(today(), 1)`.
    """
    return later(s, _as_date(value, "add_months"), _months(count))


@function(DAY, gives=INTEGER, asks=True)
def weekday(s: Scope, value: Any) -> int:
    """`weekday(date)` → integer

    The day of the week: Monday is 1, Sunday is 7.
    Example: `weekday(today()) == 5`.
    """
    day = _as_date(value, "weekday")
    return as_integer(s.ask(("calendar", "weekday", day, s.zone)), "weekday") if isinstance(day, datetime) else day.isoweekday()


@function(DAY, gives=BOOLEAN, asks=True)
def is_working_day(s: Scope, value: Any) -> bool:
    """`is_working_day(date)` → boolean

    Whether people work on that day, by the workspace's calendar.
    Example: `is_working_day(today())`.
    """
    return s.ask(("calendar", "is_working_day", _as_date(value, "is_working_day"), s.zone)) is True


@function(DAY, gives=DATE, asks=True)
def next_working_day(s: Scope, value: Any) -> date:
    """`next_working_day(date)` → date

    The first working day after that day.
    Example: `at_time(next_working_day(today()), "10:00")`.
    """
    return _ask_date(s, "next_working_day", _as_date(value, "next_working_day"))


def _clock(value: Any) -> str:
    time = as_text(value, "at_time")
    if read_time(time) is None:
        raise EvaluationError(say("{value} is not a time of day", value=describe(value)), say('for example "09:00"'))
    return str(time).strip()


@function(DAY, TEXT, gives=DATETIME, asks=True, bounds={1: _clock})
def at_time(s: Scope, value: Any, clock: Any) -> datetime:
    """`at_time(date, "09:00")` → date and time

    That time of the day, in the process's zone.
    Example: `at_time(document.deadline, "18:00")`.
    """
    return _as_instant(_ask_date(s, "at_time", _as_date(value, "at_time"), _clock(clock)))


def _pattern(pattern: Any) -> str:
    spelled = as_text(pattern, "format")
    if len(spelled) > 100:
        raise EvaluationError(say("the pattern of a date is too long: at most {length} characters", length=100))
    return str(spelled)


def _language(language: Any) -> str:
    spelled = as_text(language, "format")
    if spelled not in ("ru", "en"):
        raise EvaluationError(say('dates are not known in the language "{language}"', language=spelled), say('there are "ru" and "en"'))
    return str(spelled)


@function(DAY, TEXT, TEXT, gives=printed_day, least=2, asks=True, name="format", bounds={1: _pattern, 2: _language})
def format_(s: Scope, value: Any, pattern: Any, language: Any = "ru") -> str:
    """`format(date, "d MMMM", "ru")` → text

    The date as text: `d` day, `MMMM` month by name, `MM` by number, `yyyy` year, `EEEE` day of the week, `HH:mm` time.
    Names are in the language given, `ru` (unless said otherwise) or `en`.
    Example: `format(ask.meeting_at, "d MMMM, HH:mm")` is 3 марта, 12:00.
    """
    day, shown, spelled = _as_date(value, "format"), _pattern(pattern), _language(language)
    return as_text(s.ask(("calendar", "format", day, shown, s.zone, spelled)), "format")


# ── what keys such as `due` and `until` make of a value ─────────────────────────────────────────────────────────────
@function(WHEN, gives=due, asks=True)
def deadline(s: Scope, value: Any) -> datetime | None:
    """`deadline(x)` → date and time

    The instant by which something is due: of a duration, so long from now; of a date, the end of that working day; an instant
    and none stay as they are. The key `due` does this by itself.
    Example: `deadline(document.deadline)`.
    """
    if value is None or isinstance(value, datetime):
        return value
    if isinstance(value, Duration):
        return _as_instant(later(s, s.now, value))
    return _as_instant(_ask_date(s, "end_of_work", _as_date(value, "deadline")))


@function(one_of_types(WHEN, BOOLEAN), gives=due, asks=True)
def moment(s: Scope, value: Any) -> datetime | bool | None:
    """`moment(x)` → date and time

    The instant at which something happens: of a duration, so long from now; of a date, its beginning in the process's zone;
    instants, conditions and none stay as they are. The keys `until` and `at` do this by themselves.
    Example: `moment(document.deadline)`.
    """
    if value is None or isinstance(value, bool | datetime):
        return value
    if isinstance(value, Duration):
        return _as_instant(later(s, s.now, value))
    return _as_instant(_ask_date(s, "start_of_day", _as_date(value, "moment")))
