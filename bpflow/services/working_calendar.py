"""When people work: the questions that processes ask about days and hours.

The law of this file: same settings, same question, same answer; no clock is read. Instants come and go in UTC; the wall time is
that of the zone that is asked for. What a working day from an instant is:

- An instant counts as if it lay within the working hours of its day: before they begin it is their beginning, after they end
  their end. A day's break is part of the hours here.
- *n working days on* is the same wall time of the n-th working day after its day: Friday 15:00 and two working days is Tuesday
  15:00; where the hours end sooner on that day, their end.
- On a day that is not worked, counting starts with the next working day, and that one counts whole: Saturday 12:00 and two working
  days is the end of Tuesday's hours. So starting later never ends sooner, and everybody gets the whole of the days promised.
- *n working days back* is the mirror image: the n-th working day before; from a day that is not worked, its beginning.
- A date stays a date: the n-th working day after it (or before it).
- *Working hours* run only within the hours, breaks left out, in true elapsed time. What ends with the hours is due at their end and
  not when they begin again; going back, at their beginning.

Calendar months, days and seconds are added as everybody expects: the same wall time, the last day of a shorter month; a wall time
that a change of clocks leaves out moves on by as much. The parts of a duration are added in the order months, days, working days,
working hours, seconds. Nothing reaches further than 100 years.
"""

from __future__ import annotations

import re
import zoneinfo
from bisect import bisect_left, bisect_right
from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache

from bpflow.definition.settings import WEEKDAYS, CalendarSettings, day_of, minutes_of
from bpflow.definition.zones import unknown_zone
from bpflow.diagnostics import Refused, say
from bpflow.expressions.data import Duration, Value

FURTHEST = 100
"""The most years that anything may be added or counted over."""


class CalendarError(Refused):
    """The calendar cannot answer: an unknown zone or country, a day out of bounds, a pattern that does not fit."""


class WorkingCalendar:
    """The calendar of a workspace: its country's public holidays, and what its settings say otherwise."""

    def __init__(self, settings: CalendarSettings) -> None:
        self.settings = settings
        self._weekend = {WEEKDAYS.index(name) for name in settings.weekend}
        self._free = {day_of(entry) for entry in settings.holidays}
        self._worked = {day_of(entry) for entry in settings.working_days}
        self._shortened = {day_of(entry) for entry in settings.shortened}
        self._ranges = [minutes_of(hours) for hours in settings.ranges]
        self._years: dict[int, list[date]] = {}

    def answer(self, operation: str, arguments: tuple[Value, ...]) -> Value:
        """The answer to ("calendar", operation, *arguments); the last argument (of `format` the last but one) is the zone's name.

        `add(instant or date, duration)` · `end_of_work(day)` · `start_of_day(day)` · `at_time(day, "09:00")`: instants · `date(instant)`,
        `next_working_day(day)`: dates · `weekday(day)`: 1 for Monday · `is_working_day(day)` · `format(day or instant, pattern, zone, language)`:
        text. A day is a date, or an instant for its day in the zone. Raises CalendarError.
        """
        try:
            return self._answer(operation, arguments)
        except OverflowError as error:
            raise _too_far() from error

    def _answer(self, operation: str, arguments: tuple[Value, ...]) -> Value:
        match operation, arguments:
            case "format", (date() as when, str(pattern), str(zone), str(language)):
                return self.format(when, pattern, zone, language)
            case "add", (date() as when, Duration() as by, str(zone)):
                return self.add(when, by, zone)
            case "at_time", (date() as when, str(clock), str(zone)):
                return instant_at(day_in(when, zone), read_clock(clock), zone)
            case _, (date() as when, str(zone)):
                return self._of_day(operation, day_in(when, zone), zone)
        raise CalendarError(say('the calendar cannot answer "{operation}" of such values', operation=operation))

    def _of_day(self, operation: str, day: date, zone: str) -> Value:
        match operation:
            case "end_of_work":
                return self.end_of_work(day, zone)
            case "start_of_day":
                return instant_at(day, time(), zone)
            case "date":
                return day
            case "weekday":
                return day.isoweekday()
            case "is_working_day":
                return self.is_working_day(day)
            case "next_working_day":
                return self.working_day(day, 1)
        raise CalendarError(say('the calendar cannot answer "{operation}" of such values', operation=operation))

    # Days

    def is_working_day(self, day: date) -> bool:
        """Whether `day` is worked."""
        days = self._days(day.year)
        at = bisect_left(days, day)
        return at < len(days) and days[at] == day

    def working_day(self, day: date, n: int) -> date:
        """The n-th working day after `day`, or before it for a negative n; `day` itself for 0, worked or not."""
        if n == 0:
            return day
        year, days = day.year, self._days(day.year)
        at = bisect_right(days, day) + n - 1 if n > 0 else bisect_left(days, day) + n
        while at < 0:
            year = _within(year - 1, day.year)
            days = self._days(year)
            at += len(days)
        while at >= len(days):
            at -= len(days)
            year = _within(year + 1, day.year)
            days = self._days(year)
        return days[at]

    def end_of_work(self, day: date, zone: str) -> datetime:
        """The end of the working hours of `day`; of the next working day where it is not worked.

        The next and not the one before: what is due "by Saturday" must not be overdue on Friday, before the day that was named.
        """
        worked = day if self.is_working_day(day) else self.working_day(day, 1)
        return _at_minute(worked, self._hours(worked)[-1][1], zone)

    def _days(self, year: int) -> list[date]:
        """The working days of the year, in order."""
        if year not in self._years:
            self._years[year] = [*self._count(year)]
        return self._years[year]

    def _count(self, year: int) -> Iterator[date]:
        free, moved = _public_days(self.settings.country, year)
        first = date(year, 1, 1).toordinal()
        for ordinal in range(first, date(year, 12, 31).toordinal() + 1):
            day = date.fromordinal(ordinal)
            rest = day in self._free or day in free or (day.weekday() in self._weekend and day not in moved)
            if day in self._worked or not rest:
                yield day

    def _hours(self, day: date) -> list[tuple[int, int]]:
        """The working hours of a day that is worked, in minutes from midnight."""
        if day not in self._shortened:
            return self._ranges
        end = self._ranges[-1][1] - 60
        return [(a, min(b, end)) for a, b in self._ranges if a < end] or [(self._ranges[0][0], self._ranges[0][0])]

    # Adding

    def add(self, when: date, by: Duration, zone: str) -> date:
        """`when` and the duration later; a date stays a date unless hours are added to it. Raises CalendarError beyond 100 years."""
        _bounded(by)
        if not isinstance(when, datetime):
            day = self.working_day(_later(when, by), by.working_days)
            if not by.working_seconds and not by.seconds:
                return day
            at = instant_at(day, time(), zone)
        else:
            at = self._days_on(when, by, zone) if by.months or by.days or by.working_days else when
        return self._hours_on(at, by.working_seconds, zone) + timedelta(seconds=by.seconds)

    def _days_on(self, at: datetime, by: Duration, zone: str) -> datetime:
        wall = at.astimezone(zone_of(zone))
        if by.months or by.days:
            wall = instant_at(_later(wall.date(), by), wall.time(), zone).astimezone(wall.tzinfo)
        return self._working_days_on(wall, by.working_days, zone) if by.working_days else wall.astimezone(UTC)

    def _working_days_on(self, wall: datetime, n: int, zone: str) -> datetime:
        day, minutes = wall.date(), wall.hour * 60 + wall.minute
        target = self.working_day(day, n)
        start, end = self._hours(target)[0][0], self._hours(target)[-1][1]
        if not self.is_working_day(day):
            return _at_minute(target, end if n > 0 else start, zone)
        if minutes < start:
            return _at_minute(target, start, zone)
        if minutes >= end:
            return _at_minute(target, end, zone)
        return instant_at(target, wall.time(), zone)

    def _hours_on(self, at: datetime, seconds: int, zone: str) -> datetime:
        """The instant by which `seconds` of working hours have passed since `at`, or before it for negative ones."""
        left = timedelta(seconds=abs(seconds))
        if not left:
            return at
        for start, end in self._spans(at, zone, back=seconds < 0):
            if seconds > 0:
                start = max(start, at)
                if start + left <= end:
                    return start + left
            else:
                end = min(end, at)
                if end - left >= start:
                    return end - left
            left -= max(end - start, timedelta())
        raise _too_far()

    def _spans(self, at: datetime, zone: str, back: bool) -> Iterator[tuple[datetime, datetime]]:
        """The working hours from the day of `at` on, one range after another; or backwards."""
        day = at.astimezone(zone_of(zone)).date()
        step = -1 if back else 1
        day = day if self.is_working_day(day) else self.working_day(day, step)
        last = day.year + step * FURTHEST
        while day.year != last:
            for start, end in self._hours(day)[::step]:
                yield _at_minute(day, start, zone), _at_minute(day, end, zone)
            day = self.working_day(day, step)

    # In words

    def format(self, when: date, pattern: str, zone: str, language: str) -> str:
        """The date, or the instant in the zone, by a CLDR pattern: `d MMMM y, HH:mm` is "2 марта 2026, 10:00". Raises CalendarError."""
        from babel.dates import format_date, format_datetime  # here: only processes that print dates pay for it

        if language not in ("ru", "en"):
            raise CalendarError(say('dates are not known in the language "{language}"', language=language))
        try:
            if isinstance(when, datetime):
                return format_datetime(when, pattern, zone_of(zone), language)
            return format_date(when, pattern, language)
        except (AttributeError, KeyError, ValueError) as error:
            raise CalendarError(say('the pattern "{pattern}" does not fit what it has to show', pattern=pattern)) from error


def day_in(when: date, zone: str) -> date:
    """The date itself, or the day of the instant in the zone."""
    return when.astimezone(zone_of(zone)).date() if isinstance(when, datetime) else when


def instant_at(day: date, clock: time, zone: str) -> datetime:
    """The instant at which clocks in the zone show this; the first one where they show it twice."""
    return datetime.combine(day, clock.replace(fold=0), zone_of(zone)).astimezone(UTC)


def read_clock(text: str) -> time:
    """A time of day from "9:00" or "09:00:30". Raises CalendarError."""
    found = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?", text)
    if found is None:
        raise CalendarError(say('"{text}" is not a time of day such as "09:00"', text=text))
    return time(int(found[1]), int(found[2]), int(found[3] or 0))


@cache
def zone_of(name: str) -> zoneinfo.ZoneInfo:
    """The time zone of this name. Raises CalendarError."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise CalendarError(unknown_zone(name)) from error


def _at_minute(day: date, minute: int, zone: str) -> datetime:
    """`minute` of the day by the clock; 24:00 is midnight."""
    if minute == 24 * 60:
        return instant_at(day + timedelta(days=1), time(), zone)
    return instant_at(day, time(*divmod(minute, 60)), zone)


def _later(day: date, by: Duration) -> date:
    """The day months and days later; of a shorter month, its last day."""
    if by.months:
        year, month = divmod(day.year * 12 + day.month - 1 + by.months, 12)
        if not 1 <= year <= 9999:
            raise _too_far()
        day = date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
    return day + timedelta(days=by.days)


def _bounded(by: Duration) -> None:
    """Refuse a duration with a part longer than 100 years: it can only be a mistake, and must not take long to find out."""
    days = FURTHEST * 366
    parts = (by.months, FURTHEST * 12), (by.days, days), (by.working_days, days), (by.seconds, days * 86400), (by.working_seconds, days * 86400)
    if any(abs(part) > most for part, most in parts):
        raise _too_far()


def _within(year: int, start: int) -> int:
    if abs(year - start) > FURTHEST or not 2 <= year <= 9998:
        raise _too_far()
    return year


def _too_far() -> CalendarError:
    return CalendarError(say("the calendar does not reach further than {years} years", years=FURTHEST))


@cache
def _public_days(country: str, year: int) -> tuple[frozenset[date], frozenset[date]]:
    """The public holidays of the year, and the days of its weekends that are worked instead of others."""
    if country == "none":
        return frozenset(), frozenset()
    from holidays import country_holidays  # here: it takes longer than most processes that never ask

    try:
        found = country_holidays(country, years=year)
    except NotImplementedError as error:
        raise CalendarError(say('the public holidays of the country "{country}" are not known', country=country)) from error
    return frozenset(day for day in found if day.year == year), frozenset(found.weekend_workdays)
