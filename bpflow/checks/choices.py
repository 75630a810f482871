"""Rules about values that a choice does not have."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from bpflow.checks.paths import names_of
from bpflow.checks.rule import rule
from bpflow.checks.subject import Subject, Use
from bpflow.diagnostics import Diagnostic, Message, did_you_mean, each_quoted, say
from bpflow.values import Field


@rule("wrong-value")
def wrong_value(subject: Subject) -> Iterator[Diagnostic]:
    """A value must be one that its field can have.

    A choice that is compared with, or set to, a value that it does not have is never equal to it: the branch is never taken. The
    same goes for outcomes of a task. Other literals are read by the type of the field that they are for: a date as 2026-03-31, a
    number without a unit.

    Bad:

        steps:
          - activity: condition
            branches:
              - {when: document.status == "wonn", next: go-on}
            otherwise: {next: go-on}

    Good:

        steps:
          - activity: condition
            branches:
              - {when: document.status == "won", next: go-on}
            otherwise: {next: go-on}
    """
    for use in subject.uses:
        for node in ast.walk(use.parsed.tree):
            if isinstance(node, ast.Compare):
                yield from _compared(use, node)


def _compared(use: Use, node: ast.Compare) -> Iterator[Diagnostic]:
    left = node.left
    for op, right in zip(node.ops, node.comparators, strict=True):
        if isinstance(op, ast.Eq | ast.NotEq):
            yield from _against(use, left, [right])
            yield from _against(use, right, [left])
        elif isinstance(op, ast.In | ast.NotIn) and isinstance(right, ast.List):
            yield from _against(use, left, right.elts)
        left = right


def _against(use: Use, read: ast.expr, others: list[ast.expr]) -> Iterator[Diagnostic]:
    names = names_of(read)
    field = use.field(names) if names else None
    if field is None or field.kind != "choice" or field.many or not field.choices:
        return
    ids = [id for id, _ in field.choices]
    for other in others:
        if isinstance(other, ast.Constant) and isinstance(other.value, str) and other.value not in ids:
            span = use.span(other.col_offset, (other.end_col_offset or 0) - other.col_offset)
            message = say('"{path}" can never be "{value}"', path=".".join(names), value=other.value)
            yield Diagnostic(span, "wrong-value", message, _hint(other.value, field))


def _hint(value: str, field: Field) -> Message:
    by_title = [id for id, title in field.choices if title == value]
    if by_title:
        return say('"{value}" is the title; write "{id}"', value=value, id=by_title[0])
    ids = [id for id, _ in field.choices]
    return did_you_mean(value, ids) or say("the choices are: {choices}", choices=each_quoted(ids[:12]))
