"""Whatever has happened to a file, reading it gives findings with places inside it, or none, and raises nothing."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from bpflow.diagnostics import LANGUAGES, Diagnostic, Severity, render
from bpflow.diagram import mermaid
from bpflow.graph import from_json, to_json
from bpflow.loading import load_process, load_surroundings, load_workspace
from bpflow.scenario import check_scenarios
from bpflow.source import read_source
from tests.fuzzing import spoilt

FOLDERS = [Path("processes"), Path("tests/scenarios")]
SEEDS = st.integers(0, 2**48)


def files(pattern: str, *but: str) -> dict[str, list[str]]:
    """The texts of all files that fit, by folder."""
    return {
        str(folder): [
            path.read_text(encoding="utf-8") for path in sorted(folder.glob(pattern)) if path.name not in but and path.name.count(".") == pattern.count(".")
        ]
        for folder in FOLDERS
    }


TEXTS: Mapping[str, dict[str, list[str]]] = {
    "process": files("*.yaml", "bpflow.yaml", "directory.yaml"),
    "document": files("documents/*.yaml"),
    "directory": files("directory.yaml"),
    "settings": files("bpflow.yaml"),
    "scenarios": files("*.test.yaml"),
}
OTHERS = [text for kind in TEXTS.values() for several in kind.values() for text in several]
NAMES = {
    "process": "spoilt.yaml",
    "document": "documents/spoilt.yaml",
    "directory": "directory.yaml",
    "settings": "bpflow.yaml",
    "scenarios": "spoilt.test.yaml",
}


class Place:
    """A workspace of which one file is spoilt, or to which one comes; `files`: the texts that it had, by kind."""

    def __init__(self, folder: Path, files: dict[str, list[str]]) -> None:
        self.folder, self.files, self.workspace = folder, files, load_workspace(folder)

    def __repr__(self) -> str:
        return self.folder.name

    @contextmanager
    def with_file(self, path: Path, data: bytes) -> Iterator[None]:
        """The file is so for a while."""
        was = path.read_bytes() if path.exists() else None
        path.write_bytes(data)
        try:
            yield
        finally:
            path.unlink() if was is None else path.write_bytes(was)


@pytest.fixture(scope="module", params=FOLDERS, ids=str)
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A copy of a workspace."""
    made = tmp_path_factory.mktemp("workspace") / request.param.name
    shutil.copytree(request.param, made, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    return Place(made, {kind: several[str(request.param)] for kind, several in TEXTS.items()})


@pytest.fixture(scope="module")
def done() -> Iterator[Counter[str]]:
    """How many were read, and of how many something was said: of most; a few are as good as they were."""
    done: Counter[str] = Counter()
    yield done
    assert done["said"] > done["read"] / 3
    assert done["said"] < done["read"]


def every_kind(part: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Runs a test for so large a part of the examples of the profile; a failure names the seed, which makes it again."""
    phases = (Phase.explicit, Phase.reuse, Phase.generate)  # a smaller seed is no smaller accident
    few = settings(max_examples=max(1, settings.default.max_examples // part), phases=phases)
    return lambda test: few(given(seed=SEEDS)(test))


def read(kind: str, place: Place, seed: int) -> list[Diagnostic]:
    """What is said of a spoilt file of the kind in its place."""
    chance, path = Random(seed), place.folder / NAMES[kind]
    with place.with_file(path, spoilt(chance.choice(place.files[kind]), chance, OTHERS)):
        return assured(path, found(kind, path, place))


def found(kind: str, path: Path, place: Place) -> list[Diagnostic]:
    """All findings about the file, by the way that files of its kind go."""
    match kind:
        case "process":
            loaded = load_process(path)
            assert (loaded.graph is None) is any(finding.severity is Severity.ERROR for finding in loaded.findings)
            if loaded.graph is not None:
                assert from_json(to_json(loaded.graph)) == loaded.graph
                assert mermaid(loaded.graph)
            return loaded.findings
        case "document":
            return load_surroundings(place.folder).findings
        case "scenarios":
            return check_scenarios(path, place.workspace)
    return load_workspace(place.folder, processes=False).findings


def assured(path: Path, findings: list[Diagnostic]) -> list[Diagnostic]:
    """Those about the file. Each stands inside it, and can be shown in every language."""
    source = read_source(path.read_bytes(), str(path))
    lines = source.text.splitlines() or [""]
    own = [finding for finding in findings if finding.span.file == str(path)]
    for finding in own:
        span = finding.span
        assert 1 <= span.line <= len(lines), finding
        assert 1 <= span.column <= len(lines[span.line - 1]) + 1, finding
        for language in LANGUAGES:
            assert render(finding, source.text, language)
    return own


@pytest.mark.parametrize("kind", ["process", "document", "directory", "settings", "scenarios"])
@every_kind(4)
def test_a_spoilt_file_gives_findings(place: Place, done: Counter[str], kind: str, seed: int):
    done.update(read=1, said=bool(read(kind, place, seed)))


@every_kind(10)
def test_a_workspace_with_a_spoilt_file_gives_findings(place: Place, seed: int):
    """Whatever it is that is spoilt, also what others stand on."""
    chance = Random(seed)
    path = chance.choice([path for path in sorted(place.folder.rglob("*.yaml")) if ".test." not in path.name])
    with place.with_file(path, spoilt(path.read_text(encoding="utf-8"), chance, OTHERS)):
        loaded = load_workspace(place.folder)
        assured(path, loaded.findings)
        for scenarios in loaded.scenarios.values():
            check_scenarios(scenarios, loaded)
