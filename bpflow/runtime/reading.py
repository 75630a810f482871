"""What comes from outside, made typed: ids as people write them, values of forms, inputs and documents."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, tzinfo

from bpflow.diagnostics import Message, Refused, did_you_mean, say
from bpflow.engine.transition import InvalidAnswer, UnexpectedEvent
from bpflow.expressions.data import Department, Document, Role, User, Value
from bpflow.services.directory import Directory
from bpflow.services.secrets import fresh, holds_secret
from bpflow.stores.contract import party_text
from bpflow.values import Field, InvalidValue, check, read

_TASK_ID = re.compile(r"([0-9]{1,17})\.([0-9]{1,17})\.([0-9]{1,17})").fullmatch
_HALF = re.compile("[\ud800-\udfff]").search
_MESSAGE = re.compile(r"[a-z][a-z0-9_-]*").fullmatch


class WrongField(Refused):
    """A value that its field does not take; `field` is the field's name."""

    def __init__(self, field: str, message: Message) -> None:
        super().__init__(message)
        self.field = field


def task_id(text: str) -> tuple[int, int, int]:
    """A task's id, `instance.token.visit`, in its parts. UnexpectedEvent if it is none."""
    found = _TASK_ID(text)
    if found is None:
        raise UnexpectedEvent(say('"{text}" is not the id of a task; one looks like 17.1.4', text=text))
    instance, token, visit = map(int, found.groups())
    return instance, token, visit


def document_ref(text: str) -> Document:
    """A document as `type:17`. Refused if it does not look so."""
    type, _, number = text.rpartition(":")
    if not type or not (number.isascii() and number.isdigit()) or len(number) > 18:
        raise Refused(say('"{text}" is not a document; one looks like company:17', text=text))
    return Document(type, int(number))


def party_of(text: str) -> User | Department | Role:
    """An assignee out of the store's way of writing it."""
    kind, _, id = text.partition(":")
    match kind:
        case "department":
            return Department(id)
        case "role":
            return Role(id)
    return User(id)


def is_message_name(text: str) -> bool:
    """Whether a message may be called so."""
    return _MESSAGE(text) is not None


def is_text(value: object) -> bool:
    """Whether all text in plain data can be written down: half of a surrogate pair cannot."""
    if isinstance(value, str):
        return value.isascii() or _HALF(value) is None
    if isinstance(value, datetime):
        return True
    if isinstance(value, (list, tuple)):
        return all(map(is_text, value))
    return all(is_text(name) and is_text(one) for name, one in value.items()) if isinstance(value, Mapping) else True


def comment_of(text: str | None) -> str | None:
    """A comment as it is taken. InvalidAnswer if it cannot be written down."""
    if text is not None and not is_text(text):
        raise InvalidAnswer(say("the comment cannot be written down: it has half a character in it"))
    return text


def read_fields(fields: Mapping[str, Field], raw: Mapping[str, object], zone: tzinfo, *, complete: bool = True, checked: bool = True) -> dict[str, Value]:
    """Typed values of the fields that `raw` names. WrongField names the first that is wrong; with `complete`, also one that is missing.

    Without `checked` only the type is sure, but of secrets: bounds, choices and patterns are judged by whoever takes the values.
    """
    values: dict[str, Value] = {}
    for name, value in raw.items():
        field = fields.get(name)
        if field is None:
            hint = did_you_mean(name, fields)
            message = say('there is no field "{field}"', field=name)
            raise WrongField(name, say("{message}, {hint}", message=message, hint=hint) if hint else message)
        if not is_text(value):
            raise WrongField(name, say('"{field}": the text cannot be written down: it has half a character in it', field=field.title or name))
        try:
            found, may_hide = read(field, value, zone), field.secret or field.kind == "object"
            if found is not None and (checked or (may_hide and holds_secret(field))):
                check(field, found)  # of a secret nobody later sees what is checked here
            values[name] = fresh(field, found) if may_hide else found
        except InvalidValue as wrong:
            raise WrongField(name, say('"{field}": {reason}', field=field.title or name, reason=wrong.message)) from wrong
    for name, field in fields.items() if complete else ():
        if field.required and values.get(name) is None and field.default is None:
            raise WrongField(name, say('"{field}" must be filled', field=field.title or name))
    return values


def read_form(fields: Mapping[str, Field], values: Mapping[str, object], zone: tzinfo) -> dict[str, Value]:
    """Typed values of a form; whether the form may have them is for the engine to say. InvalidAnswer names the field that cannot be read."""
    if not values:
        return {}
    try:
        return read_fields(fields, values, zone, complete=False, checked=False)
    except WrongField as wrong:
        refusal = InvalidAnswer(wrong.message)
        refusal.field = wrong.field
        raise refusal from wrong


def parties_of(user: User, directory: Directory | None) -> list[str]:
    """The assignees of whose tasks a person sees the tasks: himself and his groups, as the store writes them."""
    groups = directory.groups_of(user) if directory is not None else []
    return [party_text(party) for party in (user, *groups)]
