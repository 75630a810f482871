"""Dates and instants in text: `2026-12-31`, `2026-03-03T12:00+03:00`, `31.12.2026 12:00`."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone

# Compiled when first needed, which is seldom.
_DATE = r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
_DATE_WITH_POINTS = r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})"
_TIME = r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,6}))?)?"
_ZONE = r"Z|([+-])([0-9]{2}):?([0-9]{2})"


def read_date(text: str, *, points: bool = True) -> date | None:
    """The date in `text`, `2026-12-31` or (with `points`) `31.12.2026`; None if there is none."""
    text = text.strip()
    found = re.fullmatch(_DATE, text)
    if found:
        return _date(found[1], found[2], found[3])
    found = re.fullmatch(_DATE_WITH_POINTS, text) if points else None
    return _date(found[3], found[2], found[1]) if found else None


def _date(year: str, month: str, day: str) -> date | None:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


def read_time(text: str) -> time | None:
    """The time of day in `text`, `09:00` or `09:00:30.5`; None if there is none."""
    found = re.fullmatch(_TIME, text.strip())
    if found is None:
        return None
    try:
        return time(int(found[1]), int(found[2]), int(found[3] or 0), int((found[4] or "").ljust(6, "0")))
    except ValueError:
        return None


def read_instant(text: str, *, points: bool = True) -> datetime | None:
    """The date and time in `text`: in UTC where a zone is written (`Z`, `+03:00`), else without a zone; None if there is none."""
    day_text, time_text, zone_text = _split(text.strip())
    day, clock = read_date(day_text, points=points), read_time(time_text)
    if day is None or clock is None:
        return None
    local = datetime.combine(day, clock)
    if not zone_text:
        return local
    found = re.fullmatch(_ZONE, zone_text)
    if found is None:
        return None
    minutes = int(found[2] or 0) * 60 + int(found[3] or 0)
    return _in_utc(local, -minutes if found[1] == "-" else minutes)


def _split(text: str) -> tuple[str, str, str]:
    found = re.match(r"([0-9.-]+)(?:[Tt]|\s+|,\s*)([0-9:.]+)\s*(.*)", text)
    return (found[1], found[2], found[3].upper()) if found else ("", "", "")


def _in_utc(local: datetime, minutes: int) -> datetime | None:
    if abs(minutes) >= 24 * 60:
        return None
    try:
        return local.replace(tzinfo=timezone(timedelta(minutes=minutes))).astimezone(UTC)
    except OverflowError:
        return None
