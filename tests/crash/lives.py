"""Runs of the firm: life after life on one store, each killed as it is ordered, until one has done all."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Order = dict[str, Any]


@contextmanager
def program(module: str, *given: object) -> Iterator[subprocess.Popen[str]]:
    """A program of this folder that runs until its input is closed, and says a line when it is ready."""
    command = [sys.executable, "-m", f"tests.crash.{module}", *map(str, given)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert "ready" in running.stdout.readline()
        yield running


@contextmanager
def ledger(folder: Path) -> Iterator[Path]:
    """The outside world; gives its address. Its books are kept in the folder."""
    address = folder / "ledger.socket"
    with program("ledger", address, folder):
        yield address


@dataclass
class Run:
    """A run on one store, empty at first, and its figures: how often it was killed at which point, and how many points were reached."""

    nursery: subprocess.Popen[str]
    url: str
    folder: Path
    name: str
    kills: Counter[str] = field(default_factory=Counter)
    points: int = 0
    troubles: Counter[str] = field(default_factory=Counter)
    last: Order = field(default_factory=dict)

    @property
    def book(self) -> Path:
        """What the outside world has written down of it."""
        return self.folder / f"{self.name}.book"

    def live(self, order: Order) -> bool:
        """One life. True if it has done all."""
        assert self.nursery.stdin is not None
        assert self.nursery.stdout is not None
        where = {"url": self.url, "clock": str(self.folder / f"{self.name}.clock"), "book": self.book.name}
        self.nursery.stdin.write(json.dumps({**where, **order}) + "\n")
        self.nursery.stdin.flush()
        said = self.nursery.stdout.readline()
        assert said, f"the nursery is dead after {order}"
        self.last = json.loads(said)
        self.points += self.last.get("points", 0)
        self.troubles.update(self.last.get("troubles", ()))
        assert self.last.get("end") != "broken", self.last["why"]
        if "end" not in self.last:
            self.kills[self.last["point"]] += 1
        return "end" in self.last

    def until_done(self, order: Callable[[], Order], most: int = 100_000) -> None:
        """Life after life, each with an order of its own."""
        for _ in range(most):
            if self.live(order()):
                return
        raise AssertionError(f"not done after {most} lives")
