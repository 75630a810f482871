"""What is told of values at the nodes of a graph is so whenever the engine comes to them: random processes, and walks through them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bpflow.checks.possible import Possible
from bpflow.engine import nodes
from bpflow.engine.draft import Fault
from bpflow.graph import Choose, Expr
from bpflow.loading import Loaded, LoadedWorkspace
from tests.whole.asking import Asker, Passage
from tests.whole.making import Written, make, written
from tests.whole.test_whole import emptied, folder, load, low_bounds, seeds, workspace

__all__ = ["folder", "low_bounds", "workspace"]


class Looking:
    """Looks at the values before each choice of the engine, and holds them against what is told of them."""

    def __init__(self) -> None:
        self.possible: Possible | None = None
        self.seen: Counter[str] = Counter()

    def choose(self, draft: Any, token: Any, node: Choose) -> Any:
        if self.possible is not None:
            for names, values in self.possible.at(node.id).items():
                value = read(draft, ".".join(names))
                assert value in values, (node.id, names, value, values)
                self.seen["values"] += 1
            self.arms(draft, node, self.possible)
        return nodes.choose(draft, token, node)

    def arms(self, draft: Any, node: Choose, possible: Possible) -> None:
        """No condition that is said to be always the same is once the other, and no branch that is never taken is."""
        cases = possible.cases(node)
        for number, (condition, flow) in enumerate(node.arms):
            found = read(draft, condition.text)
            certain = cases.certain(number)
            assert certain is None or found in (certain, None), (node.id, condition.text, found)
            assert cases.is_taken(number) or found is not True or node.hit != "first", (node.id, flow.id)
            self.seen["certain"] += certain is not None and not condition.text.startswith(("true", "false"))
            if found is True and node.hit == "first":
                break


def read(draft: Any, text: str) -> Any:
    """What an expression gives; none where there is nothing."""
    try:
        return draft.value(Expr(text))
    except Fault:
        return None


@pytest.fixture(scope="module")
def looking() -> Iterator[Looking]:
    """In the end enough must have been seen."""
    looking = Looking()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(nodes.ENTER, Choose, looking.choose)
        yield looking
    assert looking.seen["values"] > looking.seen["made"], looking.seen


class Chooser(Asker):
    """Makes processes that decide by what has few values: outcomes, a flag, the status of the document."""

    def condition(self) -> str:
        outcomes = [text for text, kind in self.given if kind == "boolean" and ".outcome ==" in text and " and " not in text]
        known = self.pick(outcomes) if outcomes and self.chance(2) else self.pick(("flag", "not flag", 'document.status == "won"', "x > 1"))
        other = self.pick((*outcomes, "flag", 'document.status != "open"'))
        return self.pick((known, known, known, f"{known} and {other}", f"{known} or {other}", f"not ({known})"))

    def read(self, kind: str) -> str | None:
        return None

    def step(self, kind: str, id: str, depth: int) -> Written:
        return super().step(self.pick((kind, "condition", "request-info")) if kind in ("parallel", "for-each", "race") else kind, id, depth)

    def update_document(self, id: str, depth: int) -> Written:
        return {"set": self.pick(({"status": "open"}, {"status": "won"}, {"status": "$(document.status)"}, {"amount": 7}))}


@seeds(4)
def test_the_values_that_are_told_are_those_that_are_met(folder: Path, workspace: LoadedWorkspace, looking: Looking, seed: int):
    chance = Random(seed)
    text = written(make(chance.randint, 3, 14, kind=Chooser))
    loaded = load(text, workspace)
    if loaded.subject is not None:  # whatever else is wrong with it
        looking.possible = loaded.subject.possible
        looking.seen["made"] += 1
        Passage(emptied(folder), workspace, [Loaded(loaded.process, loaded.subject.graph, [], {})], chance.randrange).go(40)
