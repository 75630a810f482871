"""The answers that the runtime gives to `advance`: from documents read beforehand, and from the directory and the calendar in memory.

Nothing is read from the store while `advance` runs: a document that is not at hand yet is Unanswered, the runtime reads it in the same
unit of work and advances again. What was asked is kept, to be recorded with the event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from msgspec import Struct

from bpflow.definition.settings import CalendarSettings
from bpflow.diagnostics import Refused, say
from bpflow.engine.transition import Denied, Unanswered
from bpflow.expressions.data import Document, Question, User, Value
from bpflow.loading import LoadedWorkspace
from bpflow.services.directory import Directory, EmbeddedDirectory
from bpflow.services.documents import display_name, field_of
from bpflow.services.working_calendar import WorkingCalendar, zone_of
from bpflow.stores.contract import DocumentRow, party_text
from bpflow.values import DocumentType


@dataclass(slots=True)
class World:
    """What is around the instances: types of documents, the directory (None: there are no people), the working calendar."""

    types: Mapping[str, DocumentType]
    directory: Directory | None
    calendar: WorkingCalendar

    def with_types(self, types: Iterable[DocumentType]) -> World:
        """The types that a process is pinned to are known too; those of the workspace come first."""
        return World({**{type.type: type for type in types}, **self.types}, self.directory, self.calendar)


def world_of(workspace: LoadedWorkspace | None) -> World:
    """What a workspace brings; without one there are no types, no people, and the calendar of nobody in particular."""
    if workspace is None:
        return World({}, None, WorkingCalendar(CalendarSettings.model_construct()))
    settings = workspace.settings
    directory = EmbeddedDirectory(workspace.directory, zone_of(settings.timezone)) if workspace.directory.people else None
    return World(dict(workspace.documents), directory, WorkingCalendar(settings.calendar))


NEW = Denied(say("this has not been asked yet"))


class Live(Struct):
    """Answers for one event. `documents`: those read so far, None for one that is not there · `counts`: open tasks by person."""

    world: World
    documents: dict[int, DocumentRow | None] = {}
    counts: dict[User, int] = {}
    used: dict[Question, Value | Denied] = {}

    def ask(self, question: Question) -> Value:
        """The answer, once and for all for this event."""
        known = self.used.get(question, NEW)
        if known is NEW:
            try:
                found = self.used[question] = self._find(question)
            except Refused as refused:
                self.used[question] = Denied(refused.message)
                raise
            return found
        if type(known) is Denied:
            raise Refused(known.message)
        return known  # type: ignore[return-value]

    def learn(self, question: Question, document: Callable[[int], DocumentRow | None], open_tasks: Callable[[str], int]) -> None:
        """Reads what an unanswered question is about, and forgets the answers of the broken-off try."""
        about, who = question[1], question[-1]
        if isinstance(about, Document):
            self.documents[about.id] = document(about.id)
        elif isinstance(who, User):
            self.counts[who] = open_tasks(party_text(who))
        self.used.clear()

    def _find(self, question: Question) -> Value:
        topic: Any = question[0]
        what: Any = question[1]
        if topic == "directory":
            directory = self.world.directory
            return nobody_known(what, question[2:]) if directory is None else directory.answer(what, question[2:])
        if topic == "document" or topic == "title":
            return self._of_document(question, *question[1:])
        arguments = question[2:]
        if topic == "calendar":
            return self.world.calendar.answer(what, arguments)
        if topic == "tasks" and isinstance(arguments[0], User):
            if arguments[0] not in self.counts:
                raise Unanswered(question)
            return self.counts[arguments[0]]
        raise Refused(say('nobody answers "{topic}"', topic=str(topic)))

    def _of_document(self, question: Question, document: Value, name: Value = None) -> Value:
        assert isinstance(document, Document)
        if document.id not in self.documents:
            raise Unanswered(question)
        row, type = self.documents[document.id], self.world.types.get(document.type)
        if row is None or row.ref != document:
            raise Refused(say('there is no document "{type}:{id}"', type=document.type, id=document.id))
        if type is None:
            raise Refused(say('there is no document type "{type}"', type=document.type))
        if name is None:
            return display_name(type, row.fields, document.id)
        return field_of(type, row.fields, str(name))


def nobody_known(function: str, arguments: tuple[Value, ...]) -> Value:
    """Without a directory every person is who he says he is: he is there, nobody stands in for him, his name is his id."""
    if function == "acting":
        return arguments[0]
    if function == "exists":
        return True
    if function in ("is_absent", "belongs"):
        return False
    match arguments:
        case User(id), "name" if function == "attribute":
            return id
    raise Refused(say("there is no directory to ask"))
