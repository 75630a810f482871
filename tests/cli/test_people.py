"""Tasks and answers without a terminal; calendars and notices."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Bpflow = Callable[..., Any]
BUY = ["--outcome", "buy", "--set", "price=100", "--set", "buyer=petrova"]


@pytest.fixture
def task(bpflow: Bpflow, workspace: Path) -> str:
    """The task of an instance of `purchase`."""
    assert bpflow("start", "purchase", "--input", "what=стол", "--input", "pieces=2", "--by", "sidorov").code == 0
    return str(json.loads(bpflow("tasks", "--json").out)[0]["task"])


def state(bpflow: Bpflow) -> str:
    """All that an answer could change."""
    return "".join(bpflow(*command, "--json").out for command in (["show", "1"], ["tasks"], ["calendar", "petrova"], ["notices", "petrova"]))


def test_the_tasks_of_all_and_of_one(bpflow: Bpflow, task: str) -> None:
    lines = bpflow("tasks").out.splitlines()
    assert lines[0].split() == ["task", "what", "document", "for", "due", "overdue"]
    assert lines[1].startswith(task)
    assert "Покупаем?" in lines[1]
    assert "Иванов Пётр" in lines[1]
    assert re.search(r"\d\d\.\d\d\.\d{4} \d\d:\d\d$", lines[1])
    assert bpflow("tasks", "--for", "ivanov").out.splitlines()[1] == lines[1]
    assert bpflow("tasks", "--for", "sidorov").out == "no open tasks\n"
    assert bpflow("tasks", "--for", "Иванов Пётр").err == 'there is no person "Иванов Пётр" in the directory — did you mean "ivanov"?\n'
    assert bpflow("tasks", "--lang", "ru").out.split()[0] == "задача"


def test_a_task_in_somebody_s_place_names_both(bpflow: Bpflow, workspace: Path) -> None:
    people = (workspace / "directory.yaml").read_text(encoding="utf-8")
    (workspace / "directory.yaml").write_text(people.replace("substitute: petrova", "substitute: petrova, absences: [{from: 2020-01-01}]"), encoding="utf-8")
    assert bpflow("start", "purchase", "--input", "what=стол").code == 0
    assert "Петрова Анна (in place of Иванов Пётр)" in bpflow("tasks").out


def test_the_tasks_for_programs(bpflow: Bpflow, task: str) -> None:
    (one,) = json.loads(bpflow("tasks", "--for", "ivanov", "--json").out)
    assert {**one, "opened": "", "due": ""} == {
        "task": task,
        "instance": 1,
        "process": "purchase",
        "step": "decide",
        "subject": "Покупаем?",
        "document": None,
        "people": [{"who": "user:ivanov", "in_place_of": None, "claimed_of": None}],
        "opened": "",
        "due": "",
        "overdue": False,
    }
    assert one["due"].endswith("+03:00")


def test_a_task_shows_its_text_and_its_forms(bpflow: Bpflow, task: str) -> None:
    told = bpflow("task", task)
    assert "Нужно стол, штук 2." in told.out
    assert "Купить (buy)" in told.out
    assert "  price: Цена (a number), required" in told.out
    assert "  colours: Цвета (one of: Красный, Синий, Зелёный, several)" in told.out
    data = json.loads(bpflow("task", task, "--json").out)
    assert [outcome["outcome"] for outcome in data["outcomes"]] == ["buy", "refuse"]
    assert data["outcomes"][0]["fields"][1]["choices"] == ["red", "blue", "green"]
    assert bpflow("task", "1.7.7").code == 1


def test_an_answer_by_options(bpflow: Bpflow, task: str) -> None:
    told = bpflow("answer", task, "--by", "ivanov", *BUY, "--set", "colours=red", "--set", "colours=Синий", "--set", "by_day=03.03.2030 09:00")
    assert (told.code, told.out, told.err) == (0, 'answered: "Купить"\n', "")
    shown = json.loads(bpflow("show", "1", "--json").out)
    assert shown["result"] == "bought"
    assert shown["names"]["decide"]["colours"] == ["red", "blue"]
    assert shown["names"]["decide"]["price"] == 100
    # 09:00 in the zone of the process is 02:00 in that of the workspace
    assert shown["names"]["decide"]["by_day"] == "2030-03-03T02:00:00+03:00"


def test_the_outcome_by_its_title(bpflow: Bpflow, task: str) -> None:
    assert bpflow("answer", task, "--by", "ivanov", "--outcome", "Отказать", "--comment", "Дорого").code == 0
    assert json.loads(bpflow("show", "1", "--json").out)["result"] == "refused"


def test_an_answer_by_json(bpflow: Bpflow, task: str) -> None:
    given = {"outcome": "buy", "values": {"price": 99.5, "buyer": "petrova", "colours": ["green"]}}
    told = bpflow("answer", task, "--by", "ivanov", "--json", "-", piped=json.dumps(given))
    assert told.code == 0, told.err
    assert bpflow("show", "1", "--json").out.count('"99.5"') == 1


@pytest.mark.parametrize(
    "given, said",
    [
        ("{", "this is not JSON: "),
        ("[]", "the answer is not of the form"),
        ('{"outcome": "buy", "values": []}', "the answer is not of the form"),
        ('{"outcome": "buy", "price": 1}', 'the answer has no "price" — fields of the form stand under "values"'),
    ],
)
def test_what_is_not_an_answer(bpflow: Bpflow, task: str, given: str, said: str) -> None:
    before = state(bpflow)
    told = bpflow("answer", task, "--by", "ivanov", "--json", given)
    assert told.code == 2
    assert told.err.startswith(said)
    assert state(bpflow) == before


def test_without_a_terminal_it_says_what_is_missing(bpflow: Bpflow, task: str) -> None:
    told = bpflow("answer", task, "--by", "ivanov")
    assert told.code == 2
    assert told.err == 'which outcome? The task has: buy (price, buyer), refuse (comment) — say it with "--outcome"\n'


@pytest.mark.parametrize(
    "arguments, code, said",
    [
        (["--by", "petrova", *BUY], 1, 'the task is not for "petrova"'),
        (["--by", "nobody", *BUY], 2, 'there is no person "nobody" in the directory'),
        (["--by", "ivanov", "--outcome", "sell"], 1, '"sell" is not an outcome of this task; it has: buy, refuse'),
        (["--by", "ivanov", "--outcome", "buy"], 1, '"Цена" must be filled'),
        (["--by", "ivanov", "--outcome", "refuse"], 1, "a comment is required"),
        (["--by", "ivanov", *BUY, "--comment", "ну"], 1, '"buy" takes no comment'),
        (["--by", "ivanov", *BUY, "--set", "colour=red"], 1, 'there is no field "colour", did you mean "colours"?'),
        (["--by", "ivanov", *BUY, "--set", "colours=black"], 1, '"Цвета": '),
    ],
)
def test_a_wrong_answer_is_refused_and_changes_nothing(bpflow: Bpflow, task: str, arguments: list[str], code: int, said: str) -> None:
    before = state(bpflow)
    told = bpflow("answer", task, *arguments)
    assert told.code == code
    assert told.err.startswith(said)
    assert len(told.err.splitlines()) == 1
    assert state(bpflow) == before


def test_a_second_answer_is_refused(bpflow: Bpflow, task: str) -> None:
    bpflow("answer", task, "--by", "ivanov", *BUY)
    before = state(bpflow)
    told = bpflow("answer", task, "--by", "ivanov", *BUY)
    assert (told.code, told.err) == (1, "the task is closed\n")
    assert bpflow("answer", task, "--by", "ivanov", *BUY, "--lang", "ru").err.startswith("задача")
    assert state(bpflow) == before
    assert bpflow("answer", "x", "--by", "ivanov", *BUY).err == '"x" is not the id of a task; one looks like 17.1.4\n'


def test_the_calendar_and_the_notices_of_a_person(bpflow: Bpflow, task: str) -> None:
    assert bpflow("calendar", "petrova").out == "no calendar entries\n"
    assert bpflow("notices", "petrova").out == "no notices\n"
    bpflow("answer", task, "--by", "ivanov", *BUY, "--set", "by_day=03.03.2030 09:00")
    assert bpflow("calendar", "petrova").out.splitlines()[1].split("  ")[:1] == ["03.03.2030 02:00"]
    assert "Купить стол" in bpflow("calendar", "petrova").out
    notice = bpflow("notices", "petrova").out.splitlines()[1]
    assert "Пора" in notice
    assert "Купите стол" in notice
    (entry,) = json.loads(bpflow("calendar", "petrova", "--json").out)
    assert (entry["at"], entry["title"], entry["instance"]) == ("2030-03-03T02:00:00+03:00", "Купить стол", 1)
    (told,) = json.loads(bpflow("notices", "petrova", "--json").out)
    assert (told["reason"], told["text"]) == ("notify", "Купите стол. Цена 100, цвета: , к сроку 03.03.2030 09:00")


def test_a_calendar_for_calendar_programs(bpflow: Bpflow, task: str, workspace: Path) -> None:
    bpflow("answer", task, "--by", "ivanov", *BUY, "--set", "by_day=03.03.2030 09:00")
    assert bpflow("calendar", "petrova", "--ics", "petrova.ics").err == 'written to "petrova.ics"\n'
    text = (workspace / "petrova.ics").read_text(encoding="utf-8")
    assert "SUMMARY:Купить стол" in text
    assert "DTSTART:20300302T230000Z" in text
    assert bpflow("calendar", "petrova", "--ics", "-").out.replace("\r", "").startswith("BEGIN:VCALENDAR\n")
    assert bpflow("calendar", "petrova", "--ics", "no/folder.ics").code == 2
