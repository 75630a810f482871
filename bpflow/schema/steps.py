"""Which activities a process names, and what a step of each keeps to."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, TypeAlias

from pydantic import BaseModel

from bpflow.source import Tree

Schema: TypeAlias = dict[str, Any]
Activities: TypeAlias = Mapping[str, type[BaseModel]]
"""Their models by name."""


def definition_of(activity: str) -> str:
    """The name of the definition of an activity in the schema."""
    return f"activity.{activity}"


def step_schema(step: Any, known: Collection[str]) -> dict[str, Any] | None:
    """The schema that a step is to keep to, by its activity; None if it has none, or one that is not known."""
    name = step.get("activity") if isinstance(step, dict) else None
    return {"$ref": f"#/$defs/{definition_of(name)}"} if isinstance(name, str) and name in known else None


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
