"""The seam for whoever watches an engine: logs, traces, metrics, and what a program brings itself.

The law of this room: it is told, and changes nothing. What it is told of as happened is written. An observer that breaks is said so once,
in the log, and breaks nothing else. Without observers nothing is made to be told.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar

from bpflow.diagnostics import say
from bpflow.engine.events import Event
from bpflow.engine.state import Incident, State
from bpflow.graph import step_of
from bpflow.runtime.records import note

T = TypeVar("T")
Kind: TypeAlias = Literal["event", "service", "call", "pass"]


class Happening(NamedTuple):
    """An event that was worked into an instance, and is written. `step`: the one that it was for · `steps`: those at which the instance has come
    to stand by it · `incidents`: those that have come of it · `was`: the status before, none where it has only begun · `seconds`: how long it took,
    the commit too · `doing`: that by which it was worked in, which for a start has ended before: it is written when the transaction ends in
    which it begins."""

    instance: int
    process: str
    revision: int
    event: Event
    step: str | None
    steps: tuple[str, ...]
    incidents: tuple[Incident, ...]
    was: str | None
    status: str
    seconds: float
    doing: Doing | None = None

    @property
    def name(self) -> str:
        """What happened, as a word: `started`, `answered`, `timer-fired`."""
        return name_of(self.event)

    @property
    def actor(self) -> str | None:
        """Who did it."""
        return self.event.by.id if self.event.by is not None else None


class Doing:
    """Something that takes its time. `kind`: event (one that is worked in, `name` says which), service (of the house, inside of an event), call (of
    a service outside), pass (of a worker). While it is under way `seconds` is none; after that `error` is what it has raised, `done` how many things
    a pass has done."""

    __slots__ = ("attempt", "done", "error", "instance", "key", "kind", "name", "process", "scratch", "seconds")

    def __init__(self, kind: Kind, name: str, instance: int | None = None, process: str | None = None, key: str | None = None, attempt: int = 0) -> None:
        self.kind, self.name, self.instance, self.process, self.key, self.attempt = kind, name, instance, process, key, attempt
        self.seconds: float | None = None
        self.error: Exception | None = None
        self.done = 0
        self.scratch: dict[int, Any] = {}
        """What observers keep with it, each by its own id."""


_UNDER_WAY: ContextVar[Doing | None] = ContextVar("bpflow_under_way", default=None)
"""What is being done, of several one inside the other the innermost."""


class Observer:
    """What an observer is told. Each method does nothing unless it is made to; they are called in whatever thread does the work."""

    def happened(self, what: Happening) -> None:
        """An event was worked in, and is written."""

    def set_aside(self, instance: int, error: Exception) -> None:
        """An instance cannot go on by a fault of bpflow, and is left alone until somebody tries it again."""

    def begin(self, doing: Doing) -> None:
        """It begins."""

    def end(self, doing: Doing) -> None:
        """It has ended, well or not."""

    def headers(self) -> Mapping[str, str]:
        """What is sent along with a call, by which whoever is called can tell what it belongs to."""
        return {}


class Observers:
    """All observers of an engine."""

    __slots__ = ("_broken", "all")

    def __init__(self) -> None:
        self.all: tuple[Observer, ...] = ()
        self._broken: set[int] = set()

    def happened(self, what: Happening) -> None:
        self._tell(lambda one: one.happened(what))

    def set_aside(self, instance: int, error: Exception) -> None:
        self._tell(lambda one: one.set_aside(instance, error))

    def headers(self) -> dict[str, str]:
        found: dict[str, str] = {}
        self._tell(lambda one: found.update(one.headers()))
        return found

    def during(self, doing: Doing, act: Callable[[], T]) -> T:
        """Does something, and tells of it."""
        self._tell(lambda one: one.begin(doing))
        around = _UNDER_WAY.set(doing)
        began = time.perf_counter()
        try:
            return act()
        except Exception as error:
            doing.error = error
            raise
        finally:
            doing.seconds = time.perf_counter() - began
            _UNDER_WAY.reset(around)
            self._tell(lambda one: one.end(doing))

    def _tell(self, tell: Callable[[Observer], object]) -> None:
        for one in self.all:
            try:
                tell(one)
            except Exception as error:
                if id(one) not in self._broken:
                    self._broken.add(id(one))
                    note(logging.ERROR, say("the observer {observer} is broken", observer=repr(one)), {}, error)


def name_of(event: Event) -> str:
    """What happened, as a word."""
    return re.sub("(?<=[a-z])(?=[A-Z])", "-", type(event).__name__).lower()


def happening(
    instance: int, process: str, revision: int, event: Event, before: State | None, after: State, touched: Iterable[int], seconds: float
) -> Happening:
    """What there is to be told of an event. `touched`: the tokens by which the states differ."""
    was = before.tokens if before is not None else {}
    token = was.get(getattr(event, "token", getattr(event, "holder", None)) or 0)
    known = {one.id for one in before.incidents} if before is not None else set()
    steps = []
    for number in touched:
        now, then = after.tokens.get(number), was.get(number)
        if now is not None and (then is None or (then.node, then.visit) != (now.node, now.visit)):
            steps.append(step_of(now.node))
    incidents = tuple(one for one in after.incidents if one.id not in known)
    return Happening(
        *(instance, process, revision, event, step_of(token.node) if token is not None else None, tuple(dict.fromkeys(steps)), incidents),
        *(before.status if before is not None else None, after.status, seconds, _UNDER_WAY.get()),
    )
