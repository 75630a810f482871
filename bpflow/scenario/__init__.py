"""Scenarios: an analyst's tests, played by the runtime's own engine on a virtual clock, and what of a process they have visited.

The law of this room: a scenario is `Engine` on an empty store in memory and nothing else. It reads the graph, plays the engine, and
adds no meaning of its own.
"""

from bpflow.scenario.coverage import Coverage, Share, Unvisited, coverage_of, told
from bpflow.scenario.expectations import Mismatch
from bpflow.scenario.failure import Failure
from bpflow.scenario.heeding import check_scenarios, heed_scenarios
from bpflow.scenario.model import Scenario, ScenarioFile
from bpflow.scenario.player import Played, play
from bpflow.scenario.reading import LoadedScenarios, load_scenarios
from bpflow.scenario.report import Opened, Report, open_file, play_file
from bpflow.scenario.stage import Prepared, prepare
from bpflow.scenario.workspaces import Workspaces

__all__ = [
    "Coverage",
    "Failure",
    "LoadedScenarios",
    "Mismatch",
    "Opened",
    "Played",
    "Prepared",
    "Report",
    "Scenario",
    "ScenarioFile",
    "Share",
    "Unvisited",
    "Workspaces",
    "check_scenarios",
    "coverage_of",
    "heed_scenarios",
    "load_scenarios",
    "open_file",
    "play",
    "play_file",
    "prepare",
    "told",
]
