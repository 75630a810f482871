"""Two programs on one database: nothing is done twice, nothing is lost."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bpflow.engine.events import Answered, TimerFired
from bpflow.engine.transition import UnexpectedEvent
from bpflow.graph import Expr, Trigger, Variable, Wait
from bpflow.runtime import Engine, VirtualClock
from bpflow.values import Field
from tests.engine.play import flow, graph, sets, step, task
from tests.runtime.conftest import Open
from tests.runtime.looking import check_index, check_replay, dump, events_of

RACER = """\
import json, random, sys, time
from datetime import datetime
from pathlib import Path
from bpflow.diagnostics import Refused
from bpflow.engine.transition import UnexpectedEvent
from bpflow.runtime import VirtualClock, open_engine

db, folder, at, number, what = sys.argv[1:6]
engine = open_engine(db, folder, VirtualClock(datetime.fromisoformat(at)))
chance, done, refused = random.Random(int(number)), [], {}

def attempt(what, act):
    try:
        act()
        done.append(what)
    except Refused as error:
        name = type(error).__name__
        refused.setdefault(name, []).append(str(error.message))

print("ready", flush=True)
time.sleep(max(0, float(sys.stdin.readline()) - time.time()))
if what == "answer":
    # two programs that see the same list of tasks, and answer all of them, again and again until there is none
    while tasks := engine.tasks():
        for task in tasks:
            time.sleep(chance.random() / 100)  # without this one would do it all: whoever finds the database locked sleeps
            outcome = chance.choice(["agreed", "later", "refused"])
            values = {"agreed": {"sum": int(number)}, "later": {"call_at": "2026-03-02T09:00"}, "refused": {}}[outcome]
            comment = "Нет" if outcome == "refused" else None
            attempt(task.id, lambda: engine.answer(task.id, by=task.party.split(":")[1], outcome=outcome, values=values, comment=comment))
elif what == "work":
    worked = engine.work()
    done += [worked.timers, worked.changes, worked.calls]
elif what == "start":
    for document in engine.documents():
        attempt(document.ref.id, lambda: engine.start("ask", document=document.ref))
elif what == "change":
    for turn in range(40):
        for document in engine.documents():
            attempt(document.ref.id, lambda: engine.set_document(document.ref, {"sum": turn * 2 + int(number)}))
elif what == "press":
    for row in engine.instances("p"):
        time.sleep(chance.random() / 100)
        attempt(row.id, lambda: engine.command(row.id, "go", by="boss", values={"n": number}))
elif what == "open":
    done.append([row.process for row in engine.deploy_workspace()])
engine.close()
print(json.dumps({"done": done, "refused": refused}), flush=True)
"""


class Racers:
    """Programs that begin at the same moment."""

    def __init__(self, tmp_path: Path, db: Path, folder: Path, clock: VirtualClock) -> None:
        self.script = tmp_path / "racer.py"
        self.script.write_text(RACER, encoding="utf-8")
        self.given = [str(db), str(folder)]
        self.clock = clock

    def race(self, *what: str) -> list[dict[str, Any]]:
        """What each of the programs says that it has done."""
        at = self.clock.now().isoformat()
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        racing = [
            subprocess.Popen([sys.executable, str(self.script), *self.given, at, str(number), one], **pipes)  # type: ignore[call-overload]
            for number, one in enumerate(what, 1)
        ]
        for process in racing:
            assert process.stdout.readline() == "ready\n", process.communicate()[1]
        said, moment = [], time.time() + 0.1
        for process in racing:
            process.stdin.write(f"{moment}\n")
            process.stdin.flush()
        for process in racing:
            out, errors = process.communicate(timeout=120)
            assert process.returncode == 0, errors
            said.append(json.loads(out))
        return said


@pytest.fixture
def racers(tmp_path: Path, db: Path, folder: Path, clock: VirtualClock) -> Racers:
    return Racers(tmp_path, db, folder, clock)


def test_both_press_the_same_buttons(engine: Engine, racers: Racers) -> None:
    """In a race one press wins, whoever comes second is told; nothing is pressed twice."""
    press = Trigger("command", name="go", form=(("n", Field("integer")),))
    nodes = (Wait("w", ((press, flow("w", "s")), (Trigger("at", Expr("now + days(1)")), flow("w"))), "w"), step("s", "t", sets=sets(x="w.n")))
    engine.deploy_graph(graph(*nodes, task("t", people='user("boss")'), reads="x", variables=(Variable("x", Field("integer")),)))
    ids = [engine.start("p") for _ in range(60)]
    said = racers.race("press", "press")
    done = Counter(id for one in said for id in one["done"])
    assert done == Counter(ids)
    assert min(len(one["done"]) for one in said) > 0, "they did not race"
    assert {name for one in said for name in one["refused"]} == {"UnexpectedEvent"}
    for number, one in enumerate(said, 1):
        assert all(engine.instance(id).names["x"] == number for id in one["done"])
    for id in ids:
        check_replay(engine, id)


def begin(engine: Engine, count: int) -> None:
    for number in range(count):
        deal = engine.create_document("deal", {"name": f"Сделка {number}", "status": "new", "responsible": "petrova"})
        engine.set_document(deal, {"status": "open"})


def test_both_answer_the_same_tasks(engine: Engine, opened: Open, racers: Racers, far: datetime) -> None:
    begin(engine, 60)
    said = racers.race("answer", "answer")
    done = Counter(task for one in said for task in one["done"])
    assert set(done.values()) == {1}
    assert min(len(one["done"]) for one in said) > 0, "they did not race"
    refused = [reason for one in said for reason in one["refused"].items()]
    assert {name for name, _ in refused} <= {"UnexpectedEvent"}
    assert {reason for _, reasons in refused for reason in reasons} <= {"the task is closed", "the instance has ended"}
    assert sum(len(reasons) for _, reasons in refused) > 0, "they did not race"
    again = opened()
    for row in again.instances():
        assert row.status == "ended"
        check_replay(again, row.id)
        check_index(again, row.id, far)
        answers = [f"{row.id}.{event.token}.{event.visit}" for event in events_of(again, row.id) if isinstance(event, Answered)]
        assert len(set(answers)) == len(answers)
        assert all(done.pop(answer) == 1 for answer in answers)
        assert row.document is not None
        changes = [feed.version for feed in again.feed(row.document)]
        assert changes == list(range(1, len(changes) + 1))
    assert not done


def test_both_fire_the_same_timers(engine: Engine, opened: Open, racers: Racers, clock: VirtualClock, far: datetime) -> None:
    begin(engine, 40)
    clock.forward(timedelta(days=3))
    assert len(engine.store.due(clock.now(), 1000)) == 40
    racers.race("work", "work")
    again = opened()
    assert [notice.reason for notice in again.notices("boss")] == ["overdue"] * 40
    assert [notice.reason for notice in again.notices("petrova")] == ["reminder"] * 40
    for row in again.instances():
        assert len([event for event in events_of(again, row.id) if isinstance(event, TimerFired)]) == 1
        check_replay(again, row.id)
        check_index(again, row.id, far)


def test_both_start_on_the_same_documents(engine: Engine, opened: Open, racers: Racers) -> None:
    for number in range(30):
        engine.create_document("deal", {"name": f"Сделка {number}", "status": "open", "responsible": "petrova"})
    said = racers.race("start", "start")
    assert sorted(document for one in said for document in one["done"]) == list(range(1, 31))
    assert {name for one in said for name in one["refused"]} <= {"Refused"}
    assert sorted(row.document.id for row in opened().instances() if row.document) == list(range(1, 31))


def test_both_tell_the_same_changes(engine: Engine, opened: Open, racers: Racers) -> None:
    """Changes that an earlier program has left untold start each process once, whoever tells them."""
    with engine.store.begin() as work:
        for number in range(40):
            made = work.add_document("deal", {"name": f"Сделка {number}", "status": "new"}, engine.clock.now(), None, None, 0)
            work.change_document(made, {**made.fields, "status": "open"}, engine.clock.now(), None, None, 0, None)
    racers.race("work", "work")
    assert sorted(row.document.id for row in opened().instances() if row.document) == list(range(1, 41))


def test_one_changes_documents_while_the_other_answers(engine: Engine, opened: Open, racers: Racers, db: Path, far: datetime) -> None:
    begin(engine, 8)
    racers.race("change", "answer", "work")
    again = opened()
    again.work()
    for row in again.instances():
        check_replay(again, row.id)
        check_index(again, row.id, far)
    for document in again.documents():
        assert len(again.feed(document.ref)) == document.version
    rows = dump(db)
    assert rows["change"] == rows["outbox"] == []


def test_they_make_the_same_database(racers: Racers, opened: Open) -> None:
    """A file that is not there yet is made once, however many want to make it."""
    said = racers.race("open", "open", "open", "open")
    assert [one["done"] for one in said] == [[["ask", "plain"]]] * 4
    assert [row.version for row in opened().store.deployed()] == [1, 1]


# ── what one of two knows may be old ────────────────────────────────────────────────────────────────────────────────
def two(opened: Open) -> tuple[Engine, Engine]:
    one, other = opened(), opened()
    one.deploy_workspace()
    return one, other


def test_a_timer_that_the_other_has_set_fires_here(opened: Open, clock: VirtualClock, far: datetime) -> None:
    """Here the instance is known as it was before: the new timer is not taken for a stale one."""
    one, other = two(opened)
    begin(one, 1)
    (task,) = other.tasks()
    other.answer(task.id, by="petrova", outcome="later", values={"call_at": "2026-03-03T10:00"})
    clock.forward(timedelta(days=1))
    assert one.runner.cache[1].revision == 1
    assert one.work().timers == 1
    assert [entry.visit for entry in one.tasks()] != []
    check_replay(one, 1)
    check_index(one, 1, far)


def test_a_change_that_the_other_waits_for_wakes_it_here(opened: Open, deploy: Any, far: datetime) -> None:
    one, other = two(opened)
    deploy(
        one,
        """\
id: waits
title: X
document: deal
steps:
  - {id: ask, activity: request-info, title: Вопрос, to: user("boss")}
  - {id: till_sum, activity: pause, until: 'coalesce(document.sum, 0) > 10'}
  - {activity: end, result: over}
""",
    )
    deal = one.create_document("deal", {"name": "Труба", "status": "new"})
    id = one.start("waits", document=deal)
    other.answer(other.tasks()[0].id, by="boss")
    one.set_document(deal, {"sum": 11})
    assert one.instance(id).row.result == "over"
    check_replay(one, id)
    check_index(one, id, far)


def test_the_answer_of_a_service_for_what_the_other_has_begun(opened: Open, far: datetime) -> None:
    from zoneinfo import ZoneInfo

    from bpflow.services.registry import Services
    from tests.runtime.test_incidents import Post, calling

    one, other = opened({"mail.send": Post()}), opened()
    one.deploy_graph(calling("no.such"))
    id = one.start("calls")
    one.work()
    (incident,) = one.incidents()
    other.retry(id, incident.id)
    one._drain.services = Services({"no.such": Post()}, {}, ZoneInfo("UTC"), one.store.secret)
    assert one.work().calls == 1
    assert one.instance(id).row.status == "ended"
    check_replay(one, id)
    check_index(one, id, far)


def test_an_old_task_is_closed_and_a_new_one_is_known(opened: Open) -> None:
    one, other = two(opened)
    begin(one, 1)
    (task,) = one.tasks()
    other.answer(task.id, by="petrova", outcome="later", values={"call_at": "2026-03-01T10:00"})
    with pytest.raises(UnexpectedEvent):
        one.answer(task.id, by="petrova", outcome="agreed", values={"sum": 5})
    (again,) = other.tasks()
    one.answer(again.id, by="petrova", outcome="agreed", values={"sum": 5})
    with pytest.raises(UnexpectedEvent):
        other.cancel(1)
    check_replay(other, 1)


@pytest.mark.parametrize("shared", [False, True])
def test_engines_in_threads(opened: Open, db: Path, far: datetime, shared: bool) -> None:
    """Threads with an engine of their own, or with one that they share, answer the same tasks."""
    first, second = two(opened)
    if shared:
        second = first
    begin(first, 12)
    done: list[str] = []
    broken: list[BaseException] = []

    def answer_all(engine: Engine, number: int) -> None:
        try:
            while tasks := engine.tasks():
                for place, task in enumerate(tasks):
                    outcome = "later" if place % 3 and task.visit < 12 else "agreed"
                    values: dict[str, object] = {"sum": number} if outcome == "agreed" else {"call_at": "2026-03-01T10:00"}
                    try:
                        engine.answer(task.id, by="petrova", outcome=outcome, values=values)
                        done.append(task.id)
                    except UnexpectedEvent:
                        pass
        except BaseException as error:
            broken.append(error)

    threads = [threading.Thread(target=answer_all, args=(engine, n)) for n, engine in enumerate((first, second, first, second))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert broken == []
    assert len(set(done)) == len(done)
    fresh = opened()
    for row in fresh.instances():
        assert row.status == "ended"
        check_replay(fresh, row.id)
        check_index(fresh, row.id, far)
    assert len(dump(db)["history"]) == sum(row.revision for row in fresh.instances())
