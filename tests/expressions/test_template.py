"""Templates: where expressions begin and end, and what they become; values written as expressions."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpflow.expressions import Duration, ExpressionError, File, User, compile_code, literal, parse_template, quoted, split_template, template_expression
from tests.expressions.conftest import World


def test_a_template_is_split_with_offsets():
    assert split_template("Позвоните $(document.name), $( x ).") == ["Позвоните ", ("document.name", 12), ", ", (" x ", 30), "."]
    assert split_template("") == []
    assert split_template("$$(x) $5 ($)") == ["$(x) $5 ($)"]
    assert split_template('$(join(list(x), ")("))!') == [('join(list(x), ")("))'[:-1], 2), "!"]
    assert split_template("$(x)$(y)") == [("x", 2), ("y", 6)]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("Позвоните $(document.name).", 'text("Позвоните ", document.name, ".")'),
        ("$(x)", "x"),
        ("$( x + 1 )", "x + 1"),
        ("plain", '"plain"'),
        ("", '""'),
        ('a "b" \\ \n $$(c)', '"a \\"b\\" \\\\ \\n $(c)"'),
        ("$$(x) $(y)", 'text("$(x) ", y)'),
    ],
)
def test_a_template_is_an_expression(text, expected):
    assert template_expression(text) == expected
    assert parse_template(text).expression == expected


@pytest.mark.parametrize(
    "text, message, place",
    [
        ("Привет $(document.сlient)", "is Cyrillic", "с"),
        ("Привет $(", "is not closed", "$("),
        ("Привет $(x", "is not closed", "$("),
        ("Привет $(lower(x)", "is not closed", "$("),
        ("Привет $()", "no expression", "$()"),
        ("Привет $(  )!", "no expression", "$(  )"),
        ('Привет $("x)', "quote is not closed", '"'),
        ("ok $(x) $(x = 1)", '"=" is not', "="),
        ("$(foo(x))", 'no function "foo"', "foo"),
    ],
)
def test_errors_point_into_the_template(text, message, place):
    with pytest.raises(ExpressionError, match=message if "(" not in message else None) as caught:
        template_expression(text)
    error = caught.value
    assert text[error.offset : error.offset + error.length] == place


def test_pieces_that_are_too_much_together_are_refused():
    template_expression("a" * 300_000)
    with pytest.raises(ExpressionError, match="too long"):
        template_expression("$(x + x) " * 2000)
    with pytest.raises(ExpressionError, match="nested too deeply"):
        template_expression("a $(" + "(" * 50 + "x" + ")" * 50 + ")")


@given(st.text(max_size=80) | st.text("$()\"' \\ax\n", max_size=40))
def test_any_text_is_a_template_or_an_error_in_it(text):
    try:
        made = template_expression(text)
    except ExpressionError as error:
        end = error.offset + error.length
    else:
        compile_code(made)
        end = 0
    assert end <= max(1, len(text))


@given(st.text())
def test_a_quoted_text_is_itself(text):
    assert compile_code(quoted(text))(World()) == text


TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
INSTANTS = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))
WRITTEN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.decimals(-(10**12), 10**12, places=4),
    TEXTS,
    st.dates(),
    INSTANTS,
    st.builds(Duration, days=st.integers(0, 1000), working_days=st.integers(0, 50)),
    TEXTS.map(str.strip).filter(bool).map(User),
)


@given(WRITTEN | st.lists(WRITTEN, max_size=3))
def test_a_value_written_as_an_expression_is_itself(value):
    made = compile_code(literal(value))(World())
    assert made == value
    assert type(made) is type(value)


def test_not_every_value_can_be_written():
    assert literal(Decimal("5")) == "5.0"
    assert literal([date(2026, 1, 2), None]) == '[date("2026-01-02"), none]'
    with pytest.raises(ExpressionError, match="cannot be written"):
        literal(File("a", "b"))
