"""Times of a schedule, written as in cron: minute, hour, day of the month, month, day of the week.

The law of this file: same in, same out; the time comes from the caller. Where the clocks change, a fixed time of day is met once: one
that is skipped comes as soon as the clocks have gone on, one that comes twice is the first; what is to be each hour or minute goes on by real time.
"""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from bpflow.diagnostics import Message, Refused, say

_PARTS = {
    "minute": say("the minute (0–59)"),
    "hour": say("the hour (0–23)"),
    "day-of-month": say("the day of the month (1–31)"),
    "month": say("the month (1–12)"),
    "day-of-week": say("the day of the week (0–7 or MON–SUN)"),
}


class WrongSchedule(Refused):
    """The text is no schedule, or one that never comes."""


def next_time(cron: str, zone: str, after: datetime) -> datetime:
    """The first instant of the schedule that is later than `after`, in UTC. WrongSchedule if there is none."""
    if len(cron.split()) != 5:
        raise WrongSchedule(say("a schedule has five parts: minute, hour, day of the month, month, day of the week"))
    try:
        times = CronSim(cron, after.astimezone(ZoneInfo(zone)))
        while True:
            found = next(times).astimezone(UTC)
            if found > after:  # in the hour that comes twice the library looks back to the first
                return found
    except CronSimError as error:
        raise WrongSchedule(_mistake(cron, str(error))) from None
    except StopIteration:
        raise WrongSchedule(say("this time never comes")) from None


def _mistake(cron: str, error: str) -> Message:
    """What is wrong; a day that is wrong in its months only never comes."""
    part = _PARTS.get(error.removeprefix("Bad "))
    minute, hour, day, _, weekday = cron.split()
    if part is not None and not _reads(f"{minute} {hour} {day} * {weekday}"):
        return say("{part} is wrong", part=part)
    return say("this time never comes") if _reads(f"0 0 1 {cron.split()[3]} *") else say("{part} is wrong", part=_PARTS["month"])


def _reads(cron: str) -> bool:
    try:
        CronSim(cron, datetime(2026, 1, 1, tzinfo=UTC))
    except CronSimError:
        return False
    return True
