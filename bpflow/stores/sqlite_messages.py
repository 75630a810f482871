"""Messages in SQLite: those that nobody has received yet, and who waits for which.

The law of this file: whoever comes second sees to it that the two meet. A message is `fresh` when it is sent, so that somebody looks who
waits for it; a wait that begins leaves a row in `look` if there is a message for it, so that somebody looks again. Here the second
sees the first, since units of work follow one another.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from bpflow.engine.codec import dumps, micros
from bpflow.engine.transition import Listen
from bpflow.stores import rows
from bpflow.stores import sqlite_aside as aside
from bpflow.stores.mail import ListenRow, LookRow, MessageRow, NewMessage, key_text
from bpflow.stores.sqlite_rows import new_number

_MESSAGE = f"select {rows.MESSAGE} from message m"
_LISTEN = f"select {rows.LISTEN} from"
_RECEIVES = f"l.instance not in ({aside.IDS}) and (m.until is null or l.id <= m.waited or l.since < m.until)"
"""That who listens, `l`, may receive a message, `m`: he has waited from before it was sent, or since a time at which it was still kept."""
_KEPT = "(until is null or until > ?)"


# ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def messages(run: Callable[..., Any], *, fresh: bool, name: str | None, limit: int, where: str = "1", after: int = 0) -> list[MessageRow]:
    """Those that wait for a receiver, the first that was sent first; or only those that are to be looked at, of a name, `after` one."""
    wanted = " and ".join([where, "id > ?", *(["fresh"] if fresh else []), *(["name = ?"] if name else [])])
    return [rows.message(row) for row in run(f"{_MESSAGE} where {wanted} order by id limit ?", after, *([name] if name else []), limit)]


def message(run: Callable[..., Any], id: int) -> MessageRow | None:
    return next((rows.message(row) for row in run(f"{_MESSAGE} where m.id = ?", id)), None)


def wanted(run: Callable[..., Any], name: str, key: str) -> MessageRow | None:
    """The first that was sent of those that have no receiver and that somebody waits for."""
    listens = f"exists (select 1 from listen l where l.name = m.name and l.key = m.key and {_RECEIVES})"
    sql = f"{_MESSAGE} where m.name = ? and m.key = ? and m.receiver is null and {listens} order by m.id limit 1"
    return next((rows.message(row) for row in run(sql, name, key)), None)


def receiver(run: Callable[..., Any], message: int) -> ListenRow | None:
    sql = f"{_LISTEN} message m join listen l on l.name = m.name and l.key = m.key where m.id = ? and {_RECEIVES} order by l.id limit 1"
    return next((ListenRow(*row) for row in run(sql, message)), None)


def listening(run: Callable[..., Any], listen: int) -> ListenRow | None:
    return next((ListenRow(*row) for row in run(f"{_LISTEN} listen l where l.id = ? and l.instance not in ({aside.IDS})", listen)), None)


def looks(run: Callable[..., Any], limit: int, where: str, after: int = 0) -> list[LookRow]:
    return [rows.look(row) for row in run(f"select {rows.LOOK} from look where {where} and id > ? order by id limit ?", after, limit)]


# ── in a unit of work ───────────────────────────────────────────────────────────────────────────────────────────────
class SqliteMessages:
    """The part of a unit of work that has to do with messages."""

    __slots__ = ("_leave", "_run")

    def __init__(self, run: Callable[..., Any], leave: Callable[[], None]) -> None:
        self._run, self._leave = run, leave

    def add(self, new: NewMessage) -> None:
        key, until = key_text(new.key), rows.maybe_micros(new.until)
        first = f"select id, instance from listen where name = ? and key = ? and instance not in ({aside.IDS}) order by id limit 1"
        listen, receiver = self._run(first, (new.name, key)).fetchone() or (None, None)
        columns = "owner, name, key, fresh, data, sent, until, instance, depth, receiver, listen, waited"
        sql = f"insert into message ({columns}) values (?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, (select coalesce(max(id), 0) from listen))"
        data = dumps([new.key, dict(new.values)])
        self._run(sql, (new.owner, new.name, key, data, micros(new.sent), until, new.instance, new.depth, receiver, listen))
        self._leave()

    def address(self, message: MessageRow, listen: ListenRow | None) -> None:
        to = listen.instance if listen else new_number(self._run)
        by = listen.id if listen else None
        sql = "update message set receiver = ?, listen = ?, fresh = 1 where id = ? and receiver is null"
        self._run(sql, (to, by, message.id))

    def stands(self, message: MessageRow) -> bool:
        sql = "select 1 from message where id = ? and receiver is ? and listen is ?"
        return self._run(sql, (message.id, message.receiver, message.listen)).fetchone() is not None

    def release(self, message: MessageRow) -> None:
        self._run("update message set receiver = null, listen = null where id = ?", (message.id,))

    def take(self, message: MessageRow) -> None:
        self._run("delete from message where id = ?", (message.id,))

    def rest(self, message: MessageRow) -> None:
        self._run("update message set fresh = 0 where id = ? and receiver is null", (message.id,))

    def listen(self, owner: int, instance: int, holder: int, arm: int, listen: Listen, at: datetime) -> None:
        """Somebody begins to wait; a message that he may be the receiver of is to be looked at again."""
        self.unlisten(instance, holder, arm)
        key = key_text(listen.key)
        sql = "insert into listen (owner, instance, holder, arm, visit, name, key, since) values (?, ?, ?, ?, ?, ?, ?, ?)"
        self._run(sql, (owner, instance, holder, arm, listen.visit, listen.name, key, micros(at)))
        now = micros(at)
        self._ask(f"select ?, ?, ?, ? from message where name = ? and key = ? and {_KEPT} limit 1", (owner, listen.name, key, now, listen.name, key, now))

    def unlisten(self, instance: int, holder: int, arm: int) -> None:
        self._run("delete from listen where instance = ? and holder = ? and arm = ?", (instance, holder, arm))

    def look(self, owner: int, name: str, at: datetime) -> None:
        self._ask(f"select ?, ?, null, ? from message where name = ? and {_KEPT} limit 1", (owner, name, micros(at), name, micros(at)))

    def look_for(self, instance: int) -> None:
        """An instance that was set aside takes part again: messages that it waits for are to be looked at."""
        self._ask("select owner, name, key, since from listen where instance = ?", (instance,))

    def _ask(self, select: str, values: tuple[Any, ...]) -> None:
        if self._run(f"insert into look (owner, name, key, at) {select}", values).rowcount:
            self._leave()

    def looked(self, row: LookRow) -> None:
        self._run("delete from look where id = ?", (row.id,))

    def purge(self, owner: int, at: datetime) -> int:
        count: int = self._run("delete from message where owner = ? and until <= ? and not fresh", (owner, micros(at))).rowcount
        return count
