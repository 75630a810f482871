"""Forms on the command line that are not the same whatever is filled in: what is asked for, what may be chosen, what is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

Bpflow = Callable[..., Any]
REPAIR = """
    bpflow: 1
    id: repair
    title: Ремонт
    meanwhile:
      - command: stop
        title: Остановить
        cancels: true
        fields:
          why: {type: choice, title: Почему, choices: {dear: Дорого, late: Поздно}, required: true}
          until: {type: date, title: До, when: stop.why == "late", required: true}
        check: [{that: stop.why != "dear" or stop.comment != none, say: Напишите сколько}]
        steps: [{activity: end, result: stopped}]
    steps:
      - id: ask
        activity: request-info
        title: Что с насосом?
        to: user("ivanov")
        comment: none
        fields:
          other: {type: text, title: Что ещё, required: true, when: ask.kind == "other"}
          kind: {type: choice, title: Что сделать, choices: {pump: Насос, seal: Прокладка, other: Другое}, from: '["seal", "other"]', required: true}
          master: {type: user, title: Мастер, from: members(department("sales")), required: true}
          helpers: {type: user, title: Помощники, many: true, from: list(x for x in members(department("sales")) if x != ask.master)}
        check:
          - {that: ask.kind != "seal" or ask.master != ask.by, say: "$(ask.master) прокладки не меняет"}
      - {activity: notify, to: user("sidorov"), text: "$(ask.kind) $(ask.other): $(ask.master), $(ask.helpers)"}
"""


@pytest.fixture
def task(bpflow: Bpflow, workspace: Path) -> str:
    """The task of an instance of `repair`."""
    (workspace / "repair.yaml").write_text(dedent(REPAIR), encoding="utf-8")
    assert bpflow("deploy", "repair.yaml").code == 0
    assert bpflow("start", "repair", "--by", "sidorov").code == 0
    return str(json.loads(bpflow("tasks", "--json").out)[0]["task"])


def told_last(bpflow: Bpflow) -> str:
    return str(json.loads(bpflow("notices", "sidorov", "--json").out)[-1]["text"])


def test_only_what_is_asked_for_is_asked(bpflow: Bpflow, task: str) -> None:
    told = bpflow("answer", task, "--by", "ivanov", typed=["1", "прокладка", "Петрова", "1"])
    assert told.code == 0, told.said
    assert "Что ещё" not in told.out
    assert "  1. Прокладка\n  2. Другое\nЧто сделать (one of the numbers), required: " in told.out
    assert "  1. Иванов Пётр\n  2. Петрова Анна\nМастер (one of the numbers), required: " in told.out
    assert "  1. Иванов Пётр\nПомощники (one of the numbers, several): " in told.out
    assert told_last(bpflow) == "Прокладка : Петрова Анна, Иванов Пётр"


def test_what_follows_from_an_answer_is_asked_for_after_it(bpflow: Bpflow, task: str) -> None:
    told = bpflow("answer", task, "--by", "ivanov", typed=["1", "2", "", "Кран", "1", ""])
    assert told.code == 0, told.said
    assert told.out.index("Что сделать") < told.out.index("Что ещё (text), required: ") < told.out.index("Мастер")
    assert "a value is required" in told.out
    assert told_last(bpflow) == "Другое Кран: Иванов Пётр, "


def test_what_may_not_be_chosen_is_asked_for_again(bpflow: Bpflow, task: str) -> None:
    told = bpflow("answer", task, "--by", "ivanov", typed=["1", "pump", "3", "1", "sidorov", "Сидоров", "2", "1, 1", "петрова", "1"])
    assert told.code == 0, told.said
    assert told.out.count("is none of them") == 2, told.out
    assert told.out.count("is not one of the choices — one of: Прокладка, Другое") == 2, told.out


def test_what_the_form_says_of_itself_is_told_and_all_is_offered_again(bpflow: Bpflow, task: str) -> None:
    told = bpflow("answer", task, "--by", "ivanov", typed=["1", "1", "1", "1", "1", "", "2", "-"])
    assert told.code == 0, told.said
    assert "Иванов Пётр прокладки не меняет\n" in told.out
    assert "Что сделать (one of the numbers), required [Прокладка]: " in told.out
    assert told_last(bpflow) == "Прокладка : Петрова Анна, "


@pytest.mark.parametrize(
    "arguments, reason, in_russian",
    [
        (["kind=pump", "master=ivanov"], '"Что сделать": the text "pump" may not be chosen, only the text "seal", the text "other"', "«Что сделать»: на выбор"),
        (["kind=other", "master=petrova"], '"Что ещё" must be filled', "поле «Что ещё»"),
        (["kind=seal", "other=Кран", "master=petrova"], '"Что ещё" is not asked for here, so it must stay empty', "поле «Что ещё»"),
        (["kind=seal", "master=sidorov"], '"Мастер": the user "sidorov" may not be chosen, only the user "ivanov", the user "petrova"', "«Мастер»"),
        (["kind=seal", "master=petrova", "helpers=petrova"], '"Помощники": the user "petrova" may not be chosen, only the user "ivanov"', "«Помощники»"),
        (["kind=seal", "master=ivanov"], "Иванов Пётр прокладки не меняет", "Иванов Пётр прокладки не меняет"),
    ],
)
def test_by_options_the_same_is_refused(bpflow: Bpflow, task: str, arguments: list[str], reason: str, in_russian: str) -> None:
    before = bpflow("show", "1", "--json").out
    options = [part for one in arguments for part in ("--set", one)]
    told = bpflow("answer", task, "--by", "ivanov", "--outcome", "done", *options)
    assert (told.code, told.err) == (1, f"{reason}\n")
    written = {name: [value] if name == "helpers" else value for name, _, value in (one.partition("=") for one in arguments)}
    told = bpflow("--lang", "ru", "answer", task, "--by", "ivanov", "--json", json.dumps({"outcome": "done", "values": written}))
    assert told.code == 1
    assert told.err.startswith(in_russian), told.err
    assert bpflow("show", "1", "--json").out == before


def test_the_task_tells_what_is_asked_for_and_what_may_be_chosen(bpflow: Bpflow, task: str) -> None:
    told = bpflow("task", task).out
    assert "  kind: Что сделать (one of: Прокладка, Другое), required\n" in told
    assert "  master: Мастер (an id of the directory), required\n    Иванов Пётр\n    Петрова Анна\n" in told
    assert "  other: Что ещё (text), required; asked for only as others are filled in\n" in told
    (outcome,) = json.loads(bpflow("task", task, "--json").out)["outcomes"]
    kind, other, master, _ = outcome["fields"]
    assert (kind["shown"], kind["required"], kind["choices"]) == (True, True, ["seal", "other"])
    assert (other["shown"], other["required"], other["choices"]) == (False, False, [])
    assert master["choices"] == ["ivanov", "petrova"]
    assert "done (kind, master)" in bpflow("answer", task, "--by", "ivanov").err


def test_a_command_is_asked_for_in_the_same_way(bpflow: Bpflow, task: str) -> None:
    assert "why*, until" in bpflow("commands", "1").out
    (data,) = json.loads(bpflow("commands", "1", "--json").out)
    assert [(one["field"], one["shown"]) for one in data["fields"]] == [("why", True), ("until", False)]
    assert bpflow("command", "1", "stop", "--by", "ivanov", "--set", "why=dear").err == "Напишите сколько\n"
    told = bpflow("command", "1", "stop", "--by", "ivanov", typed=["2", "31.12.2026", ""])
    assert told.code == 0, told.said
    assert told.out.index("Почему") < told.out.index("До (a date")
    assert json.loads(bpflow("show", "1", "--json").out)["result"] == "stopped"
