"""The static types of expressions, and the mistakes in them, as they are told."""

from __future__ import annotations

from contextlib import suppress
from random import Random
from time import process_time

import pytest

from bpflow.expressions import ExpressionError, parse
from bpflow.expressions.facts import Fact
from bpflow.expressions.inference import Inference, Inferred, Known, infer
from bpflow.expressions.types import (
    ANY,
    BOOLEAN,
    DATE,
    DATETIME,
    DEPARTMENT,
    DURATION,
    INTEGER,
    NONE,
    NUMBER,
    ROLE,
    TEXT,
    USER,
    Type,
    list_of,
    literal_text,
    one_of_types,
    record_of,
)
from tests.expressions.typed_world import ASK, COMPANY, GRAMMAR, NAMES, STATUS, Writer, known

KNOWN = known()


def inferred(text: str) -> Inferred:
    return infer(parse(text), KNOWN)


def told(text: str, around: Known = KNOWN) -> list[str]:
    """The mistakes as lines: what is marked, the rule, the message and the hint."""
    return [
        f"{text[mistake.offset : mistake.offset + mistake.length]} [{mistake.rule}] {mistake.message}" + (f" — {mistake.hint}" if mistake.hint else "")
        for mistake in infer(parse(text), around).mistakes
    ]


# ── types ───────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    "text, type",
    [
        ("none", NONE),
        ("true", BOOLEAN),
        ("5", INTEGER),
        ("-9223372036854775808", INTEGER),
        ("1.5", NUMBER),
        ('"a"', literal_text("a")),
        ("now", DATETIME),
        ("unclear", ANY),
        ("nobody_knows", ANY),
        ("document.status", STATUS.or_none()),
        ("document.client", COMPANY.or_none()),
        ("other.name", TEXT),
        ("other.amount", NUMBER.or_none()),
        ("ask.outcome", STATUS),
        ('ask["outcome"]', STATUS),
        ("initiator.email", TEXT.or_none()),
        ("file.name", TEXT),
        ("unclear.name", ANY),
        ("count + 1", INTEGER),
        ("count + 1.5", NUMBER),
        ("count / 2", NUMBER),
        ("count // 2", INTEGER),
        ("unclear + 1", NUMBER),
        ("unclear / unclear", NUMBER),
        ("day + days(1)", DATE),
        ("days(1) + instant", DATETIME),
        ("day - day", DURATION),
        ("instant - days(1)", DATETIME),
        ("length * 2", DURATION),
        ("-length", DURATION),
        ('word + "a"', TEXT),
        ("words + people", list_of(one_of_types(TEXT, USER))),
        ("counts + []", list_of(INTEGER)),
        ("count > 1 and flag", BOOLEAN),
        ("1 if flag else word", one_of_types(INTEGER, TEXT)),
        ("word if flag else none", TEXT.or_none()),
        ('"a" if flag else "b"', Type("text", values=("a", "b"))),
        ("[1, 2.5]", list_of(NUMBER)),
        ("counts[0]", INTEGER),
        ("rows[-1].price", NUMBER),
        ("[1, 2][1]", INTEGER),
        ("list(r.price for r in rows)", list_of(NUMBER)),
        ("list(list(w for w in words) for r in rows)", list_of(list_of(TEXT))),
        ("unique(words)", list_of(TEXT)),
        ("coalesce(maybe_count, 0)", INTEGER),
        ("coalesce(maybe_count, maybe_word)", one_of_types(INTEGER, TEXT).or_none()),
        ("coalesce(document.client.name, none)", TEXT.or_none()),
        ("coalesce(maybe_words, [])", list_of(TEXT)),
        ("min(counts)", INTEGER),
        ("min(count, price)", NUMBER),
        ("max(day, day + days(1))", DATE),
        ("sum(counts)", INTEGER),
        ("sum(lengths)", one_of_types(DURATION, INTEGER)),
        ("round(price)", INTEGER),
        ("round(price, 2)", NUMBER),
        ("abs(count)", INTEGER),
        ("len(word)", INTEGER),
        ("text(day, word)", TEXT),
        ("head_of(initiator)", USER.or_none()),
        ("members(group)", list_of(USER)),
        ("departments()", list_of(DEPARTMENT)),
        ('with_role("director")', ROLE),
        ("add_months(day, 1)", DATE),
        ("add_months(instant, 1)", DATETIME),
        ("deadline(day)", DATETIME),
        ("deadline(maybe_day)", DATETIME.or_none()),
        ("moment(flag)", BOOLEAN),
        ("deadline(unclear)", ANY),
        ("-unclear", ANY),
        ('date("2026-01-31") + days(1)', DATE),
        ('datetime("2026-03-03T12:00") - datetime("2026-03-03T12:00Z")', DURATION),
        ("ask", ASK),
    ],
)
def test_the_type_of_an_expression(text: str, type: Type) -> None:
    found = inferred(text)
    assert found.mistakes == ()
    assert found.type == type


def test_a_field_in_letters_of_another_alphabet() -> None:
    around = known({"x": record_of([("cop", INTEGER)])})
    assert told("x.\u0441\u043e\u0440", around) == ['\u0441 [lookalike] "\u0441" in "\u0441\u043e\u0440" is a Cyrillic letter — write "cop" in Latin letters']


def test_a_mistake_is_told_once() -> None:
    assert len(inferred("(day + 3) + 4 - length < word").mistakes) == 1
    assert inferred("day + 3").type == ANY
    assert len(inferred("document.nme.size + 1 + days(2)").mistakes) == 1
    assert len(inferred("-(day + 3)[0] + days(2) if flag else min(word + 1, 2) * day").mistakes) == 2


def test_mistakes_stand_in_the_order_of_their_places() -> None:
    places = [mistake.offset for mistake in inferred('flag == (word + 1) or "a" == (day + 2) or not word').mistakes]
    assert places == sorted(places)
    assert len(places) == 3


# ── mistakes ────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    "text, line",
    [
        ("day + 3", 'day + 3 [wrong-type] "+" is not possible for a date and the number 3 — say of what: "days(3)", "working_days(3)"'),
        ("word + count", 'word + count [wrong-type] "+" is not possible for a text and an integer — "text(a, b)" joins values of any kind into text'),
        ("now - 3", 'now - 3 [wrong-type] "-" is not possible for a date with a time and the number 3 — say of what: "days(3)", "hours(3)"'),
        ("min(count, price, day)", 'min(count, price, day) [wrong-type] "min" is not possible for an integer and a date'),
        (
            "instant - day",
            'instant - day [wrong-type] "-" is not possible for a date with a time and a date — '
            '"date(x)" is the day of an instant, "at_time(d, …)" an instant of a day',
        ),
        (
            "day < instant",
            'day < instant [wrong-type] "<" is not possible for a date and a date with a time — '
            '"date(x)" is the day of an instant, "at_time(d, …)" an instant of a day',
        ),
        ('day < "2026-12-31"', '"2026-12-31" [wrong-type] "<" is not possible for a date and the text "2026-12-31" — write date("2026-12-31")'),
        ('day == "31.12.2026"', '"31.12.2026" [wrong-type] a date and the text "31.12.2026" are never equal — write date("2026-12-31")'),
        ('length > "2h"', '"2h" [wrong-type] ">" is not possible for a duration and the text "2h" — write duration("2h")'),
        ('initiator == "ivanov"', '"ivanov" [wrong-type] a user and the text "ivanov" are never equal — write user("ivanov")'),
        ('initiator in ["ivanov"]', '"ivanov" [wrong-type] a user and the text "ivanov" are never equal — write user("ivanov")'),
        ('"ivanov" in people', '"ivanov" [wrong-type] the text "ivanov" is never in a list of users — write user("ivanov")'),
        ('group == "sales"', '"sales" [wrong-type] a department and the text "sales" are never equal — write department("sales")'),
        ('flag == "да"', '"да" [wrong-type] a value that is true or false and the text "да" are never equal — write true'),
        ('"5" == count', '"5" [wrong-type] the text "5" and an integer are never equal — write 5'),
        ('role == "director"', '"director" [wrong-type] a role and the text "director" are never equal — write with_role("director")'),
        ("group == initiator", 'group == initiator [wrong-type] a department and a user are never equal — "department_of(x)" is the department of a user'),
        ("role != initiator", 'role != initiator [wrong-type] a role and a user are never equal — "members(x)" are the people of a department or a role'),
        ("word in initiator", 'word in initiator [wrong-type] "in" is not possible for a text and a user — a single one is compared by "=="'),
        ("document == maybe_client", 'document == maybe_client [wrong-type] "document" and "maybe_client" have no value in common'),
        ('status == ("x" if flag else "y")', 'status == ("x" if flag else "y") [wrong-value] "status" and ""x" if flag else "y"" have no value in common'),
        ('"wonn" in list(status for w in words)', '"wonn" [wrong-value] the text "wonn" is never one of these — did you mean "won"?'),
        ("sum([none])", '[none] [wrong-type] "sum" needs numbers or durations, not a list'),
        (
            "maybe_client == initiator",
            'maybe_client == initiator [wrong-type] a document and a user are never equal — perhaps one of its fields is meant: "maybe_client.manager"',
        ),
        (
            "is_absent(document)",
            'document [wrong-type] "is_absent" needs a user, not a document — perhaps one of its fields is meant: "document.responsible"',
        ),
        (
            "document > 100",
            'document > 100 [wrong-type] ">" is not possible for a document and the number 100 — perhaps one of its fields is meant: "document.amount"',
        ),
        ("initiator == people", 'initiator == people [wrong-type] a user and a list of users are never equal — whether it is one of them: "x in list"'),
        (
            'ask == "won"',
            '"won" [wrong-type] a record of several fields and the text "won" are never equal — perhaps one of its fields is meant: "ask.outcome", "ask.note"',
        ),
        (
            "initiator in group",
            'initiator in group [wrong-type] "in" is not possible for a user and a department — "members(x)" are the people of a department or a role',
        ),
        ('document.status == "wonn"', '"wonn" [wrong-value] "document.status" can never be "wonn" — did you mean "won"?'),
        ('document.status == "Выиграна"', '"Выиграна" [wrong-value] "document.status" can never be "Выиграна" — "Выиграна" is the title; write "won"'),
        ('"zzz" != ask.outcome', '"zzz" [wrong-value] "ask.outcome" can never be "zzz" — the choices are: "new", "won", "lost"'),
        ('status in ["won", "lst"]', '"lst" [wrong-value] "status" can never be "lst" — did you mean "lost"?'),
        ('ask.outcome == "won" or "lost"', '"lost" [wrong-type] a condition is true or false, not the text "lost" — write "ask.outcome == "lost""'),
        ("word and flag", 'word [wrong-type] a condition is true or false, not a text — compare it: "x != none", "x > 0", "len(x) > 0"'),
        ("1 if count else 2", 'count [wrong-type] a condition is true or false, not an integer — compare it: "x != none", "x > 0", "len(x) > 0"'),
        ("any(w for w in words)", 'w [wrong-type] a condition is true or false, not a text — compare it: "x != none", "x > 0", "len(x) > 0"'),
        ("rows.price", 'price [wrong-type] "price" of a list of records — of each item: "list(x.price for x in …)"'),
        ("day.year", 'year [wrong-type] "year" of a date'),
        ("document.nme", 'nme [unknown-field] "document" has no field "nme" — it has: "status", "amount", "deadline", "client", "responsible", "tags"'),
        ("document.amunt", 'amunt [unknown-field] "document" has no field "amunt" — did you mean "amount"?'),
        ('ask["outcom"]', '"outcom" [unknown-field] "ask" has no field "outcom" — did you mean "outcome"?'),
        ("initiator.emial", 'emial [unknown-field] "initiator" has no field "emial" — did you mean "email"?'),
        ("file.size", 'size [unknown-field] "file" has no field "size" — it has: "name"'),
        ("words[flag]", "words[flag] [wrong-type] there is no item a value that is true or false in a list of texts"),
        ("word[0]", "word[0] [wrong-type] there is no item the number 0 in a text"),
        ("-word", '-word [wrong-type] "-" is not possible for a text'),
        ("len(count)", 'count [wrong-type] "len" needs a list or a text, not an integer'),
        ("head_of(role)", 'role [wrong-type] "head_of" needs a user or a department, not a role — "members(x)" are the people of a department or a role'),
        ('is_absent("ivanov")', '"ivanov" [wrong-type] "is_absent" needs a user, not the text "ivanov" — write user("ivanov")'),
        (
            'weekday("2026-12-31")',
            '"2026-12-31" [wrong-type] "weekday" needs a date or a date with a time, not the text "2026-12-31" — write date("2026-12-31")',
        ),
        ("days(count / 2)", 'count / 2 [wrong-type] "days" needs an integer, not a number with decimals — "round(x)" makes an integer of it'),
        ("length * 1.5", 'length * 1.5 [wrong-type] "*" is not possible for a duration and the number 1.5'),
        ("upper(count)", 'count [wrong-type] "upper" needs a text, not an integer — "text(x)" makes a text of a value of any kind'),
        ("text(ask)", 'ask [wrong-type] "text" needs something that has a text, not a record of several fields — name one of its fields'),
        ("min(people)", 'people [wrong-type] "min" needs numbers, texts, dates or durations, not a list of users'),
        (
            "min(day, instant)",
            'min(day, instant) [wrong-type] "min" is not possible for a date and a date with a time — '
            '"date(x)" is the day of an instant, "at_time(d, …)" an instant of a day',
        ),
        ("max(count)", 'count [wrong-type] "max" needs a list, or several values, not an integer'),
        ("sum(words)", 'words [wrong-type] "sum" needs numbers or durations, not a list of texts'),
        ("any(r for r in document)", "document [wrong-type] a generator goes through a list, not a document"),
        (
            "day - hours(48)",
            'day - hours(48) [wrong-type] "hours(48)" cannot be added to a date, which has no time of day — give it one: at_time(date, "09:00")',
        ),
        ("count / 0", "count / 0 [wrong-value] division by zero"),
        ("[1, 2][5]", "[1, 2][5] [wrong-value] there is no item 5 in a list of 2 — the first item is [0], the last is [-1]"),
        ("9223372036854775807 + 1", "9223372036854775807 + 1 [wrong-value] the result is too large: an integer has at most 64 bits"),
        ('at_time(day, "9 o\'clock")', '"9 o\'clock" [wrong-value] the text "9 o\'clock" is not a time of day — for example "09:00"'),
        ("head_of(initiator, 0)", '0 [wrong-value] the level of "head_of" is from 1 to 100, not 0'),
        ("round(price, -1)", '-1 [wrong-value] "round" takes from 0 to 28 digits, not -1'),
        ('number("abc")', 'number("abc") [wrong-value] the text "abc" is not a number'),
        ('split(word, "")', '"" [wrong-value] the separator is empty'),
        (
            'format(day, "dd.mm.yyyy")',
            '"dd.mm.yyyy" [wrong-value] the pattern "dd.mm.yyyy" shows the time of day, which a date has not — '
            'the month is "MM", minutes are "mm": write "dd.MM.yyyy"',
        ),
        ('format(day, "d MMMM", "de")', '"de" [wrong-value] dates are not known in the language "de" — there are "ru" and "en"'),
        (
            'format(day, "d MMMM, HH:mm")',
            '"d MMMM, HH:mm" [wrong-value] the pattern "d MMMM, HH:mm" shows the time of day, which a date has not — '
            'leave out what shows it, or give a date with a time: at_time(date, "09:00")',
        ),
        (
            'duration("1 month") < duration("30d")',
            'duration("1 month") < duration("30d") [wrong-value] "1 months" and "30d" cannot be compared — add them to a date, and compare the dates',
        ),
        ("none + 1", 'none + 1 [wrong-type] "+" is not possible for none and the number 1 — "coalesce(x, …)" gives a value in place of none'),
    ],
)
def test_a_mistake(text: str, line: str) -> None:
    assert told(text) == [line]


@pytest.mark.parametrize(
    "text",
    [
        "unclear + 1 < unclear",
        "maybe_ask == none and coalesce(maybe_ask.count, 1) > 0",
        "unclear.a.b == unclear[0]",
        "count == 1.0",
        "maybe_count == maybe_word",
        "counts == words",
        "word in words",
        "status in word",
        "(1 if flag else word) + 1",
        "coalesce(unclear, 0) > 1",
        "[1, word][0] + 1",
        "days(price)",
        "any([])",
        'maybe_ask.outcome == "won"',
        "sum(lengths) > days(1)",
        'other.status == "won"',
        'format(instant, "d MMMM, HH:mm")',
        "format(day, \"d 'Hh' MMMM\")",
        "instant - hours(48)",
        "day - days(2)",
        "text(words, none, initiator, day, flag)",
        'list(r for r in rows if r.who != none and r.who.name == "a")',
    ],
)
def test_what_goes_well_for_some_value_is_no_mistake(text: str) -> None:
    assert told(text) == []


# ── perhaps none ────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    "text, line",
    [
        ("maybe_count + 1", '"maybe_count" may be none here — ask first: "maybe_count != none"; or "coalesce(maybe_count, …)" gives a value in place of it'),
        ("maybe_day < day", '"maybe_day" may be none here — ask first: "maybe_day != none"; or "coalesce(maybe_day, …)" gives a value in place of it'),
        ("len(maybe_words)", '"maybe_words" may be none here — "coalesce(maybe_words, [])" makes an empty list of none'),
        ("any(w == word for w in maybe_words)", '"maybe_words" may be none here — "coalesce(maybe_words, [])" makes an empty list of none'),
        ("coalesce(maybe_words[0], word)", '"maybe_words" may be none here — "coalesce(maybe_words, [])" makes an empty list of none'),
        ("not maybe_flag", '"maybe_flag" may be none here — write "maybe_flag == true"'),
        ("is_absent(head_of(initiator))", '"head_of(initiator)" may be none here — "coalesce(head_of(initiator), …)" gives a value in place of it'),
        (
            "maybe_client.name",
            '"maybe_client" may be none here — ask first: "maybe_client != none"; or "coalesce(maybe_client, …)" gives a value in place of it',
        ),
        ("sum(r.count for r in rows)", '"r.count" may be none here — ask first: "r.count != none"; or "coalesce(r.count, …)" gives a value in place of it'),
        ("any(is_absent(h) for h in holes)", '"h" may be none here — ask first: "h != none"; or "coalesce(h, …)" gives a value in place of it'),
        (
            "maybe_count + maybe_count * 2",
            '"maybe_count" may be none here — ask first: "maybe_count != none"; or "coalesce(maybe_count, …)" gives a value in place of it',
        ),
    ],
)
def test_what_may_be_none(text: str, line: str) -> None:
    found = infer(parse(text), KNOWN).mistakes
    assert [(mistake.rule, f"{mistake.message} — {mistake.hint}") for mistake in found] == [("maybe-none", line)]


@pytest.mark.parametrize(
    "text",
    [
        "maybe_count != none and maybe_count > 1",
        "maybe_count == none or maybe_count > 1",
        "maybe_count + 1 if maybe_count != none else 0",
        "not (maybe_count == none) and maybe_count > 1",
        "maybe_count in [1, 2] and maybe_count > 1",
        'maybe_word == "a" and len(maybe_word) > 1',
        "document.client != none and document.client.name == word",
        "document.client != none and document.client.size != none and document.client.size > 1",
        "document.client.name == none",
        "coalesce(document.client.name, word) == word",
        'coalesce(document.client.name + "a", word) == word',
        "any(r.count > 1 for r in rows if r.count != none)",
        "all(r.count == none or r.count > 1 for r in rows)",
        'maybe_ask.outcome == "won" and maybe_ask.count > 1',
        "coalesce(maybe_count, 0) > 1",
        "deadline(maybe_day) == none",
        "text(maybe_word, maybe_count)",
        "maybe_user in people",
    ],
)
def test_what_has_been_proved_is_there(text: str) -> None:
    assert told(text) == []


def test_what_is_none_for_certain() -> None:
    assert told("maybe_count == none and maybe_count > 1") == [
        'maybe_count > 1 [wrong-type] ">" is not possible for none and the number 1 — "coalesce(x, …)" gives a value in place of none'
    ]


def test_what_is_asked_of_a_name_is_not_asked_of_an_item_of_that_name() -> None:
    around = known({"x": NAMES["maybe_count"], "xs": list_of(NAMES["maybe_count"])})
    assert told("x != none and any(x > 1 for x in xs)", around)
    assert not told("any(x > 1 for x in xs if x != none)", around)


def test_facts_that_are_certain_where_the_expression_stands() -> None:
    around = Known(NAMES, facts=frozenset([Fact(("maybe_ask",), False, None), Fact(("document", "client"), False, None)]))
    assert told("maybe_ask.count > 1", around) == []
    assert told("maybe_day < day", around) != []


# ── what is not known ───────────────────────────────────────────────────────────────────────────────────────────────
def test_of_people_that_nobody_knows_nothing_is_said() -> None:
    assert told("initiator.anything + 1", Known(NAMES)) == []
    assert told("document.anything + 1", Known(NAMES)) == []


def test_every_expression_of_the_grammar_is_read_in_time() -> None:
    chance = Random(3)
    writer = Writer(chance, 0.1)
    parsed = []
    while len(parsed) < 1000:
        with suppress(ExpressionError):
            parsed.append(parse(writer.expression(chance.choice(tuple(GRAMMAR)), 2)))
    began = process_time()
    for one in parsed:
        Inference(one.text, KNOWN).inferred(one.tree)
    assert process_time() - began < 0.5  # it takes 0.05 on a usual machine
