"""Starts on schedule: each time once, a missed one caught up once, whatever crashes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bpflow.diagnostics import Refused
from bpflow.loading import load_text
from bpflow.runtime import Engine, VirtualClock, open_engine, starts
from tests.runtime.conftest import Open
from tests.runtime.looking import check_replay, stored

Deploy = Callable[[Engine, str], None]
MORNING = """\
id: morning
title: Утро
timezone: Europe/Moscow
inputs: {{n: {{type: integer, max: 9}}, who: {{type: user}}}}
start:
  - {{on: schedule, cron: {cron}{more}}}
steps:
  - {{id: ask, activity: request-info, title: Утро $(n), to: 'coalesce(who, user("boss"))'}}
"""


def morning(cron: str = "0 9 * * 1-5", more: str = "") -> str:
    return MORNING.format(cron=cron, more=more)


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+03:00")


def begun(engine: Engine) -> list[datetime]:
    return [row.started for row in engine.instances()]


def test_it_begins_at_its_time_once(engine: Engine, clock: VirtualClock, deploy: Deploy) -> None:
    deploy(engine, morning(more=", with: {n: 5, who: ivanov}"))
    assert engine.next_due() == at("2026-03-03T09:00"), "now it is Monday, 10:00"
    assert engine.work().total == 0
    clock.set(at("2026-03-03T08:59:59.999999"))
    assert engine.work().total == 0
    clock.set(at("2026-03-03T09:00"))
    assert (engine.work().starts, engine.work().total) == (1, 0)
    (task,) = engine.tasks()
    assert (task.subject, task.party) == ("Утро 5", "user:ivanov")
    assert engine.next_due() == at("2026-03-04T09:00")
    (line, *_) = engine.timeline(1)
    assert (line.kind, line.by) == ("started", None)
    check_replay(engine, 1)


def test_what_was_missed_is_caught_up_once(engine: Engine, clock: VirtualClock, deploy: Deploy) -> None:
    deploy(engine, morning())
    clock.set(at("2026-04-01T12:00"))
    assert engine.work().starts == 1
    assert begun(engine) == [clock.now()]
    assert engine.next_due() == at("2026-04-02T09:00")


def test_each_of_several_schedules_begins(engine: Engine, clock: VirtualClock, deploy: Deploy) -> None:
    deploy(engine, morning().replace("steps:", "  - {on: schedule, cron: 0 9 * * *, with: {n: 2}}\n  - {on: manual}\nsteps:"))
    clock.set(at("2026-03-03T09:00"))
    assert engine.work().starts == 2
    assert [task.subject for task in engine.tasks()] == ["Утро ", "Утро 2"]


def test_a_false_condition_lets_the_time_pass(engine: Engine, clock: VirtualClock, deploy: Deploy) -> None:
    deploy(engine, morning(more=", when: today() >= date('2026-03-04')"))
    clock.set(at("2026-03-03T09:00"))
    assert engine.work().starts == 1
    assert engine.instances() == []
    clock.set(at("2026-03-04T09:00"))
    engine.work()
    assert begun(engine) == [clock.now()]


@pytest.mark.parametrize(
    "more", [", when: 1 // (weekday(now) - weekday(now)) > 0", ", with: {n: $(1 // (weekday(now) - weekday(now)))}", ", with: {n: $(10 + 1)}"]
)
def test_what_cannot_be_evaluated_begins_with_an_incident(engine: Engine, clock: VirtualClock, deploy: Deploy, more: str) -> None:
    deploy(engine, morning(more=more))
    clock.set(at("2026-03-03T09:00"))
    engine.work()
    (incident,) = engine.incidents()
    assert str(incident.message).startswith("the start condition cannot be evaluated: ")
    assert engine.work().total == 0
    engine.retry(incident.instance, incident.id, by="boss")
    assert len(engine.tasks()) == 1


def test_an_input_that_must_be_filled_and_is_not(engine: Engine, clock: VirtualClock, deploy: Deploy) -> None:
    deploy(engine, morning(more=", with: {n: '$([none, 3][0])'}").replace("max: 9", "required: true, title: Сколько"))
    clock.set(at("2026-03-03T09:00"))
    engine.work()
    (incident,) = engine.incidents()
    assert str(incident.message) == 'the start condition cannot be evaluated: "Сколько": a value is required'
    engine.correct(incident.instance, {"n": 3}, by="boss", why="Три")
    engine.retry(incident.instance, by="boss", why="Три")
    assert [task.subject for task in engine.tasks()] == ["Утро 3"]


# ── deploying ───────────────────────────────────────────────────────────────────────────────────────────────────────
def schedules(engine: Engine) -> list[tuple[int, str, datetime]]:
    return [(row.number, row.cron, row.due) for row in engine.store.schedules()]


def test_a_new_version_keeps_a_schedule_or_changes_it(engine: Engine, clock: VirtualClock, deploy: Deploy) -> None:
    deploy(engine, morning())
    clock.set(at("2026-03-03T09:30"))
    deploy(engine, morning(more=", with: {n: 5}"))
    assert schedules(engine) == [(0, "Europe/Moscow 0 9 * * 1-5", at("2026-03-03T09:00"))], "what is due stays due"
    engine.work()
    assert [task.subject for task in engine.tasks()] == ["Утро 5"], "by the newest version"
    deploy(engine, morning("30 18 * * *"))
    assert schedules(engine) == [(0, "Europe/Moscow 30 18 * * *", at("2026-03-03T18:30"))]
    deploy(engine, morning("30 18 * * *").replace("Europe/Moscow", "Asia/Vladivostok"))
    assert schedules(engine)[0][2] == datetime(2026, 3, 3, 8, 30, tzinfo=UTC)
    deploy(engine, morning().replace("  - {on: schedule, cron: 0 9 * * 1-5}", "  - {on: manual}"))
    assert schedules(engine) == []
    assert engine.next_due() is None


def test_what_is_no_longer_deployed_begins_no_more(engine: Engine, clock: VirtualClock, deploy: Deploy) -> None:
    deploy(engine, morning())
    clock.set(at("2026-03-03T09:00"))
    engine.undeploy("morning")
    assert (engine.work().total, engine.next_due(), engine.instances()) == (0, None, [])
    for call in (lambda: engine.undeploy("morning"), lambda: engine.start("morning")):
        with pytest.raises(Refused, match="is not deployed"):
            call()
    deploy(engine, morning())
    assert engine.next_due() == at("2026-03-04T09:00")


def test_a_schedule_on_a_document_is_a_finding(engine: Engine) -> None:
    text = "bpflow: 1\nid: a\ndocument: deal\nstart: [{on: schedule, cron: 0 9 * * *}]\nsteps: [{activity: end, result: x}]\n"
    (finding,) = load_text(text, "a.yaml", dict(engine.world.types)).findings
    assert (finding.rule, str(finding.span)) == ("schedule-on-document", "a.yaml:4:9")


# ── once, whatever happens ──────────────────────────────────────────────────────────────────────────────────────────
def test_two_workers_begin_it_once(engine: Engine, opened: Open, clock: VirtualClock, deploy: Deploy) -> None:
    deploy(engine, morning())
    clock.set(at("2026-03-03T09:00"))
    other = opened()
    (row,) = other.store.schedules()
    engine.work()
    starts.begin_on_schedule(other.runner, row, clock.now())
    assert len(engine.instances()) == 1


def test_a_failure_in_the_middle_begins_nothing_and_is_made_good(engine: Engine, clock: VirtualClock, deploy: Deploy, monkeypatch: pytest.MonkeyPatch) -> None:
    deploy(engine, morning())
    clock.set(at("2026-03-03T09:00"))

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("in the middle")

    with monkeypatch.context() as patch:
        patch.setattr(type(engine.runner), "begin", broken)
        with pytest.raises(RuntimeError):
            engine.work()
    assert engine.incidents() == []
    assert (engine.instances(), engine.next_due()) == ([], at("2026-03-03T09:00"))
    engine.work()
    assert len(engine.instances()) == 1


CRASHING = """\
import os, sys
from datetime import datetime
from bpflow.runtime import VirtualClock, open_engine
from bpflow.stores.postgres_work import PostgresWork
from bpflow.stores.sqlite_work import SqliteWork

Work = PostgresWork if sys.argv[1].startswith("postgresql://") else SqliteWork
begin, usual, begun = Work.new_instance, Work.__exit__, []

def begins(self, *given):
    begun.append(given)
    return begin(self, *given)

def leave(self, kind, error, trace):
    if begun and sys.argv[2] == "before":
        os._exit(9)
    usual(self, kind, error, trace)
    if begun and sys.argv[2] == "after":
        os._exit(9)

Work.new_instance, Work.__exit__ = begins, leave
with open_engine(sys.argv[1], clock=VirtualClock(datetime.fromisoformat("2026-03-03T09:00+03:00"))) as engine:
    engine.work()
"""


@pytest.mark.parametrize("how", ["before", "after"])
def test_a_crash_around_the_commit_begins_it_once(engine: Engine, deploy: Deploy, db: Path, tmp_path: Path, how: str) -> None:
    deploy(engine, morning())
    engine.close()
    script = tmp_path / "crashing.py"
    script.write_text(CRASHING)
    for end, code in ((how, 9), ("well", 0), ("well", 0)):
        assert subprocess.run([sys.executable, script, db, end], timeout=60, check=False).returncode == code
    with open_engine(str(db)) as again:
        assert len(again.instances()) == 1
        assert again.next_due() == at("2026-03-04T09:00")


def test_the_clock_may_go_back(engine: Engine, deploy: Deploy, clock: VirtualClock) -> None:
    """The next time is later than the one that was due, though the clock now shows less."""
    deploy(engine, morning())
    (row,) = engine.store.schedules()
    starts.begin_on_schedule(engine.runner, row, clock.now() - timedelta(days=3))
    assert engine.next_due() == at("2026-03-04T09:00")


# ── what all starts have in common ──────────────────────────────────────────────────────────────────────────────────
def test_inputs_and_one_at_a_time_for_every_kind_of_start(engine: Engine, deploy: Deploy) -> None:
    """`with` fills the inputs of a start by a document; a second one on the same document is refused or skipped."""
    head = "title: X\ndocument: deal\nunless-running: true\ninputs: {n: {type: integer, default: 1}}\n"
    steps = 'steps:\n  - {id: ask, activity: request-info, title: N $(n), to: user("boss")}\n'
    deploy(engine, f"id: made\n{head}start: [{{on: document-created, with: {{n: 2}}}}, {{on: document-changed, with: {{n: $(document.sum)}}}}]\n{steps}")
    deploy(engine, f"id: hand\n{head}start: [{{on: manual}}]\n{steps}")
    deal = engine.create_document("deal", {"name": "Труба", "status": "new", "sum": 7})
    engine.set_document(deal, {"sum": 8})
    assert [task.subject for task in engine.tasks()] == ["N 2"], "the change finds it running"
    engine.start("hand", document=deal, inputs={"n": "5"})
    with pytest.raises(Refused, match="already"):
        engine.start("hand", document=deal)
    engine.answer(engine.tasks()[0].id, by="boss")
    engine.set_document(deal, {"sum": 9})
    assert [task.subject for task in engine.tasks()] == ["N 5", "N 9"]
    engine.suspend(engine.tasks()[0].instance, by="boss", why="x")
    with pytest.raises(Refused, match="already"):
        engine.start("hand", document=deal)
    assert stored(engine, 1).state is not None
