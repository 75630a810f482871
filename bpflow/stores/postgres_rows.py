"""What is read from PostgreSQL inside and outside of units of work, and by what documents are found."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

from bpflow.expressions.data import Document, User, Value
from bpflow.stores import rows

ASIDE = "select instance from bpflow.aside"
HELD = "select instance, at, held as reason from bpflow.outbox where held is not null"
TROUBLED = f"{ASIDE} union all select instance from bpflow.outbox where held is not null"
"""The instances that an operator must see to, besides those with incidents."""
_JOINED = "from bpflow.instance i join bpflow.definition d on d.id = i.definition left join bpflow.document c on c.id = i.document and c.owner = i.owner"
_INSTANCE = rows.INSTANCE.replace("i.history", "nullif(i.revision, 0)")  # its last row of history is that of its revision
INSTANCE = f"select {_INSTANCE} {_JOINED}"
_LAST = rows.SNAPSHOT.replace("i.history", "nullif(i.revision, 0)")
_SNAPSHOT = (
    f"select {_LAST} from bpflow.instance i left join bpflow.document c on c.id = i.document and c.owner = i.owner "
    "left join bpflow.history h on h.instance = i.id and h.revision = i.revision and h.owner = i.owner where i.id = "
)
SNAPSHOT = f"{_SNAPSHOT}$1"
SNAPSHOTS = f"{_SNAPSHOT}any($1::bigint[]) and not exists (select 1 from bpflow.page p where p.instance = i.id and p.owner = i.owner)"
SECRET = "select value from bpflow.secret where handle = $1"
PAGES = "select holder, part, data from bpflow.page where instance = $1"
DOCUMENT = f"select {rows.DOCUMENT} from bpflow.document"

ABSENCE_MARK = "select mark from bpflow.absence order by changed desc limit 1"
ABSENCES = f'select {rows.ABSENCE} from bpflow.absence where ($1::text is null or person = $1) and (last is null or last collate "C" >= first) order by id desc'
_MARK = "(random() * 9e15)::bigint"
ABSENCE_ENTER = (
    "insert into bpflow.absence (owner, key, at, by, instance, person, first, last, substitute, reason, changed, mark) "
    "select $1::bigint, $2::text, $3::bigint, $4::text, $5::bigint, $6::text, $7::text, $8::text, $9::text, $10::text, "
    f"(select coalesce(max(changed), 0) + 1 from bpflow.absence), {_MARK} "
    "where $2::text is null or not exists (select from bpflow.absence where key = $2)"
)
ABSENCE_END = f"update bpflow.absence set last = $1, changed = (select max(changed) + 1 from bpflow.absence), mark = {_MARK} where id = $2"


def terms(type: str, fields: Mapping[str, Value]) -> list[int]:
    """What a document can be found by: a number for each field whose value can be asked for."""
    return sorted({found for name, value in fields.items() if (found := term(type, name, value)) is not None})


def term(type: str, field: str, value: Value) -> int | None:
    """A hash that is the same for equal values of a field; None where that cannot be asked for."""
    match value:
        case str():  # or a choice, which is its id
            text = f"s{str.__str__(value)}"
        case User(id):
            text = f"u{id}"
        case Document(kind, id):
            text = f"d{kind}:{id}"
        case _:
            return None
    found = zlib.crc32(f"{type}\0{field}\0{text}".encode())
    return found - (1 << 32) if found >> 31 else found
