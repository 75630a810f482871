"""Fields at run time: reading, checking, showing, and plain data."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpflow.expressions import Choice, Department, Document, Duration, File, Role, User
from bpflow.values import Field, InvalidValue, UnsafePattern, check, check_field, check_pattern, from_plain, read, show, tag, to_plain

MOSCOW = ZoneInfo("Europe/Moscow")
BERLIN = ZoneInfo("Europe/Berlin")
STATUS = Field("choice", choices=(("new", "Новая"), ("Отказ", "Отказ"), ("two", "Один, два")))
ADDRESS = Field("object", fields=(("city", Field("string", required=True)), ("flat", Field("integer", min="1"))))


# ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    "kind, raw, expected",
    [
        ("string", "ТСЖ", "ТСЖ"),
        ("string", 5, "5"),
        ("text", "a\nb", "a\nb"),
        ("integer", "1 000", 1000),
        ("integer", "1\u00a0000\u202f000", 1_000_000),
        ("integer", "-5", -5),
        ("integer", "\u22125", -5),
        ("integer", 3.0, 3),
        ("integer", "7.0", 7),
        ("number", "1 000,50", Decimal("1000.50")),
        ("number", "1000.5", Decimal("1000.5")),
        ("number", "0,125", Decimal("0.125")),
        ("number", "1.000", Decimal("1.000")),
        ("number", 0.1, Decimal("0.1")),
        ("number", Decimal("1.10"), Decimal("1.10")),
        ("money", 100, 100),
        ("money", "99,90", Decimal("99.90")),
        ("boolean", True, True),
        ("boolean", "Да", True),
        ("boolean", "нет", False),
        ("boolean", "YES", True),
        ("boolean", "0", False),
        ("date", "2026-12-31", date(2026, 12, 31)),
        ("date", "31.12.2026", date(2026, 12, 31)),
        ("date", date(2026, 1, 2), date(2026, 1, 2)),
        ("datetime", "2026-03-03T12:00+03:00", datetime(2026, 3, 3, 9, 0, tzinfo=UTC)),
        ("datetime", "2026-03-03T09:00:00Z", datetime(2026, 3, 3, 9, 0, tzinfo=UTC)),
        ("datetime", "2026-03-03 12:00", datetime(2026, 3, 3, 9, 0, tzinfo=UTC)),
        ("datetime", "03.03.2026, 12:00", datetime(2026, 3, 3, 9, 0, tzinfo=UTC)),
        ("datetime", datetime(2026, 3, 3, 12, 0), datetime(2026, 3, 3, 9, 0, tzinfo=UTC)),
        ("datetime", datetime(2026, 3, 3, 12, 0, tzinfo=timezone(timedelta(hours=3))), datetime(2026, 3, 3, 9, 0, tzinfo=UTC)),
        ("duration", "2 working days", Duration(working_days=2)),
        ("duration", Duration(days=1), Duration(days=1)),
        ("user", " ivanov ", User("ivanov")),
        ("user", User("ivanov"), User("ivanov")),
        ("department", "sales", Department("sales")),
        ("document", "deal:17", Document("deal", 17)),
        ("file", {"name": "a.docx", "digest": "00"}, File("a.docx", "00")),
        ("file", File("a", "b"), File("a", "b")),
    ],
)
def test_values_are_read(kind, raw, expected):
    value = read(Field(kind), raw, MOSCOW)
    assert value == expected
    assert type(value) is type(expected)
    check(Field(kind), value)


@pytest.mark.parametrize("kind", ["string", "integer", "boolean", "datetime", "choice", "user", "document", "file", "object"])
@pytest.mark.parametrize("raw", [None, "", "  "])
def test_empty_text_is_none(kind, raw):
    assert read(Field(kind), raw, MOSCOW) is None
    assert read(Field(kind, many=True), raw, MOSCOW) == []


@pytest.mark.parametrize(
    "kind, raw, message",
    [
        ("string", True, "is not text"),
        ("string", 1.5, "is not text"),
        ("string", ["a"], "not a list"),
        ("string", "x" * 1_000_001, "too long"),
        ("integer", "1.5", '"1.5" is not a whole number'),
        ("integer", "1 00", "is not a whole number"),
        ("integer", True, "is not a whole number"),
        ("integer", 2**63, "is not a whole number"),
        ("integer", "9223372036854775808", "is not a whole number"),
        ("number", "1,000", "is not a number"),
        ("number", "1,000.50", "is not a number"),
        ("number", float("nan"), "is not a number"),
        ("number", float("inf"), "is not a number"),
        ("number", 1e300, "is not a number"),
        ("number", "1e5", "is not a number"),
        ("number", "9" * 29, "is not a number"),
        ("money", "100 ₽", "is not a number"),
        ("boolean", "maybe", "is not yes or no"),
        ("boolean", 1, "is not yes or no"),
        ("date", "2026-02-30", "is not a date"),
        ("date", "2026-03-03T12:00", "is not a date"),
        ("date", "20260303", "is not a date"),
        ("date", datetime(2026, 1, 1), "is not a date"),
        ("datetime", "2026-03-03", "is not a date with a time"),
        ("datetime", "2026-03-03T25:00", "is not a date with a time"),
        ("datetime", "0001-01-01T00:00+03:00", "is not a date with a time"),
        ("datetime", "2026-03-03T12:00+99:00", "is not a date with a time"),
        ("datetime", date(2026, 1, 1), "is not a date with a time"),
        ("duration", "2 дня", "is not a duration"),
        ("duration", 5, "is not a duration"),
        ("user", 5, "is not an id"),
        ("user", "a\nb", "is not an id"),
        ("document", "deal", "is not a document"),
        ("document", "deal:0", "is not a document"),
        ("document", "deal:x", "is not a document"),
        ("document", 17, "is not a document"),
        ("file", "a.docx", "is not a file"),
        ("object", "a", "is not a record"),
    ],
)
def test_what_cannot_be_meant_is_refused(kind, raw, message):
    with pytest.raises(InvalidValue) as caught:
        read(Field(kind), raw, MOSCOW)
    assert message in str(caught.value)


def test_choices_are_read_by_id_or_title():
    assert read(STATUS, "new", MOSCOW).title == "Новая"
    assert read(STATUS, "Новая", MOSCOW) == "new"
    assert type(read(STATUS, "Отказ", MOSCOW)) is str
    assert read(Field("choice", choices=(("1", "Один"),)), 1, MOSCOW) == "1"
    with pytest.raises(InvalidValue, match="one of the choices") as caught:
        read(STATUS, "Новая", MOSCOW, choice_by_title=False)
    assert "Новая" in str(caught.value.hint)
    with pytest.raises(InvalidValue) as caught:
        read(STATUS, "Отказы", MOSCOW)
    assert 'did you mean "Отказ"?' in str(caught.value.hint)


def test_lists_are_read():
    assert read(Field("user", many=True), "ivanov; petrova;", MOSCOW) == [User("ivanov"), User("petrova")]
    assert read(Field("user", many=True), ["ivanov"], MOSCOW) == [User("ivanov")]
    many = Field("choice", many=True, choices=STATUS.choices)
    assert read(many, "new, Отказ", MOSCOW) == ["new", "Отказ"]
    assert read(many, "Один, два; new", MOSCOW) == ["two", "new"]
    assert read(many, "Один, два", MOSCOW) == ["two"]
    assert read(Field("string", many=True), "a, b", MOSCOW) == ["a, b"]
    assert read(Field("integer", many=True), 5, MOSCOW) == [5]
    with pytest.raises(InvalidValue, match="an item of the list is empty"):
        read(Field("integer", many=True), [1, None], MOSCOW)
    with pytest.raises(InvalidValue, match="too long"):
        read(Field("integer", many=True), [1] * 100_001, MOSCOW)


def test_a_document_may_be_named_by_number_where_there_is_one_type():
    assert read(Field("document", of=("deal",)), "17", MOSCOW) == Document("deal", 17)
    assert read(Field("document", of=("deal",)), 17, MOSCOW) == Document("deal", 17)


def test_objects_are_read_field_by_field():
    assert read(ADDRESS, {"city": "Казань"}, MOSCOW) == {"city": "Казань", "flat": None}
    with pytest.raises(InvalidValue, match='"flat": "x" is not a whole number'):
        read(ADDRESS, {"city": "Казань", "flat": "x"}, MOSCOW)
    with pytest.raises(InvalidValue, match='there is no field "sity"') as caught:
        read(ADDRESS, {"sity": "Казань"}, MOSCOW)
    assert "city" in str(caught.value.hint)


def test_hours_that_clocks_skip_or_repeat_are_read_the_same_way_each_time():
    assert read(Field("datetime"), "2026-10-25T02:30", BERLIN) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert read(Field("datetime"), "2026-03-29T02:30", BERLIN) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


# ── checking ────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    "field, good, bad, message",
    [
        (Field("string", required=True), "a", "", "a value is required"),
        (Field("string", required=True, many=True), ["a"], [], "a value is required"),
        (Field("integer", required=True), 0, None, "a value is required"),
        (Field("string", min="2", max="3"), "ab", "a", "from 2 to 3 allowed, not 1 characters"),
        (Field("string", max="3"), "абв", "абвг", "at most 3 allowed, not 4 characters"),
        (Field("integer", min="1"), 1, 0, "at least 1 needed, not the number 0"),
        (Field("number", max="1,5"), Decimal("1.5"), Decimal("1.51"), "at most 1,5 allowed"),
        (Field("money", min="0"), 0, Decimal("-0.01"), "at least 0 needed"),
        (Field("date", min="2026-01-01"), date(2026, 1, 1), date(2025, 12, 31), "at least 2026-01-01"),
        (Field("datetime", max="2026-01-01T00:00Z"), datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 0, 1, tzinfo=UTC), "at most"),
        (Field("duration", max="2h"), Duration(seconds=7200), Duration(days=1), "at most 2h"),
        (Field("duration", max="2h"), Duration(), Duration(working_days=1), "cannot be compared"),
        (Field("user", many=True, min="2"), [User("a"), User("b")], [User("a")], "at least 2 needed, not 1 items"),
        (Field("string", pattern=r"\d{10}"), "1234567890", "123", "is not of the form"),
        (Field("string", many=True, pattern=r"\d+"), ["1"], ["1", "x"], "is not of the form"),
        (STATUS, "new", "old", "is not one of the choices"),
        (STATUS, Choice("new", "Новая"), 5, "is not one of the choices"),
        (Field("document", of=("deal",)), Document("deal", 1), Document("lead", 1), 'of the type "deal" is expected, not "lead"'),
        (ADDRESS, {"city": "Казань", "flat": 1}, {"city": None}, '"city": a value is required'),
        (ADDRESS, {"city": "Казань"}, {"city": "Казань", "flat": 0}, '"flat": at least 1'),
        (ADDRESS, {"city": "Казань"}, {"city": "Казань", "x": 0}, 'no field "x"'),
        (Field("boolean"), False, 0, "is not yes or no"),
        (Field("integer"), 1, True, "is not a whole number"),
        (Field("integer"), 1, Decimal(1), "is not a whole number"),
        (Field("date"), date(2026, 1, 1), datetime(2026, 1, 1, tzinfo=UTC), "is not a date"),
        (Field("datetime"), datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1), "has no zone"),
        (Field("datetime"), datetime(2026, 1, 1, tzinfo=UTC), date(2026, 1, 1), "is not a date with a time"),
        (Field("user"), User("a"), Department("a"), "is not a user"),
        (Field("user"), User("a"), "a", "is not a user"),
        (Field("file"), File("a", "b"), "a", "is not a file"),
        (Field("string"), "a", ["a"], "is not text"),
        (Field("string", many=True), ["a"], "a", "is not a list"),
        (Field("string", many=True), ["a"], ["a", None], "a value is required"),
    ],
)
def test_check(field, good, bad, message):
    check(field, good)
    with pytest.raises(InvalidValue) as caught:
        check(field, bad)
    assert message in str(caught.value)


def test_what_is_not_required_may_be_none():
    for kind in ("string", "choice", "object", "datetime"):
        check(Field(kind), None)


@pytest.mark.parametrize(
    "field, message",
    [
        (Field("integer", min="x"), "is not a whole number"),
        (Field("string", max="1.5"), "is not a whole number"),
        (Field("user", many=True, max="x"), "is not a whole number"),
        (Field("date", min="soon"), "is not a date"),
        (Field("boolean", min="1"), 'has no "min"'),
        (Field("string", pattern="(a+)+"), "a part that repeats"),
        (Field("object", fields=(("a", Field("integer", max="x")),)), '"a": "x" is not'),
    ],
)
def test_a_field_that_asks_for_nonsense_is_refused(field, message):
    with pytest.raises(InvalidValue) as caught:
        check_field(field)
    assert message in str(caught.value)


def test_a_sensible_field_is_not():
    check_field(Field("object", fields=(("a", Field("integer", min="1", max="9")), ("b", Field("string", pattern=r"\d+", max="10")))))
    check_pattern(r"\d+")
    with pytest.raises(UnsafePattern):
        check_pattern("(a+)+")
    with pytest.raises(InvalidValue):
        check(Field("string", pattern="(a+)+"), "a")


# ── showing ─────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    "field, value, shown",
    [
        (Field("string"), None, ""),
        (Field("string"), "a\nb", "a\nb"),
        (Field("integer"), 1234, "1234"),
        (Field("integer"), -1234567, "-1 234 567"),
        (Field("number"), Decimal("1E+3"), "1000"),
        (Field("money"), Decimal("1234.5"), "1 234.50"),
        (Field("money"), Decimal("-0.5"), "-0.50"),
        (Field("money"), 100, "100.00"),
        (Field("boolean"), True, "yes"),
        (Field("date"), date(2026, 3, 2), "02.03.2026"),
        (Field("datetime"), datetime(2026, 3, 2, 7, 0, tzinfo=UTC), "02.03.2026 10:00"),
        (Field("duration"), Duration(working_days=2), "2 working days"),
        (STATUS, Choice("new", "Новая"), "Новая"),
        (STATUS, "new", "Новая"),
        (Field("user"), User("ivanov"), "<ivanov>"),
        (Field("user", many=True), [User("a"), User("b")], "<a>, <b>"),
        (Field("document"), Document("deal", 17), "<17>"),
        (Field("file"), File("a.docx", "0"), "a.docx"),
        (Field("string", secret=True), "x", "••••••"),
        (Field("object", fields=(("a", Field("money", title="Сумма")),)), {"a": 5, "b": None}, "Сумма: 5.00"),
    ],
)
def test_show(field, value, shown):
    assert show(field, value, lambda named: f"<{named.id}>", MOSCOW) == shown


def test_show_in_russian():
    assert show(Field("duration"), Duration(working_days=2), str, MOSCOW, "ru") == "2 рабочих дня"


@given(st.decimals(-(10**12), 10**12, places=2) | st.integers(-(2**63), 2**63 - 1))
def test_what_is_shown_reads_back(value):
    for kind in ("number", "money"):
        assert read(Field(kind), show(Field(kind), value, str, MOSCOW), MOSCOW) == value


# ── plain data ──────────────────────────────────────────────────────────────────────────────────────────────────────
TEXTS = st.text(st.characters(codec="utf-8"), max_size=10)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
ATOMS = st.one_of(
    st.none(),
    st.booleans(),
    INTEGERS,
    st.decimals(allow_nan=False, allow_infinity=False),
    TEXTS,
    st.dates(),
    st.datetimes(timezones=st.just(UTC)),
    st.builds(Duration, INTEGERS, INTEGERS, INTEGERS, INTEGERS, INTEGERS),
    st.builds(Choice, TEXTS, TEXTS),
    TEXTS.map(User),
    TEXTS.map(Department),
    TEXTS.map(Role),
    st.builds(Document, TEXTS, INTEGERS),
    st.builds(File, TEXTS, TEXTS),
)
KEYS = st.sampled_from(["$n", "$u", "$r", "$", "a"]) | TEXTS
VALUES = st.recursive(ATOMS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=12)


def same(a, b):
    """Equal, of the same types, with the same titles."""
    if isinstance(a, list):
        return type(b) is list and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return type(b) is dict and a.keys() == b.keys() and all(same(a[name], b[name]) for name in a)
    if isinstance(a, Choice):
        return isinstance(b, Choice) and a == b and a.title == b.title
    return type(a) is type(b) and a == b and str(a) == str(b)


@given(VALUES)
def test_plain_data_reads_back(value):
    assert same(from_plain(json.loads(json.dumps(to_plain(value)))), value)


OPTIONS = orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS
PLAIN_KEYS = st.recursive(ATOMS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3), max_leaves=12)


@given(PLAIN_KEYS)
def test_tag_serves_a_json_writer(value):
    written = orjson.dumps(value, default=tag, option=OPTIONS)
    assert orjson.loads(written) == json.loads(json.dumps(to_plain(value)))
    assert same(from_plain(orjson.loads(written)), value)


def test_the_marks_are_as_written_down():
    assert to_plain([Decimal("1.50"), datetime(2026, 3, 2, 7, 0, tzinfo=UTC), date(2026, 3, 2)]) == [
        {"$n": "1.50"},
        {"$t": 1772434800000000},
        {"$d": "2026-03-02"},
    ]
    assert to_plain([User("a"), Department("b"), Role("c")]) == [{"$u": "a"}, {"$dep": "b"}, {"$role": "c"}]
    assert to_plain([Document("company", 17), File("a", "0")]) == [{"$doc": ["company", 17]}, {"$file": ["a", "0"]}]
    assert to_plain([Duration(1, 2, 3, 4, 5), Choice("a", "Т")]) == [{"$p": [1, 2, 3, 4, 5]}, {"$c": ["a", "Т"]}]
    assert to_plain({"$n": "1"}) == {"$r": [["$n", "1"]]}
    assert type(to_plain(Choice("a", "Т"))["$c"][0]) is str


@pytest.mark.parametrize("value", [1.5, object(), datetime(2026, 1, 1), (1,), {1}, [1.5]])
def test_what_is_no_value_is_not_written(value):
    with pytest.raises(TypeError):
        to_plain(value)


@pytest.mark.parametrize("data", [1.5, {"$x": 1}, {"$n": "x"}, {"$n": None}, {"$t": "x"}, {"$doc": [1]}, {"$p": 5}, (1,)])
def test_what_was_never_written_is_not_read(data):
    with pytest.raises(ValueError):  # noqa: PT011
        from_plain(data)
