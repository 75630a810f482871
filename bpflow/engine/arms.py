"""Arms: how tokens and scopes wait for times, conditions, messages and commands, and how an arm goes off.

The rules: an arm is armed once and disarmed when its holder leaves. A condition is read when it is armed, and again only when a
name or a document that it reads has changed. A wait looks at the level (true already: it passes at once), a handler at the edge
(it must become true). A date that reads a document is read again when that changes, until it fires; a fixed one never. What is
counted from now is counted from when it was armed, however often it is read: else no deadline would come that somebody keeps touching.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TypeAlias

from bpflow.diagnostics import say
from bpflow.engine.draft import Draft, Fault
from bpflow.engine.state import UNARMED, Arms, Scope, Token, Waiting
from bpflow.engine.transition import Listen, TaskRow, put_row
from bpflow.expressions.data import Document, Value
from bpflow.graph import Call, Handler, Task, Trigger

Armed: TypeAlias = Waiting | Scope
"""What has arms: the wait of a token, or a scope."""


def read(draft: Draft, trigger: Trigger) -> tuple[Value, tuple[Document, ...]]:
    """What the expression of a trigger says now, and the documents that it reads."""
    assert trigger.expr is not None
    draft.reads = []
    try:
        value = draft.value(trigger.expr)
        return value, () if trigger.fixed else tuple(dict.fromkeys(draft.reads))
    finally:
        draft.reads = None


def arm(draft: Draft, holder: int, held: Armed, number: int, trigger: Trigger, *, level: bool, about: Document | None = None) -> bool:
    """Arms one arm. True if it goes off at once (only with `level`). With `about` it stays as it is unless it reads that document."""
    if trigger.kind == "message":
        key = draft.value(trigger.expr) if trigger.expr else None
        if trigger.expr and key in (None, ""):
            raise Fault(say('the key of the message "{name}" is empty', name=trigger.name))
        arms = arms_of(held)
        held.arms = arms.but(listening={**arms.listening, number: (trigger.name, key)})
        token = draft.tokens.get(holder)
        draft.effects.listens[holder, number] = Listen(trigger.name, key, token.visit if token else 0)
        return False
    if trigger.kind not in ("at", "until", "changed"):
        return False
    value, documents = read(draft, trigger)
    if about is not None and about not in documents:
        return False
    if documents:
        watch(draft, holder, held, documents)
        if isinstance(value, datetime):
            value = counted(draft, held, trigger, value)
    return settle_value(draft, holder, held, number, value, level=level)


def arms_of(held: Armed) -> Arms:
    """The arms that a holder has."""
    assert held.arms is not None
    return held.arms


def counted(draft: Draft, held: Armed, trigger: Trigger, first: datetime) -> Value:
    """The time that a trigger says, counted from when it was armed; `first` if that is now."""
    assert trigger.expr is not None
    arms = arms_of(held)
    if arms.since is None:
        arms = held.arms = arms.but(since=draft.now)
    if arms.since == draft.now:
        return first
    assert arms.since is not None
    now, draft.now = draft.now, arms.since
    try:
        return draft.value(trigger.expr)
    finally:
        draft.now = now


def settle_value(draft: Draft, holder: int, held: Armed, number: int, value: Value, *, level: bool) -> bool:
    """Takes what an arm's expression says: sets its timer or its truth. True if the arm goes off."""
    if isinstance(value, bool):
        arms = arms_of(held)
        was = arms.truth.get(number, False)
        held.arms = arms.but(truth={**arms.truth, number: value})
        set_timer(draft, holder, held, number, None)
        return value and (level or not was)
    if value is None:
        set_timer(draft, holder, held, number, None)
        return False
    if not isinstance(value, datetime):
        raise Fault(say("neither a date nor a condition: {value}", value=repr(value)))
    if value <= draft.now and level:
        return True
    set_timer(draft, holder, held, number, value)
    return False


def set_timer(draft: Draft, holder: int, held: Armed, number: int, due: datetime | None) -> None:
    """Sets, moves or drops the timer of an arm."""
    arms = arms_of(held)
    before = arms.due.get(number)
    if before == due:
        return
    times = {**arms.due}
    if due is not None:
        times[number] = due
    else:
        del times[number]
    held.arms = arms.but(due=times)
    put_row(draft.effects.timers, (holder, number), before, due)


def watch(draft: Draft, holder: int, held: Armed, documents: Iterable[Document]) -> None:
    for document in documents:
        arms = arms_of(held)
        if document not in arms.watched:
            held.arms = arms.but(watched=(*arms.watched, document))
            draft.effects.watches[holder, document] = True


def disarm(draft: Draft, holder: int, arms: Arms) -> None:
    """The rows of all that the holder waits for go."""
    for number, due in arms.due.items():
        put_row(draft.effects.timers, (holder, number), due, None)
    for document in arms.watched:
        draft.effects.watches[holder, document] = False
    for number in arms.listening:
        draft.effects.listens[holder, number] = None


def withdraw(draft: Draft, token: Token) -> None:
    """Withdraws the task or the call that the token waits for."""
    if token.status not in ("waiting", "held"):
        return
    match draft.program.nodes.get(token.node):
        case Task():
            put_row(draft.effects.tasks, (token.id, token.visit), closed(token), None)
        case Call():
            draft.effects.withdrawn.append((token.id, token.visit))


def closed(token: Token) -> TaskRow:
    """The row of a task as the store has it, as far as it must be known to find it."""
    return TaskRow(token.waiting.holders(), observers=token.waiting.observers) if token.waiting else TaskRow(())


def release(draft: Draft, token: Token) -> None:
    """The token stops waiting and moves on: what it waited for is dropped, with the incidents on it."""
    assert token.waiting is not None
    if token.waiting.arms is not UNARMED:
        disarm(draft, token.id, token.waiting.arms)
    if draft.incidents:
        draft.forget_incidents({token.id}, set())
    token.waiting = None
    token.status = "moving"


# ── handlers of scopes ──────────────────────────────────────────────────────────────────────────────────────────────
def arm_handlers(draft: Draft, scope: Scope) -> list[tuple[int, Fault]]:
    """Arms what may happen while the scope is open; gives the arms that cannot be armed, and why."""
    handlers = draft.program.handlers.get(scope.block, ())
    wrong: list[tuple[int, Fault]] = []
    if not handlers or scope.handler >= 0:
        return wrong
    scope.arms = UNARMED
    draft.look_from(scope.id)
    for number, handler in enumerate(handlers):
        try:
            arm(draft, scope.id, scope, number, handler.trigger, level=False)
        except Fault as fault:
            wrong.append((number, fault))
    return wrong


def handlers_of(draft: Draft, scope: Scope) -> tuple[Handler, ...]:
    """The handlers that are armed on the scope now."""
    return draft.program.handlers.get(scope.block, ()) if scope.arms is not None else ()
