"""Messages from the command line; what `show` says of called instances."""

import json
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

Bpflow = Callable[..., Any]
FILES = {
    "waits": """
        bpflow: 1
        id: waits
        title: Ждём оплаты
        inputs: {order: {type: integer}}
        outputs: {amount: paid.amount}
        steps:
          - {id: paid, activity: wait-message, message: paid, key: order, values: {amount: {type: money, required: true}, day: {type: date}}}
    """,
    "calls": """
        bpflow: 1
        id: calls
        title: Вызывает
        steps:
          - {id: sub, activity: call-process, process: waits, inputs: {order: 7}, on-error: {next: go-on}}
    """,
}


@pytest.fixture
def started(bpflow: Bpflow, workspace: Path) -> Path:
    """A database with an instance that has called another, which waits for a message."""
    for name, text in FILES.items():
        (workspace / f"{name}.yaml").write_text(dedent(text), encoding="utf-8")
    assert bpflow("start", "calls").code == 0
    assert bpflow("work").out == "timers: 0, changes: 0, messages: 0, calls: 1, starts: 0\n"
    return workspace


def test_a_message_reaches_who_waits(bpflow: Bpflow, started: Path) -> None:
    told = bpflow("send-message", "paid", "--key", "7", "--set", "amount=1 200,50", "--json", '{"day": "2026-03-05", "more": [1.5]}')
    assert (told.code, told.out) == (0, '"paid" was sent\n')
    bpflow("work")
    shown = json.loads(bpflow("show", 2, "--json").out)
    assert (shown["status"], shown["caller"], shown["inputs"], shown["outputs"]) == ("ended", 1, {"order": 7}, {"amount": "1200.50"})
    said = bpflow("show", 2).out
    assert "called by instance 1\n" in said
    assert "inputs: order: 7\n" in said
    assert "outputs: amount: 1,200.50\n" in said or "outputs: amount: " in said
    assert json.loads(bpflow("show", 1, "--json").out)["status"] == "ended"


def test_it_is_said_what_is_waited_for_and_what_was_called(bpflow: Bpflow, started: Path) -> None:
    assert 'waits at "paid" for "paid" with the key 7\n' in bpflow("show", 2).out
    assert 'has called "waits", instance 2: running\n' in bpflow("show", 1).out
    assert json.loads(bpflow("show", 2, "--json").out)["where"][0]["messages"] == [{"message": "paid", "key": 7}]
    assert json.loads(bpflow("show", 1, "--json").out)["called"] == [2]


def test_a_message_that_nobody_waits_for_is_kept(bpflow: Bpflow, started: Path) -> None:
    told = bpflow("send-message", "paid", "--key", "8", "--set", "amount=3", "--keep", "0h", "--id", "bank/1")
    assert told.out == '"paid" was sent, and is kept until somebody waits for it\n'
    assert bpflow("send-message", "paid", "--key", "8", "--id", "bank/1").out == 'a message with the id "bank/1" was sent before: it is not sent again\n'
    (row,) = json.loads(bpflow("messages", "--json").out)
    assert (row["message"], row["key"], row["values"], row["over"], row["by_instance"]) == ("paid", "8", {"amount": "3"}, True, None)
    heading, line = bpflow("messages", "--lang", "ru").out.splitlines()
    assert heading.split() == ["сообщение", "ключ", "значения", "отправлено", "от", "экземпляра", "хранится", "до"]
    assert line.startswith("paid")
    assert line.endswith("(срок вышел)")
    told = bpflow("messages", "--purge")
    assert (told.out, told.err) == ("no messages\n", "forgotten messages: 1\n")


@pytest.mark.parametrize(
    "arguments, code, said",
    [
        (["Paid"], 1, '"Paid" cannot be the name of a message'),
        (["paid", "--key", ""], 1, 'the key of the message "paid" is empty'),
        (["paid", "--set", "amount"], 2, '"amount" is not of the form --set NAME=VALUE'),
        (["paid", "--json", "[1]"], 2, "--json is an object of JSON, not [1]"),
        (["paid", "--json", "{"], 2, "--json is an object of JSON, not {"),
        (["paid", "--keep", "soon"], 1, "soon"),
    ],
)
def test_what_cannot_be_sent(bpflow: Bpflow, started: Path, arguments: list[str], code: int, said: str) -> None:
    told = bpflow("send-message", *arguments)
    assert (told.code, said in told.err) == (code, True), told.err
    assert bpflow("messages").out == "no messages\n"


def test_a_called_instance_that_has_failed(bpflow: Bpflow, started: Path) -> None:
    (started / "breaks.yaml").write_text(
        dedent("""
            bpflow: 1
            id: breaks
            title: Ломается
            variables: {nothing: {type: document, default: none}}
            steps:
              - {id: tell, activity: notify, to: 'user("ivanov")', text: X}
              - {id: gone, activity: update-document, document: nothing, set: {name: X}}
        """),
        encoding="utf-8",
    )
    (started / "calls.yaml").write_text((started / "calls.yaml").read_text(encoding="utf-8").replace("process: waits, inputs: {order: 7}", "process: breaks"))
    bpflow("deploy", "breaks.yaml", "calls.yaml")
    bpflow("start", "calls")
    bpflow("work")
    (row,) = json.loads(bpflow("instances", "--status", "failed", "--json").out)
    said = bpflow("show", row["instance"]).out
    assert "ended with an error that its caller has taken\n" in said
    assert "error documents.update: there is no document to change\n" in said
    assert json.loads(bpflow("show", row["instance"], "--json").out)["error"] == "documents.update"
