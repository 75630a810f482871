"""What a scenario may name: the steps, outcomes and fields of its process, and the people of its workspace."""

from __future__ import annotations

import re
from ast import literal_eval
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from bpflow.definition.entries import DirectoryFile, PersonEntry
from bpflow.definition.types import Given
from bpflow.engine.transition import ALONE, START
from bpflow.expressions.data import Department, Document, Duration, User, Value
from bpflow.expressions.durations import parse_duration
from bpflow.expressions.errors import ExpressionError
from bpflow.graph import Call, Exit, Expr, Graph, StepInfo, Task, step_name, step_of, triggers
from bpflow.scenario.model import means_none
from bpflow.services.local import LOCAL
from bpflow.values import DocumentType, Field, InvalidValue, check, read

OWN = "document"
"""What the process's own document is called in values of fields."""
HOUSE = frozenset(name.partition(".")[0] for name in (*LOCAL, START, ALONE))
"""What the names of bpflow's own services begin with."""
DAY = re.compile(r"\d{4}-\d\d-\d\d")
"""A date without a time: its beginning is meant."""
INSTANT, TEXT = Field("datetime"), Field("text")


@dataclass
class Known:
    """A process that a scenario plays, and what there is: people, types of documents, and the documents that the scenario has names
    for. A workspace without people knows whoever is named."""

    graph: Graph
    directory: DirectoryFile
    types: Mapping[str, DocumentType] = field(default_factory=dict)
    named: Mapping[str, Document] = field(default_factory=dict)

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
        return {step_name(step_of(node.id)): node for node in self.graph.nodes if isinstance(node, Task)}

    @cached_property
    def commands(self) -> Mapping[str, Mapping[str, Field]]:
        """The commands by name, with the fields of their forms; where several have one name, with those of all of them."""
        found: dict[str, dict[str, Field]] = {}
        for trigger in triggers(self.graph):
            if trigger.kind == "command":
                found.setdefault(trigger.name, {}).update(trigger.form)
        return found

    @cached_property
    def moves(self) -> Mapping[str, Mapping[str, Field]]:
        """The stages by name, with the fields of the forms of all moves into them."""
        found: dict[str, dict[str, Field]] = {stage.id: dict(stage.required) for stage in self.graph.stages}
        for trigger in triggers(self.graph):
            if trigger.kind == "move":
                found[trigger.name].update(trigger.form)
        return found

    @cached_property
    def variables(self) -> Mapping[str, Field]:
        """The variables of the process."""
        return {variable.name: variable.field for variable in self.graph.variables}

    @cached_property
    def outputs(self) -> Mapping[str, Expr]:
        """What the process gives."""
        return dict(self.graph.outputs)

    @cached_property
    def services(self) -> frozenset[str]:
        """The services outside that the process calls."""
        return frozenset(node.service for node in self.graph.nodes if isinstance(node, Call) and not is_of_house(node.service))

    @cached_property
    def called(self) -> tuple[str, ...]:
        """The processes that it calls."""
        calls = (dict(node.arguments).get("process") for node in self.graph.nodes if isinstance(node, Call) and node.service == START)
        return tuple(dict.fromkeys(str(literal_eval(name.text)) for name in calls if name is not None))

    @cached_property
    def messages(self) -> Mapping[str, Mapping[str, Field] | None]:
        """The messages that it receives, by name, with the fields that they must bring; None where it does not say which."""
        receivers = [(start.name, start.form) for start in self.graph.starts if start.on == "message"]
        receivers += [(trigger.name, trigger.form) for trigger in triggers(self.graph) if trigger.kind == "message"]
        found: dict[str, dict[str, Field] | None] = {}
        for name, form in receivers:
            before = found.get(name, {})
            found[name] = {**before, **dict(form)} if before is not None and form else None
        return found

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

    def branches(self, path: str) -> list[str]:
        """The branches side by side in which the step at a path stands, the innermost first: `both.sales/ask` is in `sales`."""
        found = []
        while "/" in path:
            path = path.rpartition("/")[0]
            around, slash, last = path.rpartition("/")
            name, dot, branch = last.partition(".")
            if dot and self.activity_at(f"{around}{slash}{name}") == "parallel":
                found.append(branch)
        return found

    def activity_at(self, path: str) -> str:
        """The activity of the step at a path."""
        return next((step.activity for step in self.graph.steps if step.path == path), "")

    def stands_at(self, path: str, name: str) -> bool:
        """Whether the step at the path has the name, or is of the activity of that name."""
        return step_name(path) == name or self.activity_at(path) == name

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
                return self.instant(f"{raw}T00:00" if DAY.fullmatch(str(raw)) else raw)
            except InvalidValue as other:
                looks_like_date = str(raw)[:4].isdigit()
                raise (other if looks_like_date else InvalidValue(error.message, error.hint)) from None

    def value(self, field: Field, raw: Any) -> Value:
        """The value that is written for a field; `none` without quotes is none. Raises InvalidValue."""
        if means_none(raw):
            return [] if field.many else None
        value = read(field, self.meant(field, bare(raw)), self.zone)
        check(replace(field, required=False), value)
        return value

    def meant(self, field: Field, raw: Any) -> Any:
        """Plain data for a field, with documents in the place of the names that the scenario has for them."""
        if field.kind == "document":
            return [self.named.get(one, one) for one in raw] if isinstance(raw, list) else self.named.get(raw, raw) if isinstance(raw, str) else raw
        if field.kind == "object" and isinstance(raw, list):
            return [self.meant(field, one) for one in raw]
        if field.kind == "object" and isinstance(raw, Mapping):
            known = dict(field.fields)
            return {name: self.meant(known[name], one) if name in known else one for name, one in raw.items()}
        return raw

    def plain(self, given: Iterable[Given], fields: Mapping[str, Field]) -> dict[str, object]:
        """Values as a program would give them; `none` is none. What is wrong with them, the runtime says."""
        return {one.name: None if means_none(one.raw) else self.meant(fields.get(one.name, TEXT), bare(one.raw)) for one in given}

    def is_written(self, found: Value, raw: Any) -> bool:
        """Whether a value of which no type is known is the one that is written."""
        if means_none(raw):
            return found is None or found == []
        try:
            return found is not None and self.value(field_like(found), raw) == found
        except InvalidValue:
            return False


def is_of_house(service: str) -> bool:
    """Whether a service is one of bpflow's own, and so works in scenarios as it always does."""
    return service.partition(".")[0] in HOUSE


def field_like(value: Value) -> Field:
    """A field that has values such as this one."""
    match value:
        case bool():
            return Field("boolean")
        case int() | Decimal():
            return Field("number")
        case datetime():
            return Field("datetime")
        case date():
            return Field("date")
        case Duration():
            return Field("duration")
        case User():
            return Field("user")
        case Department():
            return Field("department")
        case Document():
            return Field("document", of=(value.type,))
        case list():
            return replace(field_like(value[0]) if value else TEXT, many=True)
        case dict():
            return Field("object", fields=tuple((name, field_like(one)) for name, one in value.items()))
    return TEXT


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
