"""What expressions may name, and what is known of each name: its type, and the field or the fields behind it.

The law of this file: a name that is there is known; of what only the run knows, the type is `ANY`. Names of several places (`item`, `answer`,
`error`) have the type that covers all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from bpflow.checks.attributes import of_departments, of_people
from bpflow.checks.interface import Interface, called_process
from bpflow.definition import triggers
from bpflow.definition.fields import DocumentTypeModel, FieldModel, fields_of
from bpflow.definition.filling import known_fields
from bpflow.definition.pipeline import moved
from bpflow.definition.process import MessageStart, Process, ScheduleStart, Start
from bpflow.definition.stages import all_moves
from bpflow.definition.step import Step
from bpflow.expressions import BUILTIN_NAMES
from bpflow.expressions.inference import Known
from bpflow.expressions.types import ANY, DATETIME, DEPARTMENT, INTEGER, NONE, ROLE, USER, Type, list_of, one_of_types, record_of
from bpflow.graph import MOVE, Call, Graph, Wait, World
from bpflow.values import DocumentType, Field, ServiceType, type_of, types_of

if TYPE_CHECKING:
    from bpflow.definition.entries import DirectoryFile

Fields: TypeAlias = Mapping[str, Field] | None
"""The fields behind a name; None where they are not known."""
Types: TypeAlias = Mapping[str, DocumentType]


class Named(Struct, frozen=True):
    """Something that has a name: the fields behind it, its own field if it is a variable or an input, and its type."""

    fields: Fields = None
    field: Field | None = None
    type: Type = ANY


NOT_KNOWN = Named()


class Environment(Struct, frozen=True, dict=True):
    """The names that may stand in an expression; `start` are those that only the conditions of starts may read besides."""

    names: Mapping[str, Named]
    types: Types
    start: Mapping[str, Named]
    directory: DirectoryFile | None = None

    def of(self, name: str, at_start: bool) -> Named | None:
        """What has the name; None if nothing has."""
        return self.names.get(name) or (self.start.get(name) if at_start else None)

    def field(self, names: tuple[str, ...], at_start: bool = False) -> Field | None:
        """The field of what `names` lead to: ("document", "status"); None if it is not known."""
        named = self.of(names[0], at_start)
        if named is None:
            return None
        field, fields = named.field, named.fields
        for name in names[1:]:
            field = fields.get(name) if fields else None
            fields = fields_behind(field, self.types)
        return field

    @cached_property
    def known(self) -> Known:
        """The types of the names, for inference."""
        return self._known(self.names)

    @cached_property
    def known_at_start(self) -> Known:
        """The same, with what only the conditions of starts may read."""
        return self._known({**self.start, **self.names})

    def _known(self, names: Mapping[str, Named]) -> Known:
        documents = {name: types_of(type.fields) for name, type in self.types.items()}
        return Known({name: named.type for name, named in names.items()}, documents, of_people(self.directory), of_departments(self.directory))

    @cached_property
    def all_in_departments(self) -> bool:
        """Whether, as far as is known, each person works in a department, or heads one."""
        if self.directory is None:
            return True
        heads = {department.head for department in self.directory.departments.values()}
        return all(person.department or id in heads for id, person in self.directory.people.items())

    def with_types(self, found: Mapping[str, Type]) -> Environment:
        """The same with other types of some names."""
        return replace(self, names={**self.names, **{name: replace(self.names.get(name, NOT_KNOWN), type=type) for name, type in found.items()}})


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
    """The environment with further names, of which the types are known and which are always there."""
    own = {name: Named(fields_behind(field, around.types), field, type_of(field).present()) for name, field in fields.items()}
    return replace(around, names={**around.names, **own})


def at_start(around: Environment, start: Start) -> Environment:
    """The environment of one start: what its own message brings; nobody is the initiator where no person begins it."""
    names, own = dict(around.names), dict(around.start)
    if isinstance(start, ScheduleStart | MessageStart) and "initiator" in names:
        names["initiator"] = Named(type=NONE)
    if isinstance(start, MessageStart) and start.values and "message" in own:
        fields = dict(fields_of(start.values))
        own["message"] = Named(fields, None, record_of(types_of(fields.items())))
    return replace(around, names=names, start=own)


def world_of(process: Process, types: Types, services: Mapping[str, ServiceType]) -> World:
    """What the steps of a process ask for what they give."""
    return World(document=_document_type(process, types), types=types, services=services)


class Around(Struct, frozen=True):
    """What a process stands in: its world, the directory of the workspace, and the other processes as far as they are known."""

    world: World
    directory: DirectoryFile | None = None
    others: Mapping[str, Interface] = msgspec.field(default_factory=dict)


def environment(process: Process, graph: Graph, around: Around, lost: frozenset[str] = frozenset(), complete: bool = True) -> Environment:
    """The names of a process, before anything is inferred; of those that are `lost` only that they are there is known. Unless it is `complete`
    it may have starts that are not seen."""
    world = around.world
    document, types = world.document, dict(world.types)
    if document:
        types[document.type] = document
    names = dict.fromkeys(lost, NOT_KNOWN) | {name: Named(type=type) for name, type in _built_in(process, complete).items()}
    for name in ("document", "previous"):
        names.pop(name, None)
    start: dict[str, Named] = {}
    if process.document is not None or "document" in lost:
        fields = dict(document.fields) if document else None
        names["document"] = Named(fields, None, Type("document", of=(document.type,) if document else ()))
        start["previous"] = Named(fields, None, record_of(types_of(document.fields)) if document else ANY)
    names |= dict.fromkeys(map(str, process.people), NOT_KNOWN)
    names |= {name: Named(fields_behind(field, types), field, type) for name, field, type in _held(process)}
    given = _given(process, graph, world)
    clashing = dict.fromkeys(names.keys() & given.keys(), NOT_KNOWN)
    names = {**_brought(process, world), **names, **given, **clashing}
    for step in process.all_steps():
        for name in step.inner_names:
            names.setdefault(name, Named(type=INTEGER if name in ("done", "total") else ANY))
    return Environment(names | _called(graph, around.others, names), types, start | _by_message(process, complete), around.directory)


def _built_in(process: Process, complete: bool) -> dict[str, Type]:
    """The names of the language. Where only schedules and messages start a process, nobody is its initiator."""
    nobody = complete and bool(process.start) and all(isinstance(one, ScheduleStart | MessageStart) for one in process.start)
    return dict.fromkeys(BUILTIN_NAMES, ANY) | {"now": DATETIME, "initiator": NONE if nobody else USER}


def _held(process: Process) -> Iterator[tuple[str, Field, Type]]:
    """Variables and inputs. One that has a default has a value from the beginning on."""
    for models in (process.variables, process.inputs):
        for name, field in fields_of(models):
            yield name, field, type_of(field).present() if _has_value(models[name]) else type_of(field)


def _has_value(model: FieldModel) -> bool:
    return model.default is not None and model.default != "none"


def _given(process: Process, graph: Graph, world: World) -> dict[str, Named]:
    """The results of the steps by their ids."""
    found: dict[str, Named] = {}
    waits = {node.gives: _by_forms(trigger.form for trigger, _ in node.arms) for node in graph.nodes if isinstance(node, Wait) and node.gives}
    for step in process.all_steps():
        results = step.results(world)
        if step.id and results is not None and step.id not in BUILTIN_NAMES:
            found[str(step.id)] = Named(None if step.open_results else results or None, None, _of_results(step, results, waits.get(str(step.id), {})))
    return found


def _of_results(step: Step, results: Mapping[str, Field], brought: Mapping[str, Type]) -> Type:
    """A record of the results. The people of a task may be groups, which no field can hold; what triggers bring under one name may be of
    several kinds, which none can be either."""
    types = {**dict(types_of(results.items())), **brought}
    if "waiting" in types and "answers" in types:
        types["waiting"] = list_of(one_of_types(USER, DEPARTMENT, ROLE))
    return record_of(types.items(), open=step.open_results or not results)


def _by_forms(forms: Iterable[Iterable[tuple[str, Field]]]) -> dict[str, Type]:
    """The types of what several forms bring under one name."""
    found: dict[str, list[Type]] = {}
    for form in forms:
        for name, type in types_of(form):
            found.setdefault(name, []).append(type)
    return {name: one_of_types(*types) for name, types in found.items() if len(types) > 1}


def _brought(process: Process, world: World) -> dict[str, Named]:
    """What triggers bring, answers, errors, moves: of a name that several bring, what is common to them."""
    found: dict[str, Named] = {}
    moves = _by_forms(tuple(known_fields((move,), world).items()) for _, move in all_moves(process))
    for name, fields in _all_brought(process, world):
        types = dict(types_of(fields.items())) if fields is not None else {}
        type = ANY if fields is None else record_of({**types, **(moves if name == MOVE else {})}.items())
        before = found.get(name)
        if before is not None and before.fields != fields:
            fields = {**before.fields, **fields} if before.fields is not None and fields is not None else None
            type = ANY if fields is None else one_of_types(before.type, type)
        found[name] = Named(fields, None, type)
    return found


def _all_brought(process: Process, world: World) -> Iterator[tuple[str, Mapping[str, Field] | None]]:
    yield from triggers.brings(process.meanwhile)
    for stage in process.stages.values():
        yield from triggers.brings(stage.meanwhile)
    if process.stages:
        yield MOVE, moved(process, world)
    for step in process.all_steps():
        yield from step.brings(world)


def _called(graph: Graph, others: Mapping[str, Interface], names: Mapping[str, Named]) -> dict[str, Named]:
    """The results of the steps that call processes which are known."""
    found: dict[str, Named] = {}
    for node in graph.nodes:
        other = others.get(called_process(node) or "") if isinstance(node, Call) else None
        if isinstance(node, Call) and node.gives in names and other is not None:
            found[str(node.gives)] = Named(None, None, record_of((("result", other.result), *other.outputs)))
    return found


def _by_message(process: Process, complete: bool) -> dict[str, Named]:
    """What a start by a message brings."""
    messages = [dict(fields_of(one.values)) for one in process.start if isinstance(one, MessageStart)]
    if not messages and complete:
        return {}
    known = complete and all(messages)
    fields = {name: field for one in messages for name, field in one.items()} if known else None
    types = [record_of(types_of(one.items())) for one in messages]
    return {"message": Named(fields, None, one_of_types(*types) if known else ANY), "key": NOT_KNOWN}


def _document_type(process: Process, types: Types) -> DocumentType | None:
    document = process.document
    return document.document_type() if isinstance(document, DocumentTypeModel) else types.get(str(document))
