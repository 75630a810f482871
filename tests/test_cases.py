"""Golden pairs: what an analyst reads about his mistakes. Each message is reviewed, because he has nothing else.

`cases/err/x.yaml` is a process with a mistake, `x.out` all that is said about it; where the mistake is in a workspace, `x/` is one
and `x.out` tells its findings. Everything in `cases/ok` loads without a word. After a change: `make update`, then read the diff.
"""

from pathlib import Path

import pytest

from bpflow.cli.checking import Unit, check
from bpflow.diagnostics import render

CASES = Path(__file__).parent / "cases"


def cases(folder: str) -> list[Path]:
    """The processes and the small workspaces of `cases/<folder>`."""
    found = (CASES / folder).iterdir()
    return sorted(path for path in found if path.suffix == ".yaml" or path.is_dir())


def said(path: Path) -> str:
    """All findings about a process or a workspace as an analyst reads them, with file names relative to the folder of the case."""
    checked = check([Unit(path, whole=path.is_dir())])
    shown = (render(finding, checked.sources.get(finding.span.file)) for finding in checked.findings)
    return "\n".join(shown).replace(f"{path.parent}/", "") + "\n"


@pytest.mark.parametrize("path", cases("err"), ids=lambda path: path.stem)
def test_a_mistake_is_explained(path: Path, update: bool) -> None:
    golden = path.with_suffix(".out")
    text = said(path)
    assert text.strip(), "this case has a mistake, but nothing was found"
    if update:
        golden.write_text(text, encoding="utf-8")
    assert golden.exists(), "a new case: write its .out with `make update`, and read it"
    assert text == golden.read_text(encoding="utf-8"), "the findings have changed: `make update`, then read the diff"


@pytest.mark.parametrize("path", cases("ok"), ids=lambda path: path.stem)
def test_a_good_process_loads_without_a_word(path: Path) -> None:
    assert said(path) == "\n"


def test_every_golden_file_has_its_case() -> None:
    assert {path.stem for path in (CASES / "err").glob("*.out")} == {path.stem for path in cases("err")}
