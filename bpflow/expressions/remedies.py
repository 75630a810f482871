"""What to write instead: hints for values of a wrong kind.

The law of this file: a hint is right wherever it is given, or it is not given.
"""

from __future__ import annotations

import re
from typing import Any

from bpflow.diagnostics import Message, did_you_mean, each_quoted, say
from bpflow.expressions import operations
from bpflow.expressions.data import Duration
from bpflow.expressions.durations import duration_text, parse_duration
from bpflow.expressions.errors import EvaluationError, ExpressionError
from bpflow.expressions.instants import read_date, read_instant
from bpflow.expressions.numbers import plain, read_number
from bpflow.expressions.signatures import shows_clock
from bpflow.expressions.template import quoted
from bpflow.expressions.types import Type

_TRUE = frozenset(("true", "yes", "да"))
_FALSE = frozenset(("false", "no", "нет"))


def instead_of_text(value: str, wanted: Type) -> Message | None:
    """How a literal text is written where something else is wanted: `date("2026-12-31")`, `user("ivanov")`, 5."""
    written = next((found for found in (_written(value, kind.kind) for kind in wanted.each) if found), None)
    return say("write {call}", call=written) if written else None


def _written(value: str, kind: str) -> str | None:
    match kind:
        case "user":
            return f"user({quoted(value)})" if value.strip() else None
        case "department":
            return f"department({quoted(value)})"
        case "role":
            return f"with_role({quoted(value)})"
        case "integer" | "number":
            number = read_number(value)
            return plain(number) if number is not None and (kind == "number" or type(number) is int) else None
        case "boolean":
            word = value.strip().lower()
            return "true" if word in _TRUE else "false" if word in _FALSE else None
    return _moment(value, kind)


def _moment(value: str, kind: str) -> str | None:
    match kind:
        case "date":
            day = read_date(value)
            return f'date("{day.isoformat()}")' if day else None
        case "datetime":
            instant = read_instant(value)
            return f"datetime({quoted(instant.isoformat(timespec='minutes'))})" if instant and not instant.second else None
        case "duration":
            length = _duration(value)
            return f'duration("{duration_text(length)}")' if length else None
    return None


def _duration(value: str) -> Duration | None:
    try:
        return parse_duration(value)
    except (ExpressionError, EvaluationError):
        return None


def choice(value: str, type: Type) -> Message:
    """Which value of a choice was meant by a text that is none of them."""
    ids = type.values or ()
    by_title = [id for id, title in zip(ids, type.titles, strict=False) if title == value and id != value]
    if by_title:
        return say('"{value}" is the title; write "{id}"', value=value, id=by_title[0])
    return did_you_mean(value, ids) or say("the choices are: {choices}", choices=each_quoted(ids[:12]))


def arithmetic(sign: str, a: Type, b: Type, constant: Any) -> Message | None:
    """For `+` and its like; `constant` is the right side, if it is one."""
    left, right = _kinds(a), _kinds(b)
    if left <= _DAYS and right <= _NUMBERS and sign in ("+", "-"):
        return operations.units_hint(constant, clock=left == {"datetime"})
    if left <= _DAYS and right <= _DAYS and sign == "-":
        return operations.DATE_HINT
    if sign == "+" and ("text" in left or "text" in right):
        return say('"text(a, b)" joins values of any kind into text')
    return _none(a, b)


def order(a: Type, b: Type, constant: Any = None) -> Message | None:
    """For `<` and its like, and for `==`; `constant` is the right side, if it is one."""
    left, right = _kinds(a), _kinds(b)
    if left == {"duration"} and right <= _NUMBERS and type(constant) is int:
        return operations.units_hint(constant, clock=True)
    if left <= _DAYS and right <= _DAYS:
        return operations.DATE_HINT
    return _none(a, b)


def equality(a: Type, b: Type) -> Message | None:
    """For `==` and `!=` of what is never equal."""
    for one, other in ((a, b), (b, a)):
        if one.kind == "list" and other.kind != "list":
            return say('whether it is one of them: "x in list"')
        if one.values == ("",) or (one.kind == "boolean" and other.kind in _FILLED):
            return say('whether it is filled in: "x != none"')
    if {a.kind, b.kind} == {"user", "department"}:
        return say('"department_of(x)" is the department of a user')
    if {a.kind, b.kind} == {"user", "role"}:
        return say('"members(x)" are the people of a department or a role')
    return order(a, b)


_FILLED = frozenset(("user", "department", "document", "date", "datetime", "duration", "file"))
"""Kinds of values that are there, or are none."""
_DAYS = {"date", "datetime"}
_NUMBERS = {"integer", "number"}


def _kinds(type: Type) -> set[str]:
    return {one.kind for one in type.each}


def _none(a: Type, b: Type) -> Message | None:
    return say('"coalesce(x, …)" gives a value in place of none') if "none" in (a.kind, b.kind) else None


def taken(given: Type, wanted: Type) -> Message | None:
    """For an argument that a function does not take."""
    kinds, wants = _kinds(given), _kinds(wanted)
    if given.kind == "none":
        return say('"coalesce(x, [])" makes an empty list of none') if wants == {"list"} else say('"coalesce(x, …)" gives a value in place of none')
    if kinds & {"department", "role"} and "user" in wants:
        return say('"members(x)" are the people of a department or a role')
    if kinds <= {"record"} and "text" in wants and "number" in wants:
        return say("name one of its fields")
    if kinds <= _DAYS and wants & _DAYS:
        return operations.DATE_HINT
    if wants == {"text"}:
        return say('"text(x)" makes a text of a value of any kind')
    return None


def container(type: Type) -> Message | None:
    """For what should be a list."""
    kinds = _kinds(type)
    if kinds and kinds <= {"department", "role"}:
        return say('"members(x)" are the people of a department or a role')
    if kinds == {"user"}:
        return say('a single one is compared by "=="')
    return _none(type, type)


def pattern_of_day(pattern: str) -> Message:
    """For a pattern with hours or minutes, where only a day is to be shown: `mm` between day and year was to be the month."""
    months = re.sub(r"(?<=d[./-])mm?(?=[./-]y)|(?<=y[./-])mm?(?=[./-]d)", lambda found: found[0].upper(), pattern)
    if months != pattern and not shows_clock(months):
        return say('the month is "MM", minutes are "mm": write "{pattern}"', pattern=months)
    return say('leave out what shows it, or give a date with a time: at_time(date, "09:00")')
