"""Values as people read them in a terminal."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, tzinfo
from decimal import Decimal

from bpflow.diagnostics import say
from bpflow.expressions.data import DOTS, Choice, Department, Document, Duration, File, Role, User, Value
from bpflow.expressions.durations import spoken
from bpflow.expressions.numbers import plain
from bpflow.values.fields import Field


def show(field: Field, value: Value, name_of: Callable[[Value], str], zone: tzinfo, language: str = "en") -> str:
    """The value on one line or several: instants in `zone`, choices by title, numbers in groups of three.

    `name_of` gives the name of a user, a department, a role or a document; a secret is dots. `read` takes back numbers, dates and
    choices as they are shown here.
    """
    if value is None or value == [] or value == "":
        return ""
    if field.secret:
        return DOTS
    if isinstance(value, list):
        return ", ".join(show(field, item, name_of, zone, language) for item in value)
    if isinstance(value, dict):
        return _record(field, value, name_of, zone, language)
    return _one(field, value, name_of, zone, language)


def _record(field: Field, value: dict[str, Value], name_of: Callable[[Value], str], zone: tzinfo, language: str) -> str:
    known = dict(field.fields)
    shown = ((known.get(name, Field("string")), name, item) for name, item in value.items() if item is not None)
    return "; ".join(f"{inner.title or name}: {show(inner, item, name_of, zone, language)}" for inner, name, item in shown)


def _one(field: Field, value: Value, name_of: Callable[[Value], str], zone: tzinfo, language: str) -> str:
    match value:
        case bool():
            return (say("yes") if value else say("no")).text(language)
        case int() | Decimal():
            return _number(field, value)
        case Choice():
            return value.title
        case str():
            return dict(field.choices).get(value, value)
        case datetime():
            return f"{value.astimezone(zone):%d.%m.%Y %H:%M}"
        case date():
            return f"{value:%d.%m.%Y}"
        case Duration():
            return spoken(value, language)
        case User() | Department() | Role() | Document():
            return name_of(value)
        case File():
            return value.name
    return str(value)


def _number(field: Field, value: int | Decimal) -> str:
    digits, point, decimals = plain(value).removeprefix("-").partition(".")
    if field.kind == "money" and len(decimals) < 2:
        point, decimals = ".", decimals.ljust(2, "0")
    if field.kind == "money" or len(digits) > 4:
        digits = f"{int(digits):,}".replace(",", " ")
    return ("-" if value < 0 else "") + digits + point + decimals
