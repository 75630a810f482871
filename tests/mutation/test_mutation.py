"""A mistake of each kind is made, and most are found. All of them: `make mutants`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mutation.editing import typo
from tests.mutation.judging import Court, Mutant
from tests.mutation.kinds import KINDS
from tests.mutation.report import LIBRARY, OTHERS, counts, places, silent, table

LEAST_FOUND = 0.9
"""The least share of the mistakes that the definition shows which the checker must find, in the sample of this test."""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Court:
    return Court(LIBRARY, tmp_path_factory.mktemp("library"))


@pytest.fixture(scope="module")
def sample(library: Court) -> list[Mutant]:
    """One mutant of each kind that the definition shows."""
    shown = [kind for kind in KINDS.values() if not kind.other]
    return [library.judge(kind, original, change) for kind in shown for original, change in places(library, kind, 1)]


def test_there_are_many_kinds_and_each_has_a_place(library: Court, tmp_path: Path):
    others = Court(OTHERS, tmp_path)
    assert len(KINDS) > 100
    assert all(kind.says for kind in KINDS.values())
    known = [*library.originals, *others.originals]
    for kind in KINDS.values():
        change = next((found for original in known for found in kind.make(original) if found.text != original.source.text), None)
        assert change is not None, kind.name
        assert change.what


def test_most_mistakes_are_found(sample: list[Mutant]):
    counting = [mutant for mutant in sample if mutant.apart]
    found = sum(mutant.found for mutant in counting)
    assert len(counting) > 40
    assert found >= LEAST_FOUND * len(counting), "\n".join(silent(sample))


def test_what_slips_past_the_checker_fails_a_scenario(sample: list[Mutant]):
    slips = [mutant for mutant in sample if mutant.apart and not mutant.found]
    assert sum(mutant.failed for mutant in slips) >= 0.5 * len(slips), "\n".join(silent(sample))


def test_what_does_the_same_does_not_count(library: Court):
    """A step that is called otherwise everywhere, and a text that is written otherwise, change nothing that anybody sees."""
    original = next(one for one in library.originals if one.name == "approval-route")
    again = original.replaced(original.tree.value_spans["title"], f'"{original.tree["title"]}"', "quotes")
    assert not library.judge(KINDS["misspelt key"], original, again).apart


def test_the_report_counts(sample: list[Mutant]):
    found = counts(sample)
    assert sum(one.places for one in found.values()) == len(sample)
    lines: Iterator[str] = table(sample)
    assert any(line.startswith(f"  together: {len(found)} kinds") for line in lines)


@pytest.mark.parametrize("word, slip", [("manager", "maanger"), ("x", "xx"), ("", ""), ("aab", "aba")])
def test_a_slip_of_the_finger(word: str, slip: str):
    assert typo(word) == slip
