"""Pipelines on the command line: the moves that can be made, made by options, and asked for on a terminal."""

import json
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

Bpflow = Callable[..., Any]

SALES = """
    bpflow: 1
    id: sales
    title: Продажи
    document: deal
    stage-field: stage
    people: {seller: document.responsible}
    stages:
      new:
        title: Новая сделка
        steps: [{id: ask, activity: request-info, title: Позвонить, to: seller}]
        moves:
          won: {title: Продано, by: seller, fill: [amount], required: [amount]}
          lost: {by: seller, comment: required}
      won: {title: Выигранные, final: true}
      lost: {title: Проигранные, final: true, enter: {required: [signed_at], ask: 'user("petrova")'}}
"""


@pytest.fixture
def sale(bpflow: Bpflow, workspace: Path) -> str:
    """A sale of sidorov, in its first stage."""
    (workspace / "sales.yaml").write_text(dedent(SALES), encoding="utf-8")
    (workspace / "deals.csv").write_text("name;stage;responsible\nТруба;new;sidorov\n", encoding="utf-8")
    assert bpflow("import-documents", "deal", "deals.csv").code == 0
    assert bpflow("start", "sales", "--document", "deal:1").code == 0
    return "1"


def shown(bpflow: Bpflow) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(bpflow("show", "1", "--json").out)
    return found


def test_the_moves_that_can_be_made(bpflow: Bpflow, sale: str) -> None:
    told = bpflow("moves", "1").out.splitlines()
    assert [" ".join(line.split()) for line in told] == [
        "stage button form for",
        "won Продано amount* Сидоров Олег",
        "lost Проигранные comment* Сидоров Олег",
    ]
    (won, lost) = json.loads(bpflow("moves", "1", "--for", "sidorov", "--json").out)
    assert (won["from"], won["stage"], won["people"], won["prefill"]) == ("new", "won", ["sidorov"], {"amount": None})
    assert (won["fields"][0]["field"], won["fields"][0]["required"]) == ("amount", True)
    assert lost["comment"] == "required"
    assert bpflow("moves", "1", "--for", "petrova").out.strip() == "nobody can move it by hand now"
    assert 'stage: "Новая сделка"' in bpflow("show", "1").out
    assert shown(bpflow)["stage"] == "new"


def test_a_move_is_made_or_refused(bpflow: Bpflow, sale: str) -> None:
    refused = bpflow("move", "1", "won", "--by", "sidorov", "--set", "amount=")
    assert (refused.code, refused.err.strip()) == (1, '"Сумма" must be filled')
    assert bpflow("move", "1", "won", "--by", "petrova", "--set", "amount=5").code == 1
    assert bpflow("move", "1", "wonn", "--by", "sidorov").err.strip() == 'there is no stage "wonn" — did you mean "won"?'
    assert shown(bpflow)["stage"] == "new"
    done = bpflow("move", "1", "won", "--by", "sidorov", "--set", "amount=5")
    assert (done.code, done.out.strip()) == (0, 'moved to "Выигранные"')
    assert (shown(bpflow)["stage"], shown(bpflow)["status"]) == (None, "ended")
    assert [(line["kind"], line["by"]) for line in shown(bpflow)["history"] if line["kind"] == "moved"] == [("moved", "sidorov")]
    assert 'moved to "Выигранные"' in bpflow("show", "1").out


def test_it_is_said_that_others_are_asked_first(bpflow: Bpflow, sale: str) -> None:
    done = bpflow("move", "1", "lost", "--by", "sidorov", "--comment", "Нет")
    assert done.out.strip() == 'the document stays in "Новая сделка" until somebody has filled what is needed'
    assert shown(bpflow)["stage"] == "new"


def test_on_a_terminal_it_asks_for_the_form(bpflow: Bpflow, sale: str) -> None:
    done = bpflow("move", "1", "won", "--by", "sidorov", typed=["", "сто", "100", "Да"])
    assert done.code == 0, done.said
    assert done.out.startswith("Продано\nСумма (a number), required: ")
    assert "a value is required" in done.out
    assert json.loads(bpflow("document", "deal:1", "--json").out)["fields"]["amount"] == 100
    assert shown(bpflow)["result"] == "won"


def test_the_end_of_the_input_moves_nothing(bpflow: Bpflow, sale: str) -> None:
    told = bpflow("move", "1", "won", "--by", "sidorov", typed=["5"])
    assert (told.code, told.err) == (1, "nothing was moved: the document is where it was\n")
    assert shown(bpflow)["stage"] == "new"


def test_a_direct_change_is_a_move_too(bpflow: Bpflow, sale: str) -> None:
    refused = bpflow("set-document", "deal:1", "stage=won", "--by", "sidorov")
    assert (refused.code, refused.err.strip()) == (1, '"Сумма" must be filled')
    assert bpflow("set-document", "deal:1", "stage=won", "amount=5", "--by", "sidorov").code == 0
    assert shown(bpflow)["result"] == "won"
