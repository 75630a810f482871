"""The program as a whole: its help, its languages, its exit codes."""

import json
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from bpflow import __version__
from bpflow.cli import app

COMMANDS = [name for names in app.ROOMS.values() for name in names]
READING = ["tasks", "task", "documents", "document", "calendar", "notices", "instances", "show", "incidents", "test", "validate"]
Bpflow = Callable[..., Any]


def test_each_room_has_the_commands_that_it_is_said_to_have() -> None:
    found = {room: tuple(one.name for one in import_module(f"bpflow.cli.{room}").commands.registered_commands) for room in app.ROOMS}
    assert found == app.ROOMS


@pytest.mark.parametrize("arguments", [["--help"], []])
def test_the_help_lists_every_command(bpflow: Bpflow, arguments: list[str]) -> None:
    told = bpflow(*arguments)
    assert told.code == 0
    assert [line.split()[0] for line in told.out.partition("Commands:\n")[2].splitlines() if line.startswith("  ") and line[2] != " "][
        : len(COMMANDS)
    ] == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_in_both_languages(bpflow: Bpflow, command: str) -> None:
    english, russian = bpflow(command, "--help"), bpflow("--lang", "ru", command, "-h")
    assert english.code == russian.code == 0
    assert english.out.startswith(f"Usage: bpflow {command}")
    assert "Options:" in english.out
    assert russian.out.startswith(f"Использование: bpflow {command}")
    assert english.out != russian.out
    assert "Show this message" not in russian.out


@pytest.mark.parametrize("command", READING)
def test_reading_commands_speak_json(bpflow: Bpflow, command: str) -> None:
    assert "--json" in bpflow(command, "--help").out


@pytest.mark.parametrize(
    "environment, spoken",
    [
        ({}, "en"),
        ({"LANG": "ru_RU.UTF-8"}, "ru"),
        ({"LANG": "ru_RU.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LC_ALL": "", "LC_MESSAGES": "ru_RU", "LANG": "en_US"}, "ru"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
    ],
)
def test_the_language_is_that_of_the_locale(environment: dict[str, str], spoken: str) -> None:
    assert app.language([], environment) == spoken


def test_the_language_that_is_named_wins() -> None:
    assert app.language(["--lang", "ru"], {"LANG": "en_US"}) == "ru"
    assert app.language(["--lang=en"], {"LANG": "ru_RU"}) == "en"


def test_the_options_of_every_command_may_stand_anywhere() -> None:
    given = ["tasks", "--db", "x.db", "--for", "ivanov", "-w", "there", "--lang=ru", "--traceback"]
    assert app.hoisted(given) == (["--db", "x.db", "-w", "there", "--lang=ru", "--traceback"], ["tasks", "--for", "ivanov"])
    assert app.hoisted(["start", "--", "--db", "x"]) == ([], ["start", "--", "--db", "x"])
    assert app.hoisted(["tasks", "--db"]) == ([], ["tasks", "--db"])


def test_the_version(bpflow: Bpflow) -> None:
    told = bpflow("--version")
    assert (told.code, told.out) == (0, f"bpflow {__version__}\n")


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["tsks"], 'there is no command "tsks" — did you mean "tasks"?'),
        (["tasks", "--fr", "ivanov"], 'there is no option "--fr"'),
        (["answer", "1.1.1"], '"--by" is missing — "bpflow answer --help" says how'),
        (["answer"], '"TASK" is missing'),
        (["tasks", "--for"], '"--for" needs a value'),
        (["--db"], '"--db" needs a value'),
        (["cancel", "1", "2", "--by", "x"], "too many arguments: 2"),
        (["show", "x"], 'INSTANCE is a number, not "x"'),
        (["instances", "--limit", "0"], '--limit is a number, not "0"'),
        (["instances", "--status", "runing"], '--status is one of running, suspended, ended, cancelled, failed, not "runing" — did you mean "running"?'),
        (["--lang", "fr", "tasks"], 'the language "fr" is not spoken: en, ru'),
        (["tasks", "-w", "nowhere"], '"nowhere" is no workspace: it has no "bpflow.yaml"'),
        (["start", "purchase", "--input", "what"], '"what" is not of the form --input NAME=VALUE'),
        (["start", "purchas"], 'there is no process "purchas" — did you mean "purchase"?'),
        (["work", "--workers", "many"], '--workers is a number, not "many"'),
        (["work", "--workers", "0"], '--workers is a number, not "0"'),
    ],
)
def test_wrong_use_is_said_in_one_line(bpflow: Bpflow, workspace: Path, arguments: list[str], said: str) -> None:
    if "start" not in arguments:
        bpflow("deploy")
    told = bpflow(*arguments)
    assert told.code == 2
    assert told.err.splitlines()[-1].startswith(said)
    assert told.out == ""


def test_without_a_database_there_is_nothing_to_read(bpflow: Bpflow, workspace: Path) -> None:
    told = bpflow("tasks")
    assert told.code == 2
    assert told.err.startswith('there is no database "bpflow.db"')
    assert not (workspace / "bpflow.db").exists()


def test_no_database_is_made_of_a_workspace_with_errors(bpflow: Bpflow, workspace: Path) -> None:
    (workspace / "bad.yaml").write_text("bpflow: 1\nid: bad\nsteps: []\n", encoding="utf-8")
    told = bpflow("start", "purchase", "--input", "what=x")
    assert told.code == 1
    assert "has errors" in told.err
    assert not (workspace / "bpflow.db").exists()


def test_a_fault_of_ours_is_told_from_the_others(bpflow: Bpflow, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no such luck")

    monkeypatch.setattr("bpflow.cli.check.check", broken)
    told = bpflow("validate", "purchase.yaml")
    assert (told.code, told.err) == (3, "this is a bug of bpflow: RuntimeError: no such luck — --traceback shows where\n")
    shown = bpflow("validate", "purchase.yaml", "--traceback")
    assert shown.code == 3
    assert "Traceback (most recent call last)" in shown.err
    assert bpflow("validate", "purchase.yaml", "--lang", "ru").err.startswith("это ошибка самого bpflow: RuntimeError")


def test_a_broken_pipe_is_quiet(program: Bpflow) -> None:
    code = "import sys; from bpflow.cli import main; sys.exit(main())"
    with subprocess.Popen([sys.executable, "-c", code, "schema"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() in (0, 141)


def test_the_database_may_be_named_by_the_environment(bpflow: Bpflow, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BPFLOW_DB", str(workspace / "other.db"))
    assert bpflow("deploy").code == 0
    assert (workspace / "other.db").exists()
    assert bpflow("tasks", "--db", f"sqlite:///{workspace}/other.db").out == "no open tasks\n"
    assert bpflow("tasks", "--db", "third.db").code == 2


def test_the_nearest_workspace_upwards_is_meant(bpflow: Bpflow, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workspace / "documents")
    assert bpflow("start", "purchase", "--input", "what=x").code == 0
    monkeypatch.chdir(workspace.parent)
    workspace.rename(workspace.parent / "processes")
    assert bpflow("start", "purchase", "--input", "what=x").code == 0
    (workspace.parent / "empty").mkdir()
    monkeypatch.chdir(workspace.parent / "empty")
    assert bpflow("start", "purchase").err.startswith("there is no workspace here")


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    assert {"rich", "pydantic", "yaml", "jsonschema", "sqlite3", "bpflow.loading", "bpflow.runtime"} & loaded_by(*arguments) == set()


def test_validate_loads_no_engine() -> None:
    assert {"rich", "sqlite3", "babel", "holidays", "icalendar", "bpflow.runtime", "bpflow.engine", "bpflow.cli.people"} & loaded_by(
        "validate", "processes/zhkkh-outreach.yaml"
    ) == set()


def loaded_by(*arguments: str) -> set[str]:
    code = f"import sys, json; from bpflow.cli import main; main({list(arguments)!r}); print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    root = Path(__file__).parent.parent.parent
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    return set(json.loads(done.stderr.splitlines()[-1]))
