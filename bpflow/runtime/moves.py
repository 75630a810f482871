"""Moves: where people may take the document of a pipeline now, and one being made.

The law of this file: what can be done is read from where the instance stands; whether a move is taken, the engine alone decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from msgspec import Struct, field

from bpflow.diagnostics import say
from bpflow.engine.events import Event, Moved
from bpflow.engine.stages import form_of, moves_from, stage_scope
from bpflow.engine.state import Party
from bpflow.engine.transition import UnexpectedEvent
from bpflow.expressions.data import User, Value
from bpflow.graph import Expr, Handler, Outcome, Stage, Trigger
from bpflow.runtime import reading, views
from bpflow.runtime.transaction import Runner
from bpflow.services.directory import is_among
from bpflow.services.working_calendar import zone_of


class MoveView(Struct, frozen=True):
    """A move that can be made by hand now.

    `source`, `stage`: from which stage to which, by their ids · `form`: its fields and its comment, for the person with what he may fill
    for the stage · `people`: who may make it · `prefill`: what the form offers.
    """

    instance: int
    source: str
    stage: str
    title: str
    form: Outcome
    people: tuple[Party, ...]
    prefill: dict[str, Value] = field(default_factory=dict)


def moves(runner: Runner, id: int, by: str | None, now: datetime) -> list[MoveView]:
    """The moves that people can make in an instance now, or a person; in their order. UnexpectedEvent if there is no such instance."""
    _, held, state = views.load(runner, id)
    scope = stage_scope(held.program, state.scopes) if state.status == "running" else None
    if scope is None:
        return []
    look = views.Look(runner, held, state, scope.id, now)
    here = [handler for _, handler in moves_from(held.program, scope.block) if handler.trigger.by is not None]
    found = [_view(runner, look, held.program.stages[scope.block], held.program.stages[handler.name], handler, by) for handler in here]
    return [view for view in found if by is None or is_among(User(by), [*view.people], runner.world.directory)]


def _view(runner: Runner, look: views.Look, source: Stage, stage: Stage, handler: Handler, by: str | None) -> MoveView:
    form, prefill = form_for(look, handler.trigger, stage, by)
    assert handler.trigger.by is not None
    return MoveView(look.held.id, source.id, stage.id, handler.trigger.title, form, look.people(handler.trigger.by), prefill)


def form_for(look: views.Look, trigger: Trigger, stage: Stage, by: str | None) -> tuple[Outcome, dict[str, Value]]:
    """The form of a move, for the person with what he may fill for the stage, and what it offers."""
    asked = stage.ask is not None and by is not None and is_among(User(by), [*look.people(stage.ask)], look.runner.world.directory)
    form = form_of(trigger, stage, asked)
    offered = {**{name: Expr(f"document.{name}") for name, _ in stage.required}, **dict(trigger.prefill)}
    return form, {name: look.value(offered[name]) for name, _ in form.fields if name in offered}


class Step(Struct, frozen=True):
    """Somebody wants to move the document to a stage, with the form of the move."""

    stage: str
    by: str
    values: Mapping[str, object]
    comment: str | None


def move(runner: Runner, id: int, wanted: Step, now: datetime, happen: Callable[[int, Event], object]) -> None:
    """Has a move happen. UnexpectedEvent says which moves there are, NotAllowed that it is not for him, InvalidAnswer which field is wrong."""
    _, held, state = views.load(runner, id)
    if state.status in ("ended", "cancelled", "failed"):
        raise UnexpectedEvent(say("the instance has ended"))
    if not held.program.stages:
        raise UnexpectedEvent(say('"{process}" has no stages', process=held.program.graph.process))
    scope = stage_scope(held.program, state.scopes)
    if scope is None:
        raise UnexpectedEvent(say("the document is in no stage now"))
    comment = reading.comment_of(wanted.comment)
    forms = {handler.name: handler.trigger.form for _, handler in moves_from(held.program, scope.block)}
    stage = held.program.stages.get(wanted.stage)
    fields = {**dict(stage.required if stage else ()), **dict(forms.get(wanted.stage, ()))}
    values = reading.read_form(fields, wanted.values, zone_of(held.program.graph.timezone)) if wanted.stage in forms else {}
    happen(id, Moved(now, User(wanted.by), scope.block, wanted.stage, values, comment))
