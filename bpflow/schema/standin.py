"""The step that stands in for one that could not be read."""

from bpflow.definition.step import Step
from bpflow.graph import Lowering
from bpflow.graph import Step as Node

STAND_IN = "unreadable"


class StandIn(Step):
    """A step that could not be read."""

    def lower(self, b: Lowering) -> None:
        """A node that does nothing."""
        b.add(Node(b.path, (b.flow(b.path),)))
