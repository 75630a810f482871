"""`test`: scenarios and coverage."""

import json
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

Bpflow = Callable[..., Any]
ROOT = Path(__file__).parent.parent.parent
GOOD = """
    process: purchase
    scenarios:
      - title: Отказали
        at: 2026-03-02T10:00+10:00
        inputs: {what: стол}
        play:
          - expect: {task: decide, to: ivanov}
          - answer: {task: decide, by: ivanov, outcome: refuse, comment: Есть уже}
        ends: {result: refused}
"""
BUYING = """
      - title: Купили
        at: 2026-03-02T10:00+10:00
        inputs: {what: стол}
        play:
          - answer: {task: decide, by: ivanov, outcome: buy, price: 100, buyer: petrova}
        ends: {result: bought}
"""


def scenarios(folder: Path, *parts: str) -> None:
    (folder / "purchase.test.yaml").write_text("".join(dedent(part) if part is GOOD else part.replace("\n    ", "\n") for part in parts), encoding="utf-8")


def test_those_that_come_along_pass_and_visit_everything(bpflow: Bpflow) -> None:
    told = bpflow("test", ROOT / "processes", "--coverage-required")
    assert told.code == 0, told.out
    assert "failed: 0" in told.out.splitlines()[-1]


def test_a_line_for_each_scenario_and_what_was_not_visited(bpflow: Bpflow, workspace: Path) -> None:
    scenarios(workspace, GOOD)
    told = bpflow("test", "purchase.test.yaml")
    assert told.code == 0
    assert "  ✓ Отказали\n" in told.out
    assert "  visited: steps " in told.out
    assert 'not visited: the outcome "Купить" (buy) of "Покупаем?" (decide), purchase.yaml:' in told.out
    assert told.out.splitlines()[-1] == "played: 1, failed: 0"
    assert bpflow("test", "purchase.test.yaml", "--coverage-required").code == 1
    assert bpflow("test", "purchase.yaml").out == told.out


def test_everything_was_visited(bpflow: Bpflow, workspace: Path) -> None:
    scenarios(workspace, GOOD, BUYING)
    assert bpflow("test", "purchase.yaml", "--coverage-required").code == 0


def test_a_failure_says_what_was_expected_and_where_it_stood(bpflow: Bpflow, workspace: Path) -> None:
    scenarios(workspace, GOOD.replace("to: ivanov", "to: petrova"))
    (workspace / "purchase.test.yaml").write_text(dedent(GOOD.replace("to: ivanov", "to: petrova")), encoding="utf-8")
    told = bpflow("test", "purchase.test.yaml")
    assert told.code == 1
    assert "  ✗ Отказали\n" in told.out
    assert "purchase.test.yaml:8:" in told.out
    assert "Покупаем?" in told.out
    assert told.out.splitlines()[-1] == "played: 1, failed: 1"
    assert bpflow("test", "purchase.test.yaml", "--lang", "ru").out.splitlines()[-1].startswith("сыграно: 1")


def test_a_folder_tells_of_processes_without_scenarios(bpflow: Bpflow, workspace: Path) -> None:
    scenarios(workspace, GOOD, BUYING)
    told = bpflow("test", ".")
    assert told.code == 0
    assert '"stuck" has no scenarios' in told.out
    assert bpflow("test", ".", "--coverage-required").code == 1


def test_scenarios_with_mistakes_are_not_played(bpflow: Bpflow, workspace: Path) -> None:
    (workspace / "purchase.test.yaml").write_text(dedent(GOOD.replace("outcome: refuse", "outcome: refuze")), encoding="utf-8")
    told = bpflow("test", "purchase.test.yaml")
    assert told.code == 1
    assert 'did you mean "refuse"?' in told.out
    assert "✓" not in told.out


def test_for_programs(bpflow: Bpflow, workspace: Path) -> None:
    scenarios(workspace, GOOD)
    told = bpflow("test", ".", "--json")
    data = json.loads(told.out)
    (report,) = data["reports"]
    assert report["ok"] is True
    assert report["scenarios"] == [{"title": "Отказали", "line": 4, "ok": True, "failures": [], "stood": []}]
    assert report["coverage"]["outcomes"]["visited"] == 1
    assert len(report["coverage"]["outcomes"]["unvisited"]) == 1
    assert data["without_scenarios"] == ["deal-flow", "stuck"]


@pytest.mark.parametrize("path", ["stuck.yaml", "documents", "nosuch"])
def test_nothing_to_play_is_wrong_use(bpflow: Bpflow, workspace: Path, path: str) -> None:
    assert bpflow("test", path).code == 2
