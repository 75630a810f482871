"""What a process does in its scenarios: the trace by which a mutant is told from its original.

The law of this file: a trace is all that anybody can see of a play. What people are asked and told, when and with what form; what stands in
documents and calendars; what services are called with; and the way that was taken through the graph. A mutant whose every trace is the
original's is the same process, as far as this can be known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bpflow.engine.codec import decode_history
from bpflow.engine.program import Program
from bpflow.graph import Graph, from_json, to_json
from bpflow.loading import LoadedWorkspace
from bpflow.scenario import Prepared, Scenario, open_file
from bpflow.scenario.known import Known
from bpflow.scenario.player import Player
from bpflow.scenario.stage import Ready, Stage, made_ready
from bpflow.services.working_calendar import WorkingCalendar
from bpflow.stores.contract import DefinitionRow
from tests.runtime.looking import stored

Trace = tuple[Any, ...]


class Recorded(Stage):
    """A stage that notes what is asked at each moment."""

    def __init__(self, prepared: Prepared, scenario: Scenario) -> None:
        self.seen: list[Any] = []
        super().__init__(prepared, scenario)

    def settle(self) -> None:
        """Lets everything happen, and looks at the tasks and buttons that are there."""
        super().settle()
        self.seen.append((self.now, [self.engine.task(task) for task in sorted({entry.id for entry in self.engine.tasks()})]))
        self.seen.append([self.engine.commands(row.id) for row in self.engine.instances(status="running")])


@dataclass(frozen=True)
class Run:
    """One scenario, played. `failed`: something was not as the scenario says; `nodes`: what was visited, of whatever process."""

    trace: Trace
    failed: bool
    nodes: frozenset[tuple[str, str]]


def run(prepared: Prepared, scenario: Scenario) -> Run:
    """Plays a scenario. What breaks is a trace too: a graph with errors is never run otherwise, and nothing is promised of it."""
    try:
        stage = Recorded(prepared, scenario)
    except Exception as broken:
        return Run((type(broken).__name__, str(broken)), True, frozenset())
    try:
        failure = Player(stage, scenario).play()
        return Run(_trace(stage), failure is not None, frozenset(_visited(stage)))
    except Exception as broken:
        return Run((type(broken).__name__, str(broken)), True, frozenset())
    finally:
        stage.close()


def _trace(stage: Stage) -> Trace:
    engine = stage.engine
    ways = [(row.process, row.status, row.result, _facts(stage, row.id), engine.instance(row.id).incidents) for row in engine.instances(limit=1000)]
    absences = [row.absence for row in engine.store.absences()]
    return (*stage.seen, ways, engine.documents(), engine.notices(), engine.calendar(), absences, stage.services.calls)


def _facts(stage: Stage, id: int) -> list[Any]:
    held = stored(stage.engine, id)
    return [decode_history(held.program, row.data, row.at)[1] for row in stage.engine.store.history(id)]


def _visited(stage: Stage) -> Iterator[tuple[str, str]]:
    for row in stage.engine.instances(limit=1000):
        yield from ((row.process, node) for node in stage.engine.visited(row.id)[0])


class Theatre:
    """The scenarios of a workspace, and what its processes do in them."""

    def __init__(self, workspace: LoadedWorkspace) -> None:
        self.workspace = workspace
        self.calendar = WorkingCalendar(workspace.settings.calendar)
        opened = [open_file(path, workspace) for path in workspace.scenarios.values()]
        assert all(one.prepared for one in opened), "the originals are without errors"
        self.scenarios = {one.process: one.scenarios for one in opened}
        self.ready: dict[str, Ready] = {name: made_ready(loaded, workspace) for name, loaded in workspace.processes.items()}

    def prepared(self, process: str, instead: Mapping[str, Ready] | None = None) -> Prepared:
        return Prepared(self.workspace, process, self.calendar, {**self.ready, **(instead or {})})

    @cached_property
    def runs(self) -> dict[tuple[str, int], Run]:
        """The originals, played."""
        return {(process, number): run(self.prepared(process), one) for process, several in self.scenarios.items() for number, one in enumerate(several)}

    def told_apart(self, process: str, graph: Graph, found: bool) -> tuple[bool, bool]:
        """Whether a mutant does something else than its original, and whether a scenario fails; of one that the checker has `found` it is not
        asked further than to the first scenario that it plays otherwise."""
        changed = changed_nodes(self.ready[process].known.graph, graph)
        if changed == set():
            return False, False
        try:
            ready = self._ready(graph)
        except Exception:  # a graph with errors that cannot even be made ready: whoever deploys it sees that at once
            return True, True
        apart = False
        for name, number in self._touched(process, changed):
            again = run(self.prepared(name, {process: ready}), self.scenarios[name][number])
            apart = apart or again.trace != self.runs[name, number].trace
            if again.failed or (apart and found):
                return True, again.failed
        return apart, False

    def _ready(self, graph: Graph) -> Ready:
        """A graph ready to be played, as `made_ready` does it, without a store, which takes longer than the play."""
        types = {**{type.type: type for type in graph.documents}, **self.workspace.documents}
        text = to_json(graph)
        return Ready(Known(graph, self.workspace.directory, types), DefinitionRow(1, graph.process, "mutant", text, ""), Program(from_json(text)))

    def _touched(self, process: str, changed: set[str] | None) -> list[tuple[str, int]]:
        """The scenarios that come to something that is changed; those that come to most of it first."""
        near: dict[tuple[str, int], int] = {}
        for (name, number), run in self.runs.items():
            if changed is None:
                near[name, number] = 1 if self._plays(process, name, number, run) else 0
            else:
                near[name, number] = sum((process, node) in run.nodes for node in changed)
        return sorted((one for one, count in near.items() if count), key=lambda one: -near[one])

    def _plays(self, process: str, name: str, number: int, original: Run) -> bool:
        return process in (name, *map(str, self.scenarios[name][number].processes)) or any(one == process for one, _ in original.nodes)


def changed_nodes(before: Graph, after: Graph) -> set[str] | None:
    """The nodes that are not the same in both; None where something beside the nodes is not."""
    if _besides(before) != _besides(after):
        return None
    one, two = ({node.id: node for node in graph.nodes} for graph in (before, after))
    return {id for id in one.keys() | two.keys() if one.get(id) != two.get(id)}


def _besides(graph: Graph) -> list[Any]:
    """All of a graph but its nodes and what is no part of the meaning."""
    others = [name for name in Graph.__slots__ if name not in ("nodes", "steps", "source", "title", "entry")]
    return [[flow.to for flow in graph.entry], *(getattr(graph, name) for name in others)]
