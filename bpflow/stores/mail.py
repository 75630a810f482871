"""Messages in a store: the rows, and what a unit of work does with them.

The law of this file: a message is a row of its sender's owner, and has one receiver. It is addressed to him first, in a unit of work of its
own owner; he receives it in one of his; then it goes, in one of its owner again. Wherever that breaks off, the row says what is to be done.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from hashlib import blake2b
from typing import NamedTuple, Protocol

from bpflow.engine.codec import dumps
from bpflow.expressions.data import Department, Document, Role, User, Value

LONGEST = 200
"""Characters of a text by which a row is found; an index of PostgreSQL takes no more than 2,700 bytes."""


def findable(text: str) -> str:
    """A text by which a row is found: of one that is too long for an index its beginning, and a digest of all of it."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…{blake2b(text.encode(), digest_size=16).hexdigest()}"


def key_text(key: Value) -> str:
    """The key of a message as text, by which it is found: 17, 17.0 and "17" are one key; no key is the empty text."""
    return findable(_text(key))


def _text(key: Value) -> str:
    match key:
        case None:
            return ""
        case bool():
            return str(key).lower()
        case int() | Decimal():
            return f"{key:f}".rstrip("0").rstrip(".") if "." in f"{key:f}" else f"{key:f}"
        case str():
            return str.__str__(key)
        case Document(type, id):
            return f"{type}:{id}"
        case User(id) | Department(id) | Role(id):
            return id
    return dumps(key).decode()


class NewMessage(NamedTuple):
    """A message that is sent: `until` is how long it waits for a receiver (None: for ever), `instance` who sends it (None: from outside),
    `owner` that of the instance, or of the message alone."""

    owner: int
    name: str
    key: Value
    values: Mapping[str, Value]
    sent: datetime
    until: datetime | None
    instance: int | None = None
    depth: int = 0


class MessageRow(NamedTuple):
    """A message that nobody has received yet. `fresh`: it is to be looked who does · `receiver`: the instance to which it is addressed, by
    which row of those who wait (`listen`); without such a row the message is to begin the instance."""

    id: int
    owner: int
    name: str
    key: Value
    values: Mapping[str, Value]
    fresh: bool
    sent: datetime
    until: datetime | None
    instance: int | None
    depth: int
    receiver: int | None = None
    listen: int | None = None


class ListenRow(NamedTuple):
    """Who waits for a message: an arm of a token (of that visit) or of a scope. No other wait gets the same `id`."""

    id: int
    owner: int
    instance: int
    holder: int
    arm: int
    visit: int


class LookRow(NamedTuple):
    """Messages of that name that were kept `at` that time are to be looked at again: those of a key, for which somebody has begun to wait, or
    (None) all, since a process would start by them now."""

    id: int
    owner: int
    name: str
    key: str | None
    at: datetime


class Messages(Protocol):
    """The part of a unit of work that has to do with messages."""

    def add(self, new: NewMessage) -> None:
        """Keeps a message; it is addressed at once to whoever has waited longest for it, if somebody does."""
        ...

    def address(self, message: MessageRow, listen: ListenRow | None) -> None:
        """Addresses a message, unless another was faster: to who waits for it, or (None) to an instance that it is to begin, by a number
        that nobody else gets."""
        ...

    def stands(self, message: MessageRow) -> bool:
        """Whether the message is addressed as the row says. If so, nobody else touches it until this unit of work is over."""
        ...

    def release(self, message: MessageRow) -> None:
        """The receiver does not wait any more: the message is addressed to nobody, and still to be looked at."""
        ...

    def take(self, message: MessageRow) -> None:
        """The message was received, and goes."""
        ...

    def rest(self, message: MessageRow) -> None:
        """Nobody receives the message: it is not looked at until somebody asks for it, unless it has a receiver by now."""
        ...

    def unlisten(self, instance: int, holder: int, arm: int) -> None: ...

    def look(self, owner: int, name: str, at: datetime) -> None:
        """Messages of that name that are kept are to be looked at again, as a process would start by them."""
        ...

    def looked(self, row: LookRow) -> None:
        """That has been done."""
        ...

    def purge(self, owner: int, at: datetime) -> int:
        """Forgets the messages of an owner whose time is over; gives how many."""
        ...
