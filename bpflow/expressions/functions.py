"""What a function of the language is, and how one is entered in the library."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol, TypeVar

from msgspec import Struct, field

from bpflow.diagnostics import say
from bpflow.expressions.data import Question, Value
from bpflow.expressions.errors import EvaluationError, describe
from bpflow.expressions.signatures import Rule
from bpflow.expressions.types import Type

MAX_ITEMS = 100_000
"""Items of a list that an expression makes or goes through."""
MAX_TEXT = 1_000_000
"""Characters of a text that an expression makes."""


class Scope(Protocol):
    """What an expression is evaluated against."""

    @property
    def names(self) -> Mapping[str, Value]:
        """Variables, results of steps, `document`, `initiator`, items of a for-each."""

    @property
    def now(self) -> datetime:
        """The instant of the event, in UTC."""

    @property
    def zone(self) -> str:
        """The name of the process's time zone, for questions."""

    def ask(self, question: Question) -> Value:
        """The answer to a question. What it raises (an answer is missing) goes through every expression unchanged."""


class Function(Struct, frozen=True):
    """A function of the library. `max_args` None: any number. `doc` is its manual, whose first line shows how it is called.

    `takes`: the types of the arguments; the last is also that of all further ones · `gives`: the type of the result, or the rule by
    which it follows from the arguments · `asks`: `run` gets the Scope first · `takes_list`: its one argument may be a generator ·
    `literal`: gives the constant that a call with literals stands for (None: none), and raises EvaluationError if they are wrong ·
    `bounds`: for some of the arguments, counted from 0, what raises EvaluationError if a constant cannot stand there.
    """

    name: str
    min_args: int
    max_args: int | None
    doc: str
    run: Callable[..., Any]
    takes: tuple[Type, ...]
    gives: Type | Rule
    asks: bool = False
    takes_list: bool = False
    literal: Callable[..., Value] | None = None
    bounds: Mapping[int, Callable[[Any], object]] = field(default_factory=dict)

    @property
    def usage(self) -> str:
        """How it is called: `round(number, digits)`."""
        return self.doc.partition("\n")[0].partition(" → ")[0].strip("`")


FUNCTIONS: dict[str, Function] = {}
"""The library, by name. Filled by `bpflow.expressions.library` alone."""

Run = TypeVar("Run", bound=Callable[..., Any])


def function(
    *takes: Type,
    gives: Type | Rule,
    least: int | None = None,
    many: bool = False,
    name: str = "",
    asks: bool = False,
    takes_list: bool = False,
    literal: Callable[..., Value] | bool = False,
    bounds: Mapping[int, Callable[[Any], object]] = {},
) -> Callable[[Run], Run]:
    """Enter a Python function in the library. It has as many arguments as it `takes`, of which `least` must be there (all unless given);
    `many`: any number of the last. `literal=True`: it is its own `literal`."""

    def enter(run: Run) -> Run:
        known = name or run.__name__.strip("_")
        counts = (len(takes) if least is None else least, None if many else len(takes))
        constant = run if literal is True else literal or None
        FUNCTIONS[known] = Function(known, *counts, (run.__doc__ or "").strip(), run, takes, gives, asks, takes_list, constant, bounds)
        return run

    return enter


# ── arguments ───────────────────────────────────────────────────────────────────────────────────────────────────────
def as_text(value: Any, name: str) -> str:
    """The argument of the function `name`, if it is text. EvaluationError otherwise."""
    if isinstance(value, str):
        return value
    raise EvaluationError(say('"{name}" needs text, not {value}', name=name, value=describe(value)))


def as_integer(value: Any, name: str) -> int:
    """The argument of the function `name`, if it is an integer. EvaluationError otherwise."""
    if type(value) is int:
        return value
    raise EvaluationError(say('"{name}" needs an integer, not {value}', name=name, value=describe(value)))


def as_list(value: Any, name: str) -> list[Any]:
    """The argument of the function `name`, if it is a list. EvaluationError otherwise."""
    if isinstance(value, list):
        return value
    hint = say('"coalesce(x, [])" makes an empty list of none') if value is None else None
    raise EvaluationError(say('"{name}" needs a list, not {value}', name=name, value=describe(value)), hint)


def short_enough(length: int) -> None:
    """EvaluationError if a text of that length is longer than an expression may give."""
    if length > MAX_TEXT:
        raise EvaluationError(say("the text is too long: at most {length} characters", length=MAX_TEXT))


def few_enough(count: int) -> None:
    """EvaluationError if a list of that many items is longer than an expression may give."""
    if count > MAX_ITEMS:
        raise EvaluationError(say("the list is too long: at most {count} items", count=MAX_ITEMS))
