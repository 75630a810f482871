"""What `advance` gives back: the next state, the rows of the index that change with it, the calls to be made, and the facts.

Questions go the other way: `Answers` is what `advance` may ask, a table for replay, a lazily filled one in the runtime.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from datetime import datetime
from typing import Any, Literal, Protocol, TypeAlias, TypeVar, get_args

from msgspec import Struct

from bpflow.diagnostics import Message, Refused
from bpflow.engine.state import Assignee, Party, State
from bpflow.expressions.data import Document, Question, Value

RETRY, TIMEOUT = -1, -2
"""The arms of a call's own timers."""
DONE = -3
"""The arm of the condition under which a task is done."""
ALONE = "tasks.open"
"""The service that opens a task in an instance of its own; it is told what the task may read."""
START = "processes.start"
"""The service that starts another process; it is told which errors the caller takes."""


class UnexpectedEvent(Refused):
    """The event does not fit where the instance stands: a closed task, an incident that is not there. Nothing has changed."""


class NotAllowed(Refused):
    """The person may not do that. Nothing has changed."""


class InvalidAnswer(Refused):
    """The form is not filled as it must be; `field` is the first wrong one. Nothing has changed."""

    field: str | None = None


class Unanswered(Exception):
    """`advance` needs the answer to `question`: find it, and advance again from the same state."""

    def __init__(self, question: Question) -> None:
        super().__init__(question)
        self.question = question


class Denied(Struct, frozen=True):
    """The answer to a question that was refused (an unknown person, a date out of reach): recorded, so that a replay is refused too."""

    message: Message


class Answers(Protocol):
    """What the outside says. `used` keeps what was asked and answered, to be recorded with the event."""

    used: dict[Question, Value | Denied]

    def ask(self, question: Question) -> Value:
        """The answer. Unanswered if it is not known yet; Refused if there is none, which `used` keeps as Denied."""
        ...


class Table:
    """Answers that are all known beforehand: those of a replay, those of a test."""

    __slots__ = ("known", "used")

    def __init__(self, known: Mapping[Question, Value | Denied] | None = None) -> None:
        self.known = known or {}
        self.used: dict[Question, Value | Denied] = {}

    def ask(self, question: Question) -> Value:
        if question not in self.known:
            raise Unanswered(question)
        value = self.used[question] = self.known[question]
        if isinstance(value, Denied):
            raise Refused(value.message)
        return value


class Replayed:
    """The answers of an event that was worked in before, in the order in which they were asked for: the same again asks the same."""

    __slots__ = ("_left", "used")

    def __init__(self, values: Iterable[Value | Denied]) -> None:
        self._left = iter(values)
        self.used: dict[Question, Value | Denied] = {}

    def ask(self, question: Question) -> Value:
        if question not in self.used:
            self.used[question] = next(self._left)
        value = self.used[question]
        if isinstance(value, Denied):
            raise Refused(value.message)
        return value


class TaskRow(Struct, frozen=True, gc=False):
    """An open task: who may answer it, what it is called, when it is due, who sees it besides. Of one that closes only the people are told."""

    people: tuple[Assignee, ...]
    node: str = ""
    subject: str = ""
    due: datetime | None = None
    overdue: bool = False
    observers: tuple[Party, ...] = ()


class CallOut(Struct, frozen=True, gc=False):
    """A service is to be called. The key of a call that is waited for is (instance, token, visit): attempts share it; one that nobody
    waits for is told apart by its attempt as well. `to`: the instance that is told something, or that is to begin; 0 where a service is called."""

    service: str
    arguments: Mapping[str, Value]
    token: int
    visit: int
    attempt: int
    wait: bool
    to: int = 0

    @property
    def begins(self) -> bool:
        """Whether an instance begins by it."""
        return self.service in (START, ALONE)


class Listen(Struct, frozen=True, gc=False):
    """A message that is waited for: its name and key, and the visit of the token that waits (0: a scope listens)."""

    name: str
    key: Value
    visit: int


T = TypeVar("T")
Rows: TypeAlias = dict[tuple[int, int], tuple[T | None, T | None]]
"""Rows of the index by key: what the store has (None: no row), and what it is to have. So a row can be found by its old content, and
one that comes and goes within a transaction is never written."""


def put_row(rows: Rows[T], key: tuple[int, int], before: T | None, after: T | None) -> None:
    """A row changes; what was there before the transaction is what the first change found."""
    known = rows.get(key)
    rows[key] = (known[0] if known else before, after)


class Effects(Struct):
    """The rows that differ from the index of the state before, and the calls to be made or withdrawn. Keys: (token, visit) of tasks,
    (holder, arm) of timers and listens."""

    tasks: Rows[TaskRow] = {}
    timers: Rows[datetime] = {}
    watches: dict[tuple[int, Document], bool] = {}
    listens: dict[tuple[int, int], Listen | None] = {}
    calls: list[CallOut] = []
    withdrawn: list[tuple[int, int]] = []

    def then(self, later: Effects) -> None:
        """Adds what a later step of the same transaction does."""
        for key, (before, after) in later.tasks.items():
            put_row(self.tasks, key, before, after)
        for key, (due, new) in later.timers.items():
            put_row(self.timers, key, due, new)
        self.watches |= later.watches
        self.listens |= later.listens
        self.calls += later.calls
        self.withdrawn += later.withdrawn


FactKind: TypeAlias = Literal[
    "took",
    "cleared",
    "overdue",
    "reminded",
    "incident",
    "repaired",
    "fired",
    "ended",
    "corrected",
    "jumped",
    "suspended",
    "resumed",
    "answered",
    "claimed",
    "released",
    "delegated",
    "reassigned",
    "escalated",
    "handed",
    "ticked",
]
FACT_KINDS: tuple[FactKind, ...] = get_args(FactKind)
FACT_NUMBERS = {kind: number for number, kind in enumerate(FACT_KINDS)}
NAMING = frozenset({"ended", "fired"})
"""The facts that name no node, but a result or a handler."""
Facts: TypeAlias = list[int | str]
"""What has happened, flat, as history has it: the number of a kind, a token or scope, the number of a flow or node (or a result, a name), and so
on. Read by timelines, coverage and mining, never by `advance`."""


class Transition(Struct, frozen=True):
    """The outcome of one event. `touched`: the tokens and scopes, `renamed`: the names (what they are mapped to says nothing) by which
    the state may differ from the one before, all others are the same objects."""

    state: State
    effects: Effects
    facts: Facts
    touched: Set[int] = frozenset()
    renamed: dict[str, Any] = {}


def is_same(before: State, transition: Transition) -> bool:
    """Whether nothing has come of an event: a stale one, or a change of a document that alters nothing that is waited for."""
    after = transition.state
    if after is before:
        return True
    effects = transition.effects
    if effects.calls or effects.tasks or effects.timers or effects.watches:
        return False
    if (after.status, after.parked) != (before.status, before.parked):
        return False
    return (after.tokens, after.scopes, after.names, after.incidents) == (before.tokens, before.scopes, before.names, before.incidents)
