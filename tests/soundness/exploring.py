"""Everything that can happen to an instance: all orders of answers, times, buttons and calls, and all that conditions can come to.

The law of this file: it is the engine that runs, event by event, with one thing changed: what a choice comes to is decided here, not by
data. So it knows nothing of what it is compared with.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import pytest

from bpflow.diagnostics import Message
from bpflow.engine import Program, State, advance, interpreter, nodes
from bpflow.engine.draft import Draft
from bpflow.engine.events import Answered, Commanded, Done, Event, Started, TimerFired
from bpflow.engine.nodes import fork
from bpflow.engine.state import ROOT, Scope, Token
from bpflow.graph import Call, Choose, Flow, Graph, Task, Wait
from tests.engine.play import HOUR, IVANOV, T, World

MAX_HOPS, MAX_LIVE, MAX_TOKENS = 40, 45, 9
MAX_CHOICES = 6
"""The most choices that are looked at in the course of one event."""


class Undecided(BaseException):
    """A choice is come to for which nothing is decided yet."""

    def __init__(self, node: Choose) -> None:
        self.node = node


DECIDED: list[tuple[Flow, ...]] = []
"""What the next choices come to."""


WRONG: list[str] = []
"""What has gone wrong in the course of an event, also where the instance has come to its end after that."""


def incident(draft: Draft, kind: str, node: str, message: Message, **where: int | None) -> None:
    """An incident as the engine would make it."""
    WRONG.append(str(message))
    INCIDENT(draft, kind, node, message, **where)


INCIDENT = Draft.incident


def choose(draft: Draft, token: Token, node: Choose) -> Flow | None:
    """The choice as the engine would make it, whatever data there are."""
    if not DECIDED:
        raise Undecided(node)
    return fork(draft, token, DECIDED.pop(0))


def alternatives(node: Choose) -> Iterator[tuple[Flow, ...]]:
    """All that a choice can come to without a fault."""
    arms = [flow for _, flow in node.arms]
    if node.hit == "every":
        for size in range(max(node.least, 1), len(arms) + 1):
            yield from combinations(arms, size)
    else:
        yield from ((flow,) for flow in arms)
    if node.otherwise is not None:
        yield (node.otherwise,)


@contextmanager
def free_choices() -> Iterator[None]:
    """With the choices made here, and a bound on hops that is soon met."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(nodes.ENTER, Choose, choose)
        patch.setattr(Draft, "incident", incident)
        patch.setattr(interpreter, "MAX_HOPS", MAX_HOPS)
        patch.setattr(interpreter, "MAX_LIVE", MAX_LIVE)
        yield


@dataclass
class Explored:
    """What can become of an instance: its states by their shapes, what follows each, and how it can go wrong."""

    program: Program
    states: dict[Any, State] = field(default_factory=dict)
    after: dict[Any, set[Any]] = field(default_factory=dict)
    wrong: set[str] = field(default_factory=set)
    """All that has gone wrong somewhere."""
    whole: bool = True
    """Whether all there is has been looked at."""

    def having(self, kind: str) -> list[Any]:
        """The states in which there is an incident of that kind."""
        return [shape for shape, state in self.states.items() if any(incident.kind == kind for incident in state.incidents)]

    def lost(self) -> list[Any]:
        """The states from which no end can be reached, though nothing has gone wrong."""
        before: dict[Any, set[Any]] = {}
        for shape, following in self.after.items():
            for one in following:
                before.setdefault(one, set()).add(shape)
        good = {shape for shape, state in self.states.items() if state.status == "ended"}
        todo = [*good]
        while todo:
            new = before.get(todo.pop(), set()) - good
            good |= new
            todo += new
        return [shape for shape, state in self.states.items() if shape not in good and not state.incidents]


def explore(graph: Graph, most: int = 1500, begin: State | None = None) -> Explored:
    """Runs an instance in every way, from the start or from a state, until there is nothing new or there are `most` states. What has gone wrong is
    not gone on with."""
    found = Explored(Program(graph))
    todo: deque[tuple[Any, State]] = deque()

    def reached(state: State) -> Any:
        shape = shape_of(state)
        if shape not in found.states:
            found.states[shape], found.after[shape] = state, set()
            if len(state.tokens) > MAX_TOKENS or len(found.states) > most:
                found.whole = False
            elif state.status == "running" and not state.incidents:
                todo.append((shape, state))
        return shape

    for state in (begin,) if begin else outcomes(found, None, Started(T, by=IVANOV)):
        reached(state)
    while todo:
        shape, state = todo.popleft()
        for event in events(found.program, state):
            found.after[shape] |= {reached(following) for following in outcomes(found, state, event)}
    return found


def outcomes(found: Explored, state: State | None, event: Event) -> Iterator[State]:
    """The states that an event can lead to, by what the choices on the way come to."""
    todo: list[tuple[tuple[Flow, ...], ...]] = [()]
    while todo:
        decided = todo.pop()
        DECIDED[:], WRONG[:] = decided, ()
        try:
            following = advance(found.program, state, event, World()).state
            found.wrong.update(WRONG)
            yield following
        except Undecided as undecided:
            found.whole = found.whole and len(decided) < MAX_CHOICES
            todo += [(*decided, one) for one in alternatives(undecided.node)] if len(decided) < MAX_CHOICES else []


def events(program: Program, state: State) -> Iterator[Event]:
    """All that can happen now."""
    for token in state.tokens.values():
        node = program.nodes.get(token.node)
        if token.status != "waiting" or token.waiting is None:
            continue
        if isinstance(node, Task):
            yield from (Answered(state.at, IVANOV, token.id, token.visit, name) for name, _ in node.outcomes)
        elif isinstance(node, Call):
            yield Done(state.at, token.id, token.visit, local=True)
        elif isinstance(node, Wait):
            yield from timers(token.id, token.waiting.arms.due)
            yield from (Commanded(state.at, IVANOV, token.id, n, visit=token.visit) for n, (arm, _) in enumerate(node.arms) if arm.kind == "command")
    for scope in state.scopes.values():
        for number, handler in enumerate(program.handlers.get(scope.block, ()) if scope.arms is not None and scope.handler < 0 else ()):
            open_already = any(one.parent == scope.id and one.handler == number for one in state.scopes.values())
            if handler.trigger.kind == "command" and not open_already:
                yield Commanded(state.at, IVANOV, scope.id, number)


def timers(holder: int, due: Any) -> Iterator[Event]:
    yield from (TimerFired(at + HOUR, holder, number, at) for number, at in due.items())


# ── when two states are the same ────────────────────────────────────────────────────────────────────────────────────
def shape_of(state: State) -> Any:
    """The state without what only tells when and in what order things happened."""
    if state.status != "running":
        return state.status
    return (scope_shape(state, state.scopes[ROOT]), tuple(sorted(incident.kind for incident in state.incidents)))


def scope_shape(state: State, scope: Scope) -> Any:
    tokens = sorted(repr(token_shape(state, token)) for token in state.tokens.values() if token.scope == scope.id)
    beside = [one for one in state.scopes.values() if one.parent == scope.id and one.host is None and one.id != scope.id]
    joins = sorted((join, tuple(sorted(counts.items()))) for join, counts in scope.joins.items() if counts)
    fired = tuple(sorted(scope.arms.fired)) if scope.arms else ()
    return (scope.block, scope.handler, scope.arrived, scope.arms is None, fired, *tokens, *joins, *sorted(repr(scope_shape(state, one)) for one in beside))


def token_shape(state: State, token: Token) -> Sequence[Any]:
    inside = sorted(repr((one.index, scope_shape(state, one))) for one in state.scopes.values() if one.host == token.id)
    return (token.node, token.status, *inside)
