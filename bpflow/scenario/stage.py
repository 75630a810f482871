"""The stage: an engine in memory with a clock that is moved by hand, and one instance to be watched on it.

The law of this file: nothing here knows how processes run. It is the runtime's `Engine` on an empty store, with the directory of
the workspace (and whoever else is absent), and no other driver: what a scenario shows is what will happen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bpflow.definition.directory import DirectoryFile
from bpflow.definition.types import Given
from bpflow.diagnostics import Refused, say
from bpflow.engine import Program
from bpflow.expressions.data import Document, Duration, Value
from bpflow.graph import step_of
from bpflow.loading import Loaded, LoadedWorkspace
from bpflow.runtime import Engine, InstanceView, VirtualClock
from bpflow.scenario.known import Known, bare, means_none, step_name
from bpflow.scenario.model import Scenario
from bpflow.services.working_calendar import WorkingCalendar
from bpflow.stores import open_store
from bpflow.stores.contract import CalendarRow, DefinitionRow, InstanceRow, NoticeRow, TaskEntry
from bpflow.values import InvalidValue

MOST_WORK = 10_000
"""The most timers, changes and calls of one moment: more never come to rest."""


NOTICES = frozenset(("notify", "overdue", "reminder"))
"""What scenarios call notices; that a task has come or gone is told by the tasks."""


class NeverRests(Refused):
    """The process goes on and on without time passing."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A process made ready to be played, once for all its scenarios."""

    workspace: LoadedWorkspace
    known: Known
    calendar: WorkingCalendar
    definition: DefinitionRow
    program: Program


def prepare(loaded: Loaded, workspace: LoadedWorkspace) -> Prepared:
    """Makes a process ready. Raises NotDeployable if it has errors."""
    with Engine(open_store(":memory:"), workspace) as engine:
        name = engine.deploy(loaded).process
        (deployed,) = engine.store.deployed()
        definition = engine.store.definition(deployed.id)
        graph = engine.graph(name)
        documents = {**{type.type: type for type in graph.documents}, **workspace.documents}
        known = Known(graph, workspace.directory)
        calendar = WorkingCalendar(workspace.settings.calendar)
        return Prepared(replace(workspace, documents=documents), known, calendar, definition, engine.runner.program(definition.id))


def with_absences(directory: DirectoryFile, scenario: Scenario) -> DirectoryFile:
    """The directory in which those whom the scenario names are away too."""
    people = dict(directory.people)
    for name, absences in scenario.absent.items():
        if name not in people:
            raise Refused(say('there is no person "{name}" in the directory', name=name))
        people[name] = people[name].model_copy(update={"absences": [*absences, *people[name].absences]})
    return directory.model_copy(update={"people": people})


class Stage:
    """Where one scenario is played."""

    def __init__(self, prepared: Prepared, scenario: Scenario) -> None:
        """Opens the stage at the scenario's first moment. Refused where the scenario cannot begin."""
        self.prepared, self.known = prepared, prepared.known
        workspace = prepared.workspace
        if scenario.absent:
            workspace = replace(workspace, directory=with_absences(workspace.directory, scenario))
        self.clock = VirtualClock(self.known.instant(scenario.at))
        self.engine = Engine(open_store(":memory:"), workspace, self.clock)
        kept = prepared.definition
        row = self.engine.store.deploy(kept.process, kept.digest, kept.graph, kept.source, self.now)
        self.engine.runner.programs[row.id] = prepared.program
        self.document: Document | None = None
        self._tasks: dict[str, str] = {}
        self._told: Counter[NoticeRow] = Counter()

    @property
    def now(self) -> datetime:
        """What the clock shows."""
        return self.clock.now()

    def close(self) -> None:
        """Ends the play; the store is forgotten."""
        self.engine.close()

    # ── what happens ────────────────────────────────────────────────────────────────────────────────────────────────
    def begin(self, scenario: Scenario) -> None:
        """Creates the document, and starts the process on it unless something in the play has to. Refused where that cannot be."""
        if self.known.graph.document is not None:
            self.document = self.engine.create_document(self.known.graph.document, self.fields_of(scenario.document))
            self.settle()
        if not scenario.starts_itself and not self.instances():
            by = str(scenario.by) if scenario.by is not None else None
            self.engine.start(self.known.graph.process, document=self.document, inputs=plain(scenario.inputs), by=by)
        self.settle()

    def change(self, fields: tuple[Given, ...], by: str | None) -> None:
        """Somebody edits the document. Refused where it may not be so."""
        if self.document is None:
            raise Refused(say("the process has no document"))
        self.engine.set_document(self.document, self.fields_of(fields), by)
        self.settle()

    def answer(self, task: str, by: str, outcome: str, values: Mapping[str, object], comment: str | None) -> None:
        """Somebody answers a task. Refused where the runtime refuses it."""
        self.engine.answer(task, by=by, outcome=outcome, values=values, comment=comment)
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
        for entry in self.tasks():
            self._tasks[step_name(step_of(entry.node))] = entry.id

    def mark(self) -> None:
        """From here on notices are new."""
        self._told = Counter(self.engine.notices())

    def fields_of(self, given: tuple[Given, ...]) -> dict[str, object]:
        """Values for the document; those that cannot be read are left as they are, for the runtime to refuse."""
        return dict(self._read(given))

    def _read(self, given: tuple[Given, ...]) -> Iterator[tuple[str, object]]:
        for one in given:
            field = self.known.fields.get(one.name)
            try:
                yield one.name, bare(one.raw) if field is None else self.known.value(field, one.raw)
            except InvalidValue:
                yield one.name, bare(one.raw)

    # ── what is seen ────────────────────────────────────────────────────────────────────────────────────────────────
    def instances(self) -> list[InstanceRow]:
        """All instances that have been started, the first first."""
        return self.engine.instances(limit=1000)

    @property
    def instance(self) -> int | None:
        """The instance that the scenario speaks of: the first."""
        found = self.engine.instances(limit=1)
        return found[0].id if found else None

    @property
    def in_trouble(self) -> bool:
        """There is an incident."""
        return bool(self.engine.instances(incidents=True, limit=1))

    def view(self) -> InstanceView | None:
        """Where the instance stands; None if there is none."""
        return self.engine.instance(self.instance) if self.instance is not None else None

    def tasks(self, step: str | None = None) -> list[TaskEntry]:
        """The open tasks of the instance, or of one of its steps; a row for each of their people."""
        if self.instance is None:
            return []
        entries = self.engine.tasks(instance=self.instance)
        return entries if step is None else [entry for entry in entries if step_name(step_of(entry.node)) == step]

    def task(self, step: str, by: str) -> str | None:
        """The task of a step that is meant: an open one, his own before others; else the one that was open last."""
        entries = self.tasks(step)
        own = [entry for entry in entries if entry.party == f"user:{by}"]
        for entry in own or entries:
            return entry.id
        return self._tasks.get(step)

    def value(self, field: str) -> Value:
        """What a field of the document holds now; none where there is no such field."""
        return self.engine.document(self.document).fields.get(field) if self.document is not None else None

    def calendar(self) -> list[CalendarRow]:
        """The entries that the instance has made in calendars."""
        return self.engine.calendar(instance=self.instance) if self.instance is not None else []

    def notices(self) -> list[NoticeRow]:
        """The notices since the last mark: of `notify`, and of deadlines."""
        rows = self.engine.notices()
        new = Counter(rows) - self._told
        return [notice for notice in dict.fromkeys(rows) for _ in range(new[notice]) if notice.reason in NOTICES]

    def visited(self) -> tuple[set[str], set[str]]:
        """The nodes and the flows that all instances have been through."""
        nodes: set[str] = set()
        taken: set[str] = set()
        for row in self.instances():
            through = self.engine.visited(row.id)
            nodes |= through[0]
            taken |= through[1]
        return nodes, taken

    def traces(self) -> tuple[object, ...]:
        """What nothing that is refused may change: instance with its revision, document, notices."""
        document = self.engine.document(self.document) if self.document is not None else None
        return self.instances(), document, len(self.engine.notices()), len(self.engine.calendar())


def plain(given: tuple[Given, ...]) -> dict[str, object]:
    """Values as a program would give them; `none` is none."""
    return {one.name: None if means_none(one.raw) else bare(one.raw) for one in given}
