"""What people read instead of ids and instants: names of people and documents, local times, values of fields.

The law of this file: it asks the directory and the store and changes nothing; what has no name keeps its id.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from typing import Any

from bpflow.cli.calls import WrongUse
from bpflow.definition.directory import near_entry
from bpflow.diagnostics import Refused, say
from bpflow.engine.state import Assignee
from bpflow.expressions.data import Department, Document, Duration, File, Role, Secret, User, Value
from bpflow.expressions.durations import spoken
from bpflow.runtime import Engine
from bpflow.runtime.reading import party_of
from bpflow.services.documents import display_name
from bpflow.services.working_calendar import zone_of
from bpflow.stores.entries import TaskEntry
from bpflow.values import DocumentType, Field, show

PLAIN = Field("string")


@dataclass(slots=True)
class Names:
    """Reads for one command; what was looked up once is kept."""

    engine: Engine
    language: str
    zone: tzinfo = field(init=False)
    known: dict[Value, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        workspace = self.engine.workspace
        self.zone = zone_of(workspace.settings.timezone) if workspace else UTC

    # ── for people ─────────────────────────────────────────────────────────────────────────────────────────────────
    def of(self, value: Value) -> str:
        """The name of a user, a department, a role or a document."""
        if not isinstance(value, User | Department | Role | Document):
            return str(value)
        if value not in self.known:
            self.known[value] = self._document(value) if isinstance(value, Document) else self._entry(value)
        return self.known[value]

    def _entry(self, who: User | Department | Role) -> str:
        directory = self.engine.world.directory
        try:
            name = directory.answer("attribute", (who, "name")) if directory else None
        except Refused:
            name = None
        return str(name or who.id)

    def _document(self, ref: Document) -> str:
        row, type = self.engine.store.document(ref.id), self.type(ref)
        return display_name(type, row.fields, ref.id) if row and type else written(ref)

    def type(self, ref: Document) -> DocumentType | None:
        """The type of the document, where it is known."""
        return self.engine.world.types.get(ref.type)

    def when(self, at: datetime | None) -> str:
        """The instant by the clock of the workspace."""
        return f"{at.astimezone(self.zone):%d.%m.%Y %H:%M}" if at else ""

    def value(self, value: Value, field: Field = PLAIN, zone: tzinfo | None = None) -> str:
        """The value as people read it; instants in the zone of the workspace unless another is named."""
        return show(field, value, self.of, zone or self.zone, self.language)

    def person(self, id: str | None) -> str:
        """The name of the person with the id; nothing where nobody is meant."""
        return self.of(User(id)) if id else ""

    def people(self, assignees: Iterable[Assignee]) -> str:
        """Who may answer, in whose place, and of which group he has claimed it."""
        return ", ".join(self.assignee(one.party, one.in_place_of, one.group) for one in assignees)

    def assignee(self, party: User | Department | Role, in_place_of: User | Department | Role | None, group: User | Department | Role | None = None) -> str:
        """One of them."""
        name = self.of(party)
        if in_place_of is not None:
            name = say("{name} (in place of {other})", name=name, other=self.of(in_place_of)).text(self.language)
        return say("{name} (claimed of: {group})", name=name, group=self.of(group)).text(self.language) if group is not None else name

    def entry(self, entry: TaskEntry) -> str:
        """The assignee of an open task as the store lists it."""
        place, group = (party_of(text) if text else None for text in (entry.in_place_of, entry.claimed_of))
        return self.assignee(party_of(entry.party), place, group)

    # ── for programs ───────────────────────────────────────────────────────────────────────────────────────────────
    def iso(self, at: datetime | None) -> str | None:
        """The instant with the offset of the workspace's zone."""
        return at.astimezone(self.zone).isoformat() if at else None

    def data(self, value: Value) -> Any:
        """The value as JSON has it: exact numbers and references as text."""
        match value:
            case datetime():
                return self.iso(value)
            case date():
                return value.isoformat()
            case Decimal():
                return str(value)
            case Duration():
                return spoken(value, "en")
            case User() | Department() | Role():
                return value.id
            case Document():
                return written(value)
            case File():
                return value.name
            case Secret():
                return str(value)
            case list():
                return [self.data(item) for item in value]
            case dict():
                return {name: self.data(item) for name, item in value.items()}
            case str():
                return str.__str__(value)
        return value

    # ── what people type ───────────────────────────────────────────────────────────────────────────────────────────
    def user(self, id: str | None) -> str | None:
        """The id itself. WrongUse if the directory knows nobody by it."""
        directory, workspace = self.engine.world.directory, self.engine.workspace
        if id is None or directory is None or directory.answer("exists", (User(id),)) is True:
            return id
        raise WrongUse(say('there is no person "{name}" in the directory', name=id), near_entry(id, workspace.directory.people) if workspace else None)


def written(ref: Document | None) -> str:
    """The document as it is named on the command line."""
    return f"{ref.type}:{ref.id}" if ref else ""
