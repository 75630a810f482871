"""Ticking off the checklist of a task."""

import json
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

Bpflow = Callable[..., Any]
MOVE = """
    bpflow: 1
    id: move
    title: Переезд
    steps:
      - id: pack
        activity: task
        title: Собрать вещи
        to: user("ivanov")
        checklist: [Книги, Посуда]
        observers: user("petrova")
        subtasks:
          car: {title: Заказать машину, to: user("sidorov")}
"""


@pytest.fixture
def task(bpflow: Bpflow, workspace: Path) -> str:
    (workspace / "move.yaml").write_text(dedent(MOVE), encoding="utf-8")
    assert bpflow("start", "move", "--by", "sidorov").code == 0
    return str(json.loads(bpflow("tasks", "--for", "ivanov", "--json").out)[0]["task"])


def test_items_are_ticked_off_and_taken_back(bpflow: Bpflow, task: str) -> None:
    assert "[ ] 1. Книги\n  [ ] 2. Посуда" in bpflow("task", task).out
    assert bpflow("tick", task, "Посуда", "--by", "ivanov").out == "left: Книги\n"
    assert "[ ] 1. Книги\n  [x] 2. Посуда (Иванов Пётр, " in bpflow("task", task).out
    refused = bpflow("answer", task, "--by", "ivanov", "--outcome", "done")
    assert (refused.code, refused.err) == (1, "this is still to be ticked off: Книги\n")
    assert bpflow("tick", task, "1", "--by", "ivanov").out == "all is ticked off\n"
    assert bpflow("tick", task, "2", "--by", "ivanov", "--undo").out == "left: Посуда\n"
    first, second = json.loads(bpflow("task", task, "--json").out)["checklist"]
    assert (first["item"], first["done"], first["by"], first["at"] is not None) == ("Книги", True, "ivanov", True)
    assert second == {"item": "Посуда", "done": False, "by": None, "at": None}
    told = bpflow("show", "1").out
    assert 'ticked off in "Собрать вещи": item 2' in told
    assert "item 2 taken back" in told


@pytest.mark.parametrize(
    "item, by, said",
    [
        ("3", "ivanov", "the checklist has no item 3; it has 2"),
        ("Книга", "ivanov", 'the checklist has no "Книга"; it has: Книги, Посуда — did you mean "Книги"?'),
        ("1", "sidorov", 'the task is not for "sidorov"'),
        ("1", "nobody", 'there is no person "nobody" in the directory'),
    ],
)
def test_what_is_refused(bpflow: Bpflow, task: str, item: str, by: str, said: str) -> None:
    told = bpflow("tick", task, item, "--by", by)
    assert told.code
    assert said in told.err
    assert not any(one["done"] for one in json.loads(bpflow("task", task, "--json").out)["checklist"])


def test_a_task_without_a_checklist(bpflow: Bpflow, workspace: Path) -> None:
    assert bpflow("start", "purchase", "--input", "what=стол", "--by", "sidorov").code == 0
    told = bpflow("tick", json.loads(bpflow("tasks", "--json").out)[0]["task"], "1", "--by", "ivanov")
    assert (told.code, told.err) == (1, "the task has no checklist\n")
    assert bpflow("tick", "9.9.9", "1", "--by", "ivanov").code


def test_who_sees_a_task_finds_it(bpflow: Bpflow, task: str) -> None:
    assert bpflow("tasks", "--for", "petrova").out == "no open tasks\n"
    (seen,) = json.loads(bpflow("tasks", "--observer", "petrova", "--json").out)
    assert seen["task"] == task
    assert bpflow("tasks", "--observer", "sidorov").out == "no open tasks\n"
    shown = bpflow("task", task).out
    assert "seen by: Петрова Анна" in shown
    assert "subtasks that are still open: Заказать машину" in shown
    assert json.loads(bpflow("task", task, "--json").out)["subtasks"] == ["Заказать машину"]
    assert json.loads(bpflow("task", task, "--json").out)["observers"] == ["petrova"]
