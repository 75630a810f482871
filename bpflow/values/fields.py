"""What a field is: its kind, and what it asks of a value."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from bpflow.diagnostics import Message, Refused, did_you_mean, say
from bpflow.expressions.errors import brief, describe

Kind: TypeAlias = Literal[
    "string", "text", "integer", "number", "money", "boolean", "date", "datetime", "duration", "choice", "user", "department", "document", "file", "object"
]


class Field(Struct, frozen=True):
    """The type of a field of a form, a document, an input or a variable (§5 of the language).

    `choices`: (id, title) pairs · `of`: the document types that a reference may have · `fields`: those of an object ·
    `min`, `max`: as text, read by the field's own kind (length for text, count for `many`).
    """

    kind: Kind
    title: str = ""
    many: bool = False
    required: bool = False
    choices: tuple[tuple[str, str], ...] = ()
    of: tuple[str, ...] = ()
    fields: tuple[tuple[str, Field], ...] = ()
    min: str | None = None
    max: str | None = None
    pattern: str | None = None
    help: str = ""
    secret: bool = False
    default: str | None = None
    """The expression for the value where none is given."""


@lru_cache(1024)
def one_of(field: Field) -> Field:
    """The field for one of the values of a field that has many: its bounds are counts, so they are not those of the one."""
    return replace(field, many=False, required=True, min=None, max=None) if field.many else field


class DocumentType(Struct, frozen=True):
    """A document type of the workspace: `title_field` names the field by which a document is called."""

    type: str
    title: str
    fields: tuple[tuple[str, Field], ...]
    title_field: str | None = None


class ServiceType(Struct, frozen=True):
    """What a service takes and gives, as far as that is known: its fields by name, or None."""

    takes: tuple[tuple[str, Field], ...] | None = None
    gives: tuple[tuple[str, Field], ...] | None = None


class InvalidValue(Refused):
    """A field cannot have this value. The message does not name the field: who asked knows it."""

    def __init__(self, message: Message, hint: Message | None = None) -> None:
        super().__init__(message)
        self.hint = hint


@contextmanager
def inside(name: str) -> Iterator[None]:
    """Put the name of the object's field before what an InvalidValue says."""
    try:
        yield
    except InvalidValue as error:
        raise InvalidValue(say('"{name}": {message}', name=name, message=error.message), error.hint) from None


@contextmanager
def untold() -> Iterator[None]:
    """Of a secret that is refused the message does not tell what it was."""
    try:
        yield
    except InvalidValue:
        raise InvalidValue(say("this cannot be its value")) from None


def not_a(value: object, what: Message, hint: Message | None = None) -> InvalidValue:
    """The refusal of a value that is not `what` it should be."""
    quoted = isinstance(value, str | float)
    shown = say('"{text}"', text=brief(str(value))) if quoted else describe(value)
    return InvalidValue(say("{value} is not {what}", value=shown, what=what), hint)


def no_choice(field: Field, value: object) -> InvalidValue:
    """The refusal of a value that is none of the field's choices."""
    known = {word for pair in field.choices for word in pair}
    titles = ", ".join(title for _, title in field.choices)
    return not_a(value, say("one of the choices"), did_you_mean(str(value), known) or say("one of: {choices}", choices=brief(titles, 300)))
