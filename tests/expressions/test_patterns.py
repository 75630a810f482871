"""Which regular expressions a field may have, and that those are matched in bounded time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpflow.expressions.patterns import UnsafePattern, check_pattern, matches


@pytest.mark.parametrize(
    "pattern, good, bad",
    [
        (r"\d{10}|\d{12}", "1234567890", "12345"),
        (r"(\+7|8)?\d{10}", "+79991234567", "+7"),
        (r"(\d{3} ){2}\d", "123 456 7", "123 7"),
        (r"[^@\s]+@[^@\s]+\.[a-z]{2,}", "a@b.ru", "a@b"),
        (r"[А-ЯЁ][а-яё-]+", "Иванов", "иванов"),
        (r"[^\]\n]*", "ab", "a]"),
        (r"a\(b\)\?", "a(b)?", "ab"),
        (r"(?:ab)+c*?", "ababcc", "ba"),
        ("", "", "a"),
    ],
)
def test_useful_patterns_are_allowed(pattern, good, bad):
    check_pattern(pattern)
    assert matches(pattern, good)
    assert not matches(pattern, bad)
    assert not matches(pattern, good + "\n")


@pytest.mark.parametrize(
    "pattern, reason",
    [
        ("(a+)+", "a part that repeats"),
        ("(a*)*b", "a part that repeats"),
        ("((a+)b)*", "a part that repeats"),
        ("(a|a)*", "a part that repeats"),
        ("(a?){50}", "a part that repeats"),
        ("(a{1,9}){9}", "a part that repeats"),
        ("((){999}){999}", "a part that repeats"),
        ("(?:a+){2}", "a part that repeats"),
        ("a?" * 30 + "a" * 30, "left open"),
        ("(a|a)" * 40, "left open"),
        (".*" * 5, "left open"),
        ("a{10000}", "too often"),
        ("a++", "not allowed"),
        ("(?=a)", '"(?"'),
        ("(?i)a", '"(?"'),
        ("(?P<n>a)", '"(?"'),
        (r"(a)\1", "found before"),
        ("[[a]", "ambiguous"),
        ("[a--b]", "ambiguous"),
        ("(", "not a regular expression"),
        ("*", "not a regular expression"),
        ("[b-a]", "not a regular expression"),
        ("a" * 501, "too long"),
    ],
)
def test_patterns_that_might_take_for_ever_are_refused(pattern, reason):
    with pytest.raises(UnsafePattern) as caught:
        check_pattern(pattern)
    assert reason in str(caught.value)


def test_long_text_is_not_matched():
    assert matches("a*", "a" * 200)
    assert not matches("a*", "a" * 201)


@given(st.text(max_size=30) | st.text("ab()[]{}0123,*+?|\\^$.-", max_size=20), st.text("ab0", max_size=30))
def test_any_text_is_a_pattern_or_is_refused(pattern, text):
    try:
        check_pattern(pattern)
    except UnsafePattern:
        return
    matches(pattern, text)
