"""What all crash tests share: the firm, its outside world, where lives are born, and what must become of all."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.crash.clerk import Firm
from tests.crash.lives import Run, ledger, program
from tests.crash.reckoning import Looking, Reckoning

RUNS = int(os.environ.get("BPFLOW_KILLS", "1"))
"""How many runs of each kind; `make soak` says more."""
FIRST = int(os.environ.get("BPFLOW_SEED", "0"))
SEEDS = range(FIRST, FIRST + RUNS)
"""One for each run: another `BPFLOW_SEED` makes other runs."""


@pytest.fixture(scope="module")
def firm() -> Firm:
    """The workspace, loaded once."""
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
