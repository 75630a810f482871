"""What is told about a file of scenarios, and what is silenced."""

from __future__ import annotations

from pathlib import Path

from bpflow.diagnostics import Diagnostic
from bpflow.loading import Heeded, LoadedWorkspace
from bpflow.loading.silencing import heed, silences_in, with_idle
from bpflow.scenario.checks import check_loaded
from bpflow.scenario.reading import LoadedScenarios, load_scenarios


def check_scenarios(path: Path | str, workspace: LoadedWorkspace) -> list[Diagnostic]:
    """The findings about a file of scenarios: its text, its shape, and what its process and its workspace do not have."""
    return heed_scenarios(load_scenarios(path), workspace).findings


def heed_scenarios(file: LoadedScenarios, workspace: LoadedWorkspace) -> Heeded:
    """The findings about scenarios that have been read, and those that are silenced."""
    rules, silences = workspace.settings.rules, silences_in(file.source)
    return with_idle(heed(check_loaded(file, workspace), rules, silences), rules, silences, whole=True)
