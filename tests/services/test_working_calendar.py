"""The working calendar, on the Russian production calendar and in zones that change their clocks."""

from datetime import UTC, date, datetime, timedelta
from time import process_time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpflow.definition.settings import CalendarSettings
from bpflow.expressions.data import Duration, Value
from bpflow.services.working_calendar import CalendarError, WorkingCalendar

MOSCOW = "Europe/Moscow"
HOUR = 3600


def calendar(**settings: object) -> WorkingCalendar:
    return WorkingCalendar(CalendarSettings.model_validate({name.replace("_", "-"): value for name, value in settings.items()}))


RUSSIAN = calendar()


def at(text: str, zone: str = MOSCOW) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def wall(value: Value, zone: str = MOSCOW) -> str:
    assert isinstance(value, datetime)
    assert value.tzinfo is UTC
    return value.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M")


def added(text: str, by: Duration, zone: str = MOSCOW, working: WorkingCalendar = RUSSIAN) -> str:
    return wall(working.answer("add", (at(text, zone), by, zone)), zone)


# The production calendar


@pytest.mark.parametrize("year,working_days", [(2024, 248), (2025, 247), (2026, 247)])
def test_the_year_has_as_many_working_days_as_the_production_calendar(year: int, working_days: int) -> None:
    days = (date(year, 1, 1) + timedelta(days=n) for n in range(366))
    assert sum(RUSSIAN.is_working_day(day) for day in days if day.year == year) == working_days


@pytest.mark.parametrize(
    "day,worked",
    [
        ("2024-04-27", True),  # a Saturday worked for 29 April
        ("2024-04-29", False),
        ("2024-12-28", True),
        ("2025-11-01", True),
        ("2025-05-02", False),  # moved from 4 January
        ("2026-01-09", False),  # moved from 3 January
        ("2026-01-12", True),
        ("2026-02-23", False),
        ("2026-03-09", False),  # 8 March was a Sunday
        ("2026-12-31", False),
        ("2026-03-07", False),
    ],
)
def test_holidays_and_moved_days(day: str, worked: bool) -> None:
    assert RUSSIAN.answer("is_working_day", (date.fromisoformat(day), MOSCOW)) is worked


def test_settings_win_over_the_country() -> None:
    own = calendar(holidays=["2026-03-10", {"date": "2026-03-11", "name": "День компании"}], working_days=["2026-03-07"])
    assert [own.is_working_day(date(2026, 3, day)) for day in (7, 9, 10, 11, 12)] == [True, False, False, False, True]
    assert calendar(country="none").is_working_day(date(2026, 2, 23))
    assert calendar(country="none", weekend=["friday"]).is_working_day(date(2026, 3, 1))


def test_an_unknown_country_is_refused() -> None:
    with pytest.raises(CalendarError, match='country "XX" are not known'):
        calendar(country="XX").is_working_day(date(2026, 3, 2))


def test_next_working_day_after_the_new_year_holidays() -> None:
    assert RUSSIAN.answer("next_working_day", (date(2025, 12, 30), MOSCOW)) == date(2026, 1, 12)
    assert RUSSIAN.answer("next_working_day", (at("2026-01-12T23:30"), MOSCOW)) == date(2026, 1, 13)


# Working days


@pytest.mark.parametrize(
    "start,days,end",
    [
        ("2026-03-13 15:00", 2, "2026-03-17 15:00"),  # Friday → Tuesday
        ("2026-03-14 12:00", 2, "2026-03-17 18:00"),  # Saturday: the whole of Monday and Tuesday
        ("2026-03-15 23:00", 1, "2026-03-16 18:00"),
        ("2025-12-30 10:00", 1, "2026-01-12 10:00"),  # over the New Year holidays
        ("2026-01-02 10:00", 1, "2026-01-12 18:00"),  # in the middle of them
        ("2026-02-20 10:00", 1, "2026-02-24 10:00"),  # over 23 February
        ("2026-03-13 20:00", 1, "2026-03-16 18:00"),  # after the hours: as at their end
        ("2026-03-13 07:00", 1, "2026-03-16 09:00"),  # before them: as at their beginning
        ("2026-03-17 15:00", -2, "2026-03-13 15:00"),
        ("2026-01-12 10:00", -1, "2025-12-30 10:00"),
        ("2026-03-15 12:00", -1, "2026-03-13 09:00"),  # Sunday: the whole of Friday
    ],
)
def test_working_days_from_an_instant(start: str, days: int, end: str) -> None:
    assert added(start, Duration(working_days=days)) == end


def test_a_shortened_day_ends_sooner() -> None:
    own = calendar(shortened=["2026-04-30"])
    assert added("2026-04-29 17:30", Duration(working_days=1), working=own) == "2026-04-30 17:00"
    assert wall(own.end_of_work(date(2026, 4, 30), MOSCOW)) == "2026-04-30 17:00"
    assert added("2026-04-30 16:30", Duration(working_seconds=HOUR), working=own) == "2026-05-04 09:30"


@pytest.mark.parametrize("start,days,end", [("2026-03-13", 1, "2026-03-16"), ("2026-03-14", 2, "2026-03-17"), ("2026-03-16", -1, "2026-03-13")])
def test_a_date_stays_a_date(start: str, days: int, end: str) -> None:
    assert RUSSIAN.answer("add", (date.fromisoformat(start), Duration(working_days=days), MOSCOW)) == date.fromisoformat(end)


instants = st.datetimes(datetime(2024, 1, 1), datetime(2027, 12, 31)).map(lambda moment: moment.replace(second=0, microsecond=0, tzinfo=UTC))
counts = st.integers(1, 300)


@given(instants, instants, counts)
def test_starting_later_never_ends_sooner(one: datetime, other: datetime, n: int) -> None:
    for by in (Duration(working_days=n), Duration(working_seconds=n * HOUR)):
        ends = [RUSSIAN.add(start, by, MOSCOW) for start in sorted([one, other])]
        assert ends == sorted(ends)


@given(instants, counts)
def test_back_is_the_mirror_of_on(start: datetime, n: int) -> None:
    hours = RUSSIAN.add(start, Duration(working_seconds=n * 60), MOSCOW)
    assert RUSSIAN.add(RUSSIAN.add(hours, Duration(working_seconds=-n * 60), MOSCOW), Duration(working_seconds=n * 60), MOSCOW) == hours
    days = RUSSIAN.add(RUSSIAN.add(start, Duration(working_days=1), MOSCOW), Duration(working_days=n), MOSCOW)
    assert RUSSIAN.add(RUSSIAN.add(days, Duration(working_days=-n), MOSCOW), Duration(working_days=n), MOSCOW) == days


@given(instants, counts)
def test_working_days_are_as_many_as_are_counted(start: datetime, n: int) -> None:
    day = start.astimezone(ZoneInfo(MOSCOW)).date()
    end = RUSSIAN.working_day(day, n)
    assert sum(RUSSIAN.is_working_day(day + timedelta(days=i)) for i in range(1, (end - day).days + 1)) == n
    assert RUSSIAN.is_working_day(end)


# Working hours


@pytest.mark.parametrize(
    "start,hours,end",
    [
        ("2026-03-13 10:00", 8, "2026-03-13 18:00"),  # due at the end of the day, not on Monday morning
        ("2026-03-13 15:00", 4, "2026-03-16 10:00"),
        ("2026-03-14 12:00", 4, "2026-03-16 13:00"),
        ("2026-03-13 07:00", 1, "2026-03-13 10:00"),
        ("2026-03-13 21:00", 1, "2026-03-16 10:00"),
        ("2026-03-16 10:00", -1, "2026-03-16 09:00"),
        ("2026-03-16 10:00", -2, "2026-03-13 17:00"),
        ("2025-12-30 17:00", 2, "2026-01-12 10:00"),
    ],
)
def test_working_hours(start: str, hours: int, end: str) -> None:
    assert added(start, Duration(working_seconds=hours * HOUR)) == end


def test_a_break_is_left_out_of_working_hours() -> None:
    own = calendar(hours=["09:00-13:00", "14:00-18:00"])
    assert added("2026-03-16 12:00", Duration(working_seconds=2 * HOUR), working=own) == "2026-03-16 15:00"
    assert added("2026-03-16 13:30", Duration(working_seconds=HOUR), working=own) == "2026-03-16 15:00"
    assert added("2026-03-16 14:30", Duration(working_seconds=-HOUR), working=own) == "2026-03-16 12:30"


def test_hours_round_the_clock_follow_the_true_length_of_a_day() -> None:
    round_the_clock = calendar(country="none", weekend=[], hours="00:00-24:00")
    assert added("2026-03-28 12:00", Duration(working_seconds=24 * HOUR), "Europe/Berlin", round_the_clock) == "2026-03-29 13:00"
    assert added("2026-03-28 12:00", Duration(days=1), "Europe/Berlin", round_the_clock) == "2026-03-29 12:00"
    assert wall(round_the_clock.end_of_work(date(2026, 3, 28), "Europe/Berlin"), "Europe/Berlin") == "2026-03-29 00:00"


# Days, months, clocks that change


@pytest.mark.parametrize(
    "start,by,end",
    [
        ("2026-01-31 10:00", Duration(months=1), "2026-02-28 10:00"),
        ("2024-02-29 10:00", Duration(months=12), "2025-02-28 10:00"),
        ("2026-03-01 10:00", Duration(months=-13), "2025-02-01 10:00"),
        ("2026-03-13 10:00", Duration(days=1, working_days=1), "2026-03-16 18:00"),
        ("2026-03-13 10:00", Duration(working_days=1, seconds=1800), "2026-03-16 10:30"),
    ],
)
def test_months_days_and_mixed_durations(start: str, by: Duration, end: str) -> None:
    assert added(start, by) == end


def test_the_wall_time_survives_a_change_of_clocks() -> None:
    assert added("2026-03-27 10:00", Duration(days=3), "Europe/Berlin") == "2026-03-30 10:00"
    assert added("2026-03-27 10:00", Duration(working_days=1), "Europe/Berlin") == "2026-03-30 10:00"
    assert added("2026-03-28 02:30", Duration(days=1), "Europe/Berlin") == "2026-03-29 03:30"
    assert at("2026-10-25T02:30", "Europe/Berlin") == RUSSIAN.add(at("2026-10-24T02:30", "Europe/Berlin"), Duration(days=1), "Europe/Berlin")


def test_hours_added_to_a_date_start_at_its_midnight() -> None:
    assert wall(RUSSIAN.add(date(2026, 3, 16), Duration(seconds=2 * HOUR), MOSCOW)) == "2026-03-16 02:00"
    assert wall(RUSSIAN.add(date(2026, 3, 16), Duration(working_seconds=2 * HOUR), MOSCOW)) == "2026-03-16 11:00"


# Other questions


def test_questions_about_a_day() -> None:
    assert wall(RUSSIAN.answer("end_of_work", (date(2026, 3, 13), MOSCOW))) == "2026-03-13 18:00"
    assert wall(RUSSIAN.answer("end_of_work", (date(2026, 3, 14), MOSCOW))) == "2026-03-16 18:00"
    assert wall(RUSSIAN.answer("start_of_day", (date(2026, 3, 14), MOSCOW))) == "2026-03-14 00:00"
    assert wall(RUSSIAN.answer("at_time", (date(2026, 3, 14), "9:30", MOSCOW))) == "2026-03-14 09:30"
    assert wall(RUSSIAN.answer("at_time", (at("2026-03-14T23:00"), "09:00", MOSCOW))) == "2026-03-14 09:00"
    assert RUSSIAN.answer("date", (datetime(2026, 3, 1, 22, tzinfo=UTC), MOSCOW)) == date(2026, 3, 2)
    assert RUSSIAN.answer("weekday", (datetime(2026, 3, 1, 22, tzinfo=UTC), MOSCOW)) == 1
    assert RUSSIAN.answer("weekday", (datetime(2026, 3, 1, 22, tzinfo=UTC), "America/New_York")) == 7


@pytest.mark.parametrize(
    "when,pattern,language,text",
    [
        (date(2026, 3, 2), "d MMMM", "ru", "2 марта"),
        (date(2026, 3, 2), "LLLL y", "ru", "март 2026"),
        (date(2026, 3, 2), "EEEE, d MMMM y 'г.'", "ru", "понедельник, 2 марта 2026 г."),
        (date(2026, 3, 2), "d MMMM", "en", "2 March"),
        (datetime(2026, 3, 2, 7, 5, tzinfo=UTC), "dd.MM.yyyy HH:mm", "ru", "02.03.2026 10:05"),
    ],
)
def test_dates_in_words(when: date, pattern: str, language: str, text: str) -> None:
    assert RUSSIAN.answer("format", (when, pattern, MOSCOW, language)) == text


# Refusals


@pytest.mark.parametrize(
    "operation,arguments,message",
    [
        ("add", (date(2026, 3, 2), Duration(days=10**9), MOSCOW), "further than 100 years"),
        ("add", (date(2026, 3, 2), Duration(working_days=10**18), MOSCOW), "further than 100 years"),
        ("add", (datetime(2026, 3, 2, tzinfo=UTC), Duration(working_days=-30_000), MOSCOW), "further than 100 years"),
        ("add", (datetime(2026, 3, 2, tzinfo=UTC), Duration(working_seconds=30_000 * 9 * HOUR), MOSCOW), "further than 100 years"),
        ("add", (date(9990, 3, 2), Duration(months=1200), MOSCOW), "further than 100 years"),
        ("add", (date(9990, 3, 2), Duration(working_days=5000), MOSCOW), "further than 100 years"),
        ("add", (date(2, 3, 2), Duration(working_days=-5000), MOSCOW), "further than 100 years"),
        ("date", (datetime.min.replace(tzinfo=UTC), "America/New_York"), "further than 100 years"),
        ("start_of_day", (date(2026, 3, 2), "Europe/Moskow"), 'no time zone "Europe/Moskow"'),
        ("start_of_day", (date(2026, 3, 2), "../etc"), "no time zone"),
        ("at_time", (date(2026, 3, 2), "25:00", MOSCOW), '"25:00" is not a time of day'),
        ("at_time", (date(2026, 3, 2), "9", MOSCOW), "is not a time of day"),
        ("format", (date(2026, 3, 2), "HH:mm", MOSCOW, "ru"), 'the pattern "HH:mm" does not fit'),
        ("format", (date(2026, 3, 2), "qqqqqqqq", MOSCOW, "ru"), "does not fit"),
        ("format", (date(2026, 3, 2), "d", MOSCOW, "xx"), 'in the language "xx"'),
        ("yesterday", (date(2026, 3, 2), MOSCOW), 'cannot answer "yesterday"'),
        ("add", ("2026-03-02", Duration(days=1), MOSCOW), 'cannot answer "add"'),
    ],
)
def test_what_the_calendar_refuses(operation: str, arguments: tuple[Value, ...], message: str) -> None:
    with pytest.raises(CalendarError, match=message):
        RUSSIAN.answer(operation, arguments)


def test_a_week_without_working_days_ends() -> None:
    never = calendar(country="none", weekend=["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"])
    with pytest.raises(CalendarError, match="100 years"):
        never.working_day(date(2026, 3, 2), 1)


def test_ten_thousand_working_days_are_quick() -> None:
    fresh = calendar()
    start = process_time()
    assert fresh.working_day(date(2026, 3, 2), 10_000).year == 2066
    for n in range(1, 1000):
        fresh.add(at("2026-03-02 10:00"), Duration(working_days=n * 10), MOSCOW)
    assert process_time() - start < 2
