"""Messages in a store: the rows, and what a unit of work does with them.

The law of this file: a message has one receiver, and goes in the unit of work in which it is received.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple, Protocol

from bpflow.engine.codec import dumps
from bpflow.expressions.data import Department, Document, Role, User, Value


def key_text(key: Value) -> str:
    """The key of a message as text, by which it is found: 17, 17.0 and "17" are one key; no key is the empty text."""
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
    """A message that is sent: `until` is how long it waits for a receiver (None: for ever), `instance` who sends it (None: from outside)."""

    name: str
    key: Value
    values: Mapping[str, Value]
    sent: datetime
    until: datetime | None
    instance: int | None = None
    depth: int = 0


class MessageRow(NamedTuple):
    """A message that nobody has received yet. `fresh`: it has not been looked yet who does."""

    id: int
    name: str
    key: Value
    values: Mapping[str, Value]
    fresh: bool
    sent: datetime
    until: datetime | None
    instance: int | None
    depth: int


class ListenRow(NamedTuple):
    """Who waits for a message: an arm of a token (of that visit) or of a scope. No other wait gets the same `id`."""

    id: int
    instance: int
    holder: int
    arm: int
    visit: int


class Messages(Protocol):
    """The part of a unit of work that has to do with messages."""

    def add(self, new: NewMessage) -> None: ...

    def receiver(self, message: int) -> ListenRow | None:
        """Who has waited longest for the message: from before it was sent, or since a time at which it was still kept."""
        ...

    def there(self, message: int) -> bool:
        """Whether the message still waits."""
        ...

    def take(self, message: int) -> bool:
        """The message has its receiver, and goes. False if it is not there any more."""
        ...

    def rest(self, message: int) -> None:
        """The message has nobody to receive it: it is looked at again when somebody begins to wait."""
        ...

    def unlisten(self, instance: int, holder: int, arm: int) -> None: ...

    def wake(self, name: str, at: datetime) -> bool:
        """Messages of that name are looked at again, as far as they are kept. True if there are any."""
        ...

    def purge(self, at: datetime) -> int:
        """Forgets the messages whose time is over; gives how many."""
        ...
