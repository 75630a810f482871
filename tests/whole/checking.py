"""What holds of an instance whatever its process is and whatever has happened to it.

The replay of what is recorded gives what is stored; the rows of the store's index are those that the state stands for; nothing is
lost and nothing hangs in silence; what has ended has left nothing; and the state is no larger than what stands in it.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

from bpflow.engine.codec import decode_facts, decode_history, dumps, micros
from bpflow.engine.interpreter import advance
from bpflow.engine.pages import encode
from bpflow.engine.program import Program
from bpflow.engine.state import State, Token
from bpflow.engine.transition import RETRY, Replayed
from bpflow.graph import Call, Step, Task, Wait
from bpflow.runtime import Engine
from bpflow.runtime.replies import ENDED
from bpflow.runtime.transaction import Held
from bpflow.stores.contract import party_text
from bpflow.stores.mail import key_text
from tests.engine.play import soundness, task_row
from tests.runtime.looking import stored

Rows = dict[str, set[tuple[Any, ...]]]


@dataclass(frozen=True)
class Checked:
    """An instance as the replay has it, up to a revision."""

    revision: int
    state: State


def check(engine: Engine, id: int, known: Checked | None) -> Checked:
    """All of it. What was recorded since `known` is replayed from there; all of it without."""
    held = stored(engine, id)
    assert held.state is not None
    replayed = replay(engine, held, known)
    assert replayed.state == held.state
    again, said = encode(held.program, replayed.state), encode(held.program, held.state)
    assert (again.root, again.pages) == (said.root, said.pages)
    of_turns = {key for key in rows(engine, "select holder, part from page where instance = ?", id) if key[0] > 0}
    assert of_turns == {key for key in said.pages if key[0] > 0}
    soundness(held.program, held.state)
    there = index_in(engine, id)
    assert there == index_of(held.program, id, held.state)
    if held.state.status == "running":
        wakes(held, there, engine)
    elif held.state.status != "suspended":
        assert not any(there.values())
        assert not rows(engine, "select token, visit from outbox where instance = ? and waits", id)
    bounded(held.program, held.state)
    return replayed


def replay(engine: Engine, held: Held, known: Checked | None) -> Checked:
    """The state that the recorded events make; each transaction is there, in its order."""
    revision, state = (known.revision, known.state) if known else (0, None)
    for row in engine.store.history(held.id):
        if row.revision <= revision:
            continue
        assert row.revision == revision + 1
        revision = row.revision
        events, facts = decode_history(held.program, row.data, row.at)
        again: list[Any] = []
        for event, answers in events:
            done = advance(held.program, state, event, Replayed(answers))
            state = done.state
            again += done.facts
        assert decode_facts(held.program, again) == facts
    assert revision == held.revision
    assert state is not None
    return Checked(revision, state)


# ── the index ───────────────────────────────────────────────────────────────────────────────────────────────────────
def index_of(program: Program, id: int, state: State) -> Rows:
    """The rows of tasks, timers, watches and listens that a state stands for."""
    rows: Rows = {"task": set(), "observer": set(), "timer": set(), "watch": set(), "listen": set()}
    holders = {token.id: token.waiting.arms for token in state.tokens.values() if token.waiting is not None}
    holders |= {scope.id: scope.arms for scope in state.scopes.values() if scope.arms is not None}
    for holder, arms in holders.items() if state.status != "suspended" else ():
        rows["timer"] |= {(holder, arm, micros(due)) for arm, due in arms.due.items()}
        rows["watch"] |= {(holder, document.id) for document in arms.watched}
        visit = state.tokens[holder].visit if holder in state.tokens else 0
        rows["listen"] |= {(holder, arm, visit, name, key_text(key)) for arm, (name, key) in arms.listening.items()}
    for token in state.tokens.values():
        node = program.nodes.get(token.node)
        if token.waiting is not None and isinstance(node, Task):
            row = task_row(node, token)
            rows["observer"] |= {(party_text(party), token.id, token.visit) for party in row.observers}
            rows["task"] |= {(party_text(a.party), token.id, token.visit, node.id, row.overdue) for a in row.people}
    return rows


def index_in(engine: Engine, id: int) -> Rows:
    """The rows that the store has of an instance."""
    return {
        "task": rows(engine, "select party, token, visit, node, overdue from task where instance = ?", id),
        "observer": rows(engine, "select party, token, visit from observer where instance = ?", id),
        "timer": rows(engine, "select holder, arm, due from timer where instance = ?", id),
        "watch": rows(engine, "select holder, document from watch where instance = ?", id),
        "listen": rows(engine, "select holder, arm, visit, name, key from listen where instance = ?", id),
    }


def calls_out(engine: Engine, id: int) -> set[tuple[Any, ...]]:
    """The calls whose answers are waited for: on their way, begun as an instance, or answered and still to be told."""
    out = rows(engine, "select token, visit from outbox where instance = ? and waits", id)
    out |= rows(engine, "select caller_token, caller_visit from instance where caller = ? and ended is null", id)
    told = [row.call.arguments for row in engine.store.outbox(1000) if row.call.service == ENDED]
    return out | {(what["token"], what["visit"]) for what in told if what["instance"] == id}


def rows(engine: Engine, sql: str, id: int) -> set[tuple[Any, ...]]:
    db: sqlite3.Connection = engine.store._db  # type: ignore[attr-defined]
    found = db.execute(sql, (id,)).fetchall()
    assert len(found) == len(set(found))
    return set(found)


# ── nothing hangs in silence ────────────────────────────────────────────────────────────────────────────────────────
def wakes(held: Held, there: Rows, engine: Engine) -> None:
    """Every token that waits has something that can wake it, and what that is stands in the store."""
    assert held.state is not None
    state, out = held.state, calls_out(engine, held.id)
    expected = set()
    awake = bool(state.incidents)
    for token in state.tokens.values():
        node = held.program.nodes.get(token.node)
        if token.status == "waiting" and isinstance(node, Call):
            assert token.waiting is not None
            expected |= {(token.id, token.visit)} if RETRY not in token.waiting.arms.due else set()
        awake = awake or wakes_by_itself(node, token)
    assert out >= expected
    assert rows(engine, "select token, visit from outbox where instance = ? and waits", held.id) <= expected
    for scope in state.scopes.values():
        if scope.arms is not None:
            buttons = any(handler.trigger.kind == "command" for handler in held.program.handlers[scope.block])
            awake = awake or bool(scope.arms.due or scope.arms.watched or scope.arms.listening or buttons)
    assert awake or there["task"], "the instance hangs, and nothing says so"


def wakes_by_itself(node: Any, token: Token) -> bool:
    if token.status != "waiting" or token.waiting is None:
        return False
    arms = token.waiting.arms
    asked = isinstance(node, Wait) and any(trigger.kind == "command" for trigger, _ in node.arms)
    return bool(isinstance(node, Call | Task) or arms.due or arms.watched or arms.listening or asked)


# ── the size ────────────────────────────────────────────────────────────────────────────────────────────────────────
A_THING, A_NAME = 400, 1500
"""The most bytes that a token, a scope or an incident takes in a state, and a name of the process with all that is known under it."""


def bounded(program: Program, state: State) -> None:
    """The state is as large as what stands in it, however often the instance has been where it is."""
    known = program.graph
    names = {"document", "initiator", *(name for name, _ in known.inputs), *(v.name for v in known.variables), *program.fields_read}
    names |= {node.turn for node in known.nodes if isinstance(node, Step) and node.turn}
    assert set(state.names) <= names
    assert all(len(dumps(value)) < A_NAME for value in state.names.values())
    items = sum(len(dumps([token.fan.items, list(token.fan.results.values())])) for token in state.tokens.values() if token.fan)
    brought = sum(len(dumps(scope.names)) for scope in state.scopes.values() if scope.names)
    things = len(state.tokens) + len(state.scopes) + len(state.incidents)
    written = encode(program, state)
    assert len(written.root) + sum(map(len, written.pages.values())) <= len(dumps(dict(state.names))) + things * A_THING + items * 2 + brought * 2 + 200
