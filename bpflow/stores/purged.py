"""What is left of instances that were purged, and the part of a store by which histories are kept and go."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol


class PurgedRow(NamedTuple):
    """What is left of an instance that was purged: how far it had come, when it ended and when it was purged (`at`), the last link of its
    history, and a seal over all that."""

    instance: int
    owner: int
    definition: int
    revision: int
    ended: datetime
    at: datetime
    link: bytes
    seal: bytes


class Purging(Protocol):
    """The part of a store by which histories are kept, and go when nobody needs them any more."""

    def processes(self) -> list[str]:
        """The processes that ever were deployed, by name: instances there may be of these, and of no others."""
        ...

    def strays(self, limit: int = 100) -> list[tuple[int, int]]:
        """Rows of history, as (instance, revision), that belong to none: to no instance that there is, to no revision that it has, or a
        second one of a revision."""
        ...

    def chain_mark(self, new: bytes | None = None) -> bytes | None:
        """The mark of the key by which histories are chained; None where they are without. `new` is kept if there is none yet and no history
        either."""
        ...

    def purge(self, gone: Sequence[PurgedRow], before: datetime) -> int:
        """Takes instances away with all that is theirs, each wholly or not at all, and keeps the rows in their stead: their states, histories
        and notices, and their calendar entries that were over before that time. Gives how many were there. Their documents stay."""
        ...

    def purged(self, after: int = 0, limit: int = 100) -> list[PurgedRow]:
        """What is left of purged instances, those with a number greater than `after`."""
        ...

    def untold(self) -> list[tuple[int, str, datetime]]:
        """Notices, as (instance, person, at), that would not be found with their instance and stay when it goes: on SQLite such as no row of
        history tells of, on PostgreSQL, where an index finds them, none."""
        ...

    def tell_again(self, instance: int, person: str, at: datetime) -> bool:
        """Has a row of history tell of such a notice. False if there is no row of that instance and instant."""
        ...

    def settled(self, before: datetime) -> int:
        """How many keys the inbox keeps, from before that time, that nothing which waits to be told or sent can ask for any more."""
        ...

    def forget(self, before: datetime, limit: int) -> int:
        """Forgets at most so many of those keys; gives how many."""
        ...

    def compact(self) -> None:
        """Gives the room of what was taken away back to the disk, where that does not happen by itself. Nobody can write meanwhile."""
        ...
