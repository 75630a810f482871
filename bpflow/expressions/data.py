"""The values that expressions know beside Python's own `None bool int Decimal str date datetime list dict`.

Instants are `datetime` in UTC; `int` is at most 64 bits wide; a record (results of a step, an object field) is a `dict`.
Nothing else may be a value: so every value can be compared, printed, stored and read back.
They are dataclasses, since programs have them in models of their own, and pydantic knows these.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import TypeAlias

from msgspec import Struct


class User(Struct, frozen=True):
    """A person, by the id that the directory gives him."""

    id: str


class Department(Struct, frozen=True):
    """A department of the directory; as `to` of a task it is a candidate group."""

    id: str


class Role(Struct, frozen=True):
    """All who have a role in the directory; as `to` of a task it is a candidate group."""

    id: str


class Document(Struct, frozen=True):
    """A reference to a document: its type and its number in the store."""

    type: str
    id: int


class File(Struct, frozen=True):
    """A stored file, by its name and the digest of its content."""

    name: str
    digest: str


class Secret(Struct, frozen=True):
    """A value that is kept elsewhere, by its handle: it can be passed on, and nothing else. Printed it is dots."""

    id: int

    def __str__(self) -> str:
        return DOTS


DOTS = "••••••"
"""What is shown in place of a secret."""


class Duration(Struct, frozen=True):
    """A length of time. Calendar parts stay apart until they meet a date: a working day is never 24 working hours."""

    months: int = 0
    days: int = 0
    seconds: int = 0
    working_days: int = 0
    working_seconds: int = 0


class Choice(str):
    """A value of a choice field: equal to its id, printed by its title."""

    __slots__ = ("title",)
    title: str  # type: ignore[assignment]  # it hides the method of str, which nothing here calls

    def __new__(cls, id: str, title: str) -> Choice:
        self = super().__new__(cls, id)
        self.title = title
        return self


Value: TypeAlias = (
    "bool | int | Decimal | str | date | datetime | Duration | User | Department | Role | Document | File | Secret | list[Value] | dict[str, Value] | None"
)

Question: TypeAlias = tuple["str | Value", ...]
"""What an expression asks of the outside: ("document", Document, field), ("title", Document), ("directory", function, *arguments),
("tasks", "open", User), ("calendar", operation, *arguments)."""


def flattened(value: Value) -> Iterator[Value]:
    """The values in lists within lists, in their order; none is left out."""
    if isinstance(value, list):
        for one in value:
            yield from flattened(one)
    elif value is not None:
        yield value
