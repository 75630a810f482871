"""Repairing, correcting, moving, suspending, cancelling: each says who, why, and what it has done."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Bpflow = Callable[..., Any]
BY = ("--by", "sidorov", "--why", "Так")


def shown(bpflow: Bpflow, instance: int = 1) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(bpflow("show", instance, "--json").out)
    return found


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
    assert told.out.splitlines()[:3] == ["  tried again: Ещё раз", "  Куда?", '  incident at "Куда?"']
    assert told.out.splitlines()[3].startswith("open incident ")
    assert any((line["kind"], line["by"], line["text"]) == ("retry", "sidorov", "Ещё раз") for line in shown(bpflow)["history"])

    told = bpflow("skip", "1", incident(bpflow), "--by", "sidorov", "--why", "Так")
    assert told.code == 1
    assert told.err.startswith("say by which branch to leave the step: ")
    assert bpflow("skip", "1", incident(bpflow), "--by", "sidorov", "--branch", "2", "--why", "Направо").out.splitlines()[-1] == "instance 1 has ended"
    assert shown(bpflow)["result"] == "right"
    assert bpflow("incidents").out == "no incidents\n"
    assert bpflow("incidents", "--json").out == "[]\n"


def incident(bpflow: Bpflow) -> int:
    (one,) = json.loads(bpflow("incidents", "--json").out)
    return int(one["incident"])


def test_a_step_is_passed_over_with_results_of_its_types(bpflow: Bpflow, workspace: Path) -> None:
    bpflow("start", "stuck", "--input", "n=3")
    told = bpflow("skip", "1", incident(bpflow), "--by", "sidorov", "--why", "Так", "--set", "m=много")
    assert (told.code, shown(bpflow)["status"]) == (1, "running")
    assert told.err.startswith('"m": "много" is not a whole number')
    assert bpflow("skip", "1", incident(bpflow), "--by", "sidorov", "--why", "Так", "--set", "m=4").code == 0
    assert shown(bpflow)["names"]["m"] == 4
    assert shown(bpflow)["result"] == "through"


@pytest.mark.parametrize("command", [["retry", "1", "77"], ["skip", "1", "77"], ["retry", "9", "1"], ["cancel", "9"]])
def test_what_is_not_there_cannot_be_repaired(bpflow: Bpflow, workspace: Path, command: list[str]) -> None:
    bpflow("start", "stuck", "--input", "n=7")
    told = bpflow(*command, "--by", "sidorov", "--why", "Так")
    assert told.code == 1
    assert told.err.startswith("there is no ")
    assert bpflow(*command, "--by", "nobody", "--why", "Так").code == 2


def test_an_instance_is_cancelled_once(bpflow: Bpflow, workspace: Path) -> None:
    bpflow("start", "purchase", "--input", "what=стол")
    assert bpflow("cancel", "1", "--by", "sidorov", "--why", "Не нужно").out == '  cancelled: Не нужно\n  withdrawn: "Покупаем?"\ninstance 1 was cancelled\n'
    assert bpflow("tasks").out == "no open tasks\n"
    assert shown(bpflow)["status"] == "cancelled"
    assert bpflow("cancel", "1", "--by", "sidorov", "--why", "Так").code == 1


def test_what_can_be_done_is_told(bpflow: Bpflow, workspace: Path) -> None:
    bpflow("start", "stuck", "--input", "n=7")
    assert (
        bpflow("incidents")
        .out.splitlines()[1]
        .endswith("  retry; skip --branch 1|2|3|otherwise; jump --to share|end; correct --set n|m; cancel".replace("|otherwise", ""))
    )
    (one,) = json.loads(bpflow("incidents", "--json").out)
    assert {"command": "skip", "ways": ["1", "2", "3"], "results": []} in one["remedies"]


def test_a_reason_is_asked_for(bpflow: Bpflow, workspace: Path) -> None:
    bpflow("start", "purchase", "--input", "what=стол")
    told = bpflow("suspend", "1", "--by", "sidorov")
    assert (told.code, told.err) == (2, 'say why it is done: it stands in the history — with "--why"\n')
    assert bpflow("suspend", "1", "--by", "sidorov", "--why", " ").code == 2
    assert bpflow("suspend", "1", "--by", "sidorov", typed=[]).code == 2
    assert shown(bpflow)["status"] == "running"
    told = bpflow("suspend", "1", "--by", "sidorov", typed=["Ревизия"])
    assert told.code == 0
    assert told.out.startswith("Why: ")
    assert shown(bpflow)["suspended"]["why"] == "Ревизия"


def test_values_are_corrected(bpflow: Bpflow, workspace: Path) -> None:
    bpflow("start", "stuck", "--input", "n=7")
    told = bpflow("correct", "1", "--set", "n=2", *BY)
    assert (told.code, told.out.splitlines()[:2]) == (0, ["  values corrected: Так", '  corrected: "n"'])
    assert told.out.splitlines()[2].startswith("open incident ")
    assert bpflow("retry", "1", *BY).out.splitlines()[-1] == "instance 1 has ended"
    assert shown(bpflow)["result"] == "right"


@pytest.mark.parametrize(
    "given, said",
    [
        ("n=много", '"n": "много" is not a whole number'),
        ("n=", '"n": a value is required'),
        ("k=1", 'the process has no variable or input "k"; it has: n, m'),
        ("m=0", "nothing would change: the values are so already"),
    ],
)
def test_a_correction_that_is_refused(bpflow: Bpflow, workspace: Path, given: str, said: str) -> None:
    bpflow("start", "stuck", "--input", "n=7")
    told = bpflow("correct", "1", "--set", given, *BY)
    assert (told.code, told.err.startswith(said)) == (1, True), told.err
    assert bpflow("correct", "1", "--set", "n", *BY).code == 2
    assert bpflow("correct", "1", *BY).code == 2


def test_a_place_is_moved(bpflow: Bpflow, workspace: Path) -> None:
    bpflow("start", "purchase", "--input", "what=стол")
    told = bpflow("jump", "1", "decide", "--to", "refusd", *BY)
    assert (told.code, told.err) == (1, 'there is no step "refusd" — did you mean "refused"?\n')
    told = bpflow("jump", "1", "decyde", "--to", "refused", *BY)
    assert told.err == 'there is no step "decyde" — did you mean "decide"?\n'
    told = bpflow("jump", "1", "decide", "--to", "calendar-event", *BY)
    assert told.err.startswith('"decide.buy/calendar-event" cannot be reached from there; the steps that can: ')
    token = shown(bpflow)["where"][0]["token"]
    told = bpflow("jump", "1", token, "--to", "refused", *BY)
    assert told.code == 0, told.said
    assert told.out.splitlines() == [
        "  taken elsewhere by hand: Так",
        '  taken to "refused"',
        '  withdrawn: "Покупаем?"',
        "  ended: refused",
        "instance 1 has ended",
    ]
    assert [(line["kind"], line["by"]) for line in shown(bpflow)["history"] if line["kind"] == "jump"] == [("jump", "sidorov")]


def test_an_instance_is_suspended_and_resumed(bpflow: Bpflow, workspace: Path) -> None:
    bpflow("start", "purchase", "--input", "what=стол")
    told = bpflow("suspend", "1", "--by", "sidorov", "--why", "Ревизия")
    assert told.out.splitlines() == ["  suspended: Ревизия", 'instance 1 is suspended; it stands at "Покупаем?"']
    out = bpflow("show", "1").out
    assert "\nsuspended\nsuspended by Сидоров Олег, " in out
    assert ": Ревизия\n" in out
    assert "suspended" in bpflow("instances", "--status", "suspended").out
    (task,) = json.loads(bpflow("tasks", "--json").out)
    told = bpflow("answer", task["task"], "--by", "ivanov", "--outcome", "refuse", "--comment", "Нет")
    assert (told.code, told.err) == (1, 'the instance is suspended by "sidorov": Ревизия\n')
    told = bpflow("resume", "1", "--by", "sidorov", "--why", "Кончилась", "--lang=ru")
    assert told.code == 0
    assert shown(bpflow)["suspended"] is None
    assert bpflow("answer", task["task"], "--by", "ivanov", "--outcome", "refuse", "--comment", "Нет").code == 0


def test_an_instance_that_was_set_aside(bpflow: Bpflow, workspace: Path) -> None:
    bpflow("start", "purchase", "--input", "what=стол")
    db = sqlite3.connect("bpflow.db")
    (state,) = db.execute("select state from instance").fetchone()
    with db:
        db.execute("update instance set state = '[7]'")
        db.execute("update timer set due = 0")
    assert bpflow("work").code == 0
    assert "set aside: instance 1 cannot be read: " in bpflow("incidents").out
    assert bpflow("show", "1").err.startswith("instance 1 cannot be read: ")
    assert bpflow("retry", "1", *BY).code == 1
    assert "set aside: " in bpflow("incidents").out
    with db:
        db.execute("update instance set state = ?", (state,))
        db.execute("delete from timer")
    db.close()
    told = bpflow("retry", "1", *BY)
    assert (told.code, told.out) == (0, 'instance 1 goes on; it stands at "Покупаем?"\n')
    assert bpflow("incidents").out == "no incidents\n"


def test_a_place_is_told_once_and_says_what_it_waits_for(bpflow: Bpflow, workspace: Path) -> None:
    with (workspace / "bpflow.yaml").open("a", encoding="utf-8") as file:
        file.write("services: {bank: {url: 'http://127.0.0.1:1/pay'}}\n")
    step = "{id: pay, activity: call-service, title: Банк, service: bank, retry: {times: 3, first: 1h}, on-error: {next: go-on}}"
    (workspace / "pays.yaml").write_text(f"bpflow: 1\nid: pays\nsteps:\n  - {step}\n", encoding="utf-8")
    (workspace / "around.yaml").write_text("bpflow: 1\nid: around\nsteps:\n  - {activity: call-process, title: Там, process: pays}\n", encoding="utf-8")
    assert bpflow("start", "around").code == 0
    assert 'waits for the process that it has called at "Там"' in bpflow("show", "1").out
    assert bpflow("work").code == 0
    told = bpflow("show", "2").out
    assert 'the service at "Банк" has failed and is asked again at ' in told
    assert "\nat " not in told
    assert bpflow("suspend", "2", *BY).out.splitlines()[-1] == 'instance 2 is suspended; it stands at "Банк"'
    assert bpflow("skip", "2", "7", *BY).err == "there is no open incident\n"


def test_people_that_are_none_are_said_without_python(bpflow: Bpflow, workspace: Path) -> None:
    told = "meanwhile:\n  - {id: told, message: who, cancels: true, steps: [{activity: notify, to: told, text: x}]}\n"
    steps = '  - {activity: send-message, message: who, values: {user: $(user("sidorov"))}}\n  - {activity: pause, for: 1h}\n'
    (workspace / "tells.yaml").write_text(f"bpflow: 1\nid: tells\n{told}steps:\n{steps}", encoding="utf-8")
    assert bpflow("start", "tells").code == 0
    assert bpflow("work").code == 0
    (one,) = json.loads(bpflow("incidents", "--json").out)
    assert one["reason"] == "`to` gives no people but {user}"
    assert bpflow("skip", "1", "77", *BY).err == f"there is no open incident 77; open are: {one['incident']}\n"
    assert bpflow("--lang", "en", "incidents", "--lang", "ru").out.splitlines()[0].startswith("экземпляр")
