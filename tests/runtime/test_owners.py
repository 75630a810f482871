"""Between owners: whatever breaks off between two transactions, and whoever else is at it, nothing is lost and nothing happens twice."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import settings

from bpflow.diagnostics import Refused
from bpflow.engine.events import Arrived
from bpflow.engine.transition import CallOut
from bpflow.loading import Loaded, LoadedWorkspace, load_text
from bpflow.runtime import Engine, VirtualClock
from bpflow.runtime.rounds import Rounds
from bpflow.stores import open_store
from bpflow.stores.contract import Store, StoreError, Work
from bpflow.stores.leases import Lease
from tests.owners import tables
from tests.runnable import runnable
from tests.runtime.looking import check_index, check_replay, events_of

PROCESSES = {
    "child": """\
inputs: {amount: {type: integer}}
outputs: {double: amount * 2}
steps:
  - {activity: notify, to: user("boss"), text: $(amount)}
  - {activity: end, result: signed}
""",
    "parent": """\
outputs: {double: sub.double}
steps:
  - {id: sub, activity: call-process, process: child, inputs: {amount: 4}}
  - {activity: end, result: done}
""",
    "beside": """\
steps:
  - {activity: call-process, process: child, inputs: {amount: 5}, wait: false}
  - {activity: end, result: done}
""",
    "breaks": """\
document: deal
steps:
  - {id: tell, activity: notify, to: 'members(department("empty"))', text: Никому}
""",
    "on-deals": """\
document: deal
steps:
  - id: sub
    activity: call-process
    process: breaks
    document: document.parent
    retry: {times: 1, first: 10s}
    on-error: {steps: [{activity: end, result: caught}]}
""",
    "updates": """\
document: deal
steps:
  - {activity: update-document, document: document.parent, set: {sum: 17}, note: Раз}
  - {activity: end, result: updated}
""",
    "waits": """\
outputs: {sum: got.sum}
steps:
  - {id: got, activity: wait-message, message: paid, key: '"k"', values: {sum: {type: integer}}}
  - {activity: end, result: got}
""",
    "sends": """\
steps:
  - {activity: send-message, message: paid, key: '"k"', values: {sum: 3}}
  - {activity: end, result: sent}
""",
    "nudged": """\
meanwhile:
  - {message: nudge, cancels: false, steps: [{activity: notify, to: user("boss"), text: Толкнули}]}
steps:
  - {id: pause, activity: pause, until: now + days(1)}
""",
    "by-message": """\
inputs: {n: {type: integer}}
start: [{on: message, message: order, values: {sum: {type: integer}}, with: {n: $(message.sum)}}]
steps:
  - {activity: notify, to: user("boss"), text: $(n)}
""",
    "one-at-a-time": """\
document: deal
unless-running: true
inputs: {n: {type: integer}}
start:
  - on: message
    message: take
    document: message.deal
    values: {sum: {type: integer}, deal: {type: document, of: deal}}
    with: {n: $(message.sum)}
steps:
  - {activity: notify, to: user("boss"), text: $(n)}
  - {activity: pause, until: now + hours(1)}
""",
}


class Crash(BaseException):
    """The program breaks off."""


class Place:
    """A database with two programs on it. Everything is deployed; what happens there can be forgotten."""

    KEPT = ("store", "definition", "deployment", "schedule")

    def __init__(self, url: str, workspace: LoadedWorkspace, clock: VirtualClock) -> None:
        self.url, self.workspace, self.clock = url, workspace, clock
        self.one, self.other = open_store(url), open_store(url)
        self.programs: dict[int, Any] = {}

    def engine(self, store: Store) -> Engine:
        """A program that has just been started."""
        engine = Engine(store, self.workspace, self.clock)
        engine.runner.programs = self.programs
        return engine

    def empty(self) -> None:
        """Nothing has happened."""
        if self.url.startswith("postgresql"):
            with psycopg.connect(self.url, autocommit=True) as server:
                names = [name for (name,) in server.execute("select tablename from pg_tables where schemaname = 'bpflow'") if name not in self.KEPT]
                server.execute(f"truncate {', '.join(f'bpflow.{name}' for name in names)}".encode())
            return
        with closing(sqlite3.connect(self.url)) as db, db:
            for table in tables(db):
                db.execute(f"delete from {table}")

    def close(self) -> None:
        self.one.close()
        self.other.close()


@pytest.fixture(scope="module")
def loaded(workspace: LoadedWorkspace) -> list[Loaded]:
    texts = [f"bpflow: 1\nid: {id}\ntitle: X\n{text}" for id, text in PROCESSES.items()]
    return [runnable(load_text(text, "test.yaml", workspace.documents)) for text in texts]


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path, workspace: LoadedWorkspace, clock: VirtualClock, loaded: list[Loaded]) -> Iterator[Place]:
    place = Place(str(tmp_path / "one.db") if request.param == "sqlite" else request.getfixturevalue("database"), workspace, clock)
    for one in loaded:
        place.engine(place.one).deploy(one)
    yield place
    place.close()


# ── the guard ───────────────────────────────────────────────────────────────────────────────────────────────────────
def begun(work: Work, *owners: int) -> None:
    for owner in owners:
        work.send(owner, owner, 0, [CallOut("mail", {}, 1, 1, 1, True)], datetime(2026, 3, 2, tzinfo=UTC), 0)


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_the_guard_sees_rows_of_two_owners(kind: str, request: pytest.FixtureRequest, tmp_path: Path, one_owner: list[str]) -> None:
    store = open_store(str(tmp_path / "one.db") if kind == "sqlite" else request.getfixturevalue("database"))
    with store.begin() as work:
        work.add_document("deal", {}, datetime(2026, 3, 2, tzinfo=UTC), None, None, 0)
        work.add_document("deal", {}, datetime(2026, 3, 2, tzinfo=UTC), None, None, 0)
    with store.begin() as work:
        begun(work, 7, 7)
    assert not one_owner
    if kind == "sqlite":
        with store.begin() as work:
            begun(work, 7, 8)
        assert one_owner.pop().startswith("rows of several owners in one unit of work")
    else:
        with pytest.raises(StoreError, match="rows of several owners in one unit of work"), store.begin() as work:
            begun(work, 7, 8)
    store.close()


def test_every_row_says_whose_it_is(tmp_path: Path) -> None:
    open_store(str(tmp_path / "one.db")).close()
    with closing(sqlite3.connect(tmp_path / "one.db")) as db:
        for table in tables(db):
            assert "owner" in [row[1] for row in db.execute(f"pragma table_info({table})")], f"{table} belongs to nobody, and owners.py does not say why"


# ── stories ─────────────────────────────────────────────────────────────────────────────────────────────────────────
Act = Callable[[Engine], object]


def work(engine: Engine) -> int:
    """All that there is to do now, under no lease, as if nobody else were there."""
    return Rounds(engine._drain).work().total


def above(engine: Engine) -> None:
    engine.create_document("deal", {"name": "Верх", "status": "new"})


def below(engine: Engine) -> None:
    engine.create_document("deal", {"name": "Низ", "status": "new", "parent": deal_of(engine, "Верх")})


def start(process: str, deal: str | None = None) -> Act:
    """Starts a process, on the deal of that name where one is named."""
    return lambda engine: engine.start(process, document=deal_of(engine, deal) if deal else None)


def deal_of(engine: Engine, name: str) -> Any:
    return next(row.ref for row in engine.documents("deal") if row.fields["name"] == name)


def send(message: str, key: object = None, deal: str | None = None, **values: object) -> Act:
    def act(engine: Engine) -> None:
        engine.send_message(message, key, {**values, **({"deal": deal_of(engine, deal)} if deal else {})})

    return act


STORIES: dict[str, list[Act]] = {
    "a call": [start("parent"), work],
    "a call that is not waited for": [start("beside"), work],
    "a call that fails, and its second attempt": [above, below, start("on-deals", "Низ"), work],
    "a change of another's document": [above, below, start("updates", "Низ"), work],
    "the wait, then the message": [start("waits"), send("paid", "k", sum=3)],
    "the message, then the wait": [send("paid", "k", sum=3), start("waits")],
    "two waits, two messages": [start("waits"), send("paid", "k", sum=1), send("paid", "k", sum=2), start("waits"), start("sends"), start("waits")],
    "messages beside": [start("nudged"), send("nudge"), send("nudge")],
    "a message that starts a process": [send("order", sum=1), send("order", sum=2)],
    "messages that start one after the other": [above, below, *(send("take", deal="Низ", sum=n) for n in (1, 2))],
}


def told(engine: Engine) -> dict[str, Any]:
    """What has come of a story, whoever was faster and whichever number it has."""
    instances = [(row.process, row.status, row.result, sorted(engine.instance(row.id).outputs.items())) for row in engine.instances()]
    return {
        "instances": sorted(instances, key=repr),
        "notices": sorted((row.person, row.text) for row in engine.notices()),
        "documents": [(row.fields["name"], row.fields.get("sum"), row.version, len(engine.feed(row.ref))) for row in engine.documents()],
        "messages": sorted((row.name, row.values.get("sum")) for row in engine.messages()),
        "arrived": sum(isinstance(event, Arrived) for row in engine.instances() for event in events_of(engine, row.id)),
    }


def nothing_is_left(engine: Engine, far: datetime) -> None:
    """Nothing waits for anything that has been, nobody is set aside, and what is recorded gives what is stored."""
    store: Any = engine.store
    assert store.outbox() == store.changes() == store.looks() == store.messages(fresh=True) == store.aside() == []
    assert store._all(f"select child from {'' if hasattr(store, 'path') else 'bpflow.'}called") == []
    for row in engine.instances():
        check_replay(engine, row.id)
        check_index(engine, row.id, far)


class Story:
    """A story, told again and again by a program, while another may be at the same database."""

    def __init__(self, place: Place, acts: list[Act]) -> None:
        self.place, self.acts, self.begins = place, acts, place.clock.now()
        self.begin: Any = place.one.begin

    def tell(self, then: Callable[[int], object] = bool) -> tuple[Engine, int]:
        """Tells it from the beginning, with what happens after each commit. A program that breaks off is followed by another. Gives the last
        one, and how many commits there were before nothing was left to be done."""
        self.place.empty()
        self.place.clock.set(self.begins)
        engine, commits = self.place.engine(self.place.one), count(1)

        @contextmanager
        def counted(owner: int | None = None, leases: Sequence[Lease] = (), anew: bool = False) -> Iterator[Work]:
            with self.begin(owner, leases, anew) as work:
                yield work
            then(next(commits))

        self.place.one.begin = counted  # type: ignore[method-assign]
        for act in [*self.acts, self.finish]:
            try:
                act(engine)
            except Crash:
                engine = self.place.engine(self.place.one)
        self.place.one.begin = self.begin  # type: ignore[method-assign]
        self.finish(engine)
        return engine, next(commits) - 1

    def finish(self, engine: Engine) -> None:
        """All that is to be done is done, also what is due later."""
        for _ in range(50):
            if not work(engine):
                due = engine.next_due()
                if due is None:
                    return
                self.place.clock.set(due)

    def some(self, commits: int) -> list[int]:
        """The commits after which something happens: all of them, or (not in a long run) some from the first to the last."""
        few = settings.default.max_examples // 13  # type: ignore[attr-defined]
        return sorted({1 + round(number * (commits - 1) / (few - 1)) for number in range(few)})


@pytest.fixture(params=STORIES)
def story(request: pytest.FixtureRequest, place: Place) -> Story:
    return Story(place, STORIES[str(request.param)])


def test_it_may_break_off_after_any_commit(story: Story, far: datetime) -> None:
    engine, commits = story.tell()
    wanted = told(engine)
    nothing_is_left(engine, far)
    assert commits >= 3
    for number in story.some(commits):

        def crash(commit: int, number: int = number) -> None:
            if commit == number:
                raise Crash

        again, _ = story.tell(crash)
        assert told(again) == wanted, f"broken off after commit {number}"
        nothing_is_left(again, far)


def test_another_may_be_at_it_after_any_commit(story: Story, far: datetime) -> None:
    """After that commit, or after each, another program does all that there is to do, before this one goes on with what it knows."""
    engine, commits = story.tell()
    wanted = told(engine)
    for number in (0, *story.some(commits)):
        other = story.place.engine(story.place.other)

        def meanwhile(commit: int, number: int = number, other: Engine = other) -> None:
            if number in (0, commit):
                work(other)

        again, _ = story.tell(meanwhile)
        assert told(again) == wanted, f"another was at it after commit {number}"
        nothing_is_left(again, far)


def test_what_is_waited_for_may_be_cancelled_after_any_commit(story: Story, far: datetime) -> None:
    """Another program cancels the first instance that runs. Then nobody runs for it any more, and all else goes on."""
    _, commits = story.tell()
    for number in story.some(commits):
        other = story.place.engine(story.place.other)

        def meanwhile(commit: int, number: int = number, other: Engine = other) -> None:
            if commit == number:
                for row in other.instances(status="running", limit=1):
                    with suppress(Refused):
                        other.cancel(row.id)

        again, _ = story.tell(meanwhile)
        nothing_is_left(again, far)
        running = [row for row in again.instances(status="running") if row.process != "nudged"]
        waiting = [row for row in running if row.process == "waits"]
        assert running == waiting, "who waits for a message that another has had"
        assert not (waiting and again.messages()), "a message is there, and somebody waits for it"
