"""An instance in the hands of a test: each event is sent through everything that must hold whatever the graph is.

After every event: the state that was passed in is as it was; the new one is written down and read back equal; the recorded event and
answers lead a replay to an equal state; the rows of the index, folded from the effects, are those that the state says; and the state
is sound (`soundness`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from msgspec.structs import replace

from bpflow.diagnostics import Refused, say
from bpflow.engine import Program, State, Table, Transition, Unanswered, advance
from bpflow.engine.codec import decode_facts, decode_history, encode_event, encode_history
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
    Reassigned,
    Released,
    Resume,
    Retry,
    Skip,
    Started,
    Suspend,
    TimerFired,
)
from bpflow.engine.pages import Encoded, Key, Written, decode, encode
from bpflow.engine.state import ROOT, Incident, Token, Waiting
from bpflow.engine.transition import RETRY, CallOut, Denied, Effects, Replayed, TaskRow
from bpflow.expressions.data import Document, Duration, Question, Role, User, Value
from bpflow.graph import Call, Expr, Flow, Form, Graph, Node, Outcome, Step, Task, Trigger, Wait
from bpflow.values import Field

T = datetime(2026, 3, 2, 7, tzinfo=UTC)
HOUR = timedelta(hours=1)
COMPANY = Document("company", 17)
IVANOV, PETROV, SIDOROV, BOSS = User("ivanov"), User("petrov"), User("sidorov"), User("boss")


# ── graphs ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def flow(source: str, to: str | None = None, branch: str = "", up: int = 0) -> Flow:
    return Flow(f"{source}[{branch}]>{to or 'off'}", to, up)


def step(id: str, *to: str | None, **more: Any) -> Step:
    """A step with its ways out; without any, one that runs off the list."""
    return Step(id, tuple(flow(id, target) for target in to or (None,)), **more)


def sets(**values: str) -> tuple[tuple[str, Expr], ...]:
    return tuple((name, Expr(text)) for name, text in values.items())


def task(id: str, to: str | None = None, people: str = 'user("ivanov")', **more: Any) -> Task:
    """A task with one outcome, `done`, which leads to `to`."""
    more.setdefault("outcomes", (("done", flow(id, to, "done")),))
    form = more.pop("form", None) or Form(Expr('"Work"'), tuple(Outcome(name, name) for name, _ in more["outcomes"]))
    return Task(id, Expr(people), form, gives=more.pop("gives", id), **more)


def pause(id: str, to: str | None = None, text: str = "true", kind: Any = "until", **more: Any) -> Wait:
    return Wait(id, ((Trigger(kind, Expr(text), **more), flow(id, to)),))


def call(id: str, to: str | None = None, service: str = "crm", up: int = 0, **more: Any) -> Call:
    arguments = more.pop("arguments", {})
    return Call(id, service, sets(**arguments), flow(id, to, up=up), gives=more.pop("gives", id), **more)


def graph(*nodes: Node, entry: str | None = None, reads: str = "", **more: Any) -> Graph:
    """A graph that begins at its first node. `reads` names results to be kept whole, as if an output read them."""
    first = entry or nodes[0].id
    outputs = tuple((f"out_{name}", Expr(name)) for name in reads.split())
    return Graph("p", "P", (flow("", first),), nodes, outputs=outputs, **more)


def number(**more: Any) -> Field:
    return Field("integer", **more)


# ── the outside ─────────────────────────────────────────────────────────────────────────────────────────────────────
@dataclass
class World:
    """Documents, substitutes, groups and the heads above people. `used` is that of the event at hand."""

    documents: dict[Document, dict[str, Value]] = field(default_factory=dict)
    acting: dict[User, User | None] = field(default_factory=dict)
    groups: dict[Any, list[User]] = field(default_factory=dict)
    chains: dict[User, list[User]] = field(default_factory=dict)
    used: dict[Question, Value | Denied] = field(default_factory=dict)

    def ask(self, question: Question) -> Value:
        if question not in self.used:
            self.used[question] = self.find(question)
        value = self.used[question]
        if isinstance(value, Denied):
            raise Refused(value.message)
        return value

    def find(self, question: Question) -> Value | Denied:
        match question:
            case ("document", Document() as document, str(name)) if name in self.documents.get(document, {}):
                return self.documents[document][name]
            case ("directory", "acting", User() as user, _):
                return self.acting.get(user, user)
            case ("directory", "belongs", user, group):
                return user in self.groups.get(group, [])
            case ("directory", "chain", User() as user):
                return [*self.chains.get(user, [])]
            case ("directory", "role", str(name)):
                return Role(name)
            case ("directory", "members", group) if group in self.groups:
                return [*self.groups[group]]
            case ("calendar", "add", datetime() as at, Duration() as duration, _):
                return at + timedelta(days=duration.days + duration.working_days, seconds=duration.seconds)
        return Denied(say("nobody knows {question}", question=repr(question)))


# ── what a state says of the index ──────────────────────────────────────────────────────────────────────────────────
@dataclass
class Index:
    tasks: dict[tuple[int, int], TaskRow] = field(default_factory=dict)
    timers: dict[tuple[int, int], datetime] = field(default_factory=dict)
    watches: set[tuple[int, Document]] = field(default_factory=set)
    listens: dict[tuple[int, int], tuple[str, Value]] = field(default_factory=dict)
    spoiled: set[int] = field(default_factory=set, compare=False)
    """Tokens on which there was an incident."""

    def fold(self, effects: Effects) -> None:
        """Takes what an event changes; each row must be in the index as the effect says that it was."""
        for key, (was, is_) in effects.tasks.items():
            known = self.tasks.pop(key, None)
            assert (known.people if known else None) == (was.people if was else None), key
            if is_ is not None:
                self.tasks[key] = is_
        for at, (before, after) in effects.timers.items():
            assert self.timers.pop(at, None) == before, at
            if after is not None:
                self.timers[at] = after
        for watch, wanted in effects.watches.items():
            (self.watches.add if wanted else self.watches.discard)(watch)
        for arm, listen in effects.listens.items():
            self.listens.pop(arm, None)
            if listen is not None:
                self.listens[arm] = (listen.name, listen.key)


def index_of(program: Program, state: State, known: Index) -> Index:
    """The index as the state has it; what the state does not keep (subjects, the deadline of an alarm that
    went off in vain) is taken from `known`."""
    index = Index()
    holders = {id: token.waiting.arms for id, token in state.tokens.items() if token.waiting}
    holders |= {id: scope.arms for id, scope in state.scopes.items() if scope.arms}
    for id, arms in holders.items() if state.status != "suspended" else ():
        index.timers |= {(id, arm): due for arm, due in arms.due.items()}
        index.watches |= {(id, document) for document in arms.watched}
        index.listens |= {(id, arm): listen for arm, listen in arms.listening.items()}
    for token in state.tokens.values():
        node = program.nodes.get(token.node)
        if isinstance(node, Task) and token.status == "waiting":
            assert token.waiting is not None
            row, written = task_row(node, token), known.tasks[token.id, token.visit]
            index.tasks[token.id, token.visit] = replace(row, subject=written.subject, due=written.due if token.id in known.spoiled else row.due)
    return index


def task_row(node: Task, token: Token) -> TaskRow:
    assert token.waiting is not None
    arms = token.waiting.arms
    deadlines = [arms.fired.get(n, arms.due.get(n)) for n, alarm in enumerate(node.alarms) if alarm.overdue]
    overdue = any(node.alarms[n].overdue for n in arms.fired)
    return TaskRow(token.waiting.holders(), node.id, "", min((due for due in deadlines if due), default=None), overdue, token.waiting.observers)


# ── what holds of every state ───────────────────────────────────────────────────────────────────────────────────────
def soundness(program: Program, state: State) -> None:
    """Nothing is lost, nothing hangs in silence, and what refers to something refers to what is there."""
    tokens, scopes, incidents = state.tokens, state.scopes, state.incidents
    assert (state.status == "suspended") is bool(state.parked)
    if state.status not in ("running", "suspended"):
        assert not tokens
        assert not scopes
        assert not incidents
        return
    assert ROOT in scopes
    assert not tokens.keys() & scopes.keys()
    assert all(id < state.next_id for id in (*tokens, *scopes, *(i.id for i in incidents)))
    assert tokens or incidents
    held = Counter(i.token for i in incidents if i.token is not None and i.arm is None)
    whole = {i.scope for i in incidents if i.scope is not None and i.arm is None}
    bodies = Counter(scope.host for scope in scopes.values() if scope.host is not None)
    beside = Counter(scope.parent for scope in scopes.values() if scope.host is None and scope.id != ROOT)
    within = Counter(token.scope for token in tokens.values())
    assert held.keys() | within.keys() | bodies.keys() <= tokens.keys() | scopes.keys()
    for token in tokens.values():
        assert held[token.id] == (token.status == "held"), token
        assert bool(bodies[token.id]) is (token.status == "inside"), token
        assert token.fan is None or bodies[token.id] == token.fan.running <= token.fan.at_most
        check_token(program, state, token)
    for scope in scopes.values():
        assert scope.live == within[scope.id] + beside[scope.id], scope
        assert scope.live or scope.id in whole, scope
        assert not within[scope.id] or scope.id not in whole, scope
        assert scope.parent in scopes
        if scope.host is not None:
            host = tokens[scope.host]
            assert (host.status, host.node, host.scope) == ("inside", scope.block, scope.parent)
            assert (scope.index >= 0) is (host.fan is not None)
    for incident in incidents:
        check_incident(state, incident)


def check_token(program: Program, state: State, token: Token) -> None:
    assert token.scope in state.scopes
    assert token.status != "moving"
    if token.status == "waiting":
        assert token.waiting is not None
        node = program.nodes[token.node]
        assert isinstance(node, Wait | Task | Call)
        if isinstance(node, Task):
            check_seats(token.waiting)
        if isinstance(node, Wait):
            arms = token.waiting.arms
            asked = any(trigger.kind == "command" for trigger, _ in node.arms)
            assert arms.due or arms.truth or arms.listening or arms.watched or asked or any(i.token == token.id for i in state.incidents)


def check_seats(waiting: Waiting) -> None:
    """Somebody has the task; nobody has it twice, or after he has answered, or who may not answer."""
    seats = [*waiting.people, *waiting.later]
    parties = [seat.party for seat in (*seats, *waiting.also)]
    answered = [vote.by for vote in waiting.votes]
    assert waiting.people
    assert len(set(parties)) == len(parties)
    assert not {*parties} & {*answered, *waiting.excluded}
    assert len(set(answered)) == len(answered)
    assert not any(isinstance(seat.group, User) or seat.in_place_of == seat.party for seat in seats)


def check_incident(state: State, incident: Incident) -> None:
    assert (incident.token is None) is not (incident.scope is None)
    if incident.token is not None:
        assert state.tokens[incident.token].status == ("held" if incident.arm is None else "waiting")
    else:
        assert incident.scope is not None
        assert incident.arm is None or state.scopes[incident.scope].arms is not None


# ── what a store would have ─────────────────────────────────────────────────────────────────────────────────────────
@dataclass
class Paper:
    """The root and the pages of an instance, written event by event, as a store does it; `written` is what its writer remembers."""

    root: bytes = b""
    pages: dict[Key, bytes] = field(default_factory=dict)
    written: Written = field(default_factory=Written)
    last: Encoded | None = None

    def write(self, program: Program, state: State, transition: Transition | None) -> None:
        """Writes what the transition changed, or, without one, all of the state."""
        self.last = encode(program, state, self.written, transition.touched, transition.renamed) if transition else encode(program, state, self.written)
        self.root = self.last.root
        self.pages = {key: data for key, data in self.pages.items() if key[0] not in self.last.gone} | self.last.pages

    def read(self, program: Program) -> tuple[State, Written]:
        return decode(program, self.root, self.pages)


# ── the instance ────────────────────────────────────────────────────────────────────────────────────────────────────
class Play:
    """An instance of a graph, and what a store and an outbox would have of it."""

    def __init__(self, graph: Graph, world: World | None = None, *, start: bool = True, **started: Any) -> None:
        self.program, self.world = Program(graph), world or World()
        self.now, self.paper, self.reread = T, Paper(), Paper()
        self.index, self.calls = Index(), dict[tuple[int, int], CallOut]()
        self.notices: list[CallOut] = []
        self.history: list[bytes] = []
        self.times: list[datetime] = []
        self.events: list[Event] = []
        self.facts: list[Any] = []
        self.last: State | None = None
        self.replayed: State | None = None
        if start:
            self.send(Started(T, **started))

    @property
    def state(self) -> State:
        assert self.last is not None
        return self.last

    def send(self, event: Event) -> Transition:
        """Works the event in and checks all that must hold. A refused one is raised, after it has been seen to change nothing."""
        before = encode(self.program, self.last) if self.last else None
        self.world.used = {}
        try:
            transition = advance(self.program, self.last, event, self.world)
        finally:
            assert not self.last or encode(self.program, self.last) == before
        self.keep(event, transition)
        return transition

    def keep(self, event: Event, transition: Transition) -> None:
        was = self.last
        state = self.last = transition.state
        assert was is None or state.at >= was.at
        data = encode(self.program, state)
        self.write_down(was, transition, data)
        self.history.append(encode_history([encode_event(event, self.world.used.values(), state.at)], transition.facts))
        self.times.append(state.at)
        self.events.append(event)
        self.facts += decode_facts(self.program, transition.facts)
        assert self.asked_one_by_one(was, event) == transition
        self.replayed = self.replay(self.replayed, self.history[-1], transition)
        assert self.replayed == state
        assert encode(self.program, self.replayed) == data
        self.index.fold(transition.effects)
        self.index.spoiled |= {id for kind, id, _ in decode_facts(self.program, transition.facts) if kind == "incident"}
        assert self.index == index_of(self.program, state, self.index)
        self.post(event, transition.effects)
        soundness(self.program, state)

    def write_down(self, was: State | None, transition: Transition, data: Encoded) -> None:
        """What the event changed, written over what was there, is the whole state: by one who goes on, and by one who reads all anew
        before each event."""
        state = transition.state
        for before, after in ((was.tokens, state.tokens), (was.scopes, state.scopes)) if was else ():
            different = {id for id in before.keys() | after.keys() if before.get(id) is not after.get(id)}  # type: ignore[attr-defined]
            assert different <= transition.touched
        names = was.names if was else {}
        assert {name for name in names.keys() | state.names.keys() if names.get(name, ...) is not state.names.get(name, ...)} <= transition.renamed.keys()
        if self.reread.root:
            _, self.reread.written = self.reread.read(self.program)
        for paper in (self.paper, self.reread):
            paper.write(self.program, state, transition if was else None)
            assert paper.read(self.program)[0] == state
            assert [*orjson.loads(paper.root)[6]] == [*state.names]
            assert len(paper.pages) == len(data.pages)
            assert {key for key in paper.pages if key[0] > ROOT} == {key for key in data.pages if key[0] > ROOT}
        assert decode(self.program, data.root, data.pages)[0] == state

    def asked_one_by_one(self, state: State | None, event: Event) -> Transition:
        """The event worked in as a runtime does it that knows nothing beforehand: each question is answered, then it is tried again."""
        known: dict[Question, Value | Denied] = {}
        while True:
            try:
                return advance(self.program, state, event, Table(known))
            except Unanswered as unanswered:
                known[unanswered.question] = self.world.used[unanswered.question]

    def replay(self, state: State | None, row: bytes, original: Transition) -> State:
        ((event, answers),), facts = decode_history(self.program, row, original.state.at)
        assert facts == decode_facts(self.program, original.facts)
        again = advance(self.program, state, event, Replayed(answers))
        assert (again.facts, again.effects) == (original.facts, original.effects)
        return again.state

    def post(self, event: Event, effects: Effects) -> None:
        """The outbox: a call goes out, is answered or withdrawn, and every token that waits for an answer will get one."""
        out = self.calls.get((event.token, event.visit)) if isinstance(event, Done | Failed) else None
        if out is not None and isinstance(event, Done | Failed) and event.attempt in ((0, out.attempt) if isinstance(event, Done) else (out.attempt,)):
            del self.calls[out.token, out.visit]
        for key in effects.withdrawn:
            self.calls.pop(key, None)
        for out in effects.calls:
            if not out.wait:
                self.notices.append(out)
            elif (out.token, out.visit) not in effects.withdrawn:
                assert (out.token, out.visit) not in self.calls
                self.calls[out.token, out.visit] = out
        expected = set()
        answered = {(event.token, event.visit) for event in self.state.parked if isinstance(event, Done | Failed)}
        for token in self.state.tokens.values():
            if isinstance(self.program.nodes.get(token.node), Call) and token.status == "waiting" and (token.id, token.visit) not in answered:
                assert token.waiting is not None
                if RETRY not in token.waiting.arms.due:
                    expected.add((token.id, token.visit))
        assert set(self.calls) == expected

    def replay_all(self) -> None:
        """Everything from the start, by the history alone."""
        state: State | None = None
        for row, at in zip(self.history, self.times, strict=True):
            ((event, answers),), _ = decode_history(self.program, row, at)
            state = advance(self.program, state, event, Replayed(answers)).state
        assert state == self.last

    # ── finding ────────────────────────────────────────────────────────────────────────────────────────────────────
    def at(self, node: str) -> Token:
        """The only token at the node."""
        (token,) = (token for token in self.state.tokens.values() if token.node == node)
        return token

    def where(self) -> list[str]:
        """Where tokens stand that are not hosts of a body."""
        return sorted(token.node for token in self.state.tokens.values() if token.status != "inside")

    @property
    def incident(self) -> Incident:
        """The only incident."""
        (incident,) = self.state.incidents
        return incident

    @property
    def names(self) -> Any:
        return self.state.names

    def took(self) -> list[str]:
        return [what for kind, _, what in self.facts if kind == "took"]

    # ── doing ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def answer(self, node: str, outcome: str = "done", by: User = IVANOV, comment: str | None = None, **values: Value) -> Transition:
        token = self.at(node)
        return self.send(Answered(self.now, by, token.id, token.visit, outcome, values, comment))

    def claim(self, node: str, by: User) -> Transition:
        token = self.at(node)
        return self.send(Claimed(self.now, by, token.id, token.visit))

    def release(self, node: str, by: User) -> Transition:
        token = self.at(node)
        return self.send(Released(self.now, by, token.id, token.visit))

    def delegate(self, node: str, by: User, to: User, comment: str | None = None) -> Transition:
        token = self.at(node)
        return self.send(Delegated(self.now, by, token.id, token.visit, to, comment))

    def reassign(self, node: str, person: User, to: User | None, why: str = "") -> Transition:
        token = self.at(node)
        return self.send(Reassigned(self.now, BOSS, token.id, token.visit, person, to, why))

    def wait(self, length: timedelta) -> None:
        """Lets time pass, and fires what is due by then, each at its time."""
        until = self.now + length
        while self.state.status == "running" and self.index.timers:
            due, (holder, arm) = min((due, key) for key, due in self.index.timers.items())
            if due > until:
                break
            self.now = max(self.now, due)
            self.send(TimerFired(self.now, holder, arm, due))
        self.now = until

    def change(self, document: Document = COMPANY, /, **fields: Value) -> Transition:
        self.world.documents.setdefault(document, {}).update(fields)
        return self.send(DocumentChanged(self.now, document))

    def done(self, node: str, *, local: bool = False, **values: Value) -> Transition:
        token = self.at(node)
        return self.send(Done(self.now, token.id, token.visit, values, local))

    def fail(self, node: str, error: str = "") -> Transition:
        token = self.at(node)
        assert token.waiting is not None
        return self.send(Failed(self.now, token.id, token.visit, token.waiting.attempt, say("it broke"), error))

    def message(self, holder: int, arm: int = 0, **values: Value) -> Transition:
        return self.send(Arrived(self.now, holder, arm, values))

    def command(self, holder: int, arm: int = 0, by: User = IVANOV, comment: str | None = None, **values: Value) -> Transition:
        token = self.state.tokens.get(holder)
        return self.send(Commanded(self.now, by, holder, arm, values, comment, token.visit if token else 0))

    def retry(self) -> Transition:
        return self.send(Retry(self.now, BOSS, self.incident.id, "again"))

    def skip(self, branch: str | None = None, **results: Value) -> Transition:
        return self.send(Skip(self.now, BOSS, self.incident.id, results, branch))

    def correct(self, **values: Value) -> Transition:
        return self.send(Correct(self.now, BOSS, values, "wrong"))

    def jump(self, node: str, to: str) -> Transition:
        return self.send(Jump(self.now, BOSS, self.at(node).id, to, "there"))

    def suspend(self) -> Transition:
        return self.send(Suspend(self.now, BOSS, "a strike"))

    def resume(self) -> Transition:
        return self.send(Resume(self.now, BOSS, "it is over"))

    def cancel(self) -> Transition:
        return self.send(Cancel(self.now, BOSS, "enough"))


def size(play: Play) -> int:
    """The bytes of the whole state."""
    data = encode(play.program, play.state)
    return len(data.root) + sum(map(len, data.pages.values()))
