"""Forms: which fields are asked for, what may be chosen in them, and what is refused.

The law of this file: a form is judged from its top to its end, each field by what stands above it. A wrong one is refused, naming the
field, and so is one that cannot be judged; nothing has changed then. What is asked on the way is recorded with the answer as always.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

from msgspec.structs import replace

from bpflow.diagnostics import Message, say
from bpflow.engine.draft import Draft, Fault
from bpflow.engine.events import Answered
from bpflow.engine.transition import InvalidAnswer
from bpflow.expressions.data import Department, Role, User, Value, flattened
from bpflow.expressions.errors import describe
from bpflow.graph import Expr, Outcome, Task, Trigger
from bpflow.values import Field, InvalidValue, check, one_of

LISTED = 12
"""How many of the choices a refusal names."""


class Filling:
    """A form that is being filled in. Its expressions see what is filled in so far under `name`, where later the results stand."""

    __slots__ = ("_choices", "_conditions", "_draft", "_names", "_record", "form")

    def __init__(self, draft: Draft, form: Outcome, name: str | None, head: Mapping[str, Value]) -> None:
        self.form, self._draft = form, draft
        self._conditions, self._choices = dict(form.when), dict(form.choices)
        self._record: dict[str, Value] = {}
        self._names: Mapping[str, Value] = draft.names
        if name and (form.when or form.choices or form.checks):
            there = draft.names.get(name)
            self._record = {**(there if isinstance(there, dict) else {}), **head, **{field: None for field, _ in form.fields}}
            self._names = {**draft.names, name: self._record}

    def is_asked(self, name: str) -> bool:
        """Whether a field is asked for, by what stands above it; a condition that is none, as a box that nobody has ticked, is not true.
        InvalidAnswer if it cannot be told."""
        condition = self._conditions.get(name)
        if condition is None:
            return True
        try:
            value = self._value(condition)
            return value is not None and _is_true(condition, value)
        except Fault as fault:
            raise refuse(name, say('"{field}": whether it is asked for cannot be told: {reason}', field=self._title(name), reason=fault.message)) from fault

    def offered(self, name: str, field: Field) -> list[Value] | None:
        """What may be chosen in a field, groups of people among it; None: whatever it may hold. InvalidAnswer if that cannot be told.

        What is of the field's type but beyond its bounds is not offered.
        """
        expr = self._choices.get(name)
        if expr is None:
            return None
        one, typed = one_of(field), _unbound(field)
        try:
            found = list(flattened(self._value(expr)))
            for choice in found:
                if not (field.kind == "user" and isinstance(choice, Department | Role)):
                    check(typed, choice)
        except (Fault, InvalidValue) as wrong:
            raise refuse(name, say('"{field}": what may be chosen cannot be told: {reason}', field=self._title(name), reason=wrong.message)) from wrong
        return found if one is typed else [choice for choice in found if isinstance(choice, Department | Role) or _fits(one, choice)]

    def take(self, name: str, field: Field, value: Value) -> Value:
        """Judges the value of a field, all above it being there; from now on the others see it. InvalidAnswer if it is not to be taken."""
        if name in self._conditions and not self.is_asked(name):
            if not is_empty(value):
                raise refuse(name, say('"{field}" is not asked for here, so it must stay empty', field=self._title(name)))
            return None
        value = judged(name, field, value)
        if name in self._choices and not is_empty(value):
            self._must_be_offered(name, field, value)
        self._record[name] = value
        return value

    def judge(self) -> None:
        """Judges the form as a whole, each field being there. InvalidAnswer with what is said of the first thing that does not hold."""
        for that, told in self.form.checks:
            try:
                if not _is_true(that, self._value(that)):
                    raise InvalidAnswer(say("{text}", text=self._value(told)))
            except Fault as fault:
                message = say("whether the form is right cannot be told: `{condition}`: {reason}", condition=that.text, reason=fault.message)
                raise InvalidAnswer(message) from fault

    def _must_be_offered(self, name: str, field: Field, value: Value) -> None:
        choices = self.offered(name, field)
        if choices is None:
            return
        groups = [one for one in choices if field.kind == "user" and not isinstance(one, User)]
        for one in value if isinstance(value, list) else [value]:
            if one not in choices and not any(self._draft.ask(("directory", "belongs", one, group)) is True for group in groups):
                title = self._title(name)
                if not choices:
                    raise refuse(name, say('"{field}": nothing may be chosen here, so it must stay empty', field=title))
                said, listed = describe(one), _listed(choices)
                raise refuse(name, say('"{field}": {value} may not be chosen, only {choices}', field=title, value=said, choices=listed))

    def _title(self, name: str) -> str:
        return next((field.title for known, field in self.form.fields if known == name and field.title), name)

    def _value(self, expr: Expr) -> Value:
        """The value of an expression, seen with what is filled in."""
        before, self._draft.names = self._draft.names, self._names
        try:
            return self._draft.value(expr)
        finally:
            self._draft.names = before


def is_empty(value: Value) -> bool:
    """Whether a field that holds this is not filled in."""
    return not value and (value is None or value == "" or value == [])


def judged(name: str, field: Field, value: Value) -> Value:
    """The value of a field, as far as that field alone can tell. InvalidAnswer if it is not to be taken."""
    if is_empty(value):
        if field.required:
            raise refuse(name, say('"{field}" must be filled', field=field.title or name))
        return None if value == "" else value  # a field that is not filled in is none, as the expressions of the form see it
    try:
        check(field, value)
    except InvalidValue as wrong:
        raise refuse(name, say('"{field}": {reason}', field=field.title or name, reason=wrong.message)) from wrong
    return value


def button(forms: Mapping[str, Outcome], name: str | None) -> Outcome:
    """The outcome of that name that people may choose (without a name, the first). InvalidAnswer if there is none."""
    chosen = next((outcome for outcome in forms.values() if outcome.button), None) if name is None else forms.get(name)
    if chosen is None or not chosen.button:
        buttons = [outcome.name for outcome in forms.values() if outcome.button]
        raise InvalidAnswer(say('"{outcome}" is not an outcome of this task; it has: {known}', outcome=name, known=", ".join(buttons)))
    return chosen


def answered(draft: Draft, task: Task, form: Outcome, event: Answered) -> dict[str, Value]:
    """The values of an answer, each field there. InvalidAnswer names the first that is wrong.

    Of a form without expressions each field is judged by itself: nothing has to be seen of what is filled in, or of the instance.
    """
    if form.when or form.choices or form.checks:
        return checked(of_task(draft, task, form, event.by, event.comment), event.values, event.comment)
    return filled(form, judged, event.values, event.comment)


def of_task(draft: Draft, task: Task, form: Outcome, by: User | None, comment: str | None) -> Filling:
    """The form of an outcome of a task; its expressions see the results that the answer would have."""
    if not (form.when or form.choices or form.checks):
        return Filling(draft, form, None, {})
    head: dict[str, Value] = {field: None for outcome in task.form.outcomes for field, _ in outcome.fields}
    return Filling(draft, form, task.gives, {**head, "outcome": form.name, "by": by, "at": draft.now, "comment": comment})


def of_command(draft: Draft, trigger: Trigger, name: str | None, by: User | None, comment: str | None) -> Filling:
    """The form of a command; its expressions see what a press would bring, under the name that it has then."""
    return Filling(draft, form_of(trigger), name, {"by": by, "at": draft.now, "comment": comment})


def form_of(trigger: Trigger) -> Outcome:
    """The form of a command, as an outcome has it."""
    asks = (trigger.when, trigger.choices, trigger.checks)
    return Outcome(trigger.name, trigger.title or trigger.name, trigger.form, trigger.comment, True, *asks)


def checked(filling: Filling, given: Mapping[str, Value], comment: str | None) -> dict[str, Value]:
    """The values of the form, each field there. InvalidAnswer names the first that is wrong."""
    values = filled(filling.form, filling.take, given, comment)
    filling.judge()
    return values


def filled(form: Outcome, judge: Callable[[str, Field, Value], Value], given: Mapping[str, Value], comment: str | None) -> dict[str, Value]:
    """The values of the fields, judged one after another, and the comment: the first that is wrong is told."""
    values: dict[str, Value] = {}
    if given:
        no_others(form, given)
    for name, field in form.fields:
        values[name] = judge(name, field, given.get(name))
    if form.comment != "optional":
        judge_comment(form, comment)
    return values


def judge_comment(form: Outcome, comment: str | None) -> None:
    """InvalidAnswer if the form must have a comment, or may have none."""
    if form.comment == "required" and not (comment or "").strip():
        raise refuse("comment", say("a comment is required"))
    if form.comment == "none" and comment:
        raise refuse("comment", say('"{outcome}" takes no comment', outcome=form.name))


def no_others(form: Outcome, given: Iterable[str]) -> None:
    """InvalidAnswer if a field is given that the form does not have."""
    fields = dict(form.fields)
    for name in given:
        if name not in fields:
            raise refuse(name, say('"{outcome}" has no field "{field}"', outcome=form.name, field=name))


def refuse(field: str, message: Message) -> InvalidAnswer:
    """The refusal of a form by one of its fields."""
    refusal = InvalidAnswer(message)
    refusal.field = field
    return refusal


@lru_cache(1024)
def _unbound(field: Field) -> Field:
    """The type of one of the field's values, without its bounds."""
    one = one_of(field)
    return one if one.min is one.max is one.pattern is None else replace(one, min=None, max=None, pattern=None)


def _is_true(condition: Expr, value: Value) -> bool:
    if not isinstance(value, bool):
        raise Fault(say("`{condition}` is neither true nor false", condition=condition.text))
    return value


def _fits(field: Field, value: Value) -> bool:
    try:
        check(field, value)
    except InvalidValue:
        return False
    return True


def _listed(choices: list[Value]) -> Message:
    """The choices in a row, as far as there is room."""
    row = describe(choices[0])
    for one in choices[1:LISTED]:
        row = say("{first}, {rest}", first=row, rest=describe(one))
    return say("{first} and {count} more", first=row, count=len(choices) - LISTED) if len(choices) > LISTED else row
