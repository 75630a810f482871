"""What an expression reads in a case, and what of that is not certain to be there.

The law of this file: it goes through an expression as the engine evaluates it: `and` and `or` stop at what decides, `==` may ask for the outcome
of what has not run, `x == none` and `coalesce` take what is missing for none. What has been read once is there for what follows.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from bpflow.checks.ways.cases import Case, Judge
from bpflow.diagnostics import Refused
from bpflow.expressions import Code, Question, Value, compile_code, parse

NOTHING = Case(0, 0, frozenset())
"""The case in which nothing is certain."""


class Missing(Struct, frozen=True):
    """What is read and may not be there: a name of results, or one of their fields; with its place in the expression."""

    names: tuple[str, ...]
    offset: int
    length: int


class _Values(Struct, frozen=True):
    """Where expressions see some variables, and can ask nothing."""

    names: Mapping[str, Any]

    @property
    def now(self) -> datetime:
        """No expression that asks for the time is evaluated here."""
        raise LookupError

    @property
    def zone(self) -> str:
        """Nor one that asks for the calendar."""
        raise LookupError

    def ask(self, question: Question) -> Value:
        """Nobody answers."""
        raise LookupError(question)


class Text(Struct, frozen=True, dict=True):
    """An expression as it is read. `hidden`: names that only it knows, which are no results."""

    text: str
    judge: Judge
    people: Mapping[str, str]
    hidden: frozenset[str] = frozenset()

    @cached_property
    def tree(self) -> ast.expr:
        return parse(self.text).tree

    @cached_property
    def names(self) -> frozenset[str]:
        """The names that it reads, also through people."""
        found: set[str] = set()
        todo = [self.text]
        while todo:
            for name in parse(todo.pop()).names:
                if name not in found and name not in self.hidden:
                    found.add(name)
                    todo += [self.people[name]] if name in self.people else []
        return frozenset(found)

    @cached_property
    def results(self) -> tuple[str, ...]:
        """The names of results among them."""
        return tuple(name for name in self.names if name in self.judge.ledger.whole)

    @cached_property
    def mask(self) -> int:
        """The bits of all that it may read."""
        texts = [self.text, *(self.people[name] for name in self.names if name in self.people)]
        found = 0
        for path in (path for text in texts for path in parse(text).paths):
            found |= self.judge.ledger.read(path.names) if path.names[0] not in self.hidden else 0
        return found

    @cached_property
    def certain(self) -> int:
        """The bits of what has certainly been read once it is evaluated."""
        return _Reader(self.judge, self.people).value(self.tree, NOTHING, self.hidden).there if self.mask else 0

    def after(self, case: Case) -> Case:
        """The case once the expression has been evaluated."""
        bits = self.certain & ~case.there
        return replace(case, there=case.there | bits, gone=case.gone & ~bits) if bits else case

    def judged(self, case: Case) -> tuple[Case | None, Case | None]:
        """The case once it has been evaluated to true, and to false; None: it never is."""
        value = self.comes_to(case)
        true, false = self.judge.judged(case, self.tree, self.results)
        return (
            None if true is None or value is False else self.after(true),
            None if false is None or value is True else self.after(false),
        )

    def comes_to(self, case: Case) -> object:
        """Its value where all that it reads are variables of which the value is known; else None."""
        if not case.facts or not self.names or self.results:
            return None
        values = {fact.names[0]: fact.value for fact in case.facts if fact.equal and len(fact.names) == 1}
        try:
            return self.code(_Values(values)) if self.names <= values.keys() else None
        except (Refused, LookupError):
            return None

    @cached_property
    def code(self) -> Code:
        """The expression, to be evaluated."""
        return compile_code(self.text, self.people)

    def missing(self, case: Case) -> list[Missing]:
        """What it reads in a case and is not certain to be there."""
        if not self.mask & ~case.there:
            return []
        reader = _Reader(self.judge, self.people)
        reader.value(self.tree, case, self.hidden)
        return reader.found


class _Reader(Struct):
    """Goes through one expression; `found` is what is missing. `people` that are open are those whose expression is being read."""

    judge: Judge
    people: Mapping[str, str]
    found: list[Missing] = field(default_factory=list)
    open: list[str] = field(default_factory=list)

    def value(self, node: ast.expr, case: Case, own: frozenset[str]) -> Case:
        """The case once a node has been evaluated; `own`: names that are no results here."""
        match node:
            case ast.Name() | ast.Attribute() | ast.Subscript():
                return self.path(node, case, own)
            case ast.BoolOp(op=op, values=values):
                return self.series(values, isinstance(op, ast.And), case, own)
            case ast.IfExp(test=test, body=body, orelse=other):
                return self.choice(test, body, other, case, own)
            case ast.Compare():
                return self.comparison(node, case, own)
            case ast.Call(func=ast.Name(id="coalesce")):
                return case
            case ast.GeneratorExp():
                return self.generator(node, case, own)
        for inner in ast.iter_child_nodes(node):
            if isinstance(inner, ast.expr) and not (isinstance(node, ast.Call) and inner is node.func):
                case = self.value(inner, case, own)
        return case

    def series(self, values: list[ast.expr], going_on: bool, case: Case, own: frozenset[str]) -> Case:
        """`and`, `or`: what follows is read only if what stands before has come to `going_on`."""
        first: Case | None = None
        for value in values:
            case = self.value(value, case, own)
            first = first or case
            follows = self.assuming(value, case, going_on, own)
            if follows is None:
                break
            case = follows
        return first or case

    def choice(self, test: ast.expr, body: ast.expr, other: ast.expr, case: Case, own: frozenset[str]) -> Case:
        case = self.value(test, case, own)
        for truth, value in ((True, body), (False, other)):
            follows = self.assuming(test, case, truth, own)
            if follows is not None:
                self.value(value, follows, own)
        return case

    def comparison(self, node: ast.Compare, case: Case, own: frozenset[str]) -> Case:
        sides = [node.left, *node.comparators]
        if len(sides) == 2 and isinstance(node.ops[0], ast.Eq | ast.NotEq):
            sides = [one for one, other in (sides, sides[::-1]) if not _may_be_missing(one, other, own)]
        for side in sides[:2]:
            case = self.value(side, case, own)
        after = case
        for side in sides[2:]:
            after = self.value(side, after, own)
        return case

    def generator(self, node: ast.GeneratorExp, case: Case, own: frozenset[str]) -> Case:
        part = node.generators[0]
        case = self.value(part.iter, case, own)
        own |= {getattr(part.target, "id", "")}
        inner: Case | None = replace(case, facts=frozenset(fact for fact in case.facts if fact.names[0] not in own))
        for test in part.ifs:
            inner = self.assuming(test, self.value(test, inner, own), True, own) if inner else None
        if inner is not None:
            self.value(node.elt, inner, own)
        return case

    def assuming(self, node: ast.expr, case: Case, truth: bool, own: frozenset[str]) -> Case | None:
        names = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
        return self.judge.judged(case, node, names - own)[0 if truth else 1]

    # ── paths ───────────────────────────────────────────────────────────────────────────────────────────────────────
    def path(self, node: ast.expr, case: Case, own: frozenset[str]) -> Case:
        """`name.field…`: what a name stands for must be there, and a field in it."""
        match node:
            case ast.Name(id=name):
                return case if name in own else self.name(node, (name,), node, case)
            case (
                ast.Attribute(value=ast.Name(id=name) as root, attr=attr)
                | ast.Subscript(value=ast.Name(id=name) as root, slice=ast.Constant(value=str() as attr))
            ):
                return case if name in own else self.name(root, (name, attr), node, case)
            case ast.Attribute(value=value):
                return self.value(value, case, own)
            case ast.Subscript(value=value, slice=index):
                return self.value(index, self.value(value, case, own), own)
        raise AssertionError(node)

    def name(self, root: ast.Name, names: tuple[str, ...], whole: ast.expr, case: Case) -> Case:
        if root.id in self.people:
            return self.person(root, case)
        bits = self.judge.ledger.read(names)
        missing = bits & ~case.there
        if not missing:
            return case
        lacks_name = missing & self.judge.ledger.bits[names[:1]]
        self.found.append(Missing(names[:1] if lacks_name else names, whole.col_offset, (whole.end_col_offset or 0) - whole.col_offset))
        return replace(case, there=case.there | bits, gone=case.gone & ~bits)

    def person(self, root: ast.Name, case: Case) -> Case:
        """A name that stands for an expression of people: what that reads is read here."""
        if root.id in self.open:
            return case
        self.open.append(root.id)
        inner = _Reader(self.judge, self.people, open=self.open)
        case = inner.value(parse(self.people[root.id]).tree, case, frozenset())
        self.open.pop()
        self.found += [Missing(one.names, root.col_offset, len(root.id)) for one in inner.found]
        return case


def _may_be_missing(node: ast.expr, other: ast.expr, own: frozenset[str]) -> bool:
    """Whether a side of `==` is taken for none where it is not there."""
    match node, other:
        case (ast.Name() | ast.Attribute() | ast.Subscript(), ast.Constant(value=None)):
            return True
        case (ast.Attribute(value=ast.Name(id=name), attr="outcome"), _):
            return name not in own
    return False
