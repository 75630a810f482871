"""Scenarios among the tests of a program: the plugin of pytest, run by pytest."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from shutil import copytree

import pytest

import bpflow.scenario.workspaces
from bpflow.loading import load_workspace
from bpflow.scenario import play_file
from tests.test_frame import HEAVY

pytest_plugins = "pytester"

for module in walk_packages(bpflow.__path__, "bpflow."):
    import_module(module.name)  # what a run inside this one imports first, is gone from `sys.modules` afterwards

EXAMPLE = Path(__file__).parents[1] / "examples" / "tested"
DIRECTORY = "people:\n  anna: {name: Anna Hill}\n  boris: {name: Boris Wood}\n"
PROCESS = """\
bpflow: 1
id: ask
title: A question
steps:
  - id: question
    activity: request-info
    title: Shall we?
    to: user("anna")
    outcomes:
      "yes": {title: Yes}
      "no": {title: No, steps: [{activity: end, result: no}]}
  - {activity: end, result: yes}
"""
SCENARIOS = """\
process: ask
scenarios:
  - title: Anna agrees
    at: 2026-03-02T10:00Z
    play:
      - answer: {task: question, by: anna, outcome: yes}
    ends: {result: yes}
  - title: Анна не согласна
    at: 2026-03-02T10:00Z
    play:
      - answer: {task: question, by: anna, outcome: no}
    ends: {result: no}
"""
WRONG = """\
  - title: Boris is asked
    at: 2026-03-02T10:00Z
    play:
      - expect: {task: question, to: boris}
"""
FILE = "processes/ask.test.yaml"


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A program with one process and its scenarios."""
    monkeypatch.setenv("LC_ALL", "C")
    write(pytester, "processes/bpflow.yaml", "timezone: Europe/London\n")
    write(pytester, "processes/directory.yaml", DIRECTORY)
    write(pytester, "processes/ask.yaml", PROCESS)
    write(pytester, FILE, SCENARIOS)
    return pytester


def write(project: pytest.Pytester, name: str, text: str) -> None:
    path = project.path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def run(project: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return project.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:hypothesispytest", *arguments)


# ── collecting ──────────────────────────────────────────────────────────────────────────────────────────────────────
def test_each_scenario_is_an_item(project: pytest.Pytester) -> None:
    told = run(project, "--collect-only", "-q")
    assert told.outlines[:2] == [f"{FILE}::Anna agrees", f"{FILE}::Анна не согласна"]
    run(project).assert_outcomes(passed=2)


@pytest.mark.parametrize("chosen", [(f"{FILE}::Анна не согласна",), ("-k", "согласна"), ("-k", "ask and agrees"), ("-m", "bpflow", "-k", "agrees")])
def test_items_are_chosen_as_others_are(project: pytest.Pytester, chosen: tuple[str, ...]) -> None:
    run(project, *chosen).assert_outcomes(passed=1, deselected=0 if "::" in chosen[0] else 1)


def test_python_tests_run_beside_them(project: pytest.Pytester) -> None:
    project.makepyfile(test_one="def test_one(): pass")
    run(project).assert_outcomes(passed=3)
    run(project, "-m", "not bpflow").assert_outcomes(passed=1, deselected=2)


@pytest.mark.parametrize(
    "patterns, number",
    [("[]", 0), ('["processes/*.test.yaml"]', 2), ('["ask.test.yaml"]', 2), ('["other/*.test.yaml"]', 0)],
)
def test_the_project_says_which_files_are_collected(project: pytest.Pytester, patterns: str, number: int) -> None:
    project.makepyprojecttoml(f"[tool.pytest.ini_options]\nbpflow_scenarios = {patterns}\n")
    project.makepyfile(test_one="def test_one(): pass")
    run(project).assert_outcomes(passed=1 + number)
    run(project, FILE).assert_outcomes(passed=2)


def test_files_of_other_programs_are_left_alone(project: pytest.Pytester) -> None:
    write(project, "alerts/rules.test.yaml", "rule_files: [rules.yaml]\n")
    run(project).assert_outcomes(passed=2)
    run(project, "alerts/rules.test.yaml").assert_outcomes(errors=1)


def test_a_workspace_is_loaded_once(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[Path] = []
    monkeypatch.setattr(bpflow.scenario.workspaces, "load_workspace", lambda folder, **rest: (loaded.append(folder), load_workspace(folder, **rest))[1])
    write(project, "processes/again.test.yaml", SCENARIOS)
    run(project, "--bpflow-coverage").assert_outcomes(passed=4)
    assert loaded == [Path("processes")]


# ── what fails ──────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("locale, language", [("C", "en"), ("ru_RU.UTF-8", "ru")])
def test_a_failure_reads_as_on_the_command_line(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, locale: str, language: str) -> None:
    write(project, FILE, SCENARIOS + WRONG)
    monkeypatch.setenv("LC_ALL", locale)
    (failed,) = play_file(FILE).failed
    assert failed.failure is not None
    text = failed.failure.text(language)
    assert text.startswith(f"{FILE}:16:38: ")
    told = run(project)
    told.assert_outcomes(passed=2, failed=1)
    assert text in told.stdout.str()
    assert "Traceback" not in told.stdout.str()


def test_a_mistake_in_a_file_is_an_error_of_collecting_it(project: pytest.Pytester) -> None:
    write(project, "processes/other.test.yaml", SCENARIOS.replace("outcome: no", "outcome: nein"))
    told = run(project)
    told.assert_outcomes(errors=1)
    assert 'processes/other.test.yaml:11:53: "question" has no outcome "nein"' in told.stdout.str()
    assert "   11 |       - answer: {task: question, by: anna, outcome: nein}\n" in told.stdout.str()


@pytest.mark.parametrize(
    "file, text, place",
    [
        ("ask.yaml", PROCESS.replace("to: user", "too: user"), "processes/ask.yaml:8:5: "),
        ("directory.yaml", DIRECTORY + "peeple: {}\n", "processes/directory.yaml:4:1: "),
    ],
)
def test_so_is_a_mistake_in_what_it_plays(project: pytest.Pytester, file: str, text: str, place: str) -> None:
    write(project, f"processes/{file}", text)
    told = run(project)
    told.assert_outcomes(errors=1)
    assert place in told.stdout.str()


# ── what belongs to the program ─────────────────────────────────────────────────────────────────────────────────────
def test_the_example_passes_and_visits_everything(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    copytree(EXAMPLE, pytester.path, dirs_exist_ok=True)
    told = run(pytester, "--bpflow-coverage-fail-under=100")
    told.assert_outcomes(passed=4)
    assert told.ret == 0
    assert "visited in all: 10 of 10, 100 percent" in told.outlines


def test_activities_and_services_may_be_made_by_a_function(pytester: pytest.Pytester) -> None:
    copytree(EXAMPLE, pytester.path, dirs_exist_ok=True)
    settings = (EXAMPLE / "pyproject.toml").read_text(encoding="utf-8")
    pytester.makepyprojecttoml(settings.replace("shop:", "made:made."))
    pytester.makepyfile(made="import shop\nclass made:\n    ACTIVITIES = lambda: shop.ACTIVITIES\n    SERVICES = lambda: shop.SERVICES\n")
    run(pytester).assert_outcomes(passed=4)


@pytest.mark.parametrize(
    "named, reason",
    [("nosuch:SERVICES", "No module named 'nosuch'"), ("shop:NOTHING", "has no attribute 'NOTHING'"), ("shop:print_label", "missing 1 required"), ("shop", "")],
)
def test_what_cannot_be_had_is_told(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, named: str, reason: str) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    copytree(EXAMPLE, pytester.path, dirs_exist_ok=True)
    settings = (EXAMPLE / "pyproject.toml").read_text(encoding="utf-8")
    pytester.makepyprojecttoml(settings.replace("shop:SERVICES", named))
    told = run(pytester, "--bpflow-coverage")
    told.assert_outcomes(errors=1)
    assert f'"bpflow_services: {named}" cannot be had: ' in told.stdout.str()
    assert reason in told.stdout.str()


# ── coverage ────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_coverage_tells_what_no_scenario_has_visited(project: pytest.Pytester) -> None:
    told = run(project, "--bpflow-coverage", "-k", "agrees")
    assert told.ret == 0
    told.stdout.fnmatch_lines(
        [
            "*= coverage of processes =*",
            FILE,
            "  visited: steps 2/3, branches 0/0, outcomes 1/2",
            '    not visited: the outcome "No" (no) of "Shall we?" (question), processes/ask.yaml:5:5',
            '    not visited: "end", processes/ask.yaml:11:*',
            "visited in all: 3 of 5, 60 percent",
        ]
    )


@pytest.mark.parametrize("share, code", [("60", 0), ("60.1", 1), ("100", 1)])
def test_coverage_may_be_too_little(project: pytest.Pytester, share: str, code: int) -> None:
    told = run(project, f"--bpflow-coverage-fail-under={share}", "-k", "agrees")
    assert told.ret == code
    assert any(line.startswith("visited in all: 3 of 5, 60 percent") for line in told.outlines)


def test_a_process_without_scenarios_counts(project: pytest.Pytester) -> None:
    write(project, "processes/other.yaml", PROCESS.replace("id: ask", "id: other"))
    told = run(project, "--bpflow-coverage-fail-under=51")
    assert told.ret == 1
    told.stdout.fnmatch_lines(["processes/other.yaml", "  visited: steps 0/3, branches 0/0, outcomes 0/2", "visited in all: 5 of 10, 50 percent, *51"])


def test_nothing_collected_is_too_little(project: pytest.Pytester) -> None:
    project.makepyfile(test_one="def test_one(): pass")
    told = run(project, "test_one.py", "--bpflow-coverage-fail-under=1")
    assert told.ret == 1
    assert "no scenarios were collected" in told.outlines


@pytest.mark.parametrize("share", ["101", "-1", "much"])
def test_a_share_is_one(project: pytest.Pytester, share: str) -> None:
    assert run(project, f"--bpflow-coverage-fail-under={share}").ret == pytest.ExitCode.USAGE_ERROR


def test_workers_of_xdist_add_up(project: pytest.Pytester) -> None:
    told = run(project, "-n", "2", "--bpflow-coverage-fail-under=100")
    told.assert_outcomes(passed=2)
    assert told.ret == 0
    assert "visited in all: 5 of 5, 100 percent" in told.outlines


# ── what it costs others ────────────────────────────────────────────────────────────────────────────────────────────
def test_it_costs_nothing_where_there_are_no_scenarios(pytester: pytest.Pytester) -> None:
    code = f"import sys\n\ndef test_one():\n    assert {HEAVY!r} & sys.modules.keys() == set()\n"
    pytester.makepyfile(test_one=code)
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:hypothesispytest", "-p", "no:anyio"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
