"""What is looked up inside a unit of work on PostgreSQL: documents by their fields, how much people have to do, whose turn it is, who is away.

The law of this file: a comparison that SQL makes for the reader may let through too much, and never too little.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bpflow.expressions.data import User, Value
from bpflow.stores import rows
from bpflow.stores.absent import AbsenceRow
from bpflow.stores.contract import DocumentRow, party_text
from bpflow.stores.postgres_rows import ABSENCE_MARK, ABSENCES, DOCUMENT, term
from bpflow.stores.postgres_schema import LOCK
from bpflow.stores.postgres_wire import Answer

AT_ONCE = 1000
"""How many documents are read in one round trip."""


class Looking:
    """The part of a unit of work that services read by."""

    __slots__ = ()

    def put(self, sql: str, *values: Any) -> None:
        raise NotImplementedError

    def ask(self, sql: str, *values: Any) -> Answer:
        raise NotImplementedError

    def matching(self, type: str, equal: Mapping[str, Value]) -> Iterator[DocumentRow]:
        wanted = [found for field, value in equal.items() if (found := term(type, field, value)) is not None]
        sql = f"{DOCUMENT} where type = $1 and terms @> $2::integer[] and id > $3 order by id limit {AT_ONCE}"
        after, more = 0, True
        while more:
            read = self.ask(sql, type, wanted, after).rows
            yield from map(rows.document, read)
            more = len(read) == AT_ONCE
            after = read[-1][0] if more else after

    def open_tasks_of(self, people: Sequence[User]) -> dict[User, int]:
        parties = {party_text(person): person for person in people}
        sql = "select party, count(*) from bpflow.task where party = any($1::text[]) group by party"
        return {parties[party]: count for party, count in self.ask(sql, list(parties)).rows}

    def absence_mark(self) -> int:
        row = self.ask(ABSENCE_MARK).one()
        return row[0] if row else 0

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
