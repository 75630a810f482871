"""Triggers: what a race waits for, and what may happen meanwhile (§6 of the language)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field, ValidationInfo

from bpflow import graph
from bpflow.definition import forms
from bpflow.definition.fields import OpenFields, fields_of
from bpflow.definition.forms import FormCheck, FormFields
from bpflow.definition.model import Model
from bpflow.definition.reading import note
from bpflow.definition.step import ERROR_FIELDS, Step, Steps
from bpflow.definition.times import moment
from bpflow.definition.types import Duration, Expression, Name, Result, Target, Title
from bpflow.definition.validators import Read
from bpflow.diagnostics import Diagnostic, say
from bpflow.graph import Lowering
from bpflow.graph.written import span_of
from bpflow.values import Field as ValueField

TRIGGERS = ("after", "at", "changed", "message", "command")
PRESSED: Mapping[str, ValueField] = {"by": ValueField("user"), "at": ValueField("datetime"), "comment": ValueField("text")}
"""What a command brings besides the fields of its form."""
_GOES_WITH = {"key": "message", "values": "message", "by": "command", "fields": "command", "comment": "command", "check": "command"}


class TriggerKeys(Model):
    """One thing that may happen: exactly one of the triggers is written, with the keys that go with it."""

    one_of: ClassVar[tuple[str, ...]] = TRIGGERS

    after: Duration | None = None
    """After so long, counted from when it is armed."""
    at: Expression | None = None
    """At a date; if the date reads the document, it moves when that is changed."""
    changed: Expression | None = None
    """A condition becomes true."""
    message: Result | None = None
    """A message of that name comes."""
    key: Expression | None = None
    """The key that the message must have."""
    values: OpenFields = Field({})
    """The fields that the message brings."""
    command: Name | None = None
    """Somebody presses the button of that name."""
    title: Title | None = None
    """What is called so in drawings; of a command, what stands on the button."""
    by: Expression | None = None
    """Who may press the button; without it, everybody."""
    fields: FormFields = Field({})
    """Fields that whoever presses the button fills in."""
    comment: Literal["none", "optional", "required"] | None = None
    """Whether whoever presses the button may, or must, write a comment; `optional` if nothing is said."""
    check: tuple[FormCheck, ...] = ()
    """What must hold of these fields as a whole, once each is right: the first that does not is told."""

    def mistakes(self) -> Iterator[Diagnostic]:
        """Keys that go with another trigger, and fields of a form that hide what every command brings."""
        yield from super().mistakes()
        for key, other in _GOES_WITH.items():
            if key in self.model_fields_set and getattr(self, other) is None:
                yield Diagnostic(self.key_span(key), "unknown-key", say('"{key}" goes with "{other}" only', key=key, other=other))
        for name in self.fields:
            if name in PRESSED:
                message = say('"{name}" is brought by every command, so no field can have this name', name=name)
                yield Diagnostic(span_of(name) if span_of(name).file else self.place, "name-clash", message)

    @property
    def kind(self) -> str:
        """The key that names the trigger."""
        return next((key for key in type(self).one_of if getattr(self, key) is not None), "")

    @property
    def is_timer(self) -> bool:
        """Whether it happens when a time has come."""
        return self.at is not None or self.after is not None

    @property
    def called(self) -> str:
        """The name of a message, a command or an error, else the kind."""
        named = getattr(self, self.kind) if self.kind in ("message", "command", "error") else None
        return str(named) if isinstance(named, str) else self.kind

    def brings(self) -> Mapping[str, ValueField] | None:
        """The fields of what it brings; None if only the run knows them."""
        if self.command is not None:
            return {**PRESSED, **dict(fields_of(self.fields))}
        return (dict(fields_of(self.values)) or None) if self.message is not None else {}

    def trigger(self, name: str | None) -> graph.Trigger:
        """The trigger of the graph; `name` is the one under which expressions read what it brings."""
        title = str(self.title or "")
        if self.after is not None:
            return graph.Trigger("at", moment(self.after), fixed=True, title=title)
        if self.at is not None:
            return graph.Trigger("at", moment(self.at), title=title)
        if self.changed is not None:
            return graph.Trigger("changed", self.changed, title=title)
        if self.message is not None:
            return graph.Trigger("message", self.key, str(self.message), title=title, form=fields_of(self.values))
        return self._command(str(self.command or ""), name)

    def _command(self, command: str, name: str | None) -> graph.Trigger:
        return graph.Trigger(
            "command",
            name=command,
            by=self.by,
            title=str(self.title or command),
            form=tuple(forms.in_order(dict(fields_of(self.fields)), forms.readings(name, self.fields)).items()),
            comment=self.comment or "optional",
            when=forms.conditions(self.fields),
            choices=forms.choices(self.fields),
            checks=forms.checks(self.check),
        )


def _read_error(raw: object, info: ValidationInfo) -> str:
    """`true` for any error, or the name of one."""
    if raw is True:
        return ""
    if isinstance(raw, str):
        return str(raw)
    note(info, Diagnostic(span_of(raw), "wrong-kind", say('"error" is `true`, for any error, or the name of one')))
    return ""


AnyError: TypeAlias = Annotated[str, Read(_read_error, {"type": ["boolean", "string"], "minLength": 1})]


class Handler(TriggerKeys):
    """Something that may happen meanwhile, and what is done then."""

    one_of: ClassVar[tuple[str, ...]] = (*TRIGGERS, "error")

    id: Name | None = None
    """Names what the trigger brings in expressions; of a command, its own name if nothing is said."""
    error: AnyError | None = None
    """A step inside has failed: `true` for any error, or the name of one."""
    cancels: bool
    """`true`: what is going on is cancelled, then come these steps, then what follows. `false`: the steps run beside it."""
    steps: Steps = ()
    """What is done."""
    next: Target | None = None
    """The step that it leads to; what is going on is left for it."""

    def mistakes(self) -> Iterator[Diagnostic]:
        """Both `steps` and `next`, or neither where that would do nothing; fields that wait for each other."""
        yield from super().mistakes()
        yield from forms.circles(self.gives, self.fields)
        if self.steps and self.next:
            yield Diagnostic(self.key_span("next"), "exactly-one", say("only one of {keys} may be written", keys='"steps" / "next"'))
        if not self.cancels and self.next:
            message = say('what runs beside (`cancels: false`) has steps of its own, and cannot lead away with "next"')
            yield Diagnostic(self.key_span("next"), "unknown-key", message, say("write `cancels: true`, or put the jump into its steps"))
        elif not self.cancels and not self.steps:
            yield Diagnostic(self.place, "missing-key", say('"steps" is missing: nothing would be done'))

    @property
    def gives(self) -> str | None:
        """The name under which expressions read what it brings."""
        if self.error is not None:
            return str(self.id or graph.ERROR)
        return str(self.id or self.command) if self.id or self.command else None

    def brings(self) -> Mapping[str, ValueField] | None:
        """The fields of what it brings."""
        return ERROR_FIELDS if self.error is not None else super().brings()

    def trigger(self, name: str | None) -> graph.Trigger:
        """The trigger of the graph."""
        return graph.Trigger("error", None, self.error, title=str(self.title or "")) if self.error is not None else super().trigger(name)


def named(handlers: Iterable[Handler]) -> Iterator[tuple[str, Handler]]:
    """Each with a name of its own: its id, what it waits for, with a number from the second on."""
    taken: dict[str, int] = {}
    for handler in handlers:
        name = str(handler.id or handler.called or handler.kind)
        taken[name] = taken.get(name, 0) + 1
        yield (name if taken[name] == 1 else f"{name}-{taken[name]}"), handler


def lowered(b: Lowering, source: str, handlers: Sequence[Handler], *, apart: bool = False) -> tuple[graph.Handler, ...]:
    """The handlers of a block, or of a process; `b` is inside of it, `source` the node that their flows come from. `apart`: nothing leads
    out of what runs beside."""
    found = []
    for name, handler in named(handlers):
        within = b.beside() if apart and not handler.cancels else b
        way = within.branch(name, handler.steps, (handler.next,) if handler.next else ())
        flow = b.flow(source, name, way, str(handler.title or ""))
        found.append(graph.Handler(name, handler.trigger(handler.gives), handler.cancels, flow, gives=handler.gives))
    return tuple(found)


def lists(handlers: Iterable[Handler]) -> Iterator[tuple[str, Sequence[Step]]]:
    """The steps of each."""
    for name, handler in named(handlers):
        yield name, handler.steps


def brings(handlers: Iterable[Handler]) -> Iterator[tuple[str, Mapping[str, ValueField] | None]]:
    """The names under which what they bring is read, with the fields."""
    for handler in handlers:
        if handler.gives:
            yield handler.gives, handler.brings()
