"""Between owners: whatever breaks off between two transactions, and whoever else is at it, nothing is lost and nothing happens twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from bpflow.diagnostics import Refused
from bpflow.engine.events import Arrived
from bpflow.loading import LoadedWorkspace, load_text
from bpflow.runtime import Engine, VirtualClock
from bpflow.stores import open_store
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


class Watched:
    """A store of which each commit is counted, and after which something may happen."""

    def __init__(self, store: Any) -> None:
        self.store = store
        self.commits = 0
        self.then: Callable[[int], None] = lambda _: None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    @contextmanager
    def begin(self, owner: int | None = None) -> Iterator[Any]:
        with self.store.begin(owner) as work:
            yield work
        self.commits += 1
        self.then(self.commits)


@pytest.fixture(scope="module")
def loaded(workspace: LoadedWorkspace) -> list[Any]:
    return [
        runnable(load_text(f"bpflow: 1\nid: {id}\ntitle: X\n{text}", "test.yaml", workspace.documents, timezone="Europe/Moscow"))
        for id, text in PROCESSES.items()
    ]


@pytest.fixture
def open(workspace: LoadedWorkspace, clock: VirtualClock, loaded: list[Any]) -> Iterator[Callable[[str], Engine]]:
    """Opens an engine on a store; what is deployed is there already or is deployed."""
    engines: list[Engine] = []
    programs: dict[int, Any] = {}

    def open(url: str) -> Engine:
        engine = Engine(Watched(open_store(url)), workspace, clock)  # type: ignore[arg-type]
        engine.runner.programs = programs  # the same definitions have the same numbers in all of them
        engines.append(engine)
        if not engine.store.deployed():
            for one in loaded:
                engine.deploy(one)
        return engine

    yield open
    for engine in engines:
        engine.close()


# ── stories ─────────────────────────────────────────────────────────────────────────────────────────────────────────
Act = Callable[[Engine], object]


def work(engine: Engine) -> None:
    engine.work()


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
        "documents": [(dict(row.fields), row.version, len(engine.feed(row.ref))) for row in engine.documents()],
        "messages": sorted((row.name, row.values.get("sum")) for row in engine.messages()),
        "arrived": sum(isinstance(event, Arrived) for row in engine.instances() for event in events_of(engine, row.id)),
    }


def nothing_is_left(engine: Engine, far: datetime) -> None:
    """Nothing waits for anything that has been, nobody is set aside, and what is recorded gives what is stored."""
    store: Any = engine.store.store  # type: ignore[attr-defined]
    assert store.outbox() == store.changes() == store.looks() == store.messages(fresh=True) == store.aside() == []
    assert store._all(f"select child from {'' if hasattr(store, 'path') else 'bpflow.'}called") == []
    for row in engine.instances():
        check_replay(engine, row.id)
        check_index(engine, row.id, far)


@pytest.fixture(params=["sqlite", "postgres"])
def emptied(request: pytest.FixtureRequest, open: Callable[[str], Engine]) -> Callable[[], str]:
    """Gives the address of a store in which everything is deployed and nothing has happened, again and again."""
    if request.param == "sqlite":
        folder: Path = request.getfixturevalue("tmp_path")
        first = folder / "first.db"
        open(str(first)).close()
        numbers = count()

        def copied() -> str:
            copy = folder / f"{next(numbers)}.db"
            copy.write_bytes(first.read_bytes())
            return str(copy)

        return copied
    url: str = request.getfixturevalue("database")
    open(url).close()
    kept = ("store", "definition", "deployment", "schedule")

    def truncated() -> str:
        import psycopg

        with psycopg.connect(url, autocommit=True) as db:
            names = [name for (name,) in db.execute("select tablename from pg_tables where schemaname = 'bpflow'") if name not in kept]
            db.execute(f"truncate {', '.join(f'bpflow.{name}' for name in names)} restart identity".encode())
        return url

    return truncated


class Told:
    """A story, told on stores of one kind."""

    def __init__(self, emptied: Callable[[], str], open: Callable[[str], Engine], clock: VirtualClock, story: str) -> None:
        self.emptied, self.open, self.clock, self.acts = emptied, open, clock, STORIES[story]
        self.begins = clock.now()

    def tell(self, then: Callable[[str], Callable[[int], None]]) -> tuple[Engine, int]:
        """Tells it, with what happens after each commit; an engine that breaks off is followed by another. Gives the last one, and how many
        commits it has made."""
        url = self.emptied()
        self.clock.set(self.begins)
        happens = then(url)
        engine = self.opened(url, happens)
        for act in [*self.acts, self.finish]:
            try:
                act(engine)
            except Crash:
                engine.close()
                engine = self.opened(url, lambda _: None)
        self.finish(engine)
        return engine, engine.store.commits  # type: ignore[attr-defined]

    def finish(self, engine: Engine) -> None:
        """All that is to be done is done, also what is due later."""
        for _ in range(50):
            if not engine.work().total:
                due = engine.next_due()
                if due is None:
                    return
                self.clock.set(due)

    def opened(self, url: str, happens: Callable[[int], None]) -> Engine:
        engine = self.open(url)
        engine.store.then = happens  # type: ignore[attr-defined]
        return engine


@pytest.fixture(params=STORIES)
def story(request: pytest.FixtureRequest, emptied: Callable[[], str], open: Callable[[str], Engine], clock: VirtualClock) -> Told:
    return Told(emptied, open, clock, str(request.param))


def nothing(url: str) -> Callable[[int], None]:
    return lambda _: None


def test_it_may_break_off_after_any_commit(story: Told, far: datetime) -> None:
    engine, commits = story.tell(nothing)
    wanted = told(engine)
    nothing_is_left(engine, far)
    assert commits >= 3
    for number in range(1, commits + 1):

        def crash(_: str, number: int = number) -> Callable[[int], None]:
            def crash(commit: int) -> None:
                if commit == number:
                    raise Crash

            return crash

        again, _ = story.tell(crash)
        assert told(again) == wanted, f"broken off after commit {number}"
        nothing_is_left(again, far)
        again.close()


def test_another_may_be_at_it_after_any_commit(story: Told, far: datetime) -> None:
    """After that commit, or after each, another program does all that there is to do, before this one goes on with what it knows."""
    engine, commits = story.tell(nothing)
    wanted = told(engine)
    for number in (0, *range(1, commits + 1)):

        def meanwhile(url: str, number: int = number) -> Callable[[int], None]:
            other = story.open(url)

            def meanwhile(commit: int) -> None:
                if number in (0, commit):
                    other.work()

            return meanwhile

        again, _ = story.tell(meanwhile)
        assert told(again) == wanted, f"another was at it after commit {number}"
        nothing_is_left(again, far)


def test_what_is_waited_for_may_be_cancelled_after_any_commit(story: Told, far: datetime) -> None:
    """Another program cancels the first instance that runs. Then nobody runs for it any more, and all else goes on."""
    _, commits = story.tell(nothing)
    for number in range(1, commits + 1):

        def meanwhile(url: str, number: int = number) -> Callable[[int], None]:
            other = story.open(url)

            def meanwhile(commit: int) -> None:
                if commit == number:
                    for row in other.instances(status="running", limit=1):
                        with suppress(Refused):
                            other.cancel(row.id)

            return meanwhile

        again, _ = story.tell(meanwhile)
        nothing_is_left(again, far)
        running = [row for row in again.instances(status="running") if row.process != "nudged"]
        waiting = [row for row in running if row.process == "waits"]
        assert running == waiting, "who waits for a message that another has had"
        assert not (waiting and again.messages()), "a message is there, and somebody waits for it"
