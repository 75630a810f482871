"""What the rules look at: a process as far as it could be read, its graph, and its expressions with their places in the file."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct, field

from bpflow.checks.environment import Around, Environment, Named, at_start, environment, with_names, world_of
from bpflow.checks.gathered import gathered
from bpflow.checks.interface import Interface
from bpflow.checks.possible import Possible
from bpflow.checks.soundness.verdicts import Examination
from bpflow.checks.ways.walk import Walk
from bpflow.definition.forms import FormField
from bpflow.definition.model import Model
from bpflow.definition.process import Process, Start
from bpflow.definition.step import Step, models
from bpflow.diagnostics import Span
from bpflow.expressions import Parsed, parse
from bpflow.expressions.facts import Constant
from bpflow.expressions.inference import Inferred, Known, infer
from bpflow.graph import Call, Expr, Graph, Part, Place, step_of
from bpflow.source import Source, Table
from bpflow.values import DocumentType, Field, ServiceType

if TYPE_CHECKING:
    from bpflow.definition.entries import DirectoryFile
    from bpflow.definition.settings import Settings


class Use(Struct, frozen=True):
    """An expression of the file: as read, and what its names mean where it stands."""

    part: Part
    parsed: Parsed
    around: Environment
    at_start: bool
    place: Place
    """Where the expression of the graph stands that it is, or is a part of."""
    inferred: Inferred
    """Its type, and what is wrong with it."""

    @property
    def known(self) -> Known:
        """The types of what it may name."""
        return self.around.known_at_start if self.at_start else self.around.known

    @property
    def whole(self) -> Span:
        """The place of the expression."""
        text = self.part.text
        return self.part.span(len(text) - len(text.lstrip()), len(text.strip()))

    def span(self, offset: int, length: int) -> Span:
        """The place of some of its characters."""
        return self.part.span(offset, length)

    def named(self, name: str) -> Named | None:
        """What has the name here."""
        return self.around.of(name, self.at_start)

    def field(self, names: tuple[str, ...]) -> Field | None:
        """The type of what the names lead to, if it is known."""
        return self.around.field(names, self.at_start)


class Subject(Struct, eq=False, dict=True, weakref=True):
    """A process under examination.

    `origins` are the parts of the file that expressions were made from. `lost` are the ids and names in parts of the file that could
    not be read: nothing is said against them. `complete`: there are no such parts. `directory`: that of the workspace; None where it has none, or
    one that could not be read to its end. `settings`: those of the workspace; None for a text or a file by itself. `others`: its other
    processes, as far as they are known.
    """

    source: Source
    process: Process
    graph: Graph
    origins: Mapping[Place, tuple[Part, ...]]
    types: Mapping[str, DocumentType]
    lost: frozenset[str] = frozenset()
    complete: bool = True
    flawed: bool = False
    """Something in it could not be read or lowered as it is written: what is missing may be what was meant."""
    services: Mapping[str, ServiceType] = field(default_factory=dict)
    directory: DirectoryFile | None = None
    settings: Settings | None = None
    others: Mapping[str, Interface] = field(default_factory=dict)

    @cached_property
    def environment(self) -> Environment:
        """What expressions may name."""
        around = Around(world_of(self.process, self.types, self.services), self.directory, self.others)
        return gathered(environment(self.process, self.graph, around, self.lost, self.complete), self.graph)

    @cached_property
    def possible(self) -> Possible:
        """Which values names can have at the nodes of the graph."""
        return Possible(self.graph, self.environment.known, self.environment.known_at_start)

    @cached_property
    def possible_if_untouched(self) -> Possible:
        """The same, as long as nobody changes the document from outside."""
        return Possible(self.graph, self.environment.known, self.environment.known_at_start, lasting=True)

    @cached_property
    def walk(self) -> Walk:
        """What is certain at each node, on whichever way it was entered."""
        return Walk(self.graph)

    @cached_property
    def uses(self) -> list[Use]:
        """All expressions that stand in the file."""
        return [self._use(part, place) for place, part in self._parts()]

    def use_at(self, expr: Expr) -> Use | None:
        """The expression of the graph as it stands in the file; None if it is not written there as a whole."""
        use = self.use_around(expr)
        return use if use and use.part.text.strip() == expr.text else None

    def use_around(self, expr: Expr) -> Use | None:
        """What stands in the file at the place of an expression of the graph, which may be more, or less, than that."""
        return self._use_by_place.get(expr.place) if expr.place else None

    @cached_property
    def _use_by_place(self) -> dict[Place, Use]:
        return {use.place: use for use in self.uses}

    def _use(self, part: Part, place: Place) -> Use:
        own, start = self.names_within.get(place), self._start_around(part.span(0, 1))
        around = with_names(self.environment, own) if own else self.environment
        if start is not None:
            around = at_start(around, start)
        parsed = parse(part.text)
        return Use(part, parsed, around, start is not None, place, infer(parsed, around.known_at_start if start else around.known))

    def _parts(self) -> Iterator[tuple[Place, Part]]:
        """The parts of all expressions. A minus in the order of documents is no minus: it turns the order round."""
        orders = {dict(node.arguments)["order"].place for node in self.graph.nodes if isinstance(node, Call) and "order" in dict(node.arguments)}
        for place, parts in self.origins.items():
            for part in parts:
                yield from ((place, one) for one in (_ordered(part) if place in orders else (part,)))

    @cached_property
    def names_within(self) -> dict[Place, Mapping[str, Field]]:
        """The names that only one expression sees, by its place."""
        world = world_of(self.process, self.types, self.services)
        return {expr.place: names for step in self.process.all_steps() for expr, names in step.names_within(world) if expr.place}

    def _start_around(self, span: Span) -> Start | None:
        """The start in which a place stands."""
        here = span.line, span.column
        for start in self.process.start:
            whole = start.place
            if (whole.line, whole.column) <= here < (whole.end_line, whole.end_column):
                return start
        return None

    @cached_property
    def flow(self) -> Examination:
        """What its flow comes to. Where ways are missing (it is not `complete`) that says nothing."""
        return Examination(self.graph, self._values)

    def _values(self, names: tuple[str, ...]) -> frozenset[Constant] | None:
        """All values that there can be at a path, if they are few and known."""
        field = self.environment.field(names, False)
        if field is None or field.many or field.kind not in ("choice", "boolean"):
            return None
        values: set[Constant] = {True, False} if field.kind == "boolean" else {id for id, _ in field.choices}
        return frozenset(values if field.required else {*values, None})

    def step_of(self, node: str) -> Step | None:
        """The step that a node came from; None if nobody has written it."""
        return self._steps_by_path.get(step_of(node))

    @cached_property
    def _steps_by_path(self) -> dict[str, Step]:
        by_place = {(step.place.line, step.place.column): step for step in self.process.all_steps()}
        return {info.path: by_place[info.place] for info in self.graph.steps if info.place in by_place}

    @cached_property
    def models(self) -> tuple[Model, ...]:
        """The process and its steps, with all that is written in them."""
        return (*models(self.process), *(model for step in self.process.all_steps() for model in models(step)))

    @cached_property
    def restricted(self) -> frozenset[str]:
        """The names of the form fields in which not everything may be chosen."""
        forms = (getattr(model, "fields", None) or {} for model in self.models if "fields" in type(model).model_fields)
        return frozenset(str(name) for fields in forms for name, field in fields.items() if isinstance(field, FormField) and field.from_ is not None)

    def table(self, key: str) -> Table:
        """The table under a key of the process, empty if there is none."""
        tree = self.source.tree
        found = tree.get(key) if isinstance(tree, Table) else None
        return found if isinstance(found, Table) else Table()


def _ordered(part: Part) -> Iterator[Part]:
    """What documents are put in order by, each without the minus before it."""
    tree = parse(part.text).tree
    for one in tree.elts if isinstance(tree, ast.List) else [tree]:
        inner = one.operand if isinstance(one, ast.UnaryOp) and isinstance(one.op, ast.USub) else one
        yield Part(part.text[inner.col_offset : inner.end_col_offset], part.source, part.offset + inner.col_offset)
