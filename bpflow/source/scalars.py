"""The core schema of YAML 1.2: which plain words are null, a boolean or a number. All others are text."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

from bpflow.diagnostics import Message, say

LONGEST_NUMBER = 100  # characters; also the greatest exponent: 1e999999999 is short to write and fills the memory

_MEANINGS: tuple[tuple[bool | None, str], ...] = ((None, "~ null Null NULL"), (True, "true True TRUE"), (False, "false False FALSE"))
_WORDS = {word: meaning for meaning, words in _MEANINGS for word in words.split()}
_FIRST = frozenset("~nNtTfF+-.0123456789")
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_DECIMAL = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = frozenset(sign + word for sign in ("", "+", "-") for word in (".inf", ".Inf", ".INF")) | {".nan", ".NaN", ".NAN"}


class NotANumber(ValueError):
    """A word that YAML takes for a number and that no process can use; `message` says why."""

    def __init__(self, message: Message) -> None:
        super().__init__(message)
        self.message = message


def read_plain(word: str) -> str | int | Decimal | bool | None:
    """What a plain scalar means; decimals stay exact. Raises NotANumber for infinity, not-a-number and numbers out of all measure."""
    if not word or word[0] not in _FIRST:
        return word or None
    if word in _WORDS:
        return _WORDS[word]
    if word in _NOT_FINITE:
        raise NotANumber(say('"{word}" is not a number that can be used', word=word))
    integer = _INTEGER.fullmatch(word)
    if not integer and not _DECIMAL.fullmatch(word):
        return word
    if len(word) > LONGEST_NUMBER:
        raise NotANumber(say("a number of {length} characters is too long", length=len(word)))
    return _integer(word) if integer else _decimal(word)


def _integer(word: str) -> int:
    return int(word, 0) if word[:2] in ("0o", "0x") else int(word)


def _decimal(word: str) -> Decimal:
    try:
        value = Decimal(word)
    except InvalidOperation:
        value = Decimal("Infinity")
    if not value.is_finite() or abs(value.adjusted()) > LONGEST_NUMBER:
        raise NotANumber(say("the number {word} is too great or too small", word=word))
    return value


def loses_its_look(word: str, value: object) -> bool:
    """The number would not be written again as it was: `007`, `+79991234567`. Such a word is seldom meant as a number."""
    return isinstance(value, int | Decimal) and not isinstance(value, bool) and (word[0] == "+" or re.match(r"-?0[0-9]", word) is not None)
