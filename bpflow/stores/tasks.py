"""How the rows of a task change: it opens, other people have it, it closes.

The law of this file: where only its people change, the rows of those who stay are left as they are: of a thousand who are asked, each answer
concerns one. A task that is there already keeps the time at which it was opened.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import NamedTuple

from bpflow.engine.codec import micros
from bpflow.engine.state import Assignee
from bpflow.engine.transition import TaskRow
from bpflow.stores.contract import party_text


class SeatRow(NamedTuple):
    """The row of one assignee of a task."""

    party: str
    in_place_of: str | None
    node: str
    subject: str
    opened: int
    due: int | None
    overdue: bool
    claimed_of: str | None


def left(was: TaskRow | None, task: TaskRow | None) -> list[str]:
    """The parties whose rows go."""
    staying = {seat.party for seat in task.people} if task else ()
    return [party_text(seat.party) for seat in was.people if seat.party not in staying] if was else []


def seats(was: TaskRow | None, task: TaskRow | None, at: datetime) -> Iterator[SeatRow]:
    """The rows that come or change."""
    if task is None:
        return
    same: Collection[Assignee] = set(was.people) if was and was[1:] == task[1:] else ()
    opened, due = micros(at), micros(task.due) if task.due else None
    for seat in task.people:
        if seat not in same:
            place = party_text(seat.in_place_of) if seat.in_place_of else None
            group = party_text(seat.group) if seat.group else None
            yield SeatRow(party_text(seat.party), place, task.node, task.subject, opened, due, task.overdue, group)


def observers_left(was: TaskRow | None, task: TaskRow | None) -> list[str]:
    """The parties that saw the task, when it closes."""
    return [party_text(party) for party in was.observers] if was and task is None else []


def observers_come(was: TaskRow | None, task: TaskRow | None) -> list[str]:
    """The parties that see the task, when it opens."""
    return [party_text(party) for party in task.observers] if task and was is None else []
