"""What the fields of a document may be: pure functions over its type.

The law of this file: either all of a change holds or none of it; whoever is refused learns every reason at once. Fields without a
value are not kept: `field_of` reads one as none, or as an empty list where the field is a list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, tzinfo
from decimal import Decimal
from functools import reduce

from msgspec import Struct

from bpflow.diagnostics import Message, Refused, did_you_mean, say
from bpflow.expressions.data import Value
from bpflow.expressions.errors import EvaluationError
from bpflow.expressions.numbers import EXACT, exactly, plain
from bpflow.values import DocumentType, Field, InvalidValue, check, show

_NUMBERS = ("integer", "number", "money")


class Problem(Struct, frozen=True):
    """What is wrong with one field; `hint` may say which was meant."""

    field: str
    message: Message
    hint: Message | None = None


class InvalidDocument(Refused):
    """Fields that a document of this type may not have. `problems` has each of them."""

    def __init__(self, type: str, problems: Iterable[Problem]) -> None:
        self.type = type
        self.problems = [*problems]
        super().__init__(all_of(_named(problem) for problem in self.problems))

    @property
    def hint(self) -> Message | None:
        """The hint of the first problem that has one."""
        return next((problem.hint for problem in self.problems if problem.hint), None)


def _id_of(value: Value) -> str:
    return str(getattr(value, "id", value))


def new_fields(type: DocumentType, values: Mapping[str, Value]) -> dict[str, Value]:
    """The fields of a new document out of typed values. Raises InvalidDocument, also where a required field is missing."""
    draft = _Draft(type, {})
    for name, value in values.items():
        draft.set(name, value)
    for name, _ in type.fields:
        if name not in values:
            draft.set(name, None)
    return draft.result()


def changed_fields(
    type: DocumentType,
    fields: Mapping[str, Value],
    set: Mapping[str, Value],
    add: Mapping[str, Value] | None = None,
    remove: Mapping[str, Value] | None = None,
) -> dict[str, Value]:
    """All the fields after a change; `fields` stays as it was. Raises InvalidDocument.

    `set` gives new values; none empties a field. `add` puts a value, or each of a list, into a field that is a list, unless it is
    there already, and adds to a number; `remove` takes out, or subtracts. Only what is changed is checked: a document that lacks a
    field which has become required later can still be changed otherwise.
    """
    draft = _Draft(type, fields)
    for name, value in set.items():
        draft.set(name, value)
    for name, value in (add or {}).items():
        draft.combine(name, value, adding=True)
    for name, value in (remove or {}).items():
        draft.combine(name, value, adding=False)
    return draft.result()


def field_of(type: DocumentType, fields: Mapping[str, Value], name: str) -> Value:
    """The value of one field. Raises InvalidDocument for a name that the type has not."""
    field = dict(type.fields).get(name)
    if field is None:
        raise InvalidDocument(type.type, [_unknown(type, name)])
    return fields.get(name, [] if field.many else None)


def display_name(type: DocumentType, fields: Mapping[str, Value], id: int, zone: tzinfo = UTC, name_of: Callable[[Value], str] = _id_of) -> str:
    """What a document is called: the value of its title field, else its type's title and its number.

    `zone` and `name_of` are for the rare title fields that hold an instant or a person.
    """
    field = dict(type.fields).get(type.title_field or "")
    value = fields.get(type.title_field or "")
    if field is not None and isinstance(value, int | Decimal) and not isinstance(value, bool):
        return plain(value)  # 10234 is a number of something, and not 10 234 of them
    name = show(field, value, name_of, zone).strip() if field is not None else ""
    return name or f"{type.title} {id}"


def all_of(messages: Iterable[Message]) -> Message:
    """Several messages as one, in their order; after the twentieth only how many more there are."""
    listed = [*messages]
    shown = listed[:20] + [say("and {count} more", count=len(listed) - 20)] * (len(listed) > 20)
    return reduce(lambda first, rest: say("{first}; {rest}", first=first, rest=rest), shown)


class _Draft:
    """The fields while they are being changed, and what is wrong so far."""

    def __init__(self, type: DocumentType, fields: Mapping[str, Value]) -> None:
        self.type = type
        self.known = dict(type.fields)
        self.fields = dict(fields)
        self.problems: list[Problem] = []
        self.touched: list[str] = []

    def result(self) -> dict[str, Value]:
        """The fields in the order of the type. Raises InvalidDocument if anything was wrong."""
        if self.problems:
            raise InvalidDocument(self.type.type, self.problems)
        return {name: self.fields[name] for name in self.known if name in self.fields}

    def set(self, name: str, value: Value) -> None:
        """Give the field a value; none, blank text or an empty list empties it."""
        field = self._touch(name)
        if field is not None:
            self._store(name, field, value)

    def combine(self, name: str, value: Value, adding: bool) -> None:
        """Add a value to a list or a number, or take it from there."""
        field = self._touch(name)
        if field is None:
            return
        before = self.fields.get(name)
        if value is None:
            self._wrong(name, say("there is no value to add") if adding else say("there is no value to remove"))
        elif field.many:
            self._store(name, field, _combined(before, value, adding))
        elif field.kind in _NUMBERS and isinstance(value, int | Decimal) and not isinstance(value, bool):
            self._add_number(name, field, before, value, adding)
        else:
            self._wrong(name, say("only lists and numbers can be added to"))

    def _add_number(self, name: str, field: Field, before: Value, value: int | Decimal, adding: bool) -> None:
        try:
            total = exactly(EXACT.add if adding else EXACT.subtract, before if isinstance(before, int | Decimal) else 0, value)
        except EvaluationError as error:
            self._wrong(name, error.message)
        else:
            self._store(name, field, int(total) if field.kind == "integer" and total == int(total) else total)

    def _touch(self, name: str) -> Field | None:
        """The field, once: an unknown name, or one that is named twice in one change, is a problem."""
        if name not in self.known:
            self.problems.append(_unknown(self.type, name))
            return None
        if name in self.touched:
            self._wrong(name, say("it is changed twice at once"))
            return None
        self.touched.append(name)
        return self.known[name]

    def _store(self, name: str, field: Field, value: Value) -> None:
        given = None if value == [] or (isinstance(value, str) and not value.strip()) else value
        try:
            check(field, given)
        except InvalidValue as error:
            self._wrong(name, error.message, error.hint)
            return
        if given is None:
            self.fields.pop(name, None)
        else:
            self.fields[name] = given

    def _wrong(self, name: str, message: Message, hint: Message | None = None) -> None:
        self.problems.append(Problem(name, message, hint))


def _combined(before: Value, value: Value, adding: bool) -> list[Value]:
    """A list with the further items, each once, or without the given ones."""
    items: list[Value] = [*before] if isinstance(before, list) else []
    given = value if isinstance(value, list) else [value]
    if not adding:
        return [item for item in items if item not in given]
    return items + [item for i, item in enumerate(given) if item not in items and item not in given[:i]]


def _unknown(type: DocumentType, name: str) -> Problem:
    titled = next((id for id, field in type.fields if field.title == name), None)
    hint = say('did you mean "{word}"?', word=titled) if titled else did_you_mean(name, (id for id, _ in type.fields))
    return Problem(name, say('the type "{type}" has no such field', type=type.type), hint)


def _named(problem: Problem) -> Message:
    """The problem as a sentence that names the field."""
    if problem.hint is None:
        return say('"{field}": {reason}', field=problem.field, reason=problem.message)
    return say('"{field}": {reason}, {hint}', field=problem.field, reason=problem.message, hint=problem.hint)
