"""When the store cannot be had: it is said clearly, and nothing is half written."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bpflow.diagnostics import say
from bpflow.expressions.data import Value
from bpflow.loading import LoadedWorkspace
from bpflow.runtime import Engine, Request, VirtualClock, open_engine
from bpflow.stores.contract import StoreError
from bpflow.stores.sqlite import SqliteStore
from bpflow.stores.sqlite_files import APPLICATION
from bpflow.stores.sqlite_work import SqliteWork
from tests.runtime.conftest import Open
from tests.runtime.looking import check_index, check_replay, dump
from tests.runtime.test_incidents import Post, calling

pytestmark = pytest.mark.sqlite

NEW = {"name": "Труба", "status": "new", "responsible": "petrova"}

HOLDER = """\
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("begin immediate")
print("held", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def hold(db: Path, tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Has another program hold the database; it lets it go when its input is closed."""
    script = tmp_path / "holder.py"
    script.write_text(HOLDER)
    holding: list[subprocess.Popen[str]] = []

    def hold() -> subprocess.Popen[str]:
        process = subprocess.Popen([sys.executable, str(script), str(db)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        holding.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        return process

    yield hold
    for process in holding:
        process.communicate()


def impatient(engine: Engine) -> None:
    """Others are waited for no longer than that."""
    store: Any = engine.store
    store._timeout = 0.1


def test_another_program_holds_the_database(engine: Engine, db: Path, clock: VirtualClock, hold: Callable[[], subprocess.Popen[str]], far: datetime) -> None:
    deal = engine.create_document("deal", NEW)
    engine.set_document(deal, {"status": "open"})
    (task,) = engine.tasks()
    before = dump(db)
    impatient(engine)
    holder = hold()
    clock.forward(timedelta(days=3))
    acts: list[Callable[[], object]] = [
        lambda: engine.answer(task.id, by="petrova", outcome="agreed", values={"sum": 5}),
        lambda: engine.set_document(deal, {"sum": 5}),
        lambda: engine.create_document("deal", NEW),
        lambda: engine.start("plain"),
        lambda: engine.cancel(1),
        engine.work,
        engine.deploy_workspace,
        lambda: engine.import_documents("deal", b"name;status\nA;new\n"),
    ]
    for act in acts:
        with pytest.raises(StoreError) as trouble:
            act()
        assert str(trouble.value.message) == f'"{db}" is being written by another program, and has not become free'
    assert engine.tasks() == [task]
    holder.communicate()
    assert dump(db) == before
    engine.work()
    engine.answer(task.id, by="petrova", outcome="agreed", values={"sum": 5})
    check_replay(engine, 1)
    check_index(engine, 1, far)


def test_a_call_that_cannot_be_written_down_has_not_failed(opened: Open, db: Path, hold: Callable[[], subprocess.Popen[str]]) -> None:
    """The service has worked, its answer cannot be kept: no incident, and it is asked again with the same key."""
    post = Post()
    holders: list[subprocess.Popen[str]] = []

    def slow(request: Request) -> Mapping[str, Value]:
        said = post(request)
        if not holders:
            holders.append(hold())
        return said

    engine = opened({"mail.send": slow})
    engine.deploy_graph(calling())
    engine.start("calls")
    impatient(engine)
    with pytest.raises(StoreError):
        engine.work()
    holders[0].communicate()
    assert len(post.asked) == 1
    assert engine.incidents() == []
    assert engine.work().calls == 1
    assert len(set(post.asked)) == len(post.letters) == 1
    assert engine.instance(1).row.status == "ended"


def test_the_disk_is_full(engine: Engine, db: Path, far: datetime) -> None:
    deal = engine.create_document("deal", NEW)
    engine.set_document(deal, {"status": "open"})
    (task,) = engine.tasks()
    store = engine.store
    assert isinstance(store, SqliteStore)
    pages = store._db.execute("pragma page_count").fetchone()[0]
    store._db.execute(f"pragma max_page_count = {pages}")
    room = True
    while room:  # what is free in its pages is used up first
        before = dump(db)
        try:
            engine.create_document("deal", {**NEW, "name": "Труба " * 5000})
        except StoreError as error:
            trouble, room = error, False
    assert str(trouble.message) == f'there is no room left to write "{db}"; nothing was changed'
    assert dump(db) == before
    acts: list[Callable[[], object]] = [
        lambda: engine.import_documents("deal", ("name;status\n" + "".join(f"{'N' * 900}{n};new\n" for n in range(100))).encode()),
        lambda: engine.set_document(deal, {"name": "Насос " * 5000}),
        lambda: engine.answer(task.id, by="petrova", outcome="refused", comment="Нет " * 9000),
        lambda: engine.cancel(1, by="boss", why="Нет " * 9000),
    ]
    for act in acts:
        with pytest.raises(StoreError, match="there is no room left"):
            act()
        assert dump(db) == before
        check_replay(engine, 1)
    store._db.execute("pragma max_page_count = 1000000")
    engine.answer(task.id, by="petrova", outcome="agreed", values={"sum": 5})
    assert check_replay(engine, 1).result == "won"
    check_index(engine, 1, far)


def test_a_commit_that_fails_is_told_at_once_and_nothing_is_done(engine: Engine, db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the instance is at hand from the event before: it is not taken for one that another has changed."""
    deal = engine.create_document("deal", NEW)
    engine.set_document(deal, {"status": "open"})
    (task,) = engine.tasks()
    before, commits = dump(db), []
    leave = SqliteWork.__exit__

    def broken(work: SqliteWork, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        failed = StoreError(say("the disk is gone"))
        leave(work, kind or StoreError, error or failed, trace)
        if kind is None:
            commits.append(failed)
            raise failed

    with monkeypatch.context() as patch:
        patch.setattr(SqliteWork, "__exit__", broken)
        with pytest.raises(StoreError, match="the disk is gone"):
            engine.answer(task.id, by="petrova", outcome="refused", comment="Нет")
    assert (len(commits), dump(db)) == (1, before)
    engine.answer(task.id, by="petrova", outcome="refused", comment="Нет")
    assert engine.tasks() == []


def test_a_new_database_on_a_full_disk_is_made_later(db: Path, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its schema is there as a whole or not at all."""
    connect = sqlite3.connect

    def small(*given: object, **options: object) -> sqlite3.Connection:
        connection = connect(*given, **options)  # type: ignore[call-overload]
        connection.execute("pragma max_page_count = 8")
        return connection  # type: ignore[no-any-return]

    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", small)
        with pytest.raises(StoreError, match="there is no room left"):
            open_engine(str(db))
    assert dump(db) == {}
    assert [row.process for row in opened().deploy_workspace()] == ["ask", "plain"]


# ── files that are no database of bpflow ────────────────────────────────────────────────────────────────────────────
def made(path: Path, *statements: str) -> bytes:
    db = sqlite3.connect(path)
    for statement in statements:
        db.execute(statement)
    db.commit()
    db.close()
    return path.read_bytes()


NOT_OURS = [
    (("create table t (x)",), 'is a database of another program — to put the tables of bpflow beside its own, open it with "?beside=yes"'),
    (("pragma application_id = 17", "create table t (x)"), "is a database of another program"),
    (("pragma application_id = 17", "pragma user_version = 1"), "is a database of another program"),
    ((f"pragma application_id = {APPLICATION}", "pragma user_version = 999"), "was written by a newer bpflow (version 999)"),
]


@pytest.mark.parametrize("statements, reason", NOT_OURS)
def test_another_database_is_left_as_it_is(db: Path, statements: tuple[str, ...], reason: str) -> None:
    content = made(db, *statements)
    with pytest.raises(StoreError) as refused:
        open_engine(str(db))
    assert str(refused.value.message) == f'"{db}" {reason}'
    assert db.read_bytes() == content
    assert [path.name for path in db.parent.iterdir()] == [db.name]


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0" + b"\1" * 200])
def test_a_file_that_is_no_database(db: Path, content: bytes) -> None:
    db.write_bytes(content)
    with pytest.raises(StoreError, match="cannot be used as a database"):
        open_engine(str(db))
    assert db.read_bytes() == content


def test_an_empty_file_becomes_a_database(db: Path, opened: Open) -> None:
    db.touch()
    opened().deploy_workspace()
    assert [row.process for row in opened().store.deployed()] == ["ask", "plain"]


def test_a_place_where_nothing_can_be_written(tmp_path: Path) -> None:
    for path, why in ((tmp_path, "it is a folder"), (tmp_path / "no" / "such.db", 'there is no folder ".*no"')):
        with pytest.raises(StoreError, match=f"cannot be opened: {why}"):
            open_engine(str(path))


@pytest.mark.parametrize(
    "url, reason",
    [
        ("mysql://localhost/bpflow", "names no store"),
        ("sqlite://host/bpflow.db", "names no store"),
        ("sqlite:///{db}?speed=high", 'there is no option "speed"; there are: sync, beside'),
        ("sqlite:///{db}?sync=off", r"sync is full \| normal"),
    ],
)
def test_a_url_that_names_no_store(db: Path, url: str, reason: str) -> None:
    with pytest.raises(StoreError, match=reason):
        open_engine(url.format(db=db))
    assert not db.exists()


def test_a_url_with_a_strange_path(tmp_path: Path, workspace: LoadedWorkspace) -> None:
    path = tmp_path / "база данных 100%.db"
    with open_engine(f"sqlite:///{path.as_posix().replace('%', '%25').replace(' ', '%20')}?sync=normal", workspace) as engine:
        engine.deploy_workspace()
    assert path.exists()


# ── the clock ───────────────────────────────────────────────────────────────────────────────────────────────────────
class Jumping:
    """A clock of a machine that is set back."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


def test_a_clock_that_jumps_back(db: Path, workspace: LoadedWorkspace, far: datetime) -> None:
    """The time of an instance never goes back; its history can be replayed, and its timers fire when their time has come again."""
    clock = Jumping(datetime.fromisoformat("2026-03-02T10:00+03:00"))
    with open_engine(str(db), workspace, clock) as engine:
        engine.deploy_workspace()
        deal = engine.create_document("deal", NEW)
        engine.set_document(deal, {"status": "open"})
        clock.at -= timedelta(days=300)
        (task,) = engine.tasks()
        engine.answer(task.id, by="petrova", outcome="later", values={"call_at": "2026-03-05T10:00"})
        assert engine.timeline(1)[-1].at == datetime.fromisoformat("2026-03-02T10:00+03:00")
        engine.set_document(deal, {"sum": 4})
        assert engine.work().timers == 0
        check_replay(engine, 1)
        check_index(engine, 1, far)
        clock.at = datetime.fromisoformat("2026-03-05T10:00+03:00")
        assert engine.work().timers == 1
        clock.at -= timedelta(days=1)
        (task,) = engine.tasks()
        assert task.opened == datetime.fromisoformat("2026-03-05T10:00+03:00")
        engine.answer(task.id, by="petrova", outcome="agreed", values={"sum": 5})
        row = engine.instance(1).row
        assert (row.started, row.ended) == (datetime.fromisoformat("2026-03-02T10:00+03:00"), datetime.fromisoformat("2026-03-05T10:00+03:00"))
        moments = [line.at for line in engine.timeline(1)]
        assert moments == sorted(moments)
        check_replay(engine, 1)


TELLS = """\
id: tells
title: Говорит
steps:
  - {id: ask, activity: request-info, to: user("boss"), due: 1h, on-overdue: {tell: user("ivanov")}}
  - {activity: notify, to: 'user("petrova")', text: Да}
"""


def test_an_instance_knows_whom_it_has_told_while_the_clock_jumps_back(db: Path, workspace: LoadedWorkspace, deploy: Callable[[Engine, str], None]) -> None:
    clock = Jumping(datetime.fromisoformat("2026-03-02T10:00+03:00"))
    with open_engine(str(db), workspace, clock) as engine:
        deploy(engine, TELLS)
        ids = [engine.start("tells") for _ in range(3)]
        clock.at += timedelta(hours=2)
        assert engine.work().timers == 3
        clock.at -= timedelta(days=1)
        for task in engine.tasks("boss"):
            engine.answer(task.id, by="boss")
        for id in ids:
            assert [(row.person, row.instance) for row in engine.notices(instance=id)] == [("ivanov", id), ("petrova", id)]
        assert {row.at for row in engine.notices()} == {datetime.fromisoformat("2026-03-02T12:00+03:00")}
