"""Tasks change hands on a real database: rows, histories, two who claim at once, a person who leaves, and why a task came to whom."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest

from bpflow.engine import InvalidAnswer, NotAllowed, UnexpectedEvent
from bpflow.engine.events import Event
from bpflow.engine.state import Assignee, State
from bpflow.expressions.data import Department, Role, User
from bpflow.runtime import Engine, VirtualClock
from tests.runtime.conftest import Open
from tests.runtime.looking import check_index, check_replay

GROUP = """\
id: group
title: Работа группы
steps:
  - {id: pack, activity: task, title: Собрать, to: 'with_role("clerk")', who-may-not: initiator, delegate: anyone}
"""
BOARD = """\
id: board
title: Решение
steps:
  - id: agree
    activity: approve
    title: Согласовать
    to: [user("ivanov"), user("petrova"), head_of(user("petrova"))]
    rule: majority
    ask: in-turn
    outcomes: {rejected: {next: go-on}}
"""
LATE = """\
id: late
title: Срок
document: deal
steps:
  - id: agree
    activity: approve
    title: Согласовать
    to: [user("ivanov"), user("petrova")]
    rule: all
    due: document.deadline
    remind-before: 2h
    on-overdue: {escalate-to: user("boss")}
    outcomes: {rejected: {next: go-on}}
"""
CLERKS = ["petrova", "boss"]


@pytest.fixture
def all_of(engine: Engine, deploy: Any) -> Engine:
    for text in (GROUP, BOARD, LATE):
        deploy(engine, text)
    return engine


def rows(engine: Engine) -> list[tuple[str, str | None, str | None]]:
    return [(entry.party, entry.in_place_of, entry.claimed_of) for entry in engine.tasks()]


def checked(engine: Engine, far: datetime) -> None:
    for row in engine.instances():
        check_replay(engine, row.id)
        check_index(engine, row.id, far)


def test_the_row_of_the_group_goes_and_that_of_the_person_comes(all_of: Engine, far: datetime) -> None:
    all_of.start("group")
    (task,) = all_of.tasks("petrova")
    all_of.claim(task.id, by="petrova")
    assert rows(all_of) == [("user:petrova", None, "role:clerk")]
    assert all_of.tasks("boss") == []
    all_of.delegate(task.id, by="petrova", to="ivanov", comment="Помоги")
    assert rows(all_of) == [("user:ivanov", "user:petrova", "role:clerk")]
    (notice,) = all_of.notices("ivanov")
    assert (notice.reason, notice.title, notice.text) == ("delegated", "Собрать", "Помоги")
    all_of.release(task.id, by="petrova")
    assert rows(all_of) == [("role:clerk", None, None)]
    assert [notice.reason for notice in all_of.notices("ivanov")] == ["delegated", "withdrawn"]
    checked(all_of, far)
    assert [(line.kind, line.by, str(line.text or "")) for line in all_of.timeline(1)[2:]] == [
        ("claimed", "petrova", ""),
        ("delegated", "petrova", "to ivanov: Помоги"),
        ("released", "petrova", ""),
    ]


def test_of_two_who_claim_at_once_one_is_refused(all_of: Engine, far: datetime, opened: Open) -> None:
    """Each with an engine and a connection of his own, many times: every task has one owner, and the other is told whose it is."""
    for _ in range(25):
        all_of.start("group")
    tasks = [task.id for task in all_of.tasks()]
    done, refused = Counter[str](), Counter[str]()
    start = threading.Barrier(len(CLERKS))

    def claim(by: str) -> None:
        engine = opened()
        start.wait()
        for task in tasks:
            try:
                engine.claim(task, by=by)
                done[task] += 1
            except NotAllowed as error:
                refused[task] += str(error.message) == f'the task has been claimed by "{next(one for one in CLERKS if one != by)}"'

    threads = [threading.Thread(target=claim, args=(by,)) for by in CLERKS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == refused == Counter(tasks)
    all_of.runner.cache.clear()
    assert all(group == "role:clerk" for _, _, group in rows(all_of))
    checked(all_of, far)


def test_a_comment_with_half_a_character_is_refused(all_of: Engine) -> None:
    all_of.start("group")
    with pytest.raises(InvalidAnswer, match="half a character"):
        all_of.delegate("1.1.1", by="petrova", to="ivanov", comment="\ud800")


# ── a person who leaves ─────────────────────────────────────────────────────────────────────────────────────────────
def test_all_that_a_person_has_goes_to_another(all_of: Engine, far: datetime) -> None:
    for process in ("group", "board", "board", "group"):
        all_of.start(process)
    all_of.claim("1.1.1", by="petrova")
    first, board = all_of.tasks(instance=1)[0].id, all_of.tasks(instance=2)[0]
    all_of.answer(board.id, by="ivanov", outcome="approved")
    all_of.suspend(3)
    would = all_of.reassign("petrova", "ivanov", why="Ушла", dry_run=True)
    assert rows(all_of)[0][0] == "user:petrova"
    done = all_of.reassign("petrova", "ivanov", by="boss", why="Ушла")
    assert would == done
    assert [(one.task, one.to, str(one.reason or "")) for one in done] == [
        (first, User("ivanov"), ""),
        (board.id, None, ""),
        (all_of.tasks(instance=3)[0].id, None, "the instance is suspended"),
    ]
    assert [entry.party for entry in all_of.tasks()] == ["user:ivanov", "user:boss", "user:ivanov", "role:clerk"]
    all_of.resume(3)
    (left,) = all_of.reassign("petrova", "boss", by="boss", why="Ушла")
    assert (left.instance, left.reason, left.to) == (3, None, None), "in the turn that was to come"
    assert all_of.reassign("petrova", "boss") == []
    checked(all_of, far)
    assert all_of.timeline(1)[-1].kind == "reassigned"
    assert str(all_of.timeline(1)[-1].text) == "from petrova to ivanov: Ушла"


def test_broken_off_it_is_simply_done_again(all_of: Engine, far: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(4):
        all_of.start("board")
    happen, left = all_of._happen, [2]

    def dies(id: int, event: Event) -> State:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return happen(id, event)

    with monkeypatch.context() as patch:
        patch.setattr(all_of, "_happen", dies)
        with pytest.raises(KeyboardInterrupt):
            all_of.reassign("ivanov", "boss")
    assert [entry.party for entry in all_of.tasks()] == ["user:petrova", "user:petrova", "user:ivanov", "user:ivanov"]
    assert [one.instance for one in all_of.reassign("ivanov", "boss")] == [3, 4]
    checked(all_of, far)


def test_only_of_one_process_and_back_to_the_group(all_of: Engine) -> None:
    all_of.start("group")
    all_of.start("board")
    all_of.claim("1.1.1", by="petrova")
    assert all_of.reassign("petrova", process="late") == []
    (done,) = all_of.reassign("petrova", process="group")
    assert (done.reason, done.to) == (None, Role("clerk"))
    assert rows(all_of)[0] == ("role:clerk", None, None)
    (stays,) = all_of.reassign("petrova")
    assert "say to whom" in str(stays.reason)


def test_one_task_of_one_seat(all_of: Engine) -> None:
    all_of.start("board")
    all_of.reassign_task("1.1.1", "ivanov", "boss", by="petrova", why="Занят")
    assert [entry.party for entry in all_of.tasks()] == ["user:petrova"]
    with pytest.raises(UnexpectedEvent, match='"ivanov" has no place'):
        all_of.reassign_task("1.1.1", "ivanov", "boss")
    with pytest.raises(NotAllowed, match='"gone" is away'):
        all_of.reassign_task("1.1.1", "petrova", "gone")
    with pytest.raises(InvalidAnswer, match="there is no person"):
        all_of.reassign_task("1.1.1", "petrova", "nobody")


# ── the deadline ────────────────────────────────────────────────────────────────────────────────────────────────────
def test_reminders_before_the_deadline_move_with_it(all_of: Engine, far: datetime, clock: VirtualClock) -> None:
    start = clock.now()
    deal = all_of.create_document("deal", {"name": "A", "status": "new", "deadline": start + timedelta(hours=5)})
    all_of.start("late", document=deal)
    assert all_of.next_due() == start + timedelta(hours=3)
    all_of.set_document(deal, {"deadline": start + timedelta(hours=9)})
    assert all_of.next_due() == start + timedelta(hours=7)
    clock.set(start + timedelta(hours=7))
    all_of.work()
    assert [notice.reason for notice in all_of.notices("ivanov")] == ["reminder"]
    assert not all_of.tasks()[0].overdue
    clock.set(start + timedelta(hours=9))
    all_of.work()
    assert [notice.reason for notice in all_of.notices("boss")] == ["escalated"]
    task = all_of.tasks("boss")[0]
    view = all_of.task(task.id)
    assert view.also == (Assignee(User("boss")),)
    all_of.answer(task.id, by="boss", outcome="approved")
    assert [entry.party for entry in all_of.tasks()] == ["user:petrova"]
    checked(all_of, far)


def test_a_reminder_whose_time_was_past_before_it_was_opened_is_none(all_of: Engine, clock: VirtualClock) -> None:
    deal = all_of.create_document("deal", {"name": "A", "status": "new", "deadline": clock.now() + timedelta(hours=1)})
    all_of.start("late", document=deal)
    assert all_of.next_due() == clock.now() + timedelta(hours=1)
    all_of.set_document(deal, {"deadline": None})
    assert all_of.next_due() is None
    assert all_of.incidents() == []


# ── who and why ─────────────────────────────────────────────────────────────────────────────────────────────────────
def test_why_a_task_came_to_whom_it_came(all_of: Engine, clock: VirtualClock) -> None:
    clock.set(datetime.fromisoformat("2026-03-11T10:00+03:00"))  # ivanov is away, petrova acts for him and has a seat of her own
    all_of.start("board")
    found = all_of.who("1.1.1")
    assert found.first == (Assignee(User("petrova")), Assignee(User("boss")))
    (to,) = found.reasons
    assert (to.key, to.place, to.gave) == ("to", "test.yaml:8:9", found.first)
    assert to.text == '[user("ivanov"), user("petrova"), head_of(user("petrova"))]'
    asked = {question[:3]: answer for question, answer in to.asked}
    assert asked["directory", "acting", User("ivanov")] == User("petrova")
    assert asked["directory", "head_of", User("petrova")] == User("boss")


def test_every_change_of_hands_and_the_answers_are_told_of_a_closed_task_too(all_of: Engine) -> None:
    all_of.start("group", by="boss")
    task = all_of.tasks()[0].id
    all_of.claim(task, by="petrova")
    all_of.delegate(task, by="petrova", to="ivanov", comment="Помоги")
    all_of.reassign("ivanov", "petrova", by="boss", why="Занят")
    all_of.answer(task, by="petrova", comment="Готово")
    found = all_of.who(task)
    assert [(one.key, one.text) for one in found.reasons] == [("who-may-not", "initiator"), ("to", 'with_role("clerk")')]
    assert found.excluded == (User("boss"),)
    assert [(change.kind, change.by, change.why) for change in found.changes] == [
        ("claimed", User("petrova"), None),
        ("delegated", User("petrova"), "Помоги"),
        ("reassigned", User("boss"), "Занят"),
    ]
    assert found.changes[2].come[0].party == User("petrova")
    (answer,) = found.answers
    assert (answer.vote.by, answer.vote.in_place_of, answer.title, answer.comment) == (User("petrova"), None, "done", "Готово")
    assert found.waiting is None


def test_of_what_is_no_task_nobody_can_say_why(all_of: Engine) -> None:
    all_of.start("board")
    for task in ("1.1.2", "1.7.1"):
        with pytest.raises(UnexpectedEvent, match="no such task"):
            all_of.who(task)
    assert Department("sales") not in [seat.party for seat in all_of.who("1.1.1").first]
