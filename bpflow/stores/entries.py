"""What a store lists: tasks and timers, and what processes have left for people to read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from msgspec import Struct

from bpflow.expressions.data import Value


class TaskEntry(Struct, frozen=True, gc=False):
    """An open task of an assignee (`party` as "user:…", "department:…", "role:…"), of which group he has claimed it, and when it came to him
    (`opened`)."""

    instance: int
    token: int
    visit: int
    party: str
    in_place_of: str | None
    node: str
    subject: str
    opened: datetime
    due: datetime | None
    overdue: bool
    claimed_of: str | None = None

    @property
    def id(self) -> str:
        """The task's id as people use it."""
        return f"{self.instance}.{self.token}.{self.visit}"


class TimerEntry(Struct, frozen=True, gc=False):
    """A timer that is set, and the revision that its instance had when that was read."""

    instance: int
    holder: int
    arm: int
    due: datetime
    owner: int
    revision: int


class CalendarRow(Struct, frozen=True):
    id: int
    person: str
    title: str
    at: datetime
    ends: datetime
    remind_before: int | None
    instance: int | None


class NoticeRow(Struct, frozen=True):
    person: str
    reason: str
    title: str
    text: str
    channel: str
    at: datetime
    instance: int


class FeedRow(Struct, frozen=True):
    """A line of a document's own history: what changed (none: was emptied), by whom, or a note."""

    version: int
    at: datetime
    changes: Mapping[str, Value]
    by: str | None
    note: str | None


class TimerKey(NamedTuple):
    lane: int
    holder: int
    arm: int
    due: datetime


@dataclass(slots=True)
class Indexed:
    """The rows of one instance: tasks by (token, visit, party), observers of the same, timers, watches by (holder, document), listens by
    (holder, arm) with their visit, name and key."""

    tasks: dict[tuple[int, int, str], TaskEntry] = field(default_factory=dict)
    observers: set[tuple[int, int, str]] = field(default_factory=set)
    timers: set[TimerKey] = field(default_factory=set)
    watches: set[tuple[int, int]] = field(default_factory=set)
    listens: dict[tuple[int, int], tuple[int, str, str]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many rows there are."""
        return len(self.tasks) + len(self.observers) + len(self.timers) + len(self.watches) + len(self.listens)
