"""What a service of the house is, and the occasion on which it works."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeAlias

from msgspec import Struct

from bpflow.diagnostics import Message, Refused, did_you_mean, each_quoted, say
from bpflow.engine.transition import Effects
from bpflow.expressions.data import Department, Document, Question, Role, User, Value, flattened
from bpflow.services.directory import Directory
from bpflow.services.working_calendar import WorkingCalendar
from bpflow.stores.contract import Work
from bpflow.values import DocumentType

MAX_DEPTH = 32
"""How long a chain of changes that processes cause in each other may be."""


def _nobody(question: Question) -> Value:
    raise Refused(say('nobody answers "{topic}"', topic=str(question[0])))


class Occasion(Struct):
    """For whom and when a service works: the unit of work, the instance, its process, and what is around it.

    `node`, `chance`: which step asks, and what is the call's own, each time another · `key`: the same for each attempt of the call · `effects`,
    `picked`: what the transaction has done to tasks so far, and whom it has picked · `ask` answers what expressions ask.
    """

    work: Work
    owner: int
    instance: int
    process: str
    at: datetime
    zone: str
    types: Mapping[str, DocumentType]
    directory: Directory | None
    calendar: WorkingCalendar
    depth: int = 0
    node: str = ""
    chance: tuple[Value, ...] = ()
    key: str = ""
    effects: Effects | None = None
    picked: dict[User, int] = {}
    ask: Callable[[Question], Value] = _nobody

    def document_type(self, name: str) -> DocumentType:
        """The type of that name. Refused if there is none."""
        found = self.types.get(name)
        if found is None:
            hint = did_you_mean(name, self.types)
            message = say('there is no document type "{type}"', type=name)
            raise Refused(say("{reason}, {hint}", reason=message, hint=hint) if hint else message)
        return found


Arguments: TypeAlias = Mapping[str, Value]
Service: TypeAlias = Callable[[Occasion, Arguments], dict[str, Value]]


def people_of(value: Value, directory: Directory | None) -> list[User]:
    """The users that a value names: people, groups by their members, lists of them; each once."""
    if isinstance(value, User):
        return [value]
    found: dict[User, None] = {}
    for one in flattened(value):
        if isinstance(one, User):
            found[one] = None
        elif isinstance(one, Department | Role) and directory is not None:
            found |= dict.fromkeys(people_of(directory.answer("members", (one,)), directory))
        else:
            raise Refused(nobody(one))
    return list(found)


def nobody(value: Value) -> Message:
    """That a value names no people, and what it is."""
    if isinstance(value, Mapping):
        return say("this is nobody, but has fields that may be somebody: {names}", names=each_quoted(value))
    return say("{value} is nobody", value=f"{value.type}:{value.id}" if isinstance(value, Document) else repr(value) if isinstance(value, str) else str(value))


def parts_of(arguments: Arguments, *names: str) -> dict[str, dict[str, Value]]:
    """The arguments that are called `set.field`, by their first words."""
    parts: dict[str, dict[str, Value]] = {name: {} for name in names}
    for argument, value in arguments.items():
        name, _, rest = argument.partition(".")
        if rest:
            parts[name][rest] = value
    return parts
