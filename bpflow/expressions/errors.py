"""What may go wrong with an expression: refused when it is read, or impossible when it is evaluated."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from bpflow.diagnostics import Message, Refused, say
from bpflow.expressions.data import Department, Document, Duration, File, Role, Secret, User


class ExpressionError(Refused):
    """The text is not an expression. `offset` and `length` count characters of the text, `hint` says what to write instead.

    `rule` is the one that a finding about it names.
    """

    def __init__(self, message: Message, offset: int = 0, length: int = 1, hint: Message | None = None, rule: str = "bad-expression") -> None:
        super().__init__(message)
        self.offset = offset
        self.length = max(1, length)
        self.hint = hint
        self.rule = rule

    def moved(self, by: int) -> ExpressionError:
        """The same error in a longer text, in which this one begins `by` characters later."""
        return ExpressionError(self.message, self.offset + by, self.length, self.hint, self.rule)


class EvaluationError(Refused):
    """The expression cannot be evaluated with the values of this moment; becomes an incident."""

    def __init__(self, message: Message, hint: Message | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class Absent(EvaluationError):
    """What the expression reads is not there (yet): `coalesce` and the comparison with `none` take it for none."""


def brief(text: str, length: int = 60) -> str:
    """The text on one line, cut at `length` characters."""
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1] + "…"


def describe(value: Any) -> Message:
    """The value as a message names it: its kind, and shortly what it is."""
    match value:
        case None:
            return say("none")
        case bool():
            return say("the boolean {value}", value="true" if value else "false")
        case int() | Decimal():
            return say("the number {value}", value=brief(f"{value:f}" if isinstance(value, Decimal) else str(value)))
        case str():
            return say('the text "{value}"', value=brief(value))
        case datetime():
            return say("the date and time {value}", value=value.isoformat(" ", "minutes"))
        case date():
            return say("the date {value}", value=value.isoformat())
        case list():
            return say("a list of {count}", count=len(value))
        case dict():
            return say("a record with {fields}", fields=brief(", ".join(map(str, value))) or "{}")
    return _describe_reference(value)


def _describe_reference(value: Any) -> Message:
    match value:
        case Duration():
            return say("a duration")
        case User():
            return say('the user "{id}"', id=value.id)
        case Department():
            return say('the department "{id}"', id=value.id)
        case Role():
            return say('the role "{id}"', id=value.id)
        case Document():
            return say('the document "{type}:{id}"', type=value.type, id=value.id)
        case File():
            return say('the file "{name}"', name=value.name)
        case Secret():
            return say("a secret")
    return say("a value of an unknown kind ({kind})", kind=type(value).__name__)
