"""Schedules: the next time, by the clocks of a zone, also when they change."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bpflow.definition.schedule import WrongSchedule, next_time

BERLIN = ZoneInfo("Europe/Berlin")


def times(cron: str, after: str, count: int = 3, zone: str = "Europe/Berlin") -> list[str]:
    at, found = datetime.fromisoformat(after).replace(tzinfo=ZoneInfo(zone)), []
    for _ in range(count):
        at = next_time(cron, zone, at)
        assert at.tzinfo is UTC
        found.append(f"{at.astimezone(ZoneInfo(zone)):%m-%d %H:%M%z}")
    return found


@pytest.mark.parametrize(
    "cron, after, found",
    [
        ("0 9 * * 1-5", "2026-03-05T09:00", ["03-06 09:00+0100", "03-09 09:00+0100", "03-10 09:00+0100"]),
        ("*/20 9 * * *", "2026-03-05T09:10", ["03-05 09:20+0100", "03-05 09:40+0100", "03-06 09:00+0100"]),
        ("0 9 1 * *", "2026-03-01T08:59:59.5", ["03-01 09:00+0100", "04-01 09:00+0200", "05-01 09:00+0200"]),
        ("0 0 29 2 *", "2026-03-01T00:00", ["02-29 00:00+0100", "02-29 00:00+0100", "02-29 00:00+0100"]),
        ("30 2 * * *", "2026-03-28T03:00", ["03-29 03:00+0200", "03-30 02:30+0200", "03-31 02:30+0200"]),
        ("30 2 * * *", "2026-10-24T03:00", ["10-25 02:30+0200", "10-26 02:30+0100", "10-27 02:30+0100"]),
        ("0 * * * *", "2026-10-25T01:30", ["10-25 02:00+0200", "10-25 02:00+0100", "10-25 03:00+0100"]),
    ],
)
def test_the_next_times(cron: str, after: str, found: list[str]) -> None:
    assert times(cron, after) == found


def test_a_zone_without_summer_time() -> None:
    assert times("0 9 * * *", "2026-03-28T10:00", 2, "Asia/Vladivostok") == ["03-29 09:00+1000", "03-30 09:00+1000"]


def test_a_time_in_the_hour_that_comes_twice_is_always_later() -> None:
    """From within the second of the two hours the next time is not the first of them."""
    after = datetime(2026, 10, 25, 2, 10, tzinfo=BERLIN, fold=1)
    assert next_time("30 2 * * *", "Europe/Berlin", after) == datetime(2026, 10, 26, 2, 30, tzinfo=BERLIN)


def test_each_minute_of_a_year_is_followed_by_a_later_one() -> None:
    at = datetime(2026, 10, 24, 22, tzinfo=UTC)
    for cron in ("30 2 * * *", "0 */2 * * *", "*/15 * * * *", "15,45 1-3 * * *"):
        for minute in range(0, 300, 7):
            now = at + timedelta(minutes=minute)
            assert next_time(cron, "Europe/Berlin", now) > now


@pytest.mark.parametrize(
    "cron, message",
    [
        ("60 * * * *", "the minute (0–59) is wrong"),
        ("0 24 * * *", "the hour (0–23) is wrong"),
        ("0 0 32 * *", "the day of the month (1–31) is wrong"),
        ("0 0 * 13 *", "the month (1–12) is wrong"),
        ("0 0 * * 8", "the day of the week (0–7 or MON–SUN) is wrong"),
        ("0 0 30 2 *", "this time never comes"),
        ("0 0 31 4,6 *", "this time never comes"),
        ("0 0 30 2,x *", "the month (1–12) is wrong"),
        ("0 0 * *", "five parts"),
        ("0 0 0 * * *", "five parts"),
        ("@daily", "five parts"),
        ("", "five parts"),
        ("0 0 * * MON-", "the day of the week"),
        ("*/0 * * * *", "the minute"),
    ],
)
def test_what_is_no_schedule(cron: str, message: str) -> None:
    with pytest.raises(WrongSchedule) as refused:
        next_time(cron, "UTC", datetime(2026, 1, 1, tzinfo=UTC))
    assert message in str(refused.value)
