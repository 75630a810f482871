"""YAML text to a tree with places: what is read, what is found, and that no text whatever makes it fail."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bpflow.diagnostics import Severity, Span, render
from bpflow.source import LARGEST_FILE, Items, Source, Table, Text, read_file, read_source

PROCESS = """\
# первая строка — комментарий
bpflow: 1                       # version of the language
title: "Работа с \\"компаниями\\" ЖКХ"
note: 'it''s'
variables:
  attempts: {type: integer, default: 0, rate: 1.10}
steps:
  - id: ask
    title: Назначена ли встреча?
    when: document.status == "В обработке"
      and attempts < 3
    text: |
      Позвоните $(document.name).

        Срок: $(today()).
    due: 2 working days
  - {activity: end, result: готово ?, on: yes}
"""


def read(text: str | bytes) -> Source:
    return read_source(text, "f.yaml")


def at(source: Source, *path: str | int) -> Any:
    value: Any = source.tree
    for step in path:
        value = value[step]
    return value


def shown(source: Source, span: Span) -> str:
    """The text of the file at a place."""
    lines = source.text.splitlines(keepends=True)
    if span.line == span.end_line:
        return lines[span.line - 1][span.column - 1 : span.end_column - 1]
    between = "".join(lines[span.line : span.end_line - 1])
    return lines[span.line - 1][span.column - 1 :] + between + lines[span.end_line - 1][: span.end_column - 1]


def assert_inside(source: Source) -> None:
    lines = source.text.splitlines() or [""]
    for finding in source.findings:
        span = finding.span
        assert 1 <= span.line <= span.end_line <= len(lines), finding
        assert 1 <= span.column <= len(lines[span.line - 1]) + 1, finding
        assert (span.line, span.column) <= (span.end_line, span.end_column), finding
        assert finding.hint is None or str(finding.hint)
        render(finding, source.text)


# What is read


def test_a_process_is_read_without_findings() -> None:
    source = read(PROCESS)
    assert source.findings == []
    assert isinstance(source.tree, Table)
    assert at(source, "title") == 'Работа с "компаниями" ЖКХ'
    assert at(source, "note") == "it's"
    assert at(source, "steps", 0, "when") == 'document.status == "В обработке" and attempts < 3'
    assert at(source, "steps", 1) == {"activity": "end", "result": "готово ?", "on": "yes"}
    assert [comment.text.strip() for comment in source.comments] == ["первая строка — комментарий", "version of the language"]
    assert [str(comment.span) for comment in source.comments] == ["f.yaml:1:1", "f.yaml:2:33"]


@pytest.mark.parametrize(
    "word, value",
    [
        *[(word, None) for word in ("~", "null", "Null", "NULL")],
        *[(word, True) for word in ("true", "True", "TRUE")],
        *[(word, False) for word in ("false", "False", "FALSE")],
        *[(word, word) for word in ("on", "yes", "no", "off", "y", "n", "да", "tRUE", "nULL", "2026-12-31", "2026-03-02T10:00+03:00", "12:30:45", "1_000")],
        *[(word, word) for word in ("0b11", "1,5", "1.2.3", "--", ".", "+", "1e", "0x", "0o8", "2h", "=", "?x", "-x", ":x")],
        ("0", 0),
        ("-5", -5),
        ("0o17", 15),
        ("0x1F", 31),
        ("1.10", Decimal("1.10")),
        ("-.5", Decimal("-0.5")),
        ("5.", Decimal(5)),
        ("1e3", Decimal(1000)),
    ],
)
def test_plain_words_have_the_meaning_of_the_core_schema(word: str, value: object) -> None:
    source = read(f"a: {word}")
    assert source.findings == []
    assert at(source, "a") == value
    assert isinstance(at(source, "a"), Text if isinstance(value, str) else type(value))


def test_a_decimal_keeps_its_digits() -> None:
    assert str(at(read("a: 1.10"), "a")) == "1.10"


def test_keys_are_text_as_written() -> None:
    source = read("2026: a\n1.10: b\ntrue: c\n007: d\n'null': e")
    assert source.findings == []
    assert at(source) == {"2026": "a", "1.10": "b", "true": "c", "007": "d", "null": "e"}
    assert all(isinstance(key, Text) for key in at(source))


@pytest.mark.parametrize(
    "text, value",
    [
        ("{title: Назначена ли встреча?}", {"title": "Назначена ли встреча?"}),
        ("{when: x ?, b: c}", {"when": "x ?", "b": "c"}),
        ("{a: ?x, b: '?y', c: 'a ?z'}", {"a": "?x", "b": "?y", "c": "a ?z"}),
        ("[?x, a?b, a:?b]", ["?x", "a?b", "a:?b"]),
        ("- ?a\n- b ?c\n- |\n  ?d", ["?a", "b ?c", "?d"]),
        ("[http://a.b/c?d=e#f, 12:30]", ["http://a.b/c?d=e#f", "12:30"]),
        ('{"a":1}', {"a": 1}),
    ],
)
def test_signs_in_braces_are_read_as_yaml_1_2_reads_them(text: str, value: object) -> None:
    source = read(text)
    assert (source.tree, source.findings) == (value, [])


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    for data in ("\ufeffа: б", "\ufeffа: б".encode()):
        source = read(data)
        assert (source.tree, source.text, source.findings) == ({"а": "б"}, "а: б", [])
        assert str(at(source, "а").span) == "f.yaml:1:4"


# Places


def test_every_value_knows_its_place() -> None:
    source = read(PROCESS)
    assert isinstance(at(source, "steps"), Items)
    steps: Any = at(source, "steps")
    assert shown(source, steps[0].key_spans["due"]) == "due"
    assert shown(source, steps[0].value_spans["due"]) == "2 working days"
    assert shown(source, at(source, "title").span) == '"Работа с \\"компаниями\\" ЖКХ"'
    assert shown(source, steps[0]["when"].span) == 'document.status == "В обработке"\n      and attempts < 3'
    assert shown(source, steps.spans[1]) == "{activity: end, result: готово ?, on: yes}"
    assert shown(source, steps.spans[0]).startswith("id: ask")
    assert shown(source, steps.spans[0]).endswith("2 working days")
    assert shown(source, steps[0]["text"].span).endswith("Срок: $(today()).")
    assert steps.span.end_line == 17


def test_span_at_leads_to_values_keys_and_the_nearest_place() -> None:
    source = read(PROCESS)
    assert shown(source, source.span_at(("variables", "attempts", "default"))) == "0"
    assert shown(source, source.span_at(("variables", "attempts", "default"), key=True)) == "default"
    assert shown(source, source.span_at(("steps", 1, "result"))) == "готово ?"
    assert source.span_at(("steps", 1, "nothing", "more"), key=True) == source.span_at(("steps", 1))
    assert source.span_at(("steps", 7)) == source.span_at(("steps",))
    assert source.span_at(("bpflow", "x")) == Span("f.yaml", 2, 9, 2, 10)
    assert str(source.span_at(())) == "f.yaml:2:1"
    assert str(read("5").span_at(("a",))) == "f.yaml:1:1"


@pytest.mark.parametrize(
    "text, words, inner",
    [
        ("a: document.статус == 5", ["статус", "5"], True),
        ("a: 'document.статус == 5'", ["статус", "5"], True),
        ('{a: "document.статус == 5"}', ["статус", "5"], True),
        ("a: 'it''s 5'", ["s", "5"], False),
        ('a: "x\\"\\u0041 y"', ["x", "y"], False),
        ("a: x ==\n  y and\n\n  z", ["x", "y", "z"], False),
        ('a: "x ==\r\n   y \\\n  z"', ["x", "y", "z"], False),
        ("a: |\n  x\n\n    y\n  z", ["x", "y", "z"], False),
        ("a:\n  - |-\r\n    x\r\n    y\r\n", ["x", "y"], False),
    ],
)
def test_a_text_tells_where_its_characters_stand(text: str, words: list[str], inner: bool) -> None:
    source = read(text)
    value: Any = at(source, "a")
    value = value[0] if isinstance(value, list) else value
    assert value.inner is inner
    for word in words:
        assert shown(source, value.at(value.index(word), len(word))) == word
    assert value.at(len(value) + 5, 3).line <= value.span.end_line


def test_a_text_without_exact_places_points_at_the_whole() -> None:
    folded = at(read("a: >\n  x\n  y"), "a")
    assert folded.at(2) == folded.span
    assert Text("x").at(0) == Text("x").span
    assert shown(read("a: |2\n    x"), at(read("a: |2\n    x"), "a").at(2)) == "|2\n    x"


# Findings: text, rule, place, a part of the message, a part of the remedy

FOUND = [
    # the text does not end as YAML
    ("text: Внимание: встреча", "yaml-syntax", "1:15", "a colon with a blank", '"Внимание: встреча"'),
    ('a: "x": y', "yaml-syntax", "1:7", "a colon with a blank", "'\"x\": y'"),
    ("a: b:\n  c: d", "yaml-syntax", "1:4", "a second key", "line of its own"),
    ("a: @x", "yaml-syntax", "1:4", 'begin with "@"', '"@x"'),
    ("a: `x`", "yaml-syntax", "1:4", 'begin with "`"', '"`x`"'),
    ("a: %x", "yaml-syntax", "1:4", 'begin with "%"', '"%x"'),
    ("a: *важно*", "yaml-syntax", "1:4", 'begin with "*"', '"*важно*"'),
    ("a: &nbsp; x", "yaml-syntax", "1:4", 'begin with "&"', '"&nbsp; x"'),
    ("a: >= 5", "yaml-syntax", "1:4", 'begin with ">"', '">= 5"'),
    ("a: | x", "yaml-syntax", "1:4", 'begin with "|"', "next line"),
    ("{a: ?, b: c}", "yaml-syntax", "1:5", 'not "?"', "quotes"),
    ("a: - b", "yaml-syntax", "1:4", "a list cannot begin", "line of its own"),
    ("a: [b, c\nd: e", "yaml-syntax", "1:4", '"[" is never closed', '"]"'),
    ("a: {b: c, d: {e: f}", "yaml-syntax", "1:4", '"{" is never closed', '"}"'),
    ("{", "yaml-syntax", "1:1", "closed", '"}"'),
    ("{\n  a: b\n  c: d\n}", "yaml-syntax", "3:4", "a comma is missing", "comma"),
    ('a: "b\nc: d', "yaml-syntax", "1:4", "never closed", "close the quote"),
    ('a: "b\nc: "d"', "yaml-syntax", "1:4", "closed only on line 2", "close the quote"),
    ('when: "a" == x', "yaml-syntax", "1:11", "after its closing quote", "'\"a\" == x'"),
    ("a: 'it's'", "yaml-syntax", "1:7", "apostrophe", "twice"),
    ('a: "b\\c"', "yaml-syntax", "1:6", "\\c", "backslash twice"),
    ('a: "b\\xZZ"', "yaml-syntax", "1:6", "\\x", "backslash twice"),
    ("a: {b: c}}", "yaml-syntax", "1:10", "after its closing bracket", "quotes"),
    ("a: [b] c", "yaml-syntax", "1:8", "after its closing bracket", "quotes"),
    ("a: ]", "yaml-syntax", "1:4", 'not "]"', "quotes"),
    ("title:Abc\nb: c", "yaml-syntax", "1:1", "no blank after the colon", '"title: Abc"'),
    ("a: b\ntitle:Abc\nc: d", "yaml-syntax", "2:1", "no blank after the colon", '"title: Abc"'),
    ("a: b\nfoo bar\nc: d", "yaml-syntax", "2:1", "neither", "colon"),
    ("- foo\n  b: c", "yaml-syntax", "1:3", "neither", "colon"),
    ("a: b\n  c: d", "yaml-syntax", "2:3", "continued the value on line 1", "key"),
    ("a:\n  - b\n - c", "yaml-syntax", "3:2", "indentation of this line, 1,", "spaces"),
    ("  a: b\n c: d", "yaml-syntax", "2:2", "indentation", "spaces"),
    ("a:\n  - b\n  c: d", "yaml-syntax", "3:3", 'without "- "', '"- "'),
    ("a: b\n- c", "yaml-syntax", "2:1", "stands among keys", "indent"),
    ("a: 1\nb: !срочно x", "tag", "2:4", 'begin with "!"', '"!срочно x"'),
    ("a: |\n  b\n \xa0 c: d\ne: f", "no-break-space", "3:2", "U+00A0", "ordinary space"),
    ("a:\n  b: c\n \xa0d: e\n  f: g", "no-break-space", "3:2", "U+00A0", "ordinary space"),
    ("{text: Hello [world], all}", "torn-value", "1:8", '"all"', '"Hello [world], all"'),
    ("{: c}", "key-not-text", "1:2", "a key is missing", "name"),
    ("a: b\n: c", "key-not-text", "2:1", "a key is missing", "name"),
    ("a: ? b", "yaml-syntax", "1:4", 'begin with "?"', "quotes"),
    ("a: |0\n  b", "yaml-syntax", "1:4", 'begin with "|"', "quotes"),
    ("%YAML 2.0\n---\na: b", "tag", "1:1", "begins with %", "quotes"),
    ("a: [b]: c", "yaml-syntax", "1:7", "after its closing bracket", "quotes"),
    ("a: x:y z\nb: c\n- d", "yaml-syntax", "3:1", "stands among keys", "indent"),
    ('{a: b, c: "d" e}', "torn-value", "1:11", "after its closing quote", "'\"d\" e'"),
    ("a: !<x", "tag", "1:4", 'begin with "!"', "quotes"),
    # tabs and characters
    ("a:\n\tb: c", "tab", "2:1", "beginning of the line", "spaces"),
    ("a:\tb", "tab", "1:3", "a tab here", "space"),
    ("a: b\tc", "tab", "1:5", "a tab here", "space"),
    ("a: b\xa0c", "no-break-space", "1:5", "no-break space here, U+00A0", "ordinary space"),
    ("a: b\u202fc", "no-break-space", "1:5", "narrow", "quotes"),
    ("a: b\u200bc", "no-break-space", "1:5", "U+200B", "delete"),
    ("a: b\ufeffc", "no-break-space", "1:5", "U+FEFF", "delete"),
    ("a: b\n\xa0\xa0c: d", "no-break-space", "2:1", "U+00A0", "ordinary space"),
    ("a: b\x07c", "control-character", "1:5", "U+0007", "delete"),
    ("a: b\ud800c", "control-character", "1:5", "U+D800", "delete"),
    ('a: "b\u2028c"', "control-character", "1:6", "U+2028", "Enter"),
    ("a: b\ufffdc", "encoding", "1:5", "lost", "again"),
    # what the language has not
    ("a: &x b", "alias", "1:4", '"&x"', "remove"),
    ("a: *x", "alias", "1:4", '"*x"', "write the value"),
    ("<<: *x", "alias", "1:1", "merges", "keys"),
    ("<<: {a: b}", "alias", "1:1", "merges", "keys"),
    ("a: !!python/object/apply:os.system [x]", "tag", "1:4", "!!python", "remove"),
    ("a: != 5", "tag", "1:4", '"!="', "quotes"),
    ("%YAML 1.1\n---\na: b", "tag", "1:1", "%", "remove"),
    ("a: b\n---\nc: d", "multiple-documents", "2:1", "second document", '"---"'),
    # values that are not what they seem
    ("a: 1\nb: 2\na: 3", "duplicate-key", "3:1", "on line 1", "keep one"),
    ("1: a\n'1': b", "duplicate-key", "2:1", '"1"', "keep one"),
    ("a:\nb: c", "empty-value", "1:1", '"a" has no value', "remove"),
    ("{a: , b: c}", "empty-value", "1:2", '"a" has no value', "remove"),
    ("a:\n  -\n  - b", "empty-value", "2:4", "empty item", "dash"),
    ("a: #fff", "empty-value", "1:1", '"a" has no value', '"#fff"'),
    ("a: ~\n~: b", "key-not-text", "2:1", '"~"', "name"),
    ("{a: b}: c", "key-not-text", "1:1", "a key must be a name", "name"),
    ("a: {{ x }}", "key-not-text", "1:5", "a key must be a name", "$("),
    ("a: .inf", "number", "1:4", '".inf"', "quotes"),
    ("a: 1e999999999", "number", "1:4", "too great", "quotes"),
    ("a: " + "9" * 5000, "number", "1:4", "too long", "quotes"),
    ("a: 007", "number", "1:4", "the number 7", '"007"'),
    ("a: +79991234567", "number", "1:4", "79991234567", '"+79991234567"'),
    ("a: b#c", "hash-glued", "1:5", "stands close", "blank before"),
    ("a: b# c", "hash-glued", "1:5", "stands close", "blank before"),
    ("a: {b: c}#d", "hash-glued", "1:10", "stands close", "blank before"),
    ("a: Заявка #5", "hash-cut", "1:11", 'only "Заявка"', "quotes"),
    ('a: x == "б #5"', "hash-cut", "1:12", "only", "'x == \"б #5\"'"),
    ("titlе: x", "lookalike", "1:5", 'letter 5 is the Cyrillic "е"', "title"),
    ("Cтатус: x", "lookalike", "1:1", 'letter 1 is the Latin "C"', "Статус"),
    # torn apart
    ("{text: Hello, world, all, b: c}", "torn-value", "1:8", '"world, all"', '"Hello, world, all"'),
    ("{to: f(x, y), b: c}", "torn-value", "1:6", '"y)"', '"f(x, y)"'),
    ("[f(x, y), b]", "torn-value", "1:2", '"f(x, y)"', '"f(x, y)"'),
    ('{to: [with_role("x", "y")], b: c}', "torn-value", "1:7", "after its closing quote", '\'with_role("x", "y")\''),
    ("{when: x in [a, b], c: d}", "torn-value", "1:8", '"["', '"x in [a, b]"'),
    ("{text: Внимание: x, b: c}", "torn-value", "1:8", '":"', '"Внимание: x"'),
    ("{id:foo, b: c}", "torn-value", "1:2", "no blank", '"id: foo"'),
    ("{a, b: c}", "torn-value", "1:2", '"a" has no value', '"a: value"'),
    ("", "empty-file", "1:1", "empty", "write"),
    ("# только слова\n", "empty-file", "1:1", "empty", "write"),
]


@pytest.mark.parametrize("text, rule, place, message, remedy", FOUND, ids=[repr(case[0][:30]) for case in FOUND])
def test_a_trap_is_one_finding_with_place_and_remedy(text: str, rule: str, place: str, message: str, remedy: str) -> None:
    source = read(text)
    assert [(finding.rule, str(finding.span)) for finding in source.findings] == [(rule, f"f.yaml:{place}")]
    finding = source.findings[0]
    assert message in str(finding.message)
    assert remedy in str(finding.hint)
    assert_inside(source)


QUIET = [
    'a: C# и F#\nb: https://x.y/#z\nc: x # note\nd: x == "№#5"\n#end',
    "a: 'x #5'\nb: |\n  # x\ty\xa0z\nc: \"x\ty\xa0z\u200b\"\n# x\ty\xa0z",
    "a: b\t\nc: d\t# aligned",
    "ИНН_id: a\nemail_клиента: b\nто: c\nCRM-номер: d",
    "a: ''\nb: {}\nc: []\nd: null",
    "---\na: b\n...\n",
    'a: b,c d[1] {x} it\'s "quoted"\nb: (x',
    "[f(a), g((b)), ':)']",
]


@pytest.mark.parametrize("text", QUIET)
def test_what_is_well_written_is_not_reported(text: str) -> None:
    source = read(text)
    assert source.findings == []
    assert source.tree is not None


def test_one_wrong_sign_does_not_hide_what_follows() -> None:
    source = read('a: Внимание: x\nb: \'it\'s\'\nc: {when: x in [a, b], text: Hello, world}\nd: "a" == b\nd: @x\ne: {to: [f("x", "y")]}\nf:\tg\n')
    assert [(finding.rule, finding.span.line) for finding in source.findings] == [
        ("yaml-syntax", 1),
        ("yaml-syntax", 2),
        ("torn-value", 3),
        ("torn-value", 3),
        ("yaml-syntax", 4),
        ("duplicate-key", 5),
        ("yaml-syntax", 5),
        ("torn-value", 6),
        ("tab", 7),
    ]
    assert source.tree == {
        "a": "Внимание: x",
        "b": "'it's'",
        "c": {"when": "x in [a, b]", "text": "Hello, world"},
        "d": '"a" == b',
        "e": {"to": ['f("x", "y")']},
        "f": "g",
    }


def test_a_file_that_cannot_be_read_to_its_end_has_no_tree_and_keeps_what_was_found() -> None:
    source = read("a:\nb: c\nb: d\ne: [f\n\tg: h\nx: y")
    assert source.tree is None
    assert source.broken
    assert {finding.rule for finding in source.findings} >= {"empty-value", "duplicate-key"}
    assert not read("null").broken


def test_a_guess_about_comments_and_numbers_is_a_warning_only() -> None:
    for text in ("a: b#c", "a: b #5", "a: 007"):
        assert [finding.severity for finding in read(text).findings] == [Severity.WARNING]
    assert read('a: "x" == "y #5"').findings[0].severity is Severity.ERROR


# Encodings and files

CYRILLIC = "ключ: Работа с компаниями\n"


@pytest.mark.parametrize(
    "encoding, name",
    [
        ("cp1251", "Windows-1251"),
        ("koi8-r", "KOI8-R"),
        ("cp866", "CP866"),
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16"),
        ("utf-16-be", "UTF-16"),
        ("utf-32", "UTF-32"),
    ],
)
def test_a_foreign_encoding_is_named(encoding: str, name: str) -> None:
    source = read(("a: b\n" + CYRILLIC).encode(encoding))
    assert [finding.rule for finding in source.findings] == ["encoding"]
    assert name in str(source.findings[0].message)
    assert "UTF-8" in str(source.findings[0].hint)
    assert source.text == "a: b\n" + CYRILLIC
    assert source.tree is None
    assert_inside(source)


def test_the_place_of_a_foreign_byte() -> None:
    source = read(b"a: b\nc: d\xe4\xe0e\n" + b"# plain\n" * 5)
    assert str(source.findings[0].span) == "f.yaml:2:5"
    damaged = read("ключ: Работа с комп".encode() + b"\xff" + "аниями\n".encode())
    assert "0xFF" in str(damaged.findings[0].message)
    assert str(damaged.findings[0].span) == "f.yaml:1:20"
    assert "UTF-8" in str(read(b"\xff\xfe\xff").findings[0].message)


def test_a_file_is_read_or_refused_with_a_finding(tmp_path: Path) -> None:
    good = tmp_path / "x.yaml"
    good.write_text("а: б\n", encoding="utf-8")
    assert read_file(good, "x.yaml").tree == {"а": "б"}
    assert [f.rule for f in read_file(tmp_path / "no.yaml", "no.yaml").findings] == ["file-missing"]
    assert [f.rule for f in read_file(tmp_path, "dir").findings] == ["file-unreadable"]
    assert [f.rule for f in read_file(Path("/dev/zero"), "zero").findings] == ["file-unreadable"]
    assert next(f.rule for f in read_file(tmp_path / ("x" * 5000), "x").findings).startswith("file-")
    assert next(f.rule for f in read_file(tmp_path / "a\0b", "x").findings).startswith("file-")
    large = tmp_path / "large.yaml"
    with large.open("wb") as file:
        file.truncate(LARGEST_FILE + 1)
    refused = read_file(large, "large.yaml")
    assert [(f.rule, str(f.span)) for f in refused.findings] == [("too-large", "large.yaml:1:1")]
    assert refused.tree is None
