"""Commands of processes on the command line: listed, pressed by options, and asked for on a terminal."""

import json
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

Bpflow = Callable[..., Any]

LETTER = """
    bpflow: 1
    id: letter
    title: Письмо
    meanwhile:
      - command: withdraw
        title: Отозвать
        by: initiator
        fields:
          why: {type: string, title: Почему, required: true}
          until: {type: date, title: До какого дня}
        cancels: true
        steps: [{activity: end, result: withdrawn}]
      - {command: remind, title: Напомнить, cancels: false, steps: [{activity: notify, to: user("petrova"), text: Пора}]}
    steps:
      - id: each
        activity: for-each
        items: '[user("ivanov"), user("petrova")]'
        as: who
        in-parallel: true
        steps:
          - id: ready
            activity: race
            branches:
              done: {command: done, title: Готово, by: who, comment: required, next: go-on}
              late: {after: 30d, next: go-on}
"""


@pytest.fixture
def letter(bpflow: Bpflow, workspace: Path) -> str:
    """A letter of sidorov."""
    (workspace / "letter.yaml").write_text(dedent(LETTER), encoding="utf-8")
    assert bpflow("start", "letter", "--by", "sidorov").code == 0
    return "1"


def status(bpflow: Bpflow, instance: str) -> tuple[str, str | None]:
    shown = json.loads(bpflow("show", instance, "--json").out)
    return shown["status"], shown["result"]


def test_the_commands_of_all_and_of_one(bpflow: Bpflow, letter: str) -> None:
    lines = [line.split("  ") for line in bpflow("commands", letter).out.splitlines()]
    rows = [[cell.strip() for cell in line if cell.strip()] for line in lines]
    assert rows[0] == ["command", "button", "place", "form", "for"]
    assert rows[1] == ["withdraw", "Отозвать", "0.0", "why*, until", "Сидоров Олег"]
    assert rows[2] == ["remind", "Напомнить", "0.0", "everybody"]
    assert [row[:2] for row in rows[3:]] == [["done", "Готово (Иванов Пётр)"], ["done", "Готово (Петрова Анна)"]]
    assert [line.split()[0] for line in bpflow("commands", letter, "--for", "ivanov").out.splitlines()[1:]] == ["remind", "done"]
    assert "команда" in bpflow("commands", letter, "--lang", "ru").out
    assert bpflow("commands", "9").err == "there is no instance 9\n"
    assert bpflow("commands", letter, "--for", "nobody").code == 2


def test_the_commands_for_programs(bpflow: Bpflow, letter: str) -> None:
    found = json.loads(bpflow("commands", letter, "--json").out)
    assert [(one["command"], one["step"], one["people"], one["comment"]) for one in found] == [
        ("withdraw", None, ["sidorov"], "optional"),
        ("remind", None, None, "optional"),
        ("done", "each/ready", ["ivanov"], "required"),
        ("done", "each/ready", ["petrova"], "required"),
    ]
    assert found[0]["fields"][0] == {"field": "why", "type": "string", "title": "Почему", "shown": True, "required": True, "many": False, "choices": []}
    assert found[3]["turns"] == [{"name": "who", "item": "petrova", "number": 2}]


def test_a_command_by_options(bpflow: Bpflow, letter: str) -> None:
    told = bpflow("command", letter, "withdraw", "--by", "sidorov", "--set", "why=Ошибка", "--set", "until=31.12.2026", "--comment", "Увы")
    assert (told.code, told.out, told.err) == (0, 'pressed: "Отозвать"\n', "")
    assert status(bpflow, letter) == ("ended", "withdrawn")
    history = json.loads(bpflow("show", letter, "--json").out)["history"]
    assert [(line["by"], line["title"], line["text"]) for line in history if line["kind"] == "commanded"] == [("sidorov", "Отозвать", "Увы")]
    assert bpflow("commands", letter).out == "no command can be pressed now\n"


def test_of_several_the_oldest_of_the_person_or_the_one_that_is_named(bpflow: Bpflow, letter: str) -> None:
    places = [one["place"] for one in json.loads(bpflow("commands", letter, "--json").out) if one["command"] == "done"]
    assert bpflow("command", letter, "done", "--by", "petrova", "--comment", "ок", "--place", places[0]).err == 'the command is not for "petrova"\n'
    assert bpflow("command", letter, "done", "--by", "petrova", "--comment", "ок").code == 0
    assert bpflow("command", letter, "done", "--by", "ivanov", "--comment", "ок", "--place", places[0]).code == 0
    assert status(bpflow, letter) == ("ended", None)


@pytest.mark.parametrize(
    "arguments, code, said",
    [
        (["withdraw", "--by", "ivanov", "--set", "why=x"], 1, 'the command is not for "ivanov"'),
        (["withdraw", "--by", "nobody", "--set", "why=x"], 2, 'there is no person "nobody" in the directory'),
        (["withdraw", "--by", "sidorov"], 1, '"Почему" must be filled'),
        (["withdraw", "--by", "sidorov", "--set", "why=x", "--set", "until=завтра"], 1, '"До какого дня": "завтра" is not a date'),
        (["withdraw", "--by", "sidorov", "--set", "wy=x"], 1, 'there is no field "wy", did you mean "why"?'),
        (["withdraw", "--by", "sidorov", "--set", "why"], 2, '"why" is not of the form'),
        (["done", "--by", "ivanov"], 1, "a comment is required"),
        (["stop", "--by", "ivanov"], 1, 'the command "stop" is not to be had now; there are: withdraw, remind, done'),
    ],
)
def test_a_press_that_is_refused_changes_nothing(bpflow: Bpflow, letter: str, arguments: list[str], code: int, said: str) -> None:
    before = bpflow("show", letter, "--json").out + bpflow("commands", letter, "--json").out
    told = bpflow("command", letter, *arguments)
    assert told.code == code
    assert told.err.startswith(said)
    assert bpflow("show", letter, "--json").out + bpflow("commands", letter, "--json").out == before


def test_the_form_is_asked_for_on_a_terminal(bpflow: Bpflow, letter: str) -> None:
    told = bpflow("command", letter, "withdraw", "--by", "sidorov", typed=["", "Ошибка", "завтра", "31.12.2026", ""])
    assert told.code == 0, told.said
    assert told.out.startswith("Отозвать\nПочему (text), required: ")
    assert "a value is required" in told.out
    assert '"завтра" is not a date' in told.out
    assert "Comment: " in told.out
    assert told.out.endswith('pressed: "Отозвать"\n')
    assert status(bpflow, letter) == ("ended", "withdrawn")


def test_a_command_without_a_form_is_pressed_at_once(bpflow: Bpflow, letter: str) -> None:
    assert bpflow("command", letter, "remind", "--by", "ivanov", typed=[]).out == 'pressed: "Напомнить"\n'
    assert bpflow("notices", "petrova").out.count("Пора") == 1


def test_the_end_of_the_input_presses_nothing(bpflow: Bpflow, letter: str) -> None:
    told = bpflow("command", letter, "done", "--by", "ivanov", typed=[""])
    assert (told.code, told.err) == (1, "nothing was pressed: the process is as it was\n")
    assert status(bpflow, letter) == ("running", None)
