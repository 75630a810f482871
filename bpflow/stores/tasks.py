"""How the rows of a task change: it opens, other people have it, it closes.

The law of this file: where only its people change, the rows of those who stay are left as they are: of a thousand who are asked, each answer
concerns one. A task that is there already keeps the time at which it was opened.
"""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

from msgspec.structs import replace

from bpflow.engine.codec import micros
from bpflow.engine.state import Assignee
from bpflow.engine.transition import TaskRow
from bpflow.stores.contract import party_text

SeatRow: TypeAlias = tuple[str, str, str, int, bool, int | None, str | None, str | None]
"""The row of one assignee: party, node, subject, opened, overdue, due, in whose place, the group of which it was claimed."""


def seat_row(seat: Assignee, task: TaskRow, at: datetime) -> SeatRow:
    """The row of an assignee of a task that opens."""
    return (
        party_text(seat.party),
        task.node,
        task.subject,
        micros(at),
        task.overdue,
        None if task.due is None else micros(task.due),
        None if seat.in_place_of is None else party_text(seat.in_place_of),
        None if seat.group is None else party_text(seat.group),
    )


def changed(was: TaskRow, task: TaskRow, at: datetime) -> tuple[list[str], list[SeatRow]]:
    """Of a task that stays, the parties whose rows go, and the rows that come or change."""
    staying = {seat.party for seat in task.people}
    gone = [party_text(seat.party) for seat in was.people if seat.party not in staying]
    same = {*was.people} if replace(was, people=task.people) == task else ()
    return gone, [seat_row(seat, task, at) for seat in task.people if seat not in same]
