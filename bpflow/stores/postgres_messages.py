"""Messages in PostgreSQL: those that nobody has received yet, and who waits for which.

The law of this file: whoever comes second sees to it that the two meet, and as nobody knows here who that is, both do. A message is `fresh`
when it is sent, and somebody looks after that commit who waits for it; a wait that begins leaves a row in `look`, and somebody looks after
that commit which message there is. No lock is held across owners.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

from bpflow.engine.codec import dumps, micros
from bpflow.engine.transition import Listen
from bpflow.stores import rows
from bpflow.stores.mail import ListenRow, LookRow, MessageRow, NewMessage, key_text
from bpflow.stores.postgres_rows import ASIDE
from bpflow.stores.postgres_wire import Answer, Row

_MESSAGE = f"select {rows.MESSAGE} from bpflow.message m"
_LISTEN = f"select {rows.LISTEN} from"
_RECEIVES = f"l.instance not in ({ASIDE}) and (m.until is null or l.id < m.id or l.since < m.until)"
"""That who listens, `l`, may receive a message, `m`: he has waited from before it was sent, or since a time at which it was still kept."""
_THAT = "owner = $1 and id = $2"
_LOOK = "insert into bpflow.look (owner, name, key, at)"

# ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────────
Run = Callable[..., list[Row]]


def message(run: Run, id: int) -> MessageRow | None:
    return next((rows.message(row) for row in run(f"{_MESSAGE} where m.id = $1", id)), None)


def wanted(run: Run, name: str, key: str) -> MessageRow | None:
    """The first that was sent of those that have no receiver and that somebody waits for."""
    listens = f"exists (select from bpflow.listen l where l.name = m.name and l.key = m.key and {_RECEIVES})"
    sql = f"{_MESSAGE} where m.name = $1 and m.key = $2 and m.receiver is null and {listens} order by m.id limit 1"
    return next((rows.message(row) for row in run(sql, name, key)), None)


def receiver(run: Run, message: int) -> ListenRow | None:
    sql = f"{_LISTEN} bpflow.message m join bpflow.listen l on l.name = m.name and l.key = m.key where m.id = $1 and {_RECEIVES} order by l.id limit 1"
    return next((ListenRow(*row) for row in run(sql, message)), None)


def listening(run: Run, listen: int) -> ListenRow | None:
    return next((ListenRow(*row) for row in run(f"{_LISTEN} bpflow.listen l where l.id = $1 and l.instance not in ({ASIDE})", listen)), None)


# ── in a unit of work ───────────────────────────────────────────────────────────────────────────────────────────────
class Unit(Protocol):
    """What this file needs of the unit of work."""

    left: bool

    def put(self, sql: str, *values: Any) -> None: ...
    def ask(self, sql: str, *values: Any) -> Answer: ...


class PostgresMessages:
    """The part of a unit of work that has to do with messages."""

    __slots__ = ("_unit",)

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def add(self, new: NewMessage) -> None:
        key, data = key_text(new.key), dumps([new.key, dict(new.values)])
        sql = (
            "insert into bpflow.message (owner, name, key, fresh, data, sent, until, instance, depth, receiver, listen) "
            "select $1::bigint, $2::text, $3::text, true, $4::bytea, $5::bigint, $6::bigint, $7::bigint, $8::integer, l.instance, l.id "
            "from (values (1)) one left join lateral (select id, instance from bpflow.listen "
            f"where name = $2 and key = $3 and instance not in ({ASIDE}) order by id limit 1) l on true"
        )
        self._unit.put(sql, new.owner, new.name, key, data, micros(new.sent), rows.maybe_micros(new.until), new.instance, new.depth)
        self._unit.left = True

    def address(self, message: MessageRow, listen: ListenRow | None) -> None:
        receiver = "coalesce($3::bigint, nextval('bpflow.instance_id'))"
        sql = f"update bpflow.message set receiver = {receiver}, listen = $4, fresh = true where {_THAT} and receiver is null"
        self._unit.put(sql, message.owner, message.id, listen.instance if listen else None, listen.id if listen else None)

    def stands(self, message: MessageRow) -> bool:
        sql = f"select from bpflow.message where {_THAT} and receiver = $3 and listen is not distinct from $4 for update"
        return self._unit.ask(sql, message.owner, message.id, message.receiver, message.listen).count == 1

    def release(self, message: MessageRow) -> None:
        self._unit.put(f"update bpflow.message set receiver = null, listen = null where {_THAT}", message.owner, message.id)

    def take(self, message: MessageRow) -> None:
        self._unit.put(f"delete from bpflow.message where {_THAT}", message.owner, message.id)

    def rest(self, message: MessageRow) -> None:
        self._unit.put(f"update bpflow.message set fresh = false where {_THAT} and receiver is null", message.owner, message.id)

    def listen(self, owner: int, instance: int, holder: int, arm: int, listen: Listen, at: datetime) -> None:
        """Somebody begins to wait; messages that he may be the receiver of are to be looked at again."""
        self.unlisten(instance, holder, arm)
        key, now = key_text(listen.key), micros(at)
        sql = "insert into bpflow.listen (owner, instance, holder, arm, visit, name, key, since) values ($1, $2, $3, $4, $5, $6, $7, $8)"
        self._unit.put(sql, owner, instance, holder, arm, listen.visit, listen.name, key, now)
        self._unit.put(f"{_LOOK} values ($1, $2, $3, $4)", owner, listen.name, key, now)
        self._unit.left = True

    def unlisten(self, instance: int, holder: int, arm: int) -> None:
        self._unit.put("delete from bpflow.listen where instance = $1 and holder = $2 and arm = $3", instance, holder, arm)

    def look(self, owner: int, name: str, at: datetime) -> None:
        self._unit.put(f"{_LOOK} values ($1, $2, null, $3)", owner, name, micros(at))
        self._unit.left = True

    def look_for(self, instance: int) -> None:
        """An instance that was set aside takes part again: messages that it waits for are to be looked at."""
        self._unit.put(f"{_LOOK} select owner, name, key, since from bpflow.listen where instance = $1", instance)
        self._unit.left = True

    def looked(self, row: LookRow) -> None:
        self._unit.put(f"delete from bpflow.look where {_THAT}", row.owner, row.id)

    def purge(self, owner: int, at: datetime) -> int:
        return self._unit.ask("delete from bpflow.message where owner = $1 and until <= $2 and not fresh", owner, micros(at)).count
