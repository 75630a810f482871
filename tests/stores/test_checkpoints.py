"""What was committed comes from SQLite's log into the file while others work, and nobody's commit waits for it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Event

import pytest

from bpflow.stores import sqlite_checkpoints
from bpflow.stores.sqlite import SqliteStore
from bpflow.stores.sqlite_checkpoints import Checkpoints
from tests.stores.conftest import AT


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bpflow.db"


@pytest.fixture
def store(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqliteStore]:
    """A store that begins a checkpoint at each hundredth change, and whose commits make none."""
    monkeypatch.setattr(sqlite_checkpoints, "ROWS", 100)
    monkeypatch.setitem(sqlite_checkpoints.PAGES, "normal", 0)
    with closing(SqliteStore(str(path), sync="normal")) as store:
        yield store


def write(store: SqliteStore, first: int, count: int) -> None:
    for n in range(first, first + count):
        with store.begin(1) as work:
            work.remember(1, f"key {n}", b"result " * 20, AT)


def in_the_file(path: Path, place: Path) -> int:
    """How many keys the file has by itself, without its log."""
    place.write_bytes(path.read_bytes())
    with closing(sqlite3.connect(place)) as db:
        return int(db.execute("select count(*) from inbox").fetchone()[0])


def test_what_was_committed_comes_into_the_file_while_the_store_is_open(store: SqliteStore, path: Path, tmp_path: Path) -> None:
    """While somebody writes, as much as may be, which without the log is no whole file yet; when nobody does, all."""
    for count in (150, 300):
        write(store, count - 150, 150)
        assert store._checkpoints.due > count, "one was begun, and says when the next is"
        with store._checkpoints._going:
            pass
        store._checkpoints.begin(0)
        with store._checkpoints._going:
            assert in_the_file(path, tmp_path / "copy.db") == count


def test_commits_do_not_wait_for_it(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one goes on no other begins."""
    go_on, begun = Event(), list[int]()

    def work(checkpoints: Checkpoints) -> None:
        begun.append(1)
        go_on.wait(30)
        checkpoints._going.release()

    monkeypatch.setattr(Checkpoints, "_work", work)
    write(store, 0, 500)
    assert begun == [1]
    go_on.set()


def test_the_log_does_not_grow_for_ever(path: Path) -> None:
    """A commit does the rest, when it is as long as it may be, and it begins anew: unless another is at it, and then the next one."""
    with closing(SqliteStore(str(path), sync="normal")) as store:
        limit = sqlite_checkpoints.PAGES["normal"] * 1100
        for n in range(8 * sqlite_checkpoints.PAGES["normal"] // 1000):
            with store.begin(1) as work:
                for part in range(1000):
                    work.remember(1, f"{n} {part}", b"x" * 900, AT)
        assert path.with_name("bpflow.db-wal").stat().st_size < 4 * limit


def test_a_file_that_is_gone_is_not_made_anew(store: SqliteStore, path: Path) -> None:
    for file in path.parent.iterdir():
        file.unlink()
    write(store, 0, 150)
    store._checkpoints.end()
    assert not path.exists()


def test_without_a_thread_commits_go_on(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object, **__: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(sqlite_checkpoints, "Thread", none)
    write(store, 0, 250)
    store._checkpoints.end()
    with store.begin(1) as work:
        assert work.worked(1, "key 249") is not None


@pytest.mark.parametrize("sync", ["normal", "full"])
def test_in_memory_and_where_commits_wait_for_the_disk_there_is_none(path: Path, sync: str) -> None:
    with closing(SqliteStore(":memory:" if sync == "normal" else str(path), sync=sync)) as store:
        assert store._checkpoints.due == float("inf")
