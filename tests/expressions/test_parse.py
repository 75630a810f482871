"""What is an expression and what is not; every refusal has a place and often a remedy."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpflow.expressions import ExpressionError, Path, compile_code, parse


def refused(text: str) -> tuple[str, str, str]:
    """Message, hint, and the part of the text that the error points at."""
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    error = caught.value
    return str(error), str(error.hint or ""), text[error.offset : error.offset + error.length]


def test_names_paths_and_calls_are_noted_with_their_offsets():
    parsed = parse('document.client.name == x.y and any(a.by == me for a in ask.answers) and len(document["Сфера"]) > now')
    assert parsed.names == {"document": 0, "x": 24, "me": 44, "ask": 56, "now": 98}
    assert Path(("document", "client", "name"), 0) in parsed.paths
    assert Path(("document", "Сфера"), 77) in parsed.paths
    assert Path(("ask", "answers"), 56) in parsed.paths
    assert parsed.calls == (("any", 32), ("len", 73))


def test_the_offset_counts_characters_not_bytes():
    assert parse('"Назначена" == статус').names == {"статус": 15}
    assert refused('"Назначена встреча" == статус и x')[2] == "и"
    assert refused('"Назначена" == статус(1)')[2] == "статус"


def test_what_an_index_hides_ends_the_path():
    assert parse("ask.answers[0].by").paths == (Path(("ask", "answers"), 0),)
    assert parse("members(x)[0].name").paths == (Path(("x",), 8),)
    assert parse("list(i.name for i in x.items)").paths == (Path(("x", "items"), 21),)


def test_python_words_may_be_fields():
    assert parse("move.from == answer.class").paths == (Path(("move", "from"), 0), Path(("answer", "class"), 13))
    assert parse("x.not.none.true").paths == (Path(("x", "not", "none", "true"), 0),)


def test_line_breaks_and_spaces_are_free():
    assert parse(" x\n  and\r\n\ty ").names == {"x": 1, "y": 11}


def test_the_same_letter_written_in_two_ways_is_one_name():
    assert parse("document.и\u0306од").paths[0].names == ("document", "йод")


@pytest.mark.parametrize(
    "text",
    [
        "none",
        "true and not false",
        "a < b <= c",
        "a not in [1, 2.5, 'x']",
        "a if b else c if d else e",
        "-x // 3 % 2",
        "sum(x for x in y if x > 0)",
        'join((x.name for x in y), "; ")',
        "[]",
        "[1,]",
        "f.g[0][-1]['a b']",
        '"\\"\\\\ \\n \\t"',
        "9223372036854775807",
        "-9223372036854775808",
        "x - -1",
        "сумма > 0",
        "VIPклиент",
        "crm_клиент",
    ],
)
def test_these_are_expressions(text):
    compile_code(text)


# text, part of the message, part of the hint, the place
TRAPS = [
    ("status == «Отказ»", "the quote « is not", "straight quotes", "«"),
    ("status == “Отказ”", "the quote “ is not", "straight quotes", "“"),
    ("a\u00a0== 1", "a no-break space", "ordinary space", "\u00a0"),
    ("a\u200b == 1", "an invisible character, U+200B", "delete it", "\u200b"),
    ("document.сlient", 'the letter "с" in "сlient" is Cyrillic', 'Latin letter "c"', "с"),
    ("document.clienт", "is Cyrillic", 'Latin letter "t"', "т"),
    ("document.cтатус", 'the letter "c" in "cтатус" is Latin', 'Cyrillic letter "с"', "c"),
    ("x = 1", '"=" is not a sign', 'write "=="', "="),
    ("x === 1", '"===" is not a sign', 'write "=="', "==="),
    ("a && b", '"&&" is not', 'write "and"', "&&"),
    ("a || b", '"||" is not', 'write "or"', "||"),
    ("!a", '"!" is not', 'write "not"', "!"),
    ("a <> b", '"<>" is not', 'write "!="', "<>"),
    ("a => b", '"=>" is not', 'write ">="', "=>"),
    ("a ≠ b", '"≠" is not', 'write "!="', "≠"),
    ("a — 1", '"—" is not', 'write "-"', "—"),
    ("x is none", '"is" is not a word', 'write "=="', "is"),
    ("None", '"None" is not a word', 'write "none"', "None"),
    ("x == True", '"True" is not a word', 'write "true"', "True"),
    ("x == null", '"null" is not a word', 'write "none"', "null"),
    ("a AND b", '"AND" is not a word', 'write "and"', "AND"),
    ("a или b", '"или" is not a word', 'write "or"', "или"),
    ("2026-12-31", "would be a subtraction", 'date("2026-12-31")', "2026-12-31"),
    ("now > 2026-3-5T12:00", "would be a subtraction", 'datetime("2026-03-05T12:00")', "2026-3-5T12:00"),
    ("31.12.2026", "is not a number", 'date("2026-12-31")', "31.12.2026"),
    ("at_time(day, 09:00)", "is not a number", 'at_time(today(), "09:00")', "09:00"),
    ("007", "is not a number", "does not begin with 0", "007"),
    ("2h", "is not a number", 'duration("2h")', "2h"),
    ("now + 2 hours", "something is missing", 'duration("2hours")', "2 hours"),
    ("2 working days", "something is missing", 'duration("2 working days")', "2 working"),
    ("1e5", "is not a number", "in full", "1e5"),
    ("0x1F", "is not a number", "in full", "0x1F"),
    ("1_000", "is not a number", "in full", "1_000"),
    ("1j", "is not a number", "", "1j"),
    ("1 000", "something is missing", "without spaces", "1 000"),
    (".5", "is not a number", "both sides", ".5"),
    ("5.", "is not a number", "both sides", "5."),
    ("1,5", "a comma is not expected", "1.5", "1,5"),
    ("status == Назначена встреча", "something is missing", '"Назначена встреча"', "Назначена встреча"),
    ('["a" "b"]', "something is missing", "", '"a" "b"'),
    ('f"x"', "something is missing", "", 'f"x"'),
    ('b"x"', "something is missing", "", 'b"x"'),
    ('"""x"""', "three quotes", "single quotes", '"""'),
    ('status == "a', "the quote is not closed", "", '"a'),
    ('"\\d"', '"\\d" means nothing', "backslash", "\\d"),
    ("foo(1)", 'there is no function "foo"', "", "foo"),
    ("todday()", 'there is no function "todday"', '"today"', "todday"),
    ("today", '"today" is a function', "today(…)", "today"),
    ("now()", '"now" is not a function', 'write "now"', "now"),
    ("x.lower()", "as if it belonged to a value", "lower(x)", "x.lower"),
    ("lower(x)(2)", "only a function can be called", "", "lower(x)"),
    ("5(1)", "only a function can be called", "", "5"),
    ("at_time(x)", '"at_time" needs 2 values, not 1', "at_time(date", "at_time(x)"),
    ("lower(x, y)", '"lower" takes at most 1 values, not 2', "lower(text)", "lower(x, y)"),
    ("round(x, digits=2)", '"=" is not a sign', "", "="),
    ('date("2026-13-01")', "is not a date", "2026-12-31", '"2026-13-01"'),
    ('date("31.12.2026")', "is not a date", 'write "2026-12-31"', '"31.12.2026"'),
    ('datetime("2026-12-31")', "is not a date with a time", "T12:00", '"2026-12-31"'),
    ('duration("2 рабочих дня")', "is not a duration", '"2 working days"', '"2 рабочих дня"'),
    ("hours(1.5)", '"hours" needs an integer', "", "1.5"),
    ("x if y", '"if" without "else"', "a if condition else b", "if"),
    ("x ==", 'something is missing after "=="', "", "=="),
    ("x and", 'something is missing after "and"', "", "and"),
    ("* x", "is not expected here", "", "*"),
    ("(x", '"(" is not closed', "", "("),
    ("x)", '")" closes nothing', "", ")"),
    ("(x]", '"]" closes nothing', "", "]"),
    ("", "is empty", "", ""),
    ("   ", "is empty", "", " "),
    ("()", "a comma is not expected", "", "()"),
    ("x for x in y", "a generator stands inside a function", "any, all", "x for x in y"),
    ("[x for x in y]", "a generator stands inside a function", "list(x for x in …)", "[x for x in y]"),
    ("lower(x for x in y)", "a generator stands inside a function", "", "(x for x in y)"),
    ("any(x for x in y for z in x)", 'a generator has one "for"', "inside another", "(x for x in y for z in x)"),
    ("any(x for x, z in y)", 'after "for" stands one plain name', "", "x, z"),
    ("any(now for now in y)", 'the name "now" is taken', "", "now"),
    ("any(any(x for x in x) for x in y)", 'the name "x" is taken', "", "x"),
    ("9223372036854775808", "the number is too large", "", "9223372036854775808"),
    ("$(x)", '"$" is not a sign', "already", "$"),
    ("x # y", '"#" is not a sign', "", "#"),
    ("{1: 2}", '"{" is not a sign', "YAML", "{"),
    ("+x", '"+" has nothing on its left', "", "+x"),
    ("a ++ b", '"++" is not', "x + 1", "++"),
    ("any(*x)", "is not part of the language", "", "*x"),
]


@pytest.mark.parametrize("text, message, hint, place", TRAPS, ids=[trap[0] for trap in TRAPS])
def test_traps_are_refused_with_place_and_remedy(text, message, hint, place):
    said, remedy, at = refused(text)
    assert message in said
    assert hint in remedy
    assert at == place


ESCAPES = [
    "().__class__.__bases__[0].__subclasses__()",
    '"".__class__',
    "document.__dict__",
    "document._secret",
    "_x",
    "__import__('os').system('true')",
    "__builtins__",
    "lambda: 1",
    "(lambda x: x)(1)",
    "(x := 1)",
    'f"{x}"',
    "rb'x'",
    "{1, 2}",
    "{'a': 1}",
    "{x for x in y}",
    "[*x]",
    "list(**x)",
    "x[1:2]",
    "x[:]",
    "x[...]",
    "...",
    "a ** b",
    "1 << 100",
    "~1",
    "a ^ b",
    "a @ b",
    "await x",
    "yield x",
    "x; y",
    "import os",
    "exec('1')",
    "eval('1')",
    "open('/etc/passwd')",
    "getattr(x, 'y')",
    "globals()",
    "type(x)",
    "print(1)",
    "a.b.c.mro()",
    "'%s'.format(1)",
    "x.y = 1",
    "del x",
    "1if 2else 3",
    "\\\nx",
    "x\f+1",
    "x\x00",
    "x\u2028y",
    "\ud800",
    "０",
    "x.０",
    "＿＿import＿＿('os')",
    "x.ﬁeld.__class__",
]


@pytest.mark.parametrize("text", ESCAPES)
def test_nothing_else_of_python_is_let_in(text):
    refused(text)


@pytest.mark.parametrize("text", ["document.ｃｌａｓｓ", "s.names", "left", "KeyError", "absent", "given_0.x", "n0.n1", "known", "error"])
def test_names_of_the_machinery_are_only_names(text, world):
    code = compile_code(text)
    world.names = {"given_0": {"x": 1}, "n0": {"n1": 1}, "s": {"names": 1}, **dict.fromkeys(("left", "KeyError", "absent", "known", "error"), 1)}
    assert code(world) == (None if "ｃ" in text else 1) if "document" not in text else True


@pytest.mark.parametrize(
    "text",
    [
        "(" * 51 + "x" + ")" * 51,
        "[" * 5000 + "]" * 5000,
        "not " * 51 + "x",
        "-" * 2 + " -" * 60 + "x",
        "- " * 4000 + "x",
        "+".join("x" * 200),
        "x" + ".y" * 200,
        "x" + "[0]" * 200,
        " if x else ".join("x" * 500),
        "lower(" * 100 + "x" + ")" * 100,
        "x < " * 4000 + "x " + "x",
        "x" * 10_001,
        "1 + " * 4000 + "1",
        '"a" + ' * 3000 + '"a"',
        "any(any(any(any(d for d in c) for c in b) for b in a) for a in x)",
    ],
    ids=lambda text: text[:12],
)
def test_depth_and_length_are_bounded(text):
    refused(text)


def test_long_text_between_quotes_is_no_long_expression():
    assert parse('text("' + "а" * 50_000 + '", x)').names == {"x": 50_009}
    refused('"' + "a" * 1_000_001 + '"')


def test_depth_within_the_bounds_is_fine():
    compile_code("(" * 50 + "x" + ")" * 50)
    compile_code("not " * 50 + "x")
    compile_code(" + ".join(["x"] * 90))
    compile_code(" or ".join(["x == 1"] * 800))


def test_literals_in_the_tree_are_exact():
    assert parse("0.10").tree.value == Decimal("0.10")  # type: ignore[attr-defined]
    assert str(parse("0.10").tree.value) == "0.10"  # type: ignore[attr-defined]


ALPHABET = "abxyи сlen(any)[].,+-*/%<>=!&|'\"\\ \n\u00a0«0123456789_ifelsenotandorinfortruenone$#{}:;@~^—\ud800\u0306"


def is_within(error: ExpressionError, text: str) -> bool:
    """Whether the error points into the text, and says something."""
    return 0 <= error.offset <= len(text) and error.length >= 1 and error.offset + error.length <= max(len(text), 1) and bool(str(error))


def error_of(text: str) -> ExpressionError | None:
    try:
        compile_code(text)
    except ExpressionError as error:
        return error
    return None


@given(st.one_of(st.text(max_size=60), st.text(ALPHABET, max_size=60)))
def test_any_text_is_an_expression_or_an_error_that_points_into_it(text):
    error = error_of(text)
    assert error is None or is_within(error, text)


# fmt: off
WORDS = st.sampled_from([
    "x", "document", ".", ".", "(", ")", "[", "]", ",", "+", "-", "*", "//", "==", "<", "and", "or", "not", "in", "if", "else", "for", "any", "len", "text",
    "none", "true", "1", "2.5", '"a"', "now", "date", "hours",
])
# fmt: on


@given(st.lists(WORDS, max_size=14).map(" ".join))
def test_any_words_are_an_expression_or_an_error_that_points_into_them(text):
    error = error_of(text)
    assert error is None or is_within(error, text)
