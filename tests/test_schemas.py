"""The schemas for editors are generated from the models, and committed: whoever edits a process has them without installing anything."""

from pathlib import Path

import pytest

from bpflow.cli import main
from bpflow.schema.shapes import FOLDER
from tests.shapes import shapes

SCHEMAS = Path(__file__).parent.parent / "schemas"


@pytest.mark.parametrize("kind", ["process", "document", "directory", "settings", "scenarios"])
def test_a_schema_is_up_to_date(kind: str, tmp_path: Path) -> None:
    fresh = tmp_path / "fresh.json"
    assert main(["--lang", "en", "schema", kind, "--output", str(fresh)]) in (0, None)
    kept = SCHEMAS / f"{kind}.schema.json"
    assert kept.exists(), "run `make update`"
    assert kept.read_text(encoding="utf-8") == fresh.read_text(encoding="utf-8"), "run `make update`"


def test_the_shapes_that_lie_ready_are_what_the_models_give() -> None:
    kept = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()}
    assert kept == shapes(), "run `make update`"
