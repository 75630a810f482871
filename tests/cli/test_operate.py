"""Deploying, starting, going on."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Bpflow = Callable[..., Any]
SCRIPT = "import sys; from bpflow.cli import main; sys.exit(main())"


def shown(bpflow: Bpflow, instance: int = 1) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(bpflow("show", instance, "--json").out)
    return found


# ── deploy, start ───────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_workspace_is_deployed_once(bpflow: Bpflow, workspace: Path) -> None:
    told = bpflow("deploy")
    assert told.code == 0
    assert told.out.splitlines() == [f'deployed "{process}", version 1' for process in ("deal-flow", "purchase", "stuck")]
    assert bpflow("deploy", "purchase.yaml").out == '"purchase" is deployed already, version 1\n'
    (workspace / "purchase.yaml").write_text((workspace / "purchase.yaml").read_text(encoding="utf-8").replace("Покупаем?", "Берём?"), encoding="utf-8")
    assert bpflow("deploy", ".").out.splitlines()[1] == 'deployed "purchase", version 2'


def test_what_has_errors_is_not_deployed(bpflow: Bpflow, workspace: Path) -> None:
    (workspace / "bad.yaml").write_text("bpflow: 1\nid: bad\nsteps: []\n", encoding="utf-8")
    told = bpflow("deploy", ".")
    assert told.code == 1
    assert told.err.startswith('"." has errors ("bpflow validate" tells all of them); the first is bad.yaml:')
    assert bpflow("deploy", "nosuch.yaml").code == 2
    assert bpflow("deploy", "purchase.yaml").code == 0


def test_an_instance_is_started(bpflow: Bpflow, workspace: Path) -> None:
    told = bpflow("start", "purchase", "--input", "what=стол", "--input", "pieces=3", "--by", "sidorov")
    assert (told.code, told.out) == (0, 'started "purchase": instance 1\n')
    assert 'deployed "purchase", version 1' in told.err
    assert bpflow("start", "purchase", "--input", "what=стул").said == 'started "purchase": instance 2\n'
    history = shown(bpflow)["history"]
    assert (history[0]["kind"], history[0]["by"]) == ("started", "sidorov")


def test_a_process_that_only_the_workspace_knows_is_deployed_on_the_way(bpflow: Bpflow, workspace: Path) -> None:
    bpflow("deploy", "stuck.yaml")
    told = bpflow("start", "purchase", "--input", "what=стол")
    assert (told.out, told.err) == ('started "purchase": instance 1\n', 'deployed "purchase", version 1\n')


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["purchase"], '"Что" must be filled'),
        (["purchase", "--input", "wat=стол"], 'there is no field "wat", did you mean "what"?'),
        (["purchase", "--input", "what=x", "--input", "pieces=много"], '"Сколько": '),
        (["purchase", "--input", "what=x", "--document", "deal:1"], 'the process "purchase" has no document'),
        (["deal-flow"], '"deal-flow" runs on a document of the type "deal"'),
        (["deal-flow", "--document", "deal:1"], 'there is no document "deal:1"'),
    ],
)
def test_a_start_that_is_refused_starts_nothing(bpflow: Bpflow, workspace: Path, arguments: list[str], said: str) -> None:
    bpflow("deploy")
    told = bpflow("start", *arguments)
    assert told.code == 1
    assert told.err.startswith(said)
    assert bpflow("instances").out == "no instances\n"


# ── work ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def a_won_deal(bpflow: Bpflow, workspace: Path) -> None:
    """A deal whose process rests for a second."""
    (workspace / "deals.csv").write_text("name;responsible;stage\nСтол;ivanov;new\n", encoding="utf-8")
    bpflow("import-documents", "deal", "deals.csv")
    bpflow("work")
    bpflow("set-document", "deal:1", "stage=won")


def test_a_change_starts_and_work_goes_on(bpflow: Bpflow, workspace: Path) -> None:
    a_won_deal(bpflow, workspace)
    assert shown(bpflow)["where"][0]["kind"] == "pause"
    assert 'waits at "Отдых" until ' in bpflow("show", "1").out
    time.sleep(1.1)
    assert bpflow("work").out == "timers: 1, changes: 0, messages: 0, calls: 0, starts: 0\n"
    assert bpflow("work", "--lang=ru").code == 0
    (task,) = json.loads(bpflow("tasks", "--json").out)
    assert (task["subject"], task["document"]) == ("Подписать", "deal:1")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_work_goes_on_until_it_is_stopped(bpflow: Bpflow, workspace: Path, how: signal.Signals) -> None:
    a_won_deal(bpflow, workspace)
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    command = [sys.executable, "-c", SCRIPT, "work", "--workers", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as process:
        for _ in range(100):
            if json.loads(bpflow("tasks", "--json").out):
                break
            time.sleep(0.1)
        process.send_signal(how)
        out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err) == (0, "timers: 1, changes: 0, messages: 0, calls: 0, starts: 0\n", "working; Ctrl+C stops\nstopped\n")


# ── the form of a start ─────────────────────────────────────────────────────────────────────────────────────────────
def test_a_terminal_asks_for_the_form_of_a_start(bpflow: Bpflow, workspace: Path) -> None:
    bpflow("deploy")
    told = bpflow("start", "purchase", "--by", "sidorov", typed=["", "стол", "много", "3"])
    assert told.code == 0, told.said
    assert told.out.startswith("Закупка\nЧто (text), required: ")
    assert "a value is required" in told.out
    assert '"много" is not a whole number' in told.out
    assert told.out.endswith('started "purchase": instance 1\n')
    names = shown(bpflow)["names"]
    assert (names["what"], names["pieces"]) == ("стол", 3)


def test_who_stops_in_the_middle_of_the_form_starts_nothing(bpflow: Bpflow, workspace: Path) -> None:
    bpflow("deploy")
    told = bpflow("start", "purchase", typed=["стол"])
    assert (told.code, told.err) == (1, "nothing was started\n")
    assert bpflow("instances").out == "no instances\n"


def test_a_terminal_is_not_asked_where_options_say_it(bpflow: Bpflow, workspace: Path) -> None:
    bpflow("deploy")
    assert bpflow("start", "purchase", "--input", "what=стол", typed=[]).out == 'started "purchase": instance 1\n'
    assert bpflow("start", "purchase", "--input", "pieces=1", typed=[]).err.startswith('"Что" must be filled')


# ── schedules ───────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_schedule_is_worked_until_its_process_is_undeployed(bpflow: Bpflow, workspace: Path) -> None:
    text = "bpflow: 1\nid: tick\nstart: [{on: schedule, cron: '* * * * *'}]\nsteps: [{activity: end, result: done}]\n"
    (workspace / "tick.yaml").write_text(text, encoding="utf-8")
    bpflow("deploy")
    assert bpflow("work").out == "timers: 0, changes: 0, messages: 0, calls: 0, starts: 0\n"
    db = sqlite3.connect("bpflow.db")
    with db:
        db.execute("update schedule set due = 0")
    db.close()
    assert bpflow("work").out == "timers: 0, changes: 0, messages: 0, calls: 0, starts: 1\n"
    assert shown(bpflow)["result"] == "done"
    assert bpflow("undeploy", "tick").out == '"tick" is no longer deployed\n'
    assert bpflow("undeploy", "tick").code == 1
