"""What goes wrong inside words: values torn apart by commas in `{…}` and `[…]`, and keys in two alphabets."""

from __future__ import annotations

import re

from msgspec import Struct

from bpflow.diagnostics import Message, Span, say
from bpflow.source.lines import Findings, Lines, Written
from bpflow.source.tree import Items, Table, Text

_SHOWN = 60  # characters of a value in a remedy
_CYRILLIC = dict(zip("асеорхуіјѕԁһԛԝАВСЕНІЈКМОРЅТХУ", "aceopxyijsdhqwABCEHIJKMOPSTXY", strict=True))
_LATIN = {latin: cyrillic for cyrillic, latin in _CYRILLIC.items() if cyrillic in "асеорхуАВСЕНКМОРТХУ"}
_GLUED = re.compile(r"([\w.-]+):(\S.*)")
_LONGEST_CALL = 20  # pieces
_WORD = re.compile(r"[^\W\d_]+")


def in_quotes(text: str) -> Message:
    """The remedy for a value that must be quoted, with the value as it should stand if it is short."""
    text = text.strip()
    if not text or len(text) > _SHOWN or "\n" in text:
        return say("put the whole value in quotes")
    quoted = "'" + text.replace("'", "''") + "'" if '"' in text or "\\" in text else f'"{text}"'
    return say("put the whole value in quotes: {quoted}", quoted=quoted)


def shortened(text: str) -> str:
    """The beginning of a text that is too long to be shown in a message."""
    return str(text) if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def mixed_letters(word: str) -> list[tuple[int, str, str]]:
    """Letters of one alphabet that pass for those of the other around them: (offset, letter, the letter that it looks like)."""
    found: list[tuple[int, str, str]] = []
    for run in _WORD.finditer(word):
        latin = [letter.isascii() for letter in run[0]]
        if all(latin) or not any(latin):
            continue
        strange = [(run.start() + i, letter) for i, letter in enumerate(run[0]) if not letter.isascii()]
        if all(letter in _CYRILLIC for _, letter in strange):
            found += [(offset, letter, _CYRILLIC[letter]) for offset, letter in strange]
            continue
        strange = [(run.start() + i, letter) for i, letter in enumerate(run[0]) if letter.isascii()]
        if all(letter in _LATIN for _, letter in strange):
            found += [(offset, letter, _LATIN[letter]) for offset, letter in strange]
    return found


class _Piece(Struct):
    """A torn value: whose it is, where it starts, where its first piece ends and its last."""

    table: Table
    key: str
    start: int
    first_end: int
    end: int


class Torn:
    """Puts values together again that a comma has torn, and reports each once."""

    def __init__(self, lines: Lines, findings: Findings) -> None:
        self._lines, self._findings = lines, findings
        self._open: _Piece | None = None

    def tear(self, table: Table, before: tuple[Text, Written] | None, key: Text, rest: Written) -> None:
        """An entry of `table` has a key and no colon: it is the rest of the value before it, if that is a plain text."""
        if before is None or before[1].style != "plain" or _GLUED.match(key):
            self.report()
            self._alone(key)
            table.put(key, key.span, None, key.span)
            return
        name, first = before
        if self._open is None or self._open.start != first.start:
            self.report()
            self._open = _Piece(table, name, first.start, first.end, rest.end)
        self._open.end = rest.end

    def report(self) -> None:
        """Make the finding about the value that was torn last, and the value whole."""
        piece, self._open = self._open, None
        if piece is None:
            return
        text, span = self._joined(piece.start, piece.end)
        rest = self._lines.text[piece.first_end : piece.end].lstrip(", \t\r\n")
        message = say('inside braces a comma ends a value: "{rest}" does not belong to it any more', rest=shortened(rest))
        self._findings.add("torn-value", span, message, in_quotes(text))
        piece.table.put(piece.key, piece.table.key_spans[piece.key], text, span)

    def _alone(self, key: Text) -> None:
        if glued := _GLUED.match(key):
            message = say('"{text}" has no blank after the colon', text=str(key))
            self._findings.add("torn-value", key.span, message, say('write "{text}"', text=f"{glued[1]}: {glued[2]}"))
        else:
            hint = say('write "{key}: value"; if a comma stands inside a value, put the value in quotes', key=str(key))
            self._findings.add("torn-value", key.span, say('"{key}" has no value', key=str(key)), hint)

    def _joined(self, start: int, end: int) -> tuple[Text, Span]:
        span, raw = self._lines.span(start, end), self._lines.text[start:end]
        inner = span.line == span.end_line
        return Text(raw if inner else " ".join(raw.split()), span, inner=inner, raw="" if inner else raw), span

    def rejoin(self, items: Items, pieces: list[Written | None]) -> Items:
        """A list in which calls with commas are whole again: `[f(a, b)]` has two items for YAML."""
        groups = split_calls([self._lines.text[piece.start : piece.end] if piece and piece.style == "plain" else None for piece in pieces])
        if len(groups) == len(items):
            return items
        whole = Items(items.span)
        for first, last in groups:
            start, end = pieces[first], pieces[last]
            if first == last or start is None or end is None:
                whole.put(items[first], items.spans[first])
                continue
            value, span = self._joined(start.start, end.end)
            message = say('inside brackets a comma ends an item: "{text}" is torn apart', text=shortened(value))
            self._findings.add("torn-value", span, message, in_quotes(value))
            whole.put(value, span)
        return whole


def split_calls(pieces: list[str | None]) -> list[tuple[int, int]]:
    """First and last piece of each item: pieces belong together from one that leaves a parenthesis open to the one that closes it."""
    left_open = [piece.count("(") - piece.count(")") if piece else 0 for piece in pieces]
    groups: list[tuple[int, int]] = []
    at = 0
    while at < len(pieces):
        last, depth = at, left_open[at]
        while depth > 0 and last + 1 < min(len(pieces), at + _LONGEST_CALL) and pieces[last + 1] is not None:
            last += 1
            depth += left_open[last]
        groups.append((at, last if depth == 0 else at))
        at = groups[-1][1] + 1
    return groups
