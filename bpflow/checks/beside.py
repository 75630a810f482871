"""What may run beside what: branches side by side, turns of a for-each, what may happen meanwhile, the ways of a split.

The law of this file: whatever may run beside something else is counted as such, also where it happens to come after it. Names are those of
variables and of results.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property

from bpflow.graph import Block, Flow, Graph, Handler, Node, changes, flows, forked


class Beside:
    """The regions of a graph: what stands inside of a block, and what runs beside other parts."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.nodes: dict[str, Node] = {node.id: node for node in graph.nodes}

    @cached_property
    def changed(self) -> frozenset[str]:
        """The names that something changes which may run beside other parts."""
        brought = frozenset(handler.gives for handler, _ in self.handlers() if handler.gives)
        return brought | self.names(node for entries in self._apart() for node in self.region(entries))

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """All blocks."""
        return tuple(node for node in self.graph.nodes if isinstance(node, Block))

    @cached_property
    def _inside(self) -> dict[str, frozenset[str]]:
        return {}

    def inside(self, block: Block) -> frozenset[str]:
        """The nodes inside of a block, those of its handlers too."""
        if block.id not in self._inside:
            self._inside[block.id] = self.region([*block.entry, *(handler.entry for handler in block.handlers)])
        return self._inside[block.id]

    def changed_in(self, block: Block) -> frozenset[str]:
        """The names that are changed inside of a block."""
        return self.names(self.inside(block)) | changes(block)

    def names(self, nodes: Iterable[str]) -> frozenset[str]:
        """The names that these nodes change."""
        return frozenset(name for node in nodes for name in changes(self.nodes[node]))

    def region(self, entries: Iterable[Flow]) -> frozenset[str]:
        """The nodes that are reached by these flows without leaving the scope into which they lead."""
        found: set[str] = set()
        todo = [(flow.to, 0) for flow in entries]
        while todo:
            id, depth = todo.pop()
            if id is None or id in found:
                continue
            found.add(id)
            node = self.nodes[id]
            todo += [(flow.to, depth + deeper - flow.up) for flow, deeper in _ways(node) if depth + deeper - flow.up >= 0]
        return frozenset(found)

    def splits(self) -> Iterator[tuple[Flow, ...]]:
        """The flows on each of which a token goes on in the same scope."""
        return filter(None, map(forked, self.graph.nodes))

    def handlers(self) -> Iterator[tuple[Handler, tuple[Flow, ...]]]:
        """What runs beside a body, with the flows into that."""
        owners: tuple[Graph | Block, ...] = (self.graph, *self.blocks)
        for owner in owners:
            yield from ((handler, owner.entry) for handler in owner.handlers if not handler.cancels)

    def _apart(self) -> Iterator[tuple[Flow, ...]]:
        yield from self.splits()
        yield from ((handler.entry,) for handler, _ in self.handlers())
        yield from (block.entry for block in self.blocks if block.each)


def _ways(node: Node) -> Iterator[tuple[Flow, int]]:
    """The flows out of a node, each with how much deeper it leads."""
    if not isinstance(node, Block):
        yield from ((flow, 0) for flow in flows(node))
        return
    yield node.out, 0
    yield from ((flow, 1) for flow in node.entry)
    yield from ((handler.entry, 0 if handler.outside else 1) for handler in node.handlers)
