"""Forms: what may be filled in, and what is refused.

The law of this file: a wrong answer is refused, naming the field, and nothing has changed.
"""

from __future__ import annotations

from collections.abc import Mapping

from bpflow.diagnostics import Message, say
from bpflow.engine.transition import InvalidAnswer
from bpflow.expressions.data import Value
from bpflow.graph import Outcome
from bpflow.values import InvalidValue, check


def checked(outcome: Outcome, given: Mapping[str, Value], comment: str | None) -> dict[str, Value]:
    """The values of the form, each field there. InvalidAnswer names the first that is wrong."""
    if not outcome.fields and not given and outcome.comment == "optional":
        return {}
    fields = dict(outcome.fields)
    for name in given:
        if name not in fields:
            raise refuse(name, say('"{outcome}" has no field "{field}"', outcome=outcome.name, field=name))
    values: dict[str, Value] = {}
    for name, field in fields.items():
        value = values[name] = given.get(name)
        if value is None or value == "" or value == []:
            if field.required:
                raise refuse(name, say('"{field}" must be filled', field=field.title or name))
            continue
        try:
            check(field, value)
        except InvalidValue as wrong:
            raise refuse(name, say('"{field}": {reason}', field=field.title or name, reason=wrong.message)) from wrong
    if outcome.comment == "required" and not (comment or "").strip():
        raise refuse("comment", say("a comment is required"))
    if outcome.comment == "none" and comment:
        raise refuse("comment", say('"{outcome}" takes no comment', outcome=outcome.name))
    return values


def refuse(field: str, message: Message) -> InvalidAnswer:
    refusal = InvalidAnswer(message)
    refusal.field = field
    return refusal
