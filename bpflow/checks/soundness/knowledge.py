"""What is known on a run: what conditions have come to, which outcomes were chosen. Two choices about one thing must go together.

The law of this file: a choice is forbidden only where it contradicts what is certain, and nothing could have changed in between. Of a
choice about something that another one was about, and of which that does not decide, it cannot be told whether the two go together: a
run with such a pair is uncertain.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import cached_property
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from bpflow.checks.soundness.regions import Way
from bpflow.expressions import parse
from bpflow.expressions.facts import Constant, Fact, Facts, assume, decided
from bpflow.graph import Block, Call, Choose, Expr, Flow, Graph, Node, Task, Wait, changes, is_inside, step_of

AT_ONCE = ("documents.", "notify", "calendar.", "messages.", "people.")
"""What the names of services begin with that answer in the same moment."""
Domain: TypeAlias = Callable[[tuple[str, ...]], frozenset[Constant] | None]
"""All values that there can be at a path, if they are few and known."""
_OWN = ("initiator",)
_SAME = frozenset({"len", "sum", "min", "max", "any", "all", "list", "coalesce", "unique", "join", "date", "datetime", "lower", "upper", "text", "contains"})
"""Functions that give the same for the same."""


class Said(Struct, frozen=True):
    """That a condition has come to a truth, at a node; `old`: what it reads may have changed since then."""

    node: str
    text: str
    truth: bool
    old: bool = False


class Known(Struct, frozen=True):
    """What is certain, and what was said."""

    facts: Facts = frozenset()
    said: frozenset[Said] = frozenset()


class Learned(Struct, frozen=True):
    """What is known after a step, and whether it could be that the step cannot be taken."""

    known: Known
    uncertain: bool = False


NOTHING = Known()


class Knowledge:
    """What the steps of a graph tell. `places`: the nodes between which is chosen, as far as that matters."""

    def __init__(self, world: World, places: Collection[str]) -> None:
        self.world = world
        self.places = {id for id in places if isinstance(world.nodes[id], Choose)}
        self.blocks = {id for id in places if isinstance(world.nodes[id], Block)}
        self.needed = bool(self.places)

    @cached_property
    def clouded(self) -> set[str]:
        """The blocks of which the way out may hang on what is chosen about elsewhere."""
        reads = {id: {path for text in conditions(self.world.nodes[id]) for path in self.world.reads(text)} for id in self.places}
        reads |= {id: {path for text in self.world.inside(id) for path in self.world.reads(text)} for id in self.blocks}
        others = {id: [path for other, paths in reads.items() if other != id for path in paths] for id in self.blocks}
        return {id for id, paths in others.items() if any(overlap(path, own) for path in paths for own in reads[id])}

    @cached_property
    def roots(self) -> set[str]:
        """The names from which on is read what is chosen about."""
        return {path[0] for id in self.places for text in conditions(self.world.nodes[id]) for path in self.world.reads(text)}

    def concerns(self, way: Way) -> bool:
        """Whether a way tells something of what is chosen about."""
        node = self.world.nodes.get(way.node)
        read = {path[0] for text in conditions(node) for path in self.world.reads(text)} if isinstance(node, Choose) else set()
        told = outcome_of(node, way.targets[0].flow) if node and way.targets else None
        return not read.isdisjoint(self.roots) or (told is not None and told.names[0] in self.roots)

    def entered(self, before: Iterable[Way]) -> Known:
        """What is known where a region is entered on that way."""
        known = NOTHING
        for way in before:
            node = self.world.nodes.get(way.node)
            learned = self._choice(known, way) if isinstance(node, Choose) else None
            known = learned.known if learned else self._forgot(known, way) if node else known
        return known

    @cached_property
    def kept(self) -> set[str]:
        """The nodes that write what the choices read."""
        return {id for id, names in self.world.writes.items() if not names.isdisjoint(self.roots)}

    def after(self, known: Known, way: Way, passed: Iterable[Way]) -> Learned | None:
        """What is known when a way is taken, and those after it are passed. None: with what is known it cannot be taken."""
        if not self.needed:
            return Learned(known, way.node in self.clouded)
        learned = self._choice(known, way) if way.node in self.places else Learned(self._forgot(known, way))
        if learned is None:
            return None
        known = learned.known
        for one in passed:
            known = self._forgot(known, one)
        return Learned(known, learned.uncertain or way.node in self.clouded)

    # ── choices ────────────────────────────────────────────────────────────────────────────────────────────────────
    def _choice(self, known: Known, way: Way) -> Learned | None:
        node = self.world.nodes[way.node]
        assert isinstance(node, Choose)
        uncertain = False
        for condition, truth in decisions(node, way.targets[0].flow if way.targets else None):
            learned = self._learn(known, node.id, condition.text, truth)
            if learned is None:
                return None
            known, uncertain = learned.known, uncertain or learned.uncertain
        return Learned(known, uncertain)

    def _learn(self, known: Known, node: str, text: str, truth: bool) -> Learned | None:
        tree = parse(text).tree
        facts = assume(tree, truth, known.facts)
        if facts is None or self.world.is_exhausted(facts):
            return None
        earlier = [said for said in known.said if said.text == text and not (said.old and said.node == node)]
        if any(said.truth is not truth and not said.old for said in earlier) and not self.world.asks(text):
            return None
        uncertain = any(said.truth is not truth for said in earlier)
        if not earlier and decided(tree, known.facts) is None:
            uncertain = any(self._touches(said, node, text, facts) for said in known.said)
        said = {one for one in known.said if one.text != text}
        return Learned(Known(facts, frozenset({*said, Said(node, text, truth)})), uncertain)

    def _touches(self, said: Said, node: str, text: str, facts: Facts) -> bool:
        """Whether a condition is about what was said before, and facts do not tell whether the two go together."""
        if said.node == node:
            return False
        shared = {path for path in self.world.reads(text) for other in self.world.reads(said.text) if overlap(path, other)}
        return any(not any(fact.equal and fact.names == path for fact in facts) for path in shared)

    # ── changes ────────────────────────────────────────────────────────────────────────────────────────────────────
    def _forgot(self, known: Known, way: Way) -> Known:
        """Without what the node writes; where time passes, what others may change is old."""
        node = self.world.nodes[way.node]
        written = self.world.writes.get(way.node, frozenset())
        if written:
            facts = frozenset(fact for fact in known.facts if fact.names[0] not in written)
            said = frozenset(one for one in known.said if written.isdisjoint(path[0] for path in self.world.reads(one.text)))
            known = Known(facts, said)
        if self.world.rests(node):
            known = self.later(known)
        chosen = outcome_of(node, way.targets[0].flow if way.targets else None)
        return Known(known.facts | {chosen}, known.said) if chosen else known

    def later(self, known: Known) -> Known:
        """What is known when time has passed."""
        if known == NOTHING:
            return known
        facts = frozenset(fact for fact in known.facts if not self.world.is_open(fact.names))
        return Known(facts, frozenset(replace(one, old=True) if self.world.is_fickle(one.text) else one for one in known.said))


class World:
    """What the nodes of a graph read and write, and what may change while time passes."""

    def __init__(self, graph: Graph, domain: Domain = lambda _: None) -> None:
        self.nodes: Mapping[str, Node] = {node.id: node for node in graph.nodes}
        self.domain = domain
        self._fixed = {name for name, _ in graph.inputs} | {variable.name for variable in graph.variables} | {*_OWN}
        self._given = {name for node in graph.nodes for name in changes(node)}
        self._reads: dict[str, frozenset[tuple[str, ...]]] = {}

    @cached_property
    def writes(self) -> Mapping[str, frozenset[str]]:
        """Node → the names that it writes, or forgets."""
        return {id: names for id, node in self.nodes.items() if (names := changes(node))}

    def inside(self, block: str) -> list[str]:
        """The conditions of choices inside of a block."""
        path = step_of(block)
        within = (node for id, node in self.nodes.items() if id != block and (step_of(id) == path or is_inside(id, path)))
        return [text for node in within for text in conditions(node)]

    def reads(self, text: str) -> frozenset[tuple[str, ...]]:
        """The paths that a condition reads."""
        if text not in self._reads:
            self._reads[text] = frozenset(path.names for path in parse(text).paths)
        return self._reads[text]

    def is_exhausted(self, facts: Facts) -> bool:
        """Whether some path is said to equal none of the values that it can have."""
        denied: dict[tuple[str, ...], set[Constant]] = {}
        for fact in facts:
            if not fact.equal:
                denied.setdefault(fact.names, set()).add(fact.value)
        return any((domain := self.domain(names)) is not None and domain <= values for names, values in denied.items() if len(values) > 1)

    def is_open(self, names: tuple[str, ...]) -> bool:
        """Whether what stands there may be changed from outside."""
        own = 1 if names[0] in self._fixed else 2 if names[0] in self._given else 0
        return len(names) > own

    def is_fickle(self, text: str) -> bool:
        """Whether a condition may come to something else after a time, though the instance has written nothing."""
        return any(self.is_open(names) for names in self.reads(text)) or self.asks(text)

    def asks(self, text: str) -> bool:
        """Whether a condition asks the clock, the calendar or the directory."""
        return any(name not in _SAME for name, _ in parse(text).calls)

    def rests(self, node: Node) -> bool:
        """Whether time may pass at a node."""
        return isinstance(node, Task | Wait | Block) or (isinstance(node, Call) and node.wait and not node.service.startswith(AT_ONCE))


def conditions(node: Node) -> list[str]:
    """The conditions of a choice."""
    return [condition.text for condition, _ in node.arms] if isinstance(node, Choose) else []


def decisions(node: Choose, taken: Flow | None) -> Iterator[tuple[Expr, bool]]:
    """What the conditions of a choice have come to where it has taken a flow (None: it has not taken it)."""
    for condition, flow in node.arms:
        if flow == taken:
            yield condition, True
            return
        if node.hit == "first":
            yield condition, False


def outcome_of(node: Node, taken: Flow | None) -> Fact | None:
    """What a way out of a task or of a race says of its results."""
    if isinstance(node, Task) and node.gives:
        return next((Fact((node.gives, "outcome"), True, name) for name, flow in node.outcomes if flow == taken), None)
    if isinstance(node, Wait) and node.gives and node.names:
        return next((Fact((node.gives, "won"), True, name) for name, (_, flow) in zip(node.names, node.arms, strict=True) if flow == taken), None)
    return None


def overlap(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether two paths lead to the same, or one through the other."""
    return one[: len(other)] == other[: len(one)]
