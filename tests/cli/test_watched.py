"""`work --log … --metrics …`, as a process of its own."""

import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
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
