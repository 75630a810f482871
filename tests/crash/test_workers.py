"""Workers beside the clerk, all of them killed again and again: what one leaves undone another takes over, and nothing is done twice."""

from __future__ import annotations

import random
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.crash.clerk import Firm
from tests.crash.conftest import SEEDS, same
from tests.crash.lives import Run, program
from tests.crash.reckoning import Reckoning

WORKERS = 2
LEASE = 0.5
"""Seconds."""


@pytest.fixture(scope="module")
def nurseries(outside: Path) -> Iterator[list[subprocess.Popen[str]]]:
    """One for each worker, since all of them live at the same time."""
    with ExitStack() as open:
        yield [open.enter_context(program("nursery", outside)) for _ in range(WORKERS)]


@pytest.mark.slow
@pytest.mark.parametrize("store", ["sqlite", "postgres"])
@pytest.mark.parametrize("seed", SEEDS)
def test_workers_are_killed_while_they_work(
    request: pytest.FixtureRequest,
    folder: Path,
    nursery: subprocess.Popen[str],
    nurseries: list[subprocess.Popen[str]],
    firm: Firm,
    reckoning: Reckoning,
    seed: int,
    store: str,
) -> None:
    """Things that happen at the same moment come in any order then: how all ends, and what was asked outside, is the same."""
    name = f"workers{seed}-{store}"
    url = str(request.getfixturevalue("database")) if store == "postgres" else f"sqlite:///{folder / name}.db?sync=normal"
    clerk, chance, over = Run(nursery, url, folder, name), random.Random(seed), threading.Event()
    workers = [Run(one, url, folder, name) for one in nurseries]

    def work(worker: Run) -> None:
        while not over.is_set():
            worker.live({"worker": LEASE, "seconds": chance.uniform(0.05, 1)})

    threads = [threading.Thread(target=work, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    try:
        clerk.until_done(lambda: {"helped": True, "seconds": chance.uniform(0.3, 1.5)})
    finally:
        over.set()
        for thread in threads:
            thread.join()
    for worker in workers:
        clerk.kills.update(worker.kills)
    print(f"{name}:", same(clerk, firm, reckoning, ("ends", "calls", "deployed")))
