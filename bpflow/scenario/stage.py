"""The stage: an engine in memory with a clock that is moved by hand, and one instance to be watched on it.

The law of this file: nothing here knows how processes run. It is the runtime's `Engine` on an empty store, with the directory of
the workspace (and whoever else is absent), and no other driver: what a scenario shows is what will happen.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from bpflow.definition.entries import Absence, DirectoryFile
from bpflow.definition.types import Given
from bpflow.diagnostics import Refused, say
from bpflow.engine import Program
from bpflow.expressions.data import Document, Duration, Value
from bpflow.graph import Graph, step_name, step_of
from bpflow.loading import Loaded, LoadedWorkspace
from bpflow.runtime import Engine, IncidentView, InstanceView, VirtualClock
from bpflow.runtime.starts import schedules_of
from bpflow.scenario.known import OWN, Known, bare
from bpflow.scenario.model import Answer, Beginning, Change, Command, Move, Scenario, Sent, Tick, means_none
from bpflow.scenario.services import Called, Script
from bpflow.services.working_calendar import WorkingCalendar
from bpflow.stores import open_store
from bpflow.stores.absent import NewAbsence
from bpflow.stores.contract import DefinitionRow, InstanceRow
from bpflow.stores.entries import CalendarRow, NoticeRow, TaskEntry
from bpflow.values import Field, InvalidValue

MOST_WORK = 10_000
"""The most timers, changes and calls of one moment: more never come to rest."""


NOTICES = frozenset(("notify", "overdue", "reminder", "withdrawn", "delegated", "reassigned", "escalated", "closed"))
"""What scenarios call notices; that a task has been opened is told by the tasks."""


class NeverRests(Refused):
    """The process goes on and on without time passing."""


class Ready(Struct, frozen=True):
    """One process made ready: what a scenario may name in it, its stored definition, its program."""

    known: Known
    definition: DefinitionRow
    program: Program


class Prepared(Struct, frozen=True):
    """A process made ready to be played, once for all its scenarios, and the other processes of its workspace, ready when they are asked for."""

    workspace: LoadedWorkspace
    process: str
    calendar: WorkingCalendar
    ready: dict[str, Ready]

    @property
    def known(self) -> Known:
        """What is known of the process."""
        return self.ready[self.process].known

    def cast(self, scenario: Scenario) -> dict[str, Ready]:
        """The processes that play in a scenario: its own, those that it names, and those that they call. Refused where one cannot be played."""
        found: dict[str, Ready] = {}
        todo = [self.process, *map(str, scenario.processes)]
        while todo:
            name = todo.pop(0)
            if name not in found:
                found[name] = self.of(name)
                todo += found[name].known.called
        return found

    def of(self, name: str) -> Ready:
        """One process. Refused if there is no such process, or it has errors."""
        if name not in self.ready:
            loaded = self.workspace.processes.get(name)
            if loaded is None:
                raise Refused(say('there is no process "{name}" in this workspace', name=name))
            self.ready[name] = made_ready(loaded, self.workspace)
        return self.ready[name]


def prepare(loaded: Loaded, workspace: LoadedWorkspace) -> Prepared:
    """Makes a process ready. Raises NotDeployable if it has errors."""
    own = made_ready(loaded, workspace)
    name = own.known.graph.process
    return Prepared(workspace, name, WorkingCalendar(workspace.settings.calendar), {name: own})


def made_ready(loaded: Loaded, workspace: LoadedWorkspace) -> Ready:
    """The process as it is deployed. Raises NotDeployable if it has errors."""
    with Engine(open_store(":memory:"), workspace) as engine:
        name = engine.deploy(loaded).process
        (deployed,) = engine.store.deployed()
        graph = engine.graph(name)
        types = {**{type.type: type for type in graph.documents}, **workspace.documents}
        return Ready(Known(graph, workspace.directory, types), engine.store.definition(deployed.id), engine.runner.program(deployed.id))


def with_absences(directory: DirectoryFile, scenario: Scenario) -> DirectoryFile:
    """The directory in which those whom the scenario names are away too."""
    people = dict(directory.people)
    for name, absences in scenario.absent.items():
        if name not in people:
            raise Refused(say('there is no person "{name}" in the directory', name=name))
        people[name] = people[name].model_copy(update={"absences": [*absences, *people[name].absences]})
    return directory.model_copy(update={"people": people})


STARTS = {"change": "document-changed", "message": "message", "wait": "schedule"}
"""What starts an instance if it comes first in a play, and the process has a start for it."""


def starts_itself(graph: Graph, scenario: Scenario) -> bool:
    """The process is not started beforehand: what comes first in the play has to start it."""
    first = scenario.play[0] if scenario.play else None
    if first is None or first.start is not None or (first.refused is not None and first.refused.start is not None):
        return first is not None
    return any(start.on == STARTS.get(first.key) for start in graph.starts)


class Stage:
    """Where one scenario is played."""

    def __init__(self, prepared: Prepared, scenario: Scenario) -> None:
        """Opens the stage at the scenario's first moment. Refused where the scenario cannot begin."""
        self.prepared = prepared
        workspace = prepared.workspace
        if scenario.absent:
            workspace = replace(workspace, directory=with_absences(workspace.directory, scenario))
        self.cast = prepared.cast(scenario)
        self.named: dict[str, Document] = {}
        self._known = {name: dataclasses.replace(ready.known, named=self.named) for name, ready in self.cast.items()}
        types = {name: type for ready in self.cast.values() for name, type in ready.known.types.items()}
        self.clock, self.services = VirtualClock(self.known.instant(scenario.at)), Script()
        self.services.answer(scenario.service)
        performers = self.services.performers(name for known in self._known.values() for name in known.services)
        self.engine = Engine(open_store(":memory:"), replace(workspace, documents=types), self.clock, performers)
        for ready in self.cast.values():
            kept, graph = ready.definition, ready.program.graph
            by_time = schedules_of(graph, self.now) if graph.process == prepared.process and starts_itself(graph, scenario) else ()
            row = self.engine.store.deploy(kept.process, kept.digest, kept.graph, kept.source, self.now, tuple(by_time))
            self.engine.runner.programs[row.id] = ready.program
        self._tasks: dict[tuple[str, str], str] = {}
        self._told: Counter[NoticeRow] = Counter()
        self._called = 0

    @property
    def now(self) -> datetime:
        """What the clock shows."""
        return self.clock.now()

    @property
    def known(self) -> Known:
        """What is known of the process that the scenario plays."""
        return self.of(None)

    def of(self, process: str | None) -> Known:
        """What is known of a process that plays along, or of the scenario's own. Refused if it does not play."""
        name = self.prepared.process if process is None else str(process)
        if name not in self._known:
            raise Refused(say('the process "{name}" does not play in this scenario: name it under "processes"', name=name))
        return self._known[name]

    @property
    def document(self) -> Document | None:
        """The document of the process, once it is there."""
        return self.named.get(OWN)

    def close(self) -> None:
        """Ends the play; the store is forgotten."""
        self.engine.close()

    # ── what happens ────────────────────────────────────────────────────────────────────────────────────────────────
    def begin(self, scenario: Scenario) -> None:
        """Creates the documents, and starts the process unless something in the play has to. Refused where that cannot be."""
        for type, several in scenario.documents.items():
            for name, fields in several.items():
                self.named[str(name)] = self.engine.create_document(str(type), self.fields_of(str(type), fields))
        self.settle()
        graph = self.known.graph
        if graph.document is not None:
            self.named[OWN] = self.engine.create_document(graph.document, self.fields_of(graph.document, scenario.document))
            self.settle()
        if not self.instances() and not starts_itself(graph, scenario):
            self._start(self.known, self.document, scenario.inputs, scenario.by)
        self.settle()

    def start(self, start: Beginning) -> None:
        """Somebody starts a process. Refused where the runtime refuses it."""
        known = self.of(start.process)
        document = self._named(start.of) if start.of is not None or known.graph.document is not None else None
        self._start(known, document, start.inputs, start.by)
        self.settle()

    def _start(self, known: Known, document: Document | None, inputs: tuple[Given, ...], by: str | None) -> None:
        values = known.plain(inputs, dict(known.graph.inputs))
        self.engine.start(known.graph.process, document=document, inputs=values, by=str(by) if by is not None else None)

    def _named(self, name: str | None) -> Document | None:
        """The document of that name, else the process's own. Refused if there is none of that name."""
        if name is not None and str(name) not in self.named:
            raise Refused(say('the scenario has no document "{name}"', name=name))
        return self.document if name is None else self.named[str(name)]

    def absent(self, absences: Mapping[str, Sequence[Absence]]) -> None:
        """From now on it is known that these people are away too. Refused where there are no such people."""
        for name, several in absences.items():
            for one in several:
                self.engine.absent(str(name), one.first, one.last, substitute=one.substitute, reason=one.reason)
        self.settle()

    def change(self, change: Change) -> None:
        """Somebody edits a document. Refused where it may not be so."""
        document = self._named(change.of)
        if document is None:
            raise Refused(say("the process has no document"))
        by = str(change.by) if change.by is not None else None
        self.engine.set_document(document, self.fields_of(document.type, change.document), by)
        self.settle()

    def answer(self, task: str, answer: Answer) -> None:
        """Somebody answers a task. Refused where the runtime refuses it."""
        known = self.of(answer.process)
        form = known.tasks[str(answer.task)].form if str(answer.task) in known.tasks else None
        fields = {name: field for outcome in form.outcomes for name, field in outcome.fields} if form else {}
        comment = str(answer.comment) if answer.comment is not None else None
        values = known.plain(answer.values, fields)
        self.engine.answer(task, by=str(answer.by), outcome=str(answer.outcome), values=values, comment=comment)
        self.settle()

    def tick(self, task: str, tick: Tick) -> None:
        """Somebody ticks off an item of a checklist. Refused where the runtime refuses it."""
        self.engine.tick(task, str(tick.item), by=str(tick.by), done=tick.done)
        self.settle()

    def command(self, command: Command) -> None:
        """Somebody presses a command. Refused where the runtime refuses it."""
        known, by, name = self.of(command.process), str(command.by), str(command.name)
        rows = [row.id for row in self.instances(command.process)]
        with_it = [id for id in rows if any(view.name == name for view in self.engine.commands(id))]
        own = [id for id in with_it if len(with_it) == 1 or any(view.name == name for view in self.engine.commands(id, by))]
        if not rows:
            raise Refused(say("it has not been started"))
        comment = str(command.comment) if command.comment is not None else None
        values = known.plain(command.values, known.commands.get(name, {}))
        self.engine.command((own or with_it or rows)[0], name, by=by, values=values, comment=comment)
        self.settle()

    def move(self, move: Move) -> None:
        """Somebody moves the document to another stage. Refused where the runtime refuses it."""
        known, stage = self.of(move.process), str(move.stage)
        row = self.instance(move.process)
        if row is None:
            raise Refused(say("it has not been started"))
        comment = str(move.comment) if move.comment is not None else None
        values = known.plain(move.values, known.moves.get(stage, {}))
        self.engine.move(row.id, stage, by=str(move.by), values=values, comment=comment)
        self.settle()

    def send(self, message: Sent) -> None:
        """A message comes from outside. Refused where the runtime refuses it."""
        key = None if means_none(message.key) else bare(message.key)
        fields = {name: field for known in self._known.values() for name, field in (known.messages.get(str(message.name)) or {}).items()}
        values = self.known.plain(message.values, fields)
        self.engine.send_message(str(message.name), self.named.get(key, key) if isinstance(key, str) else key, values)
        self.settle()

    def wait(self, until: datetime) -> None:
        """Time passes: each timer on the way goes off at its own time."""
        while (due := self.engine.next_due()) is not None and due <= until:
            self.clock.set(due)
            self.settle()
        self.clock.set(until)
        self.settle()

    def after(self, length: Duration) -> datetime:
        """The instant so much later, by the calendar of the workspace."""
        if not (length.months or length.days or length.working_days or length.working_seconds):
            return self.now + timedelta(seconds=length.seconds)
        later = self.prepared.calendar.answer("add", (self.now, length, self.known.graph.timezone))
        assert isinstance(later, datetime)
        return later

    def settle(self) -> None:
        """Lets everything happen that happens now. Raises NeverRests."""
        if self.engine.work(MOST_WORK).total >= MOST_WORK:
            raise NeverRests(say("the process does not come to rest: it does more than {count} things at one moment", count=MOST_WORK))
        for process in self.cast:
            for entry in self.tasks(process=process):
                self._tasks[process, step_name(step_of(entry.node))] = entry.id

    def mark(self) -> None:
        """From here on notices and calls are new."""
        self._told = Counter(self.engine.notices())
        self._called = len(self.services.calls)

    def fields_of(self, type: str, given: tuple[Given, ...]) -> dict[str, object]:
        """Values for a document; those that cannot be read are left as they are, for the runtime to refuse."""
        return dict(self._read(dict(self.known.types[type].fields) if type in self.known.types else {}, given))

    def _read(self, fields: Mapping[str, Field], given: tuple[Given, ...]) -> Iterator[tuple[str, object]]:
        for one in given:
            field = fields.get(one.name)
            try:
                yield one.name, bare(one.raw) if field is None else self.known.value(field, one.raw)
            except InvalidValue:
                yield one.name, bare(one.raw)

    # ── what is seen ────────────────────────────────────────────────────────────────────────────────────────────────
    def instances(self, process: str | None = None) -> list[InstanceRow]:
        """All instances of a process that have been started, the first first."""
        return self.engine.instances(self.of(process).graph.process, limit=1000)

    def instance(self, process: str | None = None) -> InstanceRow | None:
        """The instance that the scenario speaks of: the first of its own process, the newest of another."""
        found = self.instances(process)
        return (found[0] if process is None else found[-1]) if found else None

    def view(self, process: str | None = None) -> InstanceView | None:
        """Where the instance stands; None if there is none."""
        row = self.instance(process)
        return self.engine.instance(row.id) if row is not None else None

    def views(self, process: str | None = None) -> list[InstanceView]:
        """Where tasks and waits are looked for: the instance of the scenario's own process, or all those of another."""
        rows = self.instances(process)
        return [self.engine.instance(row.id) for row in (rows[:1] if process is None else rows)]

    def incidents(self) -> list[IncidentView]:
        """All that has gone wrong, in whatever process."""
        return self.engine.incidents()

    def tasks(self, step: str | None = None, process: str | None = None) -> list[TaskEntry]:
        """The open tasks of a process, or of one of its steps; a row for each of their people."""
        rows = self.instances(process)
        found = [entry for row in (rows[:1] if process is None else rows) for entry in self.engine.tasks(instance=row.id)]
        return found if step is None else [entry for entry in found if step_name(step_of(entry.node)) == step]

    def task(self, step: str, by: str, process: str | None = None) -> str | None:
        """The task of a step that is meant: an open one, his own before others; else the one that was open last."""
        entries = self.tasks(step, process)
        own = [entry for entry in entries if entry.party == f"user:{by}"]
        for entry in own or entries:
            return entry.id
        return self._tasks.get((process or self.prepared.process, step))

    def calls(self) -> list[Called]:
        """The calls of services since the last mark."""
        return self.services.calls[self._called :]

    def value(self, field: str) -> Value:
        """What a field of the document holds now; none where there is no such field."""
        return self.engine.document(self.document).fields.get(field) if self.document is not None else None

    def calendar(self, process: str | None = None) -> list[CalendarRow]:
        """The entries that the process has made in calendars."""
        among = {view.row.id for view in self.views(process)}
        return [row for row in self.engine.calendar() if row.instance in among]

    def absences(self, process: str | None = None) -> list[NewAbsence]:
        """The absences that the process has entered."""
        among = {view.row.id for view in self.views(process)}
        return [row.absence for row in reversed(self.engine.store.absences()) if row.instance in among]

    def notices(self, process: str | None = None) -> list[NoticeRow]:
        """The notices since the last mark: of `notify`, and of deadlines; of one process only where one is named."""
        rows = self.engine.notices()
        among = {row.id for row in self.instances(process)} if process is not None else None
        new = Counter(rows) - self._told
        found = [notice for notice in dict.fromkeys(rows) for _ in range(new[notice]) if notice.reason in NOTICES]
        return [notice for notice in found if among is None or notice.instance in among]

    def visited(self) -> tuple[set[str], set[str]]:
        """The nodes and the flows that all instances of the process have been through."""
        nodes: set[str] = set()
        taken: set[str] = set()
        for row in self.instances():
            through = self.engine.visited(row.id)
            nodes |= through[0]
            taken |= through[1]
        return nodes, taken

    def traces(self) -> tuple[object, ...]:
        """What nothing that is refused may change: instances with their revisions, documents, notices, calendars, absences, calls."""
        engine = self.engine
        return engine.instances(), engine.documents(), len(engine.notices()), len(engine.calendar()), engine.store.absence_mark(), len(self.services.calls)
