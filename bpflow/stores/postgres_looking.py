"""What is looked up and changed inside a unit of work on PostgreSQL that is nobody's: how much people have to do, whose turn it is, who is away.

The law of this file: who writes what is common to all comes after who has written it, and who only reads waits for nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from bpflow.engine.codec import micros
from bpflow.expressions.data import User
from bpflow.stores import rows
from bpflow.stores.absent import AbsenceRow, NewAbsence
from bpflow.stores.contract import party_text
from bpflow.stores.postgres_rows import ABSENCE_END, ABSENCE_ENTER, ABSENCES
from bpflow.stores.postgres_schema import LOCK
from bpflow.stores.postgres_unit import Unit


class Looking(Unit):
    """The part of a unit of work that services read by."""

    __slots__ = ()

    def open_tasks_of(self, people: Sequence[User]) -> dict[User, int]:
        parties = {party_text(person): person for person in people}
        sql = "select party, count(*) from bpflow.task where party = any($1::text[]) group by party"
        return {parties[party]: count for party, count in self.ask(sql, list(parties)).rows}

    def absences(self, person: str | None = None) -> list[AbsenceRow]:
        return [rows.absence(row) for row in self.ask(ABSENCES, person).rows]

    def turns(self, name: str) -> dict[str, int]:
        self.put(f"select pg_advisory_xact_lock({LOCK}, hashtext($1))", name)  # whoever chooses next sees whom this one has chosen
        return dict(self.ask("select person, n from bpflow.turn where name = $1", name).rows)

    def take_turn(self, name: str, person: str) -> None:
        sql = (
            "insert into bpflow.turn (name, person, n) select $1::text, $2::text, coalesce(max(n), 0) + 1 from bpflow.turn where name = $1 "
            "on conflict (name, person) do update set n = excluded.n"
        )
        self.put(sql, name, person)

    def enter_absence(self, owner: int, new: NewAbsence, at: datetime, *, key: str | None = None, by: str | None = None, instance: int | None = None) -> None:
        self._write_absences()
        where = "person = %s and first = %s and at = %s and key is not distinct from %s"
        self.traced(f"select from bpflow.absence where {where}", new.person, new.first.isoformat(), micros(at), key)
        self.put(ABSENCE_ENTER, *rows.absence_values(owner, key, new, at, by, instance))

    def end_absence(self, id: int, last: date) -> None:
        self._write_absences()
        self.traced("select from bpflow.absence where id = %s and last = %s", id, last.isoformat())
        self.put(ABSENCE_END, last.isoformat(), id)

    def _write_absences(self) -> None:
        self.put("lock table bpflow.absence in share row exclusive mode")
        self.absences_changed()
