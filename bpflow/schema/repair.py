"""What can be read of a process with mistakes of shape, so that they do not hide the mistakes elsewhere.

The law of this file: what is broken is taken out and nothing is invented. A broken step leaves a stand-in with its id and its `next`;
ids and names that went with what was taken out are `lost`: of them only that they are there is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, TypeAlias

from jsonschema.exceptions import ValidationError

from bpflow.definition.step import Step
from bpflow.graph import Lowering
from bpflow.graph import Step as Node
from bpflow.source import Items, Table, Text, Tree

STAND_IN = "unreadable"
Path: TypeAlias = tuple[str | int, ...]


class StandIn(Step):
    """A step that could not be read."""

    def lower(self, b: Lowering) -> None:
        """A node that does nothing."""
        b.add(Node(b.path, (b.flow(b.path),)))


class Repaired(NamedTuple):
    """A tree of which all is readable, and the names that went with the rest."""

    tree: Table
    lost: frozenset[str]


def repaired(tree: Table, errors: Iterable[ValidationError]) -> Repaired:
    """The tree without what the errors are about."""
    made, lost = _copy(tree), set[str]()
    for error in sorted(errors, key=lambda error: -len(error.absolute_path)):
        _take_out(made, tuple(error.absolute_path), error, lost)
    for key, value in (("bpflow", 1), ("id", Text("unreadable")), ("steps", Items())):
        made.setdefault(key, value)
    return Repaired(made, frozenset(lost))


def _take_out(tree: Table, path: Path, error: ValidationError, lost: set[str]) -> None:
    table = _at(tree, path)
    if table is None:
        return
    if error.validator in ("additionalProperties", "unevaluatedProperties"):
        for key in [key for key in table if key not in error.schema.get("properties", {})]:
            lost |= set(names_in(table.pop(key)))
        return
    step = _step_of(path)
    whole = path[: min(len(path), 2 if path[:1] in (("variables",), ("inputs",), ("people",)) else 1)]
    if step:
        _stand_in(tree, step, lost)
    elif whole:
        lost |= {str(whole[-1]), *names_in(_at(tree, whole))}
        _at(tree, whole[:-1]).pop(whole[-1])


def _step_of(path: Path) -> Path:
    """The path of the innermost step around a value; empty if there is none."""
    for end in range(len(path), 1, -1):
        if path[end - 2] == "steps" and isinstance(path[end - 1], int):
            return path[:end]
    return ()


def _stand_in(tree: Table, path: Path, lost: set[str]) -> None:
    items, broken = _at(tree, path[:-1]), _at(tree, path)
    made = Table(items.spans[path[-1]])
    made.put("activity", made.span, Text(STAND_IN), made.span)
    if isinstance(broken, Table):
        for key in ("id", "next"):
            if isinstance(broken.get(key), Text) and broken[key].replace("_", "").replace("-", "").isascii():
                made.put(key, broken.key_spans[key], broken[key], broken.value_spans[key])
        lost |= set(names_in(broken))
    items[path[-1]] = made


def names_in(tree: Tree) -> Iterator[str]:
    """The ids, and the names of fields and people, that stand in a part of the tree."""
    if isinstance(tree, Table):
        for key, value in tree.items():
            if key == "id" and isinstance(value, str):
                yield str(value)
            if isinstance(value, Table):
                yield str(key)
            yield from names_in(value)
    elif isinstance(tree, Items):
        for value in tree:
            yield from names_in(value)


def _at(tree: Any, path: Path) -> Any:
    """What stands at a path; None if it was taken out already."""
    for step in path:
        try:
            tree = tree[step]
        except (KeyError, IndexError, TypeError):
            return None
    return tree


def _copy(tree: Any) -> Any:
    if isinstance(tree, Table):
        table = Table(tree.span)
        for key, value in tree.items():
            table.put(key, tree.key_spans[key], _copy(value), tree.value_spans[key])
        return table
    if isinstance(tree, Items):
        items = Items(tree.span)
        for value, span in zip(tree, tree.spans, strict=True):
            items.put(_copy(value), span)
        return items
    return tree
