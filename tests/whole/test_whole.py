"""The whole way, at random: a process as YAML, loaded, deployed, run on a database file, with everything that can happen to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

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


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the databases lie, one at a time."""
    return tmp_path_factory.mktemp("databases")


def emptied(folder: Path) -> Path:
    """A database that is not there yet."""
    for old in folder.iterdir():
        old.unlink()
    return folder / "walk.db"


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


def seeds(part: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Runs a test with a seed, for so large a part of the examples of the profile; a failure names the seed, which makes it again."""
    phases = (Phase.explicit, Phase.reuse, Phase.generate)  # a smaller seed is no smaller process
    few = settings(max_examples=max(1, settings.default.max_examples // part), phases=phases)  # type: ignore[attr-defined]
    return lambda test: few(given(seed=st.integers(0, 2**48))(test))


@pytest.fixture(scope="module")
def done() -> Iterator[Counter[str]]:
    """What has been done. In the end enough of it must have come to something."""
    done: Counter[str] = Counter()
    yield done
    assert done["fit"] > done["made"] / 4  # what would hang or turn for ever is refused
    assert done["turned"] > done["loops"] / 12
    assert done["wrong"] > done["damaged"] / 2


@seeds(2)
def test_whatever_is_written_and_whatever_happens(folder: Path, workspace: LoadedWorkspace, done: Counter[str], seed: int):
    chance = Random(seed)
    depth, size = chance.choice(((1, 4), (2, 8), (2, 8), (3, 12)))
    loaded = load(written(make(chance.randint, depth, size)), workspace)
    done["made"] += 1
    if loaded.graph is not None:
        assert from_json(to_json(loaded.graph)) == loaded.graph
        assert mermaid(loaded.graph)
        child = load(written(make(chance.randint, 1, 4, "child")), workspace)
        walk = Walk(emptied(folder), workspace, [loaded, *([child] if child.graph else [])], chance.randrange)
        walk.go(40)
        done.update(walk.deeds, fit=1)


@seeds(6)
def test_the_state_does_not_grow_with_the_turns(workspace: LoadedWorkspace, done: Counter[str], seed: int):
    chance, turns = Random(seed), 24
    loaded = load(written(make_loop(chance.randint, 2, 5)), workspace)
    done["loops"] += 1
    if loaded.graph is not None:
        turning = Turning(workspace, loaded)
        if turning.turn(turns):
            done["turned"] += 1
            assert max(turning.sizes[turns // 2 :]) <= max(turning.sizes[: turns // 2]), turning.sizes


@seeds(2)
def test_mistakes_are_findings(folder: Path, workspace: LoadedWorkspace, done: Counter[str], seed: int):
    """Where a mistake is none that can be seen, what happens then is no worse than elsewhere."""
    chance = Random(seed)
    loaded = load(written(damaged(make(chance.randint, 2, 5), chance.randint)), workspace)
    done.update(damaged=1, wrong=loaded.graph is None)
    if loaded.graph is not None:
        Walk(emptied(folder), workspace, [loaded], chance.randrange).go(10)
