"""A program that is killed by SIGKILL, at every named point and anywhere, begins again and ends where one ends that nobody kills."""

from __future__ import annotations

import os
import random
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import settings

from tests.crash.clerk import Firm
from tests.crash.lives import Order, Run, ledger, program
from tests.crash.reckoning import Looking, Reckoning

SOAK = settings.get_current_profile_name() == "soak"
RUNS = int(os.environ.get("BPFLOW_KILLS", "20" if SOAK else "1"))
"""How many runs of each kind."""


@pytest.fixture(scope="module")
def firm() -> Firm:
    return Firm()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("crash")


@pytest.fixture(scope="module")
def outside(folder: Path) -> Iterator[Path]:
    with ledger(folder) as address:
        yield address


@pytest.fixture(scope="module")
def nursery(outside: Path) -> Iterator[subprocess.Popen[str]]:
    with program("nursery", outside) as nursery:
        yield nursery


NewRun = Callable[[str], Run]


@pytest.fixture
def on_sqlite(folder: Path, nursery: subprocess.Popen[str]) -> NewRun:
    """Makes a run of that name on a file."""
    return lambda name: Run(nursery, str(folder / f"{name}.db"), folder, name)


@pytest.fixture(params=["sqlite", "postgres"])
def run(request: pytest.FixtureRequest, folder: Path, nursery: subprocess.Popen[str]) -> NewRun:
    """Makes a run of that name, on each kind of store."""
    if request.param == "sqlite":
        return request.getfixturevalue("on_sqlite")  # type: ignore[no-any-return]
    url = request.getfixturevalue("database")
    return lambda name: Run(nursery, url, folder, f"{name}-postgres")


@pytest.fixture(scope="module")
def reckoning(folder: Path, nursery: subprocess.Popen[str], firm: Firm) -> Reckoning:
    """What becomes of all if nobody is killed."""
    undisturbed = Run(nursery, str(folder / "unharmed.db"), folder, "unharmed")
    assert undisturbed.live({})
    looking = Looking(undisturbed.url, firm.workspace, undisturbed.book)
    assert looking.again() == 0
    found = looking.reckon()
    looking.engine.close()
    return found


def everywhere(run: Run) -> Callable[[], Order]:
    """At each point the first time that it is reached."""
    return lambda: {"new": True, "but": list(run.kills)}


def at_chance(chance: random.Random) -> Callable[[], Order]:
    """After some points, or some time, whatever goes on there."""
    return lambda: {"after": chance.randint(1, 150)} if chance.random() < 0.5 else {"seconds": chance.expovariate(25)}


def same(done: Run, firm: Firm, reckoning: Reckoning, parts: Sequence[str] = ()) -> str:
    """The run has ended as it should, in all or in some parts; gives its figures."""
    looking = Looking(done.url, firm.workspace, done.book)
    found, again = looking.reckon(), looking.again()
    looking.engine.close()
    if differences := reckoning.differences(found, parts):
        raise AssertionError("\n".join(differences))
    assert again <= done.kills.total() + done.troubles.total(), "a call is delivered again only after a death"
    kinds = Counter(point.rpartition(": ")[2] for point in done.kills.elements())
    return (
        f"{done.kills.total()} kills at {len(done.kills)} points, {done.points} points passed, {len(found.instances)} instances, "
        f"{len(found.calls)} calls, {again} of them delivered again; {dict(kinds.most_common())}"
    )


def test_killed_at_every_point(run: NewRun, firm: Firm, reckoning: Reckoning) -> None:
    """Whatever point is reached, the first who reaches it dies there."""
    killed = run("everywhere")
    killed.until_done(everywhere(killed))
    print(f"{killed.name}:", same(killed, firm, reckoning))
    ends = {point.rpartition(": ")[2] for point in killed.kills}
    known = {"begin", "snapshot", "save", "index", "send", "sent", "commit", "after commit", "rollback", "told", "remember", "asked", "has answered"}
    assert ends >= known


@pytest.mark.parametrize("seed", range(RUNS))
def test_killed_anywhere(run: NewRun, firm: Firm, reckoning: Reckoning, seed: int) -> None:
    killed = run(f"anywhere{seed}")
    killed.until_done(at_chance(random.Random(seed)))
    print(f"{killed.name}:", same(killed, firm, reckoning))


@pytest.mark.parametrize("seed", range(RUNS))
def test_the_clock_jumps_between_lives(run: NewRun, firm: Firm, reckoning: Reckoning, seed: int) -> None:
    """Back by an hour and forward again: no time of an instance goes back, nothing is lost, all ends as it does with a right clock."""
    jumping, chance = run(f"jumping{seed}"), random.Random(seed)
    jumping.until_done(lambda: {"ahead": chance.choice((-3600, 0, 0, 3600)), "after": chance.randint(60, 400)})
    print(f"{jumping.name}:", same(jumping, firm, reckoning, ("ends", "calls", "deployed")))


@pytest.mark.parametrize("seed", range(RUNS))
def test_the_disk_is_full_anywhere(on_sqlite: NewRun, firm: Firm, reckoning: Reckoning, seed: int) -> None:
    """Nothing is half written: the same program goes on when there is room again."""
    full, chance = on_sqlite(f"full{seed}"), random.Random(seed)
    full.until_done(lambda: {"room": [chance.choice((0, 1000, 3000, 9000, 40_000)) for _ in range(60)]})
    assert set(full.troubles) == {f'"{full.url}" cannot be read or written: the disk is full or broken'}
    print(f"{full.name}: {full.troubles.total()} times;", same(full, firm, reckoning))
