"""How other systems are known to lose processes, and this one does not: each way a short test of its own.

The tests go through the front door only: processes as an analyst writes them, an engine as a program has it.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from textwrap import dedent

import pytest

from bpflow import Engine, Refused, VirtualClock, load_workspace, open_engine
from bpflow.services.request import Registered

DIRECTORY = """\
people:
  boss: {name: Morozov}
  anna: {name: Anna, substitute: boris}
  boris: {name: Boris}
departments:
  sales: {title: Sales}
"""


class House:
    """A workspace whose processes the test writes, on a clock that is moved by hand."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.db = folder, folder / "bpflow.db"
        self.clock = VirtualClock(datetime.fromisoformat("2026-03-02T10:00+00:00"))
        self.engines: list[Engine] = []
        (folder / "bpflow.yaml").write_text("timezone: UTC\n", encoding="utf-8")
        (folder / "directory.yaml").write_text(DIRECTORY, encoding="utf-8")

    def write(self, id: str, text: str) -> None:
        (self.folder / f"{id}.yaml").write_text(f"bpflow: 1\nid: {id}\n{dedent(text).lstrip()}", encoding="utf-8")

    def open(self, services: Mapping[str, Registered] | None = None) -> Engine:
        """An engine on the database, with all processes deployed."""
        self.engines.append(open_engine(str(self.db), self.folder, self.clock, services))
        self.engines[-1].deploy_workspace()
        return self.engines[-1]

    def start(self, id: str, text: str, services: Mapping[str, Registered] | None = None) -> tuple[Engine, int]:
        """An instance of the process, as far as it comes by itself."""
        self.write(id, text)
        engine = self.open(services)
        instance = engine.start(id)
        engine.work()
        return engine, instance

    def pass_by(self, engine: Engine, time: timedelta) -> None:
        self.clock.forward(time)
        engine.work()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    for engine in house.engines:
        engine.close()


def test_a_task_for_nobody_is_an_incident_that_names_the_expression(house: House) -> None:
    """Elsewhere the task goes to nobody and the process waits for ever."""
    engine, _ = house.start(
        "approval",
        """
        steps:
          - {id: ask, activity: request-info, title: May we?, to: head_of(department("sales"))}
        """,
    )
    (incident,) = engine.incidents()
    assert str(incident.message) == 'nobody to give the task to: `head_of(department("sales"))` gives no one'
    assert incident.place == f"{house.folder}/approval.yaml:4:5"
    assert engine.tasks() == []


def test_overdue_is_not_a_rejection(house: House) -> None:
    """Elsewhere silence is taken for a no."""
    engine, instance = house.start(
        "approval",
        """
        steps:
          - id: ask
            activity: request-info
            to: user("anna")
            due: 2d
            outcomes:
              agreed: {steps: [{activity: end, result: agreed}]}
              refused: {steps: [{activity: end, result: refused}]}
        """,
    )
    house.pass_by(engine, timedelta(days=30))
    (task,) = engine.tasks()
    assert (task.party, task.overdue) == ("user:anna", True)
    engine.answer(task.id, by="anna", outcome="agreed")
    assert engine.instance(instance).row.result == "agreed"


def test_a_timer_that_meets_a_lock_fires_all_the_same(house: House) -> None:
    """Elsewhere the timer is lost, and the process never wakes."""
    engine, instance = house.start("sleep", "steps: [{activity: pause, for: 1h}, {activity: end, result: awake}]\n")
    other = sqlite3.connect(house.db, isolation_level=None, check_same_thread=False)
    other.execute("begin immediate")
    release = threading.Timer(0.3, lambda: other.execute("rollback"))
    release.start()
    house.pass_by(engine, timedelta(hours=1))
    assert release.finished.is_set(), "it was not locked at all"
    release.join()
    other.close()
    assert engine.instance(instance).row.result == "awake"


def test_a_timer_that_meets_another_worker_fires_once(house: House) -> None:
    engine, instance = house.start("sleep", 'steps: [{activity: pause, for: 1h}, {activity: notify, to: user("anna"), text: Up}]\n')
    second = house.open()
    house.clock.forward(timedelta(hours=1))
    worked = []
    workers = [threading.Thread(target=lambda one=one: worked.append(one.work())) for one in (engine, second)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert engine.instance(instance).row.status == "ended"
    assert [notice.text for notice in engine.notices("anna")] == ["Up"]
    assert len(worked) == 2


def test_a_step_that_raises_stops_there_and_is_seen(house: House) -> None:
    """Elsewhere the error is written to a log, and the process goes on without what the step should have given."""

    def price() -> float:
        return 1 / 0

    engine, instance = house.start(
        "purchase",
        """
        steps:
          - {id: price, activity: call-service, title: What does it cost?, service: price}
          - {activity: notify, to: user("anna"), text: $(price.value)}
        """,
        services={"price": price},
    )
    (incident,) = engine.incidents()
    assert (incident.instance, incident.title) == (instance, "What does it cost?")
    assert "division by zero" in str(incident.message)
    assert engine.instance(instance).row.status == "running"
    assert engine.notices() == []


@pytest.mark.parametrize(
    "condition, message",
    [
        ("amuont > 1000", 'nothing is called "amuont" here'),
        ("priced.amount > 1000", 'nothing is called "priced" here'),
        ("amount > 1000 and Amount > 0", 'nothing is called "Amount" here'),
    ],
)
def test_a_condition_on_an_unknown_name_does_not_load(house: House, condition: str, message: str) -> None:
    """Elsewhere it is false, for ever and for everybody."""
    house.write(
        "purchase",
        f"""
        inputs: {{amount: {{type: money, required: true}}}}
        steps:
          - id: large
            activity: condition
            branches: [{{when: {condition}, steps: [{{activity: end, result: large}}]}}]
            otherwise: {{next: go-on}}
          - {{activity: end, result: small}}
        """,
    )
    (finding,) = load_workspace(house.folder).findings
    assert message in str(finding.message)
    assert finding.span.line == 7
    with pytest.raises(Refused):
        house.open()


def test_what_a_child_gives_reaches_its_parent(house: House) -> None:
    """Elsewhere the child runs, and its results stay with it."""
    house.write(
        "child",
        """
        outputs: {score: 2 * ask.points}
        steps:
          - {id: ask, activity: request-info, to: user("anna"), fields: {points: {type: integer, required: true}}}
          - {activity: end, result: asked}
        """,
    )
    engine, instance = house.start(
        "parent",
        """
        outputs: {total: 'rating.score + 1', how: rating.result}
        steps:
          - {id: rating, activity: call-process, process: child}
        """,
    )
    (task,) = engine.tasks()
    engine.answer(task.id, by="anna", outcome="done", values={"points": 20})
    engine.work()
    assert engine.instance(instance).outputs == {"total": 41, "how": "asked"}


VOTE = """
steps:
  - id: agree
    activity: approve
    to: [user("anna"), user("boris"), user("boss")]
    rule: {percent: 66}
    outcomes: {rejected: {steps: [{activity: end, result: rejected}]}}
  - {activity: end, result: approved}
"""


def test_two_of_three_are_66_per_cent(house: House) -> None:
    """Elsewhere 66.67 is not 66, or all have answered and nothing is decided."""
    engine, instance = house.start("contract", VOTE)
    (task,) = {entry.id for entry in engine.tasks()}
    engine.answer(task, by="anna", outcome="approved")
    engine.answer(task, by="boris", outcome="rejected")
    assert engine.instance(instance).row.status == "running"
    engine.answer(task, by="boss", outcome="approved")
    assert engine.instance(instance).row.result == "approved"


def test_the_vote_of_a_substitute_counts_once(house: House) -> None:
    """Elsewhere who votes for himself and for somebody else has two votes, or the absent person is waited for."""
    away = DIRECTORY.replace("substitute: boris", "substitute: boris, absences: [{from: 2026-03-01}]")
    (house.folder / "directory.yaml").write_text(away, encoding="utf-8")
    engine, instance = house.start("contract", VOTE)
    assert sorted(entry.party for entry in engine.tasks()) == ["user:boris", "user:boss"]
    (task,) = {entry.id for entry in engine.tasks()}
    engine.answer(task, by="boris", outcome="approved")
    with pytest.raises(Refused):
        engine.answer(task, by="boris", outcome="approved")
    assert engine.instance(instance).row.status == "running"
    engine.answer(task, by="boss", outcome="approved")
    assert engine.instance(instance).row.result == "approved"
