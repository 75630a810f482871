"""What is certain of conditions before anything runs: always true, never true, covered by others.

The law of this file: of each reading a few values stand for all that it can be, one for each way in which the constants that it is
compared with can tell values apart; every combination of them is tried. Nothing is certain that is not so in all of them. Values that
cannot come together are tried as well, so what is certain is true, and not all that is true is certain. Where there are more than
`MAX_CASES` combinations nothing is.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise, product
from math import ceil, floor, prod
from typing import Any, TypeAlias

from msgspec import Struct

from bpflow.expressions import operations
from bpflow.expressions.errors import EvaluationError
from bpflow.expressions.formula import All, Any_, Constant, Formula, If, Not, Reader, Reading, Test
from bpflow.expressions.types import Type

MAX_CASES = 1024
"""The most combinations that are tried."""
TypeOf: TypeAlias = Callable[[tuple[str, ...]], Type]
"""What a name with its fields may be; `ANY` where that is not known."""
Values: TypeAlias = frozenset[Any]
Truth: TypeAlias = bool | None
"""None: it cannot be evaluated, which is an incident and neither true nor false."""


class Other:
    """A value that is none of those that conditions name."""

    def __repr__(self) -> str:
        return "…"


OTHER = Other()
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operations.equal,
    "<": operations.less,
    "<=": operations.less_or_equal,
    ">": operations.greater,
    ">=": operations.greater_or_equal,
}


class Case(Struct, frozen=True):
    """One combination: what each of the readings is, and what the conditions are then."""

    values: tuple[Any, ...]
    truths: tuple[Truth, ...]


class Cases(Struct, frozen=True):
    """What conditions that are read at one moment can come to. Without cases there were too many to try."""

    readings: tuple[Reading, ...]
    cases: tuple[Case, ...]

    def certain(self, number: int) -> Truth:
        """True or False if the condition is always that, where it can be evaluated; None if it is open."""
        found = {case.truths[number] for case in self.cases} - {None}
        return found.pop() if len(found) == 1 else None

    def implies(self, one: int, other: int) -> bool:
        """Whether one condition is never true without the other being so, and is true at all."""
        those = [case for case in self.cases if case.truths[one]]
        return bool(those) and all(case.truths[other] for case in those)

    def is_taken(self, number: int) -> bool:
        """Whether the condition can be the first that is true; also if there were too many cases."""
        return not self.cases or any(case.truths[number] and not any(truth is not False for truth in case.truths[:number]) for case in self.cases)

    def left_over(self) -> list[Case]:
        """The cases in which all conditions are false."""
        return [case for case in self.cases if all(truth is False for truth in case.truths)]


def cases_of(conditions: Iterable[ast.expr], type_of: TypeOf, only: Mapping[tuple[str, ...], Values] = {}) -> Cases:
    """All that the conditions can come to, each combination of values once. `only` are the values of which some names have one here."""
    reader = Reader()
    formulas = [reader.formula(condition) for condition in conditions]
    readings = tuple(reader.readings.values())
    domains = [_values(reading, type_of, only.get(reading.names)) for reading in readings]
    if prod(map(len, domains)) > MAX_CASES:
        return Cases(readings, ())
    numbers = {reading.key: number for number, reading in enumerate(readings)}
    codes = [_Code(numbers, domains).of(formula) for formula in formulas]
    picks = product(*(range(len(domain)) for domain in domains))
    cases = (Case(tuple(domain[at] for domain, at in zip(domains, pick, strict=True)), tuple(code(pick) for code in codes)) for pick in picks)
    return Cases(readings, tuple(cases))


def certain(condition: ast.expr, type_of: TypeOf, only: Mapping[tuple[str, ...], Values] = {}) -> Truth:
    """True or False if the condition is always that, where it can be evaluated; None if it is open."""
    return cases_of([condition], type_of, only).certain(0)


# ── evaluation ──────────────────────────────────────────────────────────────────────────────────────────────────────
Pick: TypeAlias = tuple[int, ...]
Code: TypeAlias = Callable[[Pick], Truth]


class _Code:
    """Makes a function of a combination out of a formula; tests are made once for each value, and looked up."""

    def __init__(self, numbers: dict[str, int], domains: list[list[Any]]) -> None:
        self.numbers, self.domains = numbers, domains

    def of(self, formula: Formula) -> Code:
        match formula:
            case Constant(value=value):
                truth = value if value is True or value is False else None
                return lambda _: truth
            case Test(reading=reading):
                at = self.numbers[reading.key]
                table = [_tested(formula, value) for value in self.domains[at]]
                return lambda pick: table[pick[at]]
            case Not(of=of):
                code = self.of(of)
                return lambda pick: None if (truth := code(pick)) is None else not truth
            case All(of=several):
                return self._until(False, several)
            case Any_(of=several):
                return self._until(True, several)
            case If():
                return self._either(formula)

    def _until(self, stop: bool, several: tuple[Formula, ...]) -> Code:
        codes = [self.of(one) for one in several]

        def code(pick: Pick) -> Truth:
            for one in codes:
                truth = one(pick)
                if truth is None or truth is stop:
                    return truth
            return not stop

        return code

    def _either(self, formula: If) -> Code:
        test, then, other = self.of(formula.test), self.of(formula.then), self.of(formula.other)
        return lambda pick: None if (truth := test(pick)) is None else then(pick) if truth else other(pick)


def _tested(test: Test, value: Any) -> Truth:
    if not test.sign:
        return value if value is True or value is False else None
    if value is OTHER:
        return False if test.sign == "==" else None
    try:
        return _OPERATORS[test.sign](value, test.constant)
    except EvaluationError:
        return None


# ── values that stand for all ───────────────────────────────────────────────────────────────────────────────────────
def _values(reading: Reading, type_of: TypeOf, only: Values | None) -> list[Any]:
    """The values that stand for all that the reading can be: those of its type, of which `only` some may be possible, and the constants."""
    if reading.kind == "size":
        return _distinct([0, *(value for value in _integers(reading) if value >= 0)])
    if reading.kind == "pair":
        return [-1, 0, 1, OTHER]
    type = type_of(reading.names) if reading.names else Type("any")
    every = [value for one in type.each for value in _of_kind(one, reading)]
    if type.optional or type.kind in ("any", "none"):
        every.append(None)
    named = [constant for constant in reading.constants if constant not in every and not _is_left_out(constant, type)]
    some = [value for value in every if value in only] if only else []
    return _distinct([*(some or every), *named])


def _is_left_out(constant: Any, type: Type) -> bool:
    """Whether the constant is sure not to come: a fraction where the value is an integer, none where there is one.

    A constant that is no value of the type at all is a mistake of another kind, and is taken for one here.
    """
    if constant is None:
        return type.kind not in ("any", "none") and not type.optional
    return type.kind == "integer" and isinstance(constant, Decimal) and constant != int(constant)


def _of_kind(type: Type, reading: Reading) -> Iterable[Any]:
    match type.kind:
        case "boolean":
            return (True, False)
        case "text":
            return type.values if type.values is not None and not reading.ordered else _texts(reading)
        case "integer":
            return _integers(reading) or (0,)
        case "number":
            return _numbers(reading) or (0,)
        case "any":
            either = (True, False) if reading.as_condition else ()
            return (OTHER, *either, *_texts(reading), *_numbers(reading), *_dates(reading))
        case "none":
            return ()
    return (OTHER, *_dates(reading))


def _texts(reading: Reading) -> list[str]:
    """A text that is not named, and where texts are put in order one before, between and after those that are."""
    named = [constant for constant in reading.constants if isinstance(constant, str)]
    between = ["", *(f"{text}\0" for text in named)] if reading.ordered else []
    return ["".join(named) + "…", *between]


def _integers(reading: Reading) -> list[int]:
    """Those at and beside the numbers that are named."""
    return [beside for constant in _named_numbers(reading) for beside in (floor(constant) - 1, floor(constant), ceil(constant), ceil(constant) + 1)]


def _numbers(reading: Reading) -> list[Any]:
    """A number before, between and after those that are named."""
    named = _named_numbers(reading)
    between = [(Decimal(low) + Decimal(high)) / 2 for low, high in pairwise(named)]
    return [named[0] - 1, *between, named[-1] + 1] if named else []


def _named_numbers(reading: Reading) -> list[Any]:
    return sorted({constant for constant in reading.constants if operations.is_number(constant)})


def _dates(reading: Reading) -> list[date]:
    """The days, or the instants, right beside those that are named: so there is one before, between and after them."""
    found: list[date] = []
    for constant in reading.constants:
        step = timedelta(microseconds=1) if isinstance(constant, datetime) else timedelta(days=1)
        if isinstance(constant, date):
            found += [constant - step, constant + step]
    return found


def _distinct(values: Iterable[Any]) -> list[Any]:
    """The values, those that are equal once."""
    return list({operations.key(value): value for value in values}.values())
