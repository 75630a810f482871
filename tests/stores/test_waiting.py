"""A file that another program uses is waited for, and looked at again at once."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bpflow.stores import sqlite_waiting
from bpflow.stores.contract import StoreError
from bpflow.stores.sqlite import SqliteStore
from bpflow.stores.sqlite_waiting import waiting
from tests.stores.conftest import AT


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "bpflow.db")


@pytest.fixture
def other(path: str) -> Iterator[sqlite3.Connection]:
    """Another program that writes to the file."""
    SqliteStore(path).close()
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("begin immediate")
        yield other


def test_what_finds_the_file_in_use_goes_on_as_soon_as_it_is_free(path: str, other: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """After as many looks as it takes, none of which waits by itself."""
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 300:
            other.execute("commit")

    monkeypatch.setattr("bpflow.stores.sqlite_waiting.time.sleep", sleep)
    with closing(SqliteStore(path)) as store:
        with store.begin(0) as work:
            work.remember(1, "key", b"result", AT)
        assert slept == [sqlite_waiting.LOOKS] * 300
        with store.begin(0) as work:
            assert work.worked(1, "key") == b"result"


def test_it_is_not_waited_for_for_ever(path: str, other: sqlite3.Connection) -> None:
    with closing(SqliteStore(path, timeout=0.05)) as store:
        with pytest.raises(StoreError, match="is being written by another program, and has not become free"):
            store.begin(0)
        assert store.instances() == [], "it can be read"
        other.execute("commit")
        with store.begin(0) as work:
            work.remember(1, "key", b"result", AT)


def test_two_threads_wait_for_another_program_and_for_each_other(path: str, other: sqlite3.Connection) -> None:
    with closing(SqliteStore(path)) as store:

        def write(number: int) -> None:
            with store.begin(0) as work:
                work.remember(1, f"key {number}", b"result", AT)

        threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        other.execute("commit")
        for thread in threads:
            thread.join()
        with store.begin(0) as work:
            assert [work.worked(1, f"key {number}") for number in range(4)] == [b"result"] * 4


def test_what_goes_wrong_otherwise_is_not_tried_again() -> None:
    tries: list[int] = []
    with closing(sqlite3.connect(":memory:")) as db:

        def act() -> None:
            tries.append(1)
            db.execute("select * from nowhere")

        with pytest.raises(sqlite3.OperationalError, match="no such table"):
            waiting(act, 60.0)
    assert tries == [1]


def test_who_waits_lets_a_thread_on_that_writes_by_a_connection_of_its_own(path: str, other: sqlite3.Connection) -> None:
    """A program in whose own transaction the engine is called, and a worker in another thread: neither waits for the other for ever."""
    begins = threading.Event()
    with closing(SqliteStore(path)) as store:

        def write() -> None:
            begins.set()
            with store.begin(0) as work:
                work.remember(1, "worker", b"result", AT)

        worker = threading.Thread(target=write)
        worker.start()
        begins.wait()
        for _ in range(20):
            assert store.instances() == [], "the store can be read meanwhile"
        with store.within(other) as joined, joined.begin(0) as work:
            work.remember(1, "program", b"result", AT)
        other.execute("commit")
        worker.join()
        with store.begin(0) as work:
            assert (work.worked(1, "program"), work.worked(1, "worker")) == (b"result", b"result")
