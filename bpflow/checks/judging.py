"""Expressions are judged: their types, as inferred, against what is wanted at their places.

The law of this file: each part of the file that an expression was made from is judged by itself, so that a finding stands at what was written:
the items of a list one by one, of a text each `$(…)`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from bpflow.checks.expected import Places
from bpflow.checks.subject import Subject, Use
from bpflow.checks.unfit import unfit
from bpflow.checks.wanted import PEOPLE, TEXTS, Wanted
from bpflow.diagnostics import Diagnostic, Span
from bpflow.expressions import Mistake, infer, parse
from bpflow.expressions.types import ANY, list_of, one_of_types
from bpflow.graph import Expr, Place
from bpflow.schema.letters import foreign_letter


def judged(subject: Subject) -> Iterator[Diagnostic]:
    """All findings about the types of a process."""
    for use in subject.uses:
        yield from (_told(use, mistake) for mistake in use.inferred.mistakes if mistake.rule != "maybe-none")
    yield from Judge(subject).all()


def _told(use: Use, mistake: Mistake) -> Diagnostic:
    """What inference has found, at its place in the file; a letter that is not what it seems is told instead of the field."""
    word = use.part.text[mistake.offset : mistake.offset + mistake.length]
    foreign = foreign_letter(word) if mistake.rule == "unknown-field" else None
    if foreign:
        return Diagnostic(use.span(mistake.offset + foreign.offset, 1), "lookalike", foreign.message, foreign.hint)
    return Diagnostic(use.span(mistake.offset, mistake.length), mistake.rule, mistake.message, mistake.hint)


@dataclass
class Judge:
    """Holds the expressions of a process against what is wanted of them."""

    subject: Subject
    uses: dict[Place, list[Use]] = field(default_factory=dict)
    done: set[Place] = field(default_factory=set)

    def __post_init__(self) -> None:
        for use in self.subject.uses:
            self.uses.setdefault(use.place, []).append(use)

    def all(self) -> Iterator[Diagnostic]:
        """What is found of all expressions of which the process itself tells what is wanted."""
        around = self.subject.environment
        results = {name: dict(named.fields) for name, named in around.names.items() if named.fields is not None}
        for expr, wanted in Places(self.subject.graph, around.known, results, self.subject.services).all():
            yield from self.of(expr, wanted)

    def of(self, expr: Expr, wanted: Wanted) -> Iterator[Diagnostic]:
        """What is found of one; of each only once."""
        if expr.place is None or expr.place in self.done:
            return
        self.done.add(expr.place)
        uses = self.uses.get(expr.place)
        if uses is None:
            yield from self._written_out(expr, expr.place, wanted)
        elif any(use.inferred.mistakes for use in uses):
            return
        elif is_text(uses[0]):
            yield from self._each(uses, TEXTS)
        elif len(uses) == 1 and expr.text != f"[{uses[0].parsed.text.strip()}]":
            yield from self._each(uses, wanted)
        else:
            yield from self._listed(uses, wanted)

    def _each(self, uses: list[Use], wanted: Wanted) -> Iterator[Diagnostic]:
        for use in uses:
            if not wanted.takes(use.inferred.type):
                yield unfit(use.whole, use.part.text.strip(), use.inferred.type, wanted)

    def _listed(self, uses: list[Use], wanted: Wanted) -> Iterator[Diagnostic]:
        """A list of expressions: where people are wanted each is judged by itself, else the whole is."""
        if wanted.type == PEOPLE.type:
            yield from self._each(uses, replace(wanted, none=True))
            return
        type = list_of(one_of_types(*(use.inferred.type for use in uses)))
        if not wanted.takes(type):
            yield unfit(uses[0].whole, uses[0].part.text.strip(), type, wanted)

    def _written_out(self, expr: Expr, place: Place, wanted: Wanted) -> Iterator[Diagnostic]:
        """A literal, or a list of values in which some are expressions."""
        tree = parse(expr.text).tree
        if isinstance(tree, ast.List) and wanted.type.kind == "list":
            item = replace(wanted, type=wanted.type.item or ANY)
            for one in tree.elts:
                yield from self._item(expr.text[one.col_offset : one.end_col_offset], place, item)
        elif isinstance(tree, ast.Constant):
            type = infer(parse(expr.text), self.subject.environment.known).type
            if not wanted.takes(type):
                yield unfit(written(self.subject.source.file, expr, place), expr.text, type, wanted)

    def _item(self, text: str, place: Place, wanted: Wanted) -> Iterator[Diagnostic]:
        """An item of a list of values, which has its own place in the file."""
        after = (at for at, uses in self.uses.items() if at >= place and any(use.part.text.strip() == text for use in uses))
        at = min(after, default=None)
        if at is not None:
            yield from self.of(Expr(text, at), wanted)


def is_text(use: Use) -> bool:
    """Whether it is one of the expressions of a text with something around them."""
    source = str(use.part.source)
    return source != use.part.text and source.strip() != f"$({use.part.text})"


def written(file: str, expr: Expr, place: Place) -> Span:
    """The place of what is written out."""
    value = getattr(parse(expr.text).tree, "value", None)
    return Span(file, *place, place[0], place[1] + len(value if isinstance(value, str) else expr.text))
