"""A task that nobody waits for is an instance of its own: it outlives what has opened it, and is opened once."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from bpflow.diagnostics import Refused
from bpflow.runtime import Engine, VirtualClock
from tests.runtime.looking import check_replay

Deploy = Callable[[Engine, str], None]

PROCESS = """
id: own
title: Own
inputs: {count: {type: integer, default: 3}}
outputs: {double: count * 2}
meanwhile:
  - {command: withdraw, cancels: true, steps: [{activity: end, result: withdrawn}]}
steps:
  - id: tidy
    activity: task
    title: Tidy $(count) rooms
    to: user("ivanov")
    due: 2h
    on-overdue: {remind: 1h, tell: user("boss")}
    checklist: [Kitchen]
    wait: false
  - {id: ask, activity: request-info, to: user("boss")}
"""


@pytest.fixture
def own(engine: Engine, deploy: Deploy) -> Engine:
    deploy(engine, PROCESS)
    engine.start("own", inputs={"count": 4}, by="boss")
    engine.work()
    engine.work()
    return engine


def check(engine: Engine) -> list[tuple[int, str, str | None]]:
    """All instances as they are; each history gives what is stored."""
    for row in engine.instances():
        check_replay(engine, row.id)
    return [(row.id, row.status, row.result) for row in engine.instances()]


def test_it_is_an_instance_of_its_own_that_is_opened_once(own: Engine) -> None:
    assert [(task.instance, task.subject) for task in own.tasks("ivanov")] == [(2, "Tidy 4 rooms")]
    assert check(own) == [(1, "running", None), (2, "running", None)]
    assert own.commands(2) == []
    assert [line.title for line in own.timeline(2)] == ["Tidy … rooms"]


@pytest.mark.parametrize("how", ["answer", "cancel", "withdraw"])
def test_it_outlives_what_has_opened_it(own: Engine, clock: VirtualClock, how: str) -> None:
    if how == "answer":
        own.answer(own.tasks("boss")[0].id, by="boss")
    elif how == "cancel":
        own.cancel(1, by="boss")
    else:
        own.command(1, "withdraw", by="boss")
    own.work()
    clock.forward(timedelta(hours=3))
    own.work()
    assert sorted((one.person, one.reason) for one in own.notices(instance=2)) == [("boss", "overdue"), ("ivanov", "reminder")]
    task = own.tasks("ivanov")[0].id
    with pytest.raises(Refused, match="Kitchen"):
        own.answer(task, by="ivanov")
    own.tick(task, "Kitchen", by="ivanov")
    own.answer(task, by="ivanov")
    assert check(own)[1] == (2, "ended", None)
    assert own.instances()[0].status in ("ended", "cancelled")


def test_it_can_be_cancelled_by_itself(own: Engine) -> None:
    own.cancel(2, by="boss", why="Not needed")
    own.work()
    assert own.tasks("ivanov") == []
    assert check(own) == [(1, "running", None), (2, "cancelled", None)]
