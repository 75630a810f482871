"""Documents in a unit of work on PostgreSQL.

The law of this file: what was read of a document stays so until the unit of work is over: its owner's lock is held, or, where it is another
owner's, it is read `for share`. So it is read once, and no wake-up is lost: who changes it looks for watchers after his commit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from bpflow.engine.codec import dumps, micros
from bpflow.expressions.data import Document, Value
from bpflow.stores import rows
from bpflow.stores.contract import ChangeRow, DocumentRow
from bpflow.stores.postgres_rows import DOCUMENT, term, terms
from bpflow.stores.postgres_unit import LOCK_OF_DOCUMENT, Unit

AT_ONCE = 1000
"""How many documents a search reads in one round trip."""
_CHANGE = "update bpflow.document set version = version + 1 / (version = $3)::integer, changed = $4, fields = $5, terms = $6 where id = $2 and owner = $1"
"""Over another version it is a division by zero, and all is a Conflict."""


class Documents(Unit):
    """The part of a unit of work that has to do with documents."""

    __slots__ = ("_read",)
    _read: dict[int, DocumentRow]

    def document(self, id: int) -> DocumentRow | None:
        if id in self._read:
            return self._read[id]
        owner, known = self.own_that_of(LOCK_OF_DOCUMENT, id), self.owner
        row = self.ask(DOCUMENT + " where id = $1", id).one()
        self.owned(owner)
        if row is not None and known is not None and row[1] != known:
            row = self.ask(DOCUMENT + " where id = $1 and owner = $2 for share", id, row[1]).one()
        if row is not None:
            self._read[id] = rows.document(row)
        return self._read.get(id)

    def add_document(
        self, type: str, fields: Mapping[str, Value], at: datetime, by: str | None, cause: str | None, depth: int, owner: int | None = None
    ) -> DocumentRow:
        if owner is not None:
            self.own(owner)
        now = micros(at)
        sql = (
            "insert into bpflow.document (owner, id, type, version, created, changed, fields, terms) "
            "select coalesce($1::bigint, n.id), n.id, $2::text, 1, $3::bigint, $3::bigint, $4::bytea, $5::integer[] "
            "from (select nextval('bpflow.document_id') as id) n returning id"
        )
        ((id,),) = self.ask(sql, owner, type, now, dumps(fields), terms(type, fields)).rows
        row = DocumentRow(Document(type, id), owner if owner is not None else id, 1, at, at, dict(fields))
        self._tell(row, {}, at, by, cause, depth, None)
        return row

    def change_document(
        self, row: DocumentRow, fields: Mapping[str, Value], at: datetime, by: str | None, cause: str | None, depth: int, note: str | None
    ) -> DocumentRow:
        self.own(row.owner)
        self.put(_CHANGE, row.owner, row.ref.id, row.version, micros(at), dumps(fields), terms(row.ref.type, fields))
        new = DocumentRow(row.ref, row.owner, row.version + 1, row.created, at, dict(fields))
        self._tell(new, row.fields, at, by, cause, depth, note)
        return new

    def _tell(self, row: DocumentRow, previous: Mapping[str, Value], at: datetime, by: str | None, cause: str | None, depth: int, note: str | None) -> None:
        """Writes the document's own history, and the row from which starts and watchers are told."""
        self._read[row.ref.id] = row
        changes, now = rows.changes(row, previous), micros(at)
        data = dumps([changes, by, note])
        self.traced("select from bpflow.feed where owner = %s and document = %s and version = %s and data = %s", row.owner, row.ref.id, row.version, data)
        sql = "insert into bpflow.feed (owner, document, version, at, data) values ($1, $2, $3, $4, $5)"
        self.put(sql, row.owner, row.ref.id, row.version, now, data)
        if changes:
            self.left = True
            sql = "insert into bpflow.change (owner, document, version, at, data) values ($1, $2, $3, $4, $5)"
            self.put(sql, row.owner, row.ref.id, row.version, now, dumps([dict(previous), by, cause, depth]))

    def told(self, change: ChangeRow) -> None:
        sql = "delete from bpflow.change where owner = $1 and id = $2 and document = $3 and version = $4"
        self.put(sql, change.owner, change.id, change.document.id, change.version)

    def matching(self, type: str, equal: Mapping[str, Value]) -> Iterator[DocumentRow]:
        wanted = [found for field, value in equal.items() if (found := term(type, field, value)) is not None]
        sql = f"{DOCUMENT} where type = $1 and terms @> $2::integer[] and id > $3 order by id limit {AT_ONCE}"
        after, more = 0, True
        while more:
            read = self.ask(sql, type, wanted, after).rows
            yield from map(rows.document, read)
            more = len(read) == AT_ONCE
            after = read[-1][0] if more else after
