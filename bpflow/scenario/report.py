"""A file of scenarios as a whole: what stops it from being played; what was played, what failed, and what of the process none has visited."""

from __future__ import annotations

from collections.abc import Iterator, Set
from pathlib import Path

from msgspec import Struct

from bpflow.diagnostics import Diagnostic, Severity, in_order
from bpflow.loading import LoadedWorkspace, find_workspace, load_workspace
from bpflow.scenario.coverage import Coverage, coverage_of
from bpflow.scenario.heeding import heed_scenarios
from bpflow.scenario.model import Scenario
from bpflow.scenario.player import Played, play
from bpflow.scenario.reading import load_scenarios
from bpflow.scenario.stage import Prepared, prepare


class Opened(Struct, frozen=True):
    """A file of scenarios, ready to be played: `play` them in what is `prepared`.

    Where it, its process or what is around it has errors, `prepared` is None. `findings` are those of all of them, `sources` the texts of
    the files that they are about, `place` what the file of the process is called.
    """

    file: str
    process: str
    scenarios: tuple[Scenario, ...]
    prepared: Prepared | None
    findings: list[Diagnostic]
    sources: dict[str, str]
    place: str | None

    def coverage(self, nodes: Set[str], flows: Set[str]) -> Coverage | None:
        """What scenarios that have been through these nodes and flows have visited of the process; None where it cannot be played."""
        return coverage_of(self.prepared.known.graph, nodes, flows, self.place) if self.prepared else None


class Report(Struct, frozen=True):
    """What came of a file of scenarios.

    Where it or its process has errors nothing is played, and `coverage` is None; `findings` are those of both, `sources` the texts
    of the files that they are about.
    """

    file: str
    process: str
    played: tuple[Played, ...]
    findings: list[Diagnostic]
    coverage: Coverage | None
    sources: dict[str, str]

    @property
    def ok(self) -> bool:
        """Everything was played, and was as the scenarios say."""
        return self.coverage is not None and all(played.ok for played in self.played)

    @property
    def failed(self) -> tuple[Played, ...]:
        """The scenarios that failed."""
        return tuple(played for played in self.played if not played.ok)


def play_file(path: Path | str, workspace: LoadedWorkspace | None = None) -> Report:
    """Plays all scenarios of a `*.test.yaml`, in the workspace given, else in the nearest one."""
    path = Path(path)
    file = open_file(path, workspace or load_workspace(find_workspace(path) or path.parent))
    prepared = file.prepared
    played = tuple(play(scenario, prepared.workspace, prepared) for scenario in file.scenarios) if prepared else ()
    nodes = {node for one in played for node in one.nodes}
    flows = {flow for one in played for flow in one.flows}
    return Report(file.file, file.process, played, file.findings, file.coverage(nodes, flows), file.sources)


def open_file(path: Path | str, workspace: LoadedWorkspace) -> Opened:
    """Reads and checks a `*.test.yaml` of a workspace; nothing is played yet."""
    file = load_scenarios(path)
    loaded = workspace.processes.get(file.process)
    findings = in_order([*heed_scenarios(file, workspace).findings, *_around(workspace), *(loaded.findings if loaded else [])])
    sources = {**workspace.sources, file.file: file.text}
    fit = loaded is not None and not any(finding.severity is Severity.ERROR for finding in findings)
    prepared = prepare(loaded, workspace) if loaded is not None and fit else None
    place = loaded.process.place.file if loaded is not None and loaded.process else None
    return Opened(file.file, file.process, file.scenarios, prepared, findings, sources, place)


def _around(workspace: LoadedWorkspace) -> Iterator[Diagnostic]:
    """The errors of the settings, the directory and the document types: with these nobody knows whose task is whose."""
    of_processes = {file for loaded in workspace.processes.values() for file in loaded.sources}
    yield from (one for one in workspace.findings if one.severity is Severity.ERROR and one.span.file not in of_processes)
