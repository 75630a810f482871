"""All scenarios of a file: what was played, what failed, and what of the process none of them has visited."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bpflow.diagnostics import Diagnostic, Severity, in_order
from bpflow.loading import Loaded, LoadedWorkspace, find_workspace, load_workspace
from bpflow.scenario.checks import check_loaded
from bpflow.scenario.coverage import Coverage, coverage_of
from bpflow.scenario.player import Played, play
from bpflow.scenario.reading import LoadedScenarios, load_scenarios
from bpflow.scenario.stage import Prepared, prepare


@dataclass(frozen=True, slots=True)
class Report:
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
    workspace = workspace or load_workspace(find_workspace(path) or path.parent)
    file = load_scenarios(path)
    loaded = workspace.processes.get(file.process)
    findings = in_order([*check_loaded(file, workspace), *(loaded.findings if loaded else [])])
    sources = {**(loaded.sources if loaded else {}), file.file: file.text}
    if loaded is None or any(finding.severity is Severity.ERROR for finding in findings):
        return Report(file.file, file.process, (), findings, None, sources)
    return _played(file, findings, sources, loaded, prepare(loaded, workspace))


def _played(file: LoadedScenarios, findings: list[Diagnostic], sources: dict[str, str], loaded: Loaded, prepared: Prepared) -> Report:
    played = tuple(play(scenario, prepared.workspace, prepared) for scenario in file.scenarios)
    nodes = {node for one in played for node in one.nodes}
    flows = {flow for one in played for flow in one.flows}
    place = loaded.process.place.file if loaded.process else None
    return Report(file.file, file.process, played, findings, coverage_of(prepared.known.graph, nodes, flows, place), sources)
