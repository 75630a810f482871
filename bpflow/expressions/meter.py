"""What an expression may go through in one evaluation.

The law of this file: a text counts by its characters, a list by its items and by what is in them, however often it stands there; so nothing
that is made of little pieces, each of them allowed, becomes large without being counted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from bpflow.diagnostics import say
from bpflow.expressions.data import Value
from bpflow.expressions.errors import EvaluationError
from bpflow.expressions.functions import MAX_ITEMS

MAX_TURNS = 1_000_000
"""Turns of all generators in one evaluation."""
MAX_WORK = 5_000_000
"""Items, characters and parts of expressions that one evaluation may go through: some seconds at the very worst."""

Meter: TypeAlias = list[int]
"""What is left of the turns, and of the work."""
_LONG = frozenset((str, list))


def kept(meter: Meter, value: Any) -> Any:
    """The value, once it is paid for."""
    if type(value) in _LONG:
        weigh(meter, value)
    return value


def metered(meter: Meter, run: Callable[..., Any], *arguments: Any) -> Any:
    """What `run` gives, once it is paid for: for what it goes through, and for what it makes. EvaluationError if too little is left."""
    for value in arguments:
        if type(value) in _LONG:
            weigh(meter, value)
    made = run(*arguments)
    if type(made) in _LONG:
        weigh(meter, made)
    return made


def weight(value: Value) -> int:
    """How much there is in a value: characters, items, fields, and what is in these; one at least."""
    match value:
        case str():
            return 1 + len(value)
        case list():
            return 1 + sum(map(weight, value))
        case dict():
            return 1 + sum(map(weight, value.values()))
    return 1


def weigh(meter: Meter, value: str | list[Any]) -> None:
    """Pays for a text or a list, with all that is in it."""
    pay(meter, len(value))
    if type(value) is list:
        for item in value:
            if type(item) in _LONG:
                weigh(meter, item)


def pay(meter: Meter, amount: int) -> None:
    """Takes so much off the meter. EvaluationError if too little is left."""
    meter[1] -= amount
    if meter[1] < 0:
        raise EvaluationError(say("the expression goes through too much: at most {count} items and characters", count=MAX_WORK))


def pay_turns(meter: Meter, turns: int, parts: int) -> None:
    """Pays for the turns of a generator, each of which goes through so many parts of the expression. EvaluationError if too little is left."""
    meter[0] -= turns
    if turns > MAX_ITEMS or meter[0] < 0:
        raise EvaluationError(say("too many items: at most {items} in a list, {turns} together", items=MAX_ITEMS, turns=MAX_TURNS))
    pay(meter, turns * parts)
