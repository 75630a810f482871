"""The file `*.test.yaml`: scenarios, as an analyst writes them.

The law of this file: it says which keys there are and of which kinds. What their values mean in the process — whether there is
such a step, such an outcome, such a person — is for `checks` to say; what becomes of them, for `player`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal, TypeAlias, TypeVar

from pydantic import BeforeValidator, ConfigDict, PrivateAttr, WithJsonSchema
from pydantic import Field as Key

from bpflow.definition.entries import Absence
from bpflow.definition.model import Model, key_of
from bpflow.definition.types import Given, Givens, Name, Result, Title
from bpflow.diagnostics import Diagnostic, say
from bpflow.graph.written import NOWHERE

Word: TypeAlias = Annotated[Title, Key(min_length=1)]
"""A text that is not empty."""
Several: TypeAlias = Word | tuple[Word, ...]
"""One, or a list."""


class Filled(Model):
    """What somebody fills in. All further keys are the values of its form."""

    model_config = ConfigDict(extra="allow")

    process: Result | None = None
    """The process in which it is done, where it is not the one that the scenario plays."""
    by: Word
    """Who does it: an id of the directory."""
    comment: Title | None = None
    """The comment."""

    @property
    def values(self) -> tuple[Given, ...]:
        """The values of the form, with their places."""
        keys, values = (getattr(self._tree, name, {}) for name in ("key_spans", "value_spans"))
        return tuple(Given(name, raw, values.get(name, NOWHERE), keys.get(name, NOWHERE)) for name, raw in (self.model_extra or {}).items())


class Answer(Filled):
    """An answer to a task. All further keys are the values of its form."""

    task: Result
    """The step whose task is answered."""
    outcome: Name
    """The button that is pressed."""


class Tick(Model):
    """Somebody ticks off an item of a task's checklist."""

    process: Result | None = None
    """The process in which it is done, where it is not the one that the scenario plays."""
    task: Result
    """The step whose task it is."""
    item: Word
    """The item: its text, or its number from 1 on."""
    by: Word
    """Who does it: an id of the directory."""
    done: bool = True
    """`false`: takes it back."""


class Command(Filled):
    """A command is pressed: the oldest of that name which is for the person. All further keys are the values of its form."""

    name: Name
    """The command."""


class Move(Filled):
    """The document is moved to another stage. All further keys are the values of the form of the move."""

    stage: Name
    """The stage to which it is moved."""


class Beginning(Model):
    """The process is started. Where this comes first in a play, nothing has started it before."""

    process: Result | None = None
    """The process that is started, where it is not the one that the scenario plays."""
    by: Word | None = None
    """Who starts it; without this, the program itself."""
    of: Name | None = None
    """On which document, by its name among the `documents` of the scenario; else on the process's own."""
    inputs: Givens = ()
    """The form of the start."""


class Change(Model):
    """Somebody edits a document."""

    by: Word | None = None
    """Who: an id of the directory."""
    of: Name | None = None
    """Which document, by its name among the `documents` of the scenario; else the process's own."""
    document: Givens
    """The new values of its fields; `none` empties one."""


class Sent(Model):
    """A message comes from outside."""

    name: Word
    """The message."""
    key: Annotated[Any, WithJsonSchema({"type": ["string", "number", "boolean"]})] = None
    """By what the receiver knows it; the name of a document of the scenario stands for that document."""
    values: Givens = ()
    """What it brings."""


class Claim(Model):
    """A person makes a task of his group his own, or gives it back."""

    process: Result | None = None
    """The process in which it is done, where it is not the one that the scenario plays."""
    task: Result
    """The step whose task it is."""
    by: Word
    """Who does it: an id of the directory."""


class Delegate(Claim):
    """A person passes his task on."""

    to: Word
    """Who gets it: an id of the directory."""
    comment: Title | None = None
    """A comment."""


class Reassign(Model):
    """An operator gives all that a person has to another. It is refused if there is nothing, or a task stays."""

    from_: Word
    """Whose tasks: an id of the directory."""
    to: Word | None = None
    """Who gets them: an id of the directory; without it what was claimed goes back to the group."""
    by: Word | None = None
    """Who does it: an id of the directory."""


class Refusal(Model):
    """Something that must not be taken, and must change nothing."""

    one_of: ClassVar[tuple[str, ...]] = ("start", "answer", "tick", "command", "move", "change", "message", "claim", "release", "delegate", "reassign")

    start: Beginning | None = None
    """A start."""
    answer: Answer | None = None
    """An answer to a task."""
    tick: Tick | None = None
    """A tick in a checklist."""
    command: Command | None = None
    """A command."""
    move: Move | None = None
    """A move to another stage."""
    change: Change | None = None
    """A change of a document."""
    message: Sent | None = None
    """A message."""
    claim: Claim | None = None
    """Claiming a task."""
    release: Claim | None = None
    """Giving a claimed task back."""
    delegate: Delegate | None = None
    """Passing a task on."""
    reassign: Reassign | None = None
    """Giving what a person has to another."""
    because: Word | None = None
    """A part of the reason that is given, in English or in Russian."""


class CalendarEntry(Model):
    """An entry in a calendar, as far as it is told."""

    title: Title | None = None
    """Its title, in full."""
    at: Word | None = None
    """When it begins."""
    to: Several | None = None
    """In whose calendar, or in whose calendars, it stands."""


class Notice(Model):
    """A message to people, as far as it is told."""

    to: Several | None = None
    """Who got it."""
    title: Title | None = None
    """Its title, in full."""
    text: Title | None = None
    """A part of its text."""


class Answered(Model):
    """An answer that a task has, as far as it is told."""

    by: Word | None = None
    """Who has answered."""
    in_place_of: Word | None = None
    """In whose place."""
    outcome: Name | None = None
    """What was chosen."""


class ServiceCall(Model):
    """A call of a service, as far as it is told."""

    service: Word
    """The service."""
    with_: Givens = ()
    """What it was given: some of its arguments."""


class Away(Model):
    """Days on which somebody is away, as they were entered, as far as they are told."""

    user: Word
    """Who."""
    from_: Word | None = None
    """The first day."""
    to: Word | None = None
    """The last day; `none`: until further notice."""
    substitute: Word | None = None
    """Who is named to act then; `none`: nobody."""
    reason: Title | None = None
    """Why, in full."""


Aways: TypeAlias = Literal["none"] | Away | tuple[Away, ...]
Calendar: TypeAlias = Literal["none"] | CalendarEntry | tuple[CalendarEntry, ...]
Notices: TypeAlias = Literal["none"] | Notice | tuple[Notice, ...]
Calls: TypeAlias = Literal["none"] | ServiceCall | tuple[ServiceCall, ...]


def means_none(raw: Any) -> bool:
    """Whether `none` is written, without quotes, or nothing at all."""
    return raw is None or (raw == "none" and getattr(raw, "style", "plain") == "plain")


Part = TypeVar("Part", Answered, Away, CalendarEntry, Notice, ServiceCall)
Answers: TypeAlias = Literal["none"] | Answered | tuple[Answered, ...]
Counted: TypeAlias = Annotated[Givens, WithJsonSchema({"type": "object", "additionalProperties": {"type": ["integer", "object"]}, "minProperties": 1})]
"""Documents: how many there are of a type, or fields of one of them."""


def parts(written: object, kind: type[Part]) -> list[Part]:
    """The entries, notices or calls that are written: one, several, or `none`."""
    several = written if isinstance(written, tuple) else (written,)
    return [part for part in several if isinstance(part, kind)]


class Facts(Model):
    """What may be said of the process at any moment, and of its end."""

    result: Result | None = None
    """The process has ended with this result; `none`: without one."""
    document: Givens = ()
    """Values of the document's fields; `none` is an empty one."""
    documents: Counted = ()
    """How many documents there are of a type, or values of fields that one of them has; a document of the scenario by its name."""
    variables: Givens = ()
    """Values of the process's variables; `none` is an empty one."""
    outputs: Givens = ()
    """What the process has given, once it has ended; `none` is an empty one."""
    calendar: Calendar | None = None
    """Entries that the process has made in calendars; `none`: it has made none."""
    absence: Aways | None = None
    """Days on which people are away, as the service `absence` has entered them; `none`: it has entered none."""
    notice: Notices | None = None
    """Messages to people since the last action; `none`: there were none."""
    call: Calls | None = None
    """Calls of services since the last action; `none`: there were none."""


class Expect(Facts):
    """What must be so at this moment. All that is said must hold."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    process: Result | None = None
    """All this is said of another process: of its newest instance; tasks and waits are those of all its instances."""
    instances: Annotated[int, Key(ge=0, strict=True)] | None = None
    """How many instances of the process have been started."""
    task: Result | None = None
    """A task of this step is open; `none`: no task at all is."""
    closed: Result | None = None
    """A task of this step was open, and is not any more: it was answered, or withdrawn."""
    to: Several | None = None
    """Those who have the task, and nobody else."""
    in_place_of: Several | None = None
    """Those who are away, and in whose place somebody has the task."""
    answered: Answers | None = None
    """Answers that the task has while it is not decided; `none`: it has none."""
    title: Title | None = None
    """The subject of the task, in full."""
    text: Title | None = None
    """A part of what the task tells its people."""
    due: Word | None = None
    """The deadline of the task; `none`: it has none."""
    overdue: bool | None = None
    """Whether the deadline of the task has passed."""
    waiting: Word | None = None
    """The process waits at this step, or at a step of this activity."""
    stage: Name | None = None
    """The document is in this stage of the pipeline."""
    incident: Word | None = None
    """The process has an incident whose message has this in it."""

    def mistakes(self) -> Iterator[Diagnostic]:
        """What is said of a task, without the task."""
        yield from super().mistakes()
        for name in ("to", "in_place_of", "answered", "title", "text", "due", "overdue"):
            key = key_of(name)
            if name in self.model_fields_set and means_none(self.task):
                yield Diagnostic(self.key_span(key), "missing-key", say('"{key}" is said of a task: name its step with "task"', key=key))


class Ends(Facts):
    """How it must have ended."""


Services: TypeAlias = Annotated[Givens, WithJsonSchema({"type": "object", "additionalProperties": {"type": ["object", "string", "array"]}, "minProperties": 1})]
"""What services answer, by name: the fields of the result, `none` for no result, or `{error: name, message: text}`; a list: one after the
other, the last for good."""
Documents: TypeAlias = dict[Result, dict[Name, Givens]]
"""Documents by type and by a name of the scenario's own: their fields."""


def _several(raw: Any) -> Any:
    return (raw,) if isinstance(raw, Mapping) else raw


Absences: TypeAlias = Annotated[tuple[Absence, ...], BeforeValidator(_several, json_schema_input_type=Absence | tuple[Absence, ...])]


class Entry(Model):
    """One thing that happens, or must be so."""

    one_of: ClassVar[tuple[str, ...]] = (
        *("expect", "start", "answer", "tick", "command", "move", "wait", "change", "message", "service", "absent", "refused"),
        *("claim", "release", "delegate", "reassign"),
    )

    expect: Expect | None = None
    """What must be so now."""
    start: Beginning | None = None
    """Somebody starts the process."""
    answer: Answer | None = None
    """Somebody answers a task."""
    tick: Tick | None = None
    """Somebody ticks off an item of a task's checklist."""
    command: Command | None = None
    """Somebody presses a command."""
    move: Move | None = None
    """Somebody moves the document to another stage."""
    wait: Word | None = None
    """Time passes: a duration such as `2 working days`, or up to an instant or the beginning of a day."""
    change: Change | None = None
    """Somebody edits a document."""
    message: Sent | None = None
    """A message comes from outside."""
    service: Services = ()
    """What services answer from now on; a list: one after the other, the last for good."""
    absent: dict[Word, Absences] = Key({})
    """Who is away too, as it is known from now on."""
    refused: Refusal | None = None
    """What must be refused."""
    claim: Claim | None = None
    """Somebody claims a task of his group."""
    release: Claim | None = None
    """Somebody gives a task that he has claimed back to the group."""
    delegate: Delegate | None = None
    """Somebody passes his task on."""
    reassign: Reassign | None = None
    """An operator gives what a person has to another."""

    @property
    def key(self) -> str:
        """Which of them it is."""
        return next(key for key in self.one_of if key in self.model_fields_set)


class Scenario(Model):
    """One course of the process, from its start on."""

    title: Word
    """What happens, in a sentence."""
    at: Word
    """When it begins: the instant that the clock shows."""
    document: Givens = ()
    """The fields of the process's document, which is created then."""
    documents: Documents = Key({})
    """Other documents that are there from the beginning: by type, then by a name by which the scenario calls them."""
    inputs: Givens = ()
    """The form of the start."""
    by: Word | None = None
    """Who starts the process."""
    absent: dict[Word, Absences] = Key({})
    """Who is away besides those of whom the directory says so."""
    service: Services = ()
    """What services answer (a list: one after the other, the last for good); a call of one that is not named fails the scenario."""
    processes: tuple[Result, ...] = ()
    """Other processes of the workspace that play along; those that are called always do."""
    play: tuple[Entry, ...] = ()
    """What happens, and what must be so, in this order."""
    ends: Ends | None = None
    """How the process must have ended after all that."""

    _process: str = PrivateAttr("")
    _source: str = PrivateAttr("")

    def of(self, process: str, source: str) -> Scenario:
        """The same scenario, told which process it plays and in which text it stands."""
        self._process, self._source = process, source
        return self

    @property
    def process(self) -> str:
        """The id of the process that it plays."""
        return self._process

    @property
    def source(self) -> str:
        """The text of its file; empty where it was made from plain data."""
        return self._source


class ScenarioFile(Model):
    """The scenarios of a process."""

    process: Result
    """The id of the process."""
    scenarios: Annotated[tuple[Scenario, ...], Key(min_length=1)]
    """The scenarios, each on its own."""
