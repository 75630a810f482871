"""From a file to its scenarios, with all findings about its text and its shape."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bpflow.definition.reading import Reading
from bpflow.diagnostics import Diagnostic, Severity, in_order
from bpflow.loading.models import read_model
from bpflow.scenario.model import Scenario, ScenarioFile
from bpflow.schema import model_schema
from bpflow.source import Items, Source, Table, read_file


@dataclass(frozen=True, slots=True)
class LoadedScenarios:
    """A file of scenarios as read. `scenarios` are those that can be played; `findings` say what is wrong with the others."""

    file: str
    text: str
    process: str
    scenarios: tuple[Scenario, ...]
    findings: list[Diagnostic]
    source: Source

    @property
    def fit(self) -> bool:
        """There is no error among the findings."""
        return not any(finding.severity is Severity.ERROR for finding in self.findings)


def load_scenarios(path: Path | str) -> LoadedScenarios:
    """The scenarios of a `*.test.yaml`. Nothing is raised; findings name the file as `path` does."""
    source = read_file(Path(path), str(path))
    model, findings = read_model(source, ScenarioFile)
    scenarios = model.scenarios if model else _those_that_can_be_read(source)
    process = str(source.tree.get("process", "")) if isinstance(source.tree, Table) else ""
    ready = tuple(scenario.of(process, source.text) for scenario in scenarios)
    return LoadedScenarios(source.file, source.text, process, ready, in_order(findings), source)


def _those_that_can_be_read(source: Source) -> Iterator[Scenario]:
    """The scenarios of a file with mistakes in others: they are looked at too, so that all findings come at once."""
    tree = source.tree if isinstance(source.tree, Table) else Table()
    written = tree.get("scenarios")
    for one in written if isinstance(written, Items) else ():
        try:
            yield Scenario.model_validate(one, context=Reading(source.file))
        except ValidationError:
            continue


def scenario_schema() -> dict[str, Any]:
    """The JSON Schema of a `*.test.yaml`, for editors and other tools."""
    return model_schema(ScenarioFile, "bpflow scenarios")
