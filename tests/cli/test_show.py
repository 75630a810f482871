"""Instances: the list, one of them with its history."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Bpflow = Callable[..., Any]


@pytest.fixture
def bought(bpflow: Bpflow, workspace: Path) -> None:
    """Three instances: one that has ended, one that waits, one with an incident."""
    bpflow("start", "purchase", "--input", "what=стол", "--by", "sidorov")
    task = json.loads(bpflow("tasks", "--json").out)[0]["task"]
    bpflow("answer", task, "--by", "ivanov", "--outcome", "refuse", "--comment", "Есть уже")
    bpflow("start", "purchase", "--input", "what=стул", "--by", "petrova")
    bpflow("start", "stuck", "--input", "n=7")


@pytest.mark.usefixtures("bought")
def test_instances_are_listed_and_chosen_from(bpflow: Bpflow) -> None:
    lines = bpflow("instances").out.splitlines()
    assert lines[0].split() == ["instance", "process", "document", "status", "started", "ended", "incidents"]
    assert [line.split()[:2] for line in lines[1:]] == [["1", "purchase"], ["2", "purchase"], ["3", "stuck"]]
    assert "ended: refused" in lines[1]
    assert [row["instance"] for row in json.loads(bpflow("instances", "--process", "purchase", "--json").out)] == [1, 2]
    assert [row["instance"] for row in json.loads(bpflow("instances", "--status", "running", "--json").out)] == [2, 3]
    assert [row["instance"] for row in json.loads(bpflow("instances", "--incidents", "--json").out)] == [3]
    assert [row["instance"] for row in json.loads(bpflow("instances", "--limit", "1", "--json").out)] == [1]
    assert bpflow("instances", "--document", "deal:1").out == "no instances\n"


@pytest.mark.usefixtures("bought")
def test_an_instance_shows_its_history(bpflow: Bpflow) -> None:
    told = bpflow("show", "1")
    lines = told.out.splitlines()
    assert lines[0] == "Закупка: instance 1"
    assert lines[1] == "ended: refused"
    started, answered = (next(line for line in lines if text in line) for text in ('started "Закупка"', 'answered "Покупаем?": Отказать: Есть уже'))
    assert "Сидоров Олег" in started
    assert "Иванов Пётр" in answered
    assert bpflow("show", "1", "--lang", "ru").out.startswith("Закупка: экземпляр 1\n")


@pytest.mark.usefixtures("bought")
def test_an_instance_shows_where_it_stands(bpflow: Bpflow) -> None:
    told = bpflow("show", "2", "--all")
    assert 'running\ninputs: Что: стул; Сколько: –\ntask 2.1.1 "Покупаем?": Иванов Пётр, due ' in told.out
    assert "what" in told.out
    assert "стул" in told.out
    data = json.loads(bpflow("show", "2", "--json").out)
    (standing,) = data["where"]
    assert (standing["kind"], standing["step"], standing["task"]) == ("task", "decide", "2.1.1")
    assert standing["people"] == [{"who": "ivanov", "in_place_of": None, "claimed_of": None}]
    assert data["names"]["what"] == "стул"


@pytest.mark.usefixtures("bought")
def test_an_instance_shows_its_incidents(bpflow: Bpflow) -> None:
    assert 'at "Куда?", stuck.yaml:10:' in bpflow("show", "3").out
    (incident,) = json.loads(bpflow("show", "3", "--json").out)["open_incidents"]
    assert incident["title"] == "Куда?"
    assert incident["place"].startswith("stuck.yaml:10:")


@pytest.mark.usefixtures("bought")
def test_an_instance_that_is_not_there(bpflow: Bpflow) -> None:
    told = bpflow("show", "77")
    assert (told.code, told.err) == (1, "there is no instance 77\n")
    assert bpflow("show", "77", "--lang", "ru").err == "экземпляра 77 нет\n"


@pytest.mark.usefixtures("bought")
def test_what_is_shown_is_always_the_same(bpflow: Bpflow) -> None:
    for command in (["show", "1", "--all"], ["show", "2", "--json"], ["instances"], ["tasks"]):
        assert bpflow(*command).out == bpflow(*command).out


@pytest.mark.usefixtures("bought")
def test_a_table_on_a_terminal_keeps_to_its_width(bpflow: Bpflow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bpflow.cli.output.is_terminal", lambda stream: True)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    lines = bpflow("show", "1").out.splitlines()
    assert max(map(len, lines)) <= 60
    assert not any(line.endswith(" ") for line in lines)
