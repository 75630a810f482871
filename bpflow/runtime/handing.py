"""Tasks change hands: what people do with their own, and what an operator does with those of a person who leaves.

The law of this file: each task is a transaction of its own, so what was broken off is simply done again; what could not be moved is told
with its reason, and nothing of it has changed. Documents and variables that name the person stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from msgspec import Struct

from bpflow.diagnostics import Message, Refused
from bpflow.engine.events import Event, Reassigned
from bpflow.engine.interpreter import advance
from bpflow.engine.state import Assignee, State
from bpflow.engine.transition import Unanswered
from bpflow.expressions.data import Department, Role, User
from bpflow.graph import Task, step_of
from bpflow.runtime import views
from bpflow.runtime.answers import Live
from bpflow.runtime.transaction import Held, Runner, Unreadable
from bpflow.stores.contract import InstanceRow, party_text
from bpflow.stores.entries import TaskEntry


class Handed(Struct, frozen=True):
    """What has become of a task: to whom it went (None: his seat fell away, as the other has one there), or the `reason` why it stays."""

    task: str
    instance: int
    process: str
    step: str
    title: str
    subject: str
    to: User | Department | Role | None = None
    reason: Message | None = None


class Order(Struct, frozen=True):
    """Who is replaced by whom, by whose order and why."""

    person: User
    to: User | None
    by: User | None
    why: str

    def event(self, token: int, visit: int, at: datetime) -> Reassigned:
        """The event of one task."""
        return Reassigned(at, self.by, token, visit, self.person, self.to, self.why)


Happen = Callable[[int, Event], State]


def reassign(runner: Runner, order: Order, process: str | None, at: datetime, happen: Happen | None) -> list[Handed]:
    """Gives the tasks of a person to another, one after the other; tells of each what has become of it. Without `happen`: what would."""
    found = []
    for entry, row in tasks_of(runner, order.person):
        if process in (None, row.process):
            found.append(moved(runner, order, entry, row, at, happen))
    return found


def moved(runner: Runner, order: Order, entry: TaskEntry, row: InstanceRow, at: datetime, happen: Happen | None) -> Handed:
    step, event = step_of(entry.node), order.event(entry.token, entry.visit, at)
    title = views.title_of(views.steps_of(runner.program(row.definition)), entry.node)
    head = (entry.id, row.id, row.process, step, title, entry.subject)
    try:
        held = runner.read(row)
        before = seats(held.state, entry)
        after = seats(happen(row.id, event) if happen else tried(runner, held, event), entry)
    except Refused as refused:
        return Handed(*head, reason=refused.message)
    new = [seat.party for seat in after if seat not in before]
    return Handed(*head, to=new[0] if new and len(after) == len(before) else None)


def seats(state: State | None, entry: TaskEntry) -> list[Assignee]:
    """All who have something at a task, or will have."""
    token = state.tokens.get(entry.token) if state else None
    waiting = token.waiting if token else None
    return [*waiting.holders(), *waiting.later] if waiting else []


def tasks_of(runner: Runner, person: User) -> Iterator[tuple[TaskEntry, InstanceRow]]:
    """Each task that a person has, or will have when it is his turn."""
    told: set[str] = set()
    rows: dict[int, InstanceRow | None] = {}
    for entry in runner.store.tasks():
        if entry.instance not in rows:
            rows[entry.instance] = runner.store.instance(entry.instance)
        row = rows[entry.instance]
        if row is not None and entry.id not in told and (entry.party == party_text(person) or comes_later(runner, row, entry, person)):
            told.add(entry.id)
            yield entry, row


def comes_later(runner: Runner, row: InstanceRow, entry: TaskEntry, person: User) -> bool:
    """Whether the person comes after those whose turn it is."""
    node = runner.program(row.definition).nodes.get(entry.node)
    if not isinstance(node, Task) or not node.in_turn:
        return False
    try:
        return any(seat.party == person for seat in seats(runner.read(row).state, entry))
    except Unreadable:
        return True  # perhaps; that it cannot be read will be told


def tried(runner: Runner, held: Held, event: Event) -> State:
    """The state that the event would make; nothing is written. Refused as the event would be."""
    live = Live(runner.around(runner.store))
    while True:
        try:
            return advance(held.program, held.state, event, live).state
        except Unanswered as unanswered:
            live.learn(unanswered.question, runner.store.document, runner.store.open_tasks)
