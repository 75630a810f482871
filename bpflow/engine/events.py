"""What can happen to an instance. Each event says when (`at`, an instant in UTC) and, where a person did it, who (`by`)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TypeAlias

from msgspec import Struct

from bpflow.diagnostics import Message
from bpflow.expressions.data import Document, User, Value

NOTHING: Mapping[str, Value] = {}


class Started(Struct, frozen=True, gc=False):
    """The instance begins, with typed inputs, perhaps on a document."""

    at: datetime
    by: User | None = None
    document: Document | None = None
    inputs: Mapping[str, Value] = NOTHING
    seed: int = 0
    trouble: Message | None = None
    """Why it is in doubt that it should begin (a start condition that cannot be evaluated): an operator decides."""
    catches: tuple[str, ...] = ()
    """The errors that the caller takes where nobody here does; "" is any."""
    alone: str = ""
    """The step that is the whole of the instance; `inputs` are then all names that it may read."""


class Answered(Struct, frozen=True, gc=False):
    """A person chose an outcome of a task and filled its form (typed values)."""

    at: datetime
    by: User
    token: int
    visit: int
    outcome: str
    values: Mapping[str, Value] = NOTHING
    comment: str | None = None


class TimerFired(Struct, frozen=True, gc=False):
    """The timer of an arm of a token or a scope; stale unless the arm is still due at `due`."""

    at: datetime
    holder: int
    arm: int
    due: datetime
    by: User | None = None


class Arrived(Struct, frozen=True, gc=False):
    """A message for an arm that listens to its name and key; `visit` is that of a waiting token, None where it is not said."""

    at: datetime
    holder: int
    arm: int
    values: Mapping[str, Value] = NOTHING
    by: User | None = None
    visit: int | None = None


class DocumentChanged(Struct, frozen=True, gc=False):
    """A document that the instance watches was changed."""

    at: datetime
    document: Document
    by: User | None = None


class Commanded(Struct, frozen=True, gc=False):
    """A person pressed the button of an arm and filled its form (typed values). `visit`: that of the token that waits; 0 for a scope."""

    at: datetime
    by: User
    holder: int
    arm: int
    values: Mapping[str, Value] = NOTHING
    comment: str | None = None
    visit: int = 0


class Done(Struct, frozen=True, gc=False):
    """A service answered a call. `local`: one of the house, so nothing has come from outside and the token's count of hops goes on. With
    `attempt` only that attempt is answered: what an earlier one says comes too late."""

    at: datetime
    token: int
    visit: int
    values: Mapping[str, Value] = NOTHING
    local: bool = False
    by: User | None = None
    attempt: int = 0


class Failed(Struct, frozen=True, gc=False):
    """A service refused or broke at that attempt; `error` is the name that handlers may ask for."""

    at: datetime
    token: int
    visit: int
    attempt: int
    reason: Message
    error: str = ""
    by: User | None = None


class Retry(Struct, frozen=True, gc=False):
    """An operator has the step of an incident tried again."""

    at: datetime
    by: User | None
    incident: int
    why: str = ""


class Skip(Struct, frozen=True, gc=False):
    """An operator passes the step of an incident over, with results, leaving it by `branch` where it has several ways out."""

    at: datetime
    by: User | None
    incident: int
    results: Mapping[str, Value] = NOTHING
    branch: str | None = None
    why: str = ""


class Cancel(Struct, frozen=True, gc=False):
    """The instance is ended from outside: by a person, or because its `caller` waits for it no longer."""

    at: datetime
    by: User | None
    why: str = ""
    caller: int | None = None


class Correct(Struct, frozen=True, gc=False):
    """An operator gives variables and inputs of the instance other values (typed ones)."""

    at: datetime
    by: User | None
    values: Mapping[str, Value]
    why: str = ""


class Jump(Struct, frozen=True, gc=False):
    """An operator takes a token that waits or is held to another step, by the id of its node; the blocks between are left."""

    at: datetime
    by: User | None
    token: int
    step: str
    why: str = ""


class Suspend(Struct, frozen=True, gc=False):
    """An operator stops the instance where it stands, until it is resumed."""

    at: datetime
    by: User | None
    why: str = ""


class Resume(Struct, frozen=True, gc=False):
    """An operator lets a suspended instance go on."""

    at: datetime
    by: User | None
    why: str = ""


class Claimed(Struct, frozen=True, gc=False):
    """A member of the group that has a task makes it his own."""

    at: datetime
    by: User
    token: int
    visit: int


class Released(Struct, frozen=True, gc=False):
    """He gives it back to the group."""

    at: datetime
    by: User
    token: int
    visit: int


class Delegated(Struct, frozen=True, gc=False):
    """A person passes his task on to another, who answers in his place."""

    at: datetime
    by: User
    token: int
    visit: int
    to: User
    comment: str | None = None


class Reassigned(Struct, frozen=True, gc=False):
    """An operator gives what `person` has at a task to another; without one, what he has claimed goes back to the group."""

    at: datetime
    by: User | None
    token: int
    visit: int
    person: User
    to: User | None = None
    why: str = ""


class Moved(Struct, frozen=True, gc=False):
    """The document of a pipeline is moved from the stage `source`, in which whoever moves has seen it, to another; with the form of the move
    (typed values). `direct`: by a change of the document, which has been made already in the same transaction; then it has no form. `by`
    is None where no person does it, but a program or another process."""

    at: datetime
    by: User | None
    source: str
    stage: str
    values: Mapping[str, Value] = NOTHING
    comment: str | None = None
    direct: bool = False


class Ticked(Struct, frozen=True, gc=False):
    """A person ticked off an item of a task's checklist, by its number from 0, or took that back."""

    at: datetime
    by: User
    token: int
    visit: int
    item: int
    done: bool = True


Event: TypeAlias = (
    Started
    | Answered
    | TimerFired
    | Arrived
    | DocumentChanged
    | Commanded
    | Done
    | Failed
    | Retry
    | Skip
    | Cancel
    | Correct
    | Jump
    | Suspend
    | Resume
    | Claimed
    | Released
    | Delegated
    | Reassigned
    | Moved
    | Ticked
)
