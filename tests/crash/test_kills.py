"""A program that is killed by SIGKILL, at every named point and anywhere, begins again and ends where one ends that nobody kills."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crash.clerk import Firm
from tests.crash.conftest import SEEDS, same
from tests.crash.lives import Order, Run
from tests.crash.reckoning import Reckoning

NewRun = Callable[[str], Run]


@pytest.fixture
def on_sqlite(folder: Path, nursery: subprocess.Popen[str]) -> NewRun:
    """Makes a run of that name on a file."""
    return lambda name: Run(nursery, str(folder / f"{name}.db"), folder, name)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def run(request: pytest.FixtureRequest, folder: Path, nursery: subprocess.Popen[str]) -> NewRun:
    """Makes a run of that name, on each kind of store."""
    if request.param == "sqlite":
        return request.getfixturevalue("on_sqlite")  # type: ignore[no-any-return]
    url = request.getfixturevalue("database")
    return lambda name: Run(nursery, url, folder, f"{name}-postgres")


def everywhere(run: Run) -> Callable[[], Order]:
    """At each point the first time that it is reached."""
    return lambda: {"new": True, "but": list(run.kills)}


def at_chance(chance: random.Random) -> Callable[[], Order]:
    """After some points, or some time, whatever goes on there."""
    return lambda: {"after": chance.randint(1, 150)} if chance.random() < 0.5 else {"seconds": chance.expovariate(25)}


def test_killed_at_every_point(run: NewRun, firm: Firm, reckoning: Reckoning) -> None:
    """Whatever point is reached, the first who reaches it dies there."""
    killed = run("everywhere")
    killed.until_done(everywhere(killed))
    print(f"{killed.name}:", same(killed, firm, reckoning))
    ends = {point.rpartition(": ")[2] for point in killed.kills}
    known = {"begin", "snapshot", "save", "index", "send", "sent", "commit", "after commit", "rollback", "told", "remember", "asked", "has answered"}
    assert ends >= known
    of_files = {
        "happen_together: begin",
        "work_in: save",
        "happen_together: commit",
        "happen_together: after commit",
        "Checkpoints: begin",
        "Checkpoints: after",
    }
    assert killed.kills.keys() & of_files == (set() if killed.name.endswith("postgres") else of_files)


@pytest.mark.parametrize("seed", SEEDS)
def test_killed_anywhere(run: NewRun, firm: Firm, reckoning: Reckoning, seed: int) -> None:
    killed = run(f"anywhere{seed}")
    killed.until_done(at_chance(random.Random(seed)))
    print(f"{killed.name}:", same(killed, firm, reckoning))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_clock_jumps_between_lives(run: NewRun, firm: Firm, reckoning: Reckoning, seed: int) -> None:
    """Back by an hour and forward again: no time of an instance goes back, nothing is lost, all ends as it does with a right clock."""
    jumping, chance = run(f"jumping{seed}"), random.Random(seed)
    jumping.until_done(lambda: {"ahead": chance.choice((-3600, 0, 0, 3600)), "after": chance.randint(60, 400)})
    print(f"{jumping.name}:", same(jumping, firm, reckoning, ("ends", "calls", "deployed")))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_disk_is_full_anywhere(on_sqlite: NewRun, firm: Firm, reckoning: Reckoning, seed: int) -> None:
    """Nothing is half written: the same program goes on when there is room again."""
    full, chance = on_sqlite(f"full{seed}"), random.Random(seed)
    full.until_done(lambda: {"room": [chance.choice((0, 1000, 3000, 9000, 40_000)) for _ in range(60)]})
    told = {trouble.partition(': "')[2] for trouble in full.troubles}
    assert told == {f'{full.url}" cannot be read or written: the disk is full or broken'}
    print(f"{full.name}: {full.troubles.total()} times;", same(full, firm, reckoning))
