"""The graph: what a process is compiled to, and all that the engine knows of it.

The law of this file: a graph goes to JSON and back without loss, so an instance can be pinned to it, and runs where neither the
YAML nor the plug-in that wrote it is at hand.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import cast

from msgspec import Struct

from bpflow.graph.json import plain, typed
from bpflow.graph.nodes import Block, Flow, Handler, Node, Sets, Stage, Start, StepInfo, Trigger, Variable, Wait
from bpflow.values import DocumentType, Field

FORMAT = 1
"""Version of the graph's JSON and of its meaning; part of the digest."""


class Graph(Struct, frozen=True):
    """A compiled process."""

    process: str
    title: str
    entry: tuple[Flow, ...]
    nodes: tuple[Node, ...]
    steps: tuple[StepInfo, ...] = ()
    timezone: str = "UTC"
    document: str | None = None
    documents: tuple[DocumentType, ...] = ()
    starts: tuple[Start, ...] = ()
    inputs: tuple[tuple[str, Field], ...] = ()
    variables: tuple[Variable, ...] = ()
    outputs: Sets = ()
    people: Sets = ()
    handlers: tuple[Handler, ...] = ()
    unless_running: bool = False
    source: str = ""
    """The file's name, for incidents and findings."""
    format: int = FORMAT
    stage_field: str | None = None
    """Of a pipeline: the field of the document that says in which stage it is."""
    stages: tuple[Stage, ...] = ()
    """Of a pipeline: its stages, the one in which a new document begins first."""

    @property
    def digest(self) -> str:
        """A digest of the meaning: places and the file's name are left out, so moving a line makes no new version."""
        return hashlib.sha256(to_json(self, places=False).encode()).hexdigest()


def handlers_of(graph: Graph) -> dict[str, tuple[Handler, ...]]:
    """What may happen meanwhile, by block; "" is the process."""
    return {"": graph.handlers} | {node.id: node.handlers for node in graph.nodes if isinstance(node, Block)}


def triggers(graph: Graph) -> Iterator[Trigger]:
    """All that a process may be waiting for, beside its tasks and its services."""
    for node in graph.nodes:
        yield from (trigger for trigger, _ in node.arms) if isinstance(node, Wait) else ()
    yield from (handler.trigger for handlers in handlers_of(graph).values() for handler in handlers)


def to_json(graph: Graph, *, places: bool = True, indent: int | None = None) -> str:
    """The graph as canonical JSON: sorted keys, defaults left out; without `places` also where things stand is left out."""
    import json  # who only checks a process needs none

    data = {**plain(graph, places), "format": graph.format}
    if not places:
        data.pop("source", None)
    separators = (",", ":") if indent is None else None
    return json.dumps(data, ensure_ascii=False, sort_keys=True, separators=separators, indent=indent)


def from_json(text: str) -> Graph:
    """The graph that `to_json` wrote. ValueError if its format is not one that this bpflow reads."""
    import json

    data = json.loads(text)
    if data.get("format") != FORMAT:
        raise ValueError(f"graph format {data.get('format')} is not {FORMAT}")
    return cast(Graph, typed(data, Graph))
