"""Exact numbers: integers of 64 bits and decimals of 28 digits, never binary fractions.

The law of this file: the decimal settings of the program that embeds us are neither read nor changed.
"""

from __future__ import annotations

import decimal
import re
from collections.abc import Callable
from decimal import Decimal
from typing import TypeAlias

from bpflow.diagnostics import say
from bpflow.expressions.errors import EvaluationError

Number: TypeAlias = "int | Decimal"

LARGEST = 2**63 - 1
SMALLEST = -(2**63)
DIGITS = 28

# Numbers beyond 60 digits either way are refused: so every number can be printed without an exponent.
EXACT = decimal.Context(prec=DIGITS, rounding=decimal.ROUND_HALF_UP, Emin=-60, Emax=60, traps=[decimal.InvalidOperation, decimal.Overflow])

# Compiled when first needed, which is seldom.
_NUMBER = r"([+-]?)([0-9]{1,3}(?: [0-9]{3})+|[0-9]+)(?:([.,])([0-9]+))?"


def whole(value: int) -> int:
    """The integer itself. EvaluationError if it is longer than 64 bits."""
    if SMALLEST <= value <= LARGEST:
        return value
    raise EvaluationError(say("the result is too large: an integer has at most 64 bits"))


def exactly(operation: Callable[..., Decimal], *numbers: Number) -> Decimal:
    """The decimal that `operation`, a method of `EXACT`, makes of the numbers. EvaluationError if there is none within bounds."""
    try:
        return operation(*numbers)
    except (decimal.InvalidOperation, decimal.Overflow):
        raise EvaluationError(say("the result is too large: a number has at most {digits} digits", digits=DIGITS)) from None


def quotient(a: Number, b: Number) -> Decimal:
    """`a / b`, to 28 digits. EvaluationError for a division by zero."""
    return exactly(EXACT.divide, a, _divisor(b))


def _divisor(number: Number) -> Number:
    if number:
        return number
    raise EvaluationError(say("division by zero"))


def floor_parts(a: Number, b: Number) -> tuple[Decimal, Decimal]:
    """Quotient rounded down, and the rest with the sign of `b`: for decimals what Python does for integers."""
    times = exactly(EXACT.divide_int, a, _divisor(b))
    rest = exactly(EXACT.remainder, a, b)
    if rest and (rest < 0) != (b < 0):
        return exactly(EXACT.subtract, times, 1), exactly(EXACT.add, rest, b)
    return times, rest


def rounded(value: Number, digits: int, rounding: str = decimal.ROUND_HALF_UP) -> Decimal:
    """The number with `digits` decimals."""
    settings = EXACT.copy()
    settings.rounding = rounding
    return exactly(settings.quantize, Decimal(value), Decimal(1).scaleb(-digits))


def plain(value: Number) -> str:
    """The number as people write it, without an exponent."""
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def read_number(text: str) -> Number | None:
    """The number in a text such as `1 000,50`; None if there is none, if it is too long, or if `1,000` leaves open what is meant.

    Groups of three digits may be parted by spaces; a comma or a point begins the decimals.
    """
    tidy = re.sub(r"[\u00a0\u2009\u202f]", " ", text.strip()).replace("\u2212", "-")
    found = re.fullmatch(_NUMBER, tidy)
    if found is None or len(tidy) > 40:
        return None
    sign, digits, point, decimals = found.groups()
    digits = digits.replace(" ", "")
    if point == "," and len(decimals) == 3 and len(digits) <= 3 and digits != "0":
        return None
    if point is None:
        value = int(sign + digits)
        return value if SMALLEST <= value <= LARGEST else None
    return Decimal(f"{sign}{digits}.{decimals}") if len(digits + decimals) <= DIGITS else None
