"""Every rule is shown in cases that people could have written: at least three golden pairs each, so that its words are read in more than one place."""

import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

from bpflow.checks import RULES

ERR = Path(__file__).parent.parent / "cases" / "err"
NOT_SHOWN = {"file-missing", "file-unreadable", "too-large", "too-many"}
"""What no small file in a folder can show."""
LEAST = 3


@cache
def shown() -> dict[str, set[str]]:
    """The cases in which each rule is found."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in ERR.glob("*.out"):
        for rule in re.findall(r"\[([a-z]+(?:-[a-z]+)*)\]$", path.read_text(encoding="utf-8"), re.MULTILINE):
            found[rule].add(path.stem)
    return found


@pytest.mark.parametrize("rule", sorted(RULES.keys() - NOT_SHOWN))
def test_every_rule_has_three_golden_pairs(rule: str) -> None:
    assert len(shown()[rule]) >= LEAST, "add a mistake that an analyst could make to tests/cases/err, then `make update`"


def test_what_is_not_shown_is_a_rule_and_has_no_case() -> None:
    assert RULES.keys() >= NOT_SHOWN
    assert NOT_SHOWN.isdisjoint(shown())


def test_there_are_two_hundred_pairs_and_some_are_in_russian() -> None:
    golden = list(ERR.glob("*.out"))
    assert len(golden) >= 200
    assert sum(bool(re.search("[а-яё]", path.read_text(encoding="utf-8"))) for path in golden) > 50
