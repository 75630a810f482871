"""Calendar files, read back by the library as any calendar program would."""

from datetime import UTC, date, datetime, timedelta

from icalendar import Calendar

from bpflow.services.ics import CalendarEntry, to_ics

STAMP = datetime(2026, 3, 1, 8, tzinfo=UTC)
MEETING = CalendarEntry(
    id="17.3.1",
    user="ivanov",
    title="Встреча с ТСЖ «Заря»; взять договор, печать",
    at=datetime(2026, 3, 3, 9, tzinfo=UTC),
    ends=datetime(2026, 3, 3, 10, 30, tzinfo=UTC),
    remind_before=timedelta(hours=2),
    document="ТСЖ «Заря»\nул. Мира, 1",
)


def test_an_entry_comes_back_as_it_was() -> None:
    calendar = Calendar.from_ical(to_ics([MEETING], STAMP, "Иванов Пётр"))
    assert calendar["x-wr-calname"] == "Иванов Пётр"
    (event,) = calendar.events
    assert event["uid"] == "17.3.1@bpflow"
    assert event["summary"] == MEETING.title
    assert event["description"] == MEETING.document
    assert (event.start, event.end) == (MEETING.at, MEETING.ends)
    (alarm,) = event.walk("VALARM")
    assert alarm.get("trigger").dt == timedelta(hours=-2)
    assert not event.errors


def test_the_file_is_as_the_standard_has_it() -> None:
    data = to_ics([MEETING], STAMP)
    assert all(len(line) <= 75 for line in data.split(b"\r\n"))
    assert b"DTSTART:20260303T090000Z\r\n" in data
    assert b"DTSTAMP:20260301T080000Z\r\n" in data
    assert b"TRIGGER:-PT2H\r\n" in data


def test_whole_days_moments_and_impossible_ends() -> None:
    day = CalendarEntry("1", "ivanov", "Отпуск", date(2026, 3, 16), date(2026, 3, 30))
    moment = CalendarEntry("2", "ivanov", "Звонок", datetime(2026, 3, 17, 9, tzinfo=UTC))
    backwards = CalendarEntry("3", "ivanov", "Ошибка", datetime(2026, 3, 18, 9, tzinfo=UTC), datetime(2026, 3, 18, 8, tzinfo=UTC))
    data = to_ics([backwards, moment, day], STAMP)
    first, second, third = Calendar.from_ical(data).events
    assert (first.start, first.end) == (date(2026, 3, 16), date(2026, 3, 30))
    assert b"DTSTART;VALUE=DATE:20260316" in data
    assert second.start == moment.at
    assert "dtend" not in second
    assert "dtend" not in third
    assert not first.walk("VALARM")


def test_the_same_entries_give_the_same_bytes() -> None:
    other = CalendarEntry("1", "petrova", "Звонок\x00\x07\r\nв ТСЖ", MEETING.at)
    assert to_ics([MEETING, other], STAMP) == to_ics([other, MEETING], STAMP)
    assert [event["uid"] for event in Calendar.from_ical(to_ics([MEETING, other], STAMP)).events] == ["1@bpflow", "17.3.1@bpflow"]
    assert Calendar.from_ical(to_ics([other], STAMP)).events[0]["summary"] == "Звонок\nв ТСЖ"


def test_an_empty_calendar_is_a_calendar() -> None:
    assert Calendar.from_ical(to_ics([], STAMP)).events == []
