"""What may be wanted of a value, and whether a type can give it."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from bpflow.diagnostics import Message, say
from bpflow.expressions.signatures import LIST as ANY_LIST
from bpflow.expressions.signatures import PRINTED
from bpflow.expressions.types import (
    ANY,
    BOOLEAN,
    DATE,
    DATETIME,
    DEPARTMENT,
    DURATION,
    NUMBER,
    ROLE,
    TEXT,
    USER,
    Type,
    fits,
    list_of,
    named,
    one_of_types,
)
from bpflow.values import Field, one_of, type_of

Way: TypeAlias = Literal["as-it-is", "read", "sent"]


class Wanted(Struct, frozen=True):
    """What an expression must give: `type`, which messages call `what`. `none`: it may be none too · `field`: which field gets it · `way`: how it
    gets there. What is `read` by the field first may be a number where a text is wanted, a text where people are, by their ids; what is `sent` to
    a program is converted there: texts to whatever they say, and all but lists and records to texts."""

    type: Type
    what: Message
    none: bool = True
    field: str = ""
    way: Way = "as-it-is"

    def takes(self, given: Type) -> bool:
        """Whether some value of that type is one."""
        if given.kind == "none":
            return self.none
        return fits(given, _taken(self.type, self.way))


def _any_of(*types: Type) -> Type:
    """One of the types, or lists of them, or of such lists."""
    one = one_of_types(*types)
    within = one_of_types(*types, list_of(one_of_types(*types, list_of(ANY))))
    return one_of_types(one, list_of(within))


CONDITION = Wanted(BOOLEAN, say("a condition"), none=False)
FACT = Wanted(BOOLEAN, say("a condition"))
"""A condition that is not met where it is none."""
PEOPLE = Wanted(_any_of(USER, DEPARTMENT, ROLE), say("people"), none=False)
MOMENT = Wanted(one_of_types(DATE, DATETIME, DURATION), say("a date or a duration"))
WATCHED = Wanted(one_of_types(DATE, DATETIME, DURATION, BOOLEAN), say("a date or a condition"))
LENGTH = Wanted(DURATION, say("a duration"))
SPAN = Wanted(one_of_types(DURATION, DATETIME), say("a duration"))
LIST = Wanted(ANY_LIST, say("a list"), none=False)
TEXTS = Wanted(PRINTED, say("something that has a text"))
TOLD = Wanted(one_of_types(*PRINTED.each, Type("record", open=True), ANY_LIST), say("something that may be told"))
"""Whatever is no secret: it goes where all can read it."""


def called(type: Type) -> Message:
    """The type as a message names it: of a document which, of a choice not each value."""
    if type.kind == "document" and type.of:
        return say('a document of the type "{type}"', type=", ".join(type.of))
    return say("a choice") if type.values and len(type.values) > 1 else named(type)


def a_document(type: str | None) -> Wanted:
    """A document, of a type if that is said."""
    wanted = Type("document", of=(type,) if type else ())
    return Wanted(wanted, called(wanted), none=False)


def value_of(name: str, field: Field) -> Wanted:
    """A value for a field, whatever else it asks."""
    type = type_of(field)
    return Wanted(type, called(type) if type.kind == "document" else named(type), field=name)


def choices_of(name: str, field: Field) -> Wanted:
    """What may be chosen in a field: values of it, one or a list; of people groups too."""
    single = type_of(one_of(field)).present()
    among = _any_of(USER, DEPARTMENT, ROLE) if field.kind == "user" else _any_of(single)
    return Wanted(among, PEOPLE.what if field.kind == "user" else say("{one} or a list of such", one=called(single)), field=name)


def _whole(type: Type) -> Type:
    """The type where a number may turn out to be an integer."""
    return replace(type, kind="number") if type.kind == "integer" else _inside(type, _whole)


def _also_read(type: Type) -> Type:
    """The types of which values are read as ones of this type."""
    match type.kind:
        case "text":
            return one_of_types(type, NUMBER)
        case "user" | "department" | "document" | "duration":
            return one_of_types(type, TEXT)
    return _whole(_inside(type, _also_read))


def _also_sent(type: Type) -> Type:
    """The types of which values become ones of this type in a program."""
    match type.kind:
        case "text":
            return one_of_types(*PRINTED.each[:-1])
        case "record" | "list" | "one-of":
            return _inside(type, _also_sent)
    return one_of_types(_whole(type), TEXT)


def _inside(type: Type, change: Callable[[Type], Type]) -> Type:
    """The type with what it is made of changed."""
    if type.kind == "list" and type.item is not None:
        return replace(type, item=change(type.item))
    if type.kind == "record":
        return replace(type, fields=tuple((name, change(one)) for name, one in type.fields))
    return one_of_types(*map(change, type.among)) if type.among else type


@lru_cache(4096)
def _taken(type: Type, way: Way) -> Type:
    """The types that are taken where a value of this one is wanted."""
    match way:
        case "as-it-is":
            return _whole(type)
        case "read":
            return _also_read(type)
        case "sent":
            return _also_sent(type)
