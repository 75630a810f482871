"""Scenarios among the tests of a program: a plugin of pytest that collects `*.test.yaml`, each scenario an item of its own.

The law of this file: it plays nothing itself and says nothing of its own; whatever fails here reads as in `bpflow test`. It is loaded by
every run of pytest wherever bpflow is installed, so until a file of scenarios is met it imports nothing of bpflow that is slow.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bpflow.diagnostics import Message, Refused, Severity, render, say, spoken

if TYPE_CHECKING:
    from bpflow.loading import Loaded
    from bpflow.scenario import Coverage, Failure, Opened, Played, Scenario, Workspaces

ENDING = ".test.yaml"
COVERAGE, FAIL_UNDER = "--bpflow-coverage", "--bpflow-coverage-fail-under"


# ── what may be set ─────────────────────────────────────────────────────────────────────────────────────────────────
def pytest_addoption(parser: pytest.Parser) -> None:
    """The options, and the settings of the project."""
    group = parser.getgroup("bpflow", "scenarios of bpflow")
    group.addoption(COVERAGE, action="store_true", help="say what of each process no scenario has visited")
    group.addoption(FAIL_UNDER, type=_share, metavar="PERCENT", help="the same, and fail if less of all steps, branches and outcomes was visited")
    parser.addini("bpflow_scenarios", "which *.test.yaml of workspaces are collected, as globs; an empty list: none", "linelist", [f"*{ENDING}"])
    parser.addini("bpflow_services", "the program's services by name, or a function that gives them, as module:name")
    parser.addini("bpflow_activities", "the program's activities by name, or a function that gives them, as module:name")


def _share(text: str) -> float:
    share = float(text)
    if not 0 <= share <= 100:
        raise ValueError(text)
    return share


def pytest_configure(config: pytest.Config) -> None:
    """The mark that all scenarios have, and what the session remembers."""
    config.addinivalue_line("markers", "bpflow: a scenario of a process (set by bpflow itself)")
    config.stash[PLAYING] = Playing(config)


def named(config: pytest.Config, setting: str) -> Mapping[str, Any]:
    """What a setting `module:name` names. Refused if it cannot be had."""
    text = str(config.getini(setting) or "").strip()
    module, _, name = text.partition(":")
    if not text:
        return {}
    try:
        return _mapping(module, name)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise Refused(say('"{setting}: {text}" cannot be had: {reason}', setting=setting, text=text, reason=str(error))) from error


def _mapping(module: str, name: str) -> Mapping[str, Any]:
    from importlib import import_module

    found: Any = import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    if callable(found):
        found = found()
    if not isinstance(found, Mapping):
        raise TypeError(f"a mapping is needed, not {type(found).__name__}")
    return found


# ── what a session remembers ────────────────────────────────────────────────────────────────────────────────────────
class Playing:
    """The workspaces of one run, each loaded once, and what has been visited of the processes."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.language = spoken(os.environ)
        self.visited: dict[str, tuple[set[str], set[str]]] = {}
        """The nodes and the flows that the scenarios of each file have visited, by its path."""
        self.coverages: dict[str, Coverage] = {}
        """What was visited in the end, by file."""
        self._opened: dict[Path, Opened] = {}

    @cached_property
    def workspaces(self) -> Workspaces:
        """The workspaces. Refused if the program's own services or activities cannot be had."""
        from bpflow.scenario import Workspaces

        return Workspaces(named(self.config, "bpflow_activities"), named(self.config, "bpflow_services"))

    def open(self, path: Path) -> Opened:
        """A file of scenarios in its workspace; findings name it as seen from here. Refused as `workspaces` is."""
        from bpflow.scenario import open_file

        if path not in self._opened:
            here = Path(os.path.relpath(path))
            self._opened[path] = open_file(here, self.workspaces.of(here))
        return self._opened[path]

    @property
    def opened(self) -> tuple[Opened, ...]:
        """The files that have been opened."""
        return tuple(self._opened.values())

    def visit(self, path: str, nodes: Iterable[str] = (), flows: Iterable[str] = ()) -> None:
        """Scenarios of the file have been through these."""
        before = self.visited.setdefault(path, (set(), set()))
        before[0].update(nodes)
        before[1].update(flows)

    def text(self, message: Message) -> str:
        """The message in the language of the locale."""
        return message.text(self.language)


PLAYING = pytest.StashKey[Playing]()


# ── collecting ──────────────────────────────────────────────────────────────────────────────────────────────────────
def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> ScenarioFile | None:
    """A file of scenarios of some workspace; one that is named on the command line is taken whatever is set."""
    if not file_path.name.endswith(ENDING):
        return None
    taken = parent.session.isinitpath(file_path) or (_is_wanted(file_path, parent.config) and _is_in_workspace(file_path))
    return ScenarioFile.from_parent(parent, path=file_path) if taken else None


def _is_wanted(path: Path, config: pytest.Config) -> bool:
    return any(path.match(pattern) for pattern in config.getini("bpflow_scenarios"))


def _is_in_workspace(path: Path) -> bool:
    """Other programs have files that are called so too."""
    from bpflow.loading import find_workspace

    return find_workspace(path) is not None


class ScenarioFile(pytest.File):
    """A file of scenarios."""

    @property
    def playing(self) -> Playing:
        """What the session remembers."""
        return self.config.stash[PLAYING]

    @cached_property
    def opened(self) -> Opened:
        """The file as it is played. CollectError if it, its process or its workspace has errors."""
        try:
            opened = self.playing.open(self.path)
        except Refused as refused:
            raise self.CollectError(self.playing.text(refused.message)) from refused
        if opened.prepared is None:
            errors = [one for one in opened.findings if one.severity is Severity.ERROR] or opened.findings
            raise self.CollectError("\n".join(render(one, opened.sources.get(one.span.file), self.playing.language) for one in errors))
        return opened

    def collect(self) -> Iterator[ScenarioItem]:
        """Its scenarios, in their order."""
        self.playing.visit(str(self.path))
        for scenario in self.opened.scenarios:
            yield ScenarioItem.from_parent(self, name=str(scenario.title), scenario=scenario)


class ScenarioFailed(Exception):
    """Something is not as the scenario says."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(str(failure.mismatches[0].message))
        self.failure = failure


class ScenarioItem(pytest.Item):
    """A scenario."""

    parent: ScenarioFile

    def __init__(self, *, scenario: Scenario, **rest: Any) -> None:
        super().__init__(**rest)
        self.scenario = scenario
        self.add_marker("bpflow")

    def runtest(self) -> None:
        """Plays it. Raises ScenarioFailed."""
        played = self._played()
        self.parent.playing.visit(str(self.path), played.nodes, played.flows)
        if played.failure is not None:
            raise ScenarioFailed(played.failure)

    def _played(self) -> Played:
        from bpflow.scenario import play

        prepared = self.parent.opened.prepared
        assert prepared is not None
        return play(self.scenario, prepared.workspace, prepared)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """A failure as `bpflow test` tells it; anything else as pytest does."""
        if isinstance(excinfo.value, ScenarioFailed):
            return excinfo.value.failure.text(self.parent.playing.language)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where it stands."""
        return self.path, self.scenario.place.line - 1, self.name


# ── coverage ────────────────────────────────────────────────────────────────────────────────────────────────────────
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of xdist tells what it has visited; the session that has all of it fails if that is too little."""
    config = session.config
    playing, output = config.stash[PLAYING], getattr(config, "workeroutput", None)
    if output is not None:
        output["bpflow"] = [[path, sorted(nodes), sorted(flows)] for path, (nodes, flows) in playing.visited.items()]
    elif is_asked(config):
        playing.coverages = dict(_coverages(playing))
        if session.exitstatus == pytest.ExitCode.OK and is_too_little(config, playing.coverages.values()):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Takes in what a worker of xdist has visited."""
    for path, nodes, flows in getattr(node, "workeroutput", {}).get("bpflow", ()):
        node.config.stash[PLAYING].visit(path, nodes, flows)


def is_asked(config: pytest.Config) -> bool:
    """Whether coverage is to be told."""
    asked = config.getoption(COVERAGE) or config.getoption(FAIL_UNDER) is not None
    return bool(asked) and not config.option.collectonly


def _coverages(playing: Playing) -> Iterator[tuple[str, Coverage]]:
    """What was visited of the processes by their files; nothing of those that have no scenarios at all. What cannot be played has been told."""
    for path, (nodes, flows) in sorted(playing.visited.items()):
        with suppress(Refused):
            found = playing.open(Path(path)).coverage(nodes, flows)
            if found is not None:
                yield os.path.relpath(path), found
    for workspace in playing.workspaces.loaded if playing.opened else ():
        for name in sorted(workspace.processes.keys() - workspace.scenarios.keys() - {opened.process for opened in playing.opened}):
            yield from _untried(workspace.processes[name])


def _untried(loaded: Loaded) -> Iterator[tuple[str, Coverage]]:
    from bpflow.scenario import coverage_of

    if loaded.graph is not None and loaded.process is not None:
        file = loaded.process.place.file
        yield file, coverage_of(loaded.graph, set(), set(), file)


def is_too_little(config: pytest.Config, coverages: Iterable[Coverage]) -> bool:
    """Whether less was visited than the project asks for; nothing at all is too little."""
    visited, total = of_all(coverages)
    wanted = config.getoption(FAIL_UNDER) or 0
    return visited * 100 < wanted * total or (wanted > 0 and not total)


def of_all(coverages: Iterable[Coverage]) -> tuple[int, int]:
    """How many of all steps, branches and outcomes were visited, and how many there are."""
    shares = [share for coverage in coverages for share in (coverage.steps, coverage.branches, coverage.outcomes)]
    return sum(share.visited for share in shares), sum(share.total for share in shares)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """What no scenario has visited, file by file."""
    if not is_asked(config):
        return
    from bpflow.scenario import told

    playing = config.stash[PLAYING]
    terminalreporter.section(playing.text(say("coverage of processes")))
    for file, coverage in playing.coverages.items():
        terminalreporter.line(file)
        for line in told(coverage):
            terminalreporter.line(playing.text(line), yellow=not coverage.full)
    few = is_too_little(config, playing.coverages.values())
    terminalreporter.line(playing.text(in_all(config, *of_all(playing.coverages.values()), few)), red=few, green=not few)


def in_all(config: pytest.Config, visited: int, total: int, few: bool) -> Message:
    """The last line."""
    if not total:
        return say("no scenarios were collected")
    words = {"visited": visited, "total": total, "percent": visited * 100 // total}
    if few:
        wanted = f"{config.getoption(FAIL_UNDER):g}"
        return say("visited in all: {visited} of {total}, {percent} percent, which is less than {wanted}", **words, wanted=wanted)
    return say("visited in all: {visited} of {total}, {percent} percent", **words)
