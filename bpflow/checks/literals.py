"""Values that were written out for fields: the graph has them as expressions of their type, the file has the place of each."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from msgspec import Struct

from bpflow.checks.parties import read_again
from bpflow.checks.subject import Subject
from bpflow.diagnostics import Span
from bpflow.graph import Expr
from bpflow.graph.nodes import expressions
from bpflow.source import Items, Table, Tree


class Literal(Struct, frozen=True):
    """A value, or a list of values, as it was read and as it stands in the file."""

    expr: Expr
    raw: Tree
    span: Span

    def values(self) -> Iterator[tuple[ast.expr, Span]]:
        """What was made of each value, with its place."""
        read = read_again(self.expr.text)
        if read and isinstance(self.raw, Items) and isinstance(read.tree, ast.List):
            yield from zip(read.tree.elts, self.raw.spans, strict=False)
        elif read:
            yield read.tree, self.span


def literals(subject: Subject, like: re.Pattern[str]) -> Iterator[Literal]:
    """The values that were read as something that begins like that."""
    made = [expr for expr in expressions(subject.graph) if expr.place and expr.place not in subject.origins and like.match(expr.text)]
    if made:
        standing = {(span.line, span.column): (raw, span) for raw, span in _standing(subject.source.tree)}
        for expr in made:
            found = standing.get(expr.place) if expr.place else None
            if found is not None:
                yield Literal(expr, *found)


def _standing(tree: Tree) -> Iterator[tuple[Tree, Span]]:
    """Every value of the file that is no set of keys, with its place."""
    if isinstance(tree, Table | Items):
        held = zip(tree.values(), tree.value_spans.values(), strict=True) if isinstance(tree, Table) else zip(tree, tree.spans, strict=True)
        for value, span in held:
            if not isinstance(value, Table):
                yield value, span
            yield from _standing(value)
