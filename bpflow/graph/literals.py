"""Literals: a value as YAML gives it, read by the type of the field that it is for, as the text of an expression.

The law of this file: what is written for a field either is a value of it, or is refused here with the reason; nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from bpflow.diagnostics import Diagnostic, Message, Refused, Span, did_you_mean, each_quoted, say
from bpflow.expressions import ExpressionError, parse_duration, quoted
from bpflow.graph.nodes import Expr
from bpflow.graph.written import NOWHERE, Unread, Written, is_template, scalar, span_of, start_of, template
from bpflow.values import Field, InvalidValue, check, read

# Compiled when first needed, which is seldom.
_DATE = r"\d{4}-\d\d-\d\d"
_INSTANT = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?"


class Valued(Struct):
    """What a value was read as: its expression, the texts with `$(…)` in it, and what is wrong with it."""

    expr: Expr
    written: list[Written]
    findings: list[Diagnostic]


def valued(raw: Any, field: Field | None, timezone: str = "UTC", place: Span = NOWHERE) -> Valued:
    """Reads what is written for a field: a literal by its type, a text with `$(…)`, or a list of these.

    `place` is where it stands, for what does not know that itself; `timezone` reads instants that name no zone.
    """
    here = place if span_of(raw) is NOWHERE else span_of(raw)
    if isinstance(raw, list) and (field is None or field.many):
        item, spans = replace(field, many=False) if field else None, getattr(raw, "spans", [here] * len(raw))
        items = [valued(each, item, timezone, span) for each, span in zip(raw, spans, strict=True)]
        expr = Expr(f"[{', '.join(each.expr.text for each in items)}]", start_of(here))
        return Valued(expr, [made for each in items for made in each.written], [found for each in items for found in each.findings])
    try:
        if is_bare_none(raw) and not (field and field.required):
            return Valued(Expr("none", start_of(here)), [], [])
        if is_template(raw):
            made = _template(raw, field)
            return Valued(made.expr, [made], [])
        made_of = literal(raw, field, timezone)
        if field:
            check(field, read(field, raw, ZoneInfo(timezone), choice_by_title=False))
        return Valued(Expr(made_of, start_of(here)), [], [])
    except Unread as error:
        return Valued(Expr("none"), [], error.findings)
    except (NotAValue, InvalidValue) as error:
        return Valued(Expr("none"), [], [Diagnostic(here, "wrong-value", error.message, error.hint)])


def is_bare_none(raw: Any) -> bool:
    """Whether the word `none` stands there without quotes: it empties a field."""
    return isinstance(raw, str) and raw == "none" and getattr(raw, "style", "plain") == "plain"


def _template(raw: str, field: Field | None) -> Written:
    made = template(raw)
    whole = len(made.parts) == 1 and raw.strip() == f"$({made.parts[0].text})"
    if field and field.kind not in ("string", "text", "choice") and not whole:
        message = say("a {kind} is expected here, and this is a text", kind=field.kind)
        raise Unread([Diagnostic(span_of(raw), "wrong-value", message, say("write only $(…), with nothing around it"))])
    return made


class NotAValue(Refused):
    """The literal is no value of the field; `hint` may say what would be."""

    def __init__(self, message: Message, hint: Message | None = None) -> None:
        super().__init__(message)
        self.hint = hint


def literal(raw: Any, field: Field | None, timezone: str = "UTC") -> str:
    """The expression for a literal, of one value. Without a field it is taken as YAML reads it. Raises NotAValue.

    `timezone` reads instants that name no zone.
    """
    if raw is None:
        return "none"
    if field is None:
        return _as_yaml(raw)
    if field.many:
        raise NotAValue(say("this field holds several values, so a list is expected"), say("write [{value}]", value=scalar(raw)))
    if isinstance(raw, list | dict):
        raise NotAValue(say("a {kind} is expected here, and not several values", kind=field.kind))
    if field.kind == "datetime":
        return _instant(raw, timezone)
    return _choice(raw, field) if field.kind == "choice" else _READ[field.kind](raw)


def _as_yaml(raw: Any) -> str:
    if isinstance(raw, bool | int | Decimal | float):
        return scalar(raw)
    if isinstance(raw, str):
        return quoted(raw)
    raise NotAValue(say("a set of keys cannot be a value here; write an expression"))


def _text(raw: Any) -> str:
    if isinstance(raw, bool):
        raise NotAValue(say("a text is expected here, and {value} is a truth value", value=scalar(raw)), say('write "{value}" in quotes', value=scalar(raw)))
    return quoted(scalar(raw))


def _integer(raw: Any) -> str:
    if isinstance(raw, bool) or not re.fullmatch(r"-?\d{1,18}", scalar(raw)):
        raise NotAValue(say('"{value}" is not a whole number', value=scalar(raw)))
    return str(int(raw))


def _number(raw: Any) -> str:
    try:
        number = Decimal(scalar(raw))
    except InvalidOperation:
        number = Decimal("nan")
    if isinstance(raw, bool) or not number.is_finite():
        raise NotAValue(say('"{value}" is not a number', value=scalar(raw)))
    return f"{number:f}"


def _boolean(raw: Any) -> str:
    if not isinstance(raw, bool):
        raise NotAValue(say('"{value}" is not a truth value', value=scalar(raw)), say('write "true" or "false" without quotes'))
    return scalar(raw)


def _date(raw: Any) -> str:
    try:
        if not re.fullmatch(_DATE, scalar(raw)):
            raise ValueError
        return f'date("{date.fromisoformat(scalar(raw)).isoformat()}")'
    except ValueError:
        raise NotAValue(say('"{value}" is not a date', value=scalar(raw)), say("write it as 2026-03-31")) from None


def _instant(raw: Any, timezone: str) -> str:
    try:
        if not re.fullmatch(_INSTANT, scalar(raw)):
            raise ValueError
        instant = datetime.fromisoformat(scalar(raw))
    except ValueError:
        raise NotAValue(say('"{value}" is not a date with a time', value=scalar(raw)), say("write it as 2026-03-31T15:00")) from None
    zoned = instant if instant.tzinfo else instant.replace(tzinfo=ZoneInfo(timezone))
    return f'datetime("{zoned.isoformat(timespec="auto" if zoned.second or zoned.microsecond else "minutes")}")'


def _duration(raw: Any) -> str:
    try:
        parse_duration(scalar(raw))
    except ExpressionError as error:
        raise NotAValue(error.message, error.hint) from None
    return f"duration({quoted(scalar(raw))})"


def _choice(raw: Any, field: Field) -> str:
    value = scalar(raw)
    ids = dict(field.choices)
    if value in ids:
        return quoted(value)
    by_title = [id for id, title in field.choices if title == value]
    hint = say('"{value}" is the title; write "{id}"', value=value, id=by_title[0]) if by_title else did_you_mean(value, ids)
    listed = each_quoted(list(ids)[:12])
    raise NotAValue(say('"{value}" is not among the choices', value=value), hint or say("the choices are: {choices}", choices=listed))


def _named(function: str) -> Callable[[Any], str]:
    def read(raw: Any) -> str:
        return f"{function}({quoted(scalar(raw))})"

    return read


def _expression_only(raw: Any) -> str:
    raise NotAValue(say("a value of this field cannot be written out"), say("write an expression: $(…)"))


_READ: dict[str, Callable[[Any], str]] = {
    "string": _text,
    "text": _text,
    "integer": _integer,
    "number": _number,
    "money": _number,
    "boolean": _boolean,
    "date": _date,
    "duration": _duration,
    "user": _named("user"),
    "department": _named("department"),
    "document": _expression_only,
    "file": _expression_only,
    "object": _expression_only,
}
