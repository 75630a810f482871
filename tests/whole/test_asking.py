"""The rule `unset-result` and the engine agree: what the rule is silent about never reads what is not there, however an instance goes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from bpflow.checks import RULES
from bpflow.diagnostics import Diagnostic
from bpflow.loading import Loaded, LoadedWorkspace, load_text
from tests.whole.asking import Asker, Passage
from tests.whole.making import make, written
from tests.whole.test_whole import emptied, folder, low_bounds, seeds, workspace

__all__ = ["folder", "low_bounds", "workspace"]
WALKS = 3


@pytest.fixture(scope="module")
def done() -> Iterator[Counter[str]]:
    """What came of it. In the end enough must have been seen of both kinds."""
    done: Counter[str] = Counter()
    yield done
    print(f"\nread what is there: {done['silent']} processes; found: {done['found']}, of which {done['seen']} were seen to stop there; {done['deeds']} deeds")
    assert done["silent"] > done["made"] / 8
    assert done["seen"] > done["found"] / 4


def loaded(text: str, workspace: LoadedWorkspace) -> tuple[Loaded, list[Diagnostic]]:
    """A process as it would be without the rule, and what the rule finds in it."""
    found = [finding for finding in load_text(text, "p.yaml", workspace.documents).findings if finding.rule == "unset-result"]
    with pytest.MonkeyPatch.context() as patch:
        patch.delitem(RULES, "unset-result")
        return load_text(text, "p.yaml", workspace.documents), found


@seeds(4)
def test_what_is_not_found_is_there(folder: Path, workspace: LoadedWorkspace, done: Counter[str], seed: int):
    chance = Random(seed)
    process, found = loaded(written(make(chance.randint, *chance.choice(((1, 5), (2, 8), (2, 10), (3, 14))), kind=Asker)), workspace)
    done["made"] += 1
    if process.graph is None:
        return
    stopped: list[tuple[int, str, str]] = []
    for _ in range(WALKS):
        passage = Passage(emptied(folder), workspace, [process], chance.randrange)
        passage.go(25)
        stopped += passage.absent
        done["deeds"] += passage.deeds["deeds"]
        if stopped:
            break
    assert found or not stopped, stopped
    done.update({"found": bool(found), "silent": not found, "seen": bool(stopped)})
