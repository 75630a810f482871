"""The net of a region: its nodes, reduced to those at which something is decided that matters to its joins.

The law of this file: a node from which every way comes to the same place is no place of its own, but a part of the way there; so is a
way that leaves the region or ends the instance none for those who ask what is left in it. Every part is kept, so a run through the
net can be told as a run through the region.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from bpflow.checks.soundness.regions import Region, Target, Way
from bpflow.graph import Choose, Join, Node


class End(Struct, frozen=True):
    """Where a token rests next: `at` a place; in the `join`, come by that flow; `off` its list; or `gone` from what is looked at: it can only
    clear the region, or stays in it for ever."""

    kind: Literal["at", "join", "off", "gone"]
    place: str = ""
    flow: str = ""


OFF, GONE = End("off"), End("gone")
PARKED = "!"
"""What stands behind the name of a node in that of the place where a token has come to it and stays."""


class Option(Struct, frozen=True):
    """One way on from a place, and where its tokens come to."""

    way: Way
    ends: tuple[End, ...]
    length: int = 1
    """How many ways are taken by it, those that are passed on the way to its ends included."""


class Net:
    """The places of a region with their options. Nodes of `kept` and `sinks` are places whatever they are; a token stays in a sink, and may
    stay at a node of `parking`."""

    def __init__(
        self, region: Region, nodes: Mapping[str, Node], kept: Collection[str] = (), sinks: Collection[str] = (), parking: Collection[str] = ()
    ) -> None:
        self.region, self.nodes, self.kept, self.sinks, self.parking = region, nodes, {*kept, *parking}, sinks, parking
        self.raw: dict[str, list[Option]] = {}
        self.parts: dict[str, Option | None] = {}
        """The nodes that are parts of a way, with how it goes on; None where nothing goes on."""
        for id, ways in region.ways.items():
            if not isinstance(nodes[id], Join) and id not in sinks:
                self._read(id, ways)
        self._reduce()
        self.options = {place: [*map(self._measured, self._live(place))] for place in self.raw if place not in self.parts}
        self.entries = tuple(self.end_of(target) for target in region.entries)

    def _read(self, id: str, ways: tuple[Way, ...]) -> None:
        """The options of a node as they stand. One that begins any number of its ways is a place for each of them."""
        node = self.nodes[id]
        if not isinstance(node, Choose) or node.hit != "every":
            self.raw[id] = [Option(way, tuple(self._first(target) for target in way.targets)) for way in ways if not way.clears]
            self.raw[id] += [Option(Way(id, ()), (End("at", id + PARKED),))] if id in self.parking else []
            return
        arms = {f"{id}#{number}": way for number, way in enumerate(ways[: len(node.arms)])}
        self.raw[id] = [Option(Way(id, ()), tuple(End("at", place) for place in arms))]
        for place, way in arms.items():
            self.raw[place] = [Option(way, tuple(self._first(target) for target in way.targets)), Option(Way(id, ()), ())]

    def _first(self, target: Target) -> End:
        """Where a target leads to as it stands."""
        if target.node is None:
            return OFF if target.arrives else GONE
        if isinstance(self.nodes[target.node], Join):
            return End("join", target.node, target.flow.id)
        return End("at", target.node)

    def _reduce(self) -> None:
        todo = list(self.raw)
        while todo:
            place = todo.pop()
            if place not in self.raw or place in self.parts or place in self.kept:
                continue
            live = self._live(place)
            if not live or (len(live[0].ends) == 1 and all(option.ends == live[0].ends for option in live)):
                self.parts[place] = live[0] if live else None
                todo += self.region.before.get(place, ())

    def _live(self, place: str) -> list[Option]:
        """The options of a place that lead on to another one, as far as the parts of their ways are known."""
        found = [Option(option.way, tuple(map(self.rest, option.ends))) for option in self.raw[place]]
        return [option for option in found if GONE not in option.ends and option.ends != (End("at", place),)]

    def _measured(self, option: Option) -> Option:
        return replace(option, length=1 + sum(len(self.passed(target)) for target in option.way.targets))

    def late(self, rests: Callable[[str], bool]) -> set[str]:
        """The places to which a token comes after one of the nodes where it `rests`."""
        targets = [*self.region.entries, *(target for way in self.region.forward() for target in way.targets)]
        return {self.end_of(target).place for target in targets if any(rests(way.node) for way in self.passed(target))}

    def rest(self, end: End) -> End:
        """Where a token rests that has come to an end of a way."""
        while end.kind == "at" and end.place in self.parts:
            part = self.parts[end.place]
            end = part.ends[0] if part else GONE
        return end

    def end_of(self, target: Target) -> End:
        """Where a token rests that goes to the target."""
        return self.rest(self._first(target))

    def passed(self, target: Target) -> list[Way]:
        """The ways that such a token takes before."""
        found: list[Way] = []
        end = self._first(target)
        while end.kind == "at" and (part := self.parts.get(end.place)) is not None:
            found.append(part.way)
            end = next(self._first(after) for after in part.way.targets) if part.way.targets else part.ends[0]
        return found
