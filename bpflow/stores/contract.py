"""What every store does: the unit of work in which an instance changes, and the reading of what is kept.

The law of this room: all that one step changes is written by one unit of work, wholly or not at all; a unit of work writes rows of one
owner, and what is for another is left as a row to be worked off, which says by which key it is done once. `Conflict` says that another was
faster: load again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from typing import NamedTuple, Protocol

from msgspec import Struct

from bpflow.diagnostics import Refused, say
from bpflow.engine.pages import Encoded, Pages
from bpflow.engine.state import State
from bpflow.engine.transition import CallOut, Effects
from bpflow.expressions.data import Department, Document, Role, User, Value
from bpflow.stores.absent import Absences, NewAbsence
from bpflow.stores.counting import Counting
from bpflow.stores.entries import CalendarRow, FeedRow, Indexed, NoticeRow, TaskEntry, TimerEntry
from bpflow.stores.leases import IDLE, Busy, Lease, Leases, Slots
from bpflow.stores.mail import ListenRow, LookRow, MessageRow, Messages
from bpflow.stores.purged import Purging

_PARTIES: Mapping[type, str] = {User: "user:", Department: "department:", Role: "role:"}


def party_text(party: User | Department | Role) -> str:
    """An assignee as text: `user:ivanov`, `department:sales`, `role:accountant`."""
    return _PARTIES[type(party)] + party.id


class Conflict(Exception):
    """The instance was changed by another since it was loaded; nothing was written."""


class StoreError(Refused):
    """The store cannot be used: not a bpflow database, or one of a newer version."""


class LeaseLost(StoreError):
    """The slot in which the work was done is another worker's by now; nothing was written."""

    def __init__(self, lease: Lease) -> None:
        super().__init__(say("another worker has taken over slot {slot}", slot=lease.slot))


class DefinitionRow(Struct, frozen=True):
    """A deployed definition: `graph` is its canonical JSON, `source` the YAML."""

    id: int
    process: str
    digest: str
    graph: str
    source: str


class DeploymentRow(NamedTuple):
    """Which definition new instances of a process get: its number and digest, and how many there have been."""

    id: int
    process: str
    digest: str
    version: int


class ScheduleRow(NamedTuple):
    """When a start on schedule is due next: `number` is its place among the starts of the process, `cron` the zone and the five parts."""

    process: str
    number: int
    cron: str
    due: datetime


class AsideRow(NamedTuple):
    """An instance that was set aside, since it could not go on by a fault of bpflow, or of which a call that nobody waits for has failed."""

    instance: int
    at: datetime
    reason: str


class InstanceRow(Struct, frozen=True):
    """An instance as the store lists it."""

    id: int
    owner: int
    definition: int
    process: str
    status: str
    revision: int
    incidents: int
    document: Document | None
    started: datetime
    ended: datetime | None
    result: str | None
    history: int | None
    caller: Caller | None = None
    deployed: int = 0


class Caller(NamedTuple):
    """The call that an instance answers when it ends. `level`: how many instances wait for each other around it."""

    instance: int
    token: int
    visit: int
    attempt: int
    level: int


class HistoryRow(Struct, frozen=True):
    """One transaction of an instance; `data` is read by `runtime`, `link` chains it to the row before."""

    instance: int
    revision: int
    at: datetime
    data: bytes
    link: bytes = b""


class OutboxRow(Struct, frozen=True):
    """A call that waits to be sent."""

    id: int
    owner: int
    instance: int
    call: CallOut
    depth: int

    @property
    def concerns(self) -> int:
        """The instance to which something happens by it: who is told something, or who waits for the answer."""
        return self.call.to if self.call.to and not self.call.wait else self.instance


class DocumentRow(Struct, frozen=True):
    """A document with its fields."""

    ref: Document
    owner: int
    version: int
    created: datetime
    changed: datetime
    fields: Mapping[str, Value]


class ChangeRow(Struct, frozen=True):
    """A change of a document that is still to be told. `version` 1 is its creation; `cause` the process that made the change."""

    id: int
    owner: int
    document: Document
    version: int
    at: datetime
    previous: Mapping[str, Value]
    by: str | None
    cause: str | None
    depth: int


class Standing(Struct):
    """An instance as it stands in the store: its revision, its last row of history, and the link of that."""

    id: int
    owner: int
    definition: int
    revision: int
    history: int | None
    document: Document | None
    caller: Caller | None
    link: bytes


class Snapshot(Standing):
    """An instance with its whole state: the root and the pages, as one transaction left them, and the seal that binds the state to its history."""

    root: bytes
    pages: Pages
    seal: bytes


class Work(Absences, Protocol):
    """A unit of work: a transaction on one owner. `left` says whether it has left calls or messages to be sent or changes to be told."""

    left: bool

    @property
    def messages(self) -> Messages: ...

    def instance(self, id: int) -> InstanceRow | None: ...

    def snapshot(self, id: int) -> Snapshot | None: ...

    def revision(self, id: int) -> int | None: ...

    def new_instance(
        self,
        definition: int,
        document: Document | None,
        at: datetime,
        exclusive: str | None,
        owner: int | None = None,
        caller: Caller | None = None,
        number: int | None = None,
        deployed: int | None = None,
    ) -> tuple[int, int] | None:
        """An instance begins, by the `number` that was kept for it where one was: its id and owner; None if `exclusive` is taken. Nobody sees it
        before its state is saved, over revision 0. Conflict if `deployed` is not the end of the log of deployments, as `current` gave it."""
        ...

    def running(self, exclusive: str) -> int | None:
        """The instance that has taken `exclusive`, if one runs that has."""
        ...

    def uncalled(self, id: int, token: int, visit: int) -> list[int]:
        """A call is waited for no longer: the instances by which it could still be answered, begun or about to. They are forgotten here."""
        ...

    def answered(self, child: int) -> None:
        """The call to that instance is answered: the caller need not think of it any more."""
        ...

    def save(self, was: Standing, state: State, out: Encoded, history: bytes, link: bytes, seal: bytes) -> int:
        """Writes an instance over the revision as which it was loaded, `out` of its state, and a row of history; gives that row's number. Conflict
        if it is another revision now. `link` goes with the row of history, `seal` with the state."""
        ...

    def index(self, id: int, owner: int, lane: int, effects: Effects, at: datetime) -> None:
        """Writes the rows of tasks, timers, watches and listens that changed, and withdraws calls. `lane`: timers of one lane wait for
        each other, lanes take turns; it is the instance's definition."""
        ...

    def unindex(self, id: int) -> None:
        """The rows of tasks, timers, watches and listens of an instance that is not there go. One that is there keeps its own."""
        ...

    def send(self, id: int, owner: int, lane: int, calls: Sequence[CallOut], at: datetime, depth: int) -> None:
        """Puts calls into the outbox, on that lane; `depth` says how many changes of documents have led to them. A call by which an instance begins is given
        a number for it (`to`), which nobody else gets; it is one of those that the caller waits for until it is `answered` or `uncalled`."""
        ...

    def stands(self, row: OutboxRow) -> bool:
        """Whether that call is in the outbox. If so, nobody takes it out until this unit of work is over, though it is another owner's."""
        ...

    def sent(self, row: OutboxRow) -> bool:
        """Takes that call out of the outbox; False if it is not there any more. Another call may have got its number since."""
        ...

    def hold(self, row: OutboxRow, reason: str) -> None:
        """That call stays in the outbox and is not sent, until it is taken back."""
        ...

    def worked(self, owner: int, key: str) -> bytes | None:
        """The result that the inbox keeps for a key, or None if it is new."""
        ...

    def remember(self, owner: int, key: str, result: bytes, at: datetime) -> None: ...

    def keep_secret(self, owner: int, handle: int, value: bytes, at: datetime, instance: int | None) -> None:
        """Keeps a value apart under a handle, which is a random number; it goes with its instance (None: it is a document's)."""
        ...

    def secret(self, handle: int) -> bytes | None:
        """The value of that handle, of whichever owner; None if it is not kept any more."""
        ...

    def document(self, id: int) -> DocumentRow | None: ...

    def matching(self, type: str, equal: Mapping[str, Value]) -> Iterator[DocumentRow]:
        """The documents of a type, in the order in which they were made. `equal` may leave out some whose fields (none of them a list) differ
        from the values given; it never leaves out one whose fields are equal to them. To be read before anything is written."""
        ...

    def add_document(
        self, type: str, fields: Mapping[str, Value], at: datetime, by: str | None, cause: str | None, depth: int, owner: int | None = None
    ) -> DocumentRow:
        """A new document, of an owner, or by default its own."""
        ...

    def change_document(
        self, row: DocumentRow, fields: Mapping[str, Value], at: datetime, by: str | None, cause: str | None, depth: int, note: str | None
    ) -> DocumentRow: ...

    def reschedule(self, row: ScheduleRow, due: datetime | None) -> bool:
        """Sets the next time of a schedule (None: it never comes again). False if it is not as the row says any more."""
        ...

    def open_tasks_of(self, people: Sequence[User]) -> dict[User, int]:
        """How many open tasks each of the people has; who has none is left out."""
        ...

    def turns(self, name: str) -> dict[str, int]:
        """When each person had the turn of that name last, as a number that only grows; who never had it is left out."""
        ...

    def take_turn(self, name: str, person: str) -> None:
        """It is his turn now: the latest."""
        ...

    def take_back(self, instance: int) -> bool:
        """The instance is no longer set aside, its calls that were held are to be sent, and the messages that it waits for are to be looked at
        again. False if there was nothing of that."""
        ...

    def told(self, change: ChangeRow) -> None:
        """The change has been told to all. Another change may have got its number since: that one stays."""
        ...

    def add_calendar(self, owner: int, person: str, title: str, at: datetime, ends: datetime, remind_before: int | None, instance: int | None) -> None: ...

    def enter_absence(self, owner: int, new: NewAbsence, at: datetime, *, key: str | None = None, by: str | None = None, instance: int | None = None) -> None:
        """Enters an absence; with a `key` once, however often it is entered."""
        ...

    def end_absence(self, id: int, last: date) -> None:
        """The absence has another last day; with one before its first it is taken back."""
        ...

    def add_notice(self, owner: int, person: str, reason: str, title: str, text: str, channel: str, at: datetime, instance: int) -> None:
        """Gives a person a notice of an instance, which is saved after that in the same unit of work, as of the same instant."""
        ...


class Store(Absences, Leases, Counting, Purging, Protocol):
    """A place where instances live. Reading is outside of units of work, and sees what has been committed. What waits to be worked is read for
    some slots: those of the owners of the rows."""

    groups: bool
    """Whether a transaction may have units of work of several owners, one after another: where one file holds them all."""

    def begin(self, owner: int | None = None, leases: Sequence[Lease] = (), anew: bool = False) -> AbstractContextManager[Work]:
        """A unit of work: committed at the end of the block, rolled back if it raises. `owner`: whose rows are written, where that is known
        already; else it is that of the first instance or document that is read or made (0: nobody's). LeaseLost if it is done under
        leases of which one is lost. `anew`: whoever begins it does so again after a Conflict, so that less needs to be asked beforehand."""
        ...

    def within(self, connection: object) -> AbstractContextManager[Store]:
        """This store as a part of a transaction of the program's own, on its connection to the same database: units of work are savepoints in it,
        and whoever began it commits them or not. If the block raises, what it changed goes back. StoreError if it cannot be so."""
        ...

    def together(self) -> AbstractContextManager[Store]:
        """The same in a transaction of this store: all are committed at the end of the block, or none if it raises; of several owners, if `groups`."""
        ...

    def close(self) -> None: ...

    def deploy(
        self, process: str, digest: str, graph: str, source: str, at: datetime, schedules: Sequence[ScheduleRow] = (), messages: Sequence[str] = ()
    ) -> DefinitionRow:
        """Keeps a definition (once by digest) and makes it the one that new instances of the process get. A schedule that is as it was
        keeps its next time. `messages`: the names of those by which it starts; such that are kept are to be looked at again."""
        ...

    def undeploy(self, process: str) -> bool:
        """No new instances of the process; its schedules go. False if it is not deployed."""
        ...

    def definition(self, id: int) -> DefinitionRow: ...

    def deployed(self) -> list[DeploymentRow]:
        """What new instances get, by process."""
        ...

    def deployment(self, process: str, by: int | None = None) -> DeploymentRow | None:
        """What new instances of one process get; with `by`, what they got at that place of the log of deployments, else the first after it."""
        ...

    def current(self, process: str) -> tuple[int, int] | None:
        """The definition that new instances of a process get, and the end of the log of deployments as of which that is so."""
        ...

    def instance(self, id: int) -> InstanceRow | None: ...

    def snapshot(self, id: int) -> Snapshot | None:
        """The instance with its state, all as one transaction left it."""
        ...

    def snapshots(self, ids: Sequence[int]) -> list[Snapshot]:
        """The same of several at once, but for those whose state is not all in one place."""
        ...

    def instances(
        self,
        process: str | None = None,
        status: str | None = None,
        document: int | None = None,
        incidents: bool = False,
        limit: int | None = None,
        after: int = 0,
    ) -> list[InstanceRow]: ...

    def called_by(self, instance: int) -> list[InstanceRow]:
        """The instances that an instance has called and waits or waited for, the first first."""
        ...

    def tasks(
        self, parties: Iterable[str] | None = None, instance: int | None = None, limit: int | None = None, observers: Iterable[str] | None = None
    ) -> list[TaskEntry]:
        """Open tasks by instance; of some assignees (then those of an instance are found fast), of all, or those that some observers see."""
        ...

    def open_tasks(self, party: str) -> int: ...

    def due(self, at: datetime, limit: int = 100, slots: Slots = None) -> list[TimerEntry]:
        """The timers that are due, but those of instances that are set aside; by time. Of more than `limit`, each lane has its share."""
        ...

    def schedules(self, at: datetime | None = None) -> list[ScheduleRow]:
        """The schedules that are due at that time, or all of them, by time."""
        ...

    def next_due(self, slots: Slots = None) -> datetime | None:
        """When the next timer or schedule is due, but those of instances that are set aside."""
        ...

    def watchers(self, document: int) -> list[int]:
        """The instances that look again when the document changes, but those that are set aside."""
        ...

    def indexed(self, after: int, last: int) -> Mapping[int, Indexed]:
        """The index of the instances whose numbers are greater than `after` and not greater than `last`, those that are not there too."""
        ...

    def set_aside(self, instance: int, at: datetime, reason: str) -> bool:
        """Leaves an instance alone: its timers, watches and calls stay as they are, and nobody sees them. False if there is none."""
        ...

    def aside(self) -> list[AsideRow]:
        """The instances that are set aside, and those of which calls are held."""
        ...

    def watched(self, instance: int) -> list[DocumentRow]:
        """The documents at whose changes an instance looks again, set aside or not."""
        ...

    def history(self, instance: int) -> list[HistoryRow]: ...

    def purgeable(self, before: datetime, process: str | None = None, after: int = 0, limit: int = 100) -> list[InstanceRow]:
        """Instances by number that ended before that time and that nobody needs: none that a running one has called, none of which a called
        one still runs, none of which or for which a call waits to be sent. Never the newest of all, so that no number is given twice."""
        ...

    def last_at(self) -> datetime | None:
        """When anything was recorded last."""
        ...

    def outbox(self, limit: int = 100, slots: Slots = None, but: Busy = IDLE) -> list[OutboxRow]:
        """The calls that wait to be sent, the oldest first, but those of instances that are suspended or set aside, and what one that is
        set aside is to be told. Where there are more than `limit`, each service, and of it each lane, has its share of them."""
        ...

    def messages(self, *, fresh: bool = False, name: str | None = None, limit: int | None = None, slots: Slots = None, after: int = 0) -> list[MessageRow]:
        """The messages that nobody has received yet, the first that was sent first; or only those that are to be looked at, of that name, `after` one."""
        ...

    def message(self, id: int) -> MessageRow | None:
        """The message, if it still waits to be received."""
        ...

    def wanted(self, name: str, key: str) -> MessageRow | None:
        """The first that was sent of the messages of that name and key (as text) that have no receiver, and that somebody waits for."""
        ...

    def receiver(self, message: int) -> ListenRow | None:
        """Who has waited longest for the message: from before it was sent, or since a time at which it was still kept. Nobody who is set aside."""
        ...

    def listening(self, listen: int) -> ListenRow | None:
        """Who waits by that row, unless he is set aside."""
        ...

    def looks(self, limit: int = 100, slots: Slots = None, after: int = 0) -> list[LookRow]:
        """What messages are to be looked at again, the oldest first, or the oldest `after` one."""
        ...

    def changes(self, limit: int | None = 100, document: int | None = None, slots: Slots = None, after: int = 0) -> list[ChangeRow]:
        """The changes that wait to be told, of all documents or of one, the oldest first, or the oldest `after` one."""
        ...

    def secret(self, handle: int) -> bytes | None:
        """The value that is kept under a handle; None if it is not any more."""
        ...

    def document(self, id: int) -> DocumentRow | None: ...

    def documents(self, type: str | None = None, limit: int | None = None, after: int = 0) -> list[DocumentRow]: ...

    def feed(self, document: int) -> list[FeedRow]: ...

    def calendar(self, person: str | None = None, instance: int | None = None) -> list[CalendarRow]: ...

    def notices(self, person: str | None = None, instance: int | None = None) -> list[NoticeRow]: ...
