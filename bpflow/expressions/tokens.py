"""An expression's text cut into tokens, and the traps that people fall into, each with its remedy.

The law of this file: what passes here is made of known tokens, with balanced brackets and bounded nesting. So nothing unforeseen,
and no name that a user wrote, ever reaches Python's own parser.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Iterator
from decimal import Decimal
from typing import Literal, NoReturn

from msgspec import Struct

from bpflow.diagnostics import Message, say
from bpflow.expressions.durations import UNITS
from bpflow.expressions.errors import ExpressionError, brief
from bpflow.expressions.numbers import DIGITS

MAX_LENGTH = 10_000
"""Characters of an expression, not counting those between quotes."""
MAX_WHOLE = 1_000_000
"""Characters of an expression with its quoted text."""
MAX_DEPTH = 50
"""Brackets inside brackets, and `not not …`."""

WORDS = frozenset(("and", "or", "not", "in", "if", "else", "for"))
CONSTANTS: dict[str, bool | None] = {"none": None, "true": True, "false": False}

_SPACE = re.compile(r"[ \t\r\n]+")
_NAME = re.compile(r"[^\W\d][\w\u0300-\u036f]*")
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_TEXT = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'')
_GOES_ON = re.compile(r"[\w.:-]")
_OPERATOR = re.compile(r"==|!=|<=|>=|//|[-<>+*/%()\[\],.]")
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'"}

_CYRILLIC_TO_LATIN = dict(zip("асеорхуёкмтСАЕОРХУКМТНВЁіІѕЅјЈ", "aceopxyekmtCAEOPXYKMTHBEiIsSjJ", strict=True))
_LATIN_TO_CYRILLIC = {latin: cyrillic for cyrillic, latin in reversed(_CYRILLIC_TO_LATIN.items()) if cyrillic not in "ёЁ"}


class Token(Struct, frozen=True):
    """A piece of an expression. `value` is what a literal stands for; `offset` counts characters."""

    kind: Literal["name", "word", "literal", "operator"]
    text: str
    offset: int
    value: bool | int | Decimal | str | None = None

    @property
    def end(self) -> int:
        return self.offset + len(self.text)


def tokenize(text: str) -> list[Token]:
    """The tokens of an expression. ExpressionError with a place and often a remedy."""
    if len(text) > MAX_WHOLE:
        raise ExpressionError(say("the expression is too long: at most {length} characters", length=MAX_WHOLE))
    tokens: list[Token] = []
    code = 0
    for token in _cut(text):
        code += 1 if token.text[0] in "\"'" else len(token.text)
        if code > MAX_LENGTH:
            raise ExpressionError(say("the expression is too long: at most {length} characters", length=MAX_LENGTH), token.offset, len(token.text))
        if tokens:
            _check_neighbours(tokens[-1], token)
        if token.text[0] == "0" and token.text[1:2].isdigit():
            raise ExpressionError(say('"{text}" is not a number', text=brief(token.text)), token.offset, len(token.text), say("a number does not begin with 0"))
        tokens.append(token)
    if not tokens:
        raise ExpressionError(say("the expression is empty"))
    _check_nesting(tokens)
    return tokens


def _cut(text: str) -> Iterator[Token]:
    at, after_point = 0, False
    while at < len(text):
        space = _SPACE.match(text, at)
        if space:
            at = space.end()
            continue
        token = _next(text, at, after_point)
        yield token
        at, after_point = token.end, token.text == "."


def _next(text: str, at: int, after_point: bool) -> Token:
    if text[at] in "\"'":
        return _text(text, at)
    _check_traps(text, at)
    found = _NUMBER.match(text, at)
    if found:
        return Token("literal", found[0], at, _number(found[0], at))
    found = _NAME.match(text, at)
    if found:
        return _word(found[0], at, after_point)
    found = _OPERATOR.match(text, at)
    if found:
        return Token("operator", found[0], at)
    raise ExpressionError(say('the character "{character}" has no place in an expression', character=_shown(text[at])), at, 1)


def _shown(character: str) -> str:
    return character if character.isprintable() else f"U+{ord(character):04X}"


# ── literals and names ──────────────────────────────────────────────────────────────────────────────────────────────
def _text(text: str, at: int) -> Token:
    if text.startswith(('"""', "'''"), at):
        raise ExpressionError(say("three quotes in a row"), at, 3, say('text stands between single quotes: "…"'))
    found = _TEXT.match(text, at)
    if found is None:
        raise ExpressionError(say("the quote is not closed"), at, len(text) - at)
    for escape in _ESCAPE.finditer(found[0]):
        if escape[1] not in _ESCAPED:
            raise ExpressionError(say('"{escape}" means nothing', escape=escape[0]), at + escape.start(), 2, say(r'a backslash itself is written "\\"'))
    return Token("literal", found[0], at, _ESCAPE.sub(lambda escape: _ESCAPED[escape[1]], found[0][1:-1]))


def _number(text: str, at: int) -> int | Decimal:
    if len(text) > DIGITS + 1:
        raise ExpressionError(say("the number is too long: at most {digits} digits", digits=DIGITS), at, len(text))
    return Decimal(text) if "." in text else int(text)


def _word(text: str, at: int, after_point: bool) -> Token:
    _check_letters(text, at)
    name = unicodedata.normalize("NFC", text)
    if name.startswith("_"):
        raise ExpressionError(say('a name does not begin with "_": "{name}"', name=brief(name)), at, len(text))
    if after_point:
        return Token("name", text, at, name)
    if name in WORDS:
        return Token("word", text, at, name)
    if name in CONSTANTS:
        return Token("literal", text, at, CONSTANTS[name])
    _check_foreign_word(name, at)
    return Token("name", text, at, name)


_OTHER_WORDS = {
    **dict.fromkeys(("None", "null", "NULL", "Null", "nil", "undefined"), "none"),
    **dict.fromkeys(("True", "TRUE"), "true"),
    **dict.fromkeys(("False", "FALSE"), "false"),
    **dict.fromkeys(("AND", "And", "и", "И"), "and"),
    **dict.fromkeys(("OR", "Or", "или", "ИЛИ"), "or"),
    **dict.fromkeys(("NOT", "Not", "не", "НЕ"), "not"),
    "is": "==",
}


def _check_foreign_word(name: str, at: int) -> None:
    if name in _OTHER_WORDS:
        hint = say('write "==", and "!=" for "is not"') if name == "is" else say('write "{word}"', word=_OTHER_WORDS[name])
        raise ExpressionError(say('"{word}" is not a word of the language', word=name), at, len(name), hint)
    if keyword.iskeyword(name):
        raise ExpressionError(say('"{word}" is not a word of the language', word=name), at, len(name))


def _check_letters(name: str, at: int) -> None:
    """Refuse a letter of the other alphabet that only looks right: a Cyrillic `с` in `document.сlient`."""
    for part in re.finditer(r"[^\W\d_]+", name) if not name.isascii() else ():
        cyrillic = [i for i, letter in enumerate(part[0]) if "\u0400" <= letter <= "\u04ff"]
        latin = [i for i, letter in enumerate(part[0]) if letter.isascii()]
        few, likes = (cyrillic, _CYRILLIC_TO_LATIN) if len(cyrillic) <= len(latin) else (latin, _LATIN_TO_CYRILLIC)
        if cyrillic and latin and all(part[0][i] in likes for i in few):
            _refuse_letter(name, part.start() + few[0], at, few is cyrillic)


def _refuse_letter(name: str, index: int, at: int, is_cyrillic: bool) -> NoReturn:
    if is_cyrillic:
        message = say('the letter "{letter}" in "{name}" is Cyrillic', letter=name[index], name=name)
        hint = say('type the Latin letter "{letter}"', letter=_CYRILLIC_TO_LATIN[name[index]])
    else:
        message = say('the letter "{letter}" in "{name}" is Latin', letter=name[index], name=name)
        hint = say('type the Cyrillic letter "{letter}"', letter=_LATIN_TO_CYRILLIC[name[index]])
    raise ExpressionError(message, at + index, 1, hint, "lookalike")


# ── traps ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def _instead(word: str) -> Message:
    return say('write "{word}"', word=word)


_SIGNS: dict[str, Message | None] = {
    "===": _instead("=="),
    "=>": _instead(">="),
    "=<": _instead("<="),
    "<>": _instead("!="),
    "&&": _instead("and"),
    "||": _instead("or"),
    ":=": say('values are set by the activity "set-variables"'),
    "**": say("multiply: x * x"),
    "<<": None,
    ">>": None,
    "->": None,
    "++": _instead("x + 1"),
    "--": _instead("x - 1"),
    "=": _instead("=="),
    "!": _instead("not"),
    "&": _instead("and"),
    "|": _instead("or"),
    "^": None,
    "~": _instead("not"),
    "@": None,
    "≠": _instead("!="),
    "≤": _instead("<="),
    "≥": _instead(">="),
    "×": _instead("*"),
    "÷": _instead("/"),
    "–": _instead("-"),
    "—": _instead("-"),
    "\u2212": _instead("-"),
    "?": _instead("a if condition else b"),
    ":": say('a time is text: at_time(today(), "09:00")'),
    ";": None,
    "$": say("$(…) is for text; this is an expression already"),
    "#": None,
    "`": say('text stands between quotes: "…"'),
    "{": say("fields of a record are given in YAML, not in an expression"),
    "}": None,
    "\\": None,
    "…": None,
}
_QUOTES = frozenset("«»“”„‟‘’‚‹›")
_NO_BREAK = frozenset("\u00a0\u202f")
_ODD_SPACES = _NO_BREAK | frozenset("\u00ad\u1680\u2028\u2029\u205f\u2060\u3000\ufeff") | frozenset(map(chr, range(0x2000, 0x2010)))

# Digits that are no number of the language; they are compiled when first needed, which is seldom.
_DATE = r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})(?![0-9])([T ][0-9]{1,2}:[0-9]{2})?"
_DATE_WITH_POINTS = r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})(?![0-9])"
_TIME = r"[0-9]{1,2}:[0-9]{2}(?![0-9])"
_GLUED = r"([0-9][0-9_]*(?:\.[0-9]+)?)([^\W\d]\w*)"
_OPEN_NUMBER = r"[0-9]+\.(?![0-9])|\.[0-9]+"


def _check_traps(text: str, at: int) -> None:
    found = _OPERATOR.match(text, at)
    known = len(found[0]) if found else 0
    for sign in (text[at : at + length] for length in range(3, known, -1)):
        if sign in _SIGNS:
            raise ExpressionError(say('"{sign}" is not a sign of the language', sign=sign), at, len(sign), _SIGNS[sign])
    if text[at] in _QUOTES:
        hint = say('text stands between straight quotes: "…"')
        raise ExpressionError(say("the quote {quote} is not a quote of the language", quote=text[at]), at, 1, hint, "typographic-quotes")
    if text[at] in _ODD_SPACES:
        name = say("a no-break space") if text[at] in _NO_BREAK else say("an invisible character, {code}", code=f"U+{ord(text[at]):04X}")
        raise ExpressionError(say("{name} in the expression", name=name), at, 1, say("delete it, and type an ordinary space where one is needed"))
    if text[at].isdigit() or (text[at] == "." and text[at + 1 : at + 2].isdigit()):
        _check_digits(text, at)


def _check_digits(text: str, at: int) -> None:
    whole = _NUMBER.match(text, at)
    if whole and not _GOES_ON.match(text, whole.end()):
        return
    digits = text[at : at + 100]
    found = re.match(_DATE, digits)
    if found:
        day = f"{found[1]}-{found[2]:0>2}-{found[3]:0>2}"
        hint = say("write {call}", call=f'datetime("{day}{found[4].replace(" ", "T")}")' if found[4] else f'date("{day}")')
        raise ExpressionError(say('"{text}" would be a subtraction', text=found[0]), at, len(found[0]), hint)
    found = re.match(_DATE_WITH_POINTS, digits)
    if found:
        hint = say("write {call}", call=f'date("{found[3]}-{found[2]:0>2}-{found[1]:0>2}")')
        raise ExpressionError(say('"{text}" is not a number', text=found[0]), at, len(found[0]), hint)
    found = re.match(_TIME, digits)
    if found:
        raise ExpressionError(say('"{text}" is not a number', text=found[0]), at, len(found[0]), say('a time is text: at_time(today(), "09:00")'))
    found = re.match(_GLUED, digits)
    if found:
        raise ExpressionError(say('"{text}" is not a number', text=brief(found[0])), at, len(found[0]), _unit_hint(found[1], found[2]))
    found = re.match(_OPEN_NUMBER, digits)
    if found and not (found[0].startswith(".") and at and (text[at - 1].isalnum() or text[at - 1] in ")]")):
        raise ExpressionError(say('"{text}" is not a number', text=found[0]), at, len(found[0]), say('a number has digits on both sides of the point: "0.5"'))


def _unit_hint(number: str, unit: str) -> Message | None:
    if unit.lower() in UNITS or unit == "working":
        return say("a duration is written {call}", call=f'duration("{number}{unit}")' if unit != "working" else f'duration("{number} working days")')
    return say("write the number in full") if unit[0] in "_eExX" else None


# ── what stands beside what ─────────────────────────────────────────────────────────────────────────────────────────
def _check_neighbours(left: Token, right: Token) -> None:
    if left.kind == "word" or left.text in _OPENS or right.kind not in ("name", "literal"):
        return
    first, last = left.text, right.text
    unit = type(left.value) is int and _unit_hint(first, last)
    if unit:
        hint: Message | None = unit
    elif left.kind == "literal" and right.kind == "literal" and first[0].isdigit() and last[0].isdigit():
        hint = say("a number is written without spaces")
    elif left.kind == right.kind == "name":
        hint = say('if it is text, put it between quotes: "{text}"', text=f"{first} {last}")
    else:
        hint = None
    message = say('something is missing between "{left}" and "{right}"', left=brief(first), right=brief(last))
    raise ExpressionError(message, left.offset, right.end - left.offset, hint)


_OPENS = frozenset(["(", "[", ",", ".", "==", "!=", "<=", ">=", "//", "<", ">", "+", "-", "*", "/", "%"])
_CLOSES = {")": "(", "]": "["}


def _check_nesting(tokens: list[Token]) -> None:
    opened: list[Token] = []
    prefixes = 0
    for token in tokens:
        prefixes = prefixes + 1 if token.kind != "name" and token.text in ("not", "-") else 0
        if token.kind == "operator" and token.text in "([":
            opened.append(token)
        elif token.kind == "operator" and token.text in _CLOSES and (not opened or opened.pop().text != _CLOSES[token.text]):
            raise ExpressionError(say('"{bracket}" closes nothing', bracket=token.text), token.offset)
        if len(opened) + prefixes > MAX_DEPTH:
            raise ExpressionError(say("the expression is nested too deeply: at most {depth} levels", depth=MAX_DEPTH), token.offset)
    if opened:
        raise ExpressionError(say('"{bracket}" is not closed', bracket=opened[-1].text), opened[-1].offset)
