"""Files as they come after an accident: bytes, lines and parts of them lost, doubled, torn, or from somewhere else.

The law of this file: chance decides everything, by the `Random` that is given, so a seed makes an accident again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from bpflow.source import Items, Table, read_source
from tests.mutation.editing import flow
from tests.whole.making import JUNK, damaged

Damage = Callable[[str, Random, Sequence[str]], str]

# fmt: off
SIGNS = [
    *"\t\n\r#:,?!&*|>@%`'\"[]{}()-~$\\ =<.0", "\xa0", "\ufeff", "\u2028", "\x85", "\x00", "\ufffd", "\u202e", "\u0301", "\U0001f600", "ё", "с", "İ",
    "ß", "\u200b", "١", "<<: ", "- ", "? ", ": ", "---\n", "...\n", "!!x ", "!!binary ", "&a ", "*a", " #", "\r\n", "{{", "}}", "|2\n", ">-\n",
    "%YAML 1.1\n", "$(", "$((", ")", "«", "”", '""', "''", "[]", "{}",
]
NUMBERS = [
    "9" * 30, "-1", "0", "1e999", ".inf", ".nan", "-.inf", "0x7fffffffffffffff", "0o7", "1_000", "1.5", "00", "9223372036854775808",
    "-9223372036854775809", "1" + "0" * 400,
]
WORDS = [
    "steps", "next", "go-on", "end", "none", "true", "false", "when", "branches", "otherwise", "outcomes", "fields", "loop", "until", "max",
    "for-each", "items", "as", "parallel", "join", "race", "block", "meanwhile", "cancels", "set", "document", "document.status", "now", "today()",
    "hours(2)", "2 working days", "initiator", "user", "choice", "choices", "required", "many", "of", "type", "id", "start", "manual", "schedule",
    "cron", "message", "key", "values", "with", "call-process", "inputs", "people", "stages", "moves", "enter", "bpflow", "check", "that", "say",
    "x + 1", "any(x for x in y)", "$(document.name)", "2026-03-31", "2026-13-41T25:61", "09:00", "Europe/Nowhere", "0 0 31 2 *", "scenarios", "play",
    "expect", "answer", "head", "departments", "roles", "absences", "calendar", "holidays", "pattern", "(a+)+", "min", "retry", "times", "on-error",
    "activity", "approve", "rule", "at-least", "percent",
]
# fmt: on


def spot(text: str, chance: Random) -> int:
    return chance.randrange(len(text) + 1)


def piece(text: str, chance: Random, most: int = 300) -> str:
    begin = spot(text, chance)
    return text[begin : begin + chance.randrange(1, most)]


def insert(text: str, chance: Random, what: str) -> str:
    at = spot(text, chance)
    return text[:at] + what + text[at + chance.choice((0, 0, 1, 5)) :]


def lines(text: str, chance: Random, others: Sequence[str]) -> str:
    """Lines are lost, doubled, exchanged, joined, or stand further left or right."""
    found = text.splitlines(keepends=True) or [""]
    one, two = chance.randrange(len(found)), chance.randrange(len(found))
    match chance.randrange(6):
        case 0:
            del found[one : one + chance.choice((1, 1, 3, 10))]
        case 1:
            found[two:two] = found[one : one + chance.choice((1, 1, 4))]
        case 2:
            found[one], found[two] = found[two], found[one]
        case 3:
            found[one] = found[one].rstrip("\r\n")
        case 4:
            found[one] = " " * chance.randrange(1, 4) + found[one]
        case _:
            found[one] = found[one][min(chance.randrange(1, 4), len(found[one]) - len(found[one].lstrip(" "))) :]
    return "".join(found)


def signs(text: str, chance: Random, others: Sequence[str]) -> str:
    """Signs that mean something, or that nobody sees."""
    return insert(text, chance, chance.choice(SIGNS) * chance.choice((1, 1, 1, 2, 40)))


def words(text: str, chance: Random, others: Sequence[str]) -> str:
    """Words of the language where they do not belong; or a word is another."""
    found = text.split(" ")
    found[chance.randrange(len(found))] = chance.choice(WORDS)
    return " ".join(found) if chance.randrange(2) else insert(text, chance, chance.choice(WORDS))


def numbers(text: str, chance: Random, others: Sequence[str]) -> str:
    """Numbers that are too large, or none."""
    digits = [at for at, letter in enumerate(text) if letter.isdigit()]
    at = chance.choice(digits) if digits else 0
    return text[:at] + chance.choice(NUMBERS) + text[at + 1 :]


def spliced(text: str, chance: Random, others: Sequence[str]) -> str:
    """A piece of another file, or of this one; or a piece is lost."""
    match chance.randrange(3):
        case 0:
            return insert(text, chance, piece(chance.choice(others), chance))
        case 1:
            return insert(text, chance, piece(text, chance))
    at = spot(text, chance)
    return text[:at] + text[at + chance.randrange(1, 400) :]


def nested(text: str, chance: Random, others: Sequence[str]) -> str:
    """Something deep."""
    deep = chance.choice(("[", "{a: ", "- ", "? ", "(", "{", "'", "not ", "[[", "$("))
    return insert(text, chance, deep * chance.choice((3, 30, 200, 3000)))


def parts(text: str, chance: Random, others: Sequence[str]) -> str:
    """Parts of the tree are lost, misspelt, doubled, or in each other's place."""
    tree = plain(read_source(text, "f.yaml").tree)
    return flow(damaged(tree, chance.randint)) if isinstance(tree, dict) and tree else text


def grafted(text: str, chance: Random, others: Sequence[str]) -> str:
    """A part of another file, or rubbish, stands for a part of this one."""
    tree, other = plain(read_source(text, "f.yaml").tree), plain(read_source(chance.choice(others), "f.yaml").tree)
    if not isinstance(tree, dict) or not isinstance(other, dict) or not tree or not other:
        return text
    holder, key = chance.choice(places(tree))
    given, name = chance.choice(places(other))
    holder[key] = given[name] if chance.randrange(3) else chance.choice(JUNK)
    return flow(tree)


def plain(tree: Any) -> Any:
    """The tree without its places."""
    if isinstance(tree, Table):
        return {str(key): plain(one) for key, one in tree.items()}
    return [plain(one) for one in tree] if isinstance(tree, Items) else str(tree) if isinstance(tree, str) else tree


def places(tree: Any) -> list[tuple[Any, Any]]:
    """All places of a tree: what holds each, and where in it."""
    own = [(tree, key) for key in (tree if isinstance(tree, dict) else range(len(tree)))] if isinstance(tree, dict | list) else []
    return own + [place for holder, key in own for place in places(holder[key])]


DAMAGES: tuple[Damage, ...] = (lines, lines, signs, words, words, numbers, spliced, nested, parts, parts, grafted, grafted)


def spoilt(text: str, chance: Random, others: Sequence[str]) -> bytes:
    """The file after one accident or several; sometimes a few bytes are others, so that it is no UTF-8 any more."""
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        text = chance.choice(DAMAGES)(text, chance, others)
    data = bytearray(text.encode("utf-8", "replace"))
    for _ in range(chance.choice((0, 0, 0, 0, 0, 1, 3))):
        at = chance.randrange(len(data) + 1)
        data[at : at + chance.randrange(2)] = bytes([chance.randrange(256)])
    return bytes(data)
