"""The state of an instance: where its tokens stand and what it knows.

The law of this file: a state is a value. Between calls of `advance` nobody changes one; inside a call the draft copies what it
touches. Everything here can be written down positionally (`codec`) and read back equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from bpflow.diagnostics import Message
from bpflow.engine.events import Event
from bpflow.expressions.data import Department, Document, Role, User, Value

ROOT = 0
"""The id of the scope of the whole instance; ids of tokens and of other scopes come from one counter that begins at 1."""

LARGE = 32
"""A fan of more items than that is large."""

Names: TypeAlias = dict[str, Value]
NO_NAMES: Mapping[str, Value] = {}
Party: TypeAlias = User | Department | Role
TokenStatus: TypeAlias = Literal["moving", "waiting", "inside", "held"]
Status: TypeAlias = Literal["running", "ended", "cancelled", "failed", "suspended"]
OVER = frozenset({"ended", "cancelled", "failed"})
"""The statuses after which nothing comes."""


class Assignee(Struct, frozen=True, gc=False):
    """A seat at a task: whose answer it waits for; in whose place, where it is a substitute's or was delegated; and of which group it was
    claimed."""

    party: Party
    in_place_of: User | None = None
    group: Department | Role | None = None


class Vote(Struct, frozen=True, gc=False):
    """An answer that has been given while the task is not decided."""

    by: User
    outcome: str
    in_place_of: User | None = None


class Item(Struct, frozen=True, gc=False):
    """An item of a checklist, and who has ticked it off, and when."""

    text: str
    by: User | None = None
    at: datetime | None = None


class _Nothing(dict[int, Any]):
    """An empty mapping that all share; as it is never changed, it may be a default."""

    __hash__ = object.__hash__  # type: ignore[assignment]


NO_ARMS: Mapping[int, Any] = _Nothing()


class Arms(Struct, frozen=True, gc=False):
    """What a token or a scope waits for, arm by arm (the numbers are the places of the arms in the graph)."""

    due: Mapping[int, datetime] = NO_ARMS
    truth: Mapping[int, bool] = NO_ARMS
    listening: Mapping[int, tuple[str, Value]] = NO_ARMS
    watched: tuple[Document, ...] = ()
    fired: Mapping[int, datetime] = NO_ARMS
    """Alarms that have gone off, handlers that fire only once and have fired; alarms with the instant for which they were set."""
    since: datetime | None = None
    """The instant from which times count that read documents: it stays when they are read again."""

    def but(self, **changes: Any) -> Arms:
        """These arms with something changed."""
        return replace(self, **changes)


UNARMED = Arms()
"""Those of a token that waits for no time, condition or message."""


class Waiting(Struct, gc=False):
    """Why a token waits: its arms, the attempts of a call; of a task those whose turn it is (`people`), those who come after them
    (`later`), who may not answer, the answers given so far, and who may answer too, in the place of one whose turn it is (`also`)."""

    arms: Arms = UNARMED
    people: tuple[Assignee, ...] = ()
    excluded: tuple[User, ...] = ()
    attempt: int = 0
    later: tuple[Assignee, ...] = ()
    votes: tuple[Vote, ...] = ()
    also: tuple[Assignee, ...] = ()
    checklist: tuple[Item, ...] = ()
    observers: tuple[Party, ...] = ()

    def holders(self) -> tuple[Assignee, ...]:
        """All who find the task among theirs."""
        return (*self.people, *self.also) if self.also else self.people


class Fan(Struct):
    """The turns of a for-each: which item is next, how many run, what the finished ones gave (each is added once, and stays).

    `counts`: what `enough` counts over the results so far; None where it counts nothing, or must see them all.
    """

    items: list[Value]
    next: int = 0
    running: int = 0
    at_most: int = 0
    results: dict[int, Value] = {}
    counts: tuple[Value, ...] | None = None

    @property
    def large(self) -> bool:
        """Whether its turns, items and results are kept one by one, so that one turn costs the same however many there are."""
        return len(self.items) > LARGE

    def copy(self) -> Fan:
        return Fan(self.items, self.next, self.running, self.at_most, dict(self.results), self.counts)


class Token(Struct, gc=False):
    """A place where the instance stands. `visit` counts its entries of waiting nodes; with the id it is the key of tasks and calls."""

    id: int
    node: str
    scope: int
    via: str = ""
    status: TokenStatus = "moving"
    hops: int = 0
    visit: int = 0
    waiting: Waiting | None = None
    fan: Fan | None = None

    def copy(self) -> Token:
        """The token, to go on from where it is; its wait is still that of this one, never to be changed."""
        new = replace(self)
        if new.fan is not None:
            new.fan = new.fan.copy()
        return new


class Scope(Struct, gc=False):
    """A running body: the root's, a block's, a turn's, a handler's.

    `host`: the token that stands at the block; None for the root and for a handler beside its block · `handler`: the number of the
    handler whose body this is, or -1 · `live`: tokens in it and handlers' scopes beside it · `joins`: node → flow → tokens held,
    with "" → 1 once a join of N has fired · `names`: those of a turn (its item and results), or what a handler's trigger has brought.
    """

    id: int
    block: str
    parent: int = ROOT
    host: int | None = None
    handler: int = -1
    index: int = -1
    live: int = 0
    arrived: int = 0
    joins: dict[str, dict[str, int]] = {}
    arms: Arms | None = None
    names: Names | None = None

    def copy(self) -> Scope:
        joins = {node: dict(counts) for node, counts in self.joins.items()} if self.joins else {}
        return replace(self, joins=joins, names=dict(self.names) if self.names is not None else None)


class Incident(Struct, frozen=True):
    """Something that an operator must repair: on a token (and there on an arm), or on a scope in which only joins hold tokens."""

    id: int
    kind: Literal["fault", "failure", "stuck"]
    node: str
    message: Message
    at: datetime
    token: int | None = None
    arm: int | None = None
    scope: int | None = None


class Failure(NamedTuple):
    """The error with which an instance ended, for its caller to deal with."""

    error: str
    reason: Message


class Rest(NamedTuple):
    """What of an instance seldom changes. `catches`: the errors that its caller takes · `outputs`: what it gave when it ended."""

    result: str | None = None
    catches: tuple[str, ...] = ()
    outputs: Mapping[str, Value] = NO_NAMES
    failure: Failure | None = None
    parked: tuple[Event, ...] = ()
    """Of a suspended instance: the event that suspended it, and what has come since and is worked in when it is resumed."""


NO_REST = Rest()


class State(Struct, frozen=True):
    """An instance between two events."""

    status: Status
    at: datetime
    seed: int
    next_id: int
    names: Mapping[str, Value]
    tokens: Mapping[int, Token]
    scopes: Mapping[int, Scope]
    incidents: tuple[Incident, ...] = ()
    rest: Rest = NO_REST

    @property
    def result(self) -> str | None:
        """With what it has ended."""
        return self.rest.result

    @property
    def outputs(self) -> Mapping[str, Value]:
        """What it gave when it ended."""
        return self.rest.outputs

    @property
    def failure(self) -> Failure | None:
        """The error with which it has ended."""
        return self.rest.failure

    @property
    def parked(self) -> tuple[Event, ...]:
        """What a suspended one works in when it is resumed, after the event that suspended it."""
        return self.rest.parked
