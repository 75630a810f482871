"""The static type of what a field holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from bpflow.expressions.types import (
    BOOLEAN,
    DATE,
    DATETIME,
    DEPARTMENT,
    DURATION,
    FILE,
    INTEGER,
    NUMBER,
    SECRET,
    TEXT,
    USER,
    Type,
    list_of,
    record_of,
)
from bpflow.values.fields import Field, Kind

_TYPES: Mapping[Kind, Type] = {
    "string": TEXT,
    "text": TEXT,
    "integer": INTEGER,
    "number": NUMBER,
    "money": NUMBER,
    "boolean": BOOLEAN,
    "date": DATE,
    "datetime": DATETIME,
    "duration": DURATION,
    "user": USER,
    "department": DEPARTMENT,
    "file": FILE,
}


@lru_cache(4096)
def type_of(field: Field) -> Type:
    """What a value of the field may be. One that is not required may be none; a list is empty instead. A secret is one, whatever it holds."""
    if field.many and not field.secret:
        return list_of(_one(field))
    made = _one(field)
    return made if field.required else made.or_none()


def _one(field: Field) -> Type:
    """What one value of the field may be."""
    if field.secret:
        return SECRET
    match field.kind:
        case "choice":
            return Type("text", values=tuple(id for id, _ in field.choices), titles=tuple(title for _, title in field.choices)) if field.choices else TEXT
        case "document":
            return Type("document", of=field.of)
        case "object":
            return record_of(types_of(field.fields))
    return _TYPES[field.kind]


def types_of(fields: Iterable[tuple[str, Field]]) -> tuple[tuple[str, Type], ...]:
    """The types of fields by their names."""
    return tuple((name, type_of(field)) for name, field in fields)
