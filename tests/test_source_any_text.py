"""No text whatever makes reading fail, and none makes it slow."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpflow.diagnostics import render
from bpflow.source import Items, Source, Table, Text, read_source

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


def assert_inside(source: Source) -> None:
    lines = source.text.splitlines() or [""]
    for finding in source.findings:
        span = finding.span
        assert 1 <= span.line <= span.end_line <= len(lines), finding
        assert 1 <= span.column <= len(lines[span.line - 1]) + 1, finding
        assert (span.line, span.column) <= (span.end_line, span.end_column), finding
        assert finding.hint is None or str(finding.hint)
        render(finding, source.text)


# Files that mean harm

BOMBS = {
    "brackets": ("[" * 100_000, "too-deep"),
    "braces": ("{" * 100_000, "too-deep"),
    "tables": ("{a: " * 100_000, "too-deep"),
    "dashes": ("- " * 100_000, "too-deep"),
    "questions": ("? " * 100_000, "too-deep"),
    "laughs": ("a: &a [x]\n" + "".join(f"b{i}: &b{i} [*a, *a, *a, *a, *a]\n" for i in range(1000)), "alias"),
    "values": ("[" + "a," * 300_000 + "]", "too-many"),
    "keys": ("{" + "a," * 300_000 + "}", "too-many"),
    "lines": ("\n" * 300_000, "too-many"),
    "calls": ("[" + "(," * 60_000 + "]", ""),
    "tabs": ("a: b" + "\tc" * 300_000, "tab"),
    "torn": ("{a: b" + "".join(f", c{i}" for i in range(50_000)) + "}", "torn-value"),
    "tries": ("".join(f"k{i}: @x\n" for i in range(50_000)), "yaml-syntax"),
    "large": ("a: '" + "x " * 4_999_990 + "'", ""),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_costs_little(name: str) -> None:
    text, rule = BOMBS[name]
    start = time.process_time()
    source = read(text)
    assert time.process_time() - start < 5
    assert not rule or rule in [finding.rule for finding in source.findings]
    assert len(source.findings) <= 205


def test_findings_beyond_a_hundred_of_a_rule_are_said_to_be_there() -> None:
    findings = read("".join("a: 1\n" for _ in range(300))).findings
    assert len(findings) == 101
    assert "more of the same" in str(findings[-1].message)


def test_a_thousand_steps_are_read_at_once() -> None:
    step = '  - {{id: s{}, activity: notify, to: manager, title: "Через два часа встреча: $(document.name)"}}\n'
    text = "bpflow: 1\nsteps:\n" + "".join(step.format(i) for i in range(1000))
    read(text)
    taken = []
    for _ in range(3):  # of which one may meet the collector of cycles at work
        start = time.process_time()
        source = read(text)
        taken.append(time.process_time() - start)
        assert source.findings == []
    assert min(taken) < 0.5  # 0.05 s on a quiet machine


# Any text at all

PIECES = st.sampled_from(
    [
        *"\t\n\r#:,?!&*|>@%`'\"[]{}()-~$\\ еx0.",
        "\xa0",
        "\ufeff",
        "\u2028",
        "\x85",
        "\x00",
        "\ufffd",
        "<<: ",
        "- ",
        "? ",
        ": ",
        "---\n",
        "...\n",
        "!!x ",
        "&a ",
        "*a",
        " #",
        "\r\n",
        "{{",
        "|2\n",
    ]
)


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_no_bytes_make_it_fail(data: bytes) -> None:
    assert_inside(read(data))


@given(st.lists(PIECES | st.characters(), max_size=80).map("".join))
@settings(max_examples=700, deadline=None)
def test_no_text_makes_it_fail(text: str) -> None:
    assert_inside(read(text))


@given(st.lists(st.tuples(st.integers(0, len(PROCESS)), st.integers(0, 6), PIECES), min_size=1, max_size=6))
@settings(max_examples=700, deadline=None)
def test_no_change_of_a_process_makes_it_fail(changes: list[tuple[int, int, str]]) -> None:
    text = PROCESS
    for offset, removed, piece in changes:
        text = text[:offset] + piece + text[offset + removed :]
    source = read(text)
    assert_inside(source)
    assert source.tree is not None or source.findings
    for value in texts(source.tree):
        for offset in range(len(value) + 1):
            place = value.at(offset)
            assert (value.span.line, value.span.column) <= (place.line, place.column) <= (value.span.end_line, value.span.end_column)
            if place != value.span and value[offset : offset + 1].strip() and value.style not in ("double", "folded"):
                assert source.text.splitlines()[place.line - 1][place.column - 1] == value[offset]


def texts(tree: object) -> list[Text]:
    if isinstance(tree, Text):
        return [tree]
    inside = [*tree, *tree.values()] if isinstance(tree, Table) else tree if isinstance(tree, Items) else []
    return [text for value in inside for text in texts(value)]
