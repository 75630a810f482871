"""The key `subtasks`: work of its own beside a task, which must be done before it."""

from collections.abc import Mapping

from msgspec import Struct

from bpflow.definition.model import Model
from bpflow.definition.times import deadline
from bpflow.definition.types import Duration, Expression, Template
from bpflow.diagnostics import Span
from bpflow.graph import Alarm, Flow, Form, Lowering, Outcome, Task
from bpflow.graph.written import span_of
from bpflow.values import Field

DONE = "done"
"""The only outcome of a subtask."""
PART: Mapping[str, Field] = {"by": Field("user"), "at": Field("datetime")}
"""What is known of a subtask that is done."""


class Subtask(Model):
    """A part of the work, for people of its own."""

    title: Template
    """The subject of its task."""
    to: Expression
    """Who gets it."""
    text: Template | None = None
    """What they are told."""
    due: Duration | None = None
    """Its deadline."""


class Part(Struct, frozen=True):
    """A subtask as a step that stands beside its task."""

    id: str
    of: str
    model: Subtask
    activity: str = "task"
    next: tuple[str, ...] = ()
    retry: None = None
    on_error: None = None
    around: str = ""

    @property
    def title(self) -> str:
        """What it is called in drawings and in the history."""
        return str(self.model.title)

    @property
    def place(self) -> Span:
        """Where it stands in the file."""
        return span_of(self.id) if span_of(self.id).file else self.model.place

    def lower(self, b: Lowering) -> None:
        """One Task with one outcome."""
        model = self.model
        form = Form(model.title.expr, (Outcome(DONE, DONE),), model.text.expr if model.text else None)
        alarms = (Alarm(deadline(model.due)),) if model.due else ()
        b.add(Task(b.path, model.to, form, ((DONE, b.flow(b.path, DONE)),), alarms, part=(self.of, str(self.id))))


def lowered(inside: Lowering, block: str, subtasks: Mapping[str, Subtask]) -> dict[str, Flow]:
    """By name the flows into the tasks, out of the block that stands around them and the task that they are parts of."""
    ways = {str(name): inside.branch(f"subtask-{name}", [Part(name, inside.name, model)]) for name, model in subtasks.items()}
    return {name: inside.flow(block, name, way) for name, way in ways.items()}
