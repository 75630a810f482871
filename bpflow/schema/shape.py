"""The shape of a file: its tree against the schema, each step against its own activity's.

The law of this file: the named activity is followed, never guessed. So a step has the mistakes of its own activity and no others,
and a file costs what its length costs. jsonschema is imported only where there is a mistake to be explained.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from bpflow.definition.vocabulary import vocabulary
from bpflow.diagnostics import Diagnostic, Span, in_order
from bpflow.schema.generate import Schema, activity_definition, file_schema, shape_schema
from bpflow.schema.keeping import keeps
from bpflow.source import Source, Table, Tree


@dataclass(frozen=True, slots=True)
class Rest:
    """What can be read of a file with mistakes of shape, and the names that went with what cannot."""

    tree: Table
    lost: frozenset[str]


@dataclass(frozen=True, slots=True)
class Shape:
    """The findings about keys and kinds of values; `places` are those of the values with mistakes."""

    findings: tuple[Diagnostic, ...] = ()
    places: tuple[Span, ...] = ()
    rest: Rest | None = None


def check_shape(tree: Tree, source: Source) -> list[Diagnostic]:
    """The findings about the keys and the kinds of values of a process."""
    return in_order(process_shape(tree, source).findings)


def check_file(source: Source, model: type[BaseModel]) -> list[Diagnostic]:
    """The findings about the keys and the kinds of values of another file of the workspace."""
    return in_order(file_shape(source, model).findings)


def process_shape(tree: Tree, source: Source) -> Shape:
    """The shape of a process."""
    known = vocabulary()
    schema = shape_schema(frozenset(name for name in activities_in(tree) if name in known))
    if keeps(tree, schema, step_schema):
        return Shape()
    from bpflow.schema.mistakes import process_mistakes

    return process_mistakes(tree, schema, source)


def file_shape(source: Source, model: type[BaseModel]) -> Shape:
    """The shape of another file of the workspace, which has one model."""
    schema = file_schema(model)
    if keeps(source.tree, schema, step_schema):
        return Shape()
    from bpflow.schema.mistakes import file_mistakes

    return file_mistakes(schema, source)


def step_schema(step: Any) -> Schema | None:
    """The schema that a step is to keep to, by its activity; None if it has none, or one that there is not."""
    name = step.get("activity") if isinstance(step, dict) else None
    return {"$ref": f"#/$defs/{activity_definition(name)}"} if isinstance(name, str) and name in vocabulary() else None


def activities_in(tree: Tree) -> Iterator[str]:
    """The words that stand behind `activity:` anywhere in the tree."""
    if isinstance(tree, dict):
        name = tree.get("activity")
        if isinstance(name, str):
            yield str(name)
        for value in tree.values():
            yield from activities_in(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from activities_in(value)
