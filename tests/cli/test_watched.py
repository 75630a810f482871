"""`work --log … --metrics …`, as a process of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

Bpflow = Callable[..., Any]


def port() -> int:
    """One that is free."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_a_worker_logs_and_shows_metrics(bpflow: Bpflow, workspace: Path) -> None:
    assert bpflow("start", "purchase", "--input", "what=стол", "--by", "petrova").code == 0
    at = port()
    command = [sys.executable, "-m", "bpflow", "work", "--workers", "1", "--log", "json", "--log-level", "debug", "--metrics", str(at)]
    with subprocess.Popen(command, cwd=workspace, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as worker:
        try:
            found = scraped(at)
            assert 'bpflow_instances{process="purchase",status="running"} 1.0' in found
            assert "bpflow_tasks_open 1.0" in found
            assert 'bpflow_queue_depth{queue="calls"} 0.0' in found
        finally:
            worker.terminate()
            _, said = worker.communicate(timeout=60)
    assert worker.returncode == 0, said


def scraped(at: int) -> str:
    """What is shown, as soon as it is."""
    until = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{at}/metrics") as answer:
                return str(answer.read(), "utf-8")
        except OSError:
            assert time.monotonic() < until
            time.sleep(0.1)


def test_what_is_logged_is_a_line_each(bpflow: Bpflow, workspace: Path) -> None:
    assert bpflow("deploy").code == 0
    path = workspace / "deals.csv"
    path.write_text("name,responsible\nТруба,ivanov\n", encoding="utf-8")
    assert bpflow("import-documents", "deal", path).code == 0
    assert bpflow("set-document", "deal:1", "stage=won", "--by", "petrova").code == 0
    time.sleep(1.1)  # the pause of the process
    command = [sys.executable, "-m", "bpflow", "work", "--log", "json", "--log-level", "debug"]
    done = subprocess.run(command, cwd=workspace, capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(line["message"], line["process"], line.get("step"), line["level"]) for line in lines] == [
        ("timer-fired", "deal-flow", "rest", "debug"),
        ("step", "deal-flow", "sign", "debug"),
    ]
    assert "timers: 1" in done.stdout


def records(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """What is logged, line by line: each is one record, and nothing else is written."""
    for line in lines:
        record = json.loads(line)
        assert {"time", "level", "logger", "message"} <= record.keys()
        yield record


def test_several_workers_log_what_becomes_of_them_and_write_nothing_else(bpflow: Bpflow, workspace: Path) -> None:
    assert bpflow("deploy").code == 0
    command = [sys.executable, "-m", "bpflow", "--lang", "ru", "work", "--workers", "2", "--log", "json"]
    with subprocess.Popen(command, cwd=workspace, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stderr is not None
        try:
            told = records(supervisor.stderr)
            assert next(told)["message"] == "2 workers; Ctrl+C stops"
            killed = a_worker(bpflow)
            os.kill(killed, signal.SIGKILL)
            death = next(told)
            supervisor.send_signal(signal.SIGTERM)
            assert [record["message"] for record in told] == ["stopped"]
        finally:
            supervisor.kill()
    known = {name: death[name] for name in ("level", "message", "pid", "signal", "pause")}
    said = "a worker has ended by the signal 9; another follows in 1 s"
    assert known == {"level": "warning", "message": said, "pid": killed, "signal": 9, "pause": 1.0}


def a_worker(bpflow: Bpflow) -> int:
    """The process of one of two workers, as soon as both are there."""
    until = time.monotonic() + 60
    while True:
        there = [worker["pid"] for worker in json.loads(bpflow("status", "--json").out)["workers"] if worker["there"]]
        if len(there) == 2:
            return int(there[0])
        assert time.monotonic() < until
        time.sleep(0.1)


def test_what_is_below_the_level_is_not_logged(bpflow: Bpflow, workspace: Path) -> None:
    assert bpflow("deploy").code == 0
    command = [sys.executable, "-m", "bpflow", "work", "--workers", "1", "--log", "text", "--log-level", "error"]
    with subprocess.Popen(command, cwd=workspace, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as worker:
        until = time.monotonic() + 60
        while not json.loads(bpflow("status", "--json").out)["workers"] and time.monotonic() < until:
            time.sleep(0.1)
        worker.terminate()
        out, err = worker.communicate(timeout=60)
    assert (out.splitlines()[-1][:7], err) == ("timers:", "")


def test_what_ends_the_command_is_a_record_too(workspace: Path, monkeypatch: pytest.MonkeyPatch, bpflow: Bpflow) -> None:
    told = bpflow("work", "--log", "json")
    (record,) = records(told.err.splitlines())
    assert (told.code, record["level"], record["error"]) == (2, "error", "WrongUse")
    assert record["message"].startswith('there is no database "bpflow.db" — name it with')
    assert bpflow("deploy").code == 0
    monkeypatch.setattr("bpflow.runtime.Engine.work", lambda _: 1 / 0)
    told = bpflow("work", "--log", "json")
    (record,) = records(told.err.splitlines())
    assert (told.code, record["message"]) == (3, "this is a bug of bpflow: ZeroDivisionError: division by zero")
    assert "ZeroDivisionError" in record["exception"]
    told = bpflow("work")
    assert (told.code, told.err) == (3, "this is a bug of bpflow: ZeroDivisionError: division by zero — --traceback shows where\n")


@pytest.mark.parametrize("wrong", [("--log", "xml"), ("--log", "json", "--log-level", "loud"), ("--metrics", "many"), ("--metrics", "99999")])
def test_wrong_use_is_said(bpflow: Bpflow, workspace: Path, wrong: tuple[str, ...]) -> None:
    assert bpflow("start", "purchase", "--input", "what=стол", "--by", "petrova").code == 0
    assert bpflow("work", *wrong).code == 2


def test_a_port_that_is_taken_is_said(bpflow: Bpflow, workspace: Path) -> None:
    assert bpflow("start", "purchase", "--input", "what=стол", "--by", "petrova").code == 0
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = subprocess.run(
            [sys.executable, "-m", "bpflow", "--lang", "en", "work", "--metrics", str(taken.getsockname()[1])], cwd=workspace, capture_output=True, text=True
        )
    assert done.returncode == 2
    assert "metrics cannot be shown at" in done.stderr
