"""Answering in the terminal: everything is asked for, and asked again until it is right."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Bpflow = Callable[..., Any]


@pytest.fixture
def task(bpflow: Bpflow, workspace: Path) -> str:
    """The task of an instance of `purchase`."""
    assert bpflow("start", "purchase", "--input", "what=стол", "--input", "pieces=1", "--by", "sidorov").code == 0
    return str(json.loads(bpflow("tasks", "--json").out)[0]["task"])


def results(bpflow: Bpflow) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(bpflow("show", "1", "--json").out)["names"]["decide"]
    return found


def test_outcome_and_fields_are_asked_for(bpflow: Bpflow, task: str) -> None:
    told = bpflow("answer", task, "--by", "ivanov", typed=["1", "1 500,50", "1, 3", "03.03.2030 09:00", "petrova"])
    assert told.code == 0, told.said
    assert told.out.startswith("Покупаем?\nНужно стол, штук 1.\nfor: Иванов Пётр\ndue: ")
    assert "\n  1. Купить\n  2. Отказать\n" in told.out
    assert "Цена (a number), required: " in told.out
    assert "  1. Красный\n  2. Синий\n  3. Зелёный\n" in told.out
    assert "К сроку (a date and a time, as 31.12.2026 09:00): " in told.out
    assert told.out.endswith('answered: "Купить"\n')
    assert results(bpflow) == {"price": "1500.50", "colours": ["red", "green"], "by_day": "2030-03-03T02:00:00+03:00", "buyer": "petrova"}


def test_a_wrong_value_is_asked_for_again(bpflow: Bpflow, task: str) -> None:
    told = bpflow("answer", task, "--by", "ivanov", typed=["3", "купить", "много", "0", "10", "4", "blue", "завтра", "", "кто-то", "", "Петрова"])
    assert told.code == 0, told.said
    assert '"3" is none of them' in told.out
    assert '"много" is not a number' in told.out
    assert "at least 1 needed" in told.out
    assert '"4" is not one of the choices' in told.out
    assert '"завтра" is not a date with a time' in told.out
    assert 'there is no person "кто-то" in the directory' in told.out
    assert "a value is required" in told.out
    assert results(bpflow) == {"price": 10, "colours": ["blue"], "by_day": None, "buyer": "petrova"}


def test_a_required_comment_is_insisted_on(bpflow: Bpflow, task: str) -> None:
    told = bpflow("answer", task, "--by", "ivanov", typed=["2", "", "Дорого"])
    assert told.code == 0
    assert told.out.count("Comment, required: ") == 2
    history = json.loads(bpflow("show", "1", "--json").out)["history"]
    assert any(line["text"] == "Отказать: Дорого" for line in history)


def test_what_is_given_by_options_is_offered(bpflow: Bpflow, task: str) -> None:
    told = bpflow("answer", task, "--by", "ivanov", "--set", "price=7", "--set", "buyer=petrova", typed=["1", "", "", "", ""])
    assert told.code == 0
    assert "Цена (a number), required [7.00]: " in told.out
    assert "[Петрова Анна]: " in told.out
    assert results(bpflow)["price"] == 7


def test_what_the_engine_refuses_is_said_and_asked_again(bpflow: Bpflow, task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from bpflow.diagnostics import say
    from bpflow.engine.transition import InvalidAnswer
    from bpflow.runtime import Engine

    taken = Engine.answer
    refusals = [InvalidAnswer(say("not at this price"))]

    def strict(self: Engine, *arguments: Any, **values: Any) -> None:
        if refusals:
            raise refusals.pop()
        taken(self, *arguments, **values)

    monkeypatch.setattr(Engine, "answer", strict)
    told = bpflow("answer", task, "--by", "ivanov", typed=["1", "7", "", "", "petrova", "1", "8", "", "", ""])
    assert told.code == 0, told.said
    assert "not at this price" in told.out
    assert "Цена (a number), required [7.00]: " in told.out
    assert results(bpflow)["price"] == 8


def test_the_end_of_the_input_answers_nothing(bpflow: Bpflow, task: str) -> None:
    before = bpflow("show", "1", "--json").out
    told = bpflow("answer", task, "--by", "ivanov", typed=["1", "7"])
    assert told.code == 1
    assert told.err == "nothing was answered: the task is as it was\n"
    assert bpflow("show", "1", "--json").out == before


def test_the_wrong_person_is_refused(bpflow: Bpflow, task: str) -> None:
    told = bpflow("answer", task, "--by", "petrova", typed=["2", "Дорого"])
    assert (told.code, told.err) == (1, 'the task is not for "petrova"\n')


def test_in_russian(bpflow: Bpflow, task: str) -> None:
    told = bpflow("--lang", "ru", "answer", task, "--by", "ivanov", typed=["1", "x", "5", "", "", "petrova"])
    assert told.code == 0
    assert "Цена (число), обязательно: " in told.out
    assert "«x»" in told.out
    assert told.out.endswith("«Купить»\n")


def test_fields_of_the_document_come_filled_and_can_be_emptied(bpflow: Bpflow, workspace: Path) -> None:
    (workspace / "deals.csv").write_text("name;amount;responsible;stage\nСтол;700;ivanov;new\n", encoding="utf-8")
    bpflow("import-documents", "deal", "deals.csv")
    bpflow("start", "deal-flow", "--document", "deal:1")
    wait_until_due(bpflow)
    told = bpflow("answer", json.loads(bpflow("tasks", "--json").out)[0]["task"], "--by", "ivanov", typed=["1", "02.03.2026 10:00", "-", ""])
    assert told.code == 0, told.said
    assert "Сумма (a number) [700.00]: " in told.out
    fields = json.loads(bpflow("document", "deal:1", "--json").out)["fields"]
    assert fields["signed_at"] == "2026-03-02T10:00:00+03:00"
    assert "amount" not in fields


def wait_until_due(bpflow: Bpflow) -> None:
    import time

    for _ in range(50):
        bpflow("work")
        if json.loads(bpflow("tasks", "--json").out):
            return
        time.sleep(0.1)


def test_a_secret_is_typed_unseen(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from datetime import UTC

    from bpflow.cli.dialogue import Asking
    from bpflow.cli.names import Names
    from bpflow.cli.output import Output
    from bpflow.loading import load_workspace
    from bpflow.runtime import FieldView, open_engine
    from bpflow.values import Field

    typed = ["1", "1234"]
    with open_engine(":memory:", load_workspace(workspace)) as engine:
        asking = Asking(engine, Names(engine, "en"), Output("en"), UTC, "ivanov", hide=lambda prompt: typed.pop(0))
        field = Field("string", "Pin", secret=True, required=True, min="4")
        assert asking.value(FieldView("pin", field, True, None, None), None) == "1234"
        assert asking.names.value(asking.offered(FieldView("pin", field, True, None, None), "1234"), field) == "••••••"
    said = capsys.readouterr()
    assert "this cannot be its value" in said.out + said.err
    assert "1234" not in said.out + said.err
