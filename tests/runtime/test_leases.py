"""Who is taken for gone, and who is not: processes, kernels, signs; no clocks of two machines are compared."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from bpflow.runtime import VirtualClock, open_engine
from bpflow.runtime.leases import Leasing, Watch, born, myself, place, tick
from bpflow.stores.leases import SLOTS, WorkerRow, slot_of
from tests.runtime.test_workers import calling

NOW = datetime(2026, 3, 2, 7, tzinfo=UTC)
ME = replace(myself(NOW, standing=True), pid=1)


@pytest.fixture
def sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)


def test_a_process_is_known_by_its_number_and_when_it_began(sleeper: subprocess.Popen[bytes]) -> None:
    there = replace(ME, pid=sleeper.pid, born=born(sleeper.pid) or "", beat=tick())
    assert there.born
    assert not Watch().gone(WorkerRow(1, there))
    assert Watch().gone(WorkerRow(1, replace(there, born="another"))), "the number was given to another since"
    sleeper.kill()
    time.sleep(0.2)
    assert Watch().gone(WorkerRow(1, there)), "nobody has waited for it yet: it is gone nevertheless"
    sleeper.communicate()
    assert Watch().gone(WorkerRow(1, there))


def test_one_of_the_same_kernel_that_gives_no_sign_is_gone(sleeper: subprocess.Popen[bytes]) -> None:
    there = replace(ME, pid=sleeper.pid, born=born(sleeper.pid) or "", beat=tick())
    for silent, gone in ((0.0, False), (14.0, False), (16.0, True)):
        assert Watch(15.0).gone(WorkerRow(1, replace(there, beat=tick() - int(silent * 1e6)))) is gone
    elsewhere = replace(there, place=place().rpartition(" ")[0] + " pid:[1]", pid=1, beat=tick())
    assert Watch(15.0).gone(WorkerRow(1, elsewhere)) is False, "of other processes, as those of another container: the clock is the same"
    assert Watch(15.0).gone(WorkerRow(1, replace(elsewhere, beat=tick() - 16_000_000))) is True
    sleeper.communicate()


def test_of_another_machine_it_is_seen_by_waiting() -> None:
    """Whatever its clock says."""
    far = replace(ME, place="other kernel pid:[1]", beat=10**18)
    watch = Watch(0.2)
    assert watch.gone(WorkerRow(1, far)) is None
    assert watch.gone(WorkerRow(1, replace(far, beat=5))) is False
    time.sleep(0.25)
    assert watch.gone(WorkerRow(1, replace(far, beat=6))) is False
    time.sleep(0.25)
    assert watch.gone(WorkerRow(1, replace(far, beat=6))) is True
    assert Watch().gone(WorkerRow(1, far, gone=True)) is True, "the store knows it"
    assert Watch().gone(WorkerRow(1, far, gone=False)) is False


def test_a_worker_of_this_process_that_could_not_leave_is_gone(tmp_path: Path) -> None:
    with open_engine(str(tmp_path / "bpflow.db")) as engine:
        leasing = Leasing(engine.store, engine.clock, standing=False)
        leasing.open()
        (row,) = engine.store.workers()
        assert row.told.pid == os.getpid()
        assert not Watch().gone(row)
        leasing.seat.leave = lambda: None  # type: ignore[method-assign]
        leasing.close()
        assert engine.store.workers() == [row]
        assert Watch().gone(row)


def test_a_pass_waits_until_it_is_seen_whether_another_machine_still_works(tmp_path: Path) -> None:
    """A database was copied with the rows of workers that nobody can see any more."""
    with open_engine(str(tmp_path / "bpflow.db")) as engine:
        engine.deploy_graph(calling("no.such"))
        id = engine.start("calls")
        seat = engine.store.seat(replace(ME, place="other kernel pid:[1]", standing=False))
        assert slot_of(id) in engine.store.take(seat.id, SLOTS)
        engine._watch.lease = 0.3
        assert engine.work().calls == 1
        assert engine.store.workers() == []


def test_a_clock_that_jumps_does_no_harm(tmp_path: Path) -> None:
    """Leases know nothing of the time of day."""
    clock = VirtualClock(NOW)
    with open_engine(str(tmp_path / "bpflow.db"), clock=clock) as engine:
        leasing = Leasing(engine.store, clock, standing=True, watch=Watch(1000.0))
        leasing.open()
        leasing.balance(())
        before = leasing.leases
        for jump in (timedelta(days=400), timedelta(hours=-1)):
            clock._at += jump
            leasing.balance(())
            assert leasing.leases == before
            assert not Watch().gone(*engine.store.workers())
        leasing.close()


@pytest.mark.parametrize("many", [2, 10, 20, 35, 61, 70])
def test_each_has_his_share_of_the_slots_and_none_of_them_is_left(tmp_path: Path, many: int) -> None:
    """However many there are, as they come and when one has gone."""
    with open_engine(f"sqlite:///{tmp_path}/bpflow.db?sync=normal") as engine:
        crew = [Leasing(engine.store, engine.clock, standing=True, watch=Watch(1000.0)) for _ in range(many)]
        for leasing in crew:
            leasing.open()
            leasing.balance(())
        check_shares(crew)
        crew.pop(0).close()
        check_shares(crew)
        for leasing in crew:
            leasing.close()


def check_shares(crew: list[Leasing]) -> None:
    """All slots are taken and shared fairly before long, and then they stay where they are."""
    for _ in range(2):
        for leasing in reversed(crew):
            leasing.balance(())
    held = [dict(leasing.leases) for leasing in crew]
    assert sorted(slot for leases in held for slot in leases) == list(range(SLOTS))
    assert max(map(len, held)) - min(map(len, held)) <= 1
    for leasing in crew:
        leasing.balance(())
    assert [dict(leasing.leases) for leasing in crew] == held


def test_a_pass_under_way_keeps_what_it_has_and_has_no_share(tmp_path: Path) -> None:
    with open_engine(f"sqlite:///{tmp_path}/bpflow.db?sync=normal") as engine:
        one, two, a_pass = (Leasing(engine.store, engine.clock, standing=standing, watch=Watch(1000.0)) for standing in (True, True, False))
        one.open()
        one._take(40)
        a_pass.open()
        a_pass.take_all()
        assert len(a_pass.leases) == SLOTS - 40
        two.open()
        for _ in range(2):
            two.balance(())
            one.balance(())
        assert [len(leasing.leases) for leasing in (one, two, a_pass)] == [31, 9, SLOTS - 40]
        a_pass.close()
        check_shares([one, two])
        one.close()
        two.close()


def test_a_session_that_has_ended_is_seen_by_everybody(database: str) -> None:
    """On PostgreSQL, from wherever one looks."""
    with open_engine(database) as engine:
        engine.deploy_graph(calling("no.such"))
        engine.start("calls")
        seat = engine.store.seat(replace(ME, place="other kernel pid:[1]"))
        engine.store.take(seat.id, SLOTS)
        assert [row.gone for row in engine.store.workers()] == [False]
        assert engine.work().calls == 0
        seat._db.close()  # type: ignore[attr-defined]
        for _ in range(100):
            if engine.store.workers()[0].gone:
                break
            time.sleep(0.05)
        assert engine.work().calls == 1
        assert engine.store.workers() == []
