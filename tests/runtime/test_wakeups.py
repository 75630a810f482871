"""The three wake-ups that could be lost between two programs on PostgreSQL, each provoked at its point: one program is stopped before its
commit, when all that it has written is written, and the other does its part meanwhile, as far as it can.

What keeps them is taken away in turn, to see that it is that: then the wake-up is lost.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from bpflow.diagnostics import Refused
from bpflow.loading import LoadedWorkspace, load_text
from bpflow.runtime import Engine, VirtualClock
from bpflow.stores import open_store
from bpflow.stores.postgres_work import PostgresWork
from tests.runnable import runnable

PROCESSES = {
    "watches": """\
inputs: {deal: {type: document, of: deal, required: true}}
steps:
  - {activity: pause, until: 'coalesce(deal.sum, 0) > 10'}
  - {activity: end, result: woken}
""",
    "waits": """\
steps:
  - {activity: wait-message, message: paid, key: '"k"'}
  - {activity: end, result: woken}
""",
    "once": """\
document: deal
unless-running: true
start:
  - {on: manual}
  - {on: message, message: take, document: message.deal, values: {deal: {type: document, of: deal}}}
steps:
  - {activity: request-info, to: user("boss"), title: X}
""",
}
Taken = dict[str, str]
"""What is taken away: texts in statements, and what stands there instead."""
SHARE: Taken = {" for share": ""}
LOOK: Taken = {"insert into bpflow.look (owner, name, key, at) values ($1, $2, $3, $4)": "select $1::bigint, $2::text, $3::text, $4::bigint"}
NEXT: Taken = {"insert into bpflow.look (owner, name, key, at) values ($1, $2, null, $3)": "select $1::bigint, $2::text, $3::bigint"}
LOCK: Taken = {"pg_advisory_xact_lock(": "coalesce("}


class Two:
    """Two programs on one database. The first can be stopped."""

    def __init__(self, url: str, workspace: LoadedWorkspace, clock: VirtualClock) -> None:
        self.url = url
        self.one, self.other = (Engine(open_store(url), workspace, clock) for _ in range(2))
        for id, text in PROCESSES.items():
            self.one.deploy(runnable(load_text(f"bpflow: 1\nid: {id}\ntitle: X\n{text}", "test.yaml", workspace.documents)))
        self.reached, self.go = threading.Event(), threading.Event()

    def close(self) -> None:
        self.one.close()
        self.other.close()

    def meet(self, first: Callable[[Engine], object], second: Callable[[Engine], object]) -> list[Any]:
        """The first is stopped before it commits, then the second does what it can, then the first goes on. Gives what came of both."""
        begin = self.one.store.begin

        @contextmanager
        def stopped(*given: Any) -> Iterator[Any]:
            with begin(*given) as work:
                yield work
                if not self.reached.is_set():
                    work.ask("select 1")  # all that was to be sent has been done
                    self.reached.set()
                    assert self.go.wait(60)

        self.one.store.begin = stopped  # type: ignore[method-assign,assignment]
        came: list[Any] = [None, None]
        threads = [threading.Thread(target=self.run, args=one) for one in ((came, 0, self.one, first), (came, 1, self.other, second))]
        threads[0].start()
        assert self.reached.wait(60)
        threads[1].start()
        self.done_or_held(threads[1])
        self.go.set()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()
        self.one.store.begin = begin  # type: ignore[method-assign]
        return came

    def run(self, came: list[Any], place: int, engine: Engine, act: Callable[[Engine], object]) -> None:
        try:
            came[place] = act(engine)
        except Exception as error:
            came[place] = error

    def done_or_held(self, thread: threading.Thread) -> None:
        """Waits until that has come to its end, or waits for a lock that the other has."""
        with psycopg.connect(self.url, autocommit=True) as server:
            while thread.is_alive():
                ((held,),) = server.execute("select count(*) from pg_locks l join pg_database d on d.datname = current_database() where not granted").fetchall()
                if held:
                    return
                time.sleep(0.02)


@pytest.fixture
def two(database: str, workspace: LoadedWorkspace, clock: VirtualClock) -> Iterator[Two]:
    two = Two(database, workspace, clock)
    yield two
    two.close()


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[[Taken], None]:
    """Takes something away."""
    guarded = PostgresWork._guarded

    def without(taken: Taken) -> None:
        used: set[str] = set()

        def run(self: PostgresWork, run: Any, sql: str, *values: Any) -> Any:
            for text, instead in taken.items():
                if text in sql:
                    used.add(text)
                    sql = sql.replace(text, instead)
            return guarded(self, run, sql, *values)

        monkeypatch.setattr(PostgresWork, "_guarded", run)

    return without


def results(two: Two, process: str) -> list[str | None]:
    two.other.work()
    return [row.result or row.status for row in two.other.instances(process)]


def deal(two: Two) -> Any:
    return two.one.create_document("deal", {"name": "Труба", "status": "new"})


# ── watch against change ────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("taken, number, result", [({}, 2, "woken"), (SHARE, 2, "running"), ({}, 1, "woken")])
def test_it_begins_to_watch_while_the_document_is_changed(two: Two, without: Callable[[Taken], None], taken: Taken, number: int, result: str) -> None:
    """Also where instance and document have the same number, and so the same owner."""
    ref = [deal(two) for _ in range(number)][-1]
    without(taken)
    two.meet(lambda engine: engine.start("watches", inputs={"deal": ref}), lambda engine: engine.set_document(ref, {"sum": 11}))
    assert results(two, "watches") == [result]


def test_the_document_is_changed_while_it_begins_to_watch(two: Two) -> None:
    ref = deal(two)
    two.meet(lambda engine: engine.set_document(ref, {"sum": 11}), lambda engine: engine.start("watches", inputs={"deal": ref}))
    assert results(two, "watches") == ["woken"]


# ── send against wait ───────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("taken, result", [({}, "woken"), (LOOK, "running")])
def test_a_message_is_sent_while_somebody_begins_to_wait(two: Two, without: Callable[[Taken], None], taken: Taken, result: str) -> None:
    without(taken)
    two.meet(lambda engine: engine.start("waits"), lambda engine: engine.send_message("paid", "k"))
    assert results(two, "waits") == [result]


def test_somebody_begins_to_wait_while_a_message_is_sent(two: Two) -> None:
    two.meet(lambda engine: engine.send_message("paid", "k"), lambda engine: engine.start("waits"))
    assert results(two, "waits") == ["woken"]


# ── unless one is running ───────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("index", [True, False])
@pytest.mark.parametrize("taken", [{}, LOCK])
def test_two_begin_what_is_to_run_once(two: Two, without: Callable[[Taken], None], taken: Taken, index: bool) -> None:
    """The lock of the owner holds the second back; without it the unique index refuses him. Without both, two would run."""
    ref = deal(two)
    if not index:
        with psycopg.connect(two.url, autocommit=True) as server:
            server.execute("drop index bpflow.instance_exclusive")
    without(taken)
    _, second = two.meet(*[lambda engine: engine.start("once", document=ref)] * 2)
    assert isinstance(second, Refused) == bool(index or not taken), second
    assert len(two.other.instances("once")) == 2 - isinstance(second, Refused)


@pytest.mark.parametrize("taken, there", [({}, 2), (LOCK, 2), ({**LOCK, **NEXT}, 1)])
def test_a_message_would_start_the_next_while_the_last_one_ends(two: Two, without: Callable[[Taken], None], taken: Taken, there: int) -> None:
    ref = deal(two)
    two.one.start("once", document=ref)
    (task,) = two.one.tasks()
    without(taken)
    two.meet(lambda engine: engine.answer(task.id, by="boss"), lambda engine: engine.send_message("take", None, {"deal": ref}))
    assert results(two, "once") == ["ended", "running"][:there]
