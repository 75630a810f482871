"""The frame of the house: what `bpflow` exports, how fast it is there, and the rules of style that no tool checks for us."""

import ast
import dataclasses
import pkgutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module, metadata
from pathlib import Path
from statistics import median

import pytest
from msgspec import Struct

import bpflow

ROOT = Path(__file__).parent.parent
FILES = sorted((ROOT / "bpflow").rglob("*.py"))
FORBIDDEN = {"workflow", "job", "context", "manager", "payload", "spec", "utils", "common", "base", "helpers"}
HEAVY = {"pydantic", "yaml", "rich", "typer", "jsonschema", "sqlite3", "babel", "holidays", "icalendar", "asyncio"}


@pytest.mark.parametrize("name", bpflow.__all__)
def test_a_public_name_is_there(name: str) -> None:
    assert getattr(bpflow, name).__name__ == name


def test_the_public_names_are_sorted_and_listed() -> None:
    assert bpflow.__all__ == sorted(bpflow.__all__)
    assert set(bpflow.__all__) < set(dir(bpflow))
    with pytest.raises(AttributeError, match="no_such_thing"):
        _ = bpflow.no_such_thing


def test_type_checkers_are_told_the_same_names() -> None:
    stub = ast.parse((ROOT / "bpflow" / "__init__.pyi").read_text(encoding="utf-8"))
    told = {alias.asname: node.module for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert told == bpflow._HOMES


def test_the_import_loads_nothing_else() -> None:
    code = "import sys; before = set(sys.modules); import bpflow; print(*set(sys.modules) - before)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert [name for name in loaded if not name.startswith("importlib")] == ["bpflow"]


@pytest.mark.parametrize("room", ["graph", "values", "expressions", "engine"])
def test_the_engine_stands_without_text_or_models(room: str) -> None:
    code = f"import sys, bpflow.{room}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert HEAVY & set(loaded) == set()


def test_the_built_in_activities_come_by_the_guests_door() -> None:
    told = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"]["bpflow.activities"]
    installed = {point.name: point.value for point in metadata.entry_points(group="bpflow.activities") if point.value.startswith("bpflow.")}
    assert installed == told, "run `make setup`"
    for module, name in (value.split(":") for value in told.values()):
        assert hasattr(import_module(module), name)


# ---- style ----------------------------------------------------------------------------------------------------------


def functions() -> Iterator[tuple[str, int]]:
    """Every function of the product, with the length of its body in lines, its docstring left out."""
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", length(node)


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = node.body[1] if ast.get_docstring(node) is not None and len(node.body) > 1 else node.body[0]
    return (node.end_lineno or 0) - first.lineno + 1


def test_functions_are_short() -> None:
    lengths = dict(functions())
    assert {name: lines for name, lines in lengths.items() if lines > 60} == {}
    assert median(lengths.values()) <= 10


def test_files_are_short() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert {name: lines for name, lines in lengths.items() if lines > 500} == {}


def test_every_file_says_what_it_is_for() -> None:
    assert [str(path) for path in FILES if ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) is None] == []


def test_names_are_the_words_of_the_field() -> None:
    """One word, one meaning, and no room for a `manager` or for `utils`."""
    found = []
    for path in FILES:
        named = [path.stem] + [n.name for n in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(n, ast.ClassDef)]
        found += [f"{path.relative_to(ROOT)}: {name}" for name in named if words(name) & FORBIDDEN]
    assert found == []


def words(name: str) -> set[str]:
    """The words of a name in either case: `LoopHandler` → loop, handler."""
    return set("".join(f"_{c.lower()}" if c.isupper() else c for c in name).split("_"))


def test_no_default_of_a_struct_is_of_a_dataclass() -> None:
    """`dataclasses.field` in a Struct would be the default itself, and nobody says so."""
    for module in pkgutil.walk_packages(bpflow.__path__, "bpflow."):
        if module.name != "bpflow.__main__":
            import_module(module.name)
    todo, seen = [Struct], set[type]()
    while todo:
        todo += [one for one in todo.pop().__subclasses__() if one not in seen]
        seen |= {*todo}
    assert len(seen) > 100
    assert not [one for one in seen for default in one.__struct_defaults__ if isinstance(default, dataclasses.Field)]
