"""What is wrong with the flow of a graph: a verdict for each mistake, with the shortest run that shows it.

The law of this file: a verdict is about one region, and of what follows from a mistake nothing is told. Whatever is not told is sound, or
there is a verdict that says that it is not decided.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Set
from functools import cached_property
from typing import Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from bpflow.checks.cycles import cycles
from bpflow.checks.soundness.at_once import AtOnce
from bpflow.checks.soundness.knowledge import NOTHING, Domain, Knowledge, Known, World
from bpflow.checks.soundness.net import PARKED, Net
from bpflow.checks.soundness.regions import Key, Region, Regions, Way, is_every
from bpflow.checks.soundness.search import Search, State
from bpflow.graph import ENTRIES, Graph, Join, flows, handlers_of

Rule: TypeAlias = Literal["waits-for-ever", "surplus-token", "out-of-reach", "no-way-to-end", "livelock", "done-twice", "cancels-others", "not-decided"]
MORE_STATES = 1_000
"""The most states that are looked at for another mistake where there is one."""
FEW_STATES = 2_000
"""The most states that are looked at for an advice."""
MOST_FOLLOWED = 100_000
"""The most nodes that are followed from splits on to find what is done twice."""


class Verdict(Struct, frozen=True):
    """A mistake: at a node of a region, with the ways taken in that region until it shows. `flows`: those on which a join waits, or has too
    much; the nodes of a circle. `uncertain`: it may be that the choices on the run cannot go together."""

    rule: Rule
    region: Region
    node: str
    run: tuple[Way, ...] = ()
    flows: tuple[str, ...] = ()
    uncertain: bool = False


class Examination:
    """The regions of a graph under examination."""

    def __init__(self, graph: Graph, domain: Domain = lambda _: None) -> None:
        self.graph = graph
        self.regions = Regions(graph)
        self.world = World(graph, domain)
        self.at_once = AtOnce(self.regions, self.world)
        self.handlers = handlers_of(graph)
        self.stuck: set[Key] = set()
        """The regions in which a join waits for a step that is not reached, which is told as such."""
        self.firing: set[str] = set()
        """The joins that have let something go on in a search."""

    @cached_property
    def verdicts(self) -> list[Verdict]:
        """All that is wrong, each mistake once."""
        found: dict[tuple[Rule, str], Verdict] = {}
        for region in self.regions.all.values():
            for verdict in self._of(region):
                found.setdefault((verdict.rule, verdict.node), verdict)
        return [*found.values()]

    def _of(self, region: Region) -> Iterator[Verdict]:
        joins = [*self._joins(region)]
        wrong = [verdict for verdict in joins if verdict.rule != "not-decided"]
        if not wrong and region.key not in self.stuck:
            wrong = [*self._endless(region)]
        yield from wrong or joins
        if region.forks and not wrong:
            yield from self._twice(region)
            yield from self._cancels(region)

    # ── what never ends ────────────────────────────────────────────────────────────────────────────────────────────
    def _endless(self, region: Region) -> Iterator[Verdict]:
        """Tokens that can neither come to an end nor be cancelled: first those that never rest, whatever others may do later. What stays at a join,
        or in a block that never ends, goes round no more."""
        staying = {id for id, ways in region.ways.items() if not ways or not self._lets_go_on(id)}
        lost = region.ways.keys() - region.finishing(staying).keys() - staying
        told: set[str] = set()
        if lost or region.forks:
            yield from self._going_round(region, self.at_once.restless(region), told)
        if not (self.graph.stages and not region.key[0]):
            yield from self._going_round(region, lost, told)

    def _going_round(self, region: Region, lost: Set[str], told: set[str]) -> Iterator[Verdict]:
        """Tokens that go round among the lost nodes, which none leaves, and that nothing cancels. A circle that leads to one that is `told` may be in order
        without that."""
        after = {id: [one for way in ways for one in way.leads_to if one in lost] for id, ways in region.ways.items() if id in lost}
        for nodes in reversed([*cycles(after)]):
            verdict = self._round(region, nodes, lost) if told.isdisjoint(nodes) else None
            if verdict is not None:
                told |= self.upstream(region, verdict.node)
                yield verdict

    def _round(self, region: Region, nodes: Set[str], lost: Set[str]) -> Verdict | None:
        """A token that goes round among some of the lost nodes."""
        one = next(iter(nodes))
        before = lost & self.upstream(region, one)
        rests = any(self.at_once.rests(id) for id in self._lost_from(region, one, lost))
        rescued = region.rescued(before.__contains__) if rests else self.at_once.rescues(region, before.__contains__)
        way_there = None if rescued else self._way_there(region, nodes, before)
        if way_there is None:
            return None
        begun = [Way(region.key[0], region.entries), *way_there]
        first = next(id for way in reversed(begun) for id in way.leads_to if id in nodes)
        passed, circle = self._circle(region, first, nodes)
        return Verdict("no-way-to-end" if rests else "livelock", region, circle[0], (*way_there, *passed), tuple(circle))

    def _way_there(self, region: Region, nodes: Set[str], before: Set[str]) -> list[Way] | None:
        """The way of a token to the nodes: where it can be, alone until it comes to those `before` them from which none is left."""

        def taken(way: Way) -> bool:
            return self._lets_go_on(way.node)

        def alone(way: Way) -> bool:
            return taken(way) and (len(way.targets) == 1 or way.node in before)

        found = region.path_by(alone, nodes.__contains__) if len(region.entries) == 1 else None
        found = region.path_by(taken, nodes.__contains__) if found is None else found
        gathers = any(isinstance(self.regions.nodes[way.node], Join) for way in found or ())
        return (self._run_to(region, nodes) or found) if gathers else found

    def _run_to(self, region: Region, nodes: Set[str]) -> list[Way]:
        """The run of all tokens that are needed for one to come to the nodes; none if it is not among few states."""
        search = replace(self._searching(region, Net(region, self.regions.nodes, sinks=nodes)), most=FEW_STATES)
        for _ in search.finals():
            pass
        state = next((state for state in search.came if not nodes.isdisjoint(state.tokens)), None)
        return search.run(state) if state else []

    def _lets_go_on(self, id: str) -> bool:
        """Whether what comes to a node may go on from there: a join may keep it for ever."""
        return id in self.firing or not isinstance(self.regions.nodes[id], Join)

    def _circle(self, region: Region, id: str, nodes: Set[str]) -> tuple[list[Way], list[str]]:
        """The ways by which a token at one of the nodes gets into a circle of them, and that circle."""
        passed: dict[str, Way] = {}
        while id not in passed:
            found = [(way, one) for way in region.ways[id] for one in way.leads_to if one in nodes]
            passed[id], id = min(found, key=lambda one: isinstance(self.regions.nodes[one[1]], Join))  # a join may not go on
        circle = [*passed][[*passed].index(id) :]
        return [passed[one] for one in passed if one not in circle], circle

    def _lost_from(self, region: Region, one: str, lost: Set[str]) -> set[str]:
        """The lost nodes to which a token can come from one of them."""
        found: set[str] = set()
        todo = [one]
        while todo:
            id = todo.pop()
            if id not in found and id in lost:
                found.add(id)
                todo += [after for way in region.ways[id] for after in way.leads_to]
        return found

    # ── joins ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def _joins(self, region: Region) -> Iterator[Verdict]:
        """Joins that wait for what cannot come, or keep what nobody fetches."""
        joins = [node for id in region.joins if isinstance(node := self.regions.nodes[id], Join)]
        if not joins or any(join.need == "live" for join in joins):
            return
        search = self._search(region)
        found = [*self._stuck_in(region, search)]
        if not found and search.entered != NOTHING and self._has_another_way_in(region, search.knowledge):
            search = replace(self._search(region), entered=NOTHING)
            found = [replace(verdict, uncertain=True) for verdict in self._stuck_in(region, search)]
        self.firing |= search.firing
        yield from found
        if not search.decided and not found:
            yield Verdict("not-decided", region, region.joins[0])

    def _has_another_way_in(self, region: Region, knowledge: Knowledge) -> bool:
        """Whether a region can be entered with something else known of what is chosen in it."""
        for at in region.outwards():
            block, around = at.key[0], at.around
            for way in around.path(block.__eq__) if around else ():
                if around and knowledge.concerns(way) and around.reaches(block, without=way):
                    return True
        return False

    def _stuck_in(self, region: Region, search: Search) -> Iterator[Verdict]:
        told = set[str]()
        for state in search.finals():
            join = self._first_of(region, [*state.waiting])
            if join is not None and join not in told:
                told.add(join)
                search.most = min(search.most, search.looked_at + MORE_STATES)
                yield from self._stuck(region, search, state, join)
            if len(told) == len(region.joins):
                return

    def _search(self, region: Region) -> Search:
        """The search through a region. What the choices read that are left in the net must be left in it too."""
        kept: set[str] = set()
        while True:
            net = Net(region, self.regions.nodes, kept)
            knowledge = Knowledge(self.world, _nodes(net))
            if knowledge.kept <= kept:
                return Search(net, knowledge, self._entered(region, knowledge))
            kept |= knowledge.kept

    def _entered(self, region: Region, knowledge: Knowledge) -> Known:
        """What is known where a region is entered, if anything in it is chosen."""
        return knowledge.entered(region.way_in()) if knowledge.needed else NOTHING

    def _first_of(self, region: Region, waiting: list[str]) -> str | None:
        """Of the joins that wait, one that does not wait because of another."""
        before = {join: self.upstream(region, join) for join in waiting}
        return next((join for join in waiting if not any(other in before[join] for other in waiting if other != join)), next(iter(waiting), None))

    def upstream(self, region: Region, node: str) -> set[str]:
        """The nodes from which a token can come to a node."""
        found: set[str] = set()
        todo = [node]
        while todo:
            for id in region.before[todo.pop()]:
                if id not in found:
                    found.add(id)
                    todo.append(id)
        return found

    def _stuck(self, region: Region, search: Search, state: State, join: str) -> Iterator[Verdict]:
        node = self.regions.nodes[join]
        assert isinstance(node, Join)
        held = state.waiting[join]
        missing = tuple(flow for flow in node.into if flow not in dict(held))
        if any((source := self.sources[flow]) and source not in self.regions.reached for flow in missing):
            self.stuck.add(region.key)
            return
        run = tuple(search.run(state))
        if isinstance(node.need, int) and node.need > len(node.into):
            yield Verdict("out-of-reach", region, join, run, node.into, search.cost[state][0])
            return
        again = any(way.node == join for way in run) or any(count > 1 for _, count in held)
        flows = tuple(flow for flow, _ in held) if again else missing
        yield Verdict("surplus-token" if again else "waits-for-ever", region, join, run, flows, search.cost[state][0])

    @cached_property
    def sources(self) -> dict[str, str]:
        """Flow → the node from which it comes, "" for those into the process."""
        found = {flow.id: "" for flow in (*self.graph.entry, *(handler.entry for handler in self.graph.handlers))}
        return found | {flow.id: node.id for node in self.graph.nodes for flow in flows(node)}

    # ── several tokens ─────────────────────────────────────────────────────────────────────────────────────────────
    def _twice(self, region: Region) -> Iterator[Verdict]:
        """Steps to which two branches come, one after the other."""
        whole = Net(region, self.regions.nodes)
        merges = {id for id in self._merges(region) if self.at_once.rests(id) or id not in whole.parts or whole.parts[id] is not None}
        for _ in range(3):
            if not merges:
                return
            net = Net(region, self.regions.nodes, sinks=merges)
            search = self._searching(region, net)
            seen, twice = set[str](), set[str]()
            for state in search.finals():
                seen |= {*state.tokens}
                for node, times in Counter(state.tokens).items():
                    if times > 1 and node in merges - twice:
                        twice.add(node)
                        yield Verdict("done-twice", region, node, tuple(search.run(state)), uncertain=search.cost[state][0])
            merges = set() if twice else merges - seen

    def _searching(self, region: Region, net: Net) -> Search:
        knowledge = Knowledge(self.world, _nodes(net))
        return Search(net, knowledge, self._entered(region, knowledge))

    def _merges(self, region: Region) -> set[str]:
        """The nodes to which several branches of one split lead by different flows, without a join before them."""
        into: dict[str, set[str]] = {}
        forks = [[target.node for target in region.entries if target.node]]
        for way in region.forward():
            for target in way.targets:
                if target.node is not None:
                    into.setdefault(target.node, set()).add(target.flow.id)
        forks += [[t.node for t in way.targets if t.node] for way in region.forward()]
        forks += [[t.node for way in ways for t in way.targets if t.node] for id, ways in region.ways.items() if is_every(self.regions.nodes[id])]
        found: set[str] = set()
        steps = 0
        for fork in (fork for fork in forks if len(fork) > 1):
            branches = [self._branch(region, branch) for branch in fork]
            found |= {id for id, times in Counter(id for branch in branches for id in branch).items() if times > 1 and len(into.get(id, ())) > 1}
            steps += sum(map(len, branches))
            if steps > MOST_FOLLOWED:
                break
        return found

    def _branch(self, region: Region, id: str) -> set[str]:
        """The nodes that a branch leads to before any join."""
        found: set[str] = set()
        todo = [id]
        while todo:
            id = todo.pop()
            if id not in found and not isinstance(self.regions.nodes[id], Join):
                found.add(id)
                todo += [one for way in region.ways[id] for one in way.leads_to]
        return found

    def _cancels(self, region: Region) -> Iterator[Verdict]:
        """Steps that lead out of a block while others in it may be open."""
        leaving = {node for target, node in region.exits() if node}
        if not leaving or region.key[0].endswith(tuple(f":{suffix}" for suffix in ENTRIES)):
            return
        resting = {id for id in region.ways if self.world.rests(self.regions.nodes[id])} - leaving
        net = Net(region, self.regions.nodes, sinks=leaving, parking=resting)
        search = replace(self._searching(region, net), most=FEW_STATES)
        for state in search.finals():
            first = next((token for token in state.tokens if token in leaving), None)
            if first is not None and (len(state.tokens) > 1 or state.waiting):
                others = tuple(dict.fromkeys(token.rstrip(PARKED) for token in state.tokens if token != first))
                yield Verdict("cancels-others", region, first, tuple(search.run(state)), others, search.cost[state][0])
                return


def _nodes(net: Net) -> set[str]:
    """The nodes that are places of a net."""
    return {place.partition("#")[0] for place in net.options}


def examine(graph: Graph, domain: Domain = lambda _: None) -> list[Verdict]:
    """What is wrong with the flow of a graph."""
    return Examination(graph, domain).verdicts
