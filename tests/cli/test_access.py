"""Who calls: `--by`, or the environment; what he may not do is refused, and what he did is recorded."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Bpflow = Callable[..., Any]


@pytest.fixture
def started(bpflow: Bpflow, workspace: Path) -> str:
    """An instance of `purchase`, in a workspace of which one is the operator."""
    settings = workspace / "bpflow.yaml"
    settings.write_text(settings.read_text(encoding="utf-8") + "operators: [petrova]\n", encoding="utf-8")
    assert bpflow("start", "purchase", "--input", "what=стол", "--by", "sidorov").code == 0
    return "1"


def test_an_operator_by_the_environment_is_recorded(bpflow: Bpflow, started: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BPFLOW_USER", "petrova")
    assert bpflow("suspend", started, "--why", "потом").code == 0
    history = json.loads(bpflow("show", started, "--json").out)["history"]
    assert [(line["kind"], line["by"]) for line in history if line["kind"] == "suspend"] == [("suspend", "petrova")]


def test_others_are_refused(bpflow: Bpflow, started: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BPFLOW_USER", "petrova")
    told = bpflow("cancel", started, "--by", "ivanov", "--why", "хочу")  # what is said on the line goes before
    assert (told.code, told.err) == (1, '"ivanov" may not repair instance 1\n')
    bpflow("start", "purchase", "--input", "what=стул", "--by", "petrova")
    (task,) = [entry["task"] for entry in json.loads(bpflow("tasks", "--by", "petrova", "--json").out) if entry["task"].startswith("2.")]
    assert bpflow("task", task, "--by", "ivanov").code == 0  # it is his
    assert bpflow("show", "2", "--by", "sidorov").err == '"sidorov" may not see instance 2\n'
    assert [row["instance"] for row in json.loads(bpflow("instances", "--by", "sidorov", "--json").out)] == [1]
    assert json.loads(bpflow("incidents", "--by", "sidorov", "--json").out) == []
    assert bpflow("who", task, "--by", "sidorov").code == 1


def test_an_operator_whom_nobody_knows_is_found(bpflow: Bpflow, workspace: Path) -> None:
    settings = workspace / "bpflow.yaml"
    settings.write_text(settings.read_text(encoding="utf-8") + "operators: [petrova, petrowa]\n", encoding="utf-8")
    told = bpflow("validate", str(workspace))
    assert 'there is no person and no role "petrowa" in the directory — did you mean "petrova"? [unknown-person]' in told.out + told.err
