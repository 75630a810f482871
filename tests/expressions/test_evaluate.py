"""What expressions give: arithmetic, comparison, reading, generators; and what cannot be evaluated."""

from __future__ import annotations

import decimal
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpflow.expressions import FUNCTIONS, Choice, Document, Duration, EvaluationError, ExpressionError, User, compile_code
from tests.expressions.conftest import DOCUMENT, Unanswered, World


def fault(value: Any, text: str) -> str:
    """What the EvaluationError says, with its hint."""
    with pytest.raises(EvaluationError) as caught:
        value(text)
    return f"{caught.value} — {caught.value.hint or ''}"


@pytest.mark.parametrize(
    "text, expected",
    [
        ("attempts + 1", 4),
        ("7 // 2", 3),
        ("-7 // 2", -4),
        ("-7 % 3", 2),
        ("-7.5 // 2", Decimal(-4)),
        ("-7.5 % 2", Decimal("0.5")),
        ("1 / 4", Decimal("0.25")),
        ("0.1 + 0.2", Decimal("0.3")),
        ("amount * 2", Decimal("199.80")),
        ("-amount", Decimal("-99.90")),
        ("2 + 3 * 4 - 1", 13),
        ('"a" + "b"', "ab"),
        ("[1] + [2]", [1, 2]),
        ("1 < 2 <= 2.0", True),
        ("1 < 1 < attempts / 0", False),
        ("attempts == 3 and flag", True),
        ("flag or 1", True),
        ("not flag", False),
        ("1 if flag else 2", 1),
        ("2 in numbers", True),
        ("2.0 in numbers", True),
        ("true in numbers", False),
        ('"b" not in ["a"]', True),
        ('"а" in "Заря"', True),
        ("numbers[0] + numbers[-1]", 4),
        ("ask.by", User("petrova")),
        ("move.from", "new"),
        ('document["Сфера деятельности"]', "ЖКХ"),
        ("document.сфера", "ЖКХ"),
        ("document.client.usual_manager", User("petrova")),
        ("initiator.name", "Иванов Иван"),
        ("any(n > 2 for n in numbers)", True),
        ("all(n > 2 for n in numbers)", False),
        ("all([])", True),
        ("sum(n * 2 for n in numbers if n != 2)", 8),
        ("sum([])", 0),
        ("sum([1, 0.5])", Decimal("1.5")),
        ("sum([hours(1), minutes(30)])", Duration(seconds=5400)),
        ("max(n for n in numbers)", 3),
        ("min(1, 0.5)", Decimal("0.5")),
        ("list(list(a * b for a in numbers) for b in numbers)", [[1, 2, 3], [2, 4, 6], [3, 6, 9]]),
        ("len(list(n for n in numbers if n > 1))", 2),
        ("unique([2, 1, 2.0, true, 1])", [2, 1, True]),
        ("list(n + attempts for n in numbers)", [4, 5, 6]),
    ],
)
def test_values(value, text, expected):
    result = value(text)
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("1 == true", False),
        ("true != 1", True),
        ("1 == 1.0", True),
        ('1 == "1"', False),
        ("none == none", True),
        ("[1, 2] == [1.0, 2]", True),
        ("[true] == [1]", False),
        ("document == document", True),
        ("day == now", False),
        ("hours(24) == days(1)", True),
        ("working_days(1) == days(1)", False),
        ('status == "a"', True),
    ],
)
def test_equality(value, text, expected):
    assert value(text) is expected


def test_a_choice_is_equal_to_its_id():
    world = World({"status": Choice("new", "Новый"), "other": Choice("new", "Иначе")})
    assert compile_code('status == "new" and "new" == status and status in ["new"] and status == other')(world) is True
    assert compile_code('status != "Новый"')(world) is True


@pytest.mark.parametrize(
    "text, message",
    [
        ("1 / 0", "division by zero"),
        ("1 // 0", "division by zero"),
        ("1 % 0", "division by zero"),
        ("1.5 % 0", "division by zero"),
        ("0 / 0", "division by zero"),
        ("9223372036854775807 + 1", "64 bits"),
        ("-9223372036854775808 - 1", "64 bits"),
        ("-(-9223372036854775808)", "64 bits"),
        ("9223372036854775807 * 9223372036854775807", "64 bits"),
        ("-9223372036854775808 // -1", "64 bits"),
        ("true + 1", '"+" is not possible for the boolean true and the number 1'),
        ("-true", '"-" is not possible'),
        ('1 + "a"', "text(a, b)"),
        ('"a" * 1000000000', '"*" is not possible'),
        ("[1] * 1000000000", '"*" is not possible'),
        ('"%s" % 1', '"%" is not possible'),
        ("empty + 1", "coalesce(x, …)"),
        ('1 < "a"', '"<" is not possible for the number 1 and the text "a"'),
        ("true < false", '"<" is not possible'),
        ("[1] < [2]", '"<" is not possible'),
        ("none < 1", '"<" is not possible'),
        ("day < now", "date(x)"),
        ("day - now", "date(x)"),
        ("day + 3", "days(3)"),
        ("day + hours(2)", "at_time(date"),
        ("day + day", '"+" is not possible'),
        ("working_days(1) < hours(30) + days(0)", "cannot be compared"),
        ('1 in "a1"', '"in" is not possible'),
        ("1 in none", '"in" is not possible'),
        ('initiator in department("sales")', "members(x)"),
        ("1 if attempts else 2", "a condition is true or false, not the number 3"),
        ("not empty", "a condition is true or false, not none"),
        ("flag and status", 'not the text "a"'),
        ("any(numbers)", "a condition is true or false"),
        ("any(n for n in numbers)", "a condition is true or false"),
        ("list(n for n in numbers if n)", "a condition is true or false"),
        ("list(n for n in empty)", "coalesce(x, [])"),
        ("list(n for n in status)", "a generator goes through a list"),
        ("min([])", '"min" of an empty list'),
        ("max(list(n for n in numbers if n > 5))", '"max" of an empty list'),
        ("max([initiator])", "is not possible"),
        ('sum(["a"])', '"sum" needs numbers'),
        ("len(5)", '"len" needs a list'),
        ("nothing", '"nothing" has no value yet'),
        ("nothing.outcome", '"nothing" has no value yet'),
        ("list(nothing for n in numbers)", '"nothing" has no value yet'),
        ("any(nothing for n in numbers)", '"nothing" has no value yet'),
        ("ask.meeting_at", 'there is no "meeting_at" in a record with outcome'),
        ("empty.name", '"name" of none'),
        ("numbers.name", "list(x.name for x in …)"),
        ("status.name", '"name" of the text "a"'),
        ("numbers[3]", "there is no item 3 in a list of 3"),
        ("numbers[1.0]", "there is no item"),
        ("numbers[true]", "there is no item"),
        ("status[0]", "there is no item"),
        ('hours(1) * 2 + working_days(1) + "a"', "is not possible"),
        ("hours(1) * 1.5", '"*" is not possible'),
        ("now + days(366000) * 2", "too long"),
        ('datetime("9999-12-31T00:00Z") + hours(48)', "outside the calendar"),
    ],
)
def test_faults_say_why(value, text, message):
    assert message in fault(value, text)


def test_text_and_lists_are_bounded(world, value):
    world.names = {"big": "x" * 600_000, "long": [0] * 60_000, "longer": [0] * 100_001}
    assert "the text is too long" in fault(value, "big + big")
    assert "the text is too long" in fault(value, "text(big, 1, big)")
    assert "the text is too long" in fault(value, 'replace(big, "x", "yy")')
    assert "the text is too long" in fault(value, "join([big, big])")
    assert "the list is too long" in fault(value, "long + long")
    assert "the list is too long" in fault(value, 'split(big, "x")')
    assert "too many items" in fault(value, "sum(x for x in longer)")


def test_turns_of_all_generators_together_are_bounded(world, value):
    world.names = {"long": [0] * 2_000}
    assert "too many items" in fault(value, "sum(sum(y for y in long) for x in long)")
    with pytest.raises(EvaluationError, match="too many items"):
        value("sum(crowd for y in long)", {"crowd": "len(list(x for x in long))"})


def test_any_stops_at_the_first_that_decides(value):
    assert value("any(6 / n > 5 for n in [1, 0])") is True
    assert value("flag or nothing") is True
    assert value("1 if flag else nothing") == 1


# ── what is not there ───────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    "text, expected",
    [
        ("coalesce(nothing, 1)", 1),
        ("coalesce(nothing.meeting_at, now)", datetime(2026, 3, 2, 7, 0, tzinfo=UTC)),
        ("coalesce(ask.meeting_at - hours(2), 5)", 5),
        ("coalesce(empty.name.more, numbers[7], 2)", 2),
        ("coalesce(empty, none)", None),
        ("coalesce(attempts, 1 / 0)", 3),
        ("coalesce(false, 1)", False),
        ("coalesce(ask.comment, ask.by)", User("petrova")),
        ("nothing == none", True),
        ("none == nothing.x.y", True),
        ("nothing != none", False),
        ("ask != none", True),
        ("ask.comment == none", True),
        ("ask.meeting_at == none", True),
        ("not ask.meeting_at != none", True),
        ('nothing.outcome == "arranged"', False),
        ('nothing.outcome != "arranged"', True),
        ('ask.outcome == "arranged"', True),
        ('nothing.outcome == "arranged" and nothing.meeting_at > now', False),
        ("list(n for n in numbers if nothing == none)", [1, 2, 3]),
        ("coalesce(sum(n for n in nothing), 0)", 0),
    ],
)
def test_what_is_not_there_counts_as_none_where_it_is_asked_for(value, text, expected):
    assert value(text) == expected


@pytest.mark.parametrize("text", ["coalesce(1 / 0, 1)", "coalesce(status.name, 1)", "coalesce(empty + 1, 1)", 'nothing.by == "x"', "nothing == 1"])
def test_and_nowhere_else(value, text):
    fault(value, text)


def test_unanswered_questions_go_through(world):
    world.names = {**world.names, "document": Document("company", 1)}
    world.answer_document = None  # type: ignore[method-assign, assignment]
    for text in ("document.x", "coalesce(document.x, 1)", "document.x == none", "any(document.x == n for n in numbers)"):
        with pytest.raises(Unanswered):
            compile_code(text)(world)


def test_a_key_error_of_the_embedding_program_is_not_taken_for_a_missing_name(world):
    def ask(question):
        raise KeyError("elsewhere")

    world.ask = ask
    with pytest.raises(KeyError, match="elsewhere"):
        compile_code("document.name")(world)


def test_questions_are_as_agreed(world, value):
    value("document.client.name")
    assert world.asked == [("document", DOCUMENT, "client"), ("document", Document("client", 3), "name")]


# ── people ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_people_stand_for_their_expressions(value):
    people = {"boss": "head_of(manager)", "manager": "document.responsible", "maybe": "nothing.by"}
    assert value("manager", people) == User("ivanov")
    assert value("[boss, manager][0]", people) == User("head1")
    assert value("coalesce(maybe, manager)", people) == User("ivanov")
    assert value("maybe == none", people) is True
    assert value("list(manager for n in numbers if manager == initiator)", people) == [User("ivanov")] * 3
    assert value("list(manager for manager in numbers)", people) == [1, 2, 3]


def test_people_may_not_go_round_in_a_circle():
    with pytest.raises(ExpressionError, match="circle: a → b → a") as caught:
        compile_code("1 == a", {"a": "b", "b": "[a]"})
    assert caught.value.offset == 1


def test_people_may_not_grow_without_bound():
    people = {f"p{i}": f"[p{i + 1}, p{i + 1}]" for i in range(40)} | {"p40": "initiator"}
    with pytest.raises(ExpressionError, match="too long an expression"):
        compile_code("p0", people)
    long = {f"p{i}": f"p{i + 1}" for i in range(2000)} | {"p2000": "initiator"}
    with pytest.raises(ExpressionError, match="nested too deeply"):
        compile_code("p0", long)


# ── dates ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_seconds_are_added_without_asking(world, value):
    assert value("now + hours(2) - minutes(30)") == datetime(2026, 3, 2, 8, 30, tzinfo=UTC)
    assert value("ask.at - now") == Duration(seconds=-3600)
    assert value("day - day == days(0) and now - ask.at < hours(2)") is True
    assert world.asked == []


def test_calendar_parts_are_asked_for(world, value):
    assert value("day + days(3)") == date(2026, 3, 13)
    assert value("working_days(2) + now") == datetime(2026, 3, 4, 7, 0, tzinfo=UTC)
    assert value("day - weeks(1)") == date(2026, 3, 3)
    assert world.asked == [
        ("calendar", "add", date(2026, 3, 10), Duration(days=3), "Europe/Moscow"),
        ("calendar", "add", world.now, Duration(working_days=2), "Europe/Moscow"),
        ("calendar", "add", date(2026, 3, 10), Duration(days=-7), "Europe/Moscow"),
    ]


# ── properties ──────────────────────────────────────────────────────────────────────────────────────────────────────
INTEGERS = st.integers(-(2**31), 2**31)
DECIMALS = st.decimals(-(10**9), 10**9, places=3)


@given(st.one_of(INTEGERS, DECIMALS), st.one_of(INTEGERS, DECIMALS), st.sampled_from(["+", "-", "*", "<", "<=", ">", ">=", "==", "!="]))
def test_arithmetic_is_pythons(a, b, sign):
    world = World({"a": a, "b": b})
    result = compile_code(f"a {sign} b")(world)
    assert result == eval(f"a {sign} b")
    assert type(result) is type(eval(f"a {sign} b"))


@given(INTEGERS, INTEGERS.filter(bool))
def test_whole_division_is_pythons(a, b):
    world = World({"a": a, "b": b})
    assert compile_code("a // b")(world) == a // b
    assert compile_code("a % b")(world) == a % b
    assert compile_code("a * 1.0 // b")(world) == a // b
    assert compile_code("a * 1.0 % b")(world) == a % b


@given(DECIMALS, DECIMALS.filter(bool))
def test_division_is_exact_to_28_digits_whatever_the_program_has_set(a, b):
    with decimal.localcontext(decimal.Context(prec=3)):
        made = compile_code("a / b")(World({"a": a, "b": b}))
    assert made == decimal.Context(prec=28, rounding=decimal.ROUND_HALF_UP).divide(a, b)


# fmt: off
ATOMS = st.sampled_from([
    "attempts", "status", "amount", "flag", "empty", "numbers", "ask", "day", "move", "document", "initiator", "now", "nothing", "0", "1", "-5", "2.50", "true",
    "false", "none", "[]", "[1]", '"a"', '"да"', "hours(2)", "days(-3)", "working_days(1)", 'date("2026-03-01")', "today()", "ask.outcome", "document.name",
])
SIGNS = st.sampled_from(["+", "-", "*", "/", "//", "%", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "and", "or"])
CALLS = st.sampled_from(sorted(name for name, function in FUNCTIONS.items() if function.min_args <= 1))
# fmt: on


def grow(inner):
    return st.one_of(
        st.builds("({} {} {})".format, inner, SIGNS, inner),
        st.builds("(not {})".format, inner),
        st.builds("-{}".format, inner),
        st.builds("({} if {} else {})".format, inner, inner, inner),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("{}({})".format, CALLS, inner),
        st.builds("coalesce({}, {})".format, inner, inner),
        st.builds("list({} for it in {} if {})".format, inner, inner, inner),
        st.builds("{}[{}]".format, inner, inner),
        st.builds("({}).name".format, inner),
        st.builds("round({}, {})".format, inner, inner),
        st.builds("replace({}, {}, {})".format, inner, inner, inner),
    )


@given(st.recursive(ATOMS, grow, max_leaves=8))
def test_evaluation_gives_a_value_or_says_why_not(text):
    names = {
        "document": DOCUMENT,
        "initiator": User("ivanov"),
        "attempts": 3,
        "status": Choice("a", "Первый"),
        "amount": Decimal("99.90"),
        "flag": True,
        "empty": None,
        "numbers": [1, 2, 3],
        "ask": {"outcome": "arranged", "by": User("petrova"), "at": datetime(2026, 3, 2, 6, 0, tzinfo=UTC)},
        "day": date(2026, 3, 10),
        "move": {"from": "new"},
    }
    try:
        code = compile_code(text)
    except ExpressionError:
        return
    try:
        result = code(World(names))
    except (EvaluationError, Unanswered):
        return
    assert isinstance(result, bool | int | Decimal | str | date | Duration | list | dict | User | Document | None) or type(result).__module__.startswith(
        "bpflow"
    )
