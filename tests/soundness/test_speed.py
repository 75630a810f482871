"""What the examination of the flow may cost, in the time of the processor."""

from __future__ import annotations

from collections.abc import Callable
from time import process_time
from typing import Any

import pytest

from bpflow.checks.soundness import Examination
from bpflow.graph import Graph
from tests.soundness.making import WHO, compiled


def ask(id: str, **more: Any) -> dict[str, Any]:
    return {"id": id, "activity": "request-info", "to": WHO, **more}


def wide(branches: int) -> list[dict[str, Any]]:
    """A parallel with so many branches, each with a choice."""
    outcomes = {"yes": {}, "no": {"next": "go-on"}}
    return [{"activity": "parallel", "branches": {f"b{n}": {"when": "c", "steps": [ask(f"s{n}", outcomes=outcomes)]} for n in range(branches)}}]


def nested(depth: int) -> list[dict[str, Any]]:
    """Parallels in each other."""
    steps = [ask("inner")]
    for n in range(depth):
        steps = [{"activity": "parallel", "branches": {"left": {"steps": [ask(f"s{n}")]}, "right": {"steps": steps}}}]
    return steps


def flat(ways: int) -> list[dict[str, Any]]:
    """A flat split and its join; on each way a choice between two steps."""
    made: list[dict[str, Any]] = [{**ask("begin"), "next": [f"a{n}" for n in range(ways)]}]
    for n in range(ways):
        made += [ask(f"a{n}", outcomes={"yes": {"next": f"b{n}"}, "no": {"next": f"c{n}"}}), ask(f"b{n}", next=f"d{n}"), ask(f"c{n}", next=f"d{n}")]
        made.append(ask(f"d{n}", next="j"))
    return [*made, {"id": "j", "activity": "join"}]


def lossy(ways: int) -> list[dict[str, Any]]:
    """The same, but each way may also be left: no join is sure of anything."""
    steps = flat(ways)
    for n in range(ways):
        steps[1 + 4 * n]["outcomes"]["lost"] = {"next": "k"}
    return [*steps[:-1], {**steps[-1], "next": "k"}, {"id": "k", "activity": "notify", "to": WHO, "text": "Hi"}]


def long(steps: int) -> list[dict[str, Any]]:
    """A thousand steps with splits, joins and ways back."""
    made: list[dict[str, Any]] = []
    for n in range(0, steps, 10):
        made += [{**ask(f"s{n}"), "next": [f"s{n + 1}", f"s{n + 4}"]}, ask(f"s{n + 1}"), ask(f"s{n + 2}"), ask(f"s{n + 3}", next=f"s{n + 7}")]
        made += [ask(f"s{n + 4}"), ask(f"s{n + 5}", outcomes={"yes": {}, "again": {"next": f"s{n + 4}"}}), ask(f"s{n + 6}")]
        made += [{"id": f"s{n + 7}", "activity": "join"}, ask(f"s{n + 8}", outcomes={"yes": {}, "no": {"next": f"s{n}"}}), ask(f"s{n + 9}")]
    return made


def seconds(graph: Graph) -> tuple[float, list[str]]:
    """How long it takes, the best of three."""
    times = []
    for _ in range(3):
        begun = process_time()
        rules = [verdict.rule for verdict in Examination(graph).verdicts]
        times.append(process_time() - begun)
    return min(times), rules


@pytest.mark.parametrize(
    "make, size, most, rules",
    [
        (wide, 17, 0.05, []),
        (nested, 12, 0.05, []),
        (flat, 12, 0.05, []),
        (lossy, 12, 2.0, ["waits-for-ever", "done-twice"]),
        (long, 1000, 0.3, []),
    ],
)
def test_an_examination_is_quick(make: Callable[[int], list[dict[str, Any]]], size: int, most: float, rules: list[str]):
    graph = compiled(make(size))
    assert graph is not None
    took, found = seconds(graph)
    assert set(found) <= set(rules)
    assert took < most
