"""Random processes, random walks: what must hold after every event holds (see `play`), whatever the graph and whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from random import Random
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpflow.diagnostics import Refused, say
from bpflow.engine import interpreter, pages, state
from bpflow.engine.codec import decode_history, encode_event, encode_history
from bpflow.engine.events import (
    Answered,
    Arrived,
    Cancel,
    Claimed,
    Commanded,
    Correct,
    Delegated,
    DocumentChanged,
    Done,
    Event,
    Failed,
    Jump,
    Moved,
    Reassigned,
    Released,
    Resume,
    Retry,
    Skip,
    Started,
    Suspend,
    Ticked,
    TimerFired,
)
from bpflow.engine.jumping import steps_around
from bpflow.engine.pages import decode
from bpflow.engine.transition import FACT_NUMBERS, Denied
from bpflow.expressions.data import Choice, Department, Document, Duration, User, Value
from bpflow.graph import Block, Choose, Each, Expr, Graph, Handler, Join, Node, Trigger, Wait, from_json, to_json
from tests.engine.making import graphs, make
from tests.engine.play import BOSS, COMPANY, HOUR, IVANOV, PETROV, SIDOROV, Play, T, World, call, flow, graph, pause, sets, size, step, task

SALES = Department("sales")


@pytest.fixture(autouse=True, scope="module")
def low_bounds() -> Iterator[None]:
    """The bounds of the engine, so low that random processes come to them, and soon; and what has a page of its own is small."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(interpreter, "MAX_HOPS", 300)
        patch.setattr(interpreter, "MAX_LIVE", 100)
        patch.setattr(state, "LARGE", 1)
        patch.setattr(pages, "LARGE_VALUE", 20)
        yield


BY_PEOPLE = (Answered, Ticked, Commanded, Retry, Skip, Correct, Jump, Suspend, Resume, Cancel, Claimed, Released, Delegated, Reassigned, Moved)


class Town(World):
    """One document, one department."""

    def find(self, question: Any) -> Any:
        return SALES if question[:2] == ("directory", "department") else super().find(question)


def town() -> Town:
    fields: dict[str, Value] = {"status": "a", "n": 1, "at": T + HOUR, "responsible": IVANOV, "items": [5, 2]}
    return Town({COMPANY: fields}, acting={SIDOROV: PETROV}, groups={SALES: [SIDOROV, IVANOV]}, chains={PETROV: [IVANOV, BOSS], SIDOROV: [IVANOV]})


CHANGES: tuple[dict[str, Value], ...] = (
    {"status": "b"},
    {"status": "a"},
    {"n": 0},
    {"n": 2},
    {"at": None},
    {"at": T + 5 * HOUR},
    {"at": "soon"},
    {"responsible": None},
    {"responsible": PETROV},
    {"items": 7},
)


EVERYBODY = (IVANOV, PETROV, SIDOROV, BOSS)


class Walk:
    """A random walk: at each step something that could happen here, or something that is out of place."""

    def __init__(self, graph: Graph, pick: Callable[[int], int]) -> None:
        self.number = pick
        self.play = Play(graph, town(), document=COMPANY, seed=pick(3), by=BOSS, catches=((), (), ("boom",), ("",))[pick(4)])

    def pick(self, among: Any) -> Any:
        return among[self.number(len(among))]

    def go(self, steps: int) -> None:
        after = 5
        while steps and after:
            self.happen()
            steps -= 1
            after -= self.play.state.status not in ("running", "suspended")
        self.play.replay_all()

    def happen(self) -> None:
        play = self.play
        play.now += timedelta(minutes=self.pick((0, 0, 1, 20)))
        choices = (
            self.answer,
            self.answer,
            self.hand,
            self.tick,
            self.timer,
            self.service,
            self.service,
            self.change,
            self.arm,
            self.repair,
            self.operator,
            self.stale,
        )
        event = self.pick(choices)() or self.stale()
        if self.number(100) == 99:
            event = Cancel(play.now, BOSS)
        try:
            play.send(event)
        except Refused:
            assert isinstance(event, BY_PEOPLE), event

    def answer(self) -> Event | None:
        rows = sorted(self.play.index.tasks)
        if not rows:
            return None
        token, visit = self.pick(rows)
        by, outcome = self.pick((IVANOV, PETROV, SIDOROV, IVANOV)), self.pick(("yes", "yes", "no", "no", "late"))
        return Answered(self.play.now, by, token, visit, outcome, {"n": self.pick((1, 2))}, self.pick((None, "", "x")))

    def tick(self) -> Event | None:
        state = self.play.state
        lists = [token for token in state.tokens.values() if token.waiting and token.waiting.checklist]
        if not lists:
            return None
        token = self.pick(lists)
        return Ticked(self.play.now, self.pick((IVANOV, IVANOV, PETROV)), token.id, token.visit, self.number(3), self.number(4) > 0)

    def hand(self) -> Event | None:
        """A task changes hands, or is not to."""
        rows = sorted(self.play.index.tasks)
        if not rows:
            return None
        (token, visit), now = self.pick(rows), self.play.now
        by, other = self.pick(EVERYBODY), self.pick(EVERYBODY)
        return self.pick(
            (
                Claimed(now, by, token, visit),
                Claimed(now, by, token, visit),
                Released(now, by, token, visit),
                Delegated(now, by, token, visit, other, self.pick((None, "you", ""))),
                Delegated(now, by, token, visit, other),
                Reassigned(now, self.pick((BOSS, None)), token, visit, by, self.pick((other, other, None)), "gone"),
            )
        )

    def timer(self) -> Event | None:
        timers = sorted((due, key) for key, due in self.play.index.timers.items())
        if not timers:
            return None
        due, (holder, arm) = timers[0]
        self.play.now = max(self.play.now, due)
        return TimerFired(self.play.now, holder, arm, due)

    def service(self) -> Event | None:
        calls = sorted(self.play.calls)
        if not calls:
            return None
        out = self.play.calls[self.pick(calls)]
        if self.number(3):
            return Done(self.play.now, out.token, out.visit, {"id": self.number(9)}, self.number(2) == 0, None, self.pick((0, out.attempt)))
        return Failed(self.play.now, out.token, out.visit, out.attempt, say("it {broke}", broke="broke"), self.pick(("", "boom")))

    def change(self) -> Event:
        self.play.world.documents[COMPANY].update(self.pick(CHANGES))
        return DocumentChanged(self.play.now, COMPANY)

    def arm(self) -> Event | None:
        """A message for one who listens, or a command where there is one."""
        listening, state = sorted(self.play.index.listens), self.play.state
        if listening and self.number(2):
            holder, arm = self.pick(listening)
            return Arrived(self.play.now, holder, arm, {"v": self.pick((1, 1, "wrong"))})
        commands = [(token.id, n, token.visit) for token in state.tokens.values() for n in self.commands(token.node)]
        commands += [(scope.id, n, 0) for scope in state.scopes.values() for n, h in enumerate(self.play.program.handlers.get(scope.block, ()))]
        if not commands:
            return None
        holder, arm, visit = self.pick(commands)
        return Commanded(self.play.now, self.pick((IVANOV, PETROV)), holder, arm, {"v": 2}, visit=visit)

    def commands(self, node_id: str) -> list[int]:
        node = self.play.program.nodes.get(node_id)
        return [n for n, (trigger, _) in enumerate(node.arms) if trigger.kind == "command"] if isinstance(node, Wait) else []

    def operator(self) -> Event:
        """What an operator may do where nothing has gone wrong."""
        play, state = self.play, self.play.state
        match self.number(4) if state.status == "running" else self.number(8):
            case 0:
                return Correct(play.now, BOSS, {self.pick(("x", "y", "z")): self.pick((0, 1, 7, None, "no number"))}, "so")
            case 1 if state.tokens:
                token = self.pick(list(state.tokens.values()))
                known = list(steps_around(play.program, state.tokens, state.scopes, token)) if token.id in state.tokens else []
                return Jump(play.now, BOSS, token.id, self.pick(known if known and self.number(5) else list(play.program.nodes)))
            case 2:
                return Suspend(play.now, BOSS, self.pick(("", "wait")))
        return Resume(play.now, None)

    def repair(self) -> Event | None:
        if not self.play.state.incidents:
            return None
        incident = self.pick(self.play.state.incidents)
        if self.number(2):
            return Retry(self.play.now, BOSS, incident.id)
        branch = self.pick((None, None, "1", "yes", "otherwise", "0"))
        return Skip(self.play.now, BOSS, incident.id, self.pick(({}, {"x": 1})), branch)

    def stale(self) -> Event:
        """What has happened before, once more."""
        events = self.play.events[1:]
        return self.pick(events) if events else TimerFired(self.play.now, 1, 0, T)


@st.composite
def walks(draw: Any, steps: int, depth: int) -> tuple[Graph, list[int]]:
    return draw(graphs(depth)), draw(st.lists(st.integers(0, 2**16), min_size=steps, max_size=steps * 4))


def walk(graph: Graph, numbers: list[int]) -> None:
    left = iter(numbers)
    with suppress(StopIteration):
        Walk(graph, lambda below: next(left) % below).go(len(numbers))


@given(walks(20, 3))
def test_whatever_happens(case: tuple[Graph, list[int]]):
    walk(*case)


def many(seed: int, walks: int, depth: int, steps: int) -> None:
    """Processes that are larger than hypothesis makes them; the message of a failure names the seed of the walk."""
    for part in range(walks):
        chance = Random(f"{seed}/{part}")
        try:
            Walk(make(chance.randint, depth), chance.randrange).go(steps)
        except Exception as error:
            raise AssertionError(f"walk {seed}/{part}") from error


@pytest.mark.parametrize("seed", range(8))
def test_whatever_happens_in_larger_processes(seed: int):
    many(seed, 40, 3, 60)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 120))
def test_whatever_happens_for_long(seed: int):
    many(seed, 100, 4, 80)


@given(graphs())
def test_an_instance_runs_the_same_on_the_stored_graph(made: Graph):
    assert from_json(to_json(made)) == made


# ── what is stored does not grow ────────────────────────────────────────────────────────────────────────────────────
def body(kind: str) -> tuple[Node, ...]:
    """The body of a loop from `l` back to `l`, which has exactly one task open at a time."""
    two = (flow("k", "t", "1"), flow("k", "s", "2"))
    each = Each(Expr("[1, 2]"), "item", at_most=Expr("1"), collect=Expr("item"))
    beside = Handler("h", Trigger("changed", Expr("x > 0")), False, flow("k", None, "h"))
    match kind:
        case "task":
            return (task("t", "l", gives="r"),)
        case "block":
            return (Block("k", two, flow("k", "l"), handlers=(beside,)), task("t", gives="r"), step("s", sets=sets(x="1 - x")))
        case "need":
            return (Block("k", two, flow("k", "l"), need=1), task("t", gives="r"), pause("s", text="false"))
        case "each":
            return (Block("k", (flow("k", "t"),), flow("k", "l"), each=each, gives="k"), task("t", gives="r"))
        case "join":
            into = ("t[done]>j", "s[]>j")
            return (step("k", "t", "s"), task("t", "j", gives="r"), step("s", "j"), Join("j", into, flow("j", "l")))
        case _:
            return (step("k", "t", "s"), task("t", "j"), step("s", "j"), Join("j", ("t[done]>j", "s[]>j", "z[]>j"), flow("j", "l"), 2), step("z", "j"))


@pytest.mark.parametrize("kind", ["task", "block", "need", "each", "join"])
def test_the_state_does_not_grow_with_the_turns_of_a_loop(kind: str):
    nodes = body(kind)
    first = step("l", nodes[0].id, turn="l", forgets=("r",))
    play = Play(graph(step("a", "l", sets=sets(x="0")), first, *nodes, reads="l r x"))
    sizes = []
    for _ in range(60):
        play.answer("t")
        sizes.append(size(play))
    assert sizes[-1] - sizes[9] <= 12, "but for the digits of what is counted"
    assert len(play.state.scopes) <= 2


# ── what is recorded ────────────────────────────────────────────────────────────────────────────────────────────────
EVENTS: tuple[Event, ...] = (
    Started(T),
    Started(T, IVANOV, COMPANY, {"a": [1, {"u": "x"}], "b": None}, 7, say("in doubt: {why}", why=say("because"))),
    Started(T, catches=("", "boom")),
    Answered(T, IVANOV, 1, 2, "yes"),
    Answered(T, IVANOV, 1, 2, "yes", {"d": Duration(working_days=2), "who": User("x")}, ""),
    Answered(T, IVANOV, 1, 2, "yes", {}, "no comment"),
    Ticked(T, IVANOV, 1, 2, 0),
    Ticked(T, IVANOV, 1, 2, 1, False),
    TimerFired(T, 0, -2, T + HOUR / 7),
    Arrived(T, 4, 0),
    Arrived(T, 4, 0, {"r": 1}, BOSS),
    Arrived(T, 4, 0, visit=3),
    DocumentChanged(T, Document("deal", 3)),
    Commanded(T, BOSS, 0, 0),
    Commanded(T, BOSS, 4, 1, {"n": 1}, "why", 2),
    Done(T, 1, 1),
    Done(T, 1, 1, {"x": None}, True),
    Done(T, 1, 1, {"x": None}, attempt=2),
    Failed(T, 1, 1, 0, say("broken {x}", x=1)),
    Failed(T, 1, 1, 0, say("")),
    Failed(T, 1, 1, 0, say("broken"), "crm", BOSS),
    Retry(T, None, 0),
    Retry(T, BOSS, 0, "why"),
    Skip(T, None, 4),
    Skip(T, BOSS, 4, {}, "", "why"),
    Cancel(T, None),
    Cancel(T, BOSS, ""),
    Correct(T, BOSS, {"x": 1}, "why"),
    Jump(T, None, 1, "t", ""),
    Suspend(T, BOSS, "why"),
    Resume(T, BOSS),
    Cancel(T, None, caller=17),
    Claimed(T, IVANOV, 1, 2),
    Released(T, IVANOV, 1, 2),
    Delegated(T, IVANOV, 1, 2, BOSS),
    Delegated(T, IVANOV, 1, 2, BOSS, ""),
    Reassigned(T, None, 1, 2, IVANOV),
    Reassigned(T, BOSS, 1, 2, IVANOV, PETROV, "gone"),
    Moved(T, BOSS, "offer", "talks", {"sum": 5}, "why"),
    Moved(T, None, "offer", "talks", direct=True),
)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_events_are_read_as_they_were_written(event: Event):
    play = Play(graph(task("t")))
    answers: list[Any] = [1, None, "", {}, Denied(say("no {x}", x=say("way"))), [T, COMPANY]]
    facts: list[Any] = [("took", 1, "t[done]>off"), ("took", 1, "t>off"), ("incident", 0, ""), ("ended", 0, "t"), ("fired", 2, "t"), ("cleared", 3, "t")]
    flat = [one for kind, id, what in facts for one in (FACT_NUMBERS[kind], id, play.program.flow_numbers.get(what, what))]
    data = encode_history([encode_event(event, answers, T + HOUR), encode_event(event, (), T + HOUR)], flat)
    assert decode_history(play.program, data, T + HOUR) == ([(event, answers), (event, [])], facts)


def test_every_kind_of_event_is_among_them():
    assert {type(event) for event in EVENTS} == set(get_args(Event))


def test_a_state_of_another_version_is_not_read():
    play = Play(graph(task("t")))
    with pytest.raises(ValueError, match="version 9"):
        decode(play.program, b"[9" + play.paper.root[2:], {})


def test_choices_keep_their_titles():
    play = Play(graph(call("c", "d"), Choose("d", ((Expr('c.kind == "a"'), flow("d", "t")),)), task("t")))
    play.done("c", kind=Choice("a", "Первый"))
    assert play.replayed is not None
    assert play.replayed.names["c"]["kind"].title == "Первый"  # type: ignore[call-overload,index,union-attr]
