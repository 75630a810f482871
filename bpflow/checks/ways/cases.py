"""A case: what is certain when a node is entered on some way; and how a condition, a result, a wait change that.

The law of this file: a case is never changed, only followed by others; and each remembers the one that it came from, so the way can be told.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from bpflow.checks.ways.given import Fields, Ledger
from bpflow.checks.ways.regions import Touched
from bpflow.expressions.facts import Both, Constant, Fact, Facts, consequences, either, together

MOST = 8
"""Cases of a node that are kept apart; of more, some are taken together."""


class Case(Struct, frozen=True, eq=False):
    """What is certain on a way. `there`: the bits of the results that are there · `gone`: those of names that certainly are not · `facts`: about
    values, as far as they are read later · `node`: what is entered, by the flow `flow` · `before`: the case that it came from; where several were
    taken together, all of them."""

    there: int
    gone: int
    facts: Facts
    node: str = ""
    flow: str = ""
    before: tuple[Case, ...] = ()
    length: int = 0

    def __eq__(self, other: object) -> bool:
        return type(other) is Case and (self.there, self.gone, self.facts) == (other.there, other.gone, other.facts)

    def __hash__(self) -> int:
        return hash((self.there, self.gone, self.facts))

    def covers(self, other: Case) -> bool:
        """Whether all that is certain here is so in the other."""
        return not self.there & ~other.there and not self.gone & ~other.gone and self.facts <= other.facts

    def entering(self, node: str, flow: str, before: Case) -> Case:
        """The same, at the node to which it leads."""
        return replace(self, node=node, flow=flow, before=(before,), length=before.length + 1)


class Cases:
    """The cases in which something is entered, none of them covered by another."""

    __slots__ = ("all",)

    def __init__(self) -> None:
        self.all: list[Case] = []

    def add(self, new: Case) -> Case | None:
        """Takes a case in: as it is, or with others; None if it brings nothing new."""
        if any(old.covers(new) for old in self.all):
            return None
        self.all = [old for old in self.all if not new.covers(old)]
        if len(self.all) < MOST:
            self.all.append(new)
            return new
        nearest = max(self.all, key=lambda old: ((old.there & new.there) | (old.gone & new.gone)).bit_count() + len(old.facts & new.facts))
        self.all.remove(nearest)
        return self.add(common(nearest, new))


def common(*several: Case) -> Case:
    """What is certain in all of these."""
    there, gone = several[0].there, several[0].gone
    for one in several[1:]:
        there, gone = there & one.there, gone & one.gone
    first = min(several, key=lambda one: one.length)
    return replace(first, there=there, gone=gone, facts=either([one.facts for one in several]), before=several)


def all_of(several: Iterable[Iterable[Case]]) -> list[Case]:
    """What is certain once something has happened in each of several places, by the cases of each of these."""
    found: list[Case] = [Case(0, 0, frozenset())]
    for cases in several:
        kept = Cases()
        for one, other in product(found, cases):
            facts = together(one.facts, other.facts)
            if facts is not None:
                there = one.there | other.there
                both = (*one.before, other) if one.before else (other,)
                kept.add(Case(there, (one.gone | other.gone) & ~there, facts, before=both, length=max(one.length, other.length)))
        found = kept.all
    return found


class Judge(Struct):
    """How cases change: by the names of a process, and what is read of them.

    `roots`: the bits by which it is known what is still read · `shared`: variables that something sets which runs beside · `by_outcome`: what is there
    once a path has a value · `tested`: the constants with which anything is compared.
    """

    ledger: Ledger
    roots: Mapping[str, int]
    shared: frozenset[str]
    variables: frozenset[str]
    by_outcome: Mapping[tuple[str, str], Mapping[str, int]]
    tested: frozenset[Constant]
    seen: dict[tuple[int, Facts], tuple[ast.expr, Both]] = field(default_factory=dict)

    # ── conditions ──────────────────────────────────────────────────────────────────────────────────────────────────
    def known(self, case: Case, names: Iterable[str]) -> Facts:
        """The facts of a case, with those about which of the names are there."""
        bits = self.ledger.bits
        more = [Fact((name,), bool(case.gone & bits[name,]), None) for name in names if (name,) in bits and (case.there | case.gone) & bits[name,]]
        return case.facts.union(more) if more else case.facts

    def judged(self, case: Case, tree: ast.expr, names: Iterable[str]) -> tuple[Case | None, Case | None]:
        """The case after the condition has been evaluated to true, and to false. None: in this case it never is."""
        known = self.known(case, names)
        key = id(tree), known
        if key not in self.seen:
            self.seen[key] = tree, consequences(tree, known)
        true, false = self.seen[key][1]
        return self._with(case, known, true), self._with(case, known, false)

    def _with(self, case: Case, known: Facts, found: Facts | None) -> Case | None:
        if found is None or found is known:
            return None if found is None else case
        there = case.there
        for fact in found - known:
            there |= self._proved(fact)
        return replace(case, there=there, gone=case.gone & ~there, facts=frozenset(fact for fact in found if self._lasts(fact)))

    def _proved(self, fact: Fact) -> int:
        """The bits that must be there if the fact is so."""
        if fact.equal is (fact.value is None):
            return 0
        found = self.ledger.read(fact.names)
        if fact.equal and isinstance(fact.value, str) and len(fact.names) == 2:
            found |= self.by_outcome.get((fact.names[0], fact.names[1]), {}).get(fact.value, 0)
        return found

    def _lasts(self, fact: Fact) -> bool:
        """Whether a fact is worth being kept: what it is about is read elsewhere, and nothing runs beside that changes it."""
        names = fact.names
        return names in self.ledger.paths and names[0] not in self.shared and not (len(names) == 1 and (names in self.ledger.bits or names[0] == "document"))

    def constant(self, names: tuple[str, ...], value: Constant) -> Fact:
        """What is so once a constant has been written: the value itself only if some comparison asks for it."""
        asked = value is None or isinstance(value, bool) or value in self.tested
        return Fact(names, True, value) if asked else Fact(names, False, None)

    # ── results ─────────────────────────────────────────────────────────────────────────────────────────────────────
    def given(self, case: Case, name: str | None, fields: Fields, facts: Iterable[Fact] = ()) -> Case:
        """The case after results have been written: those fields are there, and none else of that name."""
        if name is None or name not in self.ledger.whole:
            return case
        whole = self.ledger.whole[name]
        kept = frozenset((*(fact for fact in case.facts if fact.names[0] != name), *(fact for fact in facts if self._lasts(fact))))
        return replace(case, there=(case.there & ~whole) | self.ledger.mask(name, fields), gone=case.gone & ~whole, facts=kept)

    def added(self, case: Case, name: str | None, fields: Fields) -> Case:
        """The case in which besides all that is certain those fields are there."""
        there = case.there | (self.ledger.mask(name, fields) if name else 0)
        return replace(case, there=there, gone=case.gone & ~there)

    def forgotten(self, case: Case, names: Iterable[str]) -> Case:
        """The case after results have been forgotten."""
        gone = self.ledger.named(names)
        if not gone:
            return case
        return replace(case, there=case.there & ~gone, gone=case.gone | gone, facts=frozenset(fact for fact in case.facts if fact.names[0] not in names))

    def sets(self, case: Case, values: Iterable[tuple[str, Any]]) -> Case:
        """The case after variables have been set, each to a constant, or (`...`) to something else."""
        new = dict(values)
        facts = {fact for fact in case.facts if fact.names[0] not in new}
        facts |= {fact for name, value in new.items() if value is not ... and self._lasts(fact := self.constant((name,), value))}
        return replace(case, facts=frozenset(facts))

    # ── what others do ──────────────────────────────────────────────────────────────────────────────────────────────
    def rested(self, case: Case) -> Case:
        """The case after a wait: documents, and what people are, may have changed."""
        if not case.facts:
            return case
        kept = frozenset(fact for fact in case.facts if self._stays(fact.names))
        return case if len(kept) == len(case.facts) else replace(case, facts=kept)

    def _stays(self, names: tuple[str, ...]) -> bool:
        """Whether only the process itself changes what stands at the path."""
        return len(names) <= 2 if names[0] in self.ledger.whole else len(names) == 1 and names[0] in self.variables

    def beside(self, case: Case, touched: Touched) -> Case:
        """What of a case is certain while something else touches names."""
        if not touched.names and not touched.variables:
            return case
        facts = frozenset(fact for fact in case.facts if fact.names[0] not in touched.names and fact.names[0] not in touched.variables)
        return replace(case, there=case.there & ~touched.lost, gone=case.gone & ~touched.given, facts=facts)

    def unknown(self, case: Case, bits: int) -> Case:
        """The case in which nothing is certain of these."""
        return replace(case, there=case.there & ~bits, gone=case.gone & ~bits)

    def pruned(self, case: Case, live: int) -> Case:
        """What of a case is still read."""
        there, gone, facts = case.there & live, case.gone & live, case.facts
        if facts:
            facts = frozenset(fact for fact in facts if self.roots.get(fact.names[0], 0) & live)
        return Case(there, gone, facts, case.node, case.flow, case.before, case.length)
