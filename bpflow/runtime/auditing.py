"""Whether histories and states are as they were written: every link is computed again, and on wish every event is worked in again.

The law of this file: it only reads, and says of each flaw in which instance and at which revision it is. What is being written meanwhile is no
flaw: an instance is judged as far as it had come when it was looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from bpflow.diagnostics import Message, Refused, say
from bpflow.engine.codec import decode_history, micros
from bpflow.engine.events import Started
from bpflow.engine.interpreter import advance
from bpflow.engine.pages import encode
from bpflow.engine.program import Program
from bpflow.engine.state import OVER, State
from bpflow.engine.transition import Replayed
from bpflow.graph import from_json
from bpflow.runtime import heads
from bpflow.runtime.archive import Kept
from bpflow.runtime.chain import Chain
from bpflow.runtime.heads import Head
from bpflow.runtime.transaction import Held, Runner
from bpflow.stores.contract import HistoryRow, InstanceRow, Snapshot, StoreError
from bpflow.stores.purged import PurgedRow

BATCH = 500
"""How many instances are read at once."""
MOST_STRAYS = 1000


class Flaw(Struct, frozen=True):
    """Something that is not as it was written. `instance` is None where it is a definition; `kind`: changed, missing or stray (a row of
    history), state, definition, lost or unreadable (an instance), cut or rewritten (a history that was longer, or another), purged (what is left of
    one)."""

    instance: int | None
    revision: int | None
    kind: str
    message: Message


@dataclass(slots=True)
class Audited:
    """How much was looked at, and what was found; `purged`: of how many there is only left that they were purged."""

    instances: int = 0
    rows: int = 0
    purged: int = 0
    flaws: list[Flaw] = field(default_factory=list)


@dataclass(slots=True)
class Auditor:
    """Looks through one store. `replay`: whether every event is worked in again."""

    runner: Runner
    replay: bool = False
    done: Audited = field(default_factory=Audited)
    definitions: dict[int, bool] = field(default_factory=dict)
    """Those that were looked at."""

    def one(self, row: InstanceRow, anchored: Head | None = None) -> Head | None:
        """An instance, and whether it still has the head that it had. Gives its head; None where it has been purged meanwhile, or cannot be read."""
        try:
            return self._one(row, anchored)
        except StoreError:
            raise
        except (ValueError, LookupError, TypeError, AttributeError, AssertionError, ArithmeticError) as error:
            reason = f"{type(error).__name__}: {error}"
            self.done.flaws.append(Flaw(row.id, None, "unreadable", say("what the database has of it cannot be read: {reason}", reason=reason)))
            return None

    def _one(self, row: InstanceRow, anchored: Head | None) -> Head | None:
        found = self.runner.store.snapshot(row.id)
        while found is not None and found.revision != row.revision:  # it has gone on since the row was read, or between the two
            again = self.runner.store.instance(row.id)
            row, found = again or row, self.runner.store.snapshot(row.id) if again is not None else None
        if found is None:
            return None
        rows = [one for one in self.runner.store.history(row.id) if one.revision <= row.revision]
        self.done.instances += 1
        self.done.rows += len(rows)
        self.definition(row)
        flaws = list(flaws_of_links(self.runner.chain, self.runner.origin(row.definition), row, rows))
        flaws += self.flaws_of_state(row, found, rows)
        if self.replay and not flaws:
            flaws += flaws_of_replay(self.runner.opened(row.id, found), rows, row.started)
        if anchored is not None:
            flaws += flaws_of_head(anchored, row.revision, {one.revision: one.link for one in rows})
        self.done.flaws += flaws
        return Head(row.id, row.revision, found.link)

    def left(self, row: PurgedRow, anchored: Head | None = None) -> Head:
        """What is left of a purged instance."""
        self.done.purged += 1
        if self.runner.chain.seal_of(row) != row.seal:
            self.done.flaws.append(Flaw(row.instance, None, "purged", say("what is left of the purged instance was changed, or it was not purged")))
        if anchored is not None and anchored.revision >= row.revision:
            self.done.flaws += flaws_of_head(anchored, row.revision, {row.revision: row.link})
        return Head(row.instance, row.revision, row.link)

    def strays(self) -> None:
        """Rows of history that belong to nothing."""
        for instance, revision in self.runner.store.strays(MOST_STRAYS):
            self.done.flaws.append(Flaw(instance, revision, "stray", say("there is a row of history that belongs to nothing, or a second one")))

    def all(self, process: str | None, at: Callable[[int], Head | None], progress: Callable[[int], None]) -> Iterator[Head]:
        """Every instance by number, those that were purged in their places (where no process is meant), and their heads."""
        after, left = 0, self.all_left() if process is None else iter(())
        purged = next(left, None)
        while batch := self.runner.store.instances(process, after=after, limit=BATCH):
            for row in batch:
                while purged is not None and purged.instance < row.id:
                    yield self.left(purged, at(purged.instance))
                    purged = next(left, None)
                head = self.one(row, at(row.id))
                if head is not None:
                    yield head
            after = batch[-1].id
            progress(self.done.instances)
        while purged is not None:
            yield self.left(purged, at(purged.instance))
            purged = next(left, None)

    def all_left(self) -> Iterator[PurgedRow]:
        after = 0
        while batch := self.runner.store.purged(after, BATCH):
            yield from batch
            after = batch[-1].instance

    def everything(self, file: Path | None, progress: Callable[[int], None]) -> None:
        """Every instance; with a file of heads against that, which is written anew if nothing is found."""
        known = Anchored(self, heads.read(file) if file is not None and file.exists() else iter(()))
        every = known.with_the_rest(self.all(None, known.at, progress))
        if file is not None:
            heads.write(file, every, lambda: not self.done.flaws)
        for _ in every:
            pass

    def lost(self, head: Head) -> None:
        """An instance that has a head and was not met: it has been purged meanwhile, or is gone."""
        left, row = self.runner.store.purged(head.instance - 1, 1), self.runner.store.instance(head.instance)
        if row is not None:
            self.one(row, head)
        elif left and left[0].instance == head.instance:
            self.left(left[0], head)
        else:
            self.done.flaws.append(Flaw(head.instance, None, "lost", say("the instance is gone, and was not purged")))

    # ── an archive ─────────────────────────────────────────────────────────────────────────────────────────────────
    def archived(self, kept: Kept) -> None:
        """An instance of an archive: as one in the database; and it is the one that was purged, where the database knows of it."""
        row, found = kept.row, kept.found
        self.done.instances += 1
        self.done.rows += len(kept.rows)
        chain, digest = self.runner.chain, kept.definition.digest
        flaws = list(flaws_of_links(chain, chain.origin(digest), row, kept.rows))
        if not kept.rows or kept.rows[-1].link != found.link or chain.seal(found.link, found.root) != found.seal:
            flaws.append(Flaw(row.id, row.revision, "state", say("the state was changed, or is not that of its last row of history")))
        if from_json(kept.definition.graph).digest != digest:
            flaws.append(Flaw(row.id, None, "definition", say('the graph of the process "{process}" was changed', process=row.process)))
        for left in self.runner.store.purged(row.id - 1, 1):
            if left.instance == row.id and (left.revision, left.link) != (row.revision, found.link):
                flaws.append(Flaw(row.id, row.revision, "rewritten", say("the history is not the one that was purged")))
        if self.replay and not flaws:
            flaws += flaws_of_replay(kept.held(), kept.rows, row.started)
        self.done.flaws += flaws

    # ── one instance ───────────────────────────────────────────────────────────────────────────────────────────────
    def definition(self, row: InstanceRow) -> None:
        """The graph by which the instance runs is the one whose digest the history begins with."""
        if row.definition in self.definitions:
            return
        stored = self.runner.store.definition(row.definition)
        self.definitions[row.definition] = sound = from_json(stored.graph).digest == stored.digest
        if not sound:
            message = say('the graph of the process "{process}" (definition {id}) was changed', process=row.process, id=row.definition)
            self.done.flaws.append(Flaw(None, None, "definition", message))

    def flaws_of_state(self, row: InstanceRow, found: Snapshot, rows: Sequence[HistoryRow]) -> Iterator[Flaw]:
        """The state is the one that was sealed with the last link, and the row of the instance says the same as the state."""
        if rows and not (is_blob(found.root) and self.runner.chain.seal(found.link, found.root) == found.seal):
            yield Flaw(row.id, row.revision, "state", say("the state was changed, or is not that of its last row of history"))
            return
        try:
            state = self.runner.opened(row.id, found).state
        except Refused as unreadable:
            yield Flaw(row.id, row.revision, "state", unreadable.message)
            return
        assert state is not None
        result, ended = (state.result, state.at) if state.status in OVER else (None, None)
        if (row.status, row.result, row.ended, row.incidents) != (state.status, result, ended, len(state.incidents)):
            yield Flaw(row.id, row.revision, "state", say("the row of the instance says something else than its state"))


@dataclass(slots=True)
class Anchored:
    """The heads of a file, met in their order."""

    auditor: Auditor
    left: Iterator[Head]
    following: Head | None = None

    def __post_init__(self) -> None:
        self.following = next(self.left, None)

    def at(self, instance: int) -> Head | None:
        """That of an instance; those of less number, which were not met, are lost."""
        while self.following is not None and self.following.instance < instance:
            self.auditor.lost(self.following)
            self.following = next(self.left, None)
        if self.following is None or self.following.instance > instance:
            return None
        found, self.following = self.following, next(self.left, None)
        return found

    def with_the_rest(self, every: Iterator[Head]) -> Iterator[Head]:
        """After all that are met, the rest is lost."""
        yield from every
        self.at(2**63)


def flaws_of_links(chain: Chain, origin: bytes, instance: InstanceRow, rows: Sequence[HistoryRow]) -> Iterator[Flaw]:
    """Rows of history of which one is missing, or whose link is not that of the row and the one before."""
    before, last = origin, 0
    for row in rows:
        if row.revision != last + 1:
            yield from missing(instance.id, last + 1, row.revision - 1)
        elif not (is_blob(row.data) and chain.link(before, instance.owner, instance.id, row.revision, micros(row.at), row.data) == row.link):
            yield Flaw(instance.id, row.revision, "changed", say("the row of history was changed, or what stands before it"))
        before, last = row.link, row.revision
    yield from missing(instance.id, last + 1, instance.revision)


def is_blob(data: object) -> bool:
    """Whether it is bytes: who writes to the database by hand can put a text there."""
    return isinstance(data, bytes)


def missing(instance: int, first: int, last: int) -> Iterator[Flaw]:
    for revision in range(first, last + 1):
        yield Flaw(instance, revision, "missing", say("the row of history is missing"))


def flaws_of_head(anchored: Head, revision: int, links: dict[int, bytes]) -> Iterator[Flaw]:
    """The history has come at least as far as it was, and its link there is the one that it was."""
    if revision < anchored.revision:
        yield Flaw(anchored.instance, anchored.revision, "cut", say("the history was cut off: it had come to revision {revision}", revision=anchored.revision))
    elif links.get(anchored.revision) not in (None, anchored.link):  # of a row that is missing is told already
        yield Flaw(anchored.instance, anchored.revision, "rewritten", say("the history was written anew: up to here it was another"))


def flaws_of_replay(held: Held, rows: Sequence[HistoryRow], started: datetime) -> Iterator[Flaw]:
    """The events, worked in again, give the state that is there, and the first is the beginning of which the row of the instance tells."""
    id, last = held.id, rows[-1].revision if rows else 0
    try:
        state = replayed(held.program, rows)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        yield Flaw(id, last, "state", say("the events of the history cannot be worked in again: {reason}", reason=reason))
        return
    first = decode_history(held.program, rows[0].data, rows[0].at)[0][0][0]
    if not isinstance(first, Started) or (first.document, first.seed) != (held.document, id):
        yield Flaw(id, 1, "state", say("the instance runs on another document than it was started on"))
    elif first.at != started:
        yield Flaw(id, 1, "state", say("the row of the instance says another time of its beginning than its history"))
    if held.state is None or state is None or encode(held.program, state) != encode(held.program, held.state):
        yield Flaw(id, last, "state", say("the state is not the one that the events of the history give"))


def replayed(program: Program, rows: Sequence[HistoryRow]) -> State | None:
    """The state that the events give."""
    state: State | None = None
    for row in rows:
        for event, answers in decode_history(program, row.data, row.at)[0]:
            state = advance(program, state, event, Replayed(answers)).state
    return state
