"""Entries of people's calendars as an `.ics` file (RFC 5545), for any calendar program to take in.

The law of this file: the same entry keeps the same UID for ever, so taking the file in again moves an entry and never doubles it;
and the same entries give the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from icalendar import Alarm, Event


class CalendarEntry(Struct, frozen=True):
    """An entry in the calendar of `user`.

    `id`: unique in the store, and in the UID · `at`, `ends`: instants in UTC, or dates for whole days (the end is then the day after
    the last) · `remind_before`: how long before `at` the calendar program reminds of it · `document`: the name of what it is about.
    """

    id: str
    user: str
    title: str
    at: datetime | date
    ends: datetime | date | None = None
    remind_before: timedelta | None = None
    document: str | None = None


def to_ics(entries: Iterable[CalendarEntry], stamp: datetime, title: str = "") -> bytes:
    """The entries as a calendar file, by their time. `stamp` is the instant of writing, in UTC; `title` names the calendar."""
    from icalendar import Calendar  # here: only the export pays for it

    calendar = Calendar()
    calendar.add("prodid", "-//bpflow//bpflow//EN")
    calendar.add("version", "2.0")
    if title:
        calendar.add("x-wr-calname", _plain(title))
    for entry in sorted(entries, key=lambda entry: (entry.at.isoformat(), entry.id)):
        calendar.add_component(_event(entry, stamp))
    return bytes(calendar.to_ical())


def _event(entry: CalendarEntry, stamp: datetime) -> Event:
    from icalendar import Event

    event = Event()
    event.add("uid", f"{entry.id}@bpflow")
    event.add("dtstamp", stamp)
    event.add("summary", _plain(entry.title))
    event.add("dtstart", entry.at)
    # The standard wants an end that is later than the start; without one it is a moment, or one whole day.
    if entry.ends is not None and entry.ends.isoformat() > entry.at.isoformat():
        event.add("dtend", entry.ends)
    if entry.document:
        event.add("description", _plain(entry.document))
    if entry.remind_before is not None:
        event.add_component(_alarm(entry, entry.remind_before))
    return event


def _alarm(entry: CalendarEntry, before: timedelta) -> Alarm:
    from icalendar import Alarm

    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", _plain(entry.title))
    alarm.add("trigger", -before)
    return alarm


def _plain(text: str) -> str:
    """Without control characters, which the standard forbids and some programs refuse the whole file for."""
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", "", text.replace("\r\n", "\n").replace("\r", "\n"))
