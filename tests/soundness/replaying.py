"""A run of the checker, replayed in the engine: each way that it says is taken is taken there, or the test fails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from msgspec.structs import replace

from bpflow.checks.soundness import Examination, Verdict, Way
from bpflow.checks.soundness.runs import is_begun, whole
from bpflow.engine import Program, State, advance
from bpflow.engine.codec import decode_facts
from bpflow.engine.events import Answered, Commanded, Done, Event, Started, TimerFired
from bpflow.engine.state import Token
from bpflow.graph import Call, Choose, Flow, Task, Wait
from tests.engine.play import HOUR, IVANOV, T, World
from tests.soundness import exploring

WAITED = ("waits-for-ever", "surplus-token", "out-of-reach")


class Replay:
    """An instance that goes the ways of a run. What a choice comes to is the next that the run says of that choice."""

    def __init__(self, program: Program, ways: Sequence[Way], forever: Sequence[Way] = ()) -> None:
        self.program, self.entered, self.cleared = program, Counter[str](), list[str]()
        self.wrong: list[str] = []
        self.chosen: dict[str, list[tuple[Flow, ...]]] = {}
        for way in ways:
            self._note(way)
        self.state: State = self._send(None, Started(T, by=IVANOV))
        self._play([*ways])
        for _ in range(2 * exploring.MAX_HOPS if forever else 0):
            for way in forever:
                self._note(way)
            self._play([way for way in forever for _ in range(exploring.MAX_TOKENS)])

    def _note(self, way: Way) -> None:
        node = self.program.nodes.get(way.node)
        if isinstance(node, Choose) and way.targets:
            known = self.chosen.setdefault(way.node, [])
            if node.hit == "every" and known:
                known[0] = tuple(flow for _, flow in node.arms if flow in (*known[0], way.targets[0].flow))
            else:
                known.append((way.targets[0].flow,))

    def _send(self, state: State | None, event: Event) -> State:
        decided: list[tuple[Flow, ...]] = []
        while True:
            exploring.DECIDED[:], exploring.WRONG[:] = decided, ()
            before = {id: [*flows] for id, flows in self.chosen.items()}
            try:
                done = advance(self.program, state, event, World())
                break
            except exploring.Undecided as undecided:
                for node, flows in before.items():
                    self.chosen[node] = flows
                told = self.chosen.get(undecided.node.id) or [next(exploring.alternatives(undecided.node))]
                decided.append(told.pop(0))
        self.wrong += exploring.WRONG
        facts = decode_facts(self.program, done.facts)
        self.entered.update(what for kind, _, what in facts if kind == "took")
        self.cleared += [what for kind, _, what in facts if kind == "cleared"]
        return done.state

    def _play(self, ways: list[Way]) -> None:
        """Takes the first of the ways for which a token waits, until none does; what only happens by itself is not in the run."""
        while self.state.status == "running" and not self.state.incidents:
            found = next(((way, event) for way in ways if (event := self._event(way)) is not None), None)
            if found is None:
                return
            ways.remove(found[0])
            self.state = self._send(self.state, found[1])

    def _event(self, way: Way) -> Event | None:
        if is_begun(way):
            assert way.within is not None
            block, number = way.within[0]
            scope = next((one for one in self.state.scopes.values() if one.block == block and one.arms is not None and one.handler < 0), None)
            return Commanded(self.state.at, IVANOV, scope.id, number) if scope else None
        token = next((one for one in self.state.tokens.values() if one.node == way.node and one.status == "waiting"), None)
        if token is None or not way.targets or not isinstance(self.program.nodes.get(way.node), Task | Wait | Call):
            return None
        return self._of(token, way.targets[0].flow)

    def _of(self, token: Token, flow: Flow) -> Event | None:
        node, at = self.program.nodes[token.node], self.state.at
        assert token.waiting is not None
        if isinstance(node, Task):
            return Answered(at, IVANOV, token.id, token.visit, next(name for name, one in node.outcomes if one == flow))
        if isinstance(node, Call):
            return Done(at, token.id, token.visit, local=True)
        assert isinstance(node, Wait)
        number, trigger = next((number, trigger) for number, (trigger, one) in enumerate(node.arms) if one == flow)
        if trigger.kind == "command":
            return Commanded(at, IVANOV, token.id, number, visit=token.visit)
        due = token.waiting.arms.due[number]
        return TimerFired(max(at, due) + HOUR, token.id, number, due)


def circle(verdict: Verdict) -> list[Way]:
    """One turn of what goes round."""
    following = [*verdict.flows[1:], verdict.flows[0]]
    pairs = zip(verdict.flows, following, strict=True)
    return [next(way for way in verdict.region.ways[node] if after in [target.node for target in way.targets]) for node, after in pairs]


def shows(examination: Examination, verdict: Verdict) -> bool:
    """Whether what the verdict says is so in the engine after its run."""
    program = Program(examination.graph)
    ways = whole(examination, verdict)
    turn = whole(examination, replace(verdict, run=(*verdict.run, *circle(verdict))))[len(ways) :] if verdict.rule in ("livelock", "no-way-to-end") else []
    replay = Replay(program, ways, turn)
    if verdict.rule in WAITED:
        return any(incident.kind == "stuck" for incident in replay.state.incidents)
    if verdict.rule == "livelock":
        return any("without a wait" in message or "in one scope" in message for message in replay.wrong)
    if verdict.rule == "no-way-to-end":
        after = exploring.explore(examination.graph, 400, replay.state)
        return not after.whole or not any(state.status == "ended" for state in after.states.values())
    if verdict.rule == "done-twice":
        into = {target.flow.id for way in verdict.region.forward() for target in way.targets if target.node == verdict.node}
        return sum(replay.entered[flow] for flow in into) > 1
    return True
