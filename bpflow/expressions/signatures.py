"""What the functions of the library take and give: the types, and the rules where the result follows from the arguments.

The law of this file: a rule is given the types of the arguments, each of them one that the function takes, and gives the type of the
result; None where values of these types never go together.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

from bpflow.diagnostics import Message, say
from bpflow.expressions.types import (
    ANY,
    BOOLEAN,
    DATE,
    DATETIME,
    DEPARTMENT,
    DOCUMENT,
    DURATION,
    FILE,
    INTEGER,
    NUMBER,
    ROLE,
    TEXT,
    USER,
    Type,
    list_of,
    named,
    one_of_types,
)

Rule: TypeAlias = Callable[..., "Type | None"]
"""From the types of the arguments to that of the result."""

LIST, USERS = list_of(ANY), list_of(USER)
DAY = one_of_types(DATE, DATETIME)
"""A day, or an instant, which has one."""
WHEN = one_of_types(DURATION, DATE, DATETIME).or_none()
"""What keys such as `due` take."""
ORDERED = one_of_types(NUMBER, TEXT, DATE, DATETIME, DURATION)
"""Of which some are less than others of their kind."""
COMPARED = one_of_types(list_of(ORDERED), ORDERED)
"""What min and max take: one list of such values, or several of them."""
SUMMED = list_of(one_of_types(NUMBER, DURATION))
_PLAIN = (TEXT, NUMBER, BOOLEAN, DATE, DATETIME, DURATION, USER, DEPARTMENT, ROLE, DOCUMENT, FILE)
PRINTED = one_of_types(*_PLAIN, list_of(one_of_types(*_PLAIN, LIST).or_none())).or_none()
"""What has a text: all but records, and lists of them."""

_NEEDED = {
    ORDERED: say("a number, a text, a date or a duration"),
    COMPARED: say("numbers, texts, dates or durations"),
    SUMMED: say("numbers or durations"),
    PRINTED: say("something that has a text"),
    list_of(PRINTED): say("a list of what has a text"),
}


def needed(type: Type) -> Message:
    """What a function takes, as a message names it."""
    return _NEEDED.get(type) or named(type)


# ── rules ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def kept(*kinds: Type) -> Rule:
    """The rule for what gives back what it is given, or its like: those types of the first argument that are of these kinds."""
    names = {type.kind for type in kinds}

    def rule(type: Type, *_: Type) -> Type:
        return one_of_types(*kinds) if type.kind == "any" else one_of_types(*(one for one in type.each if one.kind in names))

    return rule


def items_of(type: Type) -> Type | None:
    """What the items of a list may be; of several lists, any of theirs; ANY of an empty one. None if it is no list."""
    lists = [one for one in type.each if one.kind in ("list", "any")]
    if not lists:
        return None
    known = [one.item for one in lists if one.item is not None]
    return one_of_types(*known) if known and all(one.kind == "list" for one in lists) else ANY


def extreme(*given: Type) -> Type | None:
    """The least of several values, or of the items of one list."""
    if len(given) > 1:
        return ordered(*given)
    items = items_of(given[0])
    return None if items is None else ordered(items)


_ORDERS = (frozenset(("integer", "number")), frozenset(("text",)), frozenset(("date",)), frozenset(("datetime",)), frozenset(("duration",)))


def ordered(*types: Type) -> Type | None:
    """The type of one of several values that can be held against each other; None if there are no such values of these types."""
    if all(type.kind == "any" for type in types):
        return ANY
    found: list[Type] = []
    for order in _ORDERS:
        members = [[one for one in type.each if one.kind == "any" or one.kind in order] for type in types]
        if all(members):
            found += [_in_order(one, order) for some in members for one in some]
    return one_of_types(*found) if found else None


def _in_order(type: Type, order: frozenset[str]) -> Type:
    """The type as it is if it is held against others of its order: one of which nothing is known becomes one of them."""
    if type.kind != "any":
        return type.present()
    return next(one for one in (NUMBER, TEXT, DATE, DATETIME, DURATION) if one.kind in order)


def total(values: Type) -> Type:
    """The sum of a list: that of no durations is the number 0."""
    items = items_of(values)
    if items is None or items.kind == "any":
        return ANY if values.kind != "list" or values.item is not None else INTEGER
    kinds = {one.kind for one in items.each}
    number = NUMBER if "number" in kinds else INTEGER
    return one_of_types(DURATION, number) if "duration" in kinds else number


def first_present(*given: Type) -> Type:
    """The first of several values that is not none; none only if all may be."""
    may_be_none = all(type.optional or type.kind == "none" for type in given)
    found = one_of_types(*(type.present() for type in given if type.kind != "none"))
    if all(type.kind == "none" for type in given):
        return one_of_types(*given)
    return found.or_none() if may_be_none else found


def due(value: Type) -> Type:
    """The instant that a duration, a date, an instant or none comes to; a condition stays one."""
    if value.kind == "any":
        return ANY
    kinds = {one.kind for one in value.each}
    if kinds == {"none"}:
        return value
    made = one_of_types(*([BOOLEAN] if "boolean" in kinds else []), *([DATETIME] if kinds - {"boolean"} else []))
    return made.or_none() if value.optional else made


def printed_day(day: Type, pattern: Type, *_: Type) -> Type | None:
    """A date by a pattern: if that shows the time, a date without one has no text."""
    return None if day.kind == "date" and pattern.values and all(map(shows_clock, pattern.values)) else TEXT


def shows_clock(pattern: str) -> bool:
    """Whether a pattern of a date has hours, minutes or seconds."""
    return bool(re.search("[HhKkms]", re.sub("'[^']*'", "", pattern)))


def nearest(value: Type, *digits: Type) -> Type:
    """A number that is rounded: to an integer, unless decimals are asked for."""
    return NUMBER if digits else INTEGER


def amount(value: Type) -> Type:
    """A number, which is an integer if it came from one."""
    return INTEGER if value.kind == "integer" else NUMBER
