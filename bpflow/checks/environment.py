"""What expressions may name, and which fields stand behind a name as far as that is known without types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from bpflow.definition import triggers
from bpflow.definition.fields import DocumentTypeModel, fields_of
from bpflow.definition.pipeline import moved
from bpflow.definition.process import MessageStart, Process
from bpflow.expressions import BUILTIN_NAMES
from bpflow.graph import MOVE, World
from bpflow.values import DocumentType, Field, ServiceType

Fields: TypeAlias = Mapping[str, Field] | None
"""The fields behind a name; None where they are not known."""
Types: TypeAlias = Mapping[str, DocumentType]


@dataclass(frozen=True, slots=True)
class Named:
    """Something that has a name: its type if it is a variable or an input, and the fields behind it."""

    fields: Fields = None
    field: Field | None = None


NOT_KNOWN = Named()


@dataclass(frozen=True, slots=True)
class Environment:
    """The names that may stand in an expression; `start` are those that only the conditions of starts may read besides."""

    names: Mapping[str, Named]
    types: Types
    start: Mapping[str, Named]

    def of(self, name: str, at_start: bool) -> Named | None:
        """What has the name; None if nothing has."""
        return self.names.get(name) or (self.start.get(name) if at_start else None)

    def field(self, names: tuple[str, ...], at_start: bool = False) -> Field | None:
        """The type of what `names` lead to: ("document", "status"); None if it is not known."""
        named = self.of(names[0], at_start)
        if named is None:
            return None
        field, fields = named.field, named.fields
        for name in names[1:]:
            field = fields.get(name) if fields else None
            fields = fields_behind(field, self.types)
        return field


def fields_behind(field: Field | None, types: Types) -> Fields:
    """The fields that can be read of a value of this type."""
    if field is None or field.many:
        return None
    if field.kind == "object":
        return dict(field.fields)
    if field.kind == "document" and len(field.of) == 1 and field.of[0] in types:
        return dict(types[field.of[0]].fields)
    return None


def with_names(around: Environment, fields: Mapping[str, Field]) -> Environment:
    """The environment with further names, of which the types are known."""
    own = {name: Named(fields_behind(field, around.types), field) for name, field in fields.items()}
    return Environment({**around.names, **own}, around.types, around.start)


def world_of(process: Process, types: Types, services: Mapping[str, ServiceType]) -> World:
    """What the steps of a process ask for what they give."""
    return World(document=_document_type(process, types), types=types, services=services)


def environment(process: Process, world: World, lost: frozenset[str] = frozenset(), complete: bool = True) -> Environment:
    """The names of a process; of those that are `lost` only that they are there is known. Unless it is `complete` it may have starts that are
    not seen."""
    document, types = world.document, world.types
    names = dict.fromkeys(lost, NOT_KNOWN)
    names |= dict.fromkeys(BUILTIN_NAMES, NOT_KNOWN)
    for name in ("document", "previous"):
        names.pop(name, None)
    start: dict[str, Named] = {}
    if process.document is not None or "document" in lost:
        names["document"] = start["previous"] = Named(dict(document.fields) if document else None)
    names |= dict.fromkeys(map(str, process.people), NOT_KNOWN)
    for name, field in (*fields_of(process.variables), *fields_of(process.inputs)):
        names[name] = Named(fields_behind(field, types), field)
    brought = dict(triggers.brings(process.meanwhile))
    for stage in process.stages.values():
        brought |= dict(triggers.brings(stage.meanwhile))
    if process.stages:
        brought[MOVE] = moved(process, world)
    for step in process.all_steps():
        results = step.results(world)
        if step.id and results is not None and step.id not in BUILTIN_NAMES:
            names[str(step.id)] = Named(None if step.open_results else results or None)
        brought |= dict(step.brings(world))
        for name in step.inner_names:
            names.setdefault(name, NOT_KNOWN)
    messages = [dict(fields_of(one.values)) for one in process.start if isinstance(one, MessageStart)]
    if messages or not complete:
        known = complete and all(messages)
        start["message"] = Named({name: field for fields in messages for name, field in fields.items()} if known else None)
        start["key"] = NOT_KNOWN
    return Environment({**{name: Named(fields) for name, fields in brought.items()}, **names}, types, start)


def _document_type(process: Process, types: Types) -> DocumentType | None:
    document = process.document
    return document.document_type() if isinstance(document, DocumentTypeModel) else types.get(str(document))
