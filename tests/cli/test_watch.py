"""`validate --watch`: as a real process that is looked at while files change, and how little it does between."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bpflow.cli import watch as watching
from bpflow.cli.checking import Unit
from bpflow.cli.watch import watch

Bpflow = Callable[..., Any]


def hears_interrupts() -> None:
    """Whoever has the tests run in the background may have told them not to."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


class Watcher:
    """A process that watches; `told` waits for what it says next."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        code = "import sys; from bpflow.cli import main; sys.exit(main())"
        environment = {**os.environ, "LC_ALL": "C.UTF-8", "PYTHONUNBUFFERED": "1"}
        command = [sys.executable, "-c", code, "validate", "--watch", *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.process = subprocess.Popen(command, cwd=folder, env=environment, text=True, preexec_fn=hears_interrupts, **pipes)

    def told(self) -> list[str]:
        """The lines up to the one that says when."""
        assert self.process.stdout
        lines: list[str] = []
        for line in self.process.stdout:
            lines.append(line.rstrip("\n"))
            if line.startswith("checked at "):
                return lines
        raise AssertionError(f"it ended: {lines} {self.process.stderr and self.process.stderr.read()}")


@pytest.fixture
def watcher(workspace: Path) -> Iterator[Watcher]:
    made = Watcher(workspace, "purchase.yaml", "stuck.yaml")
    yield made
    made.process.kill()
    made.process.communicate()


def test_it_tells_what_changes_until_it_is_interrupted(watcher: Watcher, workspace: Path) -> None:
    clean = watcher.told()
    assert clean[0] == "clean (files: 2)"
    assert clean[1].endswith("; Ctrl+C ends")
    path = workspace / "purchase.yaml"
    good = path.read_text(encoding="utf-8")
    path.write_text(good.replace("activity: request-info", "activity: request-inf"), encoding="utf-8")
    broken = watcher.told()
    assert broken[0].startswith("purchase.yaml:11:")
    assert "\x1b" not in "".join(broken)
    path.write_text(good, encoding="utf-8")
    assert watcher.told()[0] == "clean (files: 2)"
    (workspace / "bpflow.yaml").write_text("timezone: Europe/Moskow\n", encoding="utf-8")
    assert watcher.told()[0].startswith("bpflow.yaml:1:11:")
    watcher.process.send_signal(signal.SIGINT)
    assert watcher.process.wait(timeout=60) == 130


def test_only_what_has_changed_is_checked_again(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checks: list[str] = []
    whole = Unit.check
    monkeypatch.setattr(Unit, "check", lambda unit, checked: (checks.append(unit.path.name), whole(unit, checked))[1])
    sleeps: list[float] = []

    def sleep(seconds: float) -> None:
        sleeps.append(seconds)
        if len(sleeps) == 5:
            (workspace / "stuck.yaml").write_text("bpflow: 1\nid: stuck\nsteps: []\n", encoding="utf-8")

    monkeypatch.setattr(watching.time, "sleep", sleep)
    found = watch([Path("purchase.yaml"), Path("stuck.yaml")], strict=False)
    assert next(found).findings == []
    assert checks == ["purchase.yaml", "stuck.yaml"]
    (finding,) = next(found).findings
    assert finding.rule == "too-short"
    assert checks == ["purchase.yaml", "stuck.yaml", "stuck.yaml"]
    assert len(sleeps) == 5


def test_new_files_of_a_folder_are_seen_and_those_that_go_are_forgotten(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching.time, "sleep", lambda seconds: None)
    found = watch([Path(".")], strict=False)
    assert len(next(found).files) == 6
    (workspace / "new.yaml").write_text("bpflow: 1\nid: new\nsteps: []\n", encoding="utf-8")
    assert [finding.span.file for finding in next(found).findings] == ["new.yaml"]
    (workspace / "new.yaml").unlink()
    assert next(found).findings == []


def test_a_look_is_cheap(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(200):
        (workspace / f"one-{number}.yaml").write_text(f"bpflow: 1\nid: one-{number}\nsteps:\n  - {{activity: end, result: done}}\n", encoding="utf-8")
    looks = 0

    def sleep(seconds: float) -> None:
        nonlocal looks
        looks += 1
        if looks == 20:
            raise KeyboardInterrupt

    monkeypatch.setattr(watching.time, "sleep", sleep)
    found = watch([Path(".")], strict=False)
    next(found)
    started = time.process_time()
    with pytest.raises(KeyboardInterrupt):
        next(found)
    assert (time.process_time() - started) / 20 < 0.05


def test_the_screen_is_cleared_on_a_terminal_only(bpflow: Bpflow, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def sleep(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(watching.time, "sleep", sleep)
    assert "\x1b" not in bpflow("validate", "purchase.yaml", "--watch").out
    monkeypatch.setattr("bpflow.cli.watch.is_terminal", lambda stream: True)
    told = bpflow("validate", "purchase.yaml", "--watch")
    assert told.out.startswith("\x1b[2J\x1b[3J\x1b[H")
    assert told.code == 130


def test_other_forms_are_not_watched(bpflow: Bpflow, workspace: Path) -> None:
    told = bpflow("validate", "purchase.yaml", "--watch", "--json")
    assert (told.code, told.err) == (2, "--watch is for people: it tells findings as text only\n")
