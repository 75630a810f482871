"""What can be read of a process with mistakes of shape, so that they do not hide the mistakes elsewhere.

The law of this file: what is broken is taken out and nothing is invented. A broken step leaves a stand-in with its id and its `next`;
ids and names that went with what was taken out are `lost`: of them only that they are there is known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

from jsonschema.exceptions import ValidationError

from bpflow.schema.found import Rest
from bpflow.schema.standin import STAND_IN
from bpflow.schema.words import name_like, schema_of
from bpflow.source import Items, Table, Text, Tree

MOST_CUTS = 100
_NAME = re.compile(r"[a-z][a-z0-9_]*|go-on")
Path: TypeAlias = tuple[str | int, ...]


def repaired(tree: Table, errors: Iterable[ValidationError]) -> Rest:
    """The tree without what the errors are about."""
    made, lost = _copy(tree), set[str]()
    for error in sorted(errors, key=lambda error: -len(error.absolute_path)):
        _take_out(made, tuple(error.absolute_path), error, lost)
    for key, value in (("bpflow", 1), ("id", Text("unreadable")), ("steps", Items())):
        made.setdefault(key, value)
    return Rest(made, frozenset(lost))


def _take_out(tree: Table, path: Path, error: ValidationError, lost: set[str]) -> None:
    table = _at(tree, path)
    if table is None:
        return
    if error.validator == "additionalProperties":
        lost |= set(_drop_unknown(table, error))
        return
    step = _step_of(path)
    whole = path[: min(len(path), 2 if path[:1] in (("variables",), ("inputs",), ("people",)) else 1)]
    if step:
        _stand_in(tree, step, lost)
    elif whole:
        lost |= {str(whole[-1]), *names_in(_at(tree, whole))}
        _at(tree, whole[:-1]).pop(whole[-1])


def pruned(tree: Table, errors_of: Callable[[Tree], list[ValidationError]]) -> Rest:
    """The tree of another file of the workspace without what is broken, and without what needs that."""
    made: Table = _copy(tree)
    lost = set[str]()
    for _ in range(MOST_CUTS):
        errors = errors_of(made)
        if not errors:
            break
        path = tuple(errors[0].absolute_path)
        if errors[0].validator == "additionalProperties":
            lost |= set(_drop_unknown(_at(made, path), errors[0]))
        elif path:
            lost |= {str(path[-1]), *names_in(_at(made, path))}
            _drop(_at(made, path[:-1]), path[-1])
        else:
            break
    return Rest(made, frozenset(lost))


def _drop(holder: Any, key: str | int) -> None:
    holder.pop(key)
    if isinstance(holder, Items) and isinstance(key, int):
        holder.spans.pop(key)


def _drop_unknown(table: Table, error: ValidationError) -> list[str]:
    """Takes out the keys that a schema does not know; the names inside them."""
    return [name for key in [key for key in table if key not in schema_of(error).get("properties", {})] for name in names_in(table.pop(key))]


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
            name = broken.get(key)
            if isinstance(name, Text) and _NAME.fullmatch(name):
                made.put(key, broken.key_spans[key], name, broken.value_spans[key])
        lost |= set(names_in(broken))
    items[path[-1]] = made


def names_in(tree: Tree) -> Iterator[str]:
    """The ids, and the names of fields, people, commands, items and errors, that stand in a part of the tree."""
    if isinstance(tree, Table):
        for key, value in tree.items():
            if key in ("id", "command", "as") and isinstance(value, str):
                yield from (str(value), name_like(value))
            if key in ("on-error", "error"):
                yield "error"
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
