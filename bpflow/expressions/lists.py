"""Functions of the library: lists, numbers, and `coalesce`."""

from __future__ import annotations

import decimal
from collections.abc import Callable
from decimal import Decimal
from types import GeneratorType
from typing import Any

from bpflow.diagnostics import say
from bpflow.expressions.data import Duration
from bpflow.expressions.durations import plus
from bpflow.expressions.errors import Absent, EvaluationError, describe
from bpflow.expressions.functions import as_integer, as_list, function, short_enough
from bpflow.expressions.numbers import DIGITS, EXACT, Number, exactly, read_number, rounded, whole
from bpflow.expressions.operations import condition, is_number, key, less
from bpflow.expressions.signatures import COMPARED, LIST, SUMMED, amount, extreme, first_present, kept, nearest, total
from bpflow.expressions.types import ANY, BOOLEAN, INTEGER, NUMBER, TEXT, list_of, one_of_types


@function(list_of(BOOLEAN), gives=BOOLEAN, takes_list=True)
def any_(values: Any) -> bool:
    """`any(x > 1 for x in list)` → boolean

    True if at least one of the items is true; false for an empty list.
    Example: `any(a.outcome == "rejected" for a in ask.answers)`.
    """
    return any(map(condition, values if isinstance(values, GeneratorType) else as_list(values, "any")))


@function(list_of(BOOLEAN), gives=BOOLEAN, takes_list=True)
def all_(values: Any) -> bool:
    """`all(x > 1 for x in list)` → boolean

    True if every item is true, and for an empty list.
    Example: `all(deal.stage == "won" for deal in document.deals)`.
    """
    return all(map(condition, values if isinstance(values, GeneratorType) else as_list(values, "all")))


@function(SUMMED, gives=total, takes_list=True)
def sum_(values: Any) -> Any:
    """`sum(list)` → number or duration

    All items together; 0 for an empty list.
    Example: `sum(deal.amount for deal in document.deals)`.
    """
    items = as_list(values, "sum")
    if items and all(isinstance(value, Duration) for value in items):
        total = Duration()
        for value in items:
            total = plus(total, value)
        return total
    return _sum_of_numbers(items)


def _sum_of_numbers(items: list[Any]) -> Number:
    total: Number = 0
    for value in items:
        if not is_number(value):
            raise EvaluationError(say('"sum" needs numbers or durations, not {value}', value=describe(value)))
        total = whole(total + value) if type(total) is int and type(value) is int else exactly(EXACT.add, total, value)
    return total


@function(one_of_types(LIST, TEXT), gives=INTEGER, takes_list=True)
def len_(value: Any) -> int:
    """`len(list or text)` → integer

    The number of items, or of characters.
    Example: `len(ask.waiting) > 0`.
    """
    return len(value) if isinstance(value, str) else len(as_list(value, "len"))


@function(COMPARED, gives=extreme, many=True, takes_list=True)
def min_(*values: Any) -> Any:
    """`min(list)` or `min(a, b, …)` → one of them

    The smallest number, the earliest date, the shortest duration. An empty list has none: an incident.
    Example: `min(document.deadline, today() + days(5))`.
    """
    return _extreme(values, "min", lambda best, value: less(value, best))


@function(COMPARED, gives=extreme, many=True, takes_list=True)
def max_(*values: Any) -> Any:
    """`max(list)` or `max(a, b, …)` → one of them

    The largest number, the latest date, the longest duration. An empty list has none: an incident.
    Example: `max(offer.price for offer in offers)`.
    """
    return _extreme(values, "max", less)


def _extreme(values: tuple[Any, ...], name: str, better: Callable[[Any, Any], bool]) -> Any:
    items = as_list(values[0], name) if len(values) == 1 else list(values)
    if not items:
        raise EvaluationError(say('"{name}" of an empty list', name=name), say('ask first: "{name}(x) if len(x) > 0 else …"', name=name))
    best = items[0]
    less(best, best)  # refuses an only item that has no order
    for value in items[1:]:
        best = value if better(best, value) else best
    return best


@function(LIST, gives=kept(LIST), takes_list=True, name="list")
def list_(values: Any) -> list[Any]:
    """`list(x for x in list if …)` → list

    The items that a generator gives.
    Example: `list(m for m in members(department("sales")) if not is_absent(m))`.
    """
    return list(as_list(values, "list"))


@function(LIST, gives=kept(LIST), takes_list=True)
def unique(values: Any) -> list[Any]:
    """`unique(list)` → list

    The items in their order, each once.
    Example: `unique(deal.responsible for deal in document.deals)`.
    """
    first: dict[Any, Any] = {}
    for value in as_list(values, "unique"):
        first.setdefault(key(value), value)
    return list(first.values())


def coalesce(*reads: Callable[[], Any]) -> Any:
    """`coalesce(a, b, …)` → the first that is not none

    What is not there yet (a result of a step that has not run, a field of none) counts as none; what stands after the
    first value found is not evaluated. None if there is none.
    Example: `coalesce(ask.meeting_at, now)`.
    """
    for read in reads:
        try:
            value = read()
        except Absent:
            continue
        if value is not None:
            return value
    return None


function(ANY, gives=first_present, many=True)(coalesce)


# ── numbers ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def _number(value: Any, name: str) -> Number:
    if type(value) is int or isinstance(value, Decimal):
        return value
    raise EvaluationError(say('"{name}" needs a number, not {value}', name=name, value=describe(value)))


def _places(digits: Any) -> int:
    places = as_integer(digits, "round")
    if not 0 <= places <= DIGITS:
        raise EvaluationError(say('"round" takes from 0 to {most} digits, not {digits}', most=DIGITS, digits=places))
    return places


@function(NUMBER, INTEGER, gives=nearest, least=1, bounds={1: _places})
def round_(value: Any, digits: Any = 0) -> Number:
    """`round(number, digits)` → integer, or number with so many decimals

    Half is rounded up, away from nought. Without `digits` the result is an integer.
    Example: `round(document.amount * 0.2, 2)`.
    """
    places = _places(digits)
    near = rounded(_number(value, "round"), places)
    return near if places else whole(int(near))


@function(NUMBER, gives=INTEGER)
def floor(value: Any) -> int:
    """`floor(number)` → integer

    The number rounded down.
    Example: `floor(7.9)` is 7.
    """
    return whole(int(rounded(_number(value, "floor"), 0, decimal.ROUND_FLOOR)))


@function(NUMBER, gives=INTEGER)
def ceil(value: Any) -> int:
    """`ceil(number)` → integer

    The number rounded up.
    Example: `ceil(7.1)` is 8.
    """
    return whole(int(rounded(_number(value, "ceil"), 0, decimal.ROUND_CEILING)))


@function(NUMBER, gives=amount)
def abs_(value: Any) -> Number:
    """`abs(number)` → number

    The number without its sign.
    Example: `abs(document.plan - document.fact)`.
    """
    number = _number(value, "abs")
    return whole(abs(number)) if isinstance(number, int) else exactly(EXACT.abs, number)


@function(one_of_types(TEXT, NUMBER), gives=amount)
def number(value: Any) -> Number:
    """`number(text)` → number

    The number that a text says: an integer, or with a point or comma a decimal. A number stays as it is.
    Example: `number("1 000,50")` is 1000.50.
    """
    if not isinstance(value, str):
        return _number(value, "number")
    short_enough(len(value))
    read = read_number(value)
    if read is None:
        raise EvaluationError(say("{value} is not a number", value=describe(value)))
    return read
