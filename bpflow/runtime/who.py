"""Why a task came to those who have it: read from what was recorded, not from what would be answered today.

The law of this file: the history is replayed up to the task, so the people, the answers of the directory and every change of hands are
those of that time. Nothing is asked of the directory, and nothing is changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from msgspec import Struct

from bpflow.diagnostics import Message, say
from bpflow.engine import people
from bpflow.engine.codec import Fact, decode_facts, decode_history
from bpflow.engine.draft import Fault, draft_of
from bpflow.engine.events import Answered, Claimed, Delegated, Event, Reassigned, Released
from bpflow.engine.interpreter import advance
from bpflow.engine.state import Assignee, State, Token, Vote, Waiting
from bpflow.engine.transition import Denied, Replayed, Table, Unanswered, UnexpectedEvent
from bpflow.expressions.data import Question, User, Value
from bpflow.graph import Expr, Task, step_of
from bpflow.runtime import views
from bpflow.runtime.transaction import Held, Runner


class Reason(Struct, frozen=True):
    """An expression that was to give people: its text, its place in the file, what it asked and was answered then, and whom it gave (None:
    it could not be read again)."""

    key: str
    text: str
    place: str
    asked: tuple[tuple[Question, Value | Denied], ...]
    gave: tuple[Assignee, ...] | None


class Change(Struct, frozen=True):
    """A change of hands. `kind`: claimed, released, delegated, reassigned (by an operator), escalated or handed (by the deadline)."""

    at: datetime
    kind: str
    by: User | None
    gone: tuple[Assignee, ...]
    come: tuple[Assignee, ...]
    why: str | None = None


class GivenAnswer(Struct, frozen=True):
    """An answer: who, in whose place, which outcome, when, with which comment."""

    at: datetime
    vote: Vote
    title: str
    comment: str | None


@dataclass(slots=True)
class Who:
    """Why a task came to whom it came, and what has become of it. `first`: those who got it when it was opened, those in their turn too ·
    `waiting`: as it is now; None once it is closed."""

    task: str
    instance: int
    process: str
    step: str
    title: str
    opened: datetime
    first: tuple[Assignee, ...]
    excluded: tuple[User, ...]
    reasons: list[Reason]
    changes: list[Change] = field(default_factory=list)
    answers: list[GivenAnswer] = field(default_factory=list)
    waiting: Waiting | None = None


class Happened(Struct, frozen=True):
    """One event of the history: what it asked and was answered, the states before and after it, and its facts."""

    event: Event
    asked: dict[Question, Value | Denied]
    before: State | None
    after: State
    facts: list[Fact]


def who(runner: Runner, id: int, token: int, visit: int) -> Who:
    """Reads the history of the instance for one of its tasks, open or closed. UnexpectedEvent if there was none."""
    _, held, _ = views.load(runner, id)
    found: Who | None = None
    for one in replayed(runner, held):
        before, after = at_task(one.before, token, visit), at_task(one.after, token, visit)
        if found is None and after is not None and isinstance(held.program.nodes.get(after.node), Task):
            found = opened(held, one, after)
        elif found is not None and before is not None and before.waiting is not None:
            later(held, found, one, before, after)
        if found is not None:
            found.waiting = after.waiting if after is not None else None
    if found is None:
        raise UnexpectedEvent(say("there is no such task"))
    return found


def replayed(runner: Runner, held: Held) -> Iterator[Happened]:
    """Everything that has happened, from the beginning."""
    state: State | None = None
    for row in runner.store.history(held.id):
        for event, answers in decode_history(held.program, row.data, row.at)[0]:
            table = Replayed(answers)
            done = advance(held.program, state, event, table)
            yield Happened(event, table.used, state, done.state, decode_facts(held.program, done.facts))
            state = done.state


def at_task(state: State | None, token: int, visit: int) -> Token | None:
    """The token while it waits at the task."""
    at = state.tokens.get(token) if state is not None else None
    return at if at is not None and at.visit == visit and at.waiting is not None else None


# ── how it was opened ───────────────────────────────────────────────────────────────────────────────────────────────
def opened(held: Held, one: Happened, token: Token) -> Who:
    task, waiting = held.program.nodes[token.node], token.waiting
    assert isinstance(task, Task)
    assert waiting is not None
    reasons = [reason(held, one, token, key, expr, waiting) for key, expr in expressions_of(task)]
    first = next((n for n, one_ in enumerate(reasons) if one_.key != "who-may-not" and one_.gave), len(reasons) - 1)
    title = views.title_of(views.steps_of(held.program), token.node)
    path = step_of(token.node)
    seats = (*waiting.people, *waiting.later)
    task_id = f"{held.id}.{token.id}.{token.visit}"
    graph = held.program.graph
    return Who(task_id, held.id, graph.process, path, title, one.after.at, seats, waiting.excluded, reasons[: first + 1], waiting=waiting)


def expressions_of(task: Task) -> Iterator[tuple[str, Expr]]:
    """The expressions that say who gets a task, in the order in which they are read."""
    for key, expr in (("who-may-not", task.not_by), ("to", task.people), ("if-nobody", task.if_nobody)):
        if expr is not None:
            yield key, expr


def reason(held: Held, one: Happened, token: Token, key: str, expr: Expr, waiting: Waiting) -> Reason:
    """The expression with what was answered then; it is evaluated again from the recorded answers alone."""
    table = Table(one.asked)
    draft = draft_of(held.program, one.after, one.after.at, table)
    draft.look_from(token.scope)
    try:
        if key == "who-may-not":
            gave: tuple[Assignee, ...] | None = tuple(map(Assignee, people.users(draft, people.parties(draft, expr))))
        else:
            gave = people.seats_of(draft, expr, waiting.excluded)
    except (Fault, Unanswered):
        gave = None
    graph = held.program.graph
    place = f"{graph.source}:{expr.place[0]}:{expr.place[1]}" if expr.place else graph.source
    return Reason(key, expr.text, place, tuple(table.used.items()), gave)


# ── what came of it ─────────────────────────────────────────────────────────────────────────────────────────────────
KINDS = (*views.HANDS, "escalated", "handed")


def later(held: Held, found: Who, one: Happened, before: Token, after: Token | None) -> None:
    """Adds what an event has done to the task: an answer, or a change of hands."""
    event = one.event
    if isinstance(event, Answered) and (event.token, event.visit) == (before.id, before.visit):
        found.answers.append(given(held, event, one, before, after))
    kind = next((kind for kind, id, _ in one.facts if kind in KINDS and id == before.id), None)
    if kind is not None and after is not None and before.waiting and after.waiting:
        was, is_ = ((*w.holders(), *w.later) for w in (before.waiting, after.waiting))
        gone, come = tuple(s for s in was if s not in is_), tuple(s for s in is_ if s not in was)
        found.changes.append(Change(one.after.at, kind, event.by, gone, come, why_of(event)))


def given(held: Held, event: Answered, one: Happened, before: Token, after: Token | None) -> GivenAnswer:
    """The answer. Of the deciding one nothing is left in the state: whose seat it took is found as the engine finds it."""
    title = next((o.title for o in held.program.outcomes(before.node) if o.name == event.outcome), event.outcome)
    if after is not None and after.waiting is not None:
        return GivenAnswer(one.after.at, after.waiting.votes[-1], title, event.comment)
    assert one.before is not None
    assert before.waiting is not None
    draft = draft_of(held.program, one.before, event.at, Table(one.asked))
    _, place = people.seat_for(draft, before.waiting, event.by)
    return GivenAnswer(one.after.at, Vote(event.by, event.outcome, place), title, event.comment)


def why_of(event: Event) -> str | None:
    match event:
        case Delegated():
            return event.comment
        case Reassigned():
            return event.why or None
        case Claimed() | Released() | _:
            return None


# ── questions in words ──────────────────────────────────────────────────────────────────────────────────────────────
def in_words(question: Question, answer: Any, name: Any) -> Message:
    """A question of the directory or of a document, and what was answered; `name` tells how a value is read."""
    topic, *rest = question
    said = answer.message if isinstance(answer, Denied) else name(answer)
    what = [name(one) for one in rest if not isinstance(one, datetime)]
    match topic:
        case "document":
            return say('"{field}" of {document} was {answer}', field=rest[1], document=what[0], answer=said)
        case "directory" if rest[0] == "acting" and answer == rest[1]:
            return say("{person} was there", person=what[1])
        case "directory" if rest[0] == "acting" and answer is None:
            return say("{person} was away, and nobody acted for him", person=what[1])
        case "directory" if rest[0] == "acting":
            return say("{person} was away, and {answer} acted for him", person=what[1], answer=said)
    return say("{function}({arguments}) gave {answer}", function=what[0], arguments=", ".join(map(str, what[1:])), answer=said)
