"""What the rules look at: a process as far as it could be read, its graph, and its expressions with their places in the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from bpflow.checks.environment import Environment, Named, environment, with_names, world_of
from bpflow.checks.soundness.verdicts import Examination
from bpflow.definition.process import Process
from bpflow.diagnostics import Span
from bpflow.expressions import Parsed, parse
from bpflow.expressions.facts import Constant
from bpflow.graph import Graph, Part, Place
from bpflow.source import Source, Table
from bpflow.values import DocumentType, Field, ServiceType


@dataclass(frozen=True, slots=True)
class Use:
    """An expression of the file: as read, and what its names mean where it stands."""

    part: Part
    parsed: Parsed
    around: Environment
    at_start: bool

    def span(self, offset: int, length: int) -> Span:
        """The place of some of its characters."""
        return self.part.span(offset, length)

    def named(self, name: str) -> Named | None:
        """What has the name here."""
        return self.around.of(name, self.at_start)

    def field(self, names: tuple[str, ...]) -> Field | None:
        """The type of what the names lead to, if it is known."""
        return self.around.field(names, self.at_start)


@dataclass
class Subject:
    """A process under examination.

    `origins` are the parts of the file that expressions were made from. `lost` are the ids and names in parts of the file that could
    not be read: nothing is said against them. `complete`: there are no such parts.
    """

    source: Source
    process: Process
    graph: Graph
    origins: Mapping[Place, tuple[Part, ...]]
    types: Mapping[str, DocumentType]
    lost: frozenset[str] = frozenset()
    complete: bool = True
    services: Mapping[str, ServiceType] = field(default_factory=dict)

    @cached_property
    def environment(self) -> Environment:
        """What expressions may name."""
        return environment(self.process, world_of(self.process, self.types, self.services), self.lost, self.complete)

    @cached_property
    def uses(self) -> list[Use]:
        """All expressions that stand in the file."""
        return [self._use(part, place) for place, parts in self.origins.items() for part in parts]

    def _use(self, part: Part, place: Place) -> Use:
        own = self._names_within.get(place)
        around = with_names(self.environment, own) if own else self.environment
        return Use(part, parse(part.text), around, self._within_start(part.span(0, 1)))

    @cached_property
    def _names_within(self) -> dict[Place, Mapping[str, Field]]:
        """The names that only one expression sees, by its place."""
        world = world_of(self.process, self.types, self.services)
        return {expr.place: names for step in self.process.all_steps() for expr, names in step.names_within(world) if expr.place}

    def _within_start(self, span: Span) -> bool:
        tree = self.source.tree
        whole = tree.value_spans.get("start") if isinstance(tree, Table) else None
        return whole is not None and (whole.line, whole.column) <= (span.line, span.column) < (whole.end_line, whole.end_column)

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

    def table(self, key: str) -> Table:
        """The table under a key of the process, empty if there is none."""
        tree = self.source.tree
        found = tree.get(key) if isinstance(tree, Table) else None
        return found if isinstance(found, Table) else Table()
