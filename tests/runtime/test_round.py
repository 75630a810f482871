"""Processes that go round for ever are stopped by their bound, also where the house writes what belongs to another owner."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bpflow.engine import interpreter
from bpflow.runtime import Engine
from tests.runtime.looking import check_replay

ROUND = """\
id: round
document: deal
steps:
  - {id: write, activity: update-document, document: document.parent, add: {sum: 1}}
  - activity: condition
    branches: [{when: document.parent.sum < 1000, next: write}]
    otherwise: {next: go-on}
"""


def test_a_process_that_writes_another_document_for_ever_is_stopped(engine: Engine, deploy: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreter, "MAX_HOPS", 20)
    deploy(engine, ROUND)
    parent = engine.create_document("deal", {"name": "Главная", "status": "new", "sum": 0})
    id = engine.start("round", document=engine.create_document("deal", {"name": "Труба", "status": "new", "parent": parent}))
    engine.work()
    (incident,) = engine.incidents()
    assert "20 steps without a wait" in str(incident.message)
    assert engine.document(parent).fields["sum"] == 10
    check_replay(engine, id)


def test_an_end_that_was_passed_over_is_in_the_timeline(engine: Engine, deploy: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreter, "MAX_HOPS", 1)
    deploy(engine, "id: over\nvariables: {x: {type: integer}}\nsteps: [{activity: set-variables, set: {x: 1}}, {activity: end, result: done}]\n")
    id = engine.start("over")
    (incident,) = engine.incidents()
    engine.skip(id, incident.id)
    assert [line.kind for line in engine.timeline(id)] == ["started", "step", "incident", "skip", "repaired", "ended"]
    assert engine.visited(id)[0] == {"set-variables", "end"}
