"""Whether a field may have a value: its type, and what the field asks besides."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from msgspec.structs import replace

from bpflow.diagnostics import Message, did_you_mean, say
from bpflow.expressions.data import Department, Document, Duration, File, Secret, User, Value
from bpflow.expressions.durations import order
from bpflow.expressions.errors import EvaluationError, brief, describe
from bpflow.expressions.patterns import MAX_MATCHED, UnsafePattern, check_pattern, matches
from bpflow.values.fields import Field, InvalidValue, Kind, inside, no_choice, not_a, one_of, untold
from bpflow.values.reading import read


def check(field: Field, value: Value) -> None:
    """InvalidValue if the field may not have the value: its type, `required`, `choices`, `of`, `min`, `max`, `pattern`. A secret has been
    checked when it was sealed; only a field that is secret may have one, and nothing is told of what it may not have."""
    if not value and (value is None or value == "" or (field.many and value == [])):
        if field.required:
            raise InvalidValue(say("a value is required"))
        return
    if isinstance(value, Secret):
        if not field.secret:
            raise InvalidValue(say("only a field that is secret gets a secret"))
    elif field.secret:
        with untold():
            check(replace(field, secret=False), value)
    elif field.many:
        _check_many(field, value)
    else:
        _check_type(field, value)
        if field.min is not None or field.max is not None:
            _check_bounds(field, value)
        if field.pattern is not None and isinstance(value, str):
            _check_text(field.pattern, value)


def _check_many(field: Field, value: Value) -> None:
    if not isinstance(value, list):
        raise not_a(value, say("a list"))
    low, high = _count(field.min), _count(field.max)
    if (low is not None and len(value) < low) or (high is not None and len(value) > high):
        raise _outside(field, say("{count} items", count=len(value)))
    single = one_of(field)
    for item in value:
        check(single, item)


_TYPES: dict[str, tuple[type[Any], ...]] = {
    "string": (str,),
    "text": (str,),
    "integer": (int,),
    "number": (int, Decimal),
    "money": (int, Decimal),
    "boolean": (bool,),
    "date": (date,),
    "datetime": (datetime,),
    "duration": (Duration,),
    "choice": (str,),
    "user": (User,),
    "department": (Department,),
    "document": (Document,),
    "file": (File,),
    "object": (dict,),
}
_WHATS: dict[str, Message] = {
    **dict.fromkeys(("string", "text"), say("text")),
    "integer": say("a whole number"),
    **dict.fromkeys(("number", "money"), say("a number")),
    "boolean": say("yes or no"),
    "date": say("a date"),
    "datetime": say("a date with a time"),
    "duration": say("a duration"),
    "choice": say("one of the choices"),
    "user": say("a user"),
    "department": say("a department"),
    "document": say("a document"),
    "file": say("a file"),
    "object": say("a record"),
}


def _check_type(field: Field, value: Any) -> None:
    kind = field.kind
    if type(value) is not _TYPES[kind][0] and (isinstance(value, bool) or not isinstance(value, _TYPES[kind])):
        raise not_a(value, _WHATS[kind])
    if kind in _CHECK:
        _CHECK[kind](field, value)


def _check_date(field: Field, value: date) -> None:
    if isinstance(value, datetime):
        raise not_a(value, _WHATS["date"])


def _check_instant(field: Field, value: datetime) -> None:
    if value.tzinfo is None:
        raise InvalidValue(say("the date with a time has no zone"))


def _check_choice(field: Field, value: str) -> None:
    if all(value != known for known, _ in field.choices):
        raise no_choice(field, value)


def _check_document(field: Field, value: Document) -> None:
    if field.of and value.type not in field.of:
        raise InvalidValue(say('a document of the type "{type}" is expected, not "{other}"', type=", ".join(field.of), other=value.type))


def _check_object(field: Field, value: dict[str, Value]) -> None:
    known = dict(field.fields)
    for name in value:
        if name not in known:
            raise InvalidValue(say('there is no field "{name}"', name=brief(name)), did_you_mean(name, known))
    for name, inner in known.items():
        with inside(name):
            check(inner, value.get(name))


_CHECK: dict[Kind, Callable[[Field, Any], None]] = {
    "date": _check_date,
    "datetime": _check_instant,
    "choice": _check_choice,
    "document": _check_document,
    "object": _check_object,
}
"""What is checked besides of values of some kinds."""


def _check_bounds(field: Field, value: Any) -> None:
    if field.kind in ("string", "text"):
        below, above, shown = _length_outside(field, value)
    else:
        low, high, shown = _bound(field.kind, field.min), _bound(field.kind, field.max), describe(value)
        below, above = low is not None and _less(value, low), high is not None and _less(high, value)
    if below or above:
        raise _outside(field, shown)


def _length_outside(field: Field, value: str) -> tuple[bool, bool, Message]:
    low, high = _count(field.min), _count(field.max)
    return low is not None and len(value) < low, high is not None and len(value) > high, say("{count} characters", count=len(value))


def _less(a: Any, b: Any) -> bool:
    try:
        return order(a, b) < 0 if isinstance(a, Duration) else bool(a < b)
    except EvaluationError as error:
        raise InvalidValue(error.message, error.hint) from None


def _outside(field: Field, shown: Message) -> InvalidValue:
    if field.min is None:
        return InvalidValue(say("at most {max} allowed, not {value}", max=field.max, value=shown))
    if field.max is None:
        return InvalidValue(say("at least {min} needed, not {value}", min=field.min, value=shown))
    return InvalidValue(say("from {min} to {max} allowed, not {value}", min=field.min, max=field.max, value=shown))


def _check_text(pattern: str, value: str) -> None:
    try:
        fits = matches(pattern, value)
    except UnsafePattern as error:
        raise InvalidValue(error.message) from None
    if not fits:
        long = say("at most {length} characters", length=MAX_MATCHED) if len(value) > MAX_MATCHED else None
        raise InvalidValue(say('"{value}" is not of the form "{pattern}"', value=brief(value), pattern=pattern), long)


@lru_cache(1024)
def _bound(kind: Kind, text: str | None) -> Any:
    return None if text is None else read(Field(kind), text, UTC)


def _count(text: str | None) -> int | None:
    bound: int | None = _bound("integer", text)
    return bound


_BOUNDED = frozenset(("integer", "number", "money", "date", "datetime", "duration"))


def check_field(field: Field) -> None:
    """InvalidValue if the field's own `min`, `max` or `pattern` cannot be read. Called once, when a definition is read."""
    counted = field.many or field.kind in ("string", "text")
    for bound in filter(None, (field.min, field.max)):
        if not counted and field.kind not in _BOUNDED:
            raise InvalidValue(say('a field of the kind "{kind}" has no "min" and "max"', kind=field.kind))
        _bound("integer" if counted else field.kind, bound)
    if field.pattern is not None:
        try:
            check_pattern(field.pattern)
        except UnsafePattern as error:
            raise InvalidValue(error.message) from None
    for name, inner in field.fields:
        with inside(name):
            check_field(inner)
