"""Forms as people see them while they fill them in: what is asked for by now, what may be chosen, what is wrong so far.

The law of this file: it judges nothing itself, but lets the engine's own rules judge what is not sent yet; and nothing changes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, tzinfo

from msgspec import Struct
from msgspec.structs import replace

from bpflow.diagnostics import Message, Refused, say
from bpflow.engine import forms, people, stages
from bpflow.engine.draft import Draft, Fault
from bpflow.engine.forms import Filling
from bpflow.engine.transition import InvalidAnswer, UnexpectedEvent
from bpflow.expressions.data import Department, Role, User, Value
from bpflow.expressions.texts import printed
from bpflow.graph import Outcome, Task
from bpflow.runtime import reading
from bpflow.runtime.commands import Press, meant
from bpflow.runtime.moves import form_for
from bpflow.runtime.transaction import Runner
from bpflow.runtime.views import Look, load
from bpflow.services.working_calendar import zone_of
from bpflow.values import Field

_RUSSIAN = re.compile("[а-яё]", re.IGNORECASE)


class FieldView(Struct, frozen=True):
    """A field of a form, by what is filled in so far.

    `field`: its type, of a choice with those that are on offer · `shown`: whether it is asked for at all; if not, it must stay empty ·
    `choices`: values with labels, where not everything may be chosen, the people of groups one by one; else None · `value`: what was given,
    else what is offered · `wrong`: why that cannot be sent, or why the field cannot be judged.
    """

    name: str
    field: Field
    shown: bool
    choices: tuple[tuple[Value, str], ...] | None
    value: Value
    wrong: Message | None = None

    @property
    def required(self) -> bool:
        """Whether it must be filled in now."""
        return self.shown and self.field.required


class FormView(Struct, frozen=True):
    """A form, by what is filled in so far: its fields, in the order in which they are filled in. `wrong`: what does not hold of them as a whole,
    once each of them is right."""

    outcome: str
    title: str
    comment: str
    fields: tuple[FieldView, ...]
    wrong: Message | None = None

    @property
    def values(self) -> dict[str, Value]:
        """What would be sent: the values of the fields that are asked for."""
        return {one.name: one.value for one in self.fields if one.shown}


class Filled(Struct, frozen=True):
    """What somebody has filled in so far, as text, plain data or typed; fields that are not named hold what is offered."""

    values: Mapping[str, object]
    by: User | None = None
    comment: str | None = None


def of_task(runner: Runner, task: tuple[int, int, int], outcome: str | None, filled: Filled, now: datetime) -> FormView:
    """The form of an outcome of a task. UnexpectedEvent if the task is closed, InvalidAnswer if it has no such outcome or field."""
    id, token, visit = task
    _, held, state = load(runner, id)
    at = state.tokens.get(token)
    node = held.program.nodes.get(at.node) if at else None
    if at is None or at.visit != visit or at.waiting is None or not isinstance(node, Task):
        raise UnexpectedEvent(say("the task is closed"))
    form = forms.button(held.program.asked[node.id].forms, outcome)
    look = Look(runner, held, state, at.scope, now)
    offered = {name: look.value(expr) for name, expr in node.form.prefill}
    return _seen(look, form, offered, filled, lambda draft: forms.of_task(draft, node, form, filled.by, filled.comment))


def of_command(runner: Runner, id: int, press: Press, filled: Filled, now: datetime) -> FormView:
    """The form of the command that `press` means. UnexpectedEvent if it is not to be had, NotAllowed if it is not for the person who is named,
    InvalidAnswer if it has no such field."""
    _, held, state = load(runner, id)
    button = meant(runner, held, state, press, now)
    look = Look(runner, held, state, button.scope, now)

    def begin(draft: Draft) -> Filling:
        if filled.by is not None:
            people.check_presser(draft, button.trigger, filled.by)
        return forms.of_command(draft, button.trigger, button.gives, filled.by, filled.comment)

    return _seen(look, button.form, {}, filled, begin)


def of_move(runner: Runner, id: int, stage: str, filled: Filled, now: datetime) -> FormView:
    """The form of a move to a stage, for that person. UnexpectedEvent if no such move leads from where the document is, NotAllowed if it is not
    for him."""
    _, held, state = load(runner, id)
    scope = stages.stage_scope(held.program, state.scopes)
    if scope is None:
        raise UnexpectedEvent(say("the document is in no stage now"))
    here, look = held.program.stages[scope.block], Look(runner, held, state, scope.id, now)
    trigger, wanted = stages.the_move(held.program, here, stage)[1].trigger, held.program.stages[stage]
    form, values = form_for(look, trigger, wanted, filled.by.id if filled.by else None)

    def begin(draft: Draft) -> Filling:
        if filled.by is not None:
            stages.check_person(draft, trigger, filled.by)
        return stages.filling(draft, form, here, filled.by, filled.comment)

    return _seen(look, form, values, filled, begin)


# ── judging ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def _seen(look: Look, form: Outcome, offered: Mapping[str, Value], filled: Filled, begin: Callable[[Draft], Filling]) -> FormView:
    forms.no_others(form, filled.values)
    graph = look.held.program.graph
    given = {**offered, **filled.values}
    language = "ru" if _RUSSIAN.search(graph.title) else "en"

    def fill(draft: Draft) -> FormView:
        filling = begin(draft)
        fields = tuple(_field(draft, filling, name, field, given.get(name), zone_of(graph.timezone), language) for name, field in form.fields)
        return FormView(form.name, form.title, form.comment, fields, _wrong(filling) if all(one.wrong is None for one in fields) else None)

    return look.seen(fill)


def _field(draft: Draft, filling: Filling, name: str, field: Field, raw: object, zone: tzinfo, language: str) -> FieldView:
    """A field, after those above it."""
    value: Value = None
    try:
        if not filling.is_asked(name):
            return FieldView(name, field, False, None, None)
        offered = filling.offered(name, field)
    except InvalidAnswer as refused:
        return FieldView(name, field, True, None, None, refused.message)
    choices = None if offered is None else tuple((one, _label(draft, field, one, language)) for one in _people(draft, field, offered))
    narrow = replace(field, choices=tuple((str(one), title) for one, title in choices)) if choices is not None and field.kind == "choice" else field
    try:
        value = reading.read_form({name: field}, {name: raw}, zone)[name]
        filling.take(name, field, value)
    except InvalidAnswer as refused:
        return FieldView(name, narrow, True, choices, value, refused.message)
    return FieldView(name, narrow, True, choices, value)


def _wrong(filling: Filling) -> Message | None:
    try:
        filling.judge()
    except InvalidAnswer as refused:
        return refused.message
    return None


def _people(draft: Draft, field: Field, offered: list[Value]) -> list[Value]:
    """What may be chosen, each once, with the members of groups in place of these."""
    found: list[Value] = []
    for one in offered:
        group = field.kind == "user" and isinstance(one, Department | Role)
        members = draft.ask(("directory", "members", one)) if group else [one]
        found += [member for member in members if member not in found] if isinstance(members, list) else []
    return found


def _label(draft: Draft, field: Field, value: Value, language: str) -> str:
    """A choice as people read it."""
    for known, title in field.choices:
        if value == known:
            return title
    try:
        return printed(draft, value, language)
    except (Fault, Refused):
        return str(getattr(value, "id", value))


__all__ = ["FieldView", "Filled", "FormView", "of_command", "of_move", "of_task"]
