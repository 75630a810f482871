"""Scenarios: an analyst's tests, played by the runtime's own engine on a virtual clock, and what of a process they have visited.

The law of this room: a scenario is `Engine` on an empty store in memory and nothing else. It reads the graph, plays the engine, and
adds no meaning of its own.
"""

from bpflow.scenario.checks import check_scenarios
from bpflow.scenario.coverage import Coverage, Share, Unvisited, coverage_of
from bpflow.scenario.expectations import Mismatch
from bpflow.scenario.failure import Failure
from bpflow.scenario.model import Scenario, ScenarioFile
from bpflow.scenario.player import Played, play
from bpflow.scenario.reading import LoadedScenarios, load_scenarios
from bpflow.scenario.report import Report, play_file
from bpflow.scenario.stage import Prepared, prepare

__all__ = [
    "Coverage",
    "Failure",
    "LoadedScenarios",
    "Mismatch",
    "Played",
    "Prepared",
    "Report",
    "Scenario",
    "ScenarioFile",
    "Share",
    "Unvisited",
    "check_scenarios",
    "coverage_of",
    "load_scenarios",
    "play",
    "play_file",
    "prepare",
]
