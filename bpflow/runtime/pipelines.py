"""What people do with the documents of pipelines: a part of `Engine`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bpflow.expressions.data import User
from bpflow.runtime import forms as filling
from bpflow.runtime import moves
from bpflow.runtime.access import Act, asks
from bpflow.runtime.forms import FormView
from bpflow.runtime.joining import Connection
from bpflow.runtime.moves import MoveView
from bpflow.runtime.part import Part


class Pipelines(Part):
    """Documents that go from stage to stage."""

    _may: Callable[[Act, str | None, int], bool]

    def moves(self, instance: int, by: str | None = None) -> list[MoveView]:
        """The moves to other stages that people can make now, or a person, with their forms. UnexpectedEvent if there is no such instance."""
        found = moves.moves(self.runner, instance, by, self.clock.now())
        return found if self._may("answer", by, instance) else []

    @asks("answer")
    def move(
        self,
        instance: int,
        stage: str,
        *,
        by: str,
        values: Mapping[str, object] | None = None,
        comment: str | None = None,
        connection: Connection | None = None,
    ) -> None:
        """Moves the document of a pipeline to another stage: `values` are those of the form of the move, as text, plain data or typed.

        Raises UnexpectedEvent (no such move leads from where it is), NotAllowed (it is not for him), InvalidAnswer (the form, or fields that
        the stage needs; `field` says which).
        """
        moves.move(self.runner, instance, moves.Step(stage, by, values or {}, comment), self.clock.now(), self._happen)

    @asks("answer")
    def move_form(self, instance: int, stage: str, *, by: str | None = None, values: Mapping[str, object] | None = None) -> FormView:
        """The form of a move by what is filled in so far, as `form` gives that of a task. UnexpectedEvent if no such move leads from where it is,
        NotAllowed if it is not for him."""
        return filling.of_move(self.runner, instance, stage, filling.Filled(values or {}, User(by) if by is not None else None), self.clock.now())
