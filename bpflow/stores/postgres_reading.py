"""What is read from PostgreSQL outside of units of work."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from bpflow.engine.codec import STATUSES, micros
from bpflow.stores import postgres_messages as mail
from bpflow.stores import postgres_purging as purging
from bpflow.stores import rows
from bpflow.stores.absent import AbsenceRow
from bpflow.stores.contract import AsideRow, DefinitionRow, DeploymentRow, DocumentRow, HistoryRow, InstanceRow, Snapshot
from bpflow.stores.counting import Counts
from bpflow.stores.entries import CalendarRow, FeedRow, Indexed, NoticeRow, TaskEntry
from bpflow.stores.indexed import indexed
from bpflow.stores.mail import ListenRow, MessageRow
from bpflow.stores.postgres_queues import PostgresQueues
from bpflow.stores.postgres_rows import ABSENCE_MARK, ABSENCES, ASIDE, DOCUMENT, HELD, INSTANCE, PAGES, SECRET, SNAPSHOT, SNAPSHOTS, TROUBLED
from bpflow.stores.postgres_wire import Row
from bpflow.stores.purged import PurgedRow

_DEPLOYMENT = "select d.id, p.process, d.digest, p.version from bpflow.deployment p left join bpflow.definition d on d.id = p.definition"
_TAKES_PART = f"instance not in ({ASIDE})"


class Reading(PostgresQueues):
    """The part of a store that reads."""

    _at_once: Callable[..., list[list[Row]]]

    # ── definitions ────────────────────────────────────────────────────────────────────────────────────────────────
    def definition(self, id: int) -> DefinitionRow:
        (row,) = self._all("select id, process, digest, graph, source from bpflow.definition where id = $1", id)
        return DefinitionRow(*row)

    def deployed(self) -> list[DeploymentRow]:
        sql = f"{_DEPLOYMENT} where p.id in (select max(id) from bpflow.deployment group by process) and d.id is not null order by p.process"
        return [DeploymentRow(*row) for row in self._all(sql)]

    def deployment(self, process: str, by: int | None = None) -> DeploymentRow | None:
        # the last of those that were there, else the first of those that came later
        sql = f"{_DEPLOYMENT} where p.process = $1 order by p.id > $2::bigint, case when p.id > $2 then p.version else -p.version end limit 1"
        found = self._all(sql, process, 2**62 if by is None else by)
        return next((DeploymentRow(*row) for row in found if row[0] is not None), None)

    def processes(self) -> list[str]:
        return sorted(row[0] for row in self._all("select distinct process from bpflow.definition"))

    def current(self, process: str) -> tuple[int, int] | None:
        sql = "select definition, (select max(id) from bpflow.deployment) from bpflow.deployment where process = $1 order by version desc limit 1"
        return next(((row[0], row[1]) for row in self._all(sql, process) if row[0] is not None), None)

    # ── instances ──────────────────────────────────────────────────────────────────────────────────────────────────
    def instance(self, id: int) -> InstanceRow | None:
        return next((rows.instance(row) for row in self._all(f"{INSTANCE} where i.id = $1", id)), None)

    def snapshot(self, id: int) -> Snapshot | None:
        found, pages = self._at_once((SNAPSHOT, id), (PAGES, id))
        return next((rows.snapshot(row, {(holder, part): data for holder, part, data in pages}) for row in found), None)

    def snapshots(self, ids: Sequence[int]) -> list[Snapshot]:
        return [rows.snapshot(row, {}) for row in self._all(SNAPSHOTS, list(ids))]

    def instances(
        self,
        process: str | None = None,
        status: str | None = None,
        document: int | None = None,
        incidents: bool = False,
        limit: int | None = None,
        after: int = 0,
    ) -> list[InstanceRow]:
        wanted, values = ["i.id > $1"], [after, limit]
        for column, value in (("d.process", process), ("i.status", STATUSES.index(status) if status else None), ("i.document", document)):
            if value is not None:
                values.append(value)  # type: ignore[arg-type]
                wanted.append(f"{column} = ${len(values)}")
        if incidents:
            wanted.append(f"i.id in (select id from bpflow.instance where incidents > 0 union {TROUBLED})")
        return [rows.instance(row) for row in self._all(f"{INSTANCE} where {' and '.join(wanted)} order by i.id limit $2", *values)]

    def called_by(self, instance: int) -> list[InstanceRow]:
        return [rows.instance(row) for row in self._all(f"{INSTANCE} where i.caller = $1 order by i.id", instance)]

    def history(self, instance: int) -> list[HistoryRow]:
        sql = "select instance, revision, at, data, link from bpflow.history where instance = $1 order by revision"
        return [rows.history(row) for row in self._all(sql, instance)]

    def strays(self, limit: int = 100) -> list[tuple[int, int]]:
        return [(instance, revision) for instance, revision in self._all(purging.STRAYS, limit)]

    def last_at(self) -> datetime | None:
        ((at,),) = self._all("select greatest((select max(at) from bpflow.history), (select max(changed) from bpflow.document))")
        return rows.maybe(at)

    def counts(self, before: Sequence[datetime]) -> Counts:
        older = "".join(f", count(*) filter (where opened < ${n})" for n in range(1, len(before) + 1))
        (tasks,) = self._all(rows.TASKS.format("bpflow.", "overdue::integer", older), *map(micros, before))
        (troubled,) = self._all(rows.TROUBLED.format("bpflow."))
        return rows.counts(self._all(rows.INSTANCES.format("bpflow.")), troubled, tasks)

    # ── purging ────────────────────────────────────────────────────────────────────────────────────────────────────
    def purgeable(self, before: datetime, process: str | None = None, after: int = 0, limit: int = 100) -> list[InstanceRow]:
        return [rows.instance(row) for row in self._all(purging.PURGEABLE, after, micros(before), process, limit)]

    def purged(self, after: int = 0, limit: int = 100) -> list[PurgedRow]:
        return [rows.purged(row) for row in self._all(purging.PURGED, after, limit)]

    def untold(self) -> list[tuple[int, str, datetime]]:
        return []

    def tell_again(self, instance: int, person: str, at: datetime) -> bool:
        return False

    def settled(self, before: datetime) -> int:
        ((count,),) = self._all(purging.COUNT_SETTLED, micros(before))
        return int(count)

    # ── tasks and timers ───────────────────────────────────────────────────────────────────────────────────────────
    def tasks(
        self, parties: Iterable[str] | None = None, instance: int | None = None, limit: int | None = None, observers: Iterable[str] | None = None
    ) -> list[TaskEntry]:
        values: list[Any] = [limit]
        wanted = ["true"]
        if instance is not None:
            values.append(instance)
            wanted.append(f"instance = ${len(values)}")
        if observers is not None:
            values.append(list(observers))
            seen = f"select instance, token, visit from bpflow.observer where party = any(${len(values)}::text[])"
            wanted.append(f"(instance, token, visit) in ({seen})")
        source, order = "bpflow.task", "instance, token, visit"
        if parties is not None:  # those of each in the order of its key: the first of a thousand are found without the others
            values.append(list(dict.fromkeys(parties)))
            theirs = f"select * from bpflow.task where party = one and {' and '.join(wanted)} order by {order} limit $1"
            source, wanted = f"unnest(${len(values)}::text[]) one cross join lateral ({theirs}) task", ["true"]
        sql = f"select {rows.TASK} from {source} where {' and '.join(wanted)} order by {order}, party limit $1"
        return [rows.task(row) for row in self._all(sql, *values)]

    def open_tasks(self, party: str) -> int:
        ((n,),) = self._all("select count(*) from bpflow.task where party = $1", party)
        return int(n)

    def watchers(self, document: int) -> list[int]:
        sql = f"select distinct instance from bpflow.watch where document = $1 and {_TAKES_PART} order by instance"
        return [row[0] for row in self._all(sql, document)]

    def watched(self, instance: int) -> list[DocumentRow]:
        sql = f"{DOCUMENT} where id in (select document from bpflow.watch where instance = $1) order by id"
        return [rows.document(row) for row in self._all(sql, instance)]

    def indexed(self, after: int, last: int) -> Mapping[int, Indexed]:
        return indexed(self._all, "bpflow.", after, last)

    def aside(self) -> list[AsideRow]:
        return [rows.aside(row) for row in self._all(f"select instance, at, reason from bpflow.aside union all {HELD} order by instance")]

    # ── what waits to be told ──────────────────────────────────────────────────────────────────────────────────────
    def message(self, id: int) -> MessageRow | None:
        return mail.message(self._all, id)

    def wanted(self, name: str, key: str) -> MessageRow | None:
        return mail.wanted(self._all, name, key)

    def receiver(self, message: int) -> ListenRow | None:
        return mail.receiver(self._all, message)

    def listening(self, listen: int) -> ListenRow | None:
        return mail.listening(self._all, listen)

    # ── documents, calendars, absences, notices ────────────────────────────────────────────────────────────────────────
    def document(self, id: int) -> DocumentRow | None:
        return next((rows.document(row) for row in self._all(f"{DOCUMENT} where id = $1", id)), None)

    def documents(self, type: str | None = None, limit: int | None = None, after: int = 0) -> list[DocumentRow]:
        sql = f"{DOCUMENT} where ($1::text is null or type = $1) and id > $2 order by id limit $3"
        return [rows.document(row) for row in self._all(sql, type, after, limit)]

    def feed(self, document: int) -> list[FeedRow]:
        return [rows.feed(row) for row in self._all("select version, at, data from bpflow.feed where document = $1 order by version", document)]

    def secret(self, handle: int) -> bytes | None:
        return next((row[0] for row in self._all(SECRET, handle)), None)

    def calendar(self, person: str | None = None, instance: int | None = None) -> list[CalendarRow]:
        sql = f"select {rows.CALENDAR} from bpflow.calendar where ($1::text is null or person = $1) and ($2::bigint is null or instance = $2) order by at, id"
        return [rows.calendar(row) for row in self._all(sql, person, instance)]

    def absence_mark(self) -> int:
        return next((row[0] for row in self._all(ABSENCE_MARK)), 0)

    def absences(self, person: str | None = None) -> list[AbsenceRow]:
        return [rows.absence(row) for row in self._all(ABSENCES, person)]

    def notices(self, person: str | None = None, instance: int | None = None) -> list[NoticeRow]:
        wanted = "($1::text is null or person = $1) and ($2::bigint is null or instance = $2)"
        sql = f"select {rows.NOTICE} from bpflow.notice where {wanted} order by at, person, instance, id"
        return [rows.notice(row) for row in self._all(sql, person, instance)]
