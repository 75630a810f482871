"""The statements of absences in SQLite."""

from __future__ import annotations

from bpflow.stores import rows

MARK = "select mark from absence order by changed desc limit 1"
OF = f"select {rows.ABSENCE} from absence where (? is null or person = ?) and (last is null or last >= first) order by id desc"
ENTER = (
    "insert into absence (owner, key, at, by, instance, person, first, last, substitute, reason, changed, mark) "
    "select ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, coalesce(max(changed), 0) + 1, random() from absence where true on conflict (key) do nothing"
)
END = "update absence set last = ?, (changed, mark) = (select max(changed) + 1, random() from absence) where id = ?"
