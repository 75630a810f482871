"""What inference is told, and what it tells: the contract with whoever asks for the type of an expression."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from msgspec import Struct, field

from bpflow.diagnostics import Message
from bpflow.expressions.facts import Facts
from bpflow.expressions.types import ANY, TEXT, Type, one_of_types

FieldTypes: TypeAlias = tuple[tuple[str, Type], ...]
"""The types of fields by their names."""


class Known(Struct, frozen=True, eq=False):
    """What is known where an expression stands.

    `names`: the types of what it may read; of any other name nothing is known · `documents`: the fields of each document type · `person`,
    `department`: what the directory tells of them; None: nobody knows · `facts`: what is certain there of the paths that it reads ·
    `found`: what has been inferred before, by text. It is not changed once it is in use, so as many expressions as can share one.
    """

    names: Mapping[str, Type]
    documents: Mapping[str, FieldTypes] = field(default_factory=dict)
    person: FieldTypes | None = None
    department: FieldTypes | None = None
    facts: Facts = frozenset()
    found: dict[str, Inferred] = field(default_factory=dict)

    def fields_of(self, one: Type) -> tuple[FieldTypes, ...] | None:
        """The fields that can be read of values of a type that is not `one-of`, once for each thing that it may be; None where they are not
        all known."""
        match one.kind:
            case "record":
                return None if one.open else (one.fields,)
            case "document":
                return tuple(self.documents[type] for type in one.of) if one.of and all(type in self.documents for type in one.of) else None
            case "user":
                return None if self.person is None else (self.person,)
            case "department":
                return None if self.department is None else (self.department,)
            case "file":
                return ((("name", TEXT),),)
            case "any":
                return None
        return ()

    def field_of(self, owner: Type, name: str) -> Type | None:
        """The type of a field of such a value, ANY where that is not known. None if nothing that it may be has such a field."""
        found: list[Type] = []
        for one in owner.each:
            fields = self.fields_of(one)
            known = [type for each in ((one.fields,) if fields is None else fields) for own, type in each if own == name]
            if not known and fields is None:
                return ANY
            found += known
        return found[0] if len(found) == 1 else one_of_types(*found) if found else None


class Mistake(Struct, frozen=True):
    """What is wrong with an expression: `offset` and `length` count characters of its text; `rule` is the one that a finding names."""

    offset: int
    length: int
    rule: str
    message: Message
    hint: Message | None = None


class Inferred(Struct, frozen=True):
    """What the value of an expression may be, and its mistakes, in the order of their places."""

    type: Type
    mistakes: tuple[Mistake, ...] = ()
