"""What a YAML text is once read: plain Python values that know their places.

The law of this file: a value never loses its place. `Table`, `Items` and `Text` are a dict, a list and a str for whoever does
not care, and tell where they stand to whoever has a finding to report. Numbers, booleans and nulls know theirs through their holder.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from typing import TypeAlias

from msgspec import Struct

from bpflow.diagnostics import Diagnostic, Span

_NOWHERE = Span("", 1, 1, 1, 1)
# A unit of a scalar as written: a folded line break, an escape, a doubled quote, or any other character.
_UNITS = {
    "plain": r"[ \t]*(?:\r\n|[\r\n])\s*|.",
    "single": r"[ \t]*(?:\r\n|[\r\n])\s*|''|.",
    "double": r"\\(?:\r\n|[\r\n])[ \t]*|\\x..|\\u.{4}|\\U.{8}|\\.|[ \t]*(?:\r\n|[\r\n])\s*|.",
}
_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")


class Text(str):
    """A string that knows its place.

    `style` is how it was written: plain, single or double (quotes), literal (`|`) or folded (`>`). `inner` says that its characters
    stand one to one in one line of the file. `raw` is what the file has between the ends of `span`, kept where `inner` is false.
    """

    __slots__ = ("inner", "raw", "span", "style")
    span: Span
    style: str
    inner: bool
    raw: str

    def __new__(cls, value: str, span: Span = _NOWHERE, style: str = "plain", inner: bool = False, raw: str = "") -> Text:
        self = super().__new__(cls, value)
        self.span, self.style, self.inner, self.raw = span, style, inner, raw
        return self

    def at(self, offset: int, length: int = 1) -> Span:
        """The place of `length` characters from `offset` on; the whole text's place where the file does not show them one by one."""
        here, offset, length = self.span, max(0, min(offset, len(self))), max(0, length)
        if self.inner:
            column = here.column + offset + (0 if self.style == "plain" else 1)
            return Span(here.file, here.line, column, here.line, column + min(length, len(self) - offset))
        starts = _starts(self.raw, self.style, len(self))
        if not starts:
            return here
        first, last = starts[offset], max(starts[offset], starts[min(offset + length, len(self))])
        return Span(here.file, *self._step(first), *self._step(last))

    def _step(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset in `raw`."""
        breaks = [found.end() for found in _BREAK.finditer(self.raw, 0, offset)]
        return (self.span.line + len(breaks), offset - breaks[-1] + 1) if breaks else (self.span.line, self.span.column + offset)


@lru_cache(maxsize=256)
def _starts(raw: str, style: str, length: int) -> tuple[int, ...]:
    """Where in `raw` each of the value's characters begins, and the end; empty where that cannot be told."""
    starts = _block_starts(raw, length) if style == "literal" else _flow_starts(raw, style) if style in _UNITS else []
    return tuple(starts) if len(starts) == length + 1 else ()


def _flow_starts(raw: str, style: str) -> list[int]:
    """For plain and quoted text: a line break folds into a blank, n + 1 of them into n breaks."""
    starts, edge = [], 0 if style == "plain" else 1
    for unit in re.compile(_UNITS[style], re.DOTALL).finditer(raw, edge, max(edge, len(raw) - edge)):
        breaks = len(_BREAK.findall(unit[0]))
        if not unit[0].startswith("\\"):
            starts += [unit.start()] * max(1, breaks - 1)
        elif not breaks:
            starts.append(unit.start())
    return [*starts, max(edge, len(raw) - edge)]


def _block_starts(raw: str, length: int) -> list[int]:
    """For literal text: the lines after the header, each without the indentation."""
    header, *lines = raw.splitlines(keepends=True)
    indents = [len(line) - len(line.lstrip(" ")) for line in lines if line.strip()]
    if not indents or any(map(str.isdigit, header)):
        return []
    starts: list[int] = []
    offset, indent = len(header), min(indents)
    for line in lines:
        body = len(line.rstrip("\r\n"))
        starts += range(offset + min(indent, body), offset + body + 1)
        offset += len(line)
    return (starts + [len(raw)] * (length + 1 - len(starts)))[: length + 1]


class Comment(Struct, frozen=True):
    """A comment: its place, which begins at `#`, and its words without `#`."""

    span: Span
    text: str


class Table(dict[str, "Tree"]):
    """A mapping that knows its place and those of its keys and values. Its keys are Text."""

    __slots__ = ("key_spans", "span", "value_spans")

    def __init__(self, span: Span = _NOWHERE) -> None:
        super().__init__()
        self.span = span
        self.key_spans: dict[str, Span] = {}
        self.value_spans: dict[str, Span] = {}

    def put(self, key: str, key_span: Span, value: Tree, value_span: Span) -> None:
        """Set a key, with the places of both."""
        self[key], self.key_spans[key], self.value_spans[key] = value, key_span, value_span


class Items(list["Tree"]):
    """A list that knows its place and those of its items."""

    __slots__ = ("span", "spans")

    def __init__(self, span: Span = _NOWHERE) -> None:
        super().__init__()
        self.span = span
        self.spans: list[Span] = []

    def put(self, value: Tree, span: Span) -> None:
        """Append an item with its place."""
        self.append(value)
        self.spans.append(span)


Tree: TypeAlias = Table | Items | Text | int | Decimal | bool | None


class Source(Struct, frozen=True):
    """A file as read. `tree` is None where the text could not be read to its end; then `findings` say why. `text` is shown with findings."""

    file: str
    text: str
    tree: Tree
    findings: list[Diagnostic]
    comments: list[Comment]

    @property
    def broken(self) -> bool:
        """There is no tree because the text could not be read (a file that says `null` is not broken)."""
        return self.tree is None and bool(self.findings)

    def span_at(self, path: Sequence[str | int], *, key: bool = False) -> Span:
        """The place of the value at `path`, or of its key; of the nearest enclosing value where the path leads nowhere."""
        tree, span = self.tree, getattr(self.tree, "span", Span(self.file, 1, 1, 1, 1))
        for depth, step in enumerate(path):
            if isinstance(tree, Table) and isinstance(step, str) and step in tree:
                span = tree.key_spans[step] if key and depth == len(path) - 1 else tree.value_spans[step]
                tree = tree[step]
            elif isinstance(tree, Items) and isinstance(step, int) and 0 <= step < len(tree):
                span, tree = tree.spans[step], tree[step]
            else:
                break
        return span
