"""Lengths of time: their literals (`90min`, `2 working days`), their arithmetic, and how they are said."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bpflow.diagnostics import Message, say
from bpflow.expressions.data import Duration
from bpflow.expressions.errors import EvaluationError, ExpressionError, brief

# unit → (part of a Duration, how many of it)
UNITS: dict[str, tuple[str, int]] = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), ("seconds", 1)),
    **dict.fromkeys(("min", "minute", "minutes"), ("seconds", 60)),
    **dict.fromkeys(("h", "hour", "hours"), ("seconds", 3600)),
    **dict.fromkeys(("d", "day", "days"), ("days", 1)),
    **dict.fromkeys(("w", "week", "weeks"), ("days", 7)),
    **dict.fromkeys(("month", "months"), ("months", 1)),
    **dict.fromkeys(("working day", "working days"), ("working_days", 1)),
    **dict.fromkeys(("working hour", "working hours"), ("working_seconds", 3600)),
    **dict.fromkeys(("working minute", "working minutes"), ("working_seconds", 60)),
}

LIMITS = Duration(months=12_000, days=366_000, seconds=31_622_400_000, working_days=25_000, working_seconds=720_000_000)
"""A thousand years, and a hundred of working time: nobody means more, and a calendar need not count further."""

_PART = re.compile(r"\s*([0-9]{1,12})\s*((?:working\s+)?[a-z]+)(?![^\W\d_])", re.IGNORECASE)
_RUSSIAN_PART = r"\s*([0-9]{1,12})\s*((?:раб\w*\.?\s+)?[а-яё]+)\.?"
_RUSSIAN = (
    (r"раб\w*\.?\s+(д|дн\w*|ден\w*)", "working days"),
    (r"раб\w*\.?\s+(ч|час\w*)", "working hours"),
    (r"нед\w*", "weeks"),
    (r"д|дн\w*|ден\w*|сут\w*", "days"),
    (r"ч|час\w*", "hours"),
    (r"мин\w*", "minutes"),
    (r"с|сек\w*", "seconds"),
    (r"мес\w*", "months"),
)


def parse_duration(text: str) -> Duration:
    """The duration that `text` says: `90min`, `2h`, `3d`, `1w`, `30s`, `2 working days`, `1d 2h`.

    ExpressionError, with a hint, if it says none.
    """
    parts: dict[str, int] = {}
    seen: set[tuple[str, int]] = set()
    at = 0
    while text[at:].strip():
        found = _PART.match(text, at)
        unit = UNITS.get(" ".join(found[2].lower().split())) if found else None
        if found is None or unit is None or unit in seen:
            raise _no_duration(text, at)
        seen.add(unit)
        parts[unit[0]] = parts.get(unit[0], 0) + int(found[1]) * unit[1]
        at = found.end()
    if not parts:
        raise _no_duration(text, 0)
    try:
        return bounded(Duration(**parts))
    except EvaluationError as error:
        raise ExpressionError(error.message, 0, len(text)) from None


def _no_duration(text: str, at: int) -> ExpressionError:
    if text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
    return ExpressionError(say('"{text}" is not a duration', text=brief(text)), at, len(text) - at, _remedy(text))


def _remedy(text: str) -> Message:
    english = _from_russian(text)
    if english:
        return say('durations are written in English: "{duration}"', duration=english)
    if re.search(r"[0-9][.,][0-9]", text):
        return say('whole numbers only: "90min" rather than "1.5h"')
    if re.fullmatch(r"\s*[0-9]+\s*m\s*", text):
        return say('minutes are "min": "{duration}"', duration=text.replace("m", "min").strip())
    return say('for example "90min", "2h", "3d", "1w", "2 working days", "4 working hours", "1d 2h"')


def _from_russian(text: str) -> str:
    said = []
    at = 0
    while text[at:].strip():
        found = re.match(_RUSSIAN_PART, text[at:], re.IGNORECASE)
        unit = next((unit for pattern, unit in _RUSSIAN if re.fullmatch(pattern, found[2].lower())), None) if found else None
        if found is None or unit is None:
            return ""
        said.append(f"{found[1]} {unit[:-1] if found[1] == '1' else unit}")
        at += found.end()
    return " ".join(said)


def parts(value: Duration) -> tuple[int, int, int, int, int]:
    """What a duration is made of, each part by itself."""
    return value.months, value.days, value.seconds, value.working_days, value.working_seconds


def bounded(value: Duration) -> Duration:
    """The duration itself. EvaluationError if a part of it is longer than anybody means."""
    for part, limit in zip(parts(value), parts(LIMITS), strict=True):
        if abs(part) > limit:
            raise EvaluationError(say("the duration is too long: at most a thousand years, and a hundred years of working time"))
    return value


def plus(a: Duration, b: Duration) -> Duration:
    """Both together, part by part. EvaluationError beyond the bounds."""
    return bounded(Duration(*(x + y for x, y in zip(parts(a), parts(b), strict=True))))


def times(a: Duration, factor: int) -> Duration:
    """The duration `factor` times; `-1` turns it round. EvaluationError beyond the bounds."""
    return bounded(Duration(*(part * factor for part in parts(a))))


def measure(value: Duration) -> tuple[int, int, int, int]:
    """Months, seconds (a day counts 24 hours), working days and working seconds: what durations are compared by."""
    return (value.months, value.days * 86_400 + value.seconds, value.working_days, value.working_seconds)


def order(a: Duration, b: Duration) -> int:
    """-1, 0 or 1 as `a` is shorter, equal or longer. EvaluationError where only a calendar could tell (a month against 30 days)."""
    signs = {(x > y) - (x < y) for x, y in zip(measure(a), measure(b), strict=True)} - {0}
    if len(signs) > 1:
        message = say('"{a}" and "{b}" cannot be compared', a=duration_text(a), b=duration_text(b))
        raise EvaluationError(message, say("add them to a date, and compare the dates"))
    return signs.pop() if signs else 0


# ── saying ──────────────────────────────────────────────────────────────────────────────────────────────────────────
_SHORT = {"months": " months", "weeks": "w", "days": "d", "hours": "h", "minutes": "min", "seconds": "s"}
_ENGLISH = {
    "months": "month",
    "weeks": "week",
    "days": "day",
    "hours": "hour",
    "minutes": "minute",
    "seconds": "second",
    "working_days": "working day",
    "working_hours": "working hour",
    "working_minutes": "working minute",
}
_RUSSIAN_FORMS = {
    "months": ("месяц", "месяца", "месяцев"),
    "weeks": ("неделя", "недели", "недель"),
    "days": ("день", "дня", "дней"),
    "hours": ("час", "часа", "часов"),
    "minutes": ("минута", "минуты", "минут"),
    "seconds": ("секунда", "секунды", "секунд"),
    "working_days": ("рабочий день", "рабочих дня", "рабочих дней"),
    "working_hours": ("рабочий час", "рабочих часа", "рабочих часов"),
    "working_minutes": ("рабочая минута", "рабочие минуты", "рабочих минут"),
}


def _counts(value: Duration) -> Iterator[tuple[int, str]]:
    """The units that are not nought, the longest first."""
    weeks = value.days // 7 if value.days % 7 == 0 else 0
    sign = -1 if value.seconds < 0 else 1
    seconds = abs(value.seconds)
    work = value.working_seconds
    yield value.months, "months"
    yield weeks, "weeks"
    yield value.days - weeks * 7, "days"
    yield sign * (seconds // 3600), "hours"
    yield sign * (seconds // 60 % 60), "minutes"
    yield sign * (seconds % 60), "seconds"
    yield value.working_days, "working_days"
    yield (work // 3600, "working_hours") if work % 3600 == 0 else (round(work / 60), "working_minutes")


def duration_text(value: Duration) -> str:
    """The duration as its literal: `1d 2h`, `2 working days`. `parse_duration` reads it back where no part is negative."""
    said = [f"{count}{_SHORT[unit]}" if unit in _SHORT else f"{count} {_plural(_ENGLISH[unit], count)}" for count, unit in _counts(value) if count]
    return " ".join(said) or "0s"


def spoken(value: Duration, language: str = "en") -> str:
    """The duration in words, in English or Russian: `2 working days`, `2 рабочих дня`."""
    said = [(count, unit) for count, unit in _counts(value) if count] or [(0, "minutes")]
    if language == "ru":
        return " ".join(f"{count} {_RUSSIAN_FORMS[unit][_russian_form(count)]}" for count, unit in said)
    return " ".join(f"{count} {_plural(_ENGLISH[unit], count)}" for count, unit in said)


def _plural(word: str, count: int) -> str:
    return word if abs(count) == 1 else word + "s"


def _russian_form(count: int) -> int:
    tail = abs(count) % 100
    if tail % 10 == 1 and tail != 11:
        return 0
    return 1 if tail % 10 in (2, 3, 4) and tail not in (12, 13, 14) else 2
