"""Regular expressions that a field may have as its `pattern`: those that are matched in bounded time.

The law of this file: nothing that repeats may repeat again, or offer a choice, inside. What is left is a small part of `re`.
"""

from __future__ import annotations

import re
from functools import lru_cache

from msgspec import Struct

from bpflow.diagnostics import Message, Refused, say

MAX_PATTERN = 500
"""Characters of a pattern."""
MAX_MATCHED = 200
"""Characters of a text that is held against a pattern."""
MAX_REPEATS = 4
"""How many `*`, `+` and `{2,}` a pattern has."""
MAX_WAYS = 64
"""In how many ways the `?` and the choices in brackets may be taken, all together."""

# Compiled when first needed, which is seldom.
_STEP = r"(?s)\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?:|[()|]|(?:[*+?]|\{[0-9]*,?[0-9]*\})[?+]?|."


class UnsafePattern(Refused):
    """The text is no regular expression, or one that might take for ever."""


def check_pattern(text: str) -> None:
    """UnsafePattern if the text is no pattern that a field may have. Called once, when the definition is read."""
    if len(text) > MAX_PATTERN:
        raise UnsafePattern(say("the pattern is too long: at most {length} characters", length=MAX_PATTERN))
    _Scan(text).check()
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise UnsafePattern(say('"{pattern}" is not a regular expression: {reason}', pattern=text, reason=str(error))) from None


@lru_cache(1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    check_pattern(pattern)
    return re.compile(pattern)


def matches(pattern: str, text: str) -> bool:
    """Whether the whole text is as the pattern says; a text that is too long is not. UnsafePattern for a pattern that is not allowed."""
    compiled = _compiled(pattern)
    return len(text) <= MAX_MATCHED and compiled.fullmatch(text) is not None


class _Group(Struct):
    """An open bracket of a pattern: whether something inside repeats or is a choice, and how many choices there are."""

    varies: bool = False
    choices: int = 1


class _Scan:
    """One pass over a pattern."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.groups = [_Group()]
        self.closed: _Group | None = None
        self.repeats = 0
        self.ways = 1

    def check(self) -> None:
        for step in re.finditer(_STEP, self.text):
            self.step(step[0], self.text[step.end() : step.end() + 1])
        if self.repeats > MAX_REPEATS or self.ways > MAX_WAYS:
            raise self.refused(say("too much of it repeats or is left open"))

    def step(self, step: str, following: str) -> None:
        inside, self.closed = self.closed, None
        if step == "(" and following == "?":
            raise self.refused(say('"(?" begins nothing that is allowed but "(?:…)"'))
        if step in ("(", "(?:"):
            self.groups.append(_Group())
        elif step == ")" and len(self.groups) > 1:
            self.close()
        elif step == "|":
            self.groups[-1].varies = True
            self.groups[-1].choices += 1
        elif step[0] == "\\" and step[1:].isdigit():
            raise self.refused(say('"{step}" repeats what was found before', step=step))
        elif step == "[":
            raise self.refused(say('"[" is not closed'))
        elif step[0] == "[" and re.search(r"(?<!\\)\[|--|&&|~~|\|\|", step[1:]):
            raise self.refused(say('"{step}" is ambiguous: put "\\" before signs', step=step))
        elif step[0] in "*+?" or (step[0] == "{" and len(step) > 2):
            self.quantifier(step, inside)

    def close(self) -> None:
        self.closed = self.groups.pop()
        self.groups[-1].varies |= self.closed.varies
        self.ways *= self.closed.choices

    def quantifier(self, step: str, inside: _Group | None) -> None:
        if len(step) > 1 and step[-1] == "+":
            raise self.refused(say('"{step}" is not allowed', step=step))
        if step[0] == "?":
            self.ways *= 2
            self.groups[-1].varies = True
            return
        if inside and inside.varies:
            raise self.refused(say("a part that repeats has another, or a choice, inside"))
        self.repeats += "," in step or step[0] in "*+"
        # a group that repeats a fixed number of times counts too: ((){1000}){1000}
        self.groups[-1].varies |= inside is not None or "," in step or step[0] in "*+"
        if any(len(number) > 3 for number in re.findall("[0-9]+", step)):
            raise self.refused(say('"{step}" repeats too often', step=step))

    def refused(self, reason: Message) -> UnsafePattern:
        return UnsafePattern(say('the pattern "{pattern}" is not allowed: {reason}', pattern=self.text, reason=reason))
