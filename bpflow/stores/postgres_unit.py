"""The transaction of a unit of work on PostgreSQL, and the lock of its owner.

The law of this file: what gives nothing back is sent with what comes after it, the last of it with the commit; before something is asked or written
nothing is sent, so one that is given up before costs nothing. What has failed once can only be broken off, whatever is caught on the way; and nobody
is left to guess whether a commit was done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar

import psycopg

from bpflow.stores.contract import Conflict, LeaseLost
from bpflow.stores.leases import Lease
from bpflow.stores.postgres_lines import Address
from bpflow.stores.postgres_outcome import Trace, was_committed
from bpflow.stores.postgres_rows import ABSENCE_MARK
from bpflow.stores.postgres_schema import LOCK
from bpflow.stores.postgres_trouble import is_lost, trouble
from bpflow.stores.postgres_wire import Answer, Wire

_LOCK = f"select pg_advisory_xact_lock({LOCK}, hashint8($1))"
_LOCK_OF = f"select owner, pg_advisory_xact_lock({LOCK}, hashint8(owner)) from bpflow.{{}} where id = $1"
LOCK_OF_INSTANCE, LOCK_OF_DOCUMENT = _LOCK_OF.format("instance"), _LOCK_OF.format("document")
_FENCE = "select case when epoch = $2 then 0 else ('lost in ' || epoch)::integer end from bpflow.slot where number = $1"
"""Fails, and all with it, unless the slot is still held in that epoch: nobody needs to be asked."""
_LOST = "22P02"
"""How it fails."""
_STILL = f"select 1 / (coalesce(({ABSENCE_MARK}), 0) = $1)::integer"
"""Fails, and all with it, if an absence has changed since that was its mark."""

Self = TypeVar("Self", bound="Unit")
_WRITING = ("insert", "update", "delete", "with")
"""How statements begin that write."""


class Known:
    """What a store remembers from one unit of work to the next: the mark of the absences, as it was last read."""

    __slots__ = ("mark",)

    def __init__(self) -> None:
        self.mark: int | None = None


class Unit:
    """What is between `begin` and `commit`. `done` is called at the end, whatever that is; `known` is remembered from the last one."""

    __slots__ = ("_address", "_done", "_failed", "_first", "_known", "_leases", "_mark", "_trace", "_writes", "armed", "left", "owner", "wire")
    BEGIN: ClassVar[str] = "begin isolation level read committed read write"
    COMMIT: ClassVar[str] = "commit"
    ROLLBACK: ClassVar[str] = "rollback"

    def __init__(
        self,
        wire: Wire,
        address: Address,
        owner: int | None,
        done: Callable[[], None],
        leases: Sequence[Lease] = (),
        known: Known | None = None,
        anew: bool = False,
    ) -> None:
        self.wire, self._address, self._done, self._leases, self._known = wire, address, done, leases, known or Known()
        self._trace: Trace | None = None
        self._writes = False
        self._mark: int | None = None
        self.left = False
        self.armed = False
        """Whether timers were set that are due soon."""
        self._failed: Exception | None = None
        self.owner: int | None = None
        self._first: list[tuple[Any, ...]] = [(self.BEGIN,)]
        """What is sent before the first statement."""
        if owner is not None:
            self.own(owner)
        if anew and self._known.mark is not None:
            self._mark = self._known.mark
            self._first.append((_STILL, self._mark))

    # ── the transaction ────────────────────────────────────────────────────────────────────────────────────────────
    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        try:
            if kind is None and self._failed is None:
                self._commit()
            else:
                self._break_off()
        finally:
            self._done()
        if isinstance(self._failed, Conflict):
            self._known.mark = None
        if self._failed is not None and error is not self._failed:
            raise self._failed

    def _commit(self) -> None:
        if self._first:
            return
        for lease in self._leases:
            self.put(_FENCE, *lease)  # at the end: what was done meanwhile counts
        self.put(self.COMMIT)
        try:
            self.wire.settle()
        except psycopg.Error as error:
            self._failed = self._uncommitted(error)
            if self._failed is not None:
                self._failed.__cause__ = error
                self._break_off()

    def _uncommitted(self, error: psycopg.Error) -> Exception | None:
        """Why the commit was not done; None if it was, and only its answer was lost."""
        if self._leases and error.sqlstate == _LOST:
            return LeaseLost(self._leases[0])
        if not is_lost(error) or self._trace is None:
            return self._trouble(error, committing=self._writes)
        committed = was_committed(self._address, self.wire.backend, self._trace)
        return None if committed else trouble(self._address.name, error, committing=committed is None)

    def traced(self, sql: str, *values: Any) -> None:
        """What is found by that is there if, and only if, this is committed."""
        self._trace = self._trace or Trace(sql, values)

    def adopt(self, inner: Unit) -> None:
        """What was done in a unit of work within is a part of this."""
        self._trace, self._writes = self._trace or inner._trace, self._writes or inner._writes

    def _trouble(self, error: psycopg.Error, committing: bool = False) -> Exception:
        return trouble(self._address.name, error, committing)

    def _break_off(self) -> None:
        self._trace, self.left, self.armed = None, False, False  # nobody is woken: there is nothing new
        if self._first:
            return
        try:
            self.wire.rollback(self.ROLLBACK)
        except psycopg.Error:
            return  # the connection is lost, and with it what was under way

    def begin(self) -> None:
        """Begins, if it has not begun."""
        first, self._first = self._first, []
        for statement in first:
            self.put(*statement)

    def put(self, sql: str, *values: Any) -> None:
        """A statement that gives nothing back."""
        self._guarded(self.wire.put, sql, *values)

    def later(self, sql: str, *values: Any) -> Answer:
        """One whose answer is looked at later."""
        answer: Answer = self._guarded(self.wire.later, sql, *values)
        return answer

    def ask(self, sql: str, *values: Any) -> Answer:
        """One whose answer is needed now: a round trip. Conflict or StoreError, and then the unit of work can only be broken off."""
        mark = self.later(ABSENCE_MARK) if self._mark is None and self._known.mark is not None else None
        answer: Answer = self._guarded(self.wire.ask, sql, *values)
        if mark is not None:
            self._marked(mark)
        return answer

    def _guarded(self, run: Callable[..., Any], sql: str, *values: Any) -> Any:
        if self._failed is not None:
            raise self._failed
        if self._first:
            self.begin()
        self._writes = self._writes or sql.startswith(_WRITING)
        try:
            return run(sql, *values)
        except psycopg.Error as error:
            self._failed = self._trouble(error)
            raise self._failed from error

    # ── the owner ──────────────────────────────────────────────────────────────────────────────────────────────────
    def own(self, owner: int) -> None:
        """What is written is this owner's: the lock of the first that is named is held until the end."""
        if self.owner is None:
            self.owner = owner
            if self._first:
                self._first.append((_LOCK, owner))
            else:
                self.put(_LOCK, owner)

    def own_that_of(self, sql: str, id: int) -> Answer | None:
        """The lock of the owner of a row, whoever that is, unless there is an owner already."""
        return self.later(sql, id) if self.owner is None else None

    def owned(self, answer: Answer | None) -> None:
        row = answer.one() if answer else None
        if row is not None and self.owner is None:
            self.owner = row[0]

    # ── absences ───────────────────────────────────────────────────────────────────────────────────────────────────
    def absence_mark(self) -> int:
        """That of the last unit of work, where this one fails if it is not so any more; else the server is asked, once, beside something else
        where that is asked too."""
        if self._mark is None:
            self._marked(self.ask(ABSENCE_MARK))
        assert self._mark is not None
        return self._mark

    def _marked(self, answer: Answer) -> None:
        row = answer.one()
        self._mark = self._known.mark = row[0] if row else 0

    def absences_changed(self) -> None:
        """The mark is another by now, and will be again if this is not committed."""
        self._mark = self._known.mark = None
