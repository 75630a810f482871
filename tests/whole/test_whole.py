"""The whole way, at random: a process as YAML, loaded, deployed, run on a database file, with everything that can happen to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from bpflow.diagnostics import Severity, render
from bpflow.diagram import mermaid
from bpflow.engine import interpreter
from bpflow.graph import from_json, to_json
from bpflow.loading import Loaded, LoadedWorkspace, load_text, load_workspace
from tests.runtime.conftest import DIRECTORY, SETTINGS
from tests.whole.making import damaged, make, written
from tests.whole.turning import Turning, make_loop
from tests.whole.walking import Walk

DEAL = """\
type: deal
title: Сделка
title-field: name
fields:
  name: {type: string, title: Название, required: true}
  status: {type: choice, title: Статус, required: true, choices: [new, open, won, lost]}
  responsible: {type: user, title: Ответственный}
  nobody: {type: user}
  amount: {type: integer, title: Сумма, min: 0}
  ready: {type: boolean}
  deadline: {type: datetime, title: Срок}
  tags: {type: string, many: true}
  parts: {type: integer, many: true}
  parent: {type: document, of: deal, title: Главная сделка}
"""


@pytest.fixture(autouse=True, scope="module")
def low_bounds() -> Iterator[None]:
    """The bounds of the engine, so low that random processes come to them, and soon."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(interpreter, "MAX_HOPS", 200)
        patch.setattr(interpreter, "MAX_LIVE", 40)
        yield


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> LoadedWorkspace:
    folder = tmp_path_factory.mktemp("workspace")
    (folder / "documents").mkdir()
    for name, text in {"bpflow.yaml": SETTINGS, "directory.yaml": DIRECTORY, "documents/deal.yaml": DEAL}.items():
        (folder / name).write_text(text, encoding="utf-8")
    return load_workspace(folder)


def load(text: str, workspace: LoadedWorkspace) -> Loaded:
    """The process; what is wrong with it is said with a place inside the file."""
    loaded = load_text(text, "p.yaml", workspace.documents)
    lines = text.splitlines()
    for finding in loaded.findings:
        span = finding.span
        assert span.file == "p.yaml", finding
        assert 1 <= span.line <= len(lines), finding
        assert 1 <= span.column <= len(lines[span.line - 1]) + 1, finding
        render(finding, text)
    assert (loaded.graph is None) is any(finding.severity is Severity.ERROR for finding in loaded.findings)
    return loaded


def many(folder: Path, workspace: LoadedWorkspace, seed: int, walks: int, depth: int, size: int, steps: int) -> Counter[str]:
    """So many processes, and a walk through each that is fit; the message of a failure names the seed of the walk."""
    done: Counter[str] = Counter()
    for part in range(walks):
        chance = Random(f"{seed}/{part}")
        try:
            loaded = load(written(make(chance.randint, depth, size)), workspace)
            done["made"] += 1
            if loaded.graph is not None:
                assert from_json(to_json(loaded.graph)) == loaded.graph
                assert mermaid(loaded.graph)
                child = load(written(make(chance.randint, 1, 4, "child")), workspace)
                processes = [loaded, *([child] if child.graph else [])]
                walk = Walk(folder / f"{seed}-{part}.db", workspace, processes, chance.randrange)
                walk.go(steps)
                done += Counter({"fit": 1, "deeds": steps}) + walk.deeds
        except Exception as error:
            raise AssertionError(f"walk {seed}/{part}") from error
    return done


@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_written_and_whatever_happens(tmp_path: Path, workspace: LoadedWorkspace, seed: int):
    done = many(tmp_path, workspace, seed, 10, 2, 8, 40)
    assert done["fit"] > done["made"] / 2


@pytest.mark.parametrize("seed", range(2))
def test_the_state_does_not_grow_with_the_turns(workspace: LoadedWorkspace, seed: int):
    done = turned(workspace, seed, 8, 2, 5, 20)
    assert done["turned"] > 2


def turned(workspace: LoadedWorkspace, seed: int, loops: int, depth: int, size: int, turns: int) -> Counter[str]:
    """So many loops, and how many of them came through all their turns; what is in a state later is no more than before."""
    done: Counter[str] = Counter()
    for part in range(loops):
        chance = Random(f"{seed}/{part}")
        loaded = load(written(make_loop(chance.randint, depth, size)), workspace)
        if loaded.graph is not None:
            turning = Turning(workspace, loaded)
            done["fit"] += 1
            if turning.turn(turns):
                done["turned"] += 1
                assert max(turning.sizes[turns // 2 :]) <= max(turning.sizes[: turns // 2]), f"loop {seed}/{part}: {turning.sizes}"
    return done


@pytest.mark.parametrize("seed", range(2))
def test_mistakes_are_findings(tmp_path: Path, workspace: LoadedWorkspace, seed: int):
    done = mistaken(tmp_path, workspace, seed, 25)
    assert done["wrong"] > 10


def mistaken(folder: Path, workspace: LoadedWorkspace, seed: int, times: int) -> Counter[str]:
    """So many processes with mistakes. Where a mistake is none that can be seen, what happens then is no worse than elsewhere."""
    done: Counter[str] = Counter()
    for part in range(times):
        chance = Random(f"{seed}/{part}")
        try:
            loaded = load(written(damaged(make(chance.randint, 2, 5), chance.randint)), workspace)
            done["wrong" if loaded.graph is None else "fit"] += 1
            if loaded.graph is not None:
                Walk(folder / f"{seed}-{part}.db", workspace, [loaded], chance.randrange).go(10)
        except Exception as error:
            raise AssertionError(f"mistakes {seed}/{part}") from error
    return done
