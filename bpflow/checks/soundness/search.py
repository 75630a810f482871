"""The search through what may stand in a region at once: tokens in places, and tokens that joins hold.

The law of this file: tokens do not hinder each other but at joins, and a join counts by flows, so in whatever order they move the same is
left in the end. It is enough to move one of them at a time, whichever, in all its ways (a persistent set: P. Godefroid, Partial-Order
Methods for the Verification of Concurrent Systems, 1996); the first run to a state is the shortest. Above a bound on states nothing is decided.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from functools import cached_property
from heapq import heappop, heappush
from typing import TypeAlias

from msgspec import Struct, field

from bpflow.checks.soundness.knowledge import NOTHING, Knowledge, Known
from bpflow.checks.soundness.net import End, Net, Option
from bpflow.checks.soundness.regions import Target, Way
from bpflow.graph import Join

MAX_STATES = 10_000
"""The most states of a region that are looked at, if nothing else is said."""
MAX_FIRED = 100
"""The most times that joins fire in one go: above, a token goes round between them until something clears the region."""
MAX_TOKENS, MAX_HELD = 60, 8
"""The most tokens in a state, and the most that a join holds on one flow: above, they may become ever more."""

Counts: TypeAlias = tuple[tuple[str, int], ...]


class State(Struct, frozen=True):
    """What stands in a region: places, once for each token in them; what joins hold, by flow ("" if one of N has fired); what is known; how
    many tokens have run off their list, where the region goes on when there are so many."""

    tokens: tuple[str, ...]
    joins: tuple[tuple[str, Counts], ...] = ()
    known: Known = NOTHING
    arrived: int = 0

    @property
    def waiting(self) -> dict[str, Counts]:
        """The joins that hold tokens and have not fired."""
        return {join: counts for join, counts in self.joins if all(flow for flow, _ in counts)}


class Move(Struct, frozen=True):
    """What has led to a state: the option taken, None at the beginning, and the joins that have fired then."""

    option: Option | None
    fired: tuple[str, ...] = ()


class Search(Struct, dict=True):
    """A search through a net from its entries."""

    net: Net
    knowledge: Knowledge
    entered: Known = NOTHING
    """What is known where the region is entered."""
    most: int = MAX_STATES
    """The most states that are looked at."""
    decided: bool = True
    """Whether all there is has been looked at."""
    came: dict[State, tuple[State | None, Move]] = field(default_factory=dict)
    cost: dict[State, tuple[bool, int]] = field(default_factory=dict)
    """Whether the run to a state rests on choices of which it cannot be told whether they go together; how long it is."""

    firing: set[str] = field(default_factory=set)
    """The joins that have let something go on."""
    looked_at: int = 0
    noted: int = 0
    """How many states have been noted, some of them again by a better run."""

    @cached_property
    def late(self) -> set[str]:
        """The places before which time has passed, so that what others may change may have been changed."""
        return self.net.late(lambda id: self.knowledge.world.rests(self.net.nodes[id])) if self.knowledge.needed else set()

    def finals(self) -> Iterator[State]:
        """The states in which no token can move, those that are certain first, by the length of their runs."""
        todo: list[tuple[bool, int, int, State]] = []
        for begun in self._begin():
            heappush(todo, (False, 0, 0, begun))
        while todo:
            soft, cost, _, state = heappop(todo)
            if self.cost[state] < (soft, cost):
                continue
            self.looked_at += 1
            if self.looked_at > self.most:
                self.decided = False
                return
            place = min((token for token in set(state.tokens) if self.net.options.get(token)), key=self._order, default=None)
            if place is None:
                yield state
                continue
            for option in self.net.options[place]:
                self._take(todo, state, place, option)

    def _take(self, todo: list[tuple[bool, int, int, State]], state: State, place: str, option: Option) -> None:
        """Takes an option of a place, if it can be taken now, and notes the state to which it leads."""
        known = self.knowledge.later(state.known) if place in self.late else state.known
        learned = self.knowledge.after(known, option.way, self._passed(option))
        made = self._moved(state, place, option, learned.known) if learned else None
        if learned is None or made is None:
            return
        following, fired = made
        if len(following.tokens) > MAX_TOKENS or any(count > MAX_HELD for _, counts in following.joins for _, count in counts):
            self.decided = False
            return
        soft, so_far = self.cost[state]
        cost = (soft or learned.uncertain, so_far + option.length)
        if following not in self.cost or cost < self.cost[following]:
            self.cost[following], self.came[following] = cost, (state, Move(option, fired))
            self.noted += 1
            heappush(todo, (*cost, self.noted, following))

    def _order(self, place: str) -> tuple[int, str]:
        return len(self.net.options[place]), place

    def _begin(self) -> Iterator[State]:
        settling = Settling(self.net, State(()))
        made = settling.settled(self.net.entries, self.entered)
        self.firing.update(settling.fired)
        if made is not None:
            self.came[made[0]], self.cost[made[0]] = (None, Move(None, made[1])), (False, 0)
            yield made[0]

    def _moved(self, state: State, place: str, option: Option, known: Known) -> tuple[State, tuple[str, ...]] | None:
        settling = Settling(self.net, state)
        settling.tokens[place] -= 1
        made = settling.settled(option.ends, known)
        self.firing.update(settling.fired)
        return made

    def _passed(self, option: Option) -> list[Way]:
        return [way for target in option.way.targets for way in self.net.passed(target)] if self.knowledge.needed else []

    def run(self, state: State) -> list[Way]:
        """The ways taken on the run to a state, one after the other; a join stands where it fires."""
        found: list[tuple[State | None, Move]] = []
        at: State | None = state
        while at is not None:
            before, move = self.came[at]
            found.append((before, move))
            at = before
        return [way for _, move in reversed(found) for way in self._told(move)]

    def _told(self, move: Move) -> Iterator[Way]:
        if move.option is None:
            for target in self.net.region.entries:
                yield from self.net.passed(target)
        else:
            yield move.option.way
            for target in move.option.way.targets:
                yield from self.net.passed(target)
        for join in move.fired:
            way = self.net.region.ways[join][0]
            yield way
            yield from self.net.passed(way.targets[0])


class Settling:
    """A state into which something is put: then joins fire until none can."""

    def __init__(self, net: Net, state: State) -> None:
        self.net = net
        self.tokens = Counter(state.tokens)
        self.joins = {join: dict(counts) for join, counts in state.joins}
        self.arrived = state.arrived
        self.fired: list[str] = []

    def settled(self, ends: Iterable[End], known: Known) -> tuple[State, tuple[str, ...]] | None:
        """The state with the ends in it, and the joins that have fired. None where something clears the region, or enough has arrived."""
        todo = deque(ends)
        need = self.net.region.need
        while todo:
            end = todo.popleft()
            if end.kind == "at":
                self.tokens[end.place] += 1
            elif end.kind == "join":
                todo.extend(self._joined(end))
            elif end.kind == "off" and need != "all":
                self.arrived += 1
            if end.kind == "gone" or len(self.fired) > MAX_FIRED or (need != "all" and self.arrived >= need):
                return None
        held = tuple((join, tuple(sorted(counts.items()))) for join, counts in sorted(self.joins.items()) if counts)
        return State(tuple(sorted(self.tokens.elements())), held, known, self.arrived), tuple(self.fired)

    def _joined(self, end: End) -> Iterator[End]:
        """Where the tokens come to that a join lets go on when one has come to it."""
        join = self.net.nodes[end.place]
        assert isinstance(join, Join)
        counts = self.joins.setdefault(join.id, {})
        counts[end.flow] = counts.get(end.flow, 0) + 1
        for _ in range(times_fired(join, counts)):
            self.fired.append(join.id)
            yield self.net.end_of(Target(join.out, join.out.up))


def times_fired(join: Join, counts: dict[str, int]) -> int:
    """How often a join lets a token go on, now that one has come; takes those that it uses up out of its counts. One of N that has fired
    takes the others in, and begins anew when one has come on each flow."""
    into, times = join.into, 0
    while True:
        if "" in counts and all(flow in counts for flow in into):
            _use_up(into, counts)
        need = join.need if isinstance(join.need, int) else len(into)
        if "" in counts or sum(flow in counts for flow in into) < max(need, 1):
            return times
        times += 1
        if need < len(into):
            counts[""] = 1
        else:
            _use_up(into, counts)


def _use_up(into: tuple[str, ...], counts: dict[str, int]) -> None:
    counts.pop("", None)
    for flow in into:
        if counts.get(flow, 0) > 1:
            counts[flow] -= 1
        else:
            counts.pop(flow, None)
