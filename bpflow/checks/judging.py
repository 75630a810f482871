"""Expressions are judged: their types, as inferred, against what is wanted at their places.

The law of this file: each part of the file that an expression was made from is judged by itself, so that a finding stands at what was written:
the items of a list one by one, of a text each `$(…)`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from msgspec import Struct, field
from msgspec.structs import replace

from bpflow.checks.expected import Expected, Places
from bpflow.checks.gathered import NOTHING_COLLECTED
from bpflow.checks.interface import literal_text
from bpflow.checks.others import unknown_fields_set
from bpflow.checks.subject import Subject, Use
from bpflow.checks.unfit import INITIATOR, nobody_began, unfit
from bpflow.checks.wanted import CONDITION, PEOPLE, TEXTS, Wanted, value_of
from bpflow.definition.process import Process
from bpflow.diagnostics import Diagnostic, Message, Severity, Span, say
from bpflow.expressions import parse
from bpflow.expressions.inference import Mistake, infer
from bpflow.expressions.types import SECRET, fits, is_secret, list_of, named, one_of_types
from bpflow.graph import Expr, Place
from bpflow.graph.literals import valued
from bpflow.graph.written import is_template

MAYBE_NONE = "maybe-none"


def judged(subject: Subject) -> Iterator[Diagnostic]:
    """All findings about the types of a process."""
    for use in subject.uses:
        yield from (_told(use, mistake) for mistake in use.inferred.mistakes if mistake.rule != MAYBE_NONE)
        yield from (_doubted(use, mistake) for mistake in use.inferred.mistakes if _is_called(use, mistake))
        if is_text(use) and is_secret(use.inferred.type):
            yield unfit(use.whole, use.part.text.strip(), use.inferred.type, TEXTS)
    yield from unknown_fields_set(subject)
    yield from Judge(subject).all()


def _is_called(use: Use, mistake: Mistake) -> bool:
    """Whether it is said of what a function gives that it may be none. Of a field the way to it tells, which inference does not see; that everybody
    works in some department is taken for granted, unless the directory says otherwise."""
    what = use.part.text[mistake.offset : mistake.offset + mistake.length]
    if mistake.rule != MAYBE_NONE or not what.endswith(")"):
        return False
    return not what.startswith("department_of(") or not use.around.all_in_departments


def _doubted(use: Use, mistake: Mistake) -> Diagnostic:
    return Diagnostic(use.span(mistake.offset, mistake.length), mistake.rule, mistake.message, mistake.hint, Severity.WARNING)


def _told(use: Use, mistake: Mistake) -> Diagnostic:
    """A mistake at its place in the file."""
    if mistake.rule == "wrong-type" and (at := _of_nobody(use, mistake)) is not None:
        return nobody_began(use.span(at, len(INITIATOR)))
    return Diagnostic(use.span(mistake.offset, mistake.length), mistake.rule, mistake.message, mistake.hint or _uncollected(use))


def _uncollected(use: Use) -> Message | None:
    """A hint where something is read of a for-each whose turns give nothing."""
    for name in use.parsed.names:
        named = use.named(name)
        if named is not None and named.type == NOTHING_COLLECTED:
            return say('the turns of "{name}" give nothing: say with "collect" what they give', name=name)
    return None


def _of_nobody(use: Use, mistake: Mistake) -> int | None:
    """Where the initiator stands of whom something is asked, if nobody is that."""
    named = use.named(INITIATOR)
    if named is None or named.type.kind != "none":
        return None
    text, at = use.part.text, mistake.offset
    if text.startswith(INITIATOR, at) and mistake.length == len(INITIATOR):
        return at
    before = at - len(INITIATOR) - 1
    return before if before >= 0 and text.startswith(f"{INITIATOR}.", before) else None


class Judge(Struct):
    """Holds the expressions of a process against what is wanted of them."""

    subject: Subject
    uses: dict[Place, list[Use]] = field(default_factory=dict)
    done: set[Place] = field(default_factory=set)

    def __post_init__(self) -> None:
        for use in self.subject.uses:
            self.uses.setdefault(use.place, []).append(use)

    def all(self) -> Iterator[Diagnostic]:
        """What is found of all expressions of which the process itself tells what is wanted."""
        around, process = self.subject.environment, self.subject.process
        results = {name: dict(named.fields) for name, named in around.names.items() if named.fields is not None}
        places = Places(self.subject.graph, around.known, results, self.subject.services, around.types)
        for expr, wanted in (*_within(process), *places.all(), *_offered(process)):
            yield from self.of(expr, wanted)

    def of(self, expr: Expr, wanted: Wanted) -> Iterator[Diagnostic]:
        """What is found of one; of each only once."""
        if expr.place is None or expr.place in self.done:
            return
        self.done.add(expr.place)
        uses = self.uses.get(expr.place)
        if uses is None:
            yield from self._written_out(expr, expr.place, wanted)
        elif any(mistake.rule != MAYBE_NONE for use in uses for mistake in use.inferred.mistakes):
            return
        elif is_text(uses[0]):
            yield from self._each([use for use in uses if not is_secret(use.inferred.type)], TEXTS)
        elif len(uses) == 1 and expr.text != f"[{uses[0].parsed.text.strip()}]":
            yield from self._each(uses, wanted)
        else:
            yield from self._listed(uses, wanted)

    def _each(self, uses: list[Use], wanted: Wanted) -> Iterator[Diagnostic]:
        for use in uses:
            if is_secret(use.inferred.type) and not fits(SECRET, wanted.type):
                yield unfit(use.whole, use.part.text.strip(), use.inferred.type, wanted)
            elif wanted.takes(use.inferred.type):
                yield from self._arms(use, wanted)
            elif not self._told_of_nobody(use, wanted):
                yield unfit(use.whole, use.part.text.strip(), use.inferred.type, wanted)

    def _arms(self, use: Use, wanted: Wanted) -> Iterator[Diagnostic]:
        """The values of which one is taken, or which are put together, where each of them must be right; and none is for the run to tell."""
        arms = list(arms_of(use.parsed.tree, wanted, use.inferred.type.kind == "list"))
        for node, one in arms if arms and arms[0][0] is not use.parsed.tree else ():
            text = use.parsed.text[node.col_offset : node.end_col_offset]
            type = infer(parse(text), use.known).type
            if type.kind != "none" and not one.takes(type):
                yield unfit(use.span(node.col_offset, len(text)), text, type, one)

    def _told_of_nobody(self, use: Use, wanted: Wanted) -> bool:
        """Whether it is the word `none` where people are wanted, of which another rule tells that it is for nobody."""
        return wanted.type == PEOPLE.type and self.subject.directory is not None and use.part.text.strip() == "none"

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
            item = item_of(wanted)
            for one in tree.elts:
                yield from self._item(expr.text[one.col_offset : one.end_col_offset], place, item)
        elif isinstance(tree, ast.Constant):
            type = infer(parse(expr.text), self.subject.environment.known).type
            if not wanted.takes(type):
                yield unfit(written(self.subject.source.file, expr), expr.text, type, wanted)

    def _item(self, text: str, place: Place, wanted: Wanted) -> Iterator[Diagnostic]:
        """An item of a list of values, which has its own place in the file."""
        after = (at for at, uses in self.uses.items() if at >= place and any(use.part.text.strip() == text for use in uses))
        at = min(after, default=None)
        if at is not None:
            yield from self.of(Expr(text, at), wanted)


def _within(process: Process) -> Iterator[Expected]:
    """What the graph has only as parts of other expressions."""
    for step in process.all_steps():
        for name, expr, given in step.parts_within():
            yield expr, value_of(name, given) if name else CONDITION


def _offered(process: Process) -> Iterator[Expected]:
    """The defaults of the inputs."""
    for name, model in process.inputs.items():
        if is_template(model.default):
            yield valued(model.default, model.field()).expr, value_of(name, model.field())


def arms_of(node: ast.expr, wanted: Wanted, many: bool) -> Iterator[tuple[ast.expr, Wanted]]:
    """The parts of an expression each of which may be the whole, or a part of the list that it gives if that is `many`, with what is wanted of
    each. There may be none, of an empty list."""
    parts: list[ast.expr] = [node]
    match node:
        case ast.IfExp(body=body, orelse=other):
            parts = [body, other]
        case ast.Call(func=ast.Name(id="coalesce"), args=given):
            parts = given
        case ast.BinOp(left=left, op=ast.Add(), right=right) if many:
            parts = [left, right]
        case ast.List(elts=items):
            yield from (arm for item in items for arm in arms_of(item, item_of(wanted), False))
            return
    for part in parts:
        yield from arms_of(part, wanted, many) if part is not node else ((node, wanted),)


def item_of(wanted: Wanted) -> Wanted:
    """What is wanted of the items where a list is; people and the like may lie in lists anyhow."""
    inner = wanted.type.item
    return replace(wanted, type=inner, what=named(inner)) if inner is not None else wanted


def is_text(use: Use) -> bool:
    """Whether it is one of the expressions of a text with something around them."""
    source = str(use.part.source)
    return source != use.part.text and source.strip() != f"$({use.part.text})"


def written(file: str, expr: Expr) -> Span:
    """The place of what is written out."""
    line, column = expr.place or (1, 1)
    return Span(file, line, column, line, column + len(literal_text(expr)))
