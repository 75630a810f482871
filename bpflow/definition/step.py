"""The step: what all activities have in common, and how the list of steps finds their classes.

The law of this file: a step knows its keys and how it is lowered, nothing else. The classes come from the validation context, so
the definition does not know the activities, and an activity of an embedding program is read as the built-in ones are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, TypeAlias

from pydantic import BeforeValidator, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

from bpflow.definition.model import Model
from bpflow.definition.reading import reading_of
from bpflow.definition.types import Name, Target, Title
from bpflow.definition.vocabulary import vocabulary
from bpflow.diagnostics import did_you_mean, say
from bpflow.graph import Expr, Lowering, World
from bpflow.values import Field


class Step(Model):
    """A step of a process. An activity is a class made from it: its keys are fields, its docstring is its manual page."""

    activity: Title
    """What the step does: the name of an activity."""
    id: Name | None = None
    """Names the step in `next`, and its results in expressions."""
    title: Title | None = None
    """What the step is called in drawings and in the history."""
    next: Target | None = None
    """The step that follows, where it is not the next one in the list; `go-on` carries on after this list."""
    notes: Title | None = None
    """Remarks for whoever reads the process."""

    open_results: ClassVar[bool] = False
    """Whether it may give more than `results` says: not all of its fields are known before it runs."""

    def lower(self, b: Lowering) -> None:
        """Adds the nodes of the step to the graph; the one by which it is entered has the id `b.path`."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it is lowered")

    def results(self, world: World | None = None) -> Mapping[str, Field] | None:
        """The fields of `<id>.…` in expressions; None if the step gives nothing. `world` tells the types of the document's fields."""
        return None

    def names_within(self, world: World) -> Iterator[tuple[Expr, Mapping[str, Field]]]:
        """The names that an expression of this step sees besides those of the process, with their types."""
        yield from ()

    def lists(self) -> Iterator[tuple[str, Sequence[Step]]]:
        """The lists of steps inside this one, by the name of the branch."""
        yield from ()


def _read_step(raw: Any, info: ValidationInfo) -> Step:
    if isinstance(raw, Step):
        return raw
    if not isinstance(raw, Mapping):
        raise PydanticCustomError("wrong-kind", "a step is a set of keys, with 'activity' among them")
    name = raw.get("activity")
    if not isinstance(name, str):
        raise PydanticCustomError("missing-activity", "a step says with 'activity' what it does")
    reading = reading_of(info)
    known = reading.activities if reading and reading.activities else vocabulary()
    if name not in known:
        hint = did_you_mean(name, known) or say("there are: {names}", names=", ".join(sorted(known)))
        raise PydanticCustomError("unknown-activity", "there is no activity '{name}' — {hint}", {"name": name, "hint": str(hint)})
    made: Step = known[name].model_validate(raw, context=info.context)
    return made


AnyStep: TypeAlias = Annotated[Step, BeforeValidator(_read_step), WithJsonSchema({"$ref": "#/$defs/step"})]
Steps: TypeAlias = Annotated[tuple[AnyStep, ...], WithJsonSchema({"type": "array", "items": {"$ref": "#/$defs/step"}, "minItems": 1})]
"""A list of steps."""


def walk(steps: Sequence[Step]) -> Iterator[Step]:
    """All steps of a list, those inside others after the ones around them."""
    for step in steps:
        yield step
        for _, inner in step.lists():
            yield from walk(inner)
