"""The static type of an expression, and what is certainly wrong with it, before anything runs.

The law of this file: a mistake is what the evaluation refuses for every value of the types, or a comparison that comes out the same for
all of them. What goes well for some value is none; of what nothing is known, nothing is said. One mistake is told once: its value is
`ANY` from there on.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from bpflow.diagnostics import Message
from bpflow.expressions.parse import Parsed
from bpflow.expressions.types import ANY, DATETIME, Type

FieldTypes: TypeAlias = tuple[tuple[str, Type], ...]
"""The types of fields by their names."""


@dataclass(frozen=True)
class Known:
    """What is known where an expression stands.

    `names`: the types of what it may read; of any other name nothing is known · `documents`: the fields of each document type · `person`,
    `department`: what the directory tells of them; None: nobody knows. It is not changed once it is in use.
    """

    names: Mapping[str, Type]
    documents: Mapping[str, FieldTypes] = field(default_factory=dict)
    person: FieldTypes | None = None
    department: FieldTypes | None = None


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with an expression: `offset` and `length` count characters of its text; `rule` is the one that a finding names."""

    offset: int
    length: int
    rule: str
    message: Message
    hint: Message | None = None


@dataclass(frozen=True, slots=True)
class Inferred:
    """What the value of an expression may be, and its mistakes, in the order of their places."""

    type: Type
    mistakes: tuple[Mistake, ...] = ()


def infer(parsed: Parsed, known: Known) -> Inferred:
    """The type of the expression, and its mistakes."""
    match parsed.tree:
        case ast.Name(id=name):
            return Inferred(known.names.get(name) or (DATETIME if name == "now" else ANY))
    return Inferred(ANY)
