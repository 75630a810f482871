"""What happens at once: before a token rests, and so before time passes.

The law of this file: tokens move one after another, each until it rests. A block is gone through at once where its own body is; what may happen
meanwhile begins later, but for what takes an error.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from bpflow.checks.soundness.knowledge import World
from bpflow.checks.soundness.regions import Region, Regions, Target, Way, may_be_empty
from bpflow.graph import Block, Call, Choose, Handler, Join, Step

_END = ""
"""Stands among the flows by which a block is left for the end of the instance."""


class AtOnce:
    """What can happen at once in the regions of a graph."""

    def __init__(self, regions: Regions, world: World) -> None:
        self.regions, self.world = regions, world
        self._left: dict[str, frozenset[str]] = {}
        self._resting: dict[str, bool] = {}

    def rests(self, id: str) -> bool:
        """Whether time may pass at a node; in a block, if it may at some node inside."""
        node = self.regions.nodes[id]
        if not isinstance(node, Block):
            return self.world.rests(node)
        if id not in self._resting:
            self._resting[id] = any(self.rests(one) for region in self._begun(node) for one in region.ways)
        return self._resting[id]

    def takes(self, way: Way) -> bool:
        """Whether a token can take a way before it rests at its node."""
        node = self.regions.nodes[way.node]
        if not isinstance(node, Block):
            return not self.world.rests(node)
        return (way.targets[0].flow.id if way.targets else _END) in self._left_by(node)

    def restless(self, region: Region) -> set[str]:
        """The nodes from which some token goes on and on while no time passes, whatever is chosen. What comes to a join may stay there, and in
        a block that never ends; what ends all else stops those only that do not go on before it has its turn."""
        clearing, ahead = self._clearing(region), self._ahead(region)
        endless = {id for id, ways in region.ways.items() if not ways}

        def calms(way: Way, found: Collection[str]) -> bool:
            if way.node in ahead:
                return False
            cleared = way.ends or any(_clears(region, target, clearing) for target in way.targets)
            at_rest = cleared or all(target.arrives or target.node in found or target.node in endless for target in way.targets)
            return at_rest or isinstance(self.regions.nodes[way.node], Join) or self.rests(way.node)

        return region.ways.keys() - endless - region.least(calms).keys()

    def _ahead(self, region: Region) -> set[str]:
        """The nodes from which a token goes on and on before any other has its turn: of a split it takes the first way, the others come later."""
        passing = {id for id in region.ways if self._passes_on(id)}

        def stops(way: Way, found: Collection[str]) -> bool:
            first = next((target.node for target in way.targets), None)
            return first not in passing or first in found

        return passing - region.least(stops).keys()

    def _passes_on(self, id: str) -> bool:
        """Whether a token that comes to a node goes on at once, and no other before it."""
        node = self.regions.nodes[id]
        return isinstance(node, Step | Choose) or (isinstance(node, Call) and not node.wait)

    def rescues(self, region: Region, lost: Callable[[str], bool]) -> bool:
        """Whether something else could at once cancel a token that goes round for ever among the `lost` nodes."""
        first = self._comes_first(region, lost)
        for at in region.outwards():
            if not first and at.forks and at.path_alone(lost) is None and self.clears(at, lost):
                return True
            first, lost = False, at.key[0].__eq__
        return False

    def _comes_first(self, region: Region, lost: Callable[[str], bool]) -> bool:
        """Whether a token can come to a lost node before any other of the region has its turn."""
        alone = region.reached_by(lambda way: len(way.targets) == 1) if len(region.entries) == 1 else ()
        todo = [*alone, region.entries[0].node]
        found: set[str] = set()
        while todo:
            id = todo.pop()
            if id is not None and id not in found:
                found.add(id)
                todo += [way.targets[0].node for way in region.ways[id] if way.targets and self._passes_on(id)]
        return any(map(lost, found))

    def clears(self, region: Region, lost: Callable[[str], bool] = lambda _: False) -> bool:
        """Whether some token can cancel all else in the region at once when it has begun there, if none of the `lost` nodes is on its way."""
        clearing = self._clearing(region, lost)
        begun = [region.entries, *(way.targets for way in region.forward() if len(way.targets) > 1)]
        return any(_clears(region, target, clearing) for targets in begun for target in targets)

    def _clearing(self, region: Region, lost: Callable[[str], bool] = lambda _: False) -> Collection[str]:
        """The nodes from which a token can cancel all else at once."""

        def clears(way: Way, found: Collection[str]) -> bool:
            return self.takes(way) and not lost(way.node) and (way.ends or any(_clears(region, target, found) for target in way.targets))

        return region.least(clears)

    def _left_by(self, block: Block) -> frozenset[str]:
        """The flows by which a block can be left at once."""
        if block.id not in self._left:
            found = {handler.entry.id for handler in block.handlers if handler.outside and _is_soon(handler)}
            if block.each is not None and may_be_empty(block.each.items.text):
                found.add(block.out.id)
            for region in self._begun(block):
                found |= self._left_from(region, block)
            self._left[block.id] = frozenset(found)
        return self._left[block.id]

    def _left_from(self, region: Region, block: Block) -> set[str]:
        found = {target.flow.id for target in region.entries if target.up}
        for way in (way for id in region.reached_by(self.takes) for way in region.ways[id] if self.takes(way)):
            found |= {target.flow.id for target in way.targets if target.up} | ({_END} if way.ends else set())
        if (region.key[1] < 0 or block.handlers[region.key[1]].cancels) and region.completes_by(self.takes):
            found.add(block.out.id)
        return found

    def _begun(self, block: Block) -> list[Region]:
        """The regions of a block that may begin before time passes."""
        soon = [-1, *(number for number, handler in enumerate(block.handlers) if not handler.outside and _is_soon(handler))]
        return [self.regions.all[block.id, number] for number in soon]


def _clears(region: Region, target: Target, clearing: Collection[str]) -> bool:
    """Whether all else can be cancelled by a token that goes to the target, as it can be from the `clearing` nodes."""
    return bool(target.up) or target.node in clearing or (target.arrives and region.need != "all")


def _is_soon(handler: Handler) -> bool:
    """Whether what may happen meanwhile may begin before time passes."""
    return handler.trigger.kind == "error"
