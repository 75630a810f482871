"""A branch of a step: steps of its own, or a step that it leads to."""

from __future__ import annotations

from typing import ClassVar

from bpflow.definition.model import Model
from bpflow.definition.step import Steps
from bpflow.definition.types import Target, Title
from bpflow.graph import Lowering, Way


class Branch(Model):
    """Where a step may go on: exactly one of `steps` and `next`."""

    one_of: ClassVar[tuple[str, ...]] = ("steps", "next")

    title: Title | None = None
    """What the branch is called in drawings."""
    steps: Steps = ()
    """What is done there; after it comes what follows the step around it."""
    next: Target | None = None
    """The step that it leads to; `go-on` where there is nothing to do."""

    def way(self, b: Lowering, name: str) -> Way:
        """The way into the branch, lowered under `name`."""
        return b.branch(name, self.steps, self.next)
