"""Stages, and the moves between them: what an analyst writes of a pipeline (§7 of the language)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pydantic import Field as Key

from bpflow.definition import triggers
from bpflow.definition.filling import FormKeys
from bpflow.definition.model import Model
from bpflow.definition.step import Step, Steps, walk
from bpflow.definition.triggers import Handler
from bpflow.definition.types import Expression, Name, Title
from bpflow.diagnostics import Diagnostic, say
from bpflow.graph.written import span_of
from bpflow.values import Field

MOVE = "move"
"""The name under which the steps of a stage read how the document came into it."""
MOVED: Mapping[str, Field] = {"from": Field("choice"), "by": Field("user"), "comment": Field("text"), "at": Field("datetime")}
"""What is known of every move."""


class MoveKeys(FormKeys):
    """A move: a button that takes the document to the stage of that name, with its form."""

    title: Title | None = None
    """What stands on the button; without it, the title of the stage."""
    by: Expression | None = None
    """Who may move the document; without it, no person: only processes and programs may."""


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
    moves: dict[Name, MoveKeys] = Key(default_factory=dict)
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


class PipelineKeys(Model):
    """The keys of a process that is a pipeline."""

    stage_field: Title | None = None
    """The field of the document that says in which stage it is; its values are the names of the stages."""
    stages: dict[Name, Stage] = Key(default_factory=dict)
    """The stages by name, in their order; a new document begins in the first."""
    moves: dict[Name, MoveKeys] = Key(default_factory=dict)
    """The moves that there are in every stage that is not final."""

    def mistakes(self) -> Iterator[Diagnostic]:
        """Keys of pipelines without stages, and stages without the field that says which."""
        yield from super().mistakes()
        for key in ("stage-field", "moves"):
            if getattr(self, key.replace("-", "_")) and not self.stages:
                yield Diagnostic(self.key_span(key), "unknown-key", say('"{key}" goes with "{other}" only', key=key, other="stages"))
        if self.stages and self.stage_field is None:
            message, hint = say('"{key}" is missing', key="stage-field"), say("name the field of the document that says in which stage it is")
            yield Diagnostic(self.key_span("stages"), "missing-key", message, hint)
        for name, move in self.all_moves():
            yield from _hiding(name, move)

    def moves_from(self, stage: str) -> dict[str, MoveKeys]:
        """The moves out of a stage: its own, then those that all stages have."""
        here = self.stages[stage]
        return {} if here.final else {**here.moves, **{to: move for to, move in self.moves.items() if to != stage and to not in here.moves}}

    def all_moves(self) -> Iterator[tuple[str, MoveKeys]]:
        """All moves as they are written, with the stages to which they lead."""
        for stage in self.stages.values():
            yield from stage.moves.items()
        yield from self.moves.items()


def _hiding(name: str, move: MoveKeys) -> Iterator[Diagnostic]:
    for field in (*move.fields, *move.fill):
        if field in MOVED:
            message = say('"{name}" is known of every move, so no field can have this name', name=field)
            yield Diagnostic(span_of(field) if span_of(field).file else move.place, "name-clash", message)
