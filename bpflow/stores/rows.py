"""Rows of a database as the store gives them out, the same for every database.

The law of this file: instants are microseconds since 1970 (UTC), values the engine's JSON; the columns come in the order that is said here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from bpflow.engine.codec import STATUSES, dumps, instant, loads, micros
from bpflow.engine.pages import Pages
from bpflow.engine.transition import CallOut
from bpflow.expressions.data import Document, Value
from bpflow.stores.absent import AbsenceRow, NewAbsence
from bpflow.stores.contract import AsideRow, Caller, ChangeRow, DocumentRow, HistoryRow, InstanceRow, OutboxRow, ScheduleRow, Snapshot
from bpflow.stores.counting import Counts
from bpflow.stores.entries import CalendarRow, FeedRow, NoticeRow, TaskEntry, TimerEntry
from bpflow.stores.leases import NewWorker, PutOff, WorkerRow
from bpflow.stores.mail import LookRow, MessageRow
from bpflow.stores.purged import PurgedRow

INSTANCE = (
    "i.id, i.owner, i.definition, d.process, i.status, i.revision, i.incidents, i.document, c.type, i.started, i.ended, i.result, i.history, "
    "i.deployed, i.level, i.caller, i.caller_token, i.caller_visit, i.caller_attempt"
)
"""Of an instance `i`, its definition `d` and its document `c`."""
SNAPSHOT = (
    "i.id, i.owner, i.definition, i.revision, i.document, c.type, i.level, i.caller, i.caller_token, i.caller_visit, i.caller_attempt, i.state, i.seal, "
    "h.link, i.history"
)
"""Of an instance `i`, its document `c` and its last row of history `h`; there is no such row before it is written first."""
DOCUMENT = "id, owner, type, version, created, changed, fields"
TASK = "instance, token, visit, party, in_place_of, node, subject, opened, due, overdue, claimed_of"
TIMER = "instance, holder, arm, due, owner"
OUTBOX = "id, owner, instance, token, visit, attempt, waits, told, service, arguments, depth"
CHANGE = "c.id, c.owner, d.type, c.document, c.version, c.at, c.data"
"""Of a change `c` and its document `d`."""
MESSAGE = "m.id, m.owner, m.name, m.data, m.fresh, m.sent, m.until, m.instance, m.depth, m.receiver, m.listen"
"""Of a message `m`."""
LISTEN = "l.id, l.owner, l.instance, l.holder, l.arm, l.visit"
"""Of a row of those who wait, `l`."""
LOOK = "id, owner, name, key, at"
CALENDAR = "id, person, title, at, ends, remind_before, instance"
ABSENCE = "id, at, by, instance, person, first, last, substitute, reason"
NOTICE = "person, reason, title, text, channel, at, instance"
PURGED = "instance, owner, definition, revision, ended, at, link, seal"


def maybe(at: int | None) -> datetime | None:
    """An instant, or none."""
    return None if at is None else instant(at)


def maybe_micros(at: datetime | None) -> int | None:
    """What `maybe` reads."""
    return None if at is None else micros(at)


def instance(row: Any) -> InstanceRow:
    """`INSTANCE`."""
    id, owner, definition, process, status, revision, incidents, document, type, started, ended, result, history, deployed, level, *call = row
    ref = Document(type, document) if document is not None else None
    caller = Caller(call[0], call[1], call[2], call[3], level) if call[0] is not None else None
    how = STATUSES[status], revision, incidents, ref, instant(started), maybe(ended), result, history
    return InstanceRow(id, owner, definition, process, *how, caller, deployed)


def snapshot(row: Any, pages: Pages) -> Snapshot:
    """`SNAPSHOT`, and the pages."""
    id, owner, definition, revision, document, type, level, caller, token, visit, attempt, root, seal, link, history = row[:15]
    ref = Document(type, document) if document is not None else None
    called = Caller(caller, token, visit, attempt, level) if caller is not None else None
    return Snapshot(id, owner, definition, revision, history, ref, called, link or b"", root, pages, seal)


def by_owner(gone: Sequence[PurgedRow]) -> dict[int, list[PurgedRow]]:
    """The purged instances of each owner."""
    found: dict[int, list[PurgedRow]] = {}
    for row in gone:
        found.setdefault(row.owner, []).append(row)
    return found


INSTANCES = "select d.process, i.status, count(*) from {0}instance i join {0}definition d on d.id = i.definition group by d.process, i.status"
TROUBLED = "select (select count(*) from {0}instance where incidents > 0), (select count(*) from {0}aside)"
TASKS = "select count(*), coalesce(sum({1}), 0), min(opened){2} from {0}task"


def counts(instances: Iterable[Any], troubled: Any, tasks: Any) -> Counts:
    """What `INSTANCES`, `TROUBLED` and `TASKS` give."""
    found: dict[tuple[str, str], int] = {}
    for process, status, count in instances:
        found[process, STATUSES[status]] = count
    (incidents, aside), (count, overdue, oldest, *older) = troubled, tasks
    return Counts(found, incidents, aside, count, int(overdue), maybe(oldest), [int(one or 0) for one in older])


def document(row: Any) -> DocumentRow:
    """`DOCUMENT`."""
    id, owner, type, version, created, changed, fields = row
    return DocumentRow(Document(type, id), owner, version, instant(created), instant(changed), loads(fields))


def task(row: Any) -> TaskEntry:
    """`TASK`."""
    instance, token, visit, party, place, node, subject, opened, due, overdue, group = row
    return TaskEntry(instance, token, visit, party, place, node, subject, instant(opened), maybe(due), bool(overdue), group)


def timer(row: Any) -> TimerEntry:
    """`TIMER`, and the revision of its instance."""
    instance, holder, arm, due, owner, revision = row
    return TimerEntry(instance, holder, arm, instant(due), owner, revision)


def schedule(row: Any) -> ScheduleRow:
    """Process, number, cron, due."""
    process, number, cron, due = row
    return ScheduleRow(process, number, cron, instant(due))


def aside(row: Any) -> AsideRow:
    """Instance, at, reason."""
    instance, at, reason = row
    return AsideRow(instance, instant(at), reason)


def history(row: Any) -> HistoryRow:
    """Instance, revision, at, data, link."""
    instance, revision, at, data, link = row
    return HistoryRow(instance, revision, instant(at), data, link)


def purged(row: Any) -> PurgedRow:
    """`PURGED`."""
    instance, owner, definition, revision, ended, at, link, seal = row
    return PurgedRow(instance, owner, definition, revision, instant(ended), instant(at), link, seal)


def outbox(row: Any) -> OutboxRow:
    """`OUTBOX`."""
    id, owner, instance, token, visit, attempt, waits, told, service, arguments, depth = row
    return OutboxRow(id, owner, instance, CallOut(service, loads(arguments), token, visit, attempt, bool(waits), told), depth)


def change(row: Any) -> ChangeRow:
    """`CHANGE`."""
    id, owner, type, document, version, at, data = row
    return ChangeRow(id, owner, Document(type, document), version, instant(at), *loads(data))


def changes(row: DocumentRow, previous: Mapping[str, Value]) -> dict[str, Value]:
    """What is new in a document (None: was emptied)."""
    changes = {name: value for name, value in row.fields.items() if name not in previous or previous[name] != value}
    return changes | {name: None for name in previous if name not in row.fields}


def feed(row: Any) -> FeedRow:
    """Version, at, data."""
    version, at, data = row
    return FeedRow(version, instant(at), *loads(data))


def message(row: Any) -> MessageRow:
    """`MESSAGE`."""
    id, owner, name, data, fresh, sent, until, instance, depth, receiver, listen = row
    key, values = loads(data)
    return MessageRow(id, owner, name, key, values, bool(fresh), instant(sent), maybe(until), instance, depth, receiver, listen)


def look(row: Any) -> LookRow:
    """`LOOK`."""
    id, owner, name, key, at = row
    return LookRow(id, owner, name, key, instant(at))


def calendar(row: Any) -> CalendarRow:
    """`CALENDAR`."""
    id, person, title, at, ends, before, instance = row
    return CalendarRow(id, person, title, instant(at), instant(ends), before, instance)


WORKER = "id, host, pid, place, born, nth, beat, since, standing, put_off"


def worker(row: Any, slots: Iterable[int], gone: bool | None) -> WorkerRow:
    id, host, pid, place, born, nth, beat, since, standing, put_off = row
    told = NewWorker(host, pid, place, born, nth, beat, instant(since), bool(standing))
    return WorkerRow(id, told, tuple(slots), gone, PutOff(*loads(put_off)) if put_off else None)


def put_off_text(put_off: PutOff | None) -> str | None:
    return dumps(list(put_off)).decode() if put_off else None


def absence(row: Any) -> AbsenceRow:
    """`ABSENCE`."""
    id, at, by, instance, person, first, last, substitute, reason = row
    days = date.fromisoformat(first), date.fromisoformat(last) if last is not None else None
    return AbsenceRow(id, NewAbsence(person, *days, substitute, reason), instant(at), by, instance)


def absence_values(owner: int, key: str | None, new: NewAbsence, at: datetime, by: str | None, instance: int | None) -> tuple[Any, ...]:
    """Owner, key, at, by, instance, person, first, last, substitute, reason."""
    last = new.last.isoformat() if new.last else None
    return owner, key, micros(at), by, instance, new.person, new.first.isoformat(), last, new.substitute, new.reason


def notice(row: Any) -> NoticeRow:
    """`NOTICE`."""
    person, reason, title, text, channel, at, instance = row
    return NoticeRow(person, reason, title, text, channel, instant(at), instance)
