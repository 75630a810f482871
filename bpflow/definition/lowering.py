"""A process becomes a graph: its head is read against its document type, its steps lower themselves through the builder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from bpflow.definition import triggers
from bpflow.definition.fields import DocumentTypeModel, FieldModel, fields_of
from bpflow.definition.pipeline import Pipeline, mistakes
from bpflow.definition.process import CallStart, ManualStart, MessageStart, Process, ScheduleStart, Start
from bpflow.definition.reading import Reading
from bpflow.definition.types import Given
from bpflow.definition.zones import is_zone
from bpflow.diagnostics import Diagnostic, did_you_mean, say
from bpflow.graph import Builder, Expr, Graph, Lowering, Part, Place, Sets, Variable, World
from bpflow.graph import Start as StartOf
from bpflow.values import DocumentType, Field, ServiceType


class Compiled(Struct, frozen=True):
    """A graph, the findings of lowering, and for expressions by their place the parts of the file that they were made from."""

    graph: Graph
    findings: list[Diagnostic]
    origins: Mapping[Place, tuple[Part, ...]]


def lower(
    process: Process,
    types: Mapping[str, DocumentType],
    *,
    timezone: str = "UTC",
    reading: Reading | None = None,
    services: Mapping[str, ServiceType] | None = None,
) -> Compiled:
    """The graph of a process. `types` and `services` are those of its workspace, `timezone` the workspace's.

    With findings among its result the graph is fit for more checks, and for drawing, but not to be run.
    """
    reading = reading or Reading(process.place.file)
    types, findings = _types(process, types)
    world = _world(process, types, timezone, reading.file, services or {})
    builder = Builder(world, reading.origins)
    head = builder.head(process.place)
    pipeline = Pipeline(process, builder, head) if process.stages else None
    builder.findings += mistakes(process, head.fields_of(None))
    entry = pipeline.lower() if pipeline else builder.lower(process.steps)
    handlers = (*triggers.lowered(head, "", process.meanwhile, apart=pipeline is not None), *builder.alone)
    for model in process.inputs.values():
        _default(model, head)
    variables, starts = tuple(_variables(process, head)), tuple(_start(start, head) for start in process.start)
    nodes, steps = builder.finish((entry, *(handler.entry for handler in handlers)))
    graph = Graph(
        process=world.process,
        title=world.title,
        entry=(entry,),
        nodes=nodes,
        steps=steps,
        timezone=world.timezone,
        document=world.document.type if world.document else None,
        documents=_reached([*builder.types.values(), *([world.document] if world.document else [])], types),
        starts=starts,
        inputs=tuple(world.inputs.items()),
        variables=variables,
        outputs=_sets(process.outputs),
        people=_sets(process.people),
        handlers=handlers,
        unless_running=process.unless_running,
        source=reading.file,
        stage_field=str(process.stage_field) if pipeline else None,
        stages=pipeline.stages() if pipeline else (),
    )
    return Compiled(graph, findings + builder.findings, builder.origins)


def _types(process: Process, types: Mapping[str, DocumentType]) -> tuple[dict[str, DocumentType], list[Diagnostic]]:
    known, span = dict(types), process.value_span("document")
    if isinstance(process.document, DocumentTypeModel):
        own = process.document.document_type()
        if own.type in known:
            message = say('the workspace has a document type "{type}" already', type=own.type)
            return known, [Diagnostic(process.document.value_span("type"), "name-clash", message, say('write "document: {type}"', type=own.type))]
        known[own.type] = own
    elif process.document is not None and process.document not in known:
        message = say('there is no document type "{type}"', type=process.document)
        return known, [Diagnostic(span, "unknown-type", message, did_you_mean(process.document, known))]
    return known, []


def _world(process: Process, types: Mapping[str, DocumentType], timezone: str, file: str, services: Mapping[str, ServiceType]) -> World:
    document = process.document.type if isinstance(process.document, DocumentTypeModel) else process.document
    return World(
        process=str(process.id),
        title=str(process.title or process.id),
        file=file,
        timezone=str(process.timezone) if process.timezone and is_zone(process.timezone) else timezone,
        document=types.get(document) if document else None,
        has_document=document is not None,
        types=types,
        variables=dict(fields_of(process.variables)),
        inputs=dict(fields_of(process.inputs)),
        services=services,
        stage_field=str(process.stage_field) if process.stages and process.stage_field else None,
    )


def _variables(process: Process, head: Lowering) -> Iterator[Variable]:
    for name, model in process.variables.items():
        yield Variable(str(name), replace(model.field(str(name)), default=None), _default(model, head))


def _default(model: FieldModel, head: Lowering) -> Expr | None:
    """What the variable is in the beginning; a list of which nothing is said is empty."""
    if model.default is None:
        return Expr("[]") if model.many else None
    return head.value(model.default, model.field(), model.value_span("default"))


def _start(start: Start, head: Lowering) -> StartOf:
    if isinstance(start, CallStart):
        return StartOf(start.on, start.when)
    give = tuple(_given(start.with_, head, head.world.inputs))
    if isinstance(start, MessageStart):
        return StartOf(start.on, start.when, give, name=str(start.message), document=start.document, form=fields_of(start.values))
    if isinstance(start, ScheduleStart):
        return StartOf(start.on, start.when, give, cron=str(start.cron))
    return StartOf(start.on, start.when, give, start.by if isinstance(start, ManualStart) else None)


def _given(givens: Sequence[Given], head: Lowering, fields: Mapping[str, Field]) -> Iterator[tuple[str, Expr]]:
    for given in givens:
        if given.name in fields:
            yield given.name, head.value(given.raw, fields[given.name], given.place)
        else:
            head.report("unknown-name", say('there is no input "{name}"', name=given.name), did_you_mean(given.name, fields), given.name_place)


def _sets(expressions: Mapping[str, Expr]) -> Sets:
    return tuple((str(name), expr) for name, expr in expressions.items())


def _reached(todo: list[DocumentType], types: Mapping[str, DocumentType]) -> tuple[DocumentType, ...]:
    """The types that a process works with and those that their fields lead to: a graph is pinned to what it may read."""
    found: dict[str, DocumentType] = {}
    while todo:
        here = todo.pop()
        if here.type not in found:
            found[here.type] = here
            todo += [types[name] for name in _references(here.fields) if name in types]
    return tuple(found[name] for name in sorted(found))


def _references(fields: Sequence[tuple[str, Field]]) -> Iterator[str]:
    for _, field in fields:
        yield from field.of
        yield from _references(field.fields)
