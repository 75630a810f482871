"""The functions of the library, each in its usual use and at its edges; and that each has a manual."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from bpflow.expressions import (
    BUILTIN_NAMES,
    FUNCTIONS,
    SITUATION_NAMES,
    Choice,
    Department,
    Duration,
    EvaluationError,
    File,
    Role,
    User,
    compile_code,
    parse,
)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("round(2.5)", 3),
        ("round(-2.5)", -3),
        ("round(1.005, 2)", Decimal("1.01")),
        ("round(5, 2)", Decimal("5.00")),
        ("floor(-1.5)", -2),
        ("ceil(1.1)", 2),
        ("abs(-3)", 3),
        ("abs(-3.5)", Decimal("3.5")),
        ('number("1 000,50")', Decimal("1000.50")),
        ('number("-7")', -7),
        ("number(2.5)", Decimal("2.5")),
        ('lower("АБВ")', "абв"),
        ('upper("abc")', "ABC"),
        ('strip("  a ")', "a"),
        ('starts_with("+7999", "+7")', True),
        ('ends_with("a.ru", ".com")', False),
        ('contains("срочно!", "срочно")', True),
        ('replace("1-2-3", "-", "")', "123"),
        ('split("a; b ;c", ";")', ["a", "b", "c"]),
        ('join([1, "a", none], "/")', "1/a/"),
        ("join([1, 2])", "1, 2"),
        ("join(n for n in numbers)", "1, 2, 3"),
        ('join((n + 1 for n in numbers), "-")', "2-3-4"),
        ('len("абв")', 3),
        ("minutes(90)", Duration(seconds=5400)),
        ("weeks(2)", Duration(days=14)),
        ("working_hours(4)", Duration(working_seconds=14400)),
        ('duration("1d 2h")', Duration(days=1, seconds=7200)),
        ('duration("2 working days")', Duration(working_days=2)),
        ("days(-attempts)", Duration(days=-3)),
        ('date("2026-12-31")', date(2026, 12, 31)),
        ('date("2026-12" + "-31")', date(2026, 12, 31)),
        ('date(datetime("2026-03-02T23:30Z"))', date(2026, 3, 3)),
        ("date(day) == day", True),
        ('datetime("2026-03-03T12:00+03:00")', datetime(2026, 3, 3, 9, 0, tzinfo=UTC)),
        ('datetime("2026-03-03 12:00")', datetime(2026, 3, 3, 9, 0, tzinfo=UTC)),
        ("datetime(now) == now", True),
        ("today()", date(2026, 3, 2)),
        ("weekday(day)", 2),
        ("weekday(now)", 1),
        ("is_working_day(day)", True),
        ("next_working_day(day)", date(2026, 3, 11)),
        ('at_time(day, "09:00")', datetime(2026, 3, 10, 6, 0, tzinfo=UTC)),
        ("add_months(day, 1)", date(2026, 4, 9)),
        ('format(day, "d MMMM")', "<d MMMM>"),
        ("deadline(none)", None),
        ("deadline(now)", datetime(2026, 3, 2, 7, 0, tzinfo=UTC)),
        ("deadline(hours(1))", datetime(2026, 3, 2, 8, 0, tzinfo=UTC)),
        ("deadline(day)", datetime(2026, 3, 10, 15, 0, tzinfo=UTC)),
        ("moment(day)", datetime(2026, 3, 9, 21, 0, tzinfo=UTC)),
        ("moment(true)", True),
        ("moment(none)", None),
        ("moment(now)", datetime(2026, 3, 2, 7, 0, tzinfo=UTC)),
        ('moment(duration("2h"))', datetime(2026, 3, 2, 9, 0, tzinfo=UTC)),
        ('user("ivanov") == initiator', True),
        ("user(initiator)", User("ivanov")),
        ("head_of(initiator)", User("head1")),
        ('head_of(department("sales"), 2)', User("head2")),
        ("head_of(initiator, 3)", None),
        ('department("sales")', Department("sales")),
        ("department_of(initiator)", Department("sales")),
        ("members(department_of(initiator))", [User("ivanov"), User("petrova")]),
        ("departments()", [Department("sales"), Department("lawyers")]),
        ('with_role("lawyer")', Role("lawyer")),
        ('initiator in members(with_role("lawyer"))', True),
        ("chain(initiator)", [User("head1"), User("head2")]),
        ("is_absent(ask.by)", True),
        ("is_absent(initiator, day)", False),
        ("acting(ask.by)", User("ivanov")),
        ("acting(initiator, day) == initiator", True),
        ("list(h for h in chain(initiator) if acting(h) != none)", [User("head1")]),
        ("open_tasks(initiator) < 5", True),
    ],
)
def test_functions(value, text, expected):
    result = value(text)
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    "text, message",
    [
        ("round(status)", '"round" needs a number'),
        ("round(1, 40)", "from 0 to 28 digits"),
        ("round(true)", '"round" needs a number'),
        ('number("x")', "is not a number"),
        ('number("1,000")', "is not a number"),
        ("lower(5)", '"lower" needs text, not the number 5'),
        ('split("a", "")', "the separator is empty"),
        ('replace("a", "", "b")', "is empty"),
        ("date(attempts)", '"date" needs text'),
        ('date(status + "x")', "is not a date"),
        ('datetime(status + "x")', "is not a date with a time"),
        ("duration(status)", "is not a duration"),
        ("weekday(5)", '"weekday" needs a date'),
        ('at_time(day, "25:00")', "is not a time of day"),
        ('at_time(day, "9")', "is not a time of day"),
        ('format(day, "' + "d" * 101 + '")', "too long"),
        ("deadline(5)", '"deadline" needs a date'),
        ("moment(status)", '"moment" needs a date'),
        ("head_of(none)", "needs a user or a department, not none"),
        ("head_of(initiator, 0)", "from 1 to 100"),
        ("members(initiator)", "needs a department or a role"),
        ("chain(none)", "needs a user, not none"),
        ("is_absent(initiator, 5)", "needs a date"),
        ("acting(initiator, 5)", "needs a date"),
        ("acting(none)", "needs a user, not none"),
        ("days(attempts / 2)", '"days" needs an integer'),
        ("days(attempts * 1000000)", "too long"),
    ],
)
def test_wrong_arguments_are_named(value, text, message):
    with pytest.raises(EvaluationError) as caught:
        value(text)
    assert message in str(caught.value)


def test_an_instant_without_a_zone_asks_for_the_processes(world, value):
    value('datetime("2026-03-03T12:00")')
    assert world.asked == [("calendar", "at_time", date(2026, 3, 3), "12:00", "Europe/Moscow")]


def test_literals_are_made_once():
    code = compile_code('duration("2h")')
    assert Duration(seconds=7200) in code.__globals__.values()
    assert "duration" not in str(code.__code__.co_names)


# ── text ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_values_in_text(world, value):
    world.names = {
        **world.names,
        "choice": Choice("new", "Новая"),
        "file": File("кп.docx", "00"),
        "role": Role("lawyer"),
        "big": Decimal("1E+3"),
        "stranger": User("nobody"),
    }
    assert value('text("К ", document, ", ", initiator, " и ", department("sales"))') == "К ТСЖ Заря, Иванов Иван и Отдел продаж"
    assert value('text("[", none, "] ", choice, " ", file, " ", role, " ", stranger)') == "[] Новая кп.docx lawyer nobody"
    assert value('text(day, " ", 1.50, " ", big, " ", -3)') == "10.03.2026 1.50 1000 -3"
    assert value('text("a", [initiator, choice, [1, 2]])') == "aИванов Иван, Новая, 1, 2"
    assert value("text()") == ""
    assert value('text("at ", now)') == "at <dd.MM.yyyy HH:mm>"
    assert world.asked[-1] == ("calendar", "format", world.now, "dd.MM.yyyy HH:mm", "Europe/Moscow", "en")


def test_words_in_text_are_in_the_language_of_the_text(value):
    assert value('text("Срочно: ", flag, ", через ", working_days(2))') == "Срочно: да, через 2 рабочих дня"
    assert value('text("Urgent: ", flag, ", in ", working_days(2))') == "Urgent: yes, in 2 working days"
    assert value('text(not flag, " ", hours(1) + minutes(30))') == "no 1 hour 30 minutes"
    assert value('join(["ответ", flag])') == "ответ, да"


def test_a_record_has_no_text(value):
    with pytest.raises(EvaluationError, match="a record with outcome"):
        value('text("a", ask)')


# ── manuals ─────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_each_function_has_a_manual(name):
    function = FUNCTIONS[name]
    first, _, rest = function.doc.partition("\n")
    assert first.startswith(f"`{name}(")
    assert " → " in first
    assert "Example: `" in rest
    assert function.usage.startswith(f"{name}(")
    assert function.max_args is None or function.min_args <= function.max_args


@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - {"departments", "with_role"}))
def test_the_example_of_each_manual_is_an_expression(name):
    example = FUNCTIONS[name].doc.partition("Example: `")[2].partition("`")[0]
    assert name in dict(parse(example).calls)


def test_names_and_functions_are_one_space():
    assert not set(FUNCTIONS) & (set(BUILTIN_NAMES) | set(SITUATION_NAMES))
