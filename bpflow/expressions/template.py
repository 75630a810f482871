"""Text with expressions in it, `Позвоните $(document.name).`, and values written as expressions.

`$(` begins an expression and its own `)` ends it; `$$(` is a plain `$(`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeAlias

from msgspec import Struct

from bpflow.diagnostics import say
from bpflow.expressions.data import Duration, User
from bpflow.expressions.durations import duration_text
from bpflow.expressions.errors import ExpressionError, brief
from bpflow.expressions.numbers import plain
from bpflow.expressions.parse import parse

Piece: TypeAlias = "str | tuple[str, int]"
"""A literal, or an expression with its offset in the template."""

_OPENING = re.compile(r"\$\$\(|\$\(")
_FOREIGN = re.compile(r"\$\{[^\W\d]|\{\{ *[^\W\d]")
"""How other languages write it."""
_STEP = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|["\'()]')


class Template(Struct, frozen=True):
    """A template that has been read: its pieces in their order."""

    text: str
    pieces: tuple[Piece, ...]

    @property
    def expression(self) -> str:
        """The template as an expression: `text("Call ", x)`; a lone `$(x)` is `x` itself; text without expressions is a literal."""
        if len(self.pieces) == 1 and isinstance(self.pieces[0], tuple):
            return self.pieces[0][0].strip()
        if all(isinstance(piece, str) for piece in self.pieces):
            return quoted("".join(map(str, self.pieces)))
        said = (quoted(piece) if isinstance(piece, str) else piece[0].strip() for piece in self.pieces)
        return f"text({', '.join(said)})"


def split_template(text: str) -> list[Piece]:
    """The literals and the expressions of a template, in their order. ExpressionError where a `$(` is not closed, or is empty."""
    return list(_joined(_pieces(text)))


def parse_template(text: str) -> Template:
    """Read a template and every expression in it. ExpressionError, with its offset in the template, for the first that is wrong."""
    pieces = split_template(text)
    for piece in pieces:
        if isinstance(piece, tuple):
            _check(*piece)
    return Template(text, tuple(pieces))


def template_expression(text: str) -> str:
    """The template as an expression of the language. ExpressionError, with its offset in the template, if it is wrong."""
    made = parse_template(text).expression
    try:
        parse(made)
    except ExpressionError as error:  # each piece is within the bounds, and all together are not
        raise ExpressionError(error.message, 0, len(text), error.hint) from None
    return made


def _check(text: str, offset: int) -> None:
    try:
        parse(text)
    except ExpressionError as error:
        raise error.moved(offset) from None


def _pieces(text: str) -> Iterator[Piece]:
    at = 0
    foreign = _FOREIGN.search(text)
    if foreign:
        raise ExpressionError(say("an expression in a text stands in round brackets"), foreign.start(), len(foreign[0]), say('write "$(…)"'))
    for opening in _OPENING.finditer(text):
        if opening.start() < at:
            continue
        yield text[at : opening.start()]
        at = opening.end()
        if opening[0] == "$$(":
            yield "$("
            continue
        end = _end(text, opening.start(), at)
        yield text[at:end], at
        at = end + 1
    yield text[at:]


def _end(text: str, opening: int, start: int) -> int:
    """Where the bracket stands that closes the expression which begins at `start`."""
    depth = 1
    for step in _STEP.finditer(text, start):
        depth += {"(": 1, ")": -1}.get(step[0], 0)
        if depth == 0:
            if not text[start : step.start()].strip():
                raise ExpressionError(say("there is no expression in $()"), opening, step.end() - opening, say('a plain "$(" is written "$$("'))
            return step.start()
        if step[0] in "\"'":
            raise ExpressionError(say("the quote is not closed"), step.start(), 1)
    raise ExpressionError(say('"$(" is not closed'), opening, 2, say('a plain "$(" is written "$$("'))


def _joined(pieces: Iterator[Piece]) -> Iterator[Piece]:
    literal = ""
    for piece in pieces:
        if isinstance(piece, str):
            literal += piece
            continue
        if literal:
            yield literal
        literal = ""
        yield piece
    if literal:
        yield literal


# ── values as expressions ───────────────────────────────────────────────────────────────────────────────────────────
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def quoted(text: str) -> str:
    """The text as a literal of the language, between quotes."""
    return f'"{text.translate(_ESCAPES)}"'


def literal(value: Any) -> str:
    """The expression that gives the value. ExpressionError for records, documents and others that have none."""
    match value:
        case None:
            return "none"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case Decimal():
            return plain(value) if "." in plain(value) else plain(value) + ".0"
        case str():
            return quoted(value)
        case datetime():
            return f'datetime("{value.isoformat()}")'
        case date():
            return f'date("{value.isoformat()}")'
        case Duration():
            return f'duration("{duration_text(value)}")'
        case User():
            return f"user({quoted(value.id)})"
        case list():
            return f"[{', '.join(map(literal, value))}]"
    raise ExpressionError(say("{value} cannot be written as an expression", value=brief(str(value))))
