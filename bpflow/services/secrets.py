"""Secrets: the values of fields that are declared so. They are kept apart; everywhere else there is only a handle.

The law of this file: a secret that comes in is `Fresh`, which can be checked and passed on and never written; before anything is decided
of it, its value goes into the store's table of secrets and a handle takes its place. Each instance and each document has handles of its own,
so what goes with one does not take away from another. The value is read where a service needs it, and in nothing that the service
says of it afterwards.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Protocol, TypeAlias

from msgspec.structs import replace

from bpflow.diagnostics import Message, Refused, say
from bpflow.engine.codec import dumps, loads
from bpflow.engine.events import Answered, Arrived, Commanded, Correct, Done, Event, Moved, Skip, Started
from bpflow.expressions.data import DOTS, Choice, Department, Document, Duration, File, Role, Secret, User, Value
from bpflow.stores.contract import Work
from bpflow.values import Field

KEY = "BPFLOW_SECRET_KEY"
"""The variable of the environment with the keys with which values are encrypted: Fernet's, with commas between them; the first encrypts."""
_PLAIN, _LOCKED = b"\x00", b"\x01"
_BRINGS: Mapping[type[Event], str] = {
    **dict.fromkeys((Answered, Commanded, Moved, Arrived, Done, Correct), "values"),
    Started: "inputs",
    Skip: "results",
}
"""What events bring from outside, by their kinds."""

_OPEN = frozenset((type(None), bool, int, Decimal, str, Choice, date, datetime, Duration, User, Department, Role, Document, File))
"""What no secret is, and has none in it."""

Read: TypeAlias = Callable[[int], bytes | None]
"""Looks a value up by its handle."""


@dataclass(frozen=True, slots=True)
class Fresh(Secret):
    """A secret that is not kept yet."""

    value: Value = None

    def __repr__(self) -> str:
        return "Fresh()"


def holds_secret(field: Field) -> bool:
    """Whether the field is secret, or one inside of it."""
    return field.secret or (field.kind == "object" and any(holds_secret(inner) for _, inner in field.fields))


def fresh(field: Field, value: Value) -> Value:
    """The value of a field with what is secret in it marked so; a value that is kept already stays as it is."""
    if not (field.secret or field.kind == "object") or value is None or value == "" or isinstance(value, Secret):
        return value
    if field.secret:
        return Fresh(0, value)
    if isinstance(value, list):
        return [fresh(field, item) for item in value]
    if isinstance(value, dict):
        return {name: fresh(inner, value[name]) for name, inner in field.fields if name in value}
    return value


def all_fresh(fields: Iterable[tuple[str, Field]], values: Mapping[str, Value]) -> dict[str, Value]:
    """The same for several fields; what is no field stays as it is."""
    known = dict(fields)
    return {name: fresh(known[name], value) if name in known else value for name, value in values.items()}


def has_secret(value: Value) -> bool:
    """Whether there is a secret in the value."""
    if type(value) is dict:
        return any(map(has_secret, value.values()))
    return any(map(has_secret, value)) if type(value) is list else isinstance(value, Secret)


def changed(value: Any, change: Callable[[Secret], Value]) -> Any:
    """The value with each secret in it changed."""
    if isinstance(value, Secret):
        return change(value)
    if type(value) is dict:
        return {name: changed(one, change) for name, one in value.items()}
    return [changed(one, change) for one in value] if type(value) is list else value


# ── keeping ─────────────────────────────────────────────────────────────────────────────────────────────────────────
class Keeping:
    """Gives secrets handles of somebody's own: of those that are fresh, and copies of those that others have. `own`: handles that are his."""

    def __init__(self, work: Work, own: Iterable[Value] = ()) -> None:
        self._work = work
        self._own = {secret for value in own for secret in secrets_in(value) if not isinstance(secret, Fresh)}
        self._rows: dict[int, bytes] = {}

    def handles(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """The values, with handles in place of all secrets."""
        return {name: changed(value, self._handle) if has_secret(value) else value for name, value in values.items()}

    def _handle(self, secret: Secret) -> Secret:
        if not isinstance(secret, Fresh) and secret in self._own:
            return secret
        handle = secrets.randbits(62)
        self._rows[handle] = locked(secret.value) if isinstance(secret, Fresh) else _known(self._work.secret(secret.id))
        return Secret(handle)

    def write(self, owner: int, at: datetime, instance: int | None) -> None:
        """Keeps them, with their instance, or (None) with the document that has them."""
        for handle, value in self._rows.items():
            self._work.keep_secret(owner, handle, value, at, instance)


def secrets_in(value: Value) -> Iterator[Secret]:
    """The secrets in a value."""
    if isinstance(value, Secret):
        yield value
    elif isinstance(value, list | dict):
        for one in value.values() if isinstance(value, dict) else value:
            yield from secrets_in(one)


def kept(work: Work, owner: int, instance: int, event: Event) -> Event:
    """The event with handles of the instance in place of the secrets that it brings."""
    name = _BRINGS.get(type(event))
    if name is None or not (values := getattr(event, name)) or _OPEN.issuperset(map(type, values.values())) or not any(map(has_secret, values.values())):
        return event
    keeping = Keeping(work)
    made: Event = replace(event, **{name: keeping.handles(values)})
    keeping.write(owner, event.at, instance)
    return made


# ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def value_of(secret: Secret, read: Read) -> Value:
    """The value itself. Refused if it is not kept any more."""
    return secret.value if isinstance(secret, Fresh) else unlocked(_known(read(secret.id)))


def _known(value: bytes | None) -> bytes:
    if value is None:
        raise Refused(say("a secret is asked for that is not kept any more"))
    return value


def redacted(message: Message, told: Iterable[Value]) -> Message:
    """What somebody says who has been told secrets, without them."""
    words = sorted({str(word) for value in told for word in _words(value)}, key=len, reverse=True)

    def clean(value: Any) -> Any:
        if isinstance(value, Message):
            return Message(clean(value.template), {name: clean(one) for name, one in value.values.items()})
        if isinstance(value, list | tuple):
            return type(value)(map(clean, value))
        text = value if isinstance(value, str) else str(value)
        found = text
        for word in words:
            found = found.replace(word, DOTS)
        return value if found == text else found

    made: Message = clean(message)
    return made


def _words(value: Value) -> Iterable[object]:
    """What a value may be read by where it is told."""
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _words(one)
    elif value is not None and not isinstance(value, bool) and str(value):
        yield value


# ── at rest ─────────────────────────────────────────────────────────────────────────────────────────────────────────
class Cipher(Protocol):
    """What encrypts values."""

    def encrypt(self, data: bytes) -> bytes: ...

    def decrypt(self, data: bytes) -> bytes: ...


@lru_cache(4)
def _cipher(keys: str) -> Cipher:
    """Refused if a key is none, or the library is not there."""
    try:
        from cryptography.fernet import Fernet, MultiFernet
    except ImportError as error:
        raise Refused(say("to encrypt secrets, install cryptography: {command}", command='pip install "bpflow[secrets]"')) from error
    try:
        made: Cipher = MultiFernet([Fernet(key.strip()) for key in keys.split(",")])
        return made
    except ValueError as error:
        raise Refused(say('"{name}" holds no key of Fernet: {reason}', name=KEY, reason=str(error))) from error


def locked(value: Value) -> bytes:
    """The value as it is kept: encrypted, where the environment has a key."""
    data, keys = dumps(value), os.environ.get(KEY)
    return _LOCKED + _cipher(keys).encrypt(data) if keys else _PLAIN + data


def unlocked(data: bytes) -> Value:
    """What `locked` made. Refused if it is encrypted, and the key is not there."""
    if data[:1] == _PLAIN:
        found: Value = loads(data[1:])
        return found
    keys = os.environ.get(KEY)
    if not keys:
        raise Refused(say('a secret is encrypted, and "{name}" has no key', name=KEY))
    from cryptography.fernet import InvalidToken

    try:
        return unlocked(_PLAIN + _cipher(keys).decrypt(data[1:]))
    except InvalidToken as error:
        raise Refused(say('a secret is encrypted with another key than those in "{name}"', name=KEY)) from error
