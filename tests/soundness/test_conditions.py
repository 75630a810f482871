"""What conditions say about each other: no run is told that data forbid, and one of which that cannot be told is a warning."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bpflow.diagnostics import Severity
from bpflow.loading import load_text
from bpflow.values import DocumentType, Field

DEAL = DocumentType("deal", "Deal", (("amount", Field("integer")), ("kind", Field("choice", choices=(("old", "Old"), ("new", "New"))))))

TWO = """\
bpflow: 1
id: p
document: deal
inputs:
  urgent: {{type: boolean, required: true}}
  other: {{type: boolean, required: true}}
  kind: {{type: choice, choices: [x, y], required: true}}
  size: {{type: integer, required: true}}
variables:
  seen: {{type: boolean, default: false}}
steps:
  - {{id: begin, activity: notify, to: initiator, text: We begin, next: [a, b]}}
  - {{id: a, activity: {first}, next: if_a}}
  - {{id: if_a, activity: condition, branches: [{{when: {left}, next: both}}], otherwise: {{next: tell}}}}
  - {{id: b, activity: {first}, next: if_b}}
  - {{id: if_b, activity: condition, branches: [{{when: {right}, next: both}}], otherwise: {{next: tell}}}}
  - {{id: both, activity: join, next: gathered}}
  - {{id: tell, activity: notify, to: initiator, text: Not so, next: go-on}} # bpflow: off done-twice — each way tells of itself
  - {{id: gathered, activity: notify, to: initiator, text: Gathered}}
"""
"""Two ways of a split, of which each comes to the join if its condition is true."""
ASK, AT_ONCE = "request-info, to: initiator", "notify, to: initiator, text: A step"


def found(text: str) -> list[tuple[str, Severity]]:
    loaded = load_text(text, "p.yaml", {"deal": DEAL})
    return [(finding.rule, finding.severity) for finding in loaded.findings if finding.rule not in ("done-twice", "idle-comment", "no-deadline")]


def joins(left: str, right: str, first: str = ASK) -> Sequence[tuple[str, Severity]]:
    return [one for one in found(TWO.format(left=left, right=right, first=first)) if one[0] in ("waits-for-ever", "surplus-token")]


SURE, PERHAPS = [("waits-for-ever", Severity.ERROR)], [("waits-for-ever", Severity.WARNING)]


@pytest.mark.parametrize(
    "left, right",
    [
        ("urgent", "urgent"),
        ("urgent", "urgent == true"),
        ("not urgent", "urgent == false"),
        ('kind == "x"', 'kind in ["x"]'),
        ('kind == "x"', 'kind != "y"'),
        ("size > 5", "size > 5"),
        ("size > 5 and urgent", "size > 5 and urgent"),
    ],
)
def test_the_same_condition_comes_to_the_same(left: str, right: str):
    assert joins(left, right) == []


@pytest.mark.parametrize("left, right", [("urgent", "other"), ("urgent", "not urgent"), ('kind == "x"', 'kind == "y"'), ("size > 5", 'kind == "x"')])
def test_what_does_not_go_together_is_an_error(left: str, right: str):
    assert joins(left, right) == SURE


@pytest.mark.parametrize("left, right", [("size > 5", "size > 7"), ("size > 5", "size > 5 or other")])
def test_where_it_cannot_be_told_it_is_a_warning(left: str, right: str):
    assert joins(left, right) == PERHAPS


def test_a_document_may_have_changed_where_time_has_passed():
    assert joins("document.amount > 5", "document.amount > 5", AT_ONCE) == []
    assert joins("document.amount > 5", "document.amount > 5", ASK) == PERHAPS


def test_a_variable_that_is_set_in_between_is_another():
    text = """\
bpflow: 1
id: p
inputs:
  start: {type: boolean, required: true}
variables:
  go: {type: boolean, default: false}
steps:
  - {id: first, activity: condition, branches: [{when: go, next: split}], otherwise: {next: put}}
  - {id: put, activity: set-variables, set: {go: SET}, next: second}
  - {id: second, activity: condition, branches: [{when: go, next: alone}], otherwise: {next: split}}
  - {id: split, activity: notify, to: initiator, text: We begin, next: [a, b]}
  - {id: a, activity: request-info, to: initiator, next: both}
  - {id: b, activity: request-info, to: initiator, next: both}
  - {id: alone, activity: notify, to: initiator, text: Alone, next: both}
  - {id: both, activity: join}
"""
    assert ("waits-for-ever", Severity.ERROR) in found(text.replace("SET", "$(start)"))


def test_an_outcome_is_known_to_the_conditions_that_follow():
    text = """\
bpflow: 1
id: p
steps:
  - id: ask
    activity: request-info
    to: initiator
    outcomes: {both: {title: Both, next: split}, one: {title: One, next: a}}
  - {id: split, activity: notify, to: initiator, text: We begin, next: [a, b]}
  - {id: a, activity: request-info, to: initiator, next: which}
  - {id: which, activity: condition, branches: [{when: ask.outcome == "both", next: join}], otherwise: {next: done}}
  - {id: b, activity: request-info, to: initiator, next: join}
  - {id: join, activity: join, next: done}
  - {id: done, activity: notify, to: initiator, text: Done}
"""
    assert [rule for rule, _ in found(text) if rule in ("waits-for-ever", "surplus-token")] == []
    assert ("waits-for-ever", Severity.ERROR) in found(text.replace('== "both"', '== "one"'))


def test_what_no_value_is_left_for_is_not_taken():
    text = """\
bpflow: 1
id: p
inputs:
  kind: {type: choice, choices: [x, y], required: true}
steps:
  - {id: begin, activity: notify, to: initiator, text: We begin, next: [a, b]}
  - id: a
    activity: condition
    branches: [{when: kind == "x", next: merged}, {when: kind == "y", next: merged}]
    otherwise: {next: tell}
  - {id: merged, activity: notify, to: initiator, text: Known, next: both}
  - {id: b, activity: request-info, to: initiator, next: both}
  - {id: both, activity: join, next: go-on}
  - {id: tell, activity: notify, to: initiator, text: Never}
"""
    assert [rule for rule, _ in found(text) if rule in ("waits-for-ever", "surplus-token")] == []


AROUND = """\
bpflow: 1
id: p
inputs:
  urgent: {type: boolean, required: true}
  late: {type: boolean, required: true}
steps:
  - {id: which, activity: condition, branches: [{when: urgent, next: works}], otherwise: {next: OTHER}}
  - id: works
    activity: block
    steps:
      - {id: begin, activity: notify, to: initiator, text: We begin, next: [a, b]}
      - {id: a, activity: request-info, to: initiator, next: if_a}
      - {id: if_a, activity: condition, branches: [{when: WITHIN, next: both}], otherwise: {next: rest}}
      - {id: b, activity: request-info, to: initiator, next: both}
      - {id: both, activity: join, next: rest}
      - {id: rest, activity: notify, to: initiator, text: That is all}
  - {id: done, activity: notify, to: initiator, text: Done}
"""


@pytest.mark.parametrize(
    "within, other, expected",
    [
        ("urgent", "done", []),
        ("urgent", "works", PERHAPS),  # another way leads into the block, of which it is not looked at what else it makes certain
        ("late", "done", SURE),
        ("not urgent", "done", SURE),
    ],
)
def test_what_has_led_into_a_block_is_known_in_it(within: str, other: str, expected: Sequence[tuple[str, Severity]]):
    told = found(AROUND.replace("WITHIN", within).replace("OTHER", other))
    assert [one for one in told if one[0] == "waits-for-ever"] == expected


def test_how_a_block_is_left_may_hang_on_the_same():
    text = """\
bpflow: 1
id: p
inputs:
  urgent: {type: boolean, required: true}
  late: {type: boolean, required: true}
steps:
  - {id: begin, activity: notify, to: initiator, text: We begin, next: [a, b]}
  - id: a
    activity: block
    steps:
      - {id: ask, activity: request-info, to: initiator}
      - {id: if_a, activity: condition, branches: [{when: urgent, next: both}], otherwise: {next: tell}}
  - {id: b, activity: request-info, to: initiator, next: if_b}
  - {id: if_b, activity: condition, branches: [{when: RIGHT, next: both}], otherwise: {next: tell}}
  - {id: both, activity: join, next: gathered}
  - {id: tell, activity: notify, to: initiator, text: Not so, next: go-on}
  - {id: gathered, activity: notify, to: initiator, text: Gathered}
"""
    for right, expected in (("urgent", PERHAPS), ("late", SURE)):
        assert [one for one in found(text.replace("RIGHT", right)) if one[0] == "waits-for-ever"] == expected
