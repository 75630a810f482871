"""Stages, and the moves between them: what an analyst writes of a pipeline (§7 of the language)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from pydantic import Field as Key

from bpflow.definition import forms, triggers
from bpflow.definition.filling import FormKeys
from bpflow.definition.model import Model
from bpflow.definition.step import Step, Steps, walk
from bpflow.definition.triggers import Handler
from bpflow.definition.types import Expression, Name, Title
from bpflow.diagnostics import Diagnostic, Span, say
from bpflow.graph import MOVE
from bpflow.graph.written import span_of
from bpflow.values import Field

MOVED: Mapping[str, Field] = {"from": Field("choice"), "by": Field("user"), "comment": Field("text"), "at": Field("datetime")}
"""What is known of every move."""


class MoveKeys(FormKeys):
    """A move: a button that takes the document to the stage of that name, with its form."""

    title: Title | None = None
    """What stands on the button; without it, the title of the stage."""
    by: Expression | None = None
    """Who may move the document; without it, no person: only processes and programs may."""

    def mistakes(self) -> Iterator[Diagnostic]:
        """Fields that wait for each other."""
        yield from super().mistakes()
        yield from forms.circles(MOVE, self.fields)


class Enter(Model):
    """What it takes to enter a stage."""

    required: tuple[Title, ...] = Key(min_length=1)
    """Fields of the document that must be filled before."""
    ask: Expression | None = None
    """Who fills them if they are empty; without it, a move with empty fields is refused."""


class Stage(Model):
    """A stage: a status of the document, with the automation around it."""

    title: Title | None = None
    """What people call it; without it, the title of the choice in the stage field."""
    final: bool = False
    """Its steps are done, and the instance ends with its name as result."""
    enter: Enter | None = None
    """What it takes to enter it."""
    steps: Steps = ()
    """What is done when the document comes into it; after it the document waits there for a move."""
    meanwhile: tuple[Handler, ...] = ()
    """What may happen while they are being done."""
    moves: dict[Name, MoveKeys] = Key({})
    """The stages to which the document may be moved from here."""

    def mistakes(self) -> Iterator[Diagnostic]:
        """Moves out of a final stage, and `meanwhile` of steps that are not there."""
        yield from super().mistakes()
        if self.final and self.moves:
            message = say("a final stage ends the instance, so nothing moves the document out of it")
            yield Diagnostic(self.key_span("moves"), "final-stage", message, say('leave out "final" or "moves"'))
        if self.meanwhile and not self.steps:
            yield Diagnostic(self.key_span("meanwhile"), "missing-key", say('"meanwhile" needs "steps": what may happen while they are being done'))

    def lists(self) -> Iterator[tuple[str, Sequence[Step]]]:
        """Its steps, and those of what may happen meanwhile."""
        yield "", self.steps
        yield from triggers.lists(self.meanwhile)

    def all_steps(self) -> Iterator[Step]:
        """All its steps, those inside others too."""
        for _, steps in self.lists():
            yield from walk(steps)


class Staged(Protocol):
    """What a process is here."""

    @property
    def stage_field(self) -> str | None: ...
    @property
    def stages(self) -> Mapping[str, Stage]: ...
    @property
    def moves(self) -> Mapping[str, MoveKeys]: ...
    def key_span(self, key: str) -> Span: ...


def moves_from(process: Staged, stage: str) -> dict[str, MoveKeys]:
    """The moves out of a stage: its own, then those that all stages have."""
    here = process.stages[stage]
    return {} if here.final else {**here.moves, **{to: move for to, move in process.moves.items() if to != stage and to not in here.moves}}


def all_moves(process: Staged) -> Iterator[tuple[str, MoveKeys]]:
    """All moves as they are written, with the stages to which they lead."""
    for stage in process.stages.values():
        yield from stage.moves.items()
    yield from process.moves.items()


def mistakes(process: Staged) -> Iterator[Diagnostic]:
    """Keys of pipelines without stages, stages without the field that says which, and fields of forms that hide what is known of every move."""
    for key, there in (("stage-field", process.stage_field), ("moves", process.moves)):
        if there and not process.stages:
            yield Diagnostic(process.key_span(key), "unknown-key", say('"{key}" goes with "{other}" only', key=key, other="stages"))
    if process.stages and process.stage_field is None:
        message, hint = say('"{key}" is missing', key="stage-field"), say("name the field of the document that says in which stage it is")
        yield Diagnostic(process.key_span("stages"), "missing-key", message, hint)
    for _, move in all_moves(process):
        for field in (*move.fields, *move.fill):
            if field in MOVED:
                message = say('"{name}" is known of every move, so no field can have this name', name=field)
                yield Diagnostic(span_of(field) if span_of(field).file else move.place, "name-clash", message)
