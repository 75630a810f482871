"""Functions of the library: text, and how values are printed in it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from bpflow.diagnostics import say
from bpflow.expressions.data import Choice, Department, Document, Duration, File, Role, Secret, User
from bpflow.expressions.durations import spoken
from bpflow.expressions.errors import EvaluationError, describe
from bpflow.expressions.functions import Scope, as_list, as_text, few_enough, function, short_enough
from bpflow.expressions.numbers import plain
from bpflow.expressions.signatures import PRINTED
from bpflow.expressions.types import BOOLEAN, TEXT, list_of

_RUSSIAN = re.compile("[а-яё]", re.IGNORECASE)
_BOOLEANS = {"en": ("no", "yes"), "ru": ("нет", "да")}


@function(PRINTED, gives=TEXT, least=0, many=True, asks=True)
def text(s: Scope, *values: Any) -> str:
    """`text(a, b, …)` → text

    The values one after the other, as people read them: none is empty; users and departments stand by name, choices by title,
    documents by their own title; instants in the process's zone as 31.12.2026 09:00, dates as 31.12.2026; numbers with a point,
    lists with commas. Booleans and durations are words, Russian ones (да, 2 рабочих дня) if there is a Russian letter in one of
    the texts, else English ones. A record has no text.
    Example: `text("Встреча с ", document.name)`; in YAML simply `Встреча с $(document.name)`.
    """
    if all(type(value) is str for value in values):
        return _joined("", values)
    words = any(isinstance(value, bool | Duration | list) for value in values)
    language = "ru" if words and any(isinstance(value, str) and _RUSSIAN.search(value) for value in values) else "en"
    return _joined("", (printed(s, value, language) for value in values))


def printed(s: Scope, value: Any, language: str) -> str:
    """The value as it stands in text. EvaluationError for a record."""
    match value:
        case None:
            return ""
        case Choice():
            return value.title
        case str():
            return value
        case bool():
            return _BOOLEANS[language][value]
        case int() | Decimal():
            return plain(value)
        case datetime():
            return as_text(s.ask(("calendar", "format", value, "dd.MM.yyyy HH:mm", s.zone, language)), "text")
        case date():
            return f"{value.day:02}.{value.month:02}.{value.year:04}"
        case Duration():
            return spoken(value, language)
        case list():
            return _joined(", ", (printed(s, item, language) for item in value))
    return _name(s, value)


def _name(s: Scope, value: Any) -> str:
    match value:
        case User() | Department():
            name = s.ask(("directory", "attribute", value, "name"))
            return name if isinstance(name, str) and name else value.id
        case Document():
            return as_text(s.ask(("title", value)), "text")
        case Role():
            return value.id
        case File():
            return value.name
        case Secret():
            return str(value)
    raise EvaluationError(say("{value} has no text", value=describe(value)), say("name one of its fields"))


def _joined(separator: str, pieces: Iterable[str]) -> str:
    """One text; what is too long together is not made at all."""
    kept, length = [], 0
    for piece in pieces:
        kept.append(piece)
        length += len(piece) + len(separator)
        short_enough(length)
    return separator.join(kept)


@function(list_of(PRINTED), TEXT, gives=TEXT, least=1, asks=True, takes_list=True)
def join(s: Scope, values: Any, separator: Any = ", ") -> str:
    """`join(list, separator)` → text

    The items of a list as text, with the separator (a comma and a space unless given) between them.
    Example: `join(list(m.name for m in members(department("sales"))), "; ")`.
    """
    items = as_list(values, "join")
    russian = any(isinstance(item, str) and _RUSSIAN.search(item) for item in items)
    return _joined(as_text(separator, "join"), (printed(s, item, "ru" if russian else "en") for item in items))


@function(TEXT, gives=TEXT)
def lower(value: Any) -> str:
    """`lower(text)` → text

    In small letters.
    Example: `lower(document.email)`.
    """
    return as_text(value, "lower").lower()


@function(TEXT, gives=TEXT)
def upper(value: Any) -> str:
    """`upper(text)` → text

    In capitals.
    Example: `upper(document.code)`.
    """
    made = as_text(value, "upper").upper()
    short_enough(len(made))
    return made


@function(TEXT, gives=TEXT)
def strip(value: Any) -> str:
    """`strip(text)` → text

    Without the spaces and line ends around it.
    Example: `strip(document.name) != ""`.
    """
    return as_text(value, "strip").strip()


@function(TEXT, TEXT, gives=BOOLEAN)
def starts_with(value: Any, beginning: Any) -> bool:
    """`starts_with(text, beginning)` → boolean

    Whether the text begins so. Capitals matter: use `lower` where they should not.
    Example: `starts_with(document.phone, "+7")`.
    """
    return as_text(value, "starts_with").startswith(as_text(beginning, "starts_with"))


@function(TEXT, TEXT, gives=BOOLEAN)
def ends_with(value: Any, ending: Any) -> bool:
    """`ends_with(text, ending)` → boolean

    Whether the text ends so.
    Example: `ends_with(lower(document.email), "@example.com")`.
    """
    return as_text(value, "ends_with").endswith(as_text(ending, "ends_with"))


@function(TEXT, TEXT, gives=BOOLEAN)
def contains(value: Any, part: Any) -> bool:
    """`contains(text, part)` → boolean

    Whether the part occurs in the text; the same as `part in text`.
    Example: `contains(lower(document.subject), "срочно")`.
    """
    return as_text(part, "contains") in as_text(value, "contains")


def _replaced(part: Any) -> str:
    old = as_text(part, "replace")
    if not old:
        raise EvaluationError(say("the text to be replaced is empty"))
    return old


@function(TEXT, TEXT, TEXT, gives=TEXT, bounds={1: _replaced})
def replace(value: Any, part: Any, other: Any) -> str:
    """`replace(text, part, other)` → text

    The text with every occurrence of the part replaced.
    Example: `replace(document.phone, "-", "")`.
    """
    whole_text, old, new = as_text(value, "replace"), _replaced(part), as_text(other, "replace")
    short_enough(len(whole_text) + whole_text.count(old) * (len(new) - len(old)))
    return str(whole_text).replace(old, new)


def _separator(separator: Any) -> str:
    mark = as_text(separator, "split")
    if not mark:
        raise EvaluationError(say("the separator is empty"))
    return mark


@function(TEXT, TEXT, gives=list_of(TEXT), bounds={1: _separator})
def split(value: Any, separator: Any) -> list[str]:
    """`split(text, separator)` → list of texts

    The parts between the separators, without spaces around them.
    Example: `split("a; b", ";")` is `["a", "b"]`.
    """
    whole_text, mark = as_text(value, "split"), _separator(separator)
    few_enough(whole_text.count(mark) + 1)
    return [part.strip() for part in str(whole_text).split(mark)]
