"""Calls of processes in a workspace: each must be there, be callable, and get what it asks for."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from bpflow.checks.rules.calls import literal
from bpflow.diagnostics import Severity
from bpflow.expressions import quoted
from bpflow.loading import load_workspace

CHECK = """\
bpflow: 1
id: check
inputs:
  amount: {type: money, required: true, min: 1}
  day: {type: date}
  kind: {type: choice, choices: {new: Новый, old: Старый}}
  who: {type: user}
  rest: {type: integer, required: true, default: 1}
steps:
  - {activity: end, result: checked}
"""


def said(folder: Path, call: str, check: str = CHECK) -> list[str]:
    (folder / "bpflow.yaml").write_text("timezone: Europe/Moscow\n", encoding="utf-8")
    (folder / "check.yaml").write_text(check, encoding="utf-8")
    order = f"bpflow: 1\nid: order\nsteps:\n  - {{activity: call-process, {call}}}\n"
    (folder / "order.yaml").write_text(order, encoding="utf-8")
    found = [one for one in load_workspace(folder).findings if one.rule != "never-read"]
    assert all(finding.severity is Severity.ERROR for finding in found)
    return [f"{Path(f.span.file).name}:{f.span.line}:{f.span.column} {f.rule}: {f.message}{f' — {f.hint}' if f.hint else ''}" for f in found]


@pytest.mark.parametrize(
    "call, finding",
    [
        ("process: chek", 'order.yaml:4:39 unknown-process: there is no process "chek" — did you mean "check"?'),
        ("process: check", 'order.yaml:4:39 call-inputs: "amount" is missing: the process "check" requires it'),
        ("process: check, inputs: {amont: 1, amount: 1}", 'order.yaml:4:62 call-inputs: the process "check" has no input "amont" — did you mean "amount"?'),
        ("process: check, inputs: {amount: a lot}", 'order.yaml:4:63 call-inputs: "amount": "a lot" is not a number'),
        ("process: check, inputs: {amount: 0.5}", 'order.yaml:4:63 call-inputs: "amount": at least 1 needed, not the number 0.5'),
        ("process: check, inputs: {amount: 1, day: soon}", 'order.yaml:4:71 call-inputs: "day": "soon" is not a date'),
        ("process: check, inputs: {amount: 1}, document: initiator", 'order.yaml:4:77 call-document: the process "check" has no document'),
    ],
)
def test_what_is_wrong_with_a_call(tmp_path: Path, call: str, finding: str) -> None:
    (found,) = said(tmp_path, call)
    assert found.startswith(finding)


RIGHT = ["{amount: 1}", "{amount: $(1 / 2)}", "{amount: 2.5, day: 2026-03-05, kind: new, who: ivanov, rest: 3}", "{amount: '7', who: none}"]


@pytest.mark.parametrize("call", RIGHT)
def test_what_is_right(tmp_path: Path, call: str) -> None:
    assert said(tmp_path, f"process: check, inputs: {call}") == []


def test_a_process_that_is_not_for_others(tmp_path: Path) -> None:
    (found,) = said(tmp_path, "process: check, inputs: {amount: 1}", CHECK.replace("steps:", "start: [{on: manual}]\nsteps:"))
    assert found.startswith('order.yaml:4:39 not-callable: the process "check" cannot be called: it has no start "on: call"')
    assert said(tmp_path, "process: check, inputs: {amount: 1}", CHECK.replace("steps:", "start: [{on: manual}, {on: call}]\nsteps:")) == []


def test_of_a_process_with_errors_only_that_it_is_there_is_known(tmp_path: Path) -> None:
    found = said(tmp_path, "process: check", CHECK.replace("end, result: checked", "ende"))
    assert [one.partition(" ")[2].partition(":")[0] for one in found] == ["unknown-activity"]


@pytest.mark.parametrize(
    "text, value",
    [
        ("12", 12),
        ("-3", -3),
        ("1.50", Decimal("1.50")),
        ("true", True),
        ("none", None),
        (quoted('a "b" \\ \n $(c) ’'), 'a "b" \\ \n $(c) ’'),
        ("today()", ...),
        ("1 + 1", ...),
        ("amount", ...),
        ("[1, 2]", [1, 2]),
    ],
)
def test_literals_are_told_from_expressions(text: str, value: object) -> None:
    assert literal(text) == value
