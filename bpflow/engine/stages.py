"""Stages: where the document of a pipeline is, and who may move it where.

The rules: the document is in the stage whose block is open, and a move is what leaves that block. A move that is not there, not for the
person, or whose form is not filled as it must be is refused and changes nothing; so is one that is meant for a stage in which the document
is no longer. Fields that are needed are asked of whoever moves if he may fill them, else of those who may, while the document stays.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from bpflow.diagnostics import did_you_mean, each_quoted, say, with_hint
from bpflow.engine import forms, people
from bpflow.engine.draft import Draft
from bpflow.engine.events import Moved
from bpflow.engine.forms import Filling
from bpflow.engine.program import Program
from bpflow.engine.state import Scope
from bpflow.engine.transition import NotAllowed, UnexpectedEvent
from bpflow.expressions.data import User, Value
from bpflow.graph import MOVE, Expr, Handler, Outcome, Stage, Trigger


def stage_scope(program: Program, scopes: Mapping[int, Scope]) -> Scope | None:
    """The scope of the stage in which the document is; None before the first and after the last, and where there are no stages."""
    return next((scope for scope in scopes.values() if scope.block in program.stages and scope.handler < 0), None)


def move_of(draft: Draft, event: Moved) -> tuple[Scope, int, dict[str, Value]]:
    """The move that is meant, as the handler of its scope, with what it brings. Refused if it may not be."""
    scope = stage_scope(draft.program, draft.scopes)
    if scope is None:
        raise UnexpectedEvent(say("the document is in no stage now"))
    here = draft.program.stages[scope.block]
    if event.source != here.id:
        raise UnexpectedEvent(say('the document is in the stage "{stage}" by now', stage=here.title))
    number, handler = the_move(draft.program, here, event.stage)
    stage, trigger = draft.program.stages[event.stage], handler.trigger
    draft.look_from(scope.id)
    if event.by is not None:
        check_person(draft, trigger, event.by)
    form = form_of(trigger, stage, entered_by(draft, stage, event))
    values = forms.checked(filling(draft, form, here, event.by, event.comment), filled_before(draft, trigger, event), event.comment)
    missing = [name for name, _ in stage.required if forms.is_empty(values.get(name)) and (name in trigger.fill or forms.is_empty(in_document(draft, name)))]
    if missing and (stage.ask is None or event.direct):
        titles = [one.title or name for name, one in stage.required if name in missing]
        raise forms.refuse(missing[0], say('the stage "{stage}" needs what is not filled: {fields}', stage=stage.title, fields=each_quoted(titles)))
    if missing and is_asked(draft, scope, number):
        raise UnexpectedEvent(say('the move to "{stage}" waits already until somebody has filled the fields that it needs', stage=stage.title))
    known = {name: values.get(name) for name, _ in (*trigger.form, *stage.required)}
    return scope, number, {"by": event.by, "at": draft.now, "comment": event.comment, **known}


def the_move(program: Program, here: Stage, to: str) -> tuple[int, Handler]:
    """The move from one stage to another, with its number. UnexpectedEvent, with those that there are, if there is none."""
    moves = {handler.name: (number, handler) for number, handler in moves_from(program, here.id)}
    if to in moves:
        return moves[to]
    if to == here.id:
        raise UnexpectedEvent(say('the document is in the stage "{stage}" already', stage=here.title))
    if to not in program.stages:
        raise UnexpectedEvent(with_hint(say('there is no stage "{name}"', name=to), did_you_mean(to, program.stages)))
    words = {"source": here.title, "target": program.stages[to].title}
    if not moves:
        raise UnexpectedEvent(say('no move leads from "{source}" to "{target}", or anywhere else', **words))
    raise UnexpectedEvent(say('no move leads from "{source}" to "{target}"; there are: {known}', **words, known=each_quoted(moves)))


def moves_from(program: Program, stage: str) -> list[tuple[int, Handler]]:
    """The moves out of a stage, with their numbers among its handlers."""
    return [(number, handler) for number, handler in enumerate(program.handlers[stage]) if handler.trigger.kind == "move"]


# ── who, and with what ──────────────────────────────────────────────────────────────────────────────────────────────
def check_person(draft: Draft, trigger: Trigger, by: User) -> None:
    """NotAllowed unless the move is for the person."""
    if trigger.by is None:
        raise NotAllowed(say('nobody moves the document to "{stage}" by hand', stage=trigger.title))
    if not people.is_one_of(draft, by, trigger.by):
        raise NotAllowed(say('the move "{move}" is not for "{user}"', move=trigger.title, user=by.id))


def entered_by(draft: Draft, stage: Stage, event: Moved) -> bool:
    """Whether whoever moves is one of those who fill what the stage needs."""
    return not event.direct and event.by is not None and stage.ask is not None and people.is_one_of(draft, event.by, stage.ask)


def form_of(trigger: Trigger, stage: Stage, with_entry: bool) -> Outcome:
    """The form of a move: its own, and with what the stage needs if whoever moves may fill that."""
    form = dict(trigger.form)
    if with_entry:
        form |= {name: one for name, one in stage.required if name not in form or not form[name].required}
    return replace(forms.form_of(trigger), fields=tuple(form.items()))


def filling(draft: Draft, form: Outcome, source: Stage, by: User | None, comment: str | None) -> Filling:
    """The form of a move; its expressions see what the move would bring."""
    return Filling(draft, form, MOVE, {"from": source.id, "by": by, "comment": comment, "at": draft.now})


def filled_before(draft: Draft, trigger: Trigger, event: Moved) -> Mapping[str, Value]:
    """What the form is filled with: by whoever moves, or by the change of the document that is the move."""
    return {**event.values, **{name: in_document(draft, name) for name in trigger.fill}} if event.direct else event.values


def in_document(draft: Draft, name: str) -> Value:
    """What a field of the document holds."""
    return draft.value(Expr(f"document.{name}"))


def is_asked(draft: Draft, scope: Scope, number: int) -> bool:
    """Whether a move of that number has begun and waits for those who must fill something."""
    return any(other.parent == scope.id and other.handler == number for other in draft.scopes.values())
