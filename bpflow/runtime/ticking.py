"""Ticking off the items of a task's checklist."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from bpflow.diagnostics import did_you_mean, say, with_hint
from bpflow.engine.events import Ticked
from bpflow.engine.state import Item
from bpflow.engine.transition import UnexpectedEvent
from bpflow.expressions.data import User
from bpflow.runtime import reading
from bpflow.runtime.opened import open_task
from bpflow.runtime.transaction import Runner


class Tick(NamedTuple):
    """What somebody ticks off, or takes back: an item by its number from 1 on, or by its text."""

    task: str
    item: str | int
    by: str
    done: bool = True


def event_of(runner: Runner, tick: Tick, now: datetime) -> tuple[int, Ticked]:
    """The instance, and what happens to it. UnexpectedEvent if there is no such task, or no such item in it."""
    id, token, visit = reading.task_id(tick.task)
    _, at = open_task(runner, id, token, visit)
    number = number_of(tick.item, at.waiting.checklist if at.waiting else ())
    return id, Ticked(now, User(tick.by), token, visit, number, tick.done)


def number_of(item: str | int, items: tuple[Item, ...]) -> int:
    """The number of an item from 0 on."""
    texts = [one.text for one in items]
    if not texts:
        raise UnexpectedEvent(say("the task has no checklist"))
    if item in texts:
        return texts.index(str(item))
    if isinstance(item, int) or item.isdecimal():
        return int(item) - 1
    hint = did_you_mean(item, texts)
    message = say('the checklist has no "{item}"; it has: {known}', item=item, known=", ".join(texts))
    raise UnexpectedEvent(with_hint(message, hint))
