"""Which kinds of values the operators take, and what comes out: the tables of `operations` for types.

The law of this file: what some values of the types can do is possible. A value of which nothing is known can be whatever helps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from bpflow.expressions.signatures import items_of, ordered
from bpflow.expressions.types import (
    DATE,
    DATETIME,
    DURATION,
    INTEGER,
    NUMBER,
    TEXT,
    Type,
    fits,
    list_of,
    one_of_types,
)

Table: TypeAlias = Mapping[tuple[str, str], Type]

_NUMBERS: Table = {("integer", "integer"): INTEGER, ("integer", "number"): NUMBER, ("number", "integer"): NUMBER, ("number", "number"): NUMBER}
_LATER: Table = {("date", "duration"): DATE, ("datetime", "duration"): DATETIME}
_LIST = Type("list")
# a number may be an integer, and so may multiply a duration
_TIMES: Table = {(a, b): DURATION for one in ("integer", "number") for a, b in (("duration", one), (one, "duration"))}
_ARITHMETIC: Mapping[str, Table] = {
    "+": {
        **_NUMBERS,
        ("text", "text"): TEXT,
        ("list", "list"): _LIST,
        ("duration", "duration"): DURATION,
        **_LATER,
        ("duration", "date"): DATE,
        ("duration", "datetime"): DATETIME,
    },
    "-": {**_NUMBERS, ("date", "date"): DURATION, ("datetime", "datetime"): DURATION, ("duration", "duration"): DURATION, **_LATER},
    "*": {**_NUMBERS, **_TIMES},
    "/": dict.fromkeys(_NUMBERS, NUMBER),
    "//": _NUMBERS,
    "%": _NUMBERS,
}
_NEGATIVE = {"integer": INTEGER, "number": NUMBER, "duration": DURATION}


def arithmetic(sign: str, a: Type, b: Type) -> Type | None:
    """The type of `a + b` and its like; None if no values of these types can be put together so."""
    found = _ARITHMETIC[sign].get((a.kind, b.kind))
    if found is None:
        found = _of_several(_ARITHMETIC[sign], a, b)
    if found is not None and any(one.kind == "list" for one in found.each):
        return _lists(found, a, b)
    return found


def _of_several(table: Table, a: Type, b: Type) -> Type | None:
    if a.kind not in ("any", "one-of") and b.kind not in ("any", "one-of"):
        return None
    left, right = ({one.kind for one in type.each} for type in (a, b))
    found = [type for (x, y), type in table.items() if not left.isdisjoint((x, "any")) and not right.isdisjoint((y, "any"))]
    return one_of_types(*found) if found else None


def _lists(found: Type, a: Type, b: Type) -> Type:
    """The items of two lists together."""
    items = one_of_types(*(item for item in map(items_of, _full(a, b)) if item is not None))
    whole = list_of(items) if _full(a, b) else _LIST
    return one_of_types(*(whole if one.kind == "list" else one for one in found.each))


def _full(*types: Type) -> list[Type]:
    """Those that are not the empty list."""
    return [type for type in types if type != _LIST]


def negative(type: Type) -> Type | None:
    """The type of `-a`."""
    if type.kind == "any":
        return type
    found = [_NEGATIVE[one.kind] for one in type.each if one.kind in _NEGATIVE]
    return one_of_types(*found) if found else None


def comparable(a: Type, b: Type) -> bool:
    """Whether `a < b` and its like can be asked."""
    return ordered(a, b) is not None


def takes(wanted: Type, given: Type) -> bool:
    """Whether some value of a type can stand where another is asked for. A number may be an integer; none is told by `optional`."""
    if given.kind == wanted.kind and given.kind in _PLAIN:
        return True
    if given.kind == "none":
        return wanted.optional or wanted.kind == "any"
    if given.item is not None and given.item.kind == "none" and wanted.item is not None:
        return takes(wanted.item, given.item)
    return fits(given, wanted) or (not _NUMERIC.isdisjoint(one.kind for one in given.each) and any(one.kind == "integer" for one in wanted.each))


_PLAIN = frozenset(("boolean", "integer", "number", "date", "datetime", "duration", "user", "department", "role", "file"))
_NUMERIC = frozenset(("integer", "number"))


def equal_kinds(a: Type, b: Type) -> bool:
    """Whether a value of one type can be of the same kind as one of the other, and so perhaps equal. None is of every kind."""
    return any(_same_kind(one, other) for one in a.each for other in b.each) or (_may_be_none(a) and _may_be_none(b))


def equal_values(a: Type, b: Type) -> bool:
    """Whether a value of one type can be equal to one of the other, as far as their values are known."""
    return any(_alike(one, other) for one in a.each for other in b.each) or (_may_be_none(a) and _may_be_none(b))


def _may_be_none(type: Type) -> bool:
    return type.optional or type.kind in ("none", "any")


def _same_kind(a: Type, b: Type) -> bool:
    return a.kind == b.kind or bool({a.kind, b.kind} & {"any", "none"}) or {a.kind, b.kind} == {"integer", "number"}


def _alike(a: Type, b: Type) -> bool:
    if not _same_kind(a, b):
        return False
    if a.kind == b.kind == "text":
        return a.values is None or b.values is None or not set(a.values).isdisjoint(b.values)
    if a.kind == b.kind == "document":
        return not a.of or not b.of or not set(a.of).isdisjoint(b.of)
    return True
