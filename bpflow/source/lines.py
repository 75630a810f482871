"""Places in a text, and the findings about it."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from itertools import accumulate

from msgspec import Struct
from yaml.events import Event

from bpflow.diagnostics import Diagnostic, Message, Severity, Span, in_order, say

MOST_OF_A_RULE = 100


class Lines:
    """The text of a file cut into lines as libyaml cuts it: the places of its characters."""

    __slots__ = ("_rows", "_starts", "file", "text")

    def __init__(self, file: str, text: str) -> None:
        self.file, self.text = file, text
        self._rows: list[str] = []
        self._starts: list[int] = []

    def _row(self, offset: int) -> int:
        """The number of a character's line, from 0. The text is cut when first asked: most files have nothing to ask about."""
        if not self._rows:
            self._rows = self.text.splitlines() or [""]
            self._starts = [0, *accumulate(map(len, self.text.splitlines(keepends=True)))]
        return max(0, min(bisect_right(self._starts, offset), len(self._rows)) - 1)

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column of a character, both from 1; the end of its line for a line break and for what lies behind the text."""
        row = self._row(offset)
        return row + 1, max(0, min(offset - self._starts[row], len(self._rows[row]))) + 1

    def span(self, start: int, end: int) -> Span:
        """The place of the characters from `start` up to `end`."""
        return Span(self.file, *self.place(start), *self.place(max(start, end)))

    def line(self, offset: int) -> str:
        """The line in which a character stands, without its break."""
        row = self._row(offset)
        return self._rows[row]

    def line_start(self, offset: int) -> int:
        """The offset at which a character's line begins."""
        row = self._row(offset)
        return self._starts[row]

    def line_end(self, offset: int) -> int:
        """The offset of the break that ends a character's line."""
        row = self._row(offset)
        return self._starts[row] + len(self._rows[row])


class Written(Struct, frozen=True):
    """Where a scalar stands in the file: offsets, and how it is written."""

    start: int
    end: int
    style: str


def offsets(event: Event) -> tuple[int, int]:
    """Where an event begins and ends in the text; libyaml's events always say it, though their type need not."""
    start, end = event.start_mark, event.end_mark
    return (start.index, end.index) if start is not None and end is not None else (0, 0)


class Findings:
    """The findings about one file, of each rule no more than a reader can use."""

    __slots__ = ("_found", "_last", "counts")

    def __init__(self) -> None:
        self._found: list[Diagnostic] = []
        self.counts: Counter[str] = Counter()
        self._last: dict[str, Span] = {}

    def add(self, rule: str, span: Span, message: Message, hint: Message | None = None, severity: Severity = Severity.ERROR) -> None:
        """Note a finding; those beyond the hundredth of a rule are only counted."""
        self.counts[rule] += 1
        if self.counts[rule] <= MOST_OF_A_RULE:
            self._found.append(Diagnostic(span, rule, message, hint, severity))
        elif self.counts[rule] == MOST_OF_A_RULE + 1:
            self._last[rule] = span

    def take(self, others: Findings) -> None:
        """Add the findings of a later look at the same file: of the same rule at the same place, the later is the better."""
        better = {(found.rule, found.span.line, found.span.column) for found in others._found}
        self._found = [found for found in self._found if (found.rule, found.span.line, found.span.column) not in better]
        for found in others._found:
            self.add(found.rule, found.span, found.message, found.hint, found.severity)
        for rule, span in others._last.items():
            self._last.setdefault(rule, span)

    def full(self, rule: str) -> bool:
        """More of this rule would not be shown."""
        return self.counts[rule] > MOST_OF_A_RULE

    def in_order(self) -> list[Diagnostic]:
        """All findings by place, and one for those of a rule that are too many to show."""
        more = [Diagnostic(span, rule, say("from here on there is more of the same, which is not shown")) for rule, span in self._last.items()]
        return in_order([*self._found, *more])
