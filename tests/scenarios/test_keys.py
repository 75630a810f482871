"""A scenario for each key of each activity: whatever an analyst may write is written in this folder, visited, and as its scenarios say."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from bpflow.activities.people import HumanStep, ToPeople
from bpflow.definition.fields import FieldModel
from bpflow.definition.model import key_of
from bpflow.definition.process import Process
from bpflow.definition.step import Step
from bpflow.definition.vocabulary import vocabulary
from bpflow.loading import LoadedWorkspace, load_workspace
from bpflow.scenario import Report, play_file
from bpflow.scenario.known import Known

HERE = Path(__file__).parent
SCENARIOS = sorted(path.name.removesuffix(".test.yaml") for path in HERE.glob("*.test.yaml"))


@cache
def workspace() -> LoadedWorkspace:
    return load_workspace(HERE)


@cache
def report(process: str) -> Report:
    return play_file(HERE / f"{process}.test.yaml", workspace())


# ── keys that there are, and keys that are written ──────────────────────────────────────────────────────────────────
def keys(model: type[BaseModel], prefix: str = "", seen: tuple[type, ...] = ()) -> set[str]:
    """The keys of a model, and of the models inside it: `outcomes.title`. Steps and fields are told on their own."""
    found: set[str] = set()
    for name, info in model.model_fields.items():
        found.add(prefix + key_of(name))
        for inner in models_in(info.annotation):
            if inner not in seen:
                found |= keys(inner, f"{prefix}{key_of(name)}.", (*seen, inner))
    return found


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if not issubclass(annotation, Step | FieldModel):
            yield annotation
        return
    for inner in get_args(annotation):
        yield from models_in(inner)


def written(model: BaseModel, prefix: str = "") -> set[str]:
    """Those that are written."""
    found: set[str] = set()
    for name in model.model_fields_set:
        found.add(prefix + key_of(name))
        held = getattr(model, name)
        for one in held.values() if isinstance(held, dict) else held if isinstance(held, tuple) else (held,):
            if isinstance(one, BaseModel) and not isinstance(one, Step | FieldModel):
                found |= written(one, f"{prefix}{key_of(name)}.")
    return found


def own_keys(activity: str) -> set[str]:
    return keys(vocabulary()[activity]) - keys(Step)


def tried() -> Iterator[Process]:
    """The processes whose scenarios are as they say, and those that they call."""
    for name in SCENARIOS:
        for played in (report(name).process, *called_by(report(name).process)):
            process = workspace().processes[played].process
            if report(name).ok and process is not None:
                yield process


def called_by(process: str) -> tuple[str, ...]:
    graph = workspace().processes[process].graph
    return Known(graph, workspace().directory).called if graph is not None else ()


# ── the tests ───────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("process", SCENARIOS)
def test_the_scenarios_hold_and_visit_everything(process: str) -> None:
    played = report(process)
    assert played.findings == []
    assert [failed.failure.text() for failed in played.failed if failed.failure] == []
    assert played.coverage is not None
    assert [str(part.name) for part in played.coverage.unvisited] == []


def test_every_process_has_scenarios() -> None:
    played = {process for name in SCENARIOS for process in (report(name).process, *called_by(report(name).process))}
    assert workspace().processes.keys() - played == set()
    assert workspace().findings == []


@pytest.mark.parametrize("activity", sorted(vocabulary()))
def test_every_key_of_an_activity_is_played(activity: str) -> None:
    """Keys that the activities for people have in common are played by one of them."""
    kind = vocabulary()[activity]
    shared = next((keys(of) for of in (ToPeople, HumanStep) if issubclass(kind, of)), set())
    found = {key for process in tried() for step in process.all_steps() if step.activity == activity for key in written(step)}
    assert own_keys(activity) - shared - found == set(), f"no process in {HERE.name}/ with a scenario uses these keys of {activity}"
    assert found, f"no process in {HERE.name}/ with a scenario uses {activity}"


def test_every_key_that_the_activities_for_people_share_is_played() -> None:
    found = {key for process in tried() for step in process.all_steps() if isinstance(step, HumanStep) for key in written(step)}
    assert keys(ToPeople) - keys(Step) - found == set()


def test_every_key_that_all_steps_have_is_played() -> None:
    found = {key for process in tried() for step in process.all_steps() for key in written(step)}
    assert keys(Step) - found == set()


def test_every_key_of_a_process_is_played() -> None:
    """Those of `meanwhile` are the same as in a block."""
    found = {key for process in tried() for key in written(process)}
    wanted = {key for key in keys(Process) if not key.startswith("meanwhile.")}
    assert wanted - found == set()


def test_every_start_is_played() -> None:
    found = {start.on for process in tried() for start in process.start}
    kinds = {on for kind in models_in(Process.model_fields["start"].annotation) for on in get_args(kind.model_fields["on"].annotation)}
    assert kinds - found == set()
