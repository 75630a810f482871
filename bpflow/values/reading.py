"""From outside into a value: plain data of JSON, YAML or CSV, and what people type.

The law of this file: nothing is rounded, cut or guessed. What can be meant in two ways is refused, with a hint how to say it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal

from msgspec.structs import replace

from bpflow.diagnostics import did_you_mean, say
from bpflow.expressions.data import Choice, Department, Document, Duration, File, Secret, User, Value
from bpflow.expressions.durations import parse_duration
from bpflow.expressions.errors import ExpressionError, brief
from bpflow.expressions.functions import MAX_ITEMS, MAX_TEXT
from bpflow.expressions.instants import read_date, read_instant
from bpflow.expressions.numbers import DIGITS, LARGEST, SMALLEST, plain, read_number
from bpflow.values.fields import Field, InvalidValue, Kind, inside, no_choice, not_a, one_of, untold


def read(field: Field, raw: object, zone: tzinfo, *, choice_by_title: bool = True) -> Value:
    """The value of the field that `raw` stands for: plain data of JSON or YAML, a text typed by a person, or a value already.

    An empty text is none (an empty list, where the field has many). Dates with a time but without a zone are read in `zone`: of an
    hour that the clocks go through twice the first is meant, and an hour that they skip counts from the time before. InvalidValue
    if it stands for none; whether the field may have the value is for `check` to say.
    """
    if isinstance(raw, str):
        raw = raw if raw.strip() else None
    elif isinstance(raw, Secret):
        return raw
    if raw is None:
        return [] if field.many else None
    if field.secret:
        with untold():
            return read(replace(field, secret=False), raw, zone, choice_by_title=choice_by_title)
    if field.many:
        return _read_many(field, raw, zone, choice_by_title)
    if isinstance(raw, (list, tuple)):
        raise InvalidValue(say("one value is expected here, not a list"))
    return _READ[field.kind](field, raw, zone, choice_by_title)


def _read_many(field: Field, raw: object, zone: tzinfo, by_title: bool) -> list[Value]:
    single = one_of(field)
    items = list(raw) if isinstance(raw, list | tuple) else _split(single, raw)
    if len(items) > MAX_ITEMS:
        raise InvalidValue(say("the list is too long: at most {count} items", count=MAX_ITEMS))
    if any(item is None or item == "" for item in items):
        raise InvalidValue(say("an item of the list is empty"))
    return [read(single, item, zone, choice_by_title=by_title) for item in items]


def _split(field: Field, raw: object) -> list[object]:
    """A text with several choices or people in it, `ivanov; petrov`; a title may have a comma of its own."""
    if not isinstance(raw, str) or field.kind not in ("choice", "user", "department", "document") or raw.strip() in _known(field):
        return [raw]
    mark = ";" if ";" in raw else ","
    return [part.strip() for part in raw.split(mark) if part.strip()]


def _known(field: Field) -> set[str]:
    return {word for pair in field.choices for word in pair}


def _read_text(raw: object) -> str:
    if type(raw) is int or isinstance(raw, Decimal):
        return plain(raw)
    if not isinstance(raw, str):
        raise not_a(raw, say("text"))
    if len(raw) > MAX_TEXT:
        raise InvalidValue(say("the text is too long: at most {length} characters", length=MAX_TEXT))
    return str(raw)


def _exact(raw: object) -> int | Decimal | None:
    """The number that `raw` is, exactly: of a float, what it is written as."""
    if isinstance(raw, str):
        return read_number(raw)
    if isinstance(raw, float):
        raw = Decimal(repr(raw))
    if isinstance(raw, Decimal):
        return raw if raw.is_finite() and len(raw.as_tuple().digits) <= DIGITS and abs(raw.adjusted()) < DIGITS else None
    return raw if type(raw) is int and SMALLEST <= raw <= LARGEST else None


def _read_integer(raw: object) -> int:
    number = _exact(raw)
    if number is None or number != int(number) or not SMALLEST <= number <= LARGEST:
        raise not_a(raw, say("a whole number"))
    return int(number)


def _read_number(raw: object) -> int | Decimal:
    number = _exact(raw)
    if number is None:
        hint = say('write "1000.5", "1 000,5"; for a thousand with three decimals "1.000"') if isinstance(raw, str) else None
        raise not_a(raw, say("a number"), hint)
    return number


_BOOLEANS = {**dict.fromkeys(("true", "yes", "да", "1"), True), **dict.fromkeys(("false", "no", "нет", "0"), False)}


def _read_boolean(raw: object) -> bool:
    found = raw if isinstance(raw, bool) else _BOOLEANS.get(raw.strip().lower()) if isinstance(raw, str) else None
    if found is None:
        raise not_a(raw, say("yes or no"))
    return found


def _read_date(raw: object) -> date:
    found = read_date(raw) if isinstance(raw, str) else None if isinstance(raw, datetime) else raw
    if not isinstance(found, date):
        raise not_a(raw, say("a date"), say('write "2026-12-31" or "31.12.2026"'))
    return found


def _read_instant(raw: object, zone: tzinfo) -> datetime:
    found = read_instant(raw) if isinstance(raw, str) else raw
    if not isinstance(found, datetime):
        hint = say('write "2026-12-31T09:00" or "31.12.2026 09:00"; "+03:00" after it names a zone')
        raise not_a(raw, say("a date with a time"), hint)
    try:
        return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
    except OverflowError:
        raise not_a(raw, say("a date with a time")) from None


def _read_duration(raw: object) -> Duration:
    if isinstance(raw, Duration):
        return raw
    if not isinstance(raw, str):
        raise not_a(raw, say("a duration"), say('for example "90min", "2h", "3d", "1w", "2 working days"'))
    try:
        return parse_duration(raw)
    except ExpressionError as error:
        raise InvalidValue(error.message, error.hint) from None


def _read_choice(field: Field, raw: object, by_title: bool) -> str:
    word = raw.strip() if isinstance(raw, str) else plain(raw) if type(raw) is int else ""
    for known, title in field.choices:
        if word == known:
            return Choice(known, title) if title != known else str(known)
    for known, title in field.choices if by_title else ():
        if word == title:
            return Choice(known, title)
    raise no_choice(field, raw)


def _read_id(raw: object) -> str:
    if not isinstance(raw, str) or len(raw) > 200 or not raw.isprintable():
        raise not_a(raw, say("an id of the directory"))
    return raw.strip()


def _read_document(field: Field, raw: object) -> Document:
    found = raw if isinstance(raw, Document) else _document(field, str(raw)) if isinstance(raw, str) or type(raw) is int else None
    if found is None:
        raise not_a(raw, say("a document"), say('write its type and number: "{type}:17"', type=field.of[0] if field.of else "deal"))
    return found


def _document(field: Field, text: str) -> Document | None:
    kind, _, number = text.strip().rpartition(":")
    if not kind and len(field.of) == 1:
        kind = field.of[0]
    return Document(kind, int(number)) if kind and number.isascii() and number.isdigit() and 0 < int(number) <= LARGEST else None


def _read_file(raw: object) -> File:
    if isinstance(raw, Mapping) and set(raw) == {"name", "digest"} and all(isinstance(part, str) for part in raw.values()):
        return File(raw["name"], raw["digest"])
    if not isinstance(raw, File):
        raise not_a(raw, say("a file"))
    return raw


def _read_object(field: Field, raw: object, zone: tzinfo, by_title: bool) -> dict[str, Value]:
    if not isinstance(raw, Mapping):
        raise not_a(raw, say("a record"))
    known = dict(field.fields)
    for name in raw:
        if name not in known:
            raise InvalidValue(say('there is no field "{name}"', name=brief(str(name))), did_you_mean(str(name), known))
    made: dict[str, Value] = {}
    for name, inner in known.items():
        with inside(name):
            made[name] = read(inner, raw.get(name), zone, choice_by_title=by_title)
    return made


_READ: dict[Kind, Callable[[Field, object, tzinfo, bool], Value]] = {
    **dict.fromkeys(("string", "text"), lambda field, raw, zone, by_title: _read_text(raw)),
    "integer": lambda field, raw, zone, by_title: _read_integer(raw),
    **dict.fromkeys(("number", "money"), lambda field, raw, zone, by_title: _read_number(raw)),
    "boolean": lambda field, raw, zone, by_title: _read_boolean(raw),
    "date": lambda field, raw, zone, by_title: _read_date(raw),
    "datetime": lambda field, raw, zone, by_title: _read_instant(raw, zone),
    "duration": lambda field, raw, zone, by_title: _read_duration(raw),
    "choice": lambda field, raw, zone, by_title: _read_choice(field, raw, by_title),
    "user": lambda field, raw, zone, by_title: raw if isinstance(raw, User) else User(_read_id(raw)),
    "department": lambda field, raw, zone, by_title: raw if isinstance(raw, Department) else Department(_read_id(raw)),
    "document": lambda field, raw, zone, by_title: _read_document(field, raw),
    "file": lambda field, raw, zone, by_title: _read_file(raw),
    "object": _read_object,
}
"""How a value of each kind is read."""
