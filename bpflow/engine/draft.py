"""The one mutable thing of the engine: an instance while an event is being worked in.

A draft is opened from a state, changed by the rules in `scopes`, `arms`, `nodes` and `interpreter`, and closed into a transition.
It copies what it touches, so the state that it came from stays as it was, and it is the scope that expressions run against.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct, field
from msgspec.structs import astuple, replace

from bpflow.diagnostics import Message, Refused
from bpflow.engine.program import Program
from bpflow.engine.state import ROOT, Arms, Incident, Names, Rest, Scope, State, Status, Token, Waiting
from bpflow.engine.transition import FACT_NUMBERS, NAMING, Answers, Effects, FactKind, Facts, Transition
from bpflow.expressions.data import Document, Question, Value
from bpflow.graph import Expr, Flow

NOBODY = frozenset(("",))
"""Of a name that no expression reads."""


class Fault(Exception):
    """The step cannot be done as it is written (expression, type, bound): neither retried nor caught, an incident."""

    def __init__(self, message: Message) -> None:
        super().__init__(message)
        self.message = message


class Draft(Struct, gc=False):
    """An instance in motion: the fields of its state, to be changed, and what this event does.

    `now`: when it happens; `since`: when the event before this one was · `names`: what expressions see from where the draft looks ·
    `turns`: whether a scope has names of its own · `queue`: the tokens that are to move, each by a flow, or (None) into the node at which it
    stands · `changed`, `armed`: at which tick a name was set (by the scope whose name it is), and a token began to wait, so that only what
    changed afterwards is read again · `touched`: the tokens and scopes that were made, copied to be changed, or removed; `renamed`: the
    names of the root that were set or deleted, in that order, but for those that `changed` has · `reads`: the documents that are being read, while an arm
    is being armed · `hops`: the longest way of a token in this event, inherited by tokens that arise from it otherwise than by a fork.
    """

    program: Program
    answers: Answers
    now: datetime
    since: datetime
    status: Status
    seed: int
    next_id: int
    root_names: Names
    names: Mapping[str, Value]
    tokens: dict[int, Token]
    scopes: dict[int, Scope]
    incidents: tuple[Incident, ...]
    rest: Rest
    turns: bool
    changed: dict[int, dict[str, int]]
    queue: deque[tuple[Token, Flow | None]] = field(default_factory=deque)
    effects: Effects = field(default_factory=Effects)
    facts: Facts = []
    armed: dict[int, int] = {}
    touched: set[int] = set()
    renamed: dict[str, Any] = {}
    reads: list[Document] | None = None
    tick: int = 0
    hops: int = 0

    def close(self) -> Transition:
        """The state as it is now, and what has led to it."""
        state = State(self.status, self.now, self.seed, self.next_id, self.root_names, self.tokens, self.scopes, self.incidents, self.rest)
        renamed = self.changed[ROOT]
        return Transition(state, self.effects, self.facts, self.touched, {**self.renamed, **renamed} if self.renamed else renamed)

    @property
    def zone(self) -> str:
        """The time zone of the process."""
        return self.program.graph.timezone

    def ends(self, **how: Any) -> None:
        """Sets what seldom changes: the result, the outputs, the failure, what is parked."""
        self.rest = self.rest._replace(**how)

    # ── copy on touch ──────────────────────────────────────────────────────────────────────────────────────────────
    def token(self, id: int) -> Token:
        """The token of that id, to be changed."""
        token = self.tokens[id]
        if id not in self.touched:
            self.touched.add(id)
            token = self.tokens[id] = token.copy()
            token.waiting = token.waiting and replace(token.waiting)
        return token

    def leaving(self, id: int) -> Token:
        """The token of that id, to go on from where it waits: its wait is still that of the state, to be replaced or dropped, never changed."""
        token = self.tokens[id]
        if id not in self.touched:
            self.touched.add(id)
            token = self.tokens[id] = token.copy()
        return token

    def scope(self, id: int) -> Scope:
        """The scope of that id, to be changed."""
        scope = self.scopes[id]
        if id not in self.touched:
            self.touched.add(id)
            scope = self.scopes[id] = scope.copy()
        return scope

    def new_token(self, scope: int, hops: int = 0) -> Token:
        token = self.tokens[self.next_id] = Token(self.next_id, "", scope, hops=hops)
        self.touched.add(self.next_id)
        self.next_id += 1
        self.scope(scope).live += 1
        return token

    def new_scope(self, block: str, parent: int, host: int | None = None, handler: int = -1, index: int = -1) -> Scope:
        scope = self.scopes[self.next_id] = Scope(self.next_id, block, parent, host, handler, index)
        self.touched.add(self.next_id)
        self.next_id += 1
        return scope

    def arms_at(self, holder: int) -> Arms | None:
        """The arms of a token or scope; None where it has none (any more)."""
        token = self.tokens.get(holder)
        if token is not None:
            return token.waiting.arms if token.waiting is not None else None
        return self.scopes[holder].arms if holder in self.scopes else None

    def armed_at(self, holder: int) -> Waiting | Scope | None:
        """What has the arms of a token or scope, to be changed; None where it has none (any more)."""
        if holder in self.tokens:
            return self.token(holder).waiting
        scope = self.scope(holder) if holder in self.scopes else None
        return scope if scope is not None and scope.arms is not None else None

    # ── names: what expressions read and results are written to ──────────────────────────────────────────────────────
    def ask(self, question: Question) -> Value:
        """An expression's question; documents that are read are noted while an arm is being armed."""
        if self.reads is not None and question[0] == "document" and isinstance(question[1], Document):
            self.reads.append(question[1])
        try:
            return self.answers.ask(question)
        except Refused as refused:
            raise Fault(refused.message) from refused

    def look_from(self, scope: int) -> None:
        """Sets `names` to what is seen in a scope: the variables, overlaid by the names of the turns around it."""
        if self.turns:
            self.names = self._overlay(scope)

    def _overlay(self, scope: int) -> Mapping[str, Value]:
        layers: list[Names] = []
        while True:
            at = self.scopes[scope]
            if at.names is not None:
                layers.append(at.names)
            if scope == ROOT:
                break
            scope = at.parent
        if not layers:
            return self.root_names
        seen: Names = dict(self.root_names)
        for names in reversed(layers):
            seen.update(names)
        return seen

    def home(self, scope: int) -> tuple[Names, dict[str, int]]:
        """Where results of steps in that scope are written, the names of the innermost turn, else the variables; and where it is noted
        which of them have changed. What a handler's trigger has brought is read in its scope, but nothing is written there."""
        while self.turns:
            at = self.scopes[scope]
            if at.names is not None and at.index >= 0:
                names = self.scope(scope).names
                assert names is not None
                return names, self.changed.setdefault(scope, {})
            if scope == ROOT:
                break
            scope = at.parent
        return self.root_names, self.changed[ROOT]

    def give(self, scope: int, name: str | None, record: dict[str, Value]) -> None:
        """Writes the results of a step, as far as any expression reads them; the history has them all."""
        fields = self.program.fields_read.get(name, NOBODY)  # type: ignore[arg-type]
        if fields is NOBODY:
            return
        if fields is not None and not fields.issuperset(record):
            record = {field: value for field, value in record.items() if field in fields}
        if not self.turns:
            self.root_names[name], self.changed[ROOT][name] = record, self.tick  # type: ignore[index]
            return
        names, changed = self.home(scope)
        names[name], changed[name] = record, self.tick  # type: ignore[index]
        self.look_from(scope)

    def value(self, expr: Expr) -> Value:
        """The value of an expression, seen from where `look_from` stands. A Fault says what cannot be evaluated and where."""
        program = self.program
        try:
            return (program.codes.get(expr.text) or program.code(expr))(self)
        except Refused as refused:
            raise Fault(refused.message) from refused

    # ── incidents ──────────────────────────────────────────────────────────────────────────────────────────────────
    def hold(self, token: Token, message: Message, kind: str = "fault") -> None:
        """The token stays where it is, in sight of the operators."""
        token.status = "held"
        token.waiting = None if kind == "fault" else token.waiting
        self.incident(kind, token.node, message, token=token.id)

    def incident(self, kind: str, node: str, message: Message, token: int | None = None, arm: int | None = None, scope: int | None = None) -> None:
        assert kind in ("fault", "failure", "stuck")
        self.incidents += (Incident(self.next_id, kind, node, message, self.now, token, arm, scope),)  # type: ignore[arg-type]
        self.next_id += 1
        self.note("incident", token if token is not None else scope or ROOT, node)

    def note(self, kind: FactKind, id: int, what: str) -> None:
        """Notes a fact: what has happened to a token or scope, with a node, result or name."""
        self.facts += (FACT_NUMBERS[kind], id, what if kind in NAMING else self.program.node_numbers.get(what, what))

    def forget_incidents(self, tokens: set[int], scopes: set[int]) -> None:
        """Drops the incidents of tokens and scopes that are gone."""
        if self.incidents:
            self.incidents = tuple([i for i in self.incidents if i.token not in tokens and i.scope not in scopes])

    def wait(self, token: Token, waiting: Waiting) -> Waiting:
        """The token starts waiting, with a new visit."""
        token.status, token.waiting = "waiting", waiting
        token.visit += 1
        self.armed[token.id] = self.tick
        self.tick += 1
        return waiting


def draft_of(program: Program, state: State, at: datetime, answers: Answers) -> Draft:
    """The state as it can be changed; time never goes back."""
    status, since, seed, next_id, names, tokens, scopes, incidents, rest = astuple(state)
    turns = program.has_turns and any(scope.names is not None for scope in scopes.values())
    now, names = at if at > since else since, {**names}
    return Draft(program, answers, now, since, status, seed, next_id, names, names, {**tokens}, {**scopes}, incidents, rest, turns, {ROOT: {}})
