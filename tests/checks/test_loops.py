"""Loops that something can end: nothing is said against them."""

from __future__ import annotations

import time

import pytest

from bpflow.loading import load_text
from bpflow.values import DocumentType, Field

HEAD = """\
bpflow: 1
id: p
document: deal
start: [{on: manual}]
variables: {done: {type: boolean, default: false}, n: {type: integer, default: 0}}
"""
TYPES = {"deal": DocumentType("deal", "Deal", (("paid", Field("boolean", required=True)),))}
PAUSE = "{activity: pause, for: 1d}"
ASK = "{id: ask, activity: request-info, title: Ask, to: initiator, due: 1d, outcomes: {yes: {title: Yes}, no: {title: No, next: go-on}}}"


def rules(steps: str, more: str = "") -> list[str]:
    return [one.rule for one in load_text(f"{HEAD}{more}steps:\n{steps}\n", "p.yaml", TYPES).findings]


@pytest.mark.parametrize(
    "steps",
    [
        f"  - {{activity: loop, until: document.paid, steps: [{PAUSE}]}}",
        f'  - {{activity: loop, until: ask.outcome == "yes", steps: [{ASK}]}}',
        f"  - {{activity: loop, until: n > 3, steps: [{PAUSE}, {{activity: set-variables, set: {{n: $(n + 1)}}}}]}}",
        f"  - {{activity: loop, until: done, max: 5, steps: [{PAUSE}]}}",
        f"  - {{id: l, activity: loop, until: l.turn > 4, steps: [{PAUSE}]}}",
        f'  - {{activity: loop, until: now > datetime("2026-03-02T10:00+03:00"), steps: [{PAUSE}]}}',
        f"  - activity: loop\n    while: true\n    steps:\n      - {PAUSE}\n"
        "      - {activity: condition, branches: [{when: document.paid, next: out}], otherwise: {next: go-on}}\n"
        "  - {id: out, activity: end, result: paid}",
        f"  - {{activity: block, meanwhile: [{{after: 9d, cancels: true, next: out}}], steps: [{{activity: loop, until: done, steps: [{PAUSE}]}}]}}\n"
        "  - {id: out, activity: end, result: late}",
        "  - activity: block\n"
        "    meanwhile: [{command: stop, title: Stop, cancels: false, steps: [{activity: set-variables, set: {done: true}}]}]\n"
        f"    steps: [{{activity: loop, until: done, steps: [{PAUSE}]}}]",
    ],
)
def test_a_loop_that_can_end(steps: str) -> None:
    assert "endless-loop" not in rules(steps)


def test_what_conditions_come_to_is_soon_found_out() -> None:
    """A thousand steps, each third of them a condition, in well under a second."""
    step = "  - {{id: t{0}, activity: request-info, title: T, to: initiator, due: 1d, outcomes: {{yes: {{title: Y}}, no: {{title: N, next: go-on}}}}}}\n"
    choice = '  - {{activity: condition, branches: [{{when: t{0}.outcome == "yes" and document.paid, next: go-on}}], otherwise: {{next: go-on}}}}\n'
    loop = "  - {{activity: loop, until: n > {0}, steps: [{{activity: set-variables, set: {{n: $(n + 1)}}}}]}}\n"
    text = HEAD + "steps:\n" + "".join((step + choice + loop).format(number) for number in range(200))
    subject = load_text(text, "p.yaml", TYPES).subject
    assert subject is not None
    del subject.__dict__["possible"]
    begin = time.process_time()
    assert len(subject.possible.states) > 1000
    assert time.process_time() - begin < 3
