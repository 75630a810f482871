"""Where the nodes of a graph stand, and what runs beside what.

The law of this file: a region is the body of a block, or the steps of one of its handlers; the process is the block "". What may happen at
the same time is told once, here: what is touched by what runs beside a node is not certain at that node. `soundness.regions` asks of the same
bodies how a token may leave them, and knows nothing of names; `beside` takes less: which names may change beside anything at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import TypeAlias

from msgspec import Struct

from bpflow.checks.ways.given import Ledger, brought, while_open
from bpflow.graph import Block, Flow, Graph, Handler, Join, Node, Step, Task, flows, forked, gives, handlers_of

Region: TypeAlias = tuple[str, int]
"""A block ("" for the process), and the number of one of its handlers, or -1 for its body."""
ROOT: Region = ("", -1)


class Touched(Struct, frozen=True):
    """What some nodes do to names. `given`: bits of all that they may give · `lost`: bits that may be gone although they have been there ·
    `names`: those of the results · `variables`: those that they set."""

    given: int = 0
    lost: int = 0
    names: frozenset[str] = frozenset()
    variables: frozenset[str] = frozenset()


class Thread(Struct, frozen=True):
    """One of the flows on which tokens run at the same time, the nodes that it may come to before it meets others in a join, and whether it does."""

    flow: Flow
    nodes: frozenset[str]
    joins: bool


class Fork(Struct, frozen=True):
    """A node from which several tokens go on. `tangled`: its threads come to the same nodes · `turns`: one
    of them comes back to it."""

    node: str
    threads: tuple[Thread, ...]
    tangled: bool
    turns: bool


class Layout:
    """The regions of a graph; what is not reached has none."""

    def __init__(self, graph: Graph, ledger: Ledger) -> None:
        self.graph, self.ledger = graph, ledger
        self.nodes: Mapping[str, Node] = {node.id: node for node in graph.nodes}
        self._handlers = handlers_of(graph)
        self.source = {flow.id: node.id for node in graph.nodes for flow in flows(node)}
        self.regions = self._regions()
        self._within: dict[Region, frozenset[str]] = {}
        self._touched: dict[frozenset[str], Touched] = {}
        self._forks: dict[str, Fork] = {}

    def handlers(self, block: str) -> tuple[Handler, ...]:
        """What may happen while a block is open."""
        return self._handlers.get(block, ())

    def around(self, region: Region) -> Region:
        """The region in which the block of a region stands."""
        return self.regions.get(region[0], ROOT)

    def target(self, region: Region, flow: Flow) -> Region:
        """The region in which a flow that begins in `region` ends."""
        for _ in range(flow.up):
            region = self.around(region)
        return region

    def _regions(self) -> dict[str, Region]:
        found: dict[str, Region] = {}
        todo = [*reversed([(handler.entry, ("", number)) for number, handler in enumerate(self.graph.handlers)]), *((flow, ROOT) for flow in self.graph.entry)]
        while todo:
            flow, region = todo.pop()
            for _ in range(flow.up):
                region = found.get(region[0], ROOT)
            if flow.to is not None and flow.to not in found:
                found[flow.to] = region
                todo += self.ways(self.nodes[flow.to], region)
        return found

    @staticmethod
    def ways(node: Node, region: Region) -> Iterator[tuple[Flow, Region]]:
        """The flows out of a node, each with the region in which it begins; a node without any runs off its list."""
        if not isinstance(node, Block):
            yield from ((flow, region) for flow in flows(node) or (Flow(""),))
            return
        yield node.out, region
        yield from ((flow, (node.id, -1)) for flow in node.entry)
        yield from ((handler.entry, region if handler.outside else (node.id, number)) for number, handler in enumerate(node.handlers))

    # ── what stands where ───────────────────────────────────────────────────────────────────────────────────────────
    @cached_property
    def _own(self) -> dict[Region, list[str]]:
        found: dict[Region, list[str]] = {}
        for node, region in self.regions.items():
            found.setdefault(region, []).append(node)
        return found

    def own(self, region: Region) -> list[str]:
        """The nodes that stand in a region itself."""
        return self._own.get(region, [])

    def within(self, region: Region) -> frozenset[str]:
        """The nodes in a region, those of the blocks in it included."""
        if region not in self._within:
            self._within[region] = self.whole(self.own(region))
        return self._within[region]

    def whole(self, nodes: Iterable[str]) -> frozenset[str]:
        """The nodes with all that stands in them."""
        found: set[str] = set()
        for id in nodes:
            found.add(id)
            node = self.nodes[id]
            if isinstance(node, Block):
                for number in range(-1, len(node.handlers)):
                    found |= self.within((id, number))
        return frozenset(found)

    # ── what they touch ─────────────────────────────────────────────────────────────────────────────────────────────
    def touched(self, nodes: frozenset[str]) -> Touched:
        """What these nodes, and what they bring, may do to names."""
        if nodes not in self._touched:
            self._touched[nodes] = self._touch([self.nodes[id] for id in nodes])
        return self._touched[nodes]

    def _touch(self, nodes: list[Node]) -> Touched:
        names = {name for node in nodes for name in gives(node)}
        names |= {handler.gives for node in nodes if isinstance(node, Block) for handler in node.handlers if handler.gives}
        lost = 0
        variables: set[str] = set()
        for node in nodes:
            match node:
                case Task() if node.gives:
                    lost |= self.ledger.whole.get(node.gives, 0) & ~self.ledger.mask(node.gives, while_open(node))
                case Step():
                    lost |= self.ledger.named(node.forgets)
                    names.update(node.forgets)
                    variables |= {name for name, _ in node.variables}
        return Touched(self.ledger.named(names), lost, frozenset(names), frozenset(variables))

    def body(self, block: str) -> Touched:
        """What the body of a block may have done when one of its handlers begins."""
        return self.touched(self.within((block, -1)))

    def beside(self, block: str, but: int = -1) -> Touched:
        """What the handlers of a block that run beside its body may do at any time, and what they are brought."""
        found = Touched()
        for number, handler in enumerate(self.handlers(block)):
            if not handler.cancels and number != but and handler.trigger.kind != "alone":
                found = together(found, self.touched(self.within((block, number))), self._brought(handler))
        return found

    def _brought(self, handler: Handler) -> Touched:
        bits = self.ledger.mask(handler.gives, brought(handler.trigger)) if handler.gives else 0
        return Touched(bits, 0, frozenset((handler.gives,)) if handler.gives else frozenset())

    @cached_property
    def shared(self) -> frozenset[str]:
        """The variables that something may set which runs beside other steps: nothing is certain of them."""
        found: set[str] = set()
        for block in self._handlers:
            found |= self.beside(block).variables
        for id in self.regions:
            fork = self.fork(self.nodes[id])
            for thread in fork.threads if fork else ():
                found |= self.touched(thread.nodes).variables
        return frozenset(found)

    # ── forks ───────────────────────────────────────────────────────────────────────────────────────────────────────
    def fork(self, node: Node) -> Fork | None:
        """How several tokens go on from a node; None if one does."""
        several = forked(node)
        if several and node.id not in self._forks:
            reached = [self._reached(flow, frozenset()) for flow in several]
            joins = {id for number, one in enumerate(reached) for other in reached[:number] for id in one & other if isinstance(self.nodes[id], Join)}
            threads = tuple(self._thread(flow, frozenset(joins)) for flow in several)
            apart = len(frozenset[str]().union(*(thread.nodes for thread in threads))) == sum(len(thread.nodes) for thread in threads)
            self._forks[node.id] = Fork(node.id, threads, not apart, any(node.id in thread.nodes for thread in threads))
        return self._forks.get(node.id)

    def _thread(self, flow: Flow, joins: frozenset[str]) -> Thread:
        found = self._reached(flow, joins)
        return Thread(flow, self.whole(found - joins), not found.isdisjoint(joins))

    def _reached(self, flow: Flow, joins: frozenset[str]) -> frozenset[str]:
        """The nodes of its region to which a flow leads, up to those joins, which are among them."""
        found: set[str] = set()
        todo = [flow]
        while todo:
            one = todo.pop()
            if not one.up and one.to is not None and one.to not in found:
                node = self.nodes[one.to]
                found.add(node.id)
                if node.id not in joins:
                    todo += [node.out] if isinstance(node, Block) else flows(node)
        return frozenset(found)

    def others(self, fork: Fork, number: int) -> Touched:
        """What the other threads of a fork may do while one of them runs."""
        return together(*(self.touched(thread.nodes) for other, thread in enumerate(fork.threads) if other != number))


def together(*several: Touched) -> Touched:
    """What all of them may do."""
    given = lost = 0
    for one in several:
        given, lost = given | one.given, lost | one.lost
    names, variables = (frozenset[str]().union(*sets) for sets in ([one.names for one in several], [one.variables for one in several]))
    return Touched(given, lost, names, variables)
