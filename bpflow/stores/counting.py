"""What is counted in a store for those who watch it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol


class Counts(NamedTuple):
    """How much there is. `instances`: by process and status · `incidents`: instances with open incidents, `aside`: those that are set aside · `tasks`:
    open tasks (one for each assignee), `overdue` of them, `oldest`: since when the oldest is open, `older`: how many were opened before each of the
    times that were asked for."""

    instances: Mapping[tuple[str, str], int]
    incidents: int
    aside: int
    tasks: int
    overdue: int
    oldest: datetime | None
    older: Sequence[int]


class Counting(Protocol):
    """The part of a store that counts. It goes through all instances and open tasks, so it is not to be asked all the time."""

    def counts(self, before: Sequence[datetime]) -> Counts: ...
