"""Literals of durations, their order, and how they are said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpflow.expressions import Duration, EvaluationError, ExpressionError, duration_text, parse_duration, spoken
from bpflow.expressions.durations import order


@pytest.mark.parametrize(
    "text, expected",
    [
        ("90min", Duration(seconds=5400)),
        ("2h", Duration(seconds=7200)),
        ("3d", Duration(days=3)),
        ("1w", Duration(days=7)),
        ("30s", Duration(seconds=30)),
        ("2 working days", Duration(working_days=2)),
        ("1 working day", Duration(working_days=1)),
        ("4 working hours", Duration(working_seconds=14400)),
        ("1d 2h", Duration(days=1, seconds=7200)),
        ("1d2h30min", Duration(days=1, seconds=9000)),
        ("1 week 2 days", Duration(days=9)),
        ("2  Working  Days", Duration(working_days=2)),
        ("1 month", Duration(months=1)),
        ("0s", Duration()),
    ],
)
def test_literals(text, expected):
    assert parse_duration(text) == expected


@pytest.mark.parametrize(
    "text, hint, place",
    [
        ("2 рабочих дня", '"2 working days"', "2 рабочих дня"),
        ("1 рабочий день", '"1 working day"', "1 рабочий день"),
        ("3 дня", '"3 days"', "3 дня"),
        ("2 ч 30 мин", '"2 hours 30 minutes"', "2 ч 30 мин"),
        ("1 неделя", '"1 week"', "1 неделя"),
        ("1.5h", '"90min"', "1.5h"),
        ("5m", '"5min"', "5m"),
        ("1d 2x", "for example", "2x"),
        ("1h 2h", "for example", "2h"),
        ("-2h", "for example", "-2h"),
        ("h", "for example", "h"),
        ("", "for example", ""),
        ("2", "for example", "2"),
        ("99999999999d", "", "99999999999d"),
    ],
)
def test_what_is_no_duration(text, hint, place):
    with pytest.raises(ExpressionError) as caught:
        parse_duration(text)
    error = caught.value
    assert hint in str(error.hint or "")
    assert text[error.offset : error.offset + error.length] == place


def test_order_needs_no_calendar_or_is_refused():
    assert order(Duration(days=1), Duration(seconds=86_401)) == -1
    assert order(Duration(working_days=2), Duration(working_days=1)) == 1
    assert order(Duration(days=1), Duration(seconds=86_400)) == 0
    with pytest.raises(EvaluationError, match="cannot be compared"):
        order(Duration(months=1), Duration(days=30))
    with pytest.raises(EvaluationError, match='"1 working day" and "8h" cannot be compared'):
        order(Duration(working_days=1), Duration(seconds=8 * 3600))


@pytest.mark.parametrize(
    "duration, english, russian",
    [
        (Duration(working_days=2), "2 working days", "2 рабочих дня"),
        (Duration(working_days=1), "1 working day", "1 рабочий день"),
        (Duration(days=14), "2 weeks", "2 недели"),
        (Duration(days=11), "11 days", "11 дней"),
        (Duration(days=21), "3 weeks", "3 недели"),
        (Duration(days=22, seconds=3660), "22 days 1 hour 1 minute", "22 дня 1 час 1 минута"),
        (Duration(seconds=-5400), "-1 hour -30 minutes", "-1 час -30 минут"),
        (Duration(working_seconds=5400), "90 working minutes", "90 рабочих минут"),
        (Duration(), "0 minutes", "0 минут"),
    ],
)
def test_durations_in_words(duration, english, russian):
    assert spoken(duration) == english
    assert spoken(duration, "ru") == russian


PARTS = st.integers(0, 1000)


@given(st.builds(Duration, PARTS, PARTS, PARTS, PARTS, PARTS.map(lambda minutes: minutes * 60)))
def test_the_literal_of_a_duration_reads_back(duration):
    assert parse_duration(duration_text(duration)) == duration


@given(st.text(max_size=30) | st.text("0123456789 dhwmins рабчд.", max_size=20))
def test_any_text_is_a_duration_or_an_error(text):
    try:
        parse_duration(text)
    except ExpressionError as error:
        end = error.offset + error.length
    else:
        end = 0
    assert end <= max(1, len(text))
