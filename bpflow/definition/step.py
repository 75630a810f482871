"""The step: what all activities have in common, and how the list of steps finds their classes.

The law of this file: a step knows its keys and how it is lowered, nothing else. The classes come from the validation context, so
the definition does not know the activities, and an activity of an embedding program is read as the built-in ones are.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, TypeAlias

from pydantic import Field, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

from bpflow import graph, values
from bpflow.definition.model import Model
from bpflow.definition.reading import reading_of
from bpflow.definition.types import Name, Seconds, Targets, Title
from bpflow.definition.validators import Read
from bpflow.definition.vocabulary import vocabulary
from bpflow.diagnostics import Diagnostic, did_you_mean, say
from bpflow.graph import Expr, Lowering, Way, World

ERROR_FIELDS: Mapping[str, values.Field] = {"name": values.Field("string"), "message": values.Field("text")}
"""What can be read of an error: its name, as services and `error:` call it, and what was said."""


class Retry(Model):
    """How often and when a service is asked again: after `first`, twice that, … at most `at-most`, with jitter."""

    times: Annotated[int, Field(ge=1, le=1000, strict=True)]
    """How often, after the first time."""
    first: Seconds = 10
    """How long after the first failure; 10 seconds if nothing is said."""
    at_most: Seconds = 3600
    """The longest time between two tries; an hour if nothing is said."""

    def mistakes(self) -> Iterator[Diagnostic]:
        """A longest time that is shorter than the first."""
        yield from super().mistakes()
        if "at_most" in self.model_fields_set and self.at_most < self.first:
            message = say('"at-most" is shorter than "first", which comes before it')
            yield Diagnostic(self.value_span("at-most"), "impossible-amount", message)

    def lowered(self) -> graph.Retry:
        """The retry of the graph."""
        return graph.Retry(self.times, self.first, max(self.first, self.at_most))


class Step(Model):
    """A step of a process. An activity is a class made from it: its keys are fields, its docstring is its manual page."""

    opens_block: ClassVar[bool] = False
    """Whether its lists of steps stand in a block of their own, so that several tokens in them are gathered there."""
    inner_names: ClassVar[tuple[str, ...]] = ()
    """Names that some expression of its own may read besides those of the process."""

    activity: Title
    """What the step does: the name of an activity."""
    id: Name | None = None
    """Names the step in `next`, and its results in expressions."""
    title: Title | None = None
    """What the step is called in drawings and in the history."""
    next: Targets = ()
    """The step that follows, where it is not the next one in the list; several begin all of them; `go-on` carries on after this list."""
    retry: Retry | None = None
    """How often a service that has refused or broken is asked again."""
    on_error: "Branch | None" = None
    """What is done if the step fails, after its retries; without it, that is for the nearest step around it that has one, else for an operator."""
    notes: Title | None = None
    """Remarks for whoever reads the process."""

    def lower(self, b: Lowering) -> None:
        """Adds the nodes of the step to the graph; the one by which it is entered has the id `b.path`."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it is lowered")

    def results(self, world: World | None = None) -> Mapping[str, values.Field] | None:
        """The fields of `<id>.…` in expressions; None if the step gives nothing. `world` tells the types of the document's fields."""
        return None

    @property
    def open_results(self) -> bool:
        """Whether the results may have more fields than `results` tells: those that only the run knows."""
        return False

    @property
    def awaits_people(self) -> bool:
        """Whether the process stands still here until somebody answers."""
        return False

    @property
    def has_timer(self) -> bool:
        """Whether time goes on for what stands inside: something happens when a time has come."""
        return False

    @property
    def around(self) -> str:
        """The suffix of a node of its own by which the step is entered, where it opens a block around what it is."""
        return ""

    def brings(self, world: World | None = None) -> Iterator[tuple[str, Mapping[str, values.Field] | None]]:
        """Names that the step gives besides its own, with their fields (None: not known): a for-each's item, what a trigger brings."""
        if self.on_error:
            yield graph.ERROR, ERROR_FIELDS

    def names_within(self, world: World) -> Iterator[tuple[Expr, Mapping[str, values.Field]]]:
        """The names that an expression of this step sees besides those of the process, with their types."""
        yield from ()

    def parts_within(self) -> Iterator[tuple[str, Expr, values.Field]]:
        """The expressions that the graph has only as parts of others: each with the key or the result that it is for ("" of a condition), and
        the field whose values it may give."""
        yield from ()

    def lists(self) -> Iterator[tuple[str, Sequence["Step"]]]:
        """The lists of steps inside this one, by the name of the branch."""
        yield from ()

    def inner(self) -> Iterator[Sequence["Step"]]:
        """All lists of steps inside this one, that of `on-error` too."""
        yield from (steps for _, steps in self.lists())
        if self.on_error:
            yield self.on_error.steps

    def mistakes(self) -> Iterator[Diagnostic]:
        """A step that leads to one and the same step twice."""
        yield from super().mistakes()
        for number, target in enumerate(self.next):
            if target in self.next[:number]:
                yield Diagnostic(self.value_span("next"), "duplicate-id", say('"next" names "{name}" twice', name=target))


def _read_step(raw: Any, info: ValidationInfo) -> Step:
    if isinstance(raw, Step):
        return raw
    if not isinstance(raw, Mapping):
        raise PydanticCustomError("wrong-kind", "a step is a set of keys, with 'activity' among them")
    name = raw.get("activity")
    if not isinstance(name, str):
        raise PydanticCustomError("missing-activity", "a step says with 'activity' what it does")
    reading = reading_of(info)
    known = vocabulary() if reading is None or reading.activities is None else reading.activities  # whether there are any takes long to say
    if name not in known:
        hint = did_you_mean(name, known) or say("there are: {names}", names=", ".join(sorted(known)))
        raise PydanticCustomError("unknown-activity", "there is no activity '{name}' — {hint}", {"name": name, "hint": str(hint)})
    made: Step = known[name].model_validate(raw, context=info.context)
    return made


AnyStep: TypeAlias = Annotated[Step, Read(_read_step, {"$ref": "#/$defs/step"})]
Steps: TypeAlias = Annotated[tuple[AnyStep, ...], WithJsonSchema({"type": "array", "items": {"$ref": "#/$defs/step"}, "minItems": 1})]
"""A list of steps."""


class Branch(Model):
    """Where a step may go on: exactly one of `steps` and `next`."""

    one_of: ClassVar[tuple[str, ...]] = ("steps", "next")

    title: Title | None = None
    """What the branch is called in drawings."""
    steps: Steps = ()
    """What is done there; after it comes what follows the step around it."""
    next: Targets = ()
    """The step that it leads to, or several; `go-on` where there is nothing to do."""

    def way(self, b: Lowering, name: str) -> Way:
        """The way into the branch, lowered under `name`."""
        return b.branch(name, self.steps, self.next)


for _model in (Retry, Branch, Step):  # inside all others, which then need not make them ready again
    _model.model_rebuild()


def walk(steps: Iterable[Step]) -> Iterator[Step]:
    """All steps of a list, those inside others after the ones around them."""
    for step in steps:
        yield step
        for inner in step.inner():
            yield from walk(inner)


def can_fork(steps: Iterable[Step]) -> bool:
    """Whether several tokens can run in the list at once, and come out of it: a `next` that names several steps, in no block of its own."""
    return any(_forks(step) or (not step.opens_block and any(can_fork(inner) for inner in step.inner())) for step in steps)


def _forks(step: Step) -> bool:
    return any(isinstance(targets := getattr(model, "next", ()), tuple) and len(targets) > 1 for model in models(step))


def models(value: Any) -> Iterator[Model]:
    """A model and those inside it, but for the steps inside."""
    yield value
    for name in type(value).model_fields:
        held = getattr(value, name)
        for one in held.values() if isinstance(held, dict) else held if isinstance(held, tuple) else (held,):
            if isinstance(one, Model) and not isinstance(one, Step):
                yield from models(one)
