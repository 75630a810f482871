"""What a service of a program gives, as values of the language.

The law of this file: what is no value is refused here, with its type named, and is nobody's incident of another kind later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from bpflow.diagnostics import Message, say
from bpflow.expressions.data import Department, Document, Duration, File, Role, User, Value
from bpflow.expressions.numbers import LARGEST, SMALLEST
from bpflow.services.request import ServiceError
from bpflow.values import Field, InvalidValue, check, read

_OWN = (User, Department, Role, Document, File, Duration)
_SAME = (bool, str, *_OWN)
MAX_NESTING = 32
"""How deep lists and records may lie in each other."""


def wrong_answer(reason: Message) -> ServiceError:
    """The refusal of what a service gave."""
    return ServiceError("wrong_answer", reason)


def results_of(given: Any) -> dict[str, Value]:
    """The results by name: the fields of a mapping, a dataclass or a model; anything else is `value`; none gives nothing."""
    record = _record(given)
    if record is not None:
        return {str(name): value_of(value) for name, value in record.items()}
    return {} if given is None else {"value": value_of(given)}


def typed(values: Mapping[str, Value], gives: tuple[tuple[str, Field], ...], zone: tzinfo) -> dict[str, Value]:
    """The declared results, each read by its type. A ServiceError names the first that is missing or wrong."""
    found: dict[str, Value] = {}
    for name, field in gives:
        try:
            found[name] = read(field, values.get(name), zone, choice_by_title=False)
            check(field, found[name])
        except InvalidValue as wrong:
            raise wrong_answer(say('it gave a wrong "{field}": {reason}', field=name, reason=wrong.message)) from wrong
    return found


def _record(given: Any) -> Mapping[Any, Any] | None:
    if isinstance(given, Mapping):
        return given
    if isinstance(given, type):
        return None
    if is_dataclass(given) and not isinstance(given, _OWN):
        return {field.name: getattr(given, field.name) for field in fields(given)}
    names = getattr(type(given), "model_fields", None)  # pydantic's
    return {name: getattr(given, name) for name in names} if isinstance(names, Mapping) else None


def value_of(given: Any, depth: int = 0) -> Value:
    """One value, converted where that loses nothing. ServiceError if it is none."""
    if depth > MAX_NESTING:
        raise wrong_answer(say("its answer is nested too deeply"))
    if isinstance(given, Enum):
        return value_of(given.value, depth)
    if given is None or isinstance(given, _SAME):
        return given
    if isinstance(given, int | float | Decimal):
        return _number(given)
    if isinstance(given, date | timedelta):
        return _time(given)
    if isinstance(given, UUID):
        return str(given)
    if isinstance(given, list | tuple):
        return [value_of(item, depth + 1) for item in given]
    if isinstance(given, set | frozenset):
        return [value_of(item, depth + 1) for item in sorted(given, key=repr)]
    record = _record(given)
    if record is None:
        raise wrong_answer(say("what it gave is no value: {type}", type=type(given).__name__))
    return {str(name): value_of(item, depth + 1) for name, item in record.items()}


def _number(given: float | Decimal) -> int | Decimal:
    number = Decimal(repr(given)) if isinstance(given, float) else given
    if not Decimal(number).is_finite() or not SMALLEST <= number <= LARGEST:
        raise wrong_answer(say("it gave the number {number}, which is out of bounds", number=str(given)))
    return number


def _time(given: date | timedelta) -> Value:
    if isinstance(given, timedelta):
        if given.microseconds:
            raise wrong_answer(say("it gave a length of time that is not of whole seconds"))
        return Duration(seconds=given.days * 86400 + given.seconds)
    if isinstance(given, datetime):
        if given.tzinfo is None:
            raise wrong_answer(say("it gave a date with a time but without a zone"))
        return given.astimezone(UTC)
    return given
