"""What the operators do with values. Compiled expressions call these; each begins with its commonest case.

The law of this file: no operator reaches a Python object. Values are told apart by their type, results are bounded, and what is
not foreseen is an EvaluationError.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from bpflow.diagnostics import Message, say
from bpflow.expressions.data import Department, Document, Duration, File, Role, Secret, User
from bpflow.expressions.durations import duration_text, measure, order, plus, times
from bpflow.expressions.errors import Absent, EvaluationError, describe
from bpflow.expressions.functions import Scope, few_enough, short_enough
from bpflow.expressions.numbers import EXACT, exactly, floor_parts, quotient, whole

NUMBERS = (int, Decimal)


def is_number(value: Any) -> bool:
    """Whether the value is a number; a boolean is none."""
    return type(value) is int or isinstance(value, Decimal)


def _impossible(operator: str, a: Any, b: Any, hint: Message | None = None) -> EvaluationError:
    if hint is None and (a is None or b is None):
        hint = say('"coalesce(x, …)" gives a value in place of none')
    return EvaluationError(say('"{operator}" is not possible for {a} and {b}', operator=operator, a=describe(a), b=describe(b)), hint)


# ── arithmetic ──────────────────────────────────────────────────────────────────────────────────────────────────────
def add(s: Scope, a: Any, b: Any) -> Any:
    """Numbers, texts, lists, durations; a date or an instant with a duration."""
    if type(a) is int and type(b) is int:
        total = a + b
        return total if -0x8000000000000000 <= total <= 0x7FFFFFFFFFFFFFFF else whole(total)
    if is_number(a) and is_number(b):
        return exactly(EXACT.add, a, b)
    if isinstance(a, str) and isinstance(b, str):
        short_enough(len(a) + len(b))
        return str.__add__(a, b)
    if isinstance(a, list) and isinstance(b, list):
        few_enough(len(a) + len(b))
        return a + b
    if isinstance(a, Duration) and isinstance(b, Duration):
        return plus(a, b)
    if isinstance(b, Duration) and isinstance(a, date):
        return later(s, a, b)
    if isinstance(a, Duration) and isinstance(b, date):
        return later(s, b, a)
    raise _impossible("+", a, b, _text_hint(a, b) or _days_hint(a, b))


def subtract(s: Scope, a: Any, b: Any) -> Any:
    """Numbers, durations; a duration from a date; two dates or two instants, which give a duration."""
    if type(a) is int and type(b) is int:
        total = a - b
        return total if -0x8000000000000000 <= total <= 0x7FFFFFFFFFFFFFFF else whole(total)
    if is_number(a) and is_number(b):
        return exactly(EXACT.subtract, a, b)
    if isinstance(a, date) and isinstance(b, date):
        return _between(a, b)
    if isinstance(b, Duration) and isinstance(a, Duration):
        return plus(a, times(b, -1))
    if isinstance(b, Duration) and isinstance(a, date):
        return later(s, a, times(b, -1))
    raise _impossible("-", a, b, _days_hint(a, b))


def _between(a: date, b: date) -> Duration:
    if isinstance(a, datetime) and isinstance(b, datetime):
        return Duration(seconds=(a - b) // timedelta(seconds=1))
    if isinstance(a, datetime) or isinstance(b, datetime):
        raise _impossible("-", a, b, DATE_HINT)
    return Duration(days=(a - b).days)


def later(s: Scope, start: date, duration: Duration) -> date:
    """The date or instant that is `duration` after `start`; the calendar is asked unless there are only seconds to add."""
    if not isinstance(start, datetime) and (duration.seconds or duration.working_seconds):
        hint = say('give it one: at_time(date, "09:00")')
        raise EvaluationError(say('"{duration}" cannot be added to a date, which has no time of day', duration=duration_text(duration)), hint)
    if duration.months or duration.days or duration.working_days or duration.working_seconds:
        return _date(s.ask(("calendar", "add", start, duration, s.zone)))
    try:
        return start + timedelta(seconds=duration.seconds)
    except OverflowError:
        raise EvaluationError(say("the date is outside the calendar")) from None


def _date(answer: Any) -> date:
    if isinstance(answer, date):
        return answer
    raise EvaluationError(say("the calendar gave {value} instead of a date", value=describe(answer)))


DATE_HINT = say('"date(x)" is the day of an instant, "at_time(d, …)" an instant of a day')


def _text_hint(a: Any, b: Any) -> Message | None:
    return say('"text(a, b)" joins values of any kind into text') if isinstance(a, str) or isinstance(b, str) else None


def _days_hint(a: Any, b: Any) -> Message | None:
    return units_hint(b, clock=isinstance(a, datetime)) if isinstance(a, date) and is_number(b) else None


def units_hint(number: Any, *, clock: bool) -> Message:
    """How a number is added to a date, or (`clock`) to an instant, which has hours."""
    count = number if type(number) is int else 1
    if clock:
        return say('say of what: "days({number})", "hours({number})"', number=count)
    return say('say of what: "days({number})", "working_days({number})"', number=count)


def multiply(a: Any, b: Any) -> Any:
    """Numbers; a duration and an integer."""
    if type(a) is int and type(b) is int:
        return whole(a * b)
    if is_number(a) and is_number(b):
        return exactly(EXACT.multiply, a, b)
    if isinstance(a, Duration) and type(b) is int:
        return times(a, b)
    if isinstance(b, Duration) and type(a) is int:
        return times(b, a)
    raise _impossible("*", a, b)


def divide(a: Any, b: Any) -> Any:
    """Numbers; the result is a decimal of 28 digits."""
    if is_number(a) and is_number(b):
        return quotient(a, b)
    raise _impossible("/", a, b)


def floor_divide(a: Any, b: Any) -> Any:
    """Numbers; the quotient rounded down."""
    if type(a) is int and type(b) is int and b:
        return whole(a // b)
    if is_number(a) and is_number(b):
        return floor_parts(a, b)[0]
    raise _impossible("//", a, b)


def remainder(a: Any, b: Any) -> Any:
    """Numbers; the rest of `//`, with the sign of the divisor."""
    if type(a) is int and type(b) is int and b:
        return a % b
    if is_number(a) and is_number(b):
        return floor_parts(a, b)[1]
    raise _impossible("%", a, b)


def negative(a: Any) -> Any:
    """A number, or a duration turned round."""
    if type(a) is int:
        return whole(-a)
    if isinstance(a, Decimal):
        return exactly(EXACT.minus, a)
    if isinstance(a, Duration):
        return times(a, -1)
    raise EvaluationError(say('"-" is not possible for {a}', a=describe(a)))


# ── comparison ──────────────────────────────────────────────────────────────────────────────────────────────────────
_SIMPLE = frozenset((str, int, bool, User, Document))


def equal(a: Any, b: Any) -> bool:
    """Whether the values are the same. Numbers by amount, a choice by its id; values of different kinds are not equal."""
    if type(a) is type(b) and type(a) in _SIMPLE:
        return bool(a == b)
    return bool(key(a) == key(b))


def unequal(a: Any, b: Any) -> bool:
    """The contrary of `equal`."""
    return not equal(a, b)


def key(value: Any) -> Any:
    """Something hashable that is equal for equal values."""
    match value:
        case bool():
            return ("boolean", value)
        case str():
            return str(value)
        case list():
            return ("list", tuple(map(key, value)))
        case dict():
            return ("record", frozenset((name, key(item)) for name, item in value.items()))
        case Duration():
            return ("duration", measure(value))
        case Secret():
            raise EvaluationError(say("a secret can only be passed on, or asked whether it is there"))
    return value


def less(a: Any, b: Any) -> bool:
    """`a < b`."""
    if type(a) is int and type(b) is int:
        return a < b
    return _order("<", a, b) < 0


def less_or_equal(a: Any, b: Any) -> bool:
    """`a <= b`."""
    if type(a) is int and type(b) is int:
        return a <= b
    return _order("<=", a, b) <= 0


def greater(a: Any, b: Any) -> bool:
    """`a > b`."""
    if type(a) is int and type(b) is int:
        return a > b
    return _order(">", a, b) > 0


def greater_or_equal(a: Any, b: Any) -> bool:
    """`a >= b`."""
    if type(a) is int and type(b) is int:
        return a >= b
    return _order(">=", a, b) >= 0


def _order(operator: str, a: Any, b: Any) -> int:
    if isinstance(a, Duration) and isinstance(b, Duration):
        return order(a, b)
    if isinstance(a, date) and isinstance(b, date):
        if isinstance(a, datetime) is not isinstance(b, datetime):
            raise _impossible(operator, a, b, DATE_HINT)
    elif not (is_number(a) and is_number(b)) and not (isinstance(a, str) and isinstance(b, str)):
        raise _impossible(operator, a, b)
    return int(a > b) - int(a < b)


def chained(first: Any, *links: tuple[Callable[[Any, Any], bool], Callable[[], Any]]) -> bool:
    """`a < b < c`: each value is read once, and none after the first comparison that fails."""
    left = first
    for compare, read in links:
        right = read()
        if not compare(left, right):
            return False
        left = right
    return True


def contained(a: Any, b: Any) -> bool:
    """`a in b`: an item of a list, a part of a text."""
    if isinstance(b, list):
        return any(equal(a, item) for item in b)
    if isinstance(b, str) and isinstance(a, str):
        return str(a) in str(b)
    hint = say('"members(x)" are the people of a department or a role') if isinstance(b, Department | Role) else None
    raise _impossible("in", a, b, hint)


def not_contained(a: Any, b: Any) -> bool:
    """The contrary of `contained`."""
    return not contained(a, b)


def condition(value: Any) -> bool:
    """The value, which must be true or false. EvaluationError, naming it, if it is anything else."""
    if value is True or value is False:
        return bool(value)
    hint = say('compare it: "x != none", "x > 0", "len(x) > 0"')
    raise EvaluationError(say("a condition is true or false, not {value}", value=describe(value)), hint)


# ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def attribute(s: Scope, value: Any, name: str) -> Any:
    """The field `name` of a record, a document or a person. Absent where a record has none; EvaluationError where nothing can have it."""
    if type(value) is dict:
        try:
            return value[name]
        except KeyError:
            raise Absent(say('there is no "{name}" in {value}', name=name, value=describe(value))) from None
    if isinstance(value, Document):
        return s.ask(("document", value, name))
    if isinstance(value, User | Department):
        return s.ask(("directory", "attribute", value, name))
    if value is None:
        raise Absent(say('"{name}" of none', name=name), say('"coalesce(x.{name}, …)" gives a value in place of it', name=name))
    if isinstance(value, File) and name == "name":
        return value.name
    hint = say('of each item: "list(x.{name} for x in …)"', name=name) if isinstance(value, list) else None
    raise EvaluationError(say('"{name}" of {value}', name=name, value=describe(value)), hint)


def item(s: Scope, value: Any, index: Any) -> Any:
    """`value[index]`: an item of a list, counted from 0 (or from the end: -1); a field whose name is no plain word."""
    if isinstance(value, list) and type(index) is int:
        if -len(value) <= index < len(value):
            return value[index]
        raise Absent(say("there is no item {index} in {value}", index=index, value=describe(value)), say("the first item is [0], the last is [-1]"))
    if isinstance(index, str) and not isinstance(value, list | str):
        return attribute(s, value, str(index))
    raise EvaluationError(say("there is no item {index} in {value}", index=describe(index), value=describe(value)))


def result(names: Any, step: str, field: str) -> Any:
    """A field of a step's results for comparing; none where the step has none yet."""
    record = names.get(step)
    return record.get(field) if type(record) is dict else None
