"""From a file to its scenarios, with all findings about its text and its shape."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from bpflow.diagnostics import Diagnostic, in_order
from bpflow.loading.models import read_rest
from bpflow.scenario.model import Scenario, ScenarioFile
from bpflow.source import Source, Table, read_file


class LoadedScenarios(Struct, frozen=True):
    """A file of scenarios as read. Where it is not `complete`, `scenarios` are what can be read of it, and `findings` say what cannot."""

    file: str
    text: str
    process: str
    scenarios: tuple[Scenario, ...]
    findings: list[Diagnostic]
    complete: bool
    source: Source


def load_scenarios(path: Path | str) -> LoadedScenarios:
    """The scenarios of a `*.test.yaml`. Nothing is raised; findings name the file as `path` does."""
    source = read_file(Path(path), str(path))
    read = read_rest(source, ScenarioFile)
    process = str(source.tree.get("process", "")) if isinstance(source.tree, Table) else ""
    scenarios = tuple(scenario.of(process, source.text) for scenario in read.model.scenarios) if read.model else ()
    return LoadedScenarios(source.file, source.text, process, scenarios, in_order(read.findings), read.whole, source)
