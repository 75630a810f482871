"""The rows of absences in SQLite."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from bpflow.engine.codec import instant, micros
from bpflow.stores.absent import AbsenceRow, NewAbsence

MARK = "select mark from absence order by changed desc limit 1"
OF = (
    "select id, at, by, instance, person, first, last, substitute, reason from absence "
    "where (? is null or person = ?) and (last is null or last >= first) order by id desc"
)
ENTER = (
    "insert into absence (owner, key, at, by, instance, person, first, last, substitute, reason, changed, mark) "
    "select ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, coalesce(max(changed), 0) + 1, random() from absence where true on conflict (key) do nothing"
)
END = "update absence set last = ?, (changed, mark) = (select max(changed) + 1, random() from absence) where id = ?"


def rows(found: Iterable[Any]) -> list[AbsenceRow]:
    """What `OF` gives, as rows."""
    return [
        AbsenceRow(id, NewAbsence(person, date.fromisoformat(first), _day(last), substitute, reason), instant(at), by, instance)
        for id, at, by, instance, person, first, last, substitute, reason in found
    ]


def values(owner: int, key: str | None, new: NewAbsence, at: datetime, by: str | None, instance: int | None) -> tuple[Any, ...]:
    """What `ENTER` needs."""
    last = new.last.isoformat() if new.last else None
    return owner, key, micros(at), by, instance, new.person, new.first.isoformat(), last, new.substitute, new.reason


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text is not None else None
