"""A scenario for each key of each activity: whatever an analyst may write is written in this folder, visited, and as its scenarios say."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from inspect import get_annotations
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
from bpflow.scenario import Report, Scenario, load_scenarios, play_file
from bpflow.scenario.known import Known
from tests.owners import guarded

HERE = Path(__file__).parent
SCENARIOS = sorted(path.name.removesuffix(".test.yaml") for path in HERE.glob("*.test.yaml"))


@cache
def workspace() -> LoadedWorkspace:
    return load_workspace(HERE)


@cache
def report(process: str) -> Report:
    """What came of the scenarios; none may have a unit of work write rows of two owners."""
    with pytest.MonkeyPatch.context() as patch, guarded(patch):
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
    for name in model.model_fields_set & type(model).model_fields.keys():
        found.add(prefix + key_of(name))
        for one in flat(getattr(model, name)):
            if not isinstance(one, Step | FieldModel):
                found |= written(one, f"{prefix}{key_of(name)}.")
    return found


def flat(held: Any) -> Iterator[BaseModel]:
    """The models in a value."""
    if isinstance(held, BaseModel):
        yield held
    for one in held.values() if isinstance(held, dict) else held if isinstance(held, tuple) else ():
        yield from flat(one)


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
    wanted = {key for key in keys(Process) if "meanwhile." not in key}
    assert wanted - found == set()


def test_every_start_is_played() -> None:
    found = {start.on for process in tried() for start in process.start}
    kinds = {on for kind in models_in(Process.model_fields["start"].annotation) for on in get_args(kind.model_fields["on"].annotation)}
    assert kinds - found == set()


def test_every_key_of_a_scenario_is_played() -> None:
    """In whatever place: `refused` and `play` have the same `answer`, `expect` and `ends` the same `notice`."""
    there = {(owner(kind, name), key_of(name)) for kind in all_models(Scenario) for name in kind.model_fields}
    files = [load_scenarios(HERE / f"{name}.test.yaml") for name in SCENARIOS if report(name).ok]
    found = {
        (owner(type(one), name), key_of(name)) for file in files for scenario in file.scenarios for one in inside(scenario) for name in one.model_fields_set
    }
    assert there - found == set(), f"no scenario in {HERE.name}/ uses these keys"


def all_models(kind: type[BaseModel]) -> set[type[BaseModel]]:
    """The model, and those in its keys."""
    found, todo = set[type[BaseModel]](), [kind]
    while todo:
        kind = todo.pop()
        found.add(kind)
        todo += [inner for info in kind.model_fields.values() for inner in models_in(info.annotation) if inner not in found]
    return found


def inside(model: BaseModel) -> Iterator[BaseModel]:
    """The model, and those that it holds."""
    yield model
    for name in type(model).model_fields:
        for one in flat(getattr(model, name)):
            yield from inside(one)


def owner(kind: type[BaseModel], name: str) -> str:
    """The model that brings the key in."""
    return next((above.__name__ for above in reversed(kind.__mro__) if name in get_annotations(above)), kind.__name__)
