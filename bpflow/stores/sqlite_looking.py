"""What is looked up inside a unit of work on SQLite: documents by their fields, how much people have to do, whose turn it is, who is away.

The law of this file: a comparison that SQL makes for the reader may let through too much, and never too little.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence

from bpflow.expressions.data import Document, User, Value
from bpflow.stores import rows
from bpflow.stores import sqlite_absences as away
from bpflow.stores.absent import AbsenceRow
from bpflow.stores.contract import DocumentRow, party_text
from bpflow.stores.sqlite_rows import DOCUMENT

AT_ONCE = 500
"""How many values one statement names."""


class Looking:
    """The part of a unit of work that services read by."""

    __slots__ = ("_db",)
    _db: sqlite3.Connection

    def matching(self, type: str, equal: Mapping[str, Value]) -> Iterator[DocumentRow]:
        wanted, arguments = ["type = ?"], [type]
        for field, value in equal.items():
            condition, values = equality(field, value)
            wanted.append(condition)
            arguments += values
        for row in self._db.execute(f"{DOCUMENT} where {' and '.join(wanted)} order by id", arguments):
            yield rows.document(row)

    def open_tasks_of(self, people: Sequence[User]) -> dict[User, int]:
        found: dict[User, int] = {}
        parties = {party_text(person): person for person in people}
        names = list(parties)
        for start in range(0, len(names), AT_ONCE):
            some = names[start : start + AT_ONCE]
            sql = f"select party, count(*) from task where party in ({', '.join('?' * len(some))}) group by party"
            found |= {parties[party]: count for party, count in self._db.execute(sql, some).fetchall()}
        return found

    def absence_mark(self) -> int:
        row = self._db.execute(away.MARK).fetchone()
        return row[0] if row else 0

    def absences(self, person: str | None = None) -> list[AbsenceRow]:
        return [rows.absence(row) for row in self._db.execute(away.OF, (person, person))]

    def turns(self, name: str) -> dict[str, int]:
        return dict(self._db.execute("select person, n from turn where name = ?", (name,)).fetchall())

    def take_turn(self, name: str, person: str) -> None:
        sql = "insert or replace into turn select ?, ?, coalesce(max(n), 0) + 1 from turn where name = ?"
        self._db.execute(sql, (name, person, name))


def equality(field: str, value: Value) -> tuple[str, list[str]]:
    """A condition that holds of every document whose field is equal to the value, and its arguments; a choice is kept by id and title."""
    if isinstance(value, User) and "\0" not in value.id:  # at which SQLite would end a text
        return _at(), [f'$."{field}"."$u"', value.id]
    if isinstance(value, Document):
        return _at(), [f'$."{field}"."$doc"[1]', str(value.id)]
    if isinstance(value, str) and "\0" not in value:
        return f"({_at()} or {_at()})", [f'$."{field}"', str.__str__(value), f'$."{field}"."$c"[0]', str.__str__(value)]
    return "1 = 1", []


def _at() -> str:
    return "cast(json_extract(cast(fields as text), ?) as text) = ?"
