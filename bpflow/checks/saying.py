"""How findings tell of values: `"document.status" is "new" or "won"`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bpflow.diagnostics import Message, say
from bpflow.expressions.truth import OTHER

MOST = 5
"""Values that are told one by one."""


def value_said(value: Any) -> Message:
    """A value as it is written in an expression."""
    if isinstance(value, str):
        return say('"{name}"', name=str(value))
    if value is OTHER:
        return say("something else")
    return say("{value}", value=str(value).lower())


def has(name: str, values: Iterable[Any]) -> Message:
    """That a name has one of some values."""
    words: Message | None = None
    listed = list(values)
    for value in listed[:MOST]:
        words = value_said(value) if words is None else say("{one} or {other}", one=words, other=value_said(value))
    if len(listed) > MOST:
        words = say("{one} or {other}", one=words, other=say("{value}", value="…"))
    return say('"{name}" is {value}', name=name, value=words)


def known_of(values: Mapping[tuple[str, ...], Iterable[Any]]) -> Message:
    """What values several names have."""
    words: Message | None = None
    for names, some in values.items():
        one = has(".".join(names), sorted(some, key=str))
        words = one if words is None else say("{one}, and {other}", one=words, other=one)
    return words or say("nothing")
