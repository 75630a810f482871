"""docs/reliability.md keeps its word: every promise names a test that is there, and every crash test is named."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"`(tests/\S+\.py)::(test_\w+)`", PAGE))


def written_in(path: str) -> set[tuple[str, str]]:
    """The tests of a file."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {(path, node.name) for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_every_test_that_is_named_is_there() -> None:
    assert {test for test in NAMED if not (ROOT / test[0]).exists() or test not in written_in(test[0])} == set()


def test_every_promise_names_a_test() -> None:
    table = PAGE.partition("<!-- promises -->")[2].partition("<!-- end -->")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 10
    assert [row for row in rows if not re.search(r"`tests/\S+::test_\w+` \|$", row)] == []


def test_every_crash_test_is_named() -> None:
    files = [path.relative_to(ROOT).as_posix() for path in (ROOT / "tests" / "crash").glob("test_*.py") if path != Path(__file__)]
    assert {test for path in files for test in written_in(path)} - NAMED == set()
