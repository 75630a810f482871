"""Messages in PostgreSQL: those that nobody has received yet, and who waits for which.

The law of this file: a message is there until it is taken, and it is taken in the transaction of its receiver. `fresh` says that somebody
must look who receives it. Who sends a message, who begins to wait for it and who looks for its receiver has the lock of its name and key until
his transaction ends, so whichever comes second sees the first.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

from bpflow.engine.codec import dumps, micros
from bpflow.engine.transition import Listen
from bpflow.stores import rows
from bpflow.stores.mail import ListenRow, MessageRow, NewMessage, key_text
from bpflow.stores.postgres_rows import ASIDE
from bpflow.stores.postgres_schema import LOCK
from bpflow.stores.postgres_wire import Answer, Row

_RECEIVES = "(m.until is null or l.id < m.id or l.since < m.until)"
"""That who listens, `l`, may receive a message, `m`: he has waited from before it was sent, or since a time at which it was still kept."""
_LOCK = f"select pg_advisory_xact_lock({LOCK}, hashtext($1 || chr(1) || $2))"
_LOCK_OF = f"select pg_advisory_xact_lock({LOCK}, hashtext(name || chr(1) || key)) from bpflow.message where id = $1"


def messages(run: Callable[..., list[Row]], *, fresh: bool, limit: int | None) -> list[MessageRow]:
    """Those that wait for a receiver, the first that was sent first; or only those that are to be looked at."""
    return [rows.message(row) for row in run(f"select {rows.MESSAGE} from bpflow.message where {'fresh' if fresh else 'true'} order by id limit $1", limit)]


class Unit(Protocol):
    """What this file needs of the unit of work."""

    def put(self, sql: str, *values: Any) -> None: ...
    def later(self, sql: str, *values: Any) -> Answer: ...
    def ask(self, sql: str, *values: Any) -> Answer: ...
    def doubt(self, answer: Answer) -> None: ...


class PostgresMessages:
    """The part of a unit of work that has to do with messages."""

    __slots__ = ("_unit",)

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def add(self, new: NewMessage) -> None:
        key = key_text(new.key)
        self._unit.put(_LOCK, new.name, key)
        sql = "insert into bpflow.message (owner, name, key, fresh, data, sent, until, instance, depth) values (0, $1, $2, true, $3, $4, $5, $6, $7)"
        data = dumps([new.key, dict(new.values)])
        self._unit.put(sql, new.name, key, data, micros(new.sent), rows.maybe_micros(new.until), new.instance, new.depth)

    def listen(self, owner: int, instance: int, holder: int, arm: int, listen: Listen, at: datetime) -> None:
        """Somebody begins to wait. If there is a message that he may be the receiver of, there is something left to be told."""
        self.unlisten(instance, holder, arm)
        key = key_text(listen.key)
        self._unit.put(_LOCK, listen.name, key)
        sql = "insert into bpflow.listen (owner, instance, holder, arm, visit, name, key, since) values ($1, $2, $3, $4, $5, $6, $7, $8)"
        self._unit.put(sql, owner, instance, holder, arm, listen.visit, listen.name, key, micros(at))
        sql = "update bpflow.message set fresh = true where name = $1 and key = $2 and (until is null or until > $3)"
        self._unit.doubt(self._unit.later(sql, listen.name, key, micros(at)))

    def unlisten(self, instance: int, holder: int, arm: int) -> None:
        self._unit.put("delete from bpflow.listen where instance = $1 and holder = $2 and arm = $3", instance, holder, arm)

    def receiver(self, message: int) -> ListenRow | None:
        """Who has waited longest for the message: from before it was sent, or since a time at which it was still kept."""
        self._unit.put(_LOCK_OF, message)
        sql = (
            "select l.id, l.instance, l.holder, l.arm, l.visit from bpflow.message m join bpflow.listen l on l.name = m.name and l.key = m.key "
            f"where m.id = $1 and l.instance not in ({ASIDE}) and {_RECEIVES} order by l.id limit 1"
        )
        row = self._unit.ask(sql, message).one()
        return ListenRow(*row) if row else None

    def there(self, message: int) -> bool:
        """Whether the message still waits."""
        return self._unit.ask("select from bpflow.message where id = $1", message).count == 1

    def take(self, message: int) -> bool:
        """The message has its receiver. False if another was faster."""
        return self._unit.ask("delete from bpflow.message where id = $1", message).count == 1

    def rest(self, message: int) -> None:
        """The message has nobody to receive it: it is looked at again when somebody begins to wait."""
        self._unit.put("update bpflow.message set fresh = false where id = $1", message)

    def wake(self, name: str, at: datetime) -> bool:
        """Messages of that name are looked at again, as far as they are kept. True if there are any."""
        sql = "update bpflow.message set fresh = true where name = $1 and (until is null or until > $2)"
        return self._unit.ask(sql, name, micros(at)).count > 0

    def wake_for(self, instance: int) -> None:
        """Messages that an instance waits for are looked at again: it takes part again."""
        its = f"select m.id from bpflow.listen l join bpflow.message m on m.name = l.name and m.key = l.key where l.instance = $1 and {_RECEIVES}"
        self._unit.put(f"update bpflow.message set fresh = true where id in ({its})", instance)

    def purge(self, at: datetime) -> int:
        """Forgets the messages whose time is over, and that nobody is to look at any more; gives how many."""
        return self._unit.ask("delete from bpflow.message where until <= $1 and not fresh", micros(at)).count
