"""The library of processes: each has its scenarios, its drawing, and its graph as it was last reviewed.

`library/x.json` is the graph of `processes/x.yaml`, without the places of its expressions and steps: a change of what an activity lowers to, or of
the process, is seen in it. After one: `make update`, then read the diff.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bpflow.graph import Graph, to_json
from bpflow.loading import load_workspace
from bpflow.scenario import play_file
from tests.owners import guarded

ROOT = Path(__file__).parent.parent
GOLDEN = Path(__file__).parent / "library"
WORKSPACE = load_workspace(ROOT / "processes")


def without_places(data: Any) -> Any:
    """The graph's data with each expression as its text."""
    match data:
        case [str(text), int(), int()]:
            return text
        case list():
            return [without_places(one) for one in data]
        case dict():
            return {key: without_places(one) for key, one in data.items() if key != "place"}
    return data


def reviewed(graph: Graph) -> str:
    """The graph for people who review it: a line for each node and each step."""
    data = without_places({key: value for key, value in json.loads(to_json(graph)).items() if key != "source"})
    lines = []
    for key, value in data.items():
        if key in ("nodes", "steps", "documents"):
            lines.append(f"{json.dumps(key)}: [\n" + ",\n".join(json.dumps(one, ensure_ascii=False) for one in value) + "\n]")
        else:
            lines.append(f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}")
    return "{" + ",\n".join(lines) + "}\n"


@pytest.mark.parametrize("process", WORKSPACE.processes)
def test_its_graph_is_as_it_was_reviewed(process: str, update: bool) -> None:
    graph = WORKSPACE.processes[process].graph
    assert graph is not None
    golden, text = GOLDEN / f"{process}.json", reviewed(graph)
    if update:
        golden.write_text(text, encoding="utf-8")
    assert golden.exists(), "a new process: write its graph with `make update`, and read it"
    assert text == golden.read_text(encoding="utf-8"), "the graph has changed: `make update`, then read the diff"


def test_every_process_has_scenarios_a_drawing_and_a_line_in_the_list() -> None:
    """And nothing is there of processes that are no more."""
    processes = set(WORKSPACE.processes)
    page, listed = (ROOT / "docs" / "processes.md").read_text(encoding="utf-8"), (ROOT / "processes" / "README.md").read_text(encoding="utf-8")
    assert {path.name.removesuffix(".test.yaml") for path in (ROOT / "processes").glob("*.test.yaml")} == processes
    assert {path.stem for path in GOLDEN.glob("*.json")} == processes
    assert {process for process in processes if f"[`{process}`](../processes/{process}.yaml)\n" in page} == processes
    assert page.count("```mermaid") == len(processes)
    assert {process for process in processes if f"| `{process}.yaml` |" in listed} == processes


def test_no_unit_of_work_writes_rows_of_two_owners(monkeypatch: pytest.MonkeyPatch) -> None:
    with guarded(monkeypatch):
        for scenarios in (ROOT / "processes").glob("*.test.yaml"):
            assert play_file(scenarios, WORKSPACE).played
