"""Messages in SQLite: those that nobody has received yet, and who waits for which.

The law of this file: a message is there until it is taken, and it is taken in the transaction of its receiver. `fresh` says that somebody
must look who receives it; it is set when the message is sent, and again whenever somebody begins to wait for such a one. So there is no
moment at which a message and a wait could miss each other: whichever of the two comes second sets it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from bpflow.engine.codec import dumps, micros
from bpflow.engine.transition import Listen
from bpflow.stores import rows
from bpflow.stores import sqlite_aside as aside
from bpflow.stores.mail import ListenRow, MessageRow, NewMessage, key_text

_MESSAGE = f"select {rows.MESSAGE} from message"
_RECEIVES = "(m.until is null or l.id <= m.waited or l.since < m.until)"
"""That who listens, `l`, may receive a message, `m`: he has waited from before it was sent, or since a time at which it was still kept."""


def messages(run: Callable[..., Any], *, fresh: bool, limit: int) -> list[MessageRow]:
    """Those that wait for a receiver, the first that was sent first; or only those that are to be looked at."""
    return [rows.message(row) for row in run(f"{_MESSAGE} where {'fresh' if fresh else '1'} order by id limit ?", limit)]


class SqliteMessages:
    """The part of a unit of work that has to do with messages."""

    __slots__ = ("_run",)

    def __init__(self, run: Callable[..., Any]) -> None:
        self._run = run

    def add(self, new: NewMessage) -> None:
        sql = (
            "insert into message (name, key, fresh, data, sent, until, waited, instance, depth) "
            "values (?, ?, 1, ?, ?, ?, (select coalesce(max(id), 0) from listen), ?, ?)"
        )
        until = rows.maybe_micros(new.until)
        self._run(sql, (new.name, key_text(new.key), dumps([new.key, dict(new.values)]), micros(new.sent), until, new.instance, new.depth))

    def listen(self, owner: int, instance: int, holder: int, arm: int, listen: Listen, at: datetime) -> bool:
        """Somebody begins to wait. True if there is a message that he may be the receiver of."""
        self.unlisten(instance, holder, arm)
        key = key_text(listen.key)
        sql = "insert into listen (owner, instance, holder, arm, visit, name, key, since) values (?, ?, ?, ?, ?, ?, ?, ?)"
        self._run(sql, (owner, instance, holder, arm, listen.visit, listen.name, key, micros(at)))
        sql = "update message set fresh = 1 where name = ? and key = ? and (until is null or until > ?)"
        return bool(self._run(sql, (listen.name, key, micros(at))).rowcount)

    def unlisten(self, instance: int, holder: int, arm: int) -> None:
        self._run("delete from listen where instance = ? and holder = ? and arm = ?", (instance, holder, arm))

    def receiver(self, message: int) -> ListenRow | None:
        """Who has waited longest for the message: from before it was sent, or since a time at which it was still kept."""
        sql = (
            "select l.id, l.instance, l.holder, l.arm, l.visit from message m join listen l on l.name = m.name and l.key = m.key "
            f"where m.id = ? and l.instance not in ({aside.IDS}) and {_RECEIVES} order by l.id limit 1"
        )
        row = self._run(sql, (message,)).fetchone()
        return ListenRow(*row) if row else None

    def there(self, message: int) -> bool:
        """Whether the message still waits."""
        return self._run("select 1 from message where id = ?", (message,)).fetchone() is not None

    def take(self, message: int) -> bool:
        """The message has its receiver. False if another was faster."""
        return bool(self._run("delete from message where id = ?", (message,)).rowcount)

    def rest(self, message: int) -> None:
        """The message has nobody to receive it: it is looked at again when somebody begins to wait."""
        self._run("update message set fresh = 0 where id = ?", (message,))

    def wake(self, name: str, at: datetime) -> bool:
        """Messages of that name are looked at again, as far as they are kept. True if there are any."""
        return bool(self._run("update message set fresh = 1 where name = ? and (until is null or until > ?)", (name, micros(at))).rowcount)

    def wake_for(self, instance: int) -> None:
        """Messages that an instance waits for are looked at again: it takes part again."""
        its = f"select m.id from listen l join message m on m.name = l.name and m.key = l.key where l.instance = ? and {_RECEIVES}"
        self._run(f"update message set fresh = 1 where id in ({its})", (instance,))

    def purge(self, at: datetime) -> int:
        """Forgets the messages whose time is over, and that nobody is to look at any more; gives how many."""
        count: int = self._run("delete from message where until <= ? and not fresh", (micros(at),)).rowcount
        return count
