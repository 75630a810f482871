"""What an analyst has written for an expression, a text or a duration, as an expression of the graph.

The law of this file: after it there are only expressions. A text with `$(…)` becomes a call of `text`, a literal duration a call of
`duration`, a list a list of expressions. What was written is kept beside it, so that a finding about a name inside shows its place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from msgspec import Struct

from bpflow.diagnostics import Diagnostic, Span, say
from bpflow.expressions import ExpressionError, parse, parse_duration, quoted, split_template, template_expression
from bpflow.graph.nodes import Expr, Place

NOWHERE = Span("", 1, 1)
_QUANTITY = re.compile(r"\d+([.,]\d+)?\s*[^\W\d_]")
# Compiled when first needed, which is seldom.
_DATE = r"\d{4}-\d\d-\d\d"
_INSTANT = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?"
_SPOKEN = r"(?i)[а-яё]+(\s+[а-яё]+)+"


class Part(Struct, frozen=True):
    """An expression as it stands in the file: `offset` characters into the scalar `source`."""

    text: str
    source: Any
    offset: int = 0

    def span(self, offset: int, length: int) -> Span:
        """The place in the file of `length` characters of the expression, from `offset` on."""
        return span_within(self.source, self.offset + offset, length)


class Written(Struct, frozen=True):
    """An expression of the graph, and the parts of the file that it was made from."""

    expr: Expr
    parts: tuple[Part, ...] = ()


class Unread(Exception):
    """What was written cannot be read; `findings` say where and why."""

    def __init__(self, findings: list[Diagnostic]) -> None:
        super().__init__("; ".join(str(finding.message) for finding in findings))
        self.findings = findings


def span_of(raw: Any) -> Span:
    """The place of something read from a file: of a scalar, a mapping or a list; `NOWHERE` if it does not know it."""
    span = getattr(raw, "span", None)
    return span if isinstance(span, Span) else NOWHERE


def span_within(raw: Any, offset: int, length: int) -> Span:
    """The place of some characters of a scalar."""
    at = getattr(raw, "at", None)
    span = at(offset, length) if at else NOWHERE
    return span if isinstance(span, Span) else NOWHERE


def expression(raw: Any, place: Span = NOWHERE) -> Written:
    """An expression, a number, a truth value, or a list of these. Raises Unread.

    `place` is where it stands, for what does not know that itself (a number).
    """
    if isinstance(raw, Sequence) and not isinstance(raw, str):
        items = [expression(item, span_of(raw)) for item in raw]
        text = "[" + ", ".join(item.expr.text for item in items) + "]"
        return Written(Expr(text, start_of(span_of(raw))), tuple(part for item in items for part in item.parts))
    if isinstance(raw, str):
        return _parsed(raw)
    if isinstance(raw, bool | int | Decimal | float):
        return _number(str(raw).lower(), span_of(raw) if place is NOWHERE else place)
    raise Unread([Diagnostic(place, "wrong-kind", say("an expression must stand here"))])


def _number(text: str, place: Span) -> Written:
    """A number or a truth value as YAML has it. Raises Unread where expressions have none such."""
    try:
        parse(text)
    except ExpressionError as error:
        raise Unread([Diagnostic(place, error.rule, error.message, error.hint)]) from None
    return Written(Expr(text, start_of(place)))


def duration(raw: Any, place: Span = NOWHERE) -> Written:
    """A duration such as `2 working days`, else an expression. Raises Unread."""
    if not isinstance(raw, str) or not (_QUANTITY.match(raw) or re.fullmatch(_SPOKEN, raw)):
        return expression(raw, place)
    try:
        parse_duration(raw)
    except ExpressionError as error:
        raise Unread([_finding(raw, 0, error, "bad-duration")]) from None
    return Written(Expr(f"duration({quoted(raw)})", start_of(span_within(raw, 0, 1))))


def template(raw: Any, place: Span = NOWHERE) -> Written:
    """A text in which `$(…)` puts an expression; one that is only `$(x)` is x itself. Raises Unread."""
    if not isinstance(raw, str):
        return Written(Expr(quoted(scalar(raw)), start_of(place)))
    try:
        pieces = split_template(raw)
    except ExpressionError as error:
        raise Unread([_finding(raw, 0, error)]) from None
    parts = tuple(Part(piece[0], raw, piece[1]) for piece in pieces if not isinstance(piece, str))
    found = [finding for part in parts for finding in _mistakes(part)]
    if found:
        raise Unread(found)
    try:
        whole = template_expression(raw)
    except ExpressionError as error:  # each is one, but together they are too long
        raise Unread([_finding(raw, 0, error)]) from None
    start = span_within(raw, parts[0].offset if len(parts) == len(pieces) == 1 else 0, 1)
    return Written(Expr(whole, start_of(start)), parts)


def is_template(raw: Any) -> bool:
    """Whether a scalar holds an expression."""
    return isinstance(raw, str) and "$(" in raw


def scalar(raw: Any) -> str:
    """A scalar of YAML as text."""
    return str(raw).lower() if isinstance(raw, bool) else "" if raw is None else str(raw)


def _parsed(raw: str) -> Written:
    part = Part(raw, raw)
    found = _mistakes(part)
    if found:
        raise Unread(found)
    return Written(Expr(raw.strip(), start_of(span_within(raw, len(raw) - len(raw.lstrip()), 1))), (part,))


def _mistakes(part: Part) -> list[Diagnostic]:
    literal = _literal_date(part.text.strip())
    if literal:
        message = say('"{text}" is a subtraction here, not a date', text=part.text.strip())
        return [Diagnostic(part.span(0, len(part.text)), "bad-expression", message, say("write {literal}", literal=literal))]
    try:
        parse(part.text)
    except ExpressionError as error:
        return [_finding(part.source, part.offset, error)]
    return []


def _literal_date(text: str) -> str | None:
    kind = "date" if re.fullmatch(_DATE, text) else "datetime" if re.fullmatch(_INSTANT, text) else None
    return f'{kind}("{text}")' if kind else None


def _finding(source: Any, offset: int, error: ExpressionError, rule: str = "") -> Diagnostic:
    return Diagnostic(span_within(source, offset + error.offset, error.length), rule or error.rule, error.message, error.hint)


def start_of(span: Span) -> Place | None:
    """Where a place begins, as the graph keeps it."""
    return None if span is NOWHERE else (span.line, span.column)
