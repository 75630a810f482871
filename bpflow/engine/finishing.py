"""When a task may be finished: what stands between it and its first outcome.

The rules: with a condition (`done_when`) it closes as its first outcome when that is true, by nobody, and nobody can say so before; with a
checklist nobody can before all is ticked off, with subtasks before all are done. Every other outcome may be chosen at any time; subtasks
are withdrawn then.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from bpflow.diagnostics import say
from bpflow.engine import arms
from bpflow.engine.draft import Draft, Fault
from bpflow.engine.state import Item, Token, Waiting
from bpflow.engine.telling import subject_of
from bpflow.engine.transition import InvalidAnswer, UnexpectedEvent
from bpflow.expressions.data import User, Value
from bpflow.graph import Expr, Task, Trigger


def is_done(draft: Draft, token: Token, condition: Expr) -> bool:
    """Reads the condition of a task, and from now on watches the documents that it reads."""
    assert token.waiting is not None
    value, documents = arms.read(draft, Trigger("changed", condition))
    if not isinstance(value, bool):
        raise Fault(say("`{condition}` is neither true nor false", condition=condition.text))
    arms.watch(draft, token.id, token.waiting, documents)
    return value


def parts_left(draft: Draft, token: Token, task: Task) -> list[Token]:
    """The tokens of the subtasks that are not done."""
    return [other for other in draft.tokens.values() if other.node in task.parts and other.scope == token.scope] if task.parts else []


def part_done(draft: Draft, token: Token, part: tuple[str, str], by: User | None) -> None:
    """The results of the task of which it is a subtask tell that it is done."""
    gives, name = part
    results = draft.home(token.scope)[0].get(gives)
    if isinstance(results, Mapping):
        known = results.get("subtasks")
        done: dict[str, Value] = {"by": by, "at": draft.now}
        draft.give(token.scope, gives, {**results, "subtasks": {**(known if isinstance(known, Mapping) else {}), name: done}})


def undone(draft: Draft, task: Task) -> dict[str, Value]:
    """The subtasks as the results have them before any is done."""
    parts = (draft.program.nodes[node] for node in task.parts)
    return {part.part[1]: {"by": None, "at": None} for part in parts if isinstance(part, Task) and part.part}


def check_ready(draft: Draft, token: Token, task: Task, outcome: str) -> None:
    """InvalidAnswer if the outcome is the first and something is left to do before it."""
    if outcome != task.outcomes[0][0]:
        return
    if task.done_when is not None:
        raise InvalidAnswer(say("it is not done yet: `{condition}` is not true", condition=task.done_when.text))
    assert token.waiting is not None
    if not (token.waiting.checklist or task.parts):
        return
    left = [item.text for item in token.waiting.checklist if item.by is None]
    if left:
        raise InvalidAnswer(say("this is still to be ticked off: {left}", left=", ".join(left)))
    parts = (draft.program.nodes[part.node] for part in parts_left(draft, token, task))
    open = [subject_of(draft, part) for part in parts if isinstance(part, Task)]
    if open:
        raise InvalidAnswer(say("these subtasks are still open: {left}", left=", ".join(open)))


# ── the checklist ───────────────────────────────────────────────────────────────────────────────────────────────────
def checklist(draft: Draft, task: Task) -> tuple[Item, ...]:
    """The checklist as it is when the task is opened."""
    return tuple(Item(str(draft.value(item))) for item in task.checklist)


def tick(waiting: Waiting, number: int, done: bool, by: User, at: datetime) -> None:
    """Ticks an item off, or takes that back. UnexpectedEvent if that would change nothing."""
    if not 0 <= number < len(waiting.checklist):
        raise UnexpectedEvent(say("the checklist has no item {number}; it has {count}", number=number + 1, count=len(waiting.checklist)))
    item = waiting.checklist[number]
    if done is (item.by is not None):
        raise UnexpectedEvent(say('"{item}" is ticked off already', item=item.text) if done else say('"{item}" is not ticked off', item=item.text))
    new = Item(item.text, by, at) if done else Item(item.text)
    waiting.checklist = (*waiting.checklist[:number], new, *waiting.checklist[number + 1 :])


def ticks(waiting: Waiting | None) -> list[Value]:
    """The checklist as the results of the task have it."""
    return [{"item": item.text, "done": item.by is not None, "by": item.by, "at": item.at} for item in waiting.checklist] if waiting else []
