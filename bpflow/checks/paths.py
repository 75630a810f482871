"""Names with their fields inside an expression: `document.client.name`, and where each of the words stands."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from bpflow.checks.environment import Fields, fields_behind
from bpflow.checks.subject import Use
from bpflow.diagnostics import Span


@dataclass(frozen=True, slots=True)
class Reading:
    """The last of `names` is read of what the ones before lead to."""

    use: Use
    names: tuple[str, ...]
    end: int

    @property
    def span(self) -> Span:
        """Where the last name stands."""
        return self.use.span(self.end - len(self.names[-1]), len(self.names[-1]))

    def letter(self, number: int) -> Span:
        """Where a letter of the last name stands."""
        return self.use.span(self.end - len(self.names[-1]) + number, 1)

    @property
    def among(self) -> Fields:
        """The fields among which the last name should be; None if they are not known."""
        if len(self.names) == 2:
            named = self.use.named(self.names[0])
            return named.fields if named else None
        return fields_behind(self.use.field(self.names[:-1]), self.use.around.types)


def readings(use: Use) -> Iterator[Reading]:
    """Every reading of a field in an expression, of names that come from outside of it."""
    outside = {path.offset for path in use.parsed.paths}
    for node in ast.walk(use.parsed.tree):
        if isinstance(node, ast.Attribute):
            names = names_of(node)
            if names and _root(node).col_offset in outside:
                yield Reading(use, names, node.end_col_offset or 0)


def names_of(node: ast.expr) -> tuple[str, ...]:
    """The names of `a.b.c`; empty for anything else."""
    match node:
        case ast.Name(id=name):
            return (name,)
        case ast.Attribute(value=value, attr=name):
            before = names_of(value)
            return (*before, name) if before else ()
    return ()


def _root(node: ast.expr) -> ast.expr:
    return _root(node.value) if isinstance(node, ast.Attribute) else node
