"""The contract with services that a program or a workspace brings: what they are asked, and how they say no."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias, runtime_checkable

from msgspec import Struct

from bpflow.diagnostics import Message, Refused, say
from bpflow.expressions.data import Value
from bpflow.expressions.errors import brief


class Request(Struct, frozen=True):
    """What a service is asked. `key` is the same for every attempt: a service that remembers keys does nothing twice. `timeout`: how many
    seconds the step still waits; None: for ever · `headers`: what is to be sent along, so that it can be told what the call belongs to."""

    key: str
    instance: int
    arguments: Mapping[str, Value]
    timeout: float | None = None
    headers: Mapping[str, str] = {}


class ServiceError(Refused):
    """A service could not do it. `name` is what `on-error` may ask for (`no_money`); `reason` is for people."""

    def __init__(self, name: str, reason: Message | str) -> None:
        self.name = name
        super().__init__(reason if isinstance(reason, Message) else say("{reason}", reason=reason))


@runtime_checkable
class Performer(Protocol):
    """A service that reads the request itself, and takes whatever arguments there are."""

    def perform(self, request: Request, /) -> object: ...


Registered: TypeAlias = Callable[..., Any] | Performer
"""A function that takes the arguments of `with` by their names, or a Performer. What it gives: none, a mapping, a dataclass or a pydantic
model (its fields are the results), or one value (the result `value`)."""


MAX_SAID = 1000
"""Characters of a word of a reason that are kept."""


def reason_of(error: Refused) -> Message:
    """What was said, as it can be kept: a program may have put anything into it."""
    return _kept(error.message)


def _kept(message: Message) -> Message:
    return Message(brief(_text(message.template), MAX_SAID), {name: _word(value) for name, value in message.values.items()})


def _word(value: Any) -> Any:
    if isinstance(value, Message):
        return _kept(value)
    return value if value is None or isinstance(value, bool) else brief(_text(str(value)), MAX_SAID)


def _text(text: str) -> str:
    return text.encode(errors="replace").decode()


def error_name(error: Exception) -> str | None:
    """The name that an exception carries: that of a ServiceError, or an attribute `error`."""
    name = error.name if isinstance(error, ServiceError) else getattr(error, "error", None)
    return name if isinstance(name, str) and name else None
