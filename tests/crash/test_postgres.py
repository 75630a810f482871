"""The backends of PostgreSQL are ended, the line to it is cut while a commit is on its way: nothing is lost, and nobody needs to guess whether
something was done."""

from __future__ import annotations

import random
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.crash.clerk import Firm
from tests.crash.conftest import RUNS, SEEDS, same
from tests.crash.lives import Run
from tests.crash.reckoning import Reckoning
from tests.postgres import fresh, serve

ASKED = ("Engine.", "Hands.", "Operating.", "Desk.", "Attendance.")
"""Who does what a program has asked for. Whatever else is left open, a worker simply does again."""
TOLD = ("was lost; nothing was changed", "there is no connection", "could not be had within")
"""What leaves nothing open. Without a connection nothing is begun; and what is read says nothing of who reads, so it is told as of whoever came before."""


@pytest.mark.parametrize("seed", SEEDS)
def test_the_line_is_cut_in_the_middle_of_commits(
    database: str, folder: Path, nursery: subprocess.Popen[str], firm: Firm, reckoning: Reckoning, seed: int
) -> None:
    """Whoever commits is told that it is done, or that nothing was changed; it is never left open which."""
    cut, chance = Run(nursery, database, folder, f"cut{seed}"), random.Random(3 + seed)
    cuts, n = [], 200
    while n < 2500:
        n += chance.randint(20, 100) if RUNS > 1 else chance.randint(100, 300)
        cuts.append((n, chance.choice(("lost", "done", "backend"))))
    cut.until_done(lambda: {"cuts": cuts})
    print(f"{cut.name}: {len(cuts)} cuts, {cut.troubles.total()} complaints;", same(cut, firm, reckoning))
    assert cut.troubles.total() > len(cuts) / 4
    left_open = {trouble for trouble in cut.troubles if trouble.startswith(ASKED) and not any(told in trouble for told in TOLD)}
    assert left_open == set()


@pytest.fixture
def own_server() -> Iterator[str]:
    """The address of an empty database on a server that may be killed."""
    with contextmanager(serve)(Path(tempfile.mkdtemp(prefix="bpflow-killed-")) / "data") as server, fresh(server) as url:
        yield url


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_the_server_is_killed(own_server: str, folder: Path, nursery: subprocess.Popen[str], firm: Firm, reckoning: Reckoning, seed: int) -> None:
    """What it has said to be committed is there when it is started again, and the same program goes on."""
    killed, chance = Run(nursery, own_server, folder, f"server{seed}"), random.Random(5 + seed)
    cuts = [(n, "server") for n in sorted(chance.sample(range(100, 1800), 4))]
    killed.until_done(lambda: {"cuts": cuts})
    print(f"{killed.name}: {len(cuts)} times killed, {killed.troubles.total()} complaints;", same(killed, firm, reckoning))
    assert killed.troubles
