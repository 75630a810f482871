"""The process: all that an analyst writes in one file, and how it becomes a graph."""

import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field as Key

from bpflow.definition.fields import DocumentTypeModel, Fields, OpenFields
from bpflow.definition.model import Model
from bpflow.definition.stages import MoveKeys, Stage
from bpflow.definition.stages import mistakes as pipeline_mistakes
from bpflow.definition.step import Step, Steps, walk
from bpflow.definition.triggers import Handler
from bpflow.definition.types import Expression, Givens, Name, Result, Title
from bpflow.definition.validators import Rare
from bpflow.definition.zones import is_zone
from bpflow.diagnostics import Diagnostic, did_you_mean, say
from bpflow.graph.written import span_of


class _Start(Model):
    when: Expression | None = None
    """Only if this is true."""
    with_: Givens = ()
    """Values for the inputs."""


class ManualStart(_Start):
    """Somebody starts the process by hand."""

    on: Literal["manual"]
    """By hand."""
    by: Expression | None = None
    """Who may; without it, everybody."""


class DocumentCreatedStart(_Start):
    """A document of the process's type was created."""

    on: Literal["document-created"]
    """When a document is created."""


class DocumentChangedStart(_Start):
    """A document of the process's type was changed; `previous` is what it was before."""

    on: Literal["document-changed"]
    """When a document is changed."""


class ScheduleStart(_Start):
    """The time of a schedule has come."""

    on: Literal["schedule"]
    """At the times of a schedule."""
    cron: Title
    """The times as in cron: minute, hour, day of the month, month, day of the week; in the zone of the process."""

    def mistakes(self) -> Iterator[Diagnostic]:
        """What is no schedule, and one that never comes."""
        from bpflow.definition.schedule import WrongSchedule, next_time  # only where there is one

        yield from super().mistakes()
        try:
            next_time(self.cron, "UTC", _SOME_DAY)
        except WrongSchedule as wrong:
            hint = say('for example "0 9 * * 1-5": at nine on weekdays')
            message = say('"{cron}" is no schedule: {reason}', cron=self.cron, reason=wrong.message)
            yield Diagnostic(self.value_span("cron"), "bad-schedule", message, hint)


_SOME_DAY = datetime(2026, 1, 1, tzinfo=UTC)
"""Whether a schedule ever comes does not depend on the day."""


class MessageStart(_Start):
    """A message for which nobody waits; `message` is what it brings, `key` its key."""

    on: Literal["message"]
    """When a message comes."""
    message: Result
    """The name of the message."""
    values: OpenFields = Key({})
    """The fields that the message brings."""
    document: Expression | None = None
    """The document of the instance, where the process has one."""


class CallStart(Model):
    """Another process calls this one. A process without any start can be called too."""

    on: Literal["call"]
    """When another process calls it."""
    when: Expression | None = None
    """Only if this is true."""


Start: TypeAlias = Annotated[ManualStart | DocumentCreatedStart | DocumentChangedStart | ScheduleStart | MessageStart | CallStart, Key(discriminator="on")]


class Process(Model):
    """A process: `steps`, or the `stages` of a pipeline."""

    one_of: ClassVar[tuple[str, ...]] = ("steps", "stages")

    bpflow: Literal[1]
    """The version of the language."""
    id: Result
    """The id of the process, unique in the workspace."""
    title: Title | None = None
    """What people call the process."""
    description: Title | None = None
    """What the process does, for whoever uses it."""
    timezone: Title | None = None
    """The zone by which it reads and shows times; without it, the workspace's."""
    document: Result | DocumentTypeModel | None = None
    """The type of the document that an instance works on: its name, or `{type, fields}`."""
    inputs: Fields = Key({})
    """The form that is filled in at the start."""
    variables: Fields = Key({})
    """What an instance remembers; each with a `default`."""
    outputs: dict[Name, Expression] = Key({})
    """What an instance gives when it has ended."""
    people: dict[Name, Expression] = Key({})
    """Names for expressions that give people; they are read at each use."""
    start: Rare[tuple[Start, ...]] = ()
    """What starts instances."""
    unless_running: bool = False
    """No second instance on the same document."""
    meanwhile: Rare[tuple[Handler, ...]] = ()
    """What may happen at any time while an instance runs."""
    steps: Steps = ()
    """What is done."""
    stage_field: Title | None = None
    """Of a pipeline: the field of the document that says in which stage it is, by the names of the stages."""
    stages: Rare[dict[Name, Stage]] = Key({})
    """The stages of a pipeline by name, in their order; a new document begins in the first."""
    moves: Rare[dict[Name, MoveKeys]] = Key({})
    """The moves that there are in every stage that is not final, by the stage to which they lead."""

    def all_steps(self) -> Iterator[Step]:
        """All steps, those inside others, of stages and of `meanwhile` too."""
        yield from walk(self.steps)
        for stage in self.stages.values():
            yield from stage.all_steps()
        for handler in self.meanwhile:
            yield from walk(handler.steps)

    def mistakes(self) -> Iterator[Diagnostic]:
        """A zone that there is not, and starts by documents where there is no document."""
        yield from super().mistakes()
        yield from pipeline_mistakes(self)
        if self.timezone is not None and not is_zone(self.timezone):
            message = say('there is no time zone "{zone}"', zone=self.timezone)
            yield Diagnostic(self.value_span("timezone"), "unknown-timezone", message, did_you_mean(self.timezone, zoneinfo.available_timezones()))
        for start in self.start:
            if isinstance(start, MessageStart):
                yield from self._message_start(start)
            elif isinstance(start, ScheduleStart):
                if self.document is not None:
                    message, hint = say("a schedule has no document, and the process needs one"), say("let a process without a document do it")
                    yield Diagnostic(start.place, "schedule-on-document", message, hint)
            elif not isinstance(start, ManualStart | CallStart) and self.document is None:
                message = say('"{on}" needs a document, and the process has none', on=start.on)
                yield Diagnostic(start.place, "missing-key", message, say('name its type with "document"'))
        for key in ("unless-running", "stages"):
            if getattr(self, key.replace("-", "_")) and self.document is None:
                message = say('"{on}" needs a document, and the process has none', on=key)
                yield Diagnostic(self.key_span(key), "missing-key", message, say('name its type with "document"'))
        if "result" in self.outputs:
            message = say('"{name}" is how the instance has ended', name="result")
            yield Diagnostic(span_of(next(name for name in self.outputs if name == "result")), "name-clash", message, say("choose another name"))

    def _message_start(self, start: MessageStart) -> Iterator[Diagnostic]:
        """Where the process has a document the start says which, and only there."""
        if self.document is not None and start.document is None:
            message = say("the process has a document, and the start by a message does not say which")
            yield Diagnostic(start.place, "missing-key", message, say('name it with "document", as in "document: message.order"'))
        if self.document is None and start.document is not None:
            message = say('"{on}" needs a document, and the process has none', on="document")
            yield Diagnostic(start.key_span("document"), "missing-key", message, say('name its type with "document"'))
