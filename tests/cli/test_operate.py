"""Deploying, starting, going on, repairing."""

import json
import os
import signal
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
    assert bpflow("work").out == "timers: 1, changes: 0, messages: 0, calls: 0\n"
    assert bpflow("work", "--lang=ru").code == 0
    (task,) = json.loads(bpflow("tasks", "--json").out)
    assert (task["subject"], task["document"]) == ("Подписать", "deal:1")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_work_goes_on_until_it_is_stopped(bpflow: Bpflow, workspace: Path, how: signal.Signals) -> None:
    a_won_deal(bpflow, workspace)
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    command = [sys.executable, "-c", SCRIPT, "work", "--until-stopped", "--every", "1min"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as process:
        for _ in range(100):
            if json.loads(bpflow("tasks", "--json").out):
                break
            time.sleep(0.1)
        process.send_signal(how)
        out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err) == (0, "timers: 1, changes: 0, messages: 0, calls: 0\n", "working; Ctrl+C stops\nstopped\n")


# ── incidents ───────────────────────────────────────────────────────────────────────────────────────────────────────
def test_an_incident_is_told_tried_again_and_passed_over(bpflow: Bpflow, workspace: Path) -> None:
    bpflow("start", "stuck", "--input", "n=7")
    line = bpflow("incidents").out.splitlines()[1]
    assert line.split()[:2] == ["1", str(incident(bpflow))]
    assert "Куда?" in line
    assert "stuck.yaml:10:" in line
    assert "stuck.yaml:10:" in bpflow("show", "1").out
    assert bpflow("instances", "--incidents").out.splitlines()[1].endswith("  1")

    told = bpflow("retry", "1", incident(bpflow), "--by", "sidorov", "--why", "Ещё раз")
    assert told.code == 1
    assert told.out.startswith("open incident ")
    assert any((line["kind"], line["by"], line["text"]) == ("retry", "sidorov", "Ещё раз") for line in shown(bpflow)["history"])

    told = bpflow("skip", "1", incident(bpflow), "--by", "sidorov")
    assert told.code == 1
    assert told.err.startswith("say by which branch to leave the step: ")
    assert bpflow("skip", "1", incident(bpflow), "--by", "sidorov", "--branch", "2", "--why", "Направо").out == "instance 1 has ended\n"
    assert shown(bpflow)["result"] == "right"
    assert bpflow("incidents").out == "no incidents\n"
    assert bpflow("incidents", "--json").out == "[]\n"


def incident(bpflow: Bpflow) -> int:
    (one,) = json.loads(bpflow("incidents", "--json").out)
    return int(one["incident"])


def test_a_step_is_passed_over_with_results_of_its_types(bpflow: Bpflow, workspace: Path) -> None:
    bpflow("start", "stuck", "--input", "n=3")
    told = bpflow("skip", "1", incident(bpflow), "--by", "sidorov", "--set", "m=много")
    assert (told.code, shown(bpflow)["status"]) == (2, "running")
    assert told.err.startswith('"m": "много" is not a whole number')
    assert bpflow("skip", "1", incident(bpflow), "--by", "sidorov", "--set", "m=4").code == 0
    assert shown(bpflow)["names"]["m"] == 4
    assert shown(bpflow)["result"] == "through"


@pytest.mark.parametrize("command", [["retry", "1", "77"], ["skip", "1", "77"], ["retry", "9", "1"], ["cancel", "9"]])
def test_what_is_not_there_cannot_be_repaired(bpflow: Bpflow, workspace: Path, command: list[str]) -> None:
    bpflow("start", "stuck", "--input", "n=7")
    told = bpflow(*command, "--by", "sidorov")
    assert told.code == 1
    assert told.err.startswith("there is no ")
    assert bpflow(*command, "--by", "nobody").code == 2


def test_an_instance_is_cancelled_once(bpflow: Bpflow, workspace: Path) -> None:
    bpflow("start", "purchase", "--input", "what=стол")
    assert bpflow("cancel", "1", "--by", "sidorov", "--why", "Не нужно").out == "instance 1 was cancelled\n"
    assert bpflow("tasks").out == "no open tasks\n"
    assert shown(bpflow)["status"] == "cancelled"
    assert bpflow("cancel", "1", "--by", "sidorov").code == 1
