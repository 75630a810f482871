"""Changes of a process's text at places that its tree knows.

The law of this file: a mutant is a text, as if an analyst had typed it. What changes inside a scalar is changed there, character by
character; a table or a list that gets other parts is written again in its place, in one line, and the rest of the file stays as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from itertools import accumulate
from typing import Any, TypeAlias

from bpflow.checks import Subject
from bpflow.checks.subject import Use
from bpflow.definition.fields import DocumentTypeModel
from bpflow.diagnostics import Span
from bpflow.graph import Graph, World
from bpflow.source import Items, Source, Table, Text
from bpflow.values import DocumentType, Field

Holder: TypeAlias = Table | Items
NOTHING = object()
"""Stands for a part that is left out."""


@dataclass(frozen=True, slots=True)
class Change:
    """A text with one mistake: where it was made, and what it is, shortly."""

    place: Span
    text: str
    what: str


@dataclass
class Original:
    """A process without mistakes. `subject` is what the rules see of it, `types` are the document types of its workspace, `processes` those that
    it may call."""

    name: str
    source: Source
    subject: Subject
    types: Mapping[str, DocumentType]
    processes: Mapping[str, Graph]

    @property
    def tree(self) -> Table:
        """All of the file."""
        assert isinstance(self.source.tree, Table)
        return self.source.tree

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *accumulate(len(line) for line in self.source.text.splitlines(keepends=True))]

    def _range(self, span: Span) -> tuple[int, int]:
        return self._starts[span.line - 1] + span.column - 1, self._starts[span.end_line - 1] + span.end_column - 1

    def cut(self, span: Span) -> str:
        """What the file has there."""
        first, last = self._range(span)
        return self.source.text[first:last]

    # ── changes ─────────────────────────────────────────────────────────────────────────────────────────────────────
    def replaced(self, span: Span, new: str, what: str = "") -> Change:
        """Something else stands at a place."""
        first, last = self._range(span)
        old = self.source.text[first:last]
        return Change(span, self.source.text[:first] + new + self.source.text[last:], what or f"{_short(old)} → {_short(new)}")

    def written(self, holder: Holder, new: Any, place: Span, what: str) -> Change:
        """A table or a list has other parts."""
        return Change(place, self.replaced(holder.span, flow(new)).text, what)

    def exchanged(self, first: Span, second: Span, what: str) -> Change:
        """Two parts stand in each other's place."""
        one, other = sorted((first, second))
        later = self.replaced(other, self.cut(one)).text
        begin, end = self._range(one)
        return Change(first, later[:begin] + self.cut(other) + later[end:], what)

    def without(self, table: Table, *keys: str) -> Change:
        """A table lacks keys."""
        return self.written(table, {key: one for key, one in table.items() if key not in keys}, table.key_spans[keys[0]], f"without {', '.join(keys)}")

    def value(self, table: Table, key: str, new: Any) -> Change:
        """A key has another value."""
        return self.replaced(table.value_spans[key], flow(new), f"{key}: {_short(self.cut(table.value_spans[key]))} → {_short(flow(new))}")

    def key(self, table: Table, key: str, new: str) -> Change:
        """A key is called otherwise."""
        return self.replaced(table.key_spans[key], new)

    def without_item(self, items: Items, number: int, what: str = "") -> Change:
        """A list lacks an item."""
        left = [one for at, one in enumerate(items) if at != number]
        return self.written(items, left, items.spans[number], what or f"without {_short(self.cut(items.spans[number]))}")

    # ── what there is ───────────────────────────────────────────────────────────────────────────────────────────────
    @cached_property
    def tables(self) -> list[tuple[tuple[str | int, ...], Table]]:
        """All tables with the ways to them."""
        return [(path, one) for path, one in walk(self.tree) if isinstance(one, Table)]

    @cached_property
    def steps(self) -> list[Table]:
        """All steps."""
        return [table for _, table in self.tables if "activity" in table]

    @cached_property
    def lists(self) -> list[Items]:
        """All lists of steps."""
        return [one for path, one in walk(self.tree) if isinstance(one, Items) and path[-1] == "steps" and all(isinstance(step, Table) for step in one)]

    @cached_property
    def ids(self) -> list[str]:
        """The ids of all steps."""
        return [str(step["id"]) for step in self.steps if "id" in step]

    @cached_property
    def ways(self) -> dict[str, tuple[str | int, ...]]:
        """The ways in the tree to all steps with ids."""
        return {str(table["id"]): path for path, table in self.tables if "activity" in table and "id" in table}

    def around(self, span: Span) -> tuple[str | int, ...]:
        """The way to the innermost step around a place; empty outside of steps."""
        around = [path for path, table in self.tables if "activity" in table and _holds(table.span, span)]
        return max(around, key=len, default=())

    @cached_property
    def uses(self) -> list[Use]:
        """All expressions, each once."""
        return list({use.part.span(0, len(use.part.text)): use for use in self.subject.uses}.values())

    # ── types ───────────────────────────────────────────────────────────────────────────────────────────────────────
    @cached_property
    def document(self) -> dict[str, Field]:
        """The fields of its document."""
        document = self.subject.process.document
        found = document.document_type() if isinstance(document, DocumentTypeModel) else self.types.get(str(document))
        return dict(found.fields) if found else {}

    def fields(self, names: Sequence[str]) -> dict[str, Field]:
        """The fields behind a name or a path, as far as this simple look goes."""
        if tuple(names) in (("document",), ("previous",)):
            return self.document
        field = self.field(names)
        if field is not None and field.kind == "document" and len(field.of) == 1 and not field.many and field.of[0] in self.types:
            return dict(self.types[field.of[0]].fields)
        return self._of_step(names[0]) if len(names) == 1 else {}

    def field(self, names: Sequence[str]) -> Field | None:
        """The field that a path ends in."""
        if len(names) > 1:
            return self.fields(names[:-1]).get(names[-1])
        own = {**dict(self.subject.graph.inputs), **{one.name: one.field for one in self.subject.graph.variables}}
        return own.get(names[0])

    @cached_property
    def _results(self) -> dict[str, dict[str, Field]]:
        graph = self.subject.graph
        own = {type.type: type for type in graph.documents}.get(str(graph.document))
        around = World(document=own, types=self.types, services=self.subject.services)
        return {str(step.id): dict(step.results(around) or {}) for step in self.subject.process.all_steps() if step.id}

    def _of_step(self, id: str) -> dict[str, Field]:
        return self._results.get(id, {})


def walk(tree: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Holder]]:
    """All tables and lists, from the outside inwards."""
    if isinstance(tree, Table | Items):
        yield path, tree
        for key, one in tree.items() if isinstance(tree, Table) else enumerate(tree):
            yield from walk(one, (*path, key))


def _holds(outer: Span, inner: Span) -> bool:
    return (outer.line, outer.column) <= (inner.line, inner.column) < (outer.end_line, outer.end_column)


def flow(tree: Any) -> str:
    """A part of a file in one line."""
    if isinstance(tree, dict):
        return "{" + ", ".join(f"{_key(key)}: {flow(one)}" for key, one in tree.items() if one is not NOTHING) + "}"
    if isinstance(tree, list):
        return "[" + ", ".join(flow(one) for one in tree) + "]"
    if isinstance(tree, Decimal):
        return str(tree)
    return json.dumps(tree, ensure_ascii=False)


def _key(key: str) -> str:
    return key if key.replace("-", "").replace("_", "").isalnum() else json.dumps(key, ensure_ascii=False)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 50 else line[:47] + "…"


def typo(word: str) -> str:
    """A word with a slip of the finger: two letters change places, or the last is typed twice."""
    for at in range(max(1, len(word) // 2 - 1), len(word) - 1):
        if word[at] != word[at + 1] and word[at].isalpha() and word[at + 1].isalpha():
            return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return word + word[-1:]


def texts(tree: Any) -> Iterator[tuple[Holder, Any, Text]]:
    """All scalars of text with what holds them, and where in it."""
    for _, holder in walk(tree):
        for key, one in holder.items() if isinstance(holder, Table) else enumerate(holder):
            if isinstance(one, Text):
                yield holder, key, one
