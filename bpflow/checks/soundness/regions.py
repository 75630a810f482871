"""Regions: the bodies in which tokens of one scope run, and what may become of a token in them.

The law of this file: what is asked here is asked of one token at a time, so it is answered by counting ways, in time linear in the
graph. A region is the body of the process, of a block, or of something that may happen meanwhile; a block inside is one node of the region
around it, with the ways by which it may be left. Conditions are free: what data forbid is not known here.
"""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Literal, TypeAlias

from msgspec import Struct, field

from bpflow.expressions import parse
from bpflow.graph import Block, Choose, Exit, Flow, Graph, Handler, Join, Node, Step, flows

Key: TypeAlias = tuple[str, int]
"""The block ("" for the process) and the number of the handler, or -1 for the body."""


class Target(Struct, frozen=True):
    """Where a token comes to by a flow: to a node of the region; off its list (`up` 0, nowhere); or, with `up`, so many blocks out of it."""

    flow: Flow
    up: int

    @property
    def node(self) -> str | None:
        """The node of the region, if it is one."""
        return None if self.up else self.flow.to

    @property
    def arrives(self) -> bool:
        """Whether the token runs off its list."""
        return not self.up and self.flow.to is None


class Way(Struct, frozen=True):
    """One way on from a node: a token for each target. `ends`: the instance is over. `within`: how a block is left, the region inside of it and
    the flow there; None where it comes to its end."""

    node: str
    targets: tuple[Target, ...]
    ends: bool = False
    within: tuple[Key, str] | None = None

    @property
    def clears(self) -> bool:
        """Whether all else in the region is cancelled by it."""
        return self.ends or any(target.up for target in self.targets)

    @property
    def leads_to(self) -> list[str]:
        """The nodes of the region to which its tokens come."""
        return [target.node for target in self.targets if target.node is not None]


Ways: TypeAlias = dict[str, tuple[Way, ...]]


class Region(Struct, dict=True):
    """A body: its `entries`, and the `ways` of the nodes that are reached in it. `around`: the region in which its block stands."""

    key: Key
    entries: tuple[Target, ...]
    around: Region | None
    need: int | Literal["all"] = "all"
    ways: Ways = field(default_factory=dict)
    joins: list[str] = field(default_factory=list)
    """The joins among its nodes."""
    cancelled_meanwhile: bool = False
    """Whether something that may happen meanwhile can cancel what is in it."""

    def forward(self) -> Iterator[Way]:
        """All ways in it, in the order in which they are reached."""
        for ways in self.ways.values():
            yield from ways

    def exits(self) -> Iterator[tuple[Target, str]]:
        """The flows that leave its block, each with the node that it leaves from."""
        yield from ((target, "") for target in self.entries if target.up)
        for way in self.forward():
            yield from ((target, way.node) for target in way.targets if target.up)

    @property
    def ends(self) -> bool:
        """Whether the instance can come to its end in it, by an `end`."""
        return any(way.ends for way in self.forward())

    @property
    def clears(self) -> bool:
        """Whether some way in it cancels all else."""
        return any(target.up for target in self.entries) or any(way.clears for way in self.forward())

    @cached_property
    def forks(self) -> bool:
        """Whether there can be several tokens in it."""
        return len(self.entries) > 1 or any(len(way.targets) > 1 for way in self.forward())

    @cached_property
    def before(self) -> Mapping[str, list[str]]:
        """Node → those with a way to it."""
        found: dict[str, list[str]] = {id: [] for id in self.ways}
        for way in self.forward():
            for id in way.leads_to:
                found[id].append(way.node)
        return found

    def least(self, holds: Callable[[Way, Collection[str]], bool]) -> dict[str, Way]:
        """The nodes for which some way `holds`, given those for which one does: the least such set; each with such a way, which leads to
        nodes that were found before."""
        found: dict[str, Way] = {}
        todo = list(self.ways)
        while todo:
            id = todo.pop()
            way = None if id in found else next((way for way in self.ways[id] if holds(way, found)), None)
            if way is not None:
                found[id] = way
                todo += self.before[id]
        return found

    @cached_property
    def completing(self) -> dict[str, Way]:
        """The nodes from which every token can run off its list."""
        return self.least(_completes)

    @cached_property
    def arriving(self) -> dict[str, Way]:
        """The nodes from which some token can run off its list."""
        return self.least(_arrives)

    @cached_property
    def clearing(self) -> dict[str, Way]:
        """The nodes from which the region can be left, or the instance ended, at once."""
        return self.least(lambda way, found: way.clears or any(target.node in found for target in way.targets))

    def finishing(self, staying: Collection[str]) -> dict[str, Way]:
        """The nodes from which all can come to an end, or stay at one of those."""

        def holds(way: Way, found: Collection[str]) -> bool:
            clears = way.clears or any(target.node in self.clearing for target in way.targets)
            return clears or all(target.arrives or target.node in found or target.node in staying for target in way.targets)

        return self.least(holds)

    @property
    def completes(self) -> bool:
        """Whether it can come to its end with what follows after it."""
        return self.completes_by(lambda _: True)

    def completes_by(self, taken: Callable[[Way], bool]) -> bool:
        """The same by ways alone that can be `taken`."""
        enough, holds = (all, _completes) if self.need == "all" else (any, _arrives)
        found = self.least(lambda way, found: taken(way) and holds(way, found))
        return enough(target.arrives or target.node in found for target in self.entries)

    def reached_by(self, taken: Callable[[Way], bool]) -> set[str]:
        """The nodes to which ways alone that can be `taken` lead from an entry."""
        found: set[str] = set()
        todo = [target.node for target in self.entries if target.node is not None]
        while todo:
            id = todo.pop()
            if id not in found:
                found.add(id)
                todo += [one for way in filter(taken, self.ways[id]) for one in way.leads_to]
        return found

    def reaches(self, id: str, without: Way) -> bool:
        """Whether some way leads from an entry to a node, one way left out."""
        return id in self.reached_by(lambda way: way is not without)

    def rescued(self, lost: Callable[[str], bool]) -> bool:
        """Whether something else could cancel a token that stays for ever among the `lost` nodes: what may happen meanwhile, here or around;
        another token that leaves or ends; the branches of which enough have come to their end."""
        for at in self.outwards():
            others = at.forks and (at.clears or (at.need != "all" and at.completes)) and at.path_alone(lost) is None
            if at.cancelled_meanwhile or others:
                return True
            lost = at.key[0].__eq__
        return False

    def way_in(self) -> list[Way]:
        """The ways from the start to where the region is entered; what begins meanwhile is a way of its block, the process's being ""."""
        before = [] if self.around is None else [*self.around.way_in(), *self.around.path(lambda id: id == self.key[0])]
        return [*before, Way(self.key[0], self.entries, within=(self.key, ""))] if self.key[1] >= 0 else before

    def outwards(self) -> Iterator[Region]:
        """The region, and those around it."""
        at: Region | None = self
        while at is not None:
            yield at
            at = at.around

    def path(self, goal: Callable[[str], bool]) -> list[Way]:
        """The shortest way of one token from an entry to a node for which `goal` holds: the ways taken, without that node's own."""
        return self.path_by(lambda _: True, goal) or []

    def path_alone(self, goal: Callable[[str], bool]) -> list[Way] | None:
        """The same on which there is never another token; None if there is no such way."""
        return self.path_by(lambda way: len(way.targets) == 1, goal) if len(self.entries) == 1 else None

    def path_by(self, taken: Callable[[Way], bool], goal: Callable[[str], bool]) -> list[Way] | None:
        """The shortest way of some token by ways alone that can be `taken`; None if there is none."""
        came: dict[str, Way | None] = {target.node: None for target in self.entries if target.node is not None}
        todo = deque(came)
        while todo:
            id = todo.popleft()
            if goal(id):
                return self._back(id, came)
            for way in filter(taken, self.ways[id]):
                for one in way.leads_to:
                    if one not in came:
                        came[one] = way
                        todo.append(one)
        return None

    def _back(self, id: str, came: Mapping[str, Way | None]) -> list[Way]:
        found: list[Way] = []
        while (way := came[id]) is not None:
            found.append(way)
            id = way.node
        return found[::-1]


class Regions:
    """The regions of a graph that can be reached, each before those inside of it."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.nodes: dict[str, Node] = {node.id: node for node in graph.nodes}
        self.all: dict[Key, Region] = {}
        self._blocks: dict[str, tuple[Way, ...]] = {}
        self._scope("", graph.entry, None, "all", graph.handlers)

    @cached_property
    def reached(self) -> set[str]:
        """The ids of the nodes that some way from the start leads to."""
        return {id for region in self.all.values() for id in region.ways}

    def _scope(self, block: str, entry: Iterable[Flow], around: Region | None, need: int | Literal["all"], handlers: Sequence[Handler]) -> list[Region]:
        """The regions of a block, or of the process: its body, and what may happen meanwhile in it."""
        found = [self._region(Region((block, -1), _targets(entry), around, need))]
        inside = [(number, handler) for number, handler in enumerate(handlers) if not handler.outside]
        found += [self._region(Region((block, number), _targets((handler.entry,)), around)) for number, handler in inside]
        for region in found:
            region.cancelled_meanwhile = any(_may_cancel(one, region, handlers) for one in found)
        return found

    def _region(self, region: Region) -> Region:
        self.all[region.key] = region
        todo = deque(target.node for target in region.entries)
        while todo:
            id = todo.popleft()
            if id is not None and id not in region.ways:
                region.ways[id] = ways = self._ways(self.nodes[id], region)
                if isinstance(self.nodes[id], Join):
                    region.joins.append(id)
                todo.extend(target.node for way in ways for target in way.targets)
        return region

    def _ways(self, node: Node, region: Region) -> tuple[Way, ...]:
        match node:
            case Block():
                if node.id not in self._blocks:
                    self._blocks[node.id] = self._block(node, region)
                return self._blocks[node.id]
            case Step():
                return (_way(node.id, *(node.out or (Flow(f"{node.id}>off"),))),)
            case Join() if isinstance(node.need, int) and node.need < len(node.into):
                return _way(node.id, node.out), Way(node.id, ())
            case Exit():
                return (Way(node.id, (), ends=True),)
        return tuple(_way(node.id, flow) for flow in flows(node))

    def _block(self, block: Block, around: Region) -> tuple[Way, ...]:
        """The ways out of a block: after its end, and wherever a flow inside leads out of it."""
        inner = self._scope(block.id, block.entry, around, "all" if block.each else block.need, block.handlers)
        replaced = [region for region in inner if region.key[1] < 0 or block.handlers[region.key[1]].cancels]
        passed_by = block.each is not None and may_be_empty(block.each.items.text)
        found = [_way(block.id, block.out)] if passed_by or any(region.completes for region in replaced) else []
        found += [_way(block.id, handler.entry) for handler in block.handlers if handler.outside]
        left = {
            target.flow.id: Way(block.id, (Target(target.flow, target.up - 1),), within=(region.key, target.flow.id))
            for region in inner
            for target, _ in region.exits()
        }
        ends = [Way(block.id, (), ends=True, within=(region.key, "")) for region in inner if region.ends]
        return (*found, *left.values(), *ends[:1])


def _completes(way: Way, found: Collection[str]) -> bool:
    """Whether every token of a way can run off its list, as it can from the nodes found."""
    return not way.ends and all(target.arrives or target.node in found for target in way.targets)


def _arrives(way: Way, found: Collection[str]) -> bool:
    """Whether some token of a way can run off its list."""
    return any(target.arrives or target.node in found for target in way.targets)


def _targets(entry: Iterable[Flow]) -> tuple[Target, ...]:
    return tuple(Target(flow, flow.up) for flow in entry)


def _way(node: str, *out: Flow) -> Way:
    return Way(node, _targets(out))


def _may_cancel(one: Region, other: Region, handlers: Sequence[Handler]) -> bool:
    """Whether what happens in a region of a scope may cancel what is in another. A handler that cancels has taken the place of the body, and
    nothing else begins then."""
    mine, others = one.key[1], other.key[1]
    if one is other or (others >= 0 and handlers[others].cancels):
        return False
    if mine < 0:
        return one.clears
    return handlers[mine].trigger.kind != "alone" and (handlers[mine].cancels or one.clears)


def may_be_empty(items: str) -> bool:
    """Whether a list may have no items: of one that is written out it is known."""
    tree = parse(items).tree
    return not (isinstance(tree, ast.List) and tree.elts)


def is_every(node: Node) -> bool:
    """Whether a node begins any number of its ways at once."""
    return isinstance(node, Choose) and node.hit == "every"
