"""Values as plain data, for JSON and for the store, and back without loss.

What JSON lacks is a record with one key that begins with `$`:
`{"$n": "1.50"}` decimal · `{"$t": 1772434800000000}` instant, in microseconds since 1970 · `{"$d": "2026-03-02"}` date · `{"$p": [months, days, seconds,
working days, working seconds]}` duration · `{"$c": [id, title]}` choice · `{"$u": id}` user · `{"$dep": id}` department ·
`{"$role": id}` role · `{"$doc": [type, number]}` document · `{"$file": [name, digest]}` file · `{"$s": handle}` secret · `{"$r": [[key, value], …]}` a record
that would be taken for one of these.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

from bpflow.expressions.data import Choice, Department, Document, Duration, File, Role, Secret, User, Value
from bpflow.expressions.durations import parts

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def tag(value: Any) -> dict[str, Any]:
    """The plain record for a value that JSON lacks. TypeError for what is no value.

    Made to be the `default=` of a JSON writer; orjson needs OPT_PASSTHROUGH_SUBCLASS, OPT_PASSTHROUGH_DATETIME and
    OPT_PASSTHROUGH_DATACLASS besides, for it would write choices, dates and references in its own way.
    """
    write = TAGS.get(type(value))
    if write is None:
        raise TypeError(f"{type(value).__name__} is not a value")
    return write(value)


def _instant(value: datetime) -> dict[str, Any]:
    if value.tzinfo is None:
        raise TypeError("an instant without a zone is not a value")
    return {"$t": (value - _EPOCH) // _MICROSECOND}


TAGS: dict[type, Callable[[Any], dict[str, Any]]] = {
    Decimal: lambda value: {"$n": str(value)},
    datetime: _instant,
    date: lambda value: {"$d": value.isoformat()},
    Duration: lambda value: {"$p": list(parts(value))},
    Choice: lambda value: {"$c": [str.__str__(value), value.title]},
    User: lambda value: {"$u": value.id},
    Department: lambda value: {"$dep": value.id},
    Role: lambda value: {"$role": value.id},
    Document: lambda value: {"$doc": [value.type, value.id]},
    File: lambda value: {"$file": [value.name, value.digest]},
    Secret: lambda value: {"$s": value.id},
}
"""How each kind of value is written that JSON lacks."""
_READ: dict[str, Callable[[Any], Value]] = {
    "$n": Decimal,
    "$t": lambda data: _EPOCH + timedelta(0, 0, data),
    "$d": date.fromisoformat,
    "$p": lambda data: Duration(*data),
    "$c": lambda data: Choice(*data),
    "$u": User,
    "$dep": Department,
    "$role": Role,
    "$doc": lambda data: Document(*data),
    "$file": lambda data: File(*data),
    "$s": Secret,
    "$r": lambda data: {key: from_plain(item) for key, item in data},
}
_JSON = frozenset((type(None), bool, int, str))


def to_plain(value: Value) -> Any:
    """The value as data that any JSON writer takes. TypeError for what is no value."""
    kind = type(value)
    if kind in _JSON:
        return value
    if kind is list:
        return [to_plain(item) for item in cast("list[Value]", value)]
    if kind is dict:
        record = {key: to_plain(item) for key, item in cast("dict[str, Value]", value).items()}
        return {"$r": [[key, item] for key, item in record.items()]} if len(record) == 1 and next(iter(record)).startswith("$") else record
    return tag(value)


def from_plain(data: Any) -> Value:
    """The value that `to_plain` made the data of. ValueError if it made it of none."""
    kind = type(data)
    if kind is dict:
        if len(data) == 1:
            ((key, body),) = data.items()
            read = _READ.get(key)
            if read is not None:
                try:
                    return read(body)
                except (TypeError, ArithmeticError, OverflowError) as error:
                    raise ValueError(f'"{key}" with {body!r}') from error
            if key.startswith("$"):
                raise ValueError(f'unknown mark "{key}"')
        return {key: item if type(item) in _JSON else from_plain(item) for key, item in data.items()}
    if kind is list:
        return [item if type(item) in _JSON else from_plain(item) for item in data]
    if kind not in _JSON:
        raise ValueError(f"{kind.__name__} is not plain data")
    return cast(Value, data)
