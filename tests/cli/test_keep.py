"""`purge` and `verify-history` from the command line, and `show` of what was purged."""

import json
import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bpflow.runtime import VirtualClock, open_engine

Bpflow = Callable[..., Any]


@pytest.fixture
def old(workspace: Path) -> Path:
    """A database with two purchases that were cancelled long ago and one that runs."""
    db = workspace / "bpflow.db"
    with open_engine(str(db), workspace, VirtualClock(datetime.fromisoformat("2025-03-02T10:00+03:00"))) as engine:
        engine.deploy_workspace()
        for what in ("стол", "стул", "шкаф"):
            engine.start("purchase", inputs={"what": what}, by="petrova")
        for id in (1, 2):
            engine.cancel(id, by="petrova", why="Не нужно")
    return db


def test_a_purge_says_what_goes_and_what_has_gone(bpflow: Bpflow, old: Path, workspace: Path) -> None:
    told = bpflow("purge", "--older-than", "30d", "--dry-run")
    assert (told.code, told.out) == (0, 'would be purged of "purchase": 2\n')
    told = bpflow("purge", "--older-than", "30d", "--archive", "old.jsonl", "--compact")
    assert (told.code, told.out) == (0, 'purged of "purchase": 2\n')
    told = bpflow("purge", "--older-than", "30d")
    assert (told.code, told.out) == (0, "no instances to purge\n")
    gone = bpflow("show", 1)
    assert gone.code == 1
    assert "instance 1 ended on 2025-03-02 and was purged on 20" in gone.err
    shown = bpflow("show", 1, "--archive", "old.jsonl")
    assert shown.code == 0
    assert "cancelled: Не нужно" in shown.out
    assert "inputs: Что: стол" in shown.out
    old.rename("elsewhere.db")
    assert bpflow("show", 1, "--archive", "old.jsonl").out == shown.out  # the archive is enough
    assert json.loads(bpflow("show", 1, "--archive", "old.jsonl", "--json").out)["history"][2]["text"] == "Не нужно"
    assert bpflow("verify-history", "--archive", "old.jsonl", "--replay").out == "instances: 2, rows of history: 4, purged: 0, flaws: 0\n"


def test_flaws_are_told_and_exit_with_one(bpflow: Bpflow, old: Path) -> None:
    told = bpflow("verify-history", "--replay", "--heads", "heads")
    assert (told.code, told.out) == (0, "instances: 3, rows of history: 5, purged: 0, flaws: 0\n")
    with sqlite3.connect(old) as db:
        db.execute("update history set at = at + 1 where instance = 1 and revision = 2")
    db.close()
    told = bpflow("verify-history", "--heads", "heads")
    assert told.code == 1
    found_at = "instance 1, revision 2: the row of history was changed, or what stands before it"
    assert told.out.splitlines()[0] == found_at
    assert told.out.splitlines()[-1].endswith("flaws: 1")
    assert '"heads" stays as it was' in told.err
    assert bpflow("verify-history", 2).code == 0
    found = json.loads(bpflow("verify-history", 1, "--json").out)
    assert [(one["instance"], one["revision"], one["kind"]) for one in found["flaws"]] == [(1, 2, "changed")]
    told = bpflow("purge", "--older-than", "30d")
    assert (told.code, told.out.splitlines()) == (1, ['purged of "purchase": 1', found_at, "not purged, since they have flaws: 1"])
    told = bpflow("purge", "--older-than", "30d")
    assert (told.code, told.out.splitlines()) == (1, [found_at, "not purged, since they have flaws: 1"])
    assert bpflow("show", 1).code == 0
    assert bpflow("verify-history", 1, "--process", "purchase").code == 2


@pytest.mark.parametrize(
    "time, said",
    [
        ("soon", '"soon" is not a length of time by the clock, as 12h or 180d'),
        ("2 working days", '"2 working days" is not a length of time by the clock, as 12h or 180d'),
        ("3mo", '"3mo" is not a length of time by the clock, as 12h or 180d'),
        ("0d", '"0d" is no time: it must be more than nothing'),
    ],
)
def test_how_long_ago_is_a_time_by_the_clock(bpflow: Bpflow, old: Path, time: str, said: str) -> None:
    told = bpflow("purge", "--older-than", time)
    assert (told.code, told.out, told.err) == (2, "", f"{said}\n")


@pytest.mark.parametrize("command", ["verify-history", "purge --older-than 30d", "purge --older-than 30d --dry-run --process purchase"])
def test_a_process_that_never_was_is_refused(bpflow: Bpflow, old: Path, command: str) -> None:
    told = bpflow(*command.split(), "--process", "purchaze")
    assert (told.code, told.out, told.err) == (2, "", 'the process "purchaze" was never deployed — did you mean "purchase"?\n')


def test_a_process_that_is_deployed_no_more_is_known(bpflow: Bpflow, old: Path) -> None:
    assert bpflow("undeploy", "purchase").code == 0
    assert bpflow("verify-history", "--process", "purchase").out == "instances: 3, rows of history: 5, purged: 0, flaws: 0\n"
    assert bpflow("purge", "--older-than", "30d", "--process", "purchase").out == 'purged of "purchase": 2\n'


def test_the_key_is_asked_for(bpflow: Bpflow, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BPFLOW_HISTORY_KEY", "a key that nobody can guess")
    assert bpflow("start", "purchase", "--input", "what=стол", "--by", "petrova").code == 0
    assert bpflow("verify-history").code == 0
    monkeypatch.delenv("BPFLOW_HISTORY_KEY")
    told = bpflow("verify-history")
    assert told.code == 1
    assert "BPFLOW_HISTORY_KEY" in told.err


def test_the_key_of_an_archive_is_asked_for(bpflow: Bpflow, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = VirtualClock(datetime.fromisoformat("2025-03-02T10:00+03:00"))
    with open_engine(str(workspace / "keyed.db"), workspace, clock, history_key=b"a key that nobody can guess") as engine:
        engine.deploy_workspace()
        for _ in range(2):
            engine.cancel(engine.start("purchase", inputs={"what": "стол"}, by="petrova"))
        clock.forward(timedelta(days=200))
        engine.purge(timedelta(days=180), archive=workspace / "old.jsonl")
    told = bpflow("verify-history", "--archive", "old.jsonl")
    assert (told.code, told.out) == (1, "")
    assert told.err == 'the histories in "old.jsonl" are chained with a key: give it by BPFLOW_HISTORY_KEY or BPFLOW_HISTORY_KEY_FILE\n'
    monkeypatch.setenv("BPFLOW_HISTORY_KEY", "a key that nobody can guess")
    assert bpflow("verify-history", "--archive", "old.jsonl", "--replay").code == 0
