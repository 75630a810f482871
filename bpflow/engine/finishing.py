"""When a task may be finished: what stands between it and its first outcome.

The rules: with a condition (`done_when`) it closes as its first outcome when that is true, by nobody, and nobody can say so before; with a
checklist nobody can before all is ticked off. Every other outcome may be chosen at any time.
"""

from __future__ import annotations

from datetime import datetime

from bpflow.diagnostics import say
from bpflow.engine import arms
from bpflow.engine.draft import Draft, Fault
from bpflow.engine.state import Item, Token, Waiting
from bpflow.engine.transition import InvalidAnswer, UnexpectedEvent
from bpflow.expressions.data import User, Value
from bpflow.graph import Expr, Task, Trigger


def is_done(draft: Draft, token: Token, condition: Expr) -> bool:
    """Reads the condition of a task, and from now on watches the documents that it reads."""
    assert token.waiting is not None
    value, documents = arms.read(draft, Trigger("changed", condition))
    if not isinstance(value, bool):
        raise Fault(say("`{condition}` is neither true nor false", condition=condition.text))
    arms.watch(draft, token.id, token.waiting.arms, documents)
    return value


def check_ready(task: Task, waiting: Waiting, outcome: str) -> None:
    """InvalidAnswer if the outcome is the first and something is left to do before it."""
    if outcome != task.outcomes[0][0]:
        return
    if task.done_when is not None:
        raise InvalidAnswer(say("it is not done yet: `{condition}` is not true", condition=task.done_when.text))
    left = [item.text for item in waiting.checklist if item.by is None]
    if left:
        raise InvalidAnswer(say("this is still to be ticked off: {left}", left=", ".join(left)))


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
