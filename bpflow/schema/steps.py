"""Which activities a process names, and what a step of each keeps to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bpflow.definition.vocabulary import vocabulary
from bpflow.schema.generate import Schema, activity_definition
from bpflow.source import Tree


def step_schema(step: Any) -> Schema | None:
    """The schema that a step is to keep to, by its activity; None if it has none, or one that there is not."""
    name = step.get("activity") if isinstance(step, dict) else None
    return {"$ref": f"#/$defs/{activity_definition(name)}"} if isinstance(name, str) and name in vocabulary() else None


def activities_in(tree: Tree) -> Iterator[str]:
    """The words that stand behind `activity:` anywhere in the tree."""
    if isinstance(tree, dict):
        name = tree.get("activity")
        if isinstance(name, str):
            yield str(name)
        for value in tree.values():
            yield from activities_in(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from activities_in(value)
