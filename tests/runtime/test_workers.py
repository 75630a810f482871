"""Workers as real processes, on every store that several may share: what one leaves undone another finds, nothing is done twice."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bpflow.engine.events import Done, TimerFired
from bpflow.engine.pages import encode
from bpflow.engine.transition import UnexpectedEvent
from bpflow.expressions.data import Value
from bpflow.graph import Call, Expr, Flow, Graph, Step, Trigger, Variable, Wait
from bpflow.loading import LoadedWorkspace
from bpflow.runtime import Engine, Request, VirtualClock, open_engine
from bpflow.runtime.rounds import BATCH, Rounds
from bpflow.runtime.worker import Worker
from bpflow.stores.leases import SLOTS
from bpflow.values import Field
from tests.runtime.looking import check_replay, events_of

PROGRAM = """\
import json, os, signal, sys, time
from bpflow.runtime import Request, open_engine

url, folder, lease = sys.argv[1:4]

def note(request, what):
    with open(f"{folder}/ledger", "a") as ledger:
        ledger.write(f"{what} {request.key} {os.getpid()}\\n")

def gated(request: Request):
    note(request, "slow")
    while not os.path.exists(f"{folder}/gate"):
        time.sleep(0.02)
    return {}

def fast(request: Request):
    note(request, "fast")
    return {}

engine = open_engine(url, services={"slow": gated, "fast": fast})
worker = engine.worker(calls=2, lease=float(lease), grace=20.0)
signal.signal(signal.SIGTERM, lambda *_: worker.stop())
print("ready", flush=True)
done = worker.run()
engine.close()
print(json.dumps([done.timers, done.calls]), flush=True)
"""
PATIENCE = 120.0
"""Seconds after which a test gives up; none is meant to come near."""


def calling(service: str, process: str = "calls", count: int = 1) -> Graph:
    """A process that calls a service, `count` times one after the other."""
    names = [f"c{number}" for number in range(count)]
    nodes = tuple(Call(name, service, (), Flow(f"{name}>", after)) for name, after in zip(names, [*names[1:], None], strict=True))
    return Graph(process, "Зовёт", (Flow(">c0", "c0"),), nodes)


def pausing(process: str, until: str = 'now + duration("1s")') -> Graph:
    wait = Wait("w", ((Trigger("at", Expr(until)), Flow("w>")),), "w")
    return Graph(process, "Ждёт", (Flow(">w", "w"),), (wait,))


def until(met: Callable[[], object]) -> None:
    """Waits until it is so."""
    for _ in range(int(PATIENCE / 0.05)):
        if met():
            return
        time.sleep(0.05)
    pytest.fail("it has not come to that")


class Crew:
    """Workers that are processes of their own, and what their services were asked."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder
        self.there: list[subprocess.Popen[str]] = []
        (folder / "program.py").write_text(PROGRAM, encoding="utf-8")

    def start(self, lease: float = 1000.0) -> subprocess.Popen[str]:
        command = [sys.executable, str(self.folder / "program.py"), self.url, str(self.folder), str(lease)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.there.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    def stop(self, process: subprocess.Popen[str]) -> list[int]:
        """Has it end well; gives how many timers and calls it has done."""
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0
        return list(json.loads(said))

    def open_gate(self) -> None:
        (self.folder / "gate").touch()

    def asked(self) -> list[tuple[str, str, int]]:
        """Of each call: the service, the key, and the process that has asked."""
        ledger = self.folder / "ledger"
        lines = ledger.read_text().splitlines() if ledger.exists() else []
        return [(what, key, int(pid)) for what, key, pid in map(str.split, lines)]


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(request.getfixturevalue("database")) if request.param == "postgres" else f"sqlite:///{tmp_path}/bpflow.db?sync=normal"


@pytest.fixture
def crew(url: str, tmp_path: Path) -> Iterator[Crew]:
    crew = Crew(url, tmp_path)
    yield crew
    for process in crew.there:
        if process.poll() is None:
            process.kill()
            process.send_signal(signal.SIGCONT)
        process.communicate()


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    with open_engine(url) as engine:
        yield engine


def ended(engine: Engine, count: int) -> bool:
    return len(engine.instances(status="ended")) == count


def check_done_once(engine: Engine, id: int) -> None:
    """Each answer is in the history once, and what was recorded leads to what is stored."""
    answers = [(event.token, event.visit) for event in events_of(engine, id) if isinstance(event, Done)]
    assert len(answers) == len(set(answers))
    check_replay(engine, id)


# ── workers that die ────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_work_of_one_that_is_killed_is_taken_over_at_once(engine: Engine, crew: Crew) -> None:
    """And not only after the time of its lease: that it is gone can be seen."""
    engine.deploy_graph(calling("slow"))
    killed = crew.start()
    id = engine.start("calls")
    until(crew.asked)
    killed.kill()
    killed.wait()
    crew.open_gate()
    other = crew.start()
    until(lambda: ended(engine, 1))
    assert crew.asked() == [("slow", f"{id}.1.1", killed.pid), ("slow", f"{id}.1.1", other.pid)], "asked again, with the same key"
    check_done_once(engine, id)
    assert [row.told.pid for row in engine.store.workers()] == [other.pid]
    assert crew.stop(other) == [0, 1]


def test_a_pass_takes_over_from_one_that_was_killed(engine: Engine, crew: Crew) -> None:
    engine.deploy_graph(calling("no.such"))
    killed = crew.start()
    until(lambda: sum(len(row.slots) for row in engine.store.workers()) == SLOTS)
    killed.kill()
    killed.wait()
    engine.start("calls")
    assert engine.work().calls == 1
    assert len(engine.incidents()) == 1
    assert engine.store.workers() == []


def test_one_that_is_told_to_stop_ends_what_is_under_way(engine: Engine, crew: Crew) -> None:
    engine.deploy_graph(calling("slow", count=2))
    worker = crew.start()
    id = engine.start("calls")
    until(crew.asked)
    worker.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    assert worker.poll() is None, "it waits for the answer"
    crew.open_gate()
    assert crew.stop(worker) == [0, 1]
    assert engine.instance(id).row.status == "running"
    assert engine.store.workers() == []
    (row,) = engine.store.outbox()
    assert (row.call.token, row.call.visit) == (1, 2), "the next call waits for whoever comes"
    check_done_once(engine, id)


def test_one_that_hangs_is_given_up_and_can_do_nothing_more(engine: Engine, crew: Crew) -> None:
    engine.deploy_graph(calling("slow"))
    hung = crew.start(lease=1.0)
    ids = [engine.start("calls") for _ in range(2)]
    until(lambda: len(crew.asked()) == 2)
    hung.send_signal(signal.SIGSTOP)
    crew.open_gate()
    other = crew.start(lease=1.0)
    until(lambda: ended(engine, 2))
    hung.send_signal(signal.SIGCONT)
    until(lambda: sorted(len(row.slots) for row in engine.store.workers()) == [30, 31])  # it begins anew, and gets its share
    later = [engine.start("calls") for _ in range(6)]
    until(lambda: ended(engine, 8))
    assert crew.stop(hung)[1] + crew.stop(other)[1] == 8
    assert Counter(key for _, key, _ in crew.asked()) == {**{f"{id}.1.1": 2 for id in ids}, **{f"{id}.1.1": 1 for id in later}}
    for id in (*ids, *later):
        check_done_once(engine, id)


# ── workers that share ──────────────────────────────────────────────────────────────────────────────────────────────
def test_slots_are_handed_over_when_one_comes_or_goes(engine: Engine, crew: Crew) -> None:
    def shares() -> list[int]:
        return sorted(len(row.slots) for row in engine.store.workers())

    engine.deploy_graph(pausing("waits"))
    first = crew.start(lease=2.0)
    until(lambda: shares() == [SLOTS])
    second = crew.start(lease=2.0)
    until(lambda: shares() == [30, 31])
    ids = [engine.start("waits") for _ in range(20)]
    until(lambda: ended(engine, 20))
    assert all([event for event in events_of(engine, id) if isinstance(event, TimerFired)] for id in ids)
    one = crew.stop(first)
    until(lambda: shares() == [SLOTS])
    engine.start("waits")
    until(lambda: ended(engine, 21))
    two = crew.stop(second)
    assert one[0] + two[0] == 21
    assert min(one[0], two[0]) > 0, "they did not share"
    assert engine.store.workers() == []


def test_a_slow_service_holds_up_no_other(engine: Engine, crew: Crew) -> None:
    engine.deploy_graph(calling("slow", "slowly"))
    engine.deploy_graph(calling("fast", "quickly", count=3))
    for _ in range(20):
        engine.start("slowly")
    quick = [engine.start("quickly") for _ in range(5)]
    worker = crew.start()
    until(lambda: ended(engine, 5))
    assert {row.id for row in engine.instances(status="ended")} == set(quick)
    assert Counter(what for what, _, _ in crew.asked()) == {"slow": 2, "fast": 15}, "no more under way than may be"
    crew.open_gate()
    until(lambda: ended(engine, 25))
    assert crew.stop(worker) == [0, 35]
    assert len(set(crew.asked())) == 35


# ── one worker, in a thread of the program ──────────────────────────────────────────────────────────────────────────
class Running:
    """A worker in a thread."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.thread = threading.Thread(target=worker.run)

    def __enter__(self) -> Worker:
        self.thread.start()
        return self.worker

    def __exit__(self, *_: object) -> None:
        self.worker.stop()
        self.thread.join()


def test_a_worker_in_a_thread_beside_the_calls_of_the_program(url: str) -> None:
    asked: list[str] = []

    def service(request: Request) -> Mapping[str, Value]:
        asked.append(request.key)
        return {}

    with open_engine(url, services={"fast": service}) as engine:
        engine.deploy_graph(calling("fast", count=3))
        with Running(engine.worker()) as worker:
            ids = [engine.start("calls") for _ in range(10)]
            until(lambda: ended(engine, 10))
            assert engine.work().total == 0, "it is left to the worker"
        assert worker.done.calls == 30
        assert len(set(asked)) == len(asked) == 30
        for id in ids:
            check_done_once(engine, id)
        assert engine.store.workers() == []


def test_threads_change_an_instance_one_after_another(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They share what is cached of it; here each takes its time between the reading and the writing."""

    def slowly(*given: Any) -> Any:
        time.sleep(0.002)
        return encode(*given)

    monkeypatch.setattr("bpflow.runtime.transaction.encode", slowly)
    press = Trigger("command", name="go", comment="none")
    wait = Wait("w", ((press, Flow("w>s", "s")),), "w")
    count = Step("s", (Flow("s>w", "w"),), sets=(("x", Expr("x + 1")),))
    variable = Variable("x", Field("integer"), Expr("0"))
    accepted: list[int] = []
    with open_engine(url) as engine:
        engine.deploy_graph(Graph("counts", "Считает", (Flow(">w", "w"),), (wait, count), variables=(variable,)))
        id = engine.start("counts")

        def press_on() -> None:
            while len(accepted) < 100:
                with contextlib.suppress(UnexpectedEvent):  # another was faster, between the look and the press
                    engine.command(id, "go", by="boss")
                    accepted.append(1)

        threads = [threading.Thread(target=press_on) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert engine.instance(id).names["x"] == len(accepted) >= 100
        check_replay(engine, id)


def test_a_worker_sleeps_when_there_is_nothing_to_do(url: str) -> None:
    with open_engine(url) as engine, Running(engine.worker()):
        until(lambda: engine.store.workers() and engine.store.workers()[0].slots)
        time.sleep(0.2)
        before = time.process_time()
        time.sleep(2.0)
        assert time.process_time() - before < 0.2


@pytest.fixture
def poisoned(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Engine, list[bool]]]:
    """An engine with a message that cannot be delivered by a fault of bpflow, as long as that says so."""
    with open_engine(url) as engine:
        engine.deploy_graph(pausing("waits", 'now + duration("1s")'))
        send(engine, "n", -1)
        deliver, broken = engine._drain.post.deliver, [True]

        def breaking(self: Any, message: Any) -> None:
            if broken[0] and message.name == "n":
                raise ValueError("broken")
            deliver(message)

        monkeypatch.setattr(type(engine._drain.post), "deliver", breaking)
        yield engine, broken


def known(record: logging.LogRecord) -> dict[str, Any]:
    """What is known, in a record."""
    return dict(vars(record)["bpflow"])


def test_what_cannot_be_done_is_put_off_and_told(poisoned: tuple[Engine, list[bool]], caplog: pytest.LogCaptureFixture) -> None:
    engine, broken = poisoned
    with Running(engine.worker(lease=1.0)):
        until(lambda: len(caplog.records) > 1)
        engine.start("waits")
        until(lambda: ended(engine, 1))  # it holds up nothing else
        until(lambda: engine.status().put_off)
        (put_off,) = engine.status().put_off
        assert (put_off.things, put_off.reason) == (1, "message 1: ValueError: broken")
        assert put_off.tries >= 2
        broken[0] = False
        until(lambda: not engine.store.messages(fresh=True))
        until(lambda: not engine.status().put_off)
    first, again = caplog.records[:2]
    assert (first.name, first.levelname, first.getMessage()) == ("bpflow", "WARNING", "ValueError: broken; it is tried again in 0.5 s")
    assert (again.name, again.levelname, again.getMessage()) == ("bpflow", "ERROR", "ValueError: broken; it is tried again in 1.0 s")
    assert known(first) == {"thing": "message 1", "error": "ValueError", "tries": 1, "pause": 0.5}
    assert known(again) == {"thing": "message 1", "error": "ValueError", "tries": 2, "pause": 1.0}
    assert first.exc_info is not None, "it is told where"


@pytest.mark.sqlite
def test_a_file_that_another_program_keeps_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "kept.db"
    with open_engine(f"sqlite:///{path}") as engine, contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        engine.deploy_graph(pausing("waits", 'now + duration("1s")'))
        monkeypatch.setattr(engine.store, "_timeout", 0.05)
        other.execute("begin immediate")
        with Running(engine.worker()):
            until(lambda: len(caplog.records) > 1)
            other.execute("rollback")
            engine.start("waits")
            until(lambda: ended(engine, 1))
    first, again = caplog.records[:2]
    said = f'"{path}" is being written by another program, and has not become free; it is tried again in '
    assert [(record.levelname, record.getMessage()) for record in (first, again)] == [("WARNING", f"{said}0.5 s"), ("WARNING", f"{said}1.0 s")]
    assert (known(first), first.exc_info) == ({"error": "StoreError", "tries": 1, "pause": 0.5}, None)


def test_what_cannot_be_done_in_a_pass_is_told_when_the_rest_is_done(poisoned: tuple[Engine, list[bool]]) -> None:
    engine, broken = poisoned
    engine.start("waits")
    time.sleep(1.1)
    for _ in range(2):
        with pytest.raises(ValueError, match="broken"):
            engine.work()
        assert ended(engine, 1)
    broken[0] = False
    assert engine.work().messages == 1


@pytest.mark.parametrize("owners", [1, BATCH])
def test_a_full_batch_that_cannot_be_done_holds_up_nothing_behind_it(poisoned: tuple[Engine, list[bool]], owners: int) -> None:
    """Whether all of it belongs to one, where the first holds up the others, or each to another."""
    engine, _ = poisoned
    for number in range(BATCH):
        send(engine, "n", -1 - number % owners)
    send(engine, "other", -1000)
    with pytest.raises(ValueError, match="broken"):
        engine.work()
    assert {message.name for message in engine.store.messages(fresh=True)} == {"n"}
    send(engine, "another", -1000)
    with Running(engine.worker(lease=1.0)):
        until(lambda: {message.name for message in engine.store.messages(fresh=True)} == {"n"})
        assert len(engine.store.messages()) == BATCH + 3


def test_a_message_that_cannot_be_delivered_is_overtaken_by_none_of_its_owner(poisoned: tuple[Engine, list[bool]]) -> None:
    engine, broken = poisoned
    send(engine, "later", -1)
    with pytest.raises(ValueError, match="broken"):
        engine.work()
    assert [message.name for message in engine.store.messages(fresh=True)] == ["n", "later"]
    broken[0] = False
    assert engine.work().messages == 2


def send(engine: Engine, name: str, owner: int) -> None:
    from bpflow.stores.mail import NewMessage

    with engine.store.begin(owner) as work:
        work.messages.add(NewMessage(owner, name, None, {}, datetime.now(UTC), None))


@pytest.fixture
def changed(url: str, workspace: LoadedWorkspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Engine, list[tuple[int, int]]]]:
    """An engine on which two documents have five versions each, made by turns, of which nothing is told yet; and which are told, by document
    and version. The first time, version 2 of the first cannot be told by a fault of bpflow."""
    told: list[tuple[int, int]] = []
    with open_engine(url, workspace) as engine:
        monkeypatch.setattr(engine, "tell", lambda: 0)
        deals = [engine.create_document("deal", {"name": name, "status": "new"}) for name in "ab"]
        for version in range(2, 6):
            for deal in deals:
                engine.set_document(deal, {"sum": version})
        tell, broken = type(engine._drain).tell, [True]

        def breaking(self: Any, change: Any) -> None:
            if broken[0] and (change.document.id, change.version) == (deals[0].id, 2):
                broken[0] = False
                raise ValueError("broken")
            tell(self, change)
            told.append((deals.index(change.document), change.version))

        monkeypatch.setattr(type(engine._drain), "tell", breaking)
        yield engine, told


IN_ORDER = [(0, 1), *((1, version) for version in range(1, 6)), *((0, version) for version in range(2, 6))]
"""What the second document has is told while the first waits for its version 2."""


def test_what_is_put_off_is_overtaken_by_no_later_change_of_the_document(changed: tuple[Engine, list[tuple[int, int]]]) -> None:
    engine, told = changed
    with Running(engine.worker(lease=1.0)):
        until(lambda: len(told) == 10)
    assert told == IN_ORDER


@pytest.mark.parametrize("batch", [2, BATCH])
def test_what_fails_in_a_pass_is_overtaken_by_no_later_change_of_the_document(changed: tuple[Engine, list[tuple[int, int]]], batch: int) -> None:
    """However many are read at once."""
    engine, told = changed
    with pytest.raises(ValueError, match="broken"):
        Rounds(engine._drain, batch=batch).work()
    assert told == IN_ORDER[:6]
    assert engine.work().changes == 4
    assert told == IN_ORDER


# ── passes ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_pass_leaves_a_long_queue_no_more_than_its_share(url: str) -> None:
    clock = VirtualClock(datetime(2026, 3, 2, 7, tzinfo=UTC))
    with open_engine(url, clock=clock) as engine:
        engine.deploy_graph(pausing("many"))
        engine.deploy_graph(pausing("few", 'now + duration("30s")'))
        for _ in range(150):
            engine.start("many")
        few = {engine.start("few") for _ in range(10)}
        clock.forward(timedelta(minutes=1))
        assert engine.work(limit=100).timers == 100
        assert few <= {row.id for row in engine.instances(status="ended")}


def test_many_calls_hold_up_no_timers(url: str) -> None:
    clock = VirtualClock(datetime(2026, 3, 2, 7, tzinfo=UTC))
    with open_engine(url, clock=clock, services={"fast": lambda: None}) as engine:
        engine.deploy_graph(calling("fast"))
        engine.deploy_graph(pausing("waits"))
        for _ in range(220):
            engine.start("calls")
        engine.start("waits")
        clock.forward(timedelta(minutes=1))
        done = engine.work(limit=150)
        assert (done.timers, done.calls) == (1, 149)


def test_a_pass_in_memory_takes_no_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    with open_engine(":memory:") as engine:
        monkeypatch.setattr(engine.store, "seat", None)
        engine.deploy_graph(calling("no.such"))
        engine.start("calls")
        assert engine.work().calls == 1


def test_a_call_that_nobody_waits_for_and_that_fails_is_not_lost(url: str) -> None:
    asked: list[str] = []
    broken = [True]

    def service(request: Request) -> Mapping[str, Value]:
        asked.append(request.key)
        if broken[0]:
            raise ConnectionError("no route")
        return {}

    with open_engine(url, services={"mail.send": service}) as engine:
        call = Call("c", "mail.send", (), Flow("c>"), wait=False)
        engine.deploy_graph(Graph("calls", "Зовёт", (Flow(">c", "c"),), (call,)))
        id = engine.start("calls")
        engine.work()
        assert engine.instance(id).row.status == "ended"
        assert engine.store.outbox() == []
        (incident,) = engine.incidents()
        assert (incident.instance, incident.kind) == (id, "broken")
        assert "mail.send broke: ConnectionError: no route" in str(incident.message)
        broken[0] = False
        engine.retry(id)
        assert engine.incidents() == []
        assert engine.work().calls == 1
        assert asked == [f"{id}.1.1.1"] * 2
        assert engine.work().calls == 0


def test_two_programs_that_make_a_pass_ask_no_service_twice(url: str, tmp_path: Path) -> None:
    crew = Crew(url, tmp_path)
    crew.open_gate()
    (tmp_path / "once.py").write_text(PROGRAM.replace("done = worker.run()", "done = engine.work()"), encoding="utf-8")
    with open_engine(url) as engine:
        engine.deploy_graph(calling("fast", count=2))
        for _ in range(30):
            engine.start("calls")
        racing = [subprocess.Popen([sys.executable, str(tmp_path / "once.py"), url, str(tmp_path), "15"], stdout=subprocess.PIPE) for _ in range(2)]
        for process in racing:
            process.communicate(timeout=PATIENCE)
            assert process.returncode == 0
        engine.work()
        assert Counter(key for _, key, _ in crew.asked()).most_common(1)[0][1] == 1
        assert os.getpid() not in {pid for _, _, pid in crew.asked()}
