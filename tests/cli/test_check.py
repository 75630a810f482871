"""`validate` and `explain`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bpflow.checks import RULES
from bpflow.cli.explain import ROOMS
from bpflow.loading import load_workspace

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
    assert json.loads(bpflow("validate", "purchase.yaml", "--json").out) == {"files": 1, "findings": [], "silenced": []}


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


# ── whole workspaces ────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_whole_workspace_of_a_file_is_checked(bpflow: Bpflow, workspace: Path) -> None:
    path = workspace / "documents" / "deal.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("stage:", "phase:"), encoding="utf-8")
    assert bpflow("validate", "documents/deal.yaml").out == "clean (files: 1)\n"
    told = bpflow("validate", "--whole", "documents/deal.yaml", "directory.yaml")
    assert told.code == 1
    assert "deal-flow.yaml:7:43:" in told.out
    assert told.out.splitlines()[-1] == "files: 6, findings: 1"


def test_files_of_no_workspace_are_left_out_of_whole_ones(bpflow: Bpflow, workspace: Path) -> None:
    (workspace / ".github").mkdir()
    (workspace / ".github" / "ci.yaml").write_text("jobs: {}\n", encoding="utf-8")
    told = bpflow("validate", "--whole", ".github/ci.yaml")
    assert (told.code, told.out, told.err) == (0, "clean (files: 0)\n", "files of no workspace that are left out: 1\n")


def test_a_workspace_is_read_once_however_many_of_its_files_are_named(bpflow: Bpflow, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    monkeypatch.setattr("bpflow.loading.load_workspace", lambda folder: (read.append(folder), load_workspace(folder))[1])
    for process in ("purchase", "stuck"):
        scenario = f"process: {process}\nscenarios:\n  - {{title: It begins, at: 2026-03-02T10:00+03:00, by: ivanov, inputs: {{}}}}\n"
        (workspace / f"{process}.test.yaml").write_text(scenario, encoding="utf-8")
    bpflow("validate", *sorted(workspace.glob("*.yaml")), workspace / "documents" / "deal.yaml")
    assert read == [workspace]


# ── rules ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_rule_is_explained(bpflow: Bpflow) -> None:
    for rule in ("unknown-name", "[unknown-name]"):
        told = bpflow("explain", rule)
        assert told.code == 0
        assert told.out.splitlines()[0] == "unknown-name · error"
        assert "\nBad:\n" in told.out
        assert "\nGood:\n" in told.out


def test_a_rule_is_explained_in_russian_as_far_as_there_is_any(bpflow: Bpflow) -> None:
    told = bpflow("explain", "hash-cut", "--lang", "ru").out
    assert told.startswith("hash-cut · предупреждение\n\n`#` после пробела")
    assert "\nПлохо:\n" in told


def test_on_a_terminal_the_examples_are_in_colour(bpflow: Bpflow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bpflow.cli.output.is_terminal", lambda stream: True)
    monkeypatch.setenv("TERM", "xterm")
    lines = bpflow("explain", "number").out.splitlines()
    assert lines[0] == "\x1b[1mnumber\x1b[0m · \x1b[33mwarning\x1b[0m"
    bad, good = lines.index("\x1b[1;31m✗ Bad:\x1b[0m"), lines.index("\x1b[32m✓ Good:\x1b[0m")
    assert lines[bad + 2] == "  \x1b[1;31m│\x1b[0m variables:"
    assert lines[good + 2] == "  \x1b[32m│\x1b[0m variables:"


def test_all_rules_are_listed_by_room_and_severity(bpflow: Bpflow) -> None:
    told = bpflow("explain")
    assert told.code == 0
    lines = told.out.splitlines()
    listed = {line.split()[0]: line.split()[1] for line in lines if line.startswith("  ")}
    assert listed == {rule.id: rule.severity.value for rule in RULES.values()}
    scenarios = lines[lines.index("Scenarios") :]
    assert "unknown-outcome" in {line.split()[0] for line in scenarios if line}


def test_every_room_is_called_something() -> None:
    assert {rule.room for rule in RULES.values()} <= ROOMS.keys()


@pytest.mark.parametrize("name, near", [("unknow-name", "unknown-name"), ("[unknown-filed]", "unknown-field")])
def test_an_unknown_rule(bpflow: Bpflow, name: str, near: str) -> None:
    told = bpflow("explain", name)
    assert (told.code, told.err) == (2, f'there is no rule "{name}" — did you mean "{near}"?\n')


def test_as_a_program(program: Bpflow) -> None:
    told = program("validate", "processes/zhkkh-outreach.yaml")
    assert (told.returncode, told.stdout, told.stderr) == (0, "clean (files: 1)\n", "")
    assert program("validate", "nosuch.yaml").returncode == 2
