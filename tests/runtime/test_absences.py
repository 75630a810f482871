"""Absences that are entered while processes run: who gets a task from then on, in every program on the store, and after whatever goes wrong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from bpflow.diagnostics import Refused
from bpflow.expressions.data import User
from bpflow.runtime import Engine, VirtualClock
from bpflow.stores.absent import AbsenceRow, NewAbsence
from tests.runtime.conftest import Open
from tests.runtime.looking import check_replay, events_of, tamper, work_class

Deploy = Callable[[Engine, str], None]
ASK = 'id: asks\ntitle: Спрашивает\nsteps:\n  - {id: ask, activity: request-info, title: Да?, to: user("boss"), if-nobody: user("petrova")}\n'


def going_away(more: str = "", after: str = "") -> str:
    """A process that enters an absence of the person who starts it, and then asks him."""
    call = f"  - {{id: got, activity: call-service, service: absence, with: {{user: $(initiator), from: 2026-03-02{more}}}}}\n"
    return f"id: leaves\ntitle: Уезжает\nsteps:\n{call}{after}  - {{id: ask, activity: request-info, title: $(got.substitute), to: initiator}}\n"


def people(engine: Engine, id: int) -> list[tuple[str, str | None]]:
    return [(row.party, row.in_place_of) for row in engine.tasks(instance=id)]


def test_what_a_process_enters_holds_in_the_same_step_and_in_every_other_program(opened: Open, engine: Engine, deploy: Deploy) -> None:
    other = opened()
    deploy(engine, ASK)
    before = other.start("asks")
    assert people(other, before) == [("user:boss", None)]
    deploy(engine, going_away(", to: 2026-03-08, substitute: petrova"))
    id = engine.start("leaves", by="boss")
    assert people(engine, id) == [("user:petrova", "user:boss")]
    after = other.start("asks")
    assert people(other, after) == [("user:petrova", "user:boss")]
    assert people(other, before) == [("user:boss", None)], "a task that was given out stays where it is"
    for engine_, instance in ((engine, id), (other, before), (other, after)):
        check_replay(engine_, instance)


def test_it_begins_and_ends_with_its_days(engine: Engine, deploy: Deploy, clock: VirtualClock) -> None:
    deploy(engine, ASK)
    engine.absent("boss", "2026-03-03", "2026-03-04", substitute="ivanov")
    found = []
    for at in ("2026-03-02T23:59+03:00", "2026-03-03T00:00+03:00", "2026-03-04T23:59+03:00", "2026-03-05T00:00+03:00"):
        clock.set(datetime.fromisoformat(at))
        found += people(engine, engine.start("asks"))
    assert found == [("user:boss", None), ("user:ivanov", "user:boss"), ("user:ivanov", "user:boss"), ("user:boss", None)]


def test_the_substitute_is_away_too(engine: Engine, deploy: Deploy) -> None:
    """Whoever acts for him acts; where nobody does, the task goes where the process says."""
    deploy(engine, ASK)
    engine.absent("boss", "2026-03-02", substitute="ivanov")
    engine.absent("ivanov", "2026-03-02", "2026-03-02")
    assert people(engine, engine.start("asks")) == [("user:petrova", "user:boss")], "his own substitute acts for the substitute"
    engine.absent("petrova", "2026-03-02")
    id = engine.start("asks")
    (incident,) = engine.incidents()
    assert (incident.instance, people(engine, id)) == (id, [])


def test_what_was_entered_last_counts(engine: Engine, deploy: Deploy) -> None:
    deploy(engine, ASK)
    engine.absent("boss", "2026-03-01", "2026-03-20", substitute="ivanov")
    engine.absent("boss", "2026-03-02", "2026-03-03", substitute="petrova", reason="заболел", by="ivanov")
    assert people(engine, engine.start("asks")) == [("user:petrova", "user:boss")]
    first, second = engine.absences("boss")
    assert (first.absence.last, second.absence.reason, second.row.by if second.row else None) == (date(2026, 3, 20), "заболел", "ivanov")


def test_somebody_is_there_again(opened: Open, engine: Engine, deploy: Deploy, clock: VirtualClock) -> None:
    deploy(engine, ASK)
    engine.absent("boss", "2026-03-01", "2026-03-20", substitute="ivanov")
    engine.absent("boss", "2026-04-01", substitute="ivanov")
    other = opened()
    (ended,) = other.present("boss")
    assert ended.absence.last == date(2026, 3, 20)
    assert people(engine, engine.start("asks")) == [("user:boss", None)]
    assert [(v.absence.first.day, v.absence.last.day if v.absence.last else None) for v in engine.absences("boss")] == [(1, 1), (1, None)]
    engine.present("boss", "2026-04-01")
    assert [v.absence.first.month for v in engine.absences("boss")] == [3], "one that ends before it begins never was"
    with pytest.raises(Refused, match='"boss" is not away on 2026-03-02'):
        engine.present("boss")
    with pytest.raises(Refused, match="is written in the file of the directory"):
        engine.present("ivanov", "2026-03-10")


@pytest.mark.parametrize(
    "entered, reason",
    [
        ({"user": "boss", "first": "2026-03-02", "last": "2026-03-01"}, "the absence ends before it begins, on 2026-03-02"),
        ({"user": "boss", "first": "2026-03-02", "substitute": "boss"}, '"boss" cannot be his own substitute'),
        ({"user": "somebody", "first": "2026-03-02"}, 'there is no person "somebody"'),
        ({"user": "boss", "first": "2026-03-02", "substitute": "somebody"}, 'there is no person "somebody"'),
        ({"user": "boss", "first": "tomorrow"}, '"from"'),
        ({"user": "boss", "first": ""}, '"from" must be filled'),
    ],
)
def test_what_cannot_be_is_not_entered(engine: Engine, entered: dict[str, str], reason: str) -> None:
    with pytest.raises(Refused) as refused:
        engine.absent(**entered)  # type: ignore[arg-type]
    assert reason in refused.value.message.text()
    assert engine.store.absences() == []


@pytest.mark.parametrize(
    "arguments, reason",
    [
        (", to: 2026-03-01", "the absence ends before it begins, on 2026-03-02"),
        (", substitute: boss", '"boss" cannot be his own substitute'),
        (", substitute: somebody", 'there is no person "somebody"'),
    ],
)
def test_a_call_that_cannot_be_is_a_failure_of_its_step(engine: Engine, deploy: Deploy, arguments: str, reason: str) -> None:
    deploy(engine, going_away(arguments))
    id = engine.start("leaves", by="boss")
    (incident,) = engine.incidents()
    assert reason in incident.message.text()
    assert engine.store.absences() == []
    check_replay(engine, id)


def test_an_absence_goes_with_the_transaction_that_broke_off(engine: Engine, deploy: Deploy, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was entered by a step that was never written down is not there, though it has been asked in it; nor is it taken for the next one."""
    deploy(engine, ASK)
    deploy(engine, going_away(", to: 2026-03-08, substitute: petrova"))

    def broken(self: Any, *saved: Any) -> int:
        assert self.absences("boss") != []
        raise RuntimeError("full disk")

    with monkeypatch.context() as patched:
        patched.setattr(work_class(engine), "save", broken)
        with pytest.raises(RuntimeError, match="full disk"):
            engine.start("leaves", by="boss")
    assert people(engine, engine.start("asks")) == [("user:boss", None)]
    engine.absent("ivanov", "2026-03-02")
    assert people(engine, engine.start("asks")) == [("user:boss", None)]
    assert [v.absence.person for v in engine.absences() if v.row] == ["ivanov"]


def test_a_call_enters_once(engine: Engine) -> None:
    new = NewAbsence("boss", date(2026, 3, 2))
    for key in ("1.1.1", "1.1.1", "1.1.2", None, None):
        with engine.store.begin() as work:
            work.enter_absence(1, new, engine.clock.now(), key=key)
    assert [row.absence for row in engine.store.absences()] == [new] * 4


def test_events_read_no_absences_again_for_nothing(engine: Engine, deploy: Deploy, db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are read when they have changed, and only then."""
    deploy(engine, ASK)
    read: list[str | None] = []
    kind = work_class(engine)
    real = kind.absences

    def absences(self: object, person: str | None = None) -> list[AbsenceRow]:
        read.append(person)
        found: list[AbsenceRow] = real(self, person)
        return found

    monkeypatch.setattr(kind, "absences", absences)
    for _ in range(3):
        engine.start("asks")
    assert read == []
    tamper(db, "insert into absence (owner, person, first, substitute, at, changed, mark) values (0, 'boss', '2026-03-02', 'ivanov', 0, 1, 77)")
    ids = [engine.start("asks") for _ in range(3)]
    assert read == [None]
    assert {person for id in ids for person, _ in people(engine, id)} == {"user:ivanov"}


def test_the_answers_are_recorded(engine: Engine, deploy: Deploy) -> None:
    """A replay does not ask who is away by now."""
    deploy(engine, ASK)
    engine.absent("boss", "2026-03-02", substitute="ivanov")
    id = engine.start("asks")
    engine.present("boss")
    assert len(events_of(engine, id)) == 1
    check_replay(engine, id)
    assert people(engine, id) == [("user:ivanov", "user:boss")]
    engine.answer(engine.tasks(instance=id)[0].id, by="ivanov")
    check_replay(engine, id)


def test_without_a_directory_nobody_keeps_absences(opened: Open, deploy: Deploy, tmp_path: Path) -> None:
    engine = opened(path=tmp_path / "bare.db", workspace=None)
    with pytest.raises(Refused, match="there is none"):
        engine.absent("boss", "2026-03-02")
    deploy(engine, going_away())
    engine.start("leaves", by="boss")
    assert "there is none" in engine.incidents()[0].message.text()
    assert engine.absences() == []


def test_one_who_is_no_longer_known_is_passed_over(engine: Engine, opened: Open, deploy: Deploy) -> None:
    with engine.store.begin() as work:
        work.enter_absence(0, NewAbsence("unknown", date(2026, 3, 2)), engine.clock.now())
        work.enter_absence(0, NewAbsence("boss", date(2026, 3, 2), substitute="unknown"), engine.clock.now())
    deploy(engine, ASK)
    assert people(engine, engine.start("asks")) == [("user:petrova", None)]
    assert engine.world.directory is not None
    assert engine.world.directory.answer("is_absent", (User("boss"), engine.clock.now())) is True
