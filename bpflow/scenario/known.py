"""What a scenario may name: the steps, outcomes and fields of its process, and the people of its workspace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from bpflow.definition.directory import DirectoryFile, PersonEntry
from bpflow.expressions.data import Duration, Value
from bpflow.expressions.durations import parse_duration
from bpflow.expressions.errors import ExpressionError
from bpflow.graph import Exit, Graph, StepInfo, Task
from bpflow.values import DocumentType, Field, InvalidValue, check, read

INSTANT = Field("datetime")


def step_name(path: str) -> str:
    """The name of the step at a path: its id, else its activity (with a number where there are several)."""
    return path.rpartition("/")[2]


@dataclass
class Known:
    """The process of a scenario, and who there is. A workspace without people knows whoever is named."""

    graph: Graph
    directory: DirectoryFile

    @property
    def people(self) -> Mapping[str, PersonEntry]:
        """Everybody, by id."""
        return self.directory.people

    @cached_property
    def groups(self) -> frozenset[str]:
        """The ids of departments and roles."""
        return frozenset({*self.directory.departments, *self.directory.roles})

    @cached_property
    def steps(self) -> Mapping[str, StepInfo]:
        """The steps by name."""
        return {step_name(step.path): step for step in self.graph.steps}

    @cached_property
    def activities(self) -> frozenset[str]:
        """The activities that occur."""
        return frozenset(step.activity for step in self.graph.steps)

    @cached_property
    def tasks(self) -> Mapping[str, Task]:
        """The steps that give people a task, by name."""
        return {step_name(node.id): node for node in self.graph.nodes if isinstance(node, Task)}

    @cached_property
    def results(self) -> frozenset[str]:
        """The results with which the process may end."""
        return frozenset(node.name for node in self.graph.nodes if isinstance(node, Exit) and node.how == "end")

    @cached_property
    def document(self) -> DocumentType | None:
        """The type of the process's document."""
        return next((type for type in self.graph.documents if type.type == self.graph.document), None)

    @cached_property
    def fields(self) -> Mapping[str, Field]:
        """The fields of the process's document."""
        return dict(self.document.fields) if self.document else {}

    @cached_property
    def zone(self) -> ZoneInfo:
        """The process's time zone."""
        return ZoneInfo(self.graph.timezone)

    def stands_at(self, path: str, name: str) -> bool:
        """Whether the step at the path has the name, or is of the activity of that name."""
        activities = {step.path: step.activity for step in self.graph.steps}
        return step_name(path) == name or activities.get(path) == name

    def instant(self, raw: str) -> datetime:
        """The instant that is written; without a zone it is one of the process's. Raises InvalidValue."""
        found = read(INSTANT, str(raw), self.zone)
        assert isinstance(found, datetime)
        return found

    def moment(self, raw: str) -> Duration | datetime:
        """How long, or until when, `wait` waits. Raises InvalidValue, with the reason of what it looks like."""
        try:
            return parse_duration(str(raw))
        except ExpressionError as error:
            try:
                return self.instant(raw)
            except InvalidValue as other:
                looks_like_date = str(raw)[:4].isdigit()
                raise (other if looks_like_date else InvalidValue(error.message, error.hint)) from None

    def value(self, field: Field, raw: Any) -> Value:
        """The value that is written for a field; `none` without quotes is none. Raises InvalidValue."""
        if means_none(raw):
            return [] if field.many else None
        value = read(field, bare(raw), self.zone)
        check(replace(field, required=False), value)
        return value


def means_none(raw: Any) -> bool:
    """Whether `none` is written, without quotes, or nothing at all."""
    return raw is None or (raw == "none" and getattr(raw, "style", "plain") == "plain")


def bare(raw: Any) -> Any:
    """A value of a file as plain data that does not know where it stands."""
    if isinstance(raw, Mapping):
        return {str(key): bare(value) for key, value in raw.items()}
    if isinstance(raw, list | tuple):
        return [bare(value) for value in raw]
    return str(raw) if isinstance(raw, str) else raw


def names(raw: str | Iterable[str] | None) -> list[str]:
    """The names of people that are written: one, or a list."""
    return [] if raw is None else [str(raw)] if isinstance(raw, str) else [str(name) for name in raw]
