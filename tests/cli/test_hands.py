"""claim, delegate, reassign, who; and what tasks, task and show say of whose turn it is."""

import json
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

Bpflow = Callable[..., Any]
BOARD = """
    bpflow: 1
    id: board
    title: Решение
    steps:
      - id: pack
        activity: task
        title: Собрать
        to: department("sales")
        who-may-not: initiator
        delegate: anyone
      - id: agree
        activity: approve
        title: Согласовать
        to: [user("ivanov"), user("sidorov"), head_of(user("ivanov"))]
        rule: all
        ask: in-turn
        due: 2h
        on-overdue: {escalate-to: user("petrova")}
        outcomes: {rejected: {title: Нет, next: go-on}, approved: {title: Да}}
"""


@pytest.fixture
def task(bpflow: Bpflow, workspace: Path) -> str:
    """The task of an instance of `board`."""
    (workspace / "board.yaml").write_text(dedent(BOARD), encoding="utf-8")
    assert bpflow("start", "board", "--by", "sidorov").code == 0
    return str(json.loads(bpflow("tasks", "--json").out)[0]["task"])


def test_claiming_and_giving_back(bpflow: Bpflow, task: str) -> None:
    assert bpflow("claim", task, "--by", "ivanov").out == "claimed\n"
    again = bpflow("claim", task, "--by", "petrova")
    assert (again.code, again.err) == (1, 'the task has been claimed by "ivanov"\n')
    assert "Иванов Пётр (claimed of: Отдел продаж)" in bpflow("tasks").out
    assert "for: Иванов Пётр (claimed of: Отдел продаж)" in bpflow("task", task).out
    assert json.loads(bpflow("tasks", "--json").out)[0]["people"] == [{"who": "user:ivanov", "in_place_of": None, "claimed_of": "department:sales"}]
    assert bpflow("claim", task, "--give-back", "--by", "ivanov").out == "given back to the group\n"
    assert bpflow("claim", task, "--give-back", "--by", "ivanov").code == 1
    assert bpflow("claim", task, "--by", "nobody").code == 2


def test_delegating(bpflow: Bpflow, task: str) -> None:
    bpflow("claim", task, "--by", "ivanov")
    assert bpflow("delegate", task, "--by", "ivanov", "--to", "petrova", "--comment", "Прошу").out == "delegated to Петрова Анна\n"
    assert "a task was delegated" in bpflow("notices", "petrova").out
    refused = bpflow("delegate", task, "--by", "petrova", "--to", "sidorov")
    assert (refused.code, refused.err) == (1, '"sidorov" may not answer this task\n')
    shown = bpflow("show", "1").out
    assert 'delegated "Собрать": to petrova: Прошу' in shown
    assert "Петрова Анна (in place of Иванов Пётр)" in shown


def test_a_person_who_leaves(bpflow: Bpflow, task: str) -> None:
    bpflow("claim", task, "--by", "ivanov")
    assert "say why" in bpflow("reassign", "ivanov", "--by", "petrova", "--to", "petrova").err
    would = bpflow("reassign", "ivanov", "--by", "petrova", "--to", "petrova", "--dry-run", "--json")
    assert json.loads(would.out)[0] == {**json.loads(would.out)[0], "task": task, "moved": True, "to": "petrova", "reason": None}
    assert "Иванов" in bpflow("tasks").out
    done = bpflow("reassign", "ivanov", "--by", "petrova", "--why", "Ушёл")
    assert done.code == 0
    assert "Отдел продаж" in done.out
    assert bpflow("reassign", "ivanov", "--by", "petrova", "--why", "Ушёл").out.startswith("no open tasks\n")
    bpflow("answer", task, "--by", "petrova", "--outcome", "done")
    stays = bpflow("reassign", "ivanov", "--by", "petrova", "--why", "Ушёл")
    assert stays.code == 1
    assert "say to whom the task goes" in stays.out


def test_who_and_why(bpflow: Bpflow, task: str) -> None:
    bpflow("claim", task, "--by", "ivanov")
    bpflow("delegate", task, "--by", "ivanov", "--to", "petrova", "--comment", "Прошу")
    bpflow("answer", task, "--by", "petrova", "--outcome", "done", "--comment", "Готово")
    said = bpflow("who", task).out
    for part in (
        "who-may-not: `initiator`",
        'to: `department("sales")`, ',
        "board.yaml:9:9",
        "may not answer: Сидоров Олег",
        "it came to: Отдел продаж",
        "claimed by Иванов Пётр, from Отдел продаж to Иванов Пётр (claimed of: Отдел продаж)",
        "delegated by Иванов Пётр, from",
        "answered by Петрова Анна (in place of Иванов Пётр): done: Готово",
        "closed",
    ):
        assert part in said, said
    data = json.loads(bpflow("who", task, "--json").out)
    assert [change["kind"] for change in data["changes"]] == ["claimed", "delegated"]
    assert data["answers"][0]["in_place_of"] == "ivanov"
    assert data["now"] is None
    assert bpflow("who", "1.1.77").err == "there is no such task\n"
    assert bpflow("who", task, "--lang", "ru").out.startswith("задача")


def test_whose_turn_it_is_and_who_has_answered(bpflow: Bpflow, task: str) -> None:
    bpflow("answer", task, "--by", "petrova", "--outcome", "done")
    task = json.loads(bpflow("tasks", "--json").out)[0]["task"]
    assert "after that: Сидоров Олег, Петрова Анна" in bpflow("task", task).out
    bpflow("answer", task, "--by", "ivanov", "--outcome", "Да")
    said = bpflow("task", task).out
    assert "answered: Иванов Пётр – Да" in said
    assert "for: Сидоров Олег\nafter that: Петрова Анна\n" in said
    assert "answered: Иванов Пётр – Да; after that: Петрова Анна" in bpflow("show", "1").out
    data = json.loads(bpflow("task", task, "--json").out)
    assert data["answers"] == [{"by": "ivanov", "in_place_of": None, "outcome": "approved"}]
    assert data["later"] == [{"who": "petrova", "in_place_of": None, "claimed_of": None}]
    assert json.loads(bpflow("show", "1", "--json").out)["where"][0]["answers"] == data["answers"]
