"""`work --workers`, `status` and `verify-store`, as they are typed."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bpflow.engine.codec import micros
from bpflow.runtime import SystemClock
from bpflow.runtime.leases import Leasing, Watch
from bpflow.stores import open_store
from bpflow.stores.leases import PutOff

Bpflow = Callable[..., Any]
STEADY = 61
"""How many slots there are."""


def until(met: Callable[[], object]) -> None:
    for _ in range(1200):
        if met():
            return
        time.sleep(0.1)
    pytest.fail("it has not come to that")


def status(bpflow: Bpflow) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(bpflow("status", "--json").out)
    return found


def shares(bpflow: Bpflow) -> list[int]:
    return sorted(worker["slots"] for worker in status(bpflow)["workers"] if worker["there"])


@contextmanager
def working(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The command, in a process of its own."""
    command = [sys.executable, "-m", "bpflow", "--lang", "en", "work", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "LC_ALL": "C.UTF-8"}) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def a_resting_deal(bpflow: Bpflow) -> None:
    Path("deals.csv").write_text("name;responsible;stage\nСтол;ivanov;new\n", encoding="utf-8")
    bpflow("import-documents", "deal", "deals.csv")


def test_several_workers_share_the_work_and_stop_together(bpflow: Bpflow, workspace: Path) -> None:
    a_resting_deal(bpflow)
    with working("--workers", "2") as supervisor:
        until(lambda: shares(bpflow) == [30, 31])
        bpflow("set-document", "deal:1", "stage=won")
        until(lambda: json.loads(bpflow("tasks", "--json").out))
        (killed, *_) = [worker["pid"] for worker in status(bpflow)["workers"]]
        os.kill(killed, signal.SIGKILL)
        until(lambda: len(shares(bpflow)) == 2 and killed not in {worker["pid"] for worker in status(bpflow)["workers"]})
        supervisor.send_signal(signal.SIGTERM)
        out, err = supervisor.communicate(timeout=120)
    assert supervisor.returncode == 0
    done = [line for line in out.splitlines() if line.startswith("timers: ")]
    assert len(done) == 2
    told = err.splitlines()
    assert (told[0], told[-1]) == ("2 workers; Ctrl+C stops", "stopped")
    assert "a worker has ended by the signal 9; another follows in 1 s" in told
    assert shares(bpflow) == []


def test_workers_stop_when_who_has_started_them_is_gone(bpflow: Bpflow, workspace: Path) -> None:
    a_resting_deal(bpflow)
    with working("--workers", "2") as supervisor:
        until(lambda: sum(shares(bpflow)) == STEADY and len(shares(bpflow)) == 2)
        supervisor.kill()
        until(lambda: shares(bpflow) == [])


def test_what_cannot_work_is_said_once(bpflow: Bpflow, workspace: Path) -> None:
    told = bpflow("work", "--workers", "2")
    assert told.code == 2
    assert told.err.startswith('there is no database "bpflow.db"')
    for wrong in ("0", "-1", "many"):
        assert bpflow("work", "--workers", wrong).code == 2


# ── status ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_status_tells_what_waits_and_since_when(bpflow: Bpflow, workspace: Path) -> None:
    bpflow("deploy")
    assert bpflow("status").code == 0
    found = status(bpflow)
    assert found["well"] is True
    assert {kind: queue["waiting"] for kind, queue in found["queues"].items()} == {"timers": 0, "schedules": 0, "changes": 0, "messages": 0, "calls": 0}
    assert (found["workers"], found["incidents"], found["aside"]) == ([], 0, 0)
    bpflow("start", "purchase", "--input", "what=стол")
    db = sqlite3.connect("bpflow.db")
    with db:
        from datetime import UTC, datetime, timedelta

        db.execute("update timer set due = ?", (micros(datetime.now(UTC) - timedelta(hours=1)),))
    db.close()
    told = bpflow("status")
    assert told.code == 1
    line = next(line for line in told.out.splitlines() if line.startswith("timers that are due"))
    assert line.split()[4] == "1"
    assert line.endswith("1:00:00")
    assert "no workers" in told.out
    assert bpflow("status", "--late", "2h").code == 0
    assert bpflow("status", "--late", "2 working days").code == 2
    assert 3600 <= status(bpflow)["queues"]["timers"]["seconds"] < 3700
    assert bpflow("status", "--lang=ru").code == 1


def test_status_tells_what_a_worker_cannot_do(bpflow: Bpflow, workspace: Path) -> None:
    bpflow("deploy")
    store = open_store("bpflow.db")
    leasing = Leasing(store, SystemClock(), standing=True, watch=Watch(0.6))
    leasing.put_off = PutOff(2, 7, "change 5: ValueError: broken")
    leasing.open()
    until(lambda: bpflow("status").code == 1)
    told = bpflow("status")
    assert "put off by a fault of bpflow: 2, tried up to 7 times; change 5: ValueError: broken" in told.out
    found = status(bpflow)
    assert (found["well"], found["workers"][0]["put_off"]) == (False, {"things": 2, "tries": 7, "reason": "change 5: ValueError: broken"})
    leasing.put_off = None
    until(lambda: bpflow("status").code == 0)
    assert status(bpflow)["workers"][0]["put_off"] is None
    leasing.close()
    store.close()


def test_status_tells_of_incidents(bpflow: Bpflow, workspace: Path) -> None:
    bpflow("deploy")
    bpflow("start", "stuck", "--input", "n=7")
    if not json.loads(bpflow("incidents", "--json").out):
        pytest.fail("the process was to be stuck")
    told = bpflow("status")
    assert told.code == 1
    assert "incidents: 1, set aside: 0" in told.out


# ── verify-store ────────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_store_is_verified_and_put_right(bpflow: Bpflow, workspace: Path) -> None:
    bpflow("start", "purchase", "--input", "what=стол")
    told = bpflow("verify-store")
    assert (told.code, told.out) == (0, "instances: 1, rows: 2, differences: 0, put right: 0\n")
    db = sqlite3.connect("bpflow.db")
    with db:
        db.execute("delete from timer")
        db.execute("delete from task")
    db.close()
    told = bpflow("verify-store")
    assert told.code == 1
    lines = told.out.splitlines()
    assert lines[0] == "instance 1: task is missing: 1.1.1 (user:ivanov)"
    assert lines[1].startswith("instance 1: timer is missing: ")
    assert lines[-1] == "instances: 1, rows: 0, differences: 2, put right: 0"
    assert told.err == '"bpflow verify-store --repair" puts right what differs\n'
    told = bpflow("verify-store", "--repair")
    assert told.code == 0
    assert told.out.splitlines()[-1] == "instances: 1, rows: 0, differences: 2, put right: 2"
    assert told.err == ""
    assert bpflow("verify-store").code == 0
    (task,) = json.loads(bpflow("tasks", "--json").out)
    assert task["subject"] == "Покупаем?"
    assert bpflow("verify-store", "--lang=ru").code == 0
