"""`validate` and `explain`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Bpflow = Callable[..., Any]
ROOT = Path(__file__).parent.parent.parent
BROKEN = "bpflow: 1\nid: broken\ntitle: Не так\nsteps:\n  - {activity: notfy, to: initiator, text: Привет}\n  - {activity: end, result: done}\n"


def test_the_processes_that_come_along_are_clean(bpflow: Bpflow) -> None:
    told = bpflow("validate", ROOT / "processes")
    assert told.code == 0
    assert told.out.startswith("clean (files: ")


def test_a_clean_file(bpflow: Bpflow, workspace: Path) -> None:
    assert bpflow("validate", "purchase.yaml").out == "clean (files: 1)\n"
    assert bpflow("validate", "purchase.yaml", "stuck.yaml", "--lang=ru").out == "находок нет (файлов: 2)\n"


def test_findings_have_place_line_and_caret(bpflow: Bpflow, workspace: Path) -> None:
    (workspace / "broken.yaml").write_text(BROKEN, encoding="utf-8")
    told = bpflow("validate", "broken.yaml")
    assert told.code == 1
    first, line, caret, *_, last = told.out.splitlines()
    assert first.startswith("broken.yaml:5:")
    assert 'did you mean "notify"?' in first
    assert first.endswith("[unknown-activity]")
    assert "activity: notfy" in line
    assert "^^^^^" in caret
    assert last == "files: 1, findings: 1"
    assert "\x1b" not in told.out


def test_findings_are_told_in_russian(bpflow: Bpflow, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (workspace / "broken.yaml").write_text(BROKEN, encoding="utf-8")
    monkeypatch.setenv("LANG", "ru_RU.UTF-8")
    told = bpflow("validate", "broken.yaml")
    assert "«notify»" in told.out
    assert "did you mean" not in told.out


def test_colour_on_a_terminal_only_where_it_is_wanted(bpflow: Bpflow, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (workspace / "broken.yaml").write_text(BROKEN, encoding="utf-8")
    monkeypatch.setattr("bpflow.cli.output.is_terminal", lambda stream: True)
    shown = bpflow("validate", "broken.yaml").out
    assert shown.startswith("\x1b[1mbroken.yaml:5:")
    assert "\x1b[1;31m" in shown
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in bpflow("validate", "broken.yaml").out


def test_findings_for_programs(bpflow: Bpflow, workspace: Path) -> None:
    (workspace / "broken.yaml").write_text(BROKEN, encoding="utf-8")
    told = bpflow("validate", "broken.yaml", "--format", "json")
    data = json.loads(told.out)
    assert told.code == 1
    assert data["files"] == 1
    (finding,) = data["findings"]
    assert (finding["file"], finding["line"], finding["rule"], finding["severity"]) == ("broken.yaml", 5, "unknown-activity", "error")
    assert finding["hint"] == 'did you mean "notify"?'
    assert json.loads(bpflow("validate", "purchase.yaml", "--json").out) == {"files": 1, "findings": []}


def test_advice_counts_only_if_it_is_strict(bpflow: Bpflow, workspace: Path) -> None:
    (workspace / "purchase.yaml").rename(workspace / "buying.yaml")
    told = bpflow("validate", ".")
    assert told.code == 0
    assert "advice: " in told.out
    assert "findings: 1" in told.out
    assert bpflow("validate", ".", "--strict").code == 1


def test_a_workspace_is_checked_with_its_scenarios(bpflow: Bpflow, workspace: Path) -> None:
    head = "process: purchase\nscenarios:\n  - title: Покупка\n    at: 2026-03-02T10:00+03:00\n    inputs: {what: стол}\n"
    scenarios = f"{head}    play:\n      - answer: {{task: decde, by: ivanov, outcome: buy}}\n"
    (workspace / "purchase.test.yaml").write_text(scenarios, encoding="utf-8")
    told = bpflow("validate", ".")
    assert told.code == 1
    assert 'did you mean "decide"?' in told.out
    assert "purchase.test.yaml:7:" in told.out
    assert bpflow("validate", "purchase.test.yaml").out.splitlines()[-1] == "files: 1, findings: 1"


def test_the_other_files_of_a_workspace_can_be_checked_alone(bpflow: Bpflow, workspace: Path) -> None:
    assert bpflow("validate", "bpflow.yaml", "directory.yaml", "documents/deal.yaml").out == "clean (files: 3)\n"
    (workspace / "directory.yaml").write_text("people:\n  ivanov: {name: Иванов, substitute: nobody}\n", encoding="utf-8")
    (workspace / "bpflow.yaml").write_text("langage: ru\n", encoding="utf-8")
    assert "directory.yaml:2:" in bpflow("validate", "directory.yaml").out
    assert "bpflow.yaml:1:" not in bpflow("validate", "directory.yaml").out
    assert "bpflow.yaml:1:" in bpflow("validate", "bpflow.yaml").out
    assert bpflow("validate", "documents").out == "clean (files: 1)\n"


def test_a_folder_that_is_no_workspace_is_looked_through(bpflow: Bpflow, workspace: Path) -> None:
    (workspace.parent / "alone.yaml").write_text(BROKEN, encoding="utf-8")
    told = bpflow("validate", workspace.parent)
    assert "alone.yaml:5:" in told.out
    assert told.out.splitlines()[-1] == "files: 7, findings: 1"


def test_a_path_that_is_not_there(bpflow: Bpflow, workspace: Path) -> None:
    told = bpflow("validate", "nosuch.yaml")
    assert (told.code, told.err) == (2, 'there is no file or folder "nosuch.yaml"\n')


def test_a_rule_is_explained(bpflow: Bpflow) -> None:
    for rule in ("unknown-name", "[unknown-name]"):
        told = bpflow("explain", rule)
        assert told.code == 0
        assert "Bad:" in told.out
        assert "Good:" in told.out


def test_all_rules_are_listed(bpflow: Bpflow) -> None:
    told = bpflow("explain")
    assert told.code == 0
    assert {"unknown-name", "unknown-activity"} <= {line.split()[0] for line in told.out.splitlines()}


def test_an_unknown_rule(bpflow: Bpflow) -> None:
    told = bpflow("explain", "unknow-name")
    assert (told.code, told.err) == (2, 'there is no rule "unknow-name" — did you mean "unknown-name"?\n')


def test_as_a_program(program: Bpflow) -> None:
    told = program("validate", "processes/zhkkh-outreach.yaml")
    assert (told.returncode, told.stdout, told.stderr) == (0, "clean (files: 1)\n", "")
    assert program("validate", "nosuch.yaml").returncode == 2
