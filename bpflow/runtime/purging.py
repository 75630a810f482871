"""Purging: instances that ended long ago go, after they have been archived where that is wished; messages and keys that nobody needs go too.

The law of this file: it may be killed anywhere and called again. What is on its way into the archive is on the disk before it goes from the
database; what goes, goes in bounded transactions. A history that is not as it was written does not go: it is told of and stays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bpflow.runtime.archive import Archive, Kept
from bpflow.runtime.auditing import Auditor, Flaw
from bpflow.runtime.transaction import Runner
from bpflow.stores.contract import DefinitionRow, InstanceRow, Snapshot, Store
from bpflow.stores.purged import PurgedRow

BATCH = 100
"""How many instances go at once."""
KEYS = 1000
"""How many keys of the inbox go at once."""


@dataclass(slots=True)
class Purged:
    """What has gone, or would go: instances (by process), keys of the inbox, messages; and the instances that have `stayed` for their flaws."""

    instances: dict[str, int] = field(default_factory=dict)
    keys: int = 0
    messages: int = 0
    flaws: list[Flaw] = field(default_factory=list)
    stayed: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Purge:
    """One purge: what ended before a time, at a time."""

    runner: Runner
    before: datetime
    now: datetime
    archive: Archive | None = None
    dry_run: bool = False
    progress: Callable[[int], None] = lambda done: None
    done: Purged = field(default_factory=Purged)
    definitions: dict[int, DefinitionRow] = field(default_factory=dict)

    def instances(self, process: str | None) -> None:
        """The instances of a process, or of all."""
        after, store = 0, self.runner.store
        while batch := store.purgeable(self.before, process, after, BATCH):
            after = batch[-1].id
            if self.dry_run:
                self.count(batch)
                continue
            self.take(batch)
            self.progress(sum(self.done.instances.values()))

    def take(self, batch: Sequence[InstanceRow]) -> None:
        """Instances go: what is sound is archived, then taken away."""
        sound = [(row, found) for row in batch if (found := self.sound(row)) is not None]
        if self.archive is not None:
            for row, found in sound:
                self.archive.add(self.kept(row, found), self.runner.program(row.definition))
            self.archive.sync()
        self.runner.store.purge([self.left(row, found) for row, found in sound], self.before)
        for row, _ in sound:
            self.runner.cache.pop(row.id, None)
        self.count([row for row, _ in sound])

    def sound(self, row: InstanceRow) -> Snapshot | None:
        """The instance, if it is as it was written."""
        auditor = Auditor(self.runner)
        auditor.one(row)
        if auditor.done.flaws:
            self.done.flaws += auditor.done.flaws
            self.done.stayed.append(row.id)
            return None
        return self.runner.store.snapshot(row.id)

    def kept(self, row: InstanceRow, found: Snapshot) -> Kept:
        store = self.runner.store
        notices, calendar = store.notices(instance=row.id), store.calendar(instance=row.id)
        if row.definition not in self.definitions:
            self.definitions[row.definition] = store.definition(row.definition)
        return Kept(self.definitions[row.definition], row, found, store.history(row.id), notices, calendar)

    def left(self, row: InstanceRow, found: Snapshot) -> PurgedRow:
        """What is left of an instance."""
        assert row.ended is not None
        left = PurgedRow(row.id, row.owner, row.definition, row.revision, row.ended, self.now, found.link, b"")
        return left._replace(seal=self.runner.chain.seal_of(left))

    def count(self, rows: Sequence[InstanceRow]) -> None:
        for row in rows:
            self.done.instances[row.process] = self.done.instances.get(row.process, 0) + 1

    def rest(self) -> None:
        """Keys of the inbox that nobody can ask for any more, and messages whose time is over."""
        store = self.runner.store
        if self.dry_run:
            self.done.keys = store.settled(self.before)
            self.done.messages = sum(1 for row in store.messages() if row.until is not None and row.until <= self.now and not row.fresh)
            return
        while gone := store.forget(self.before, KEYS):
            self.done.keys += gone
        self.done.messages = forget_messages(store, self.now)


def forget_messages(store: Store, now: datetime) -> int:
    """Forgets the messages whose time is over; gives how many there were."""
    forgotten = 0
    for owner in {row.owner for row in store.messages() if row.until is not None and row.until <= now}:
        with store.begin(owner) as work:
            forgotten += work.messages.purge(owner, now)
    return forgotten
