"""Rules about conditions that stand in a row: branches that are never taken, cases that nobody has thought of.

The law of this file: what is said to be left out can really come. Values that only some of the names can have together, or of which it is
not known whether they come, are no reason for a finding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import combinations
from typing import Any

from msgspec import Struct

from bpflow.checks.possible import DOCUMENT
from bpflow.checks.rule import page, rule
from bpflow.checks.saying import has, known_of
from bpflow.checks.subject import Subject, Use
from bpflow.diagnostics import Diagnostic, Message, Severity, Span, say
from bpflow.expressions.formula import Reading
from bpflow.expressions.truth import OTHER, Case, Cases
from bpflow.graph import Choose

TELLING = ("boolean", "text", "integer", "number", "date", "datetime")
"""The kinds of values that can be named."""


@rule("missing-case")
def missing_case(subject: Subject) -> Iterator[Diagnostic]:
    """A `condition` without `otherwise`, and a table that takes one rule, must have an answer to every case.

    Where no branch is true and there is no `otherwise`, the instance stops with an incident, and an operator has to help it. It is a
    warning where only an empty field has no branch.

    Bad:

        steps:
          - activity: condition
            branches:
              - {when: document.status == "new", next: go-on}
              - {when: document.status == "won", next: go-on}

    Good:

        steps:
          - activity: condition
            branches:
              - {when: document.status == "new", next: go-on}
              - {when: document.status == "won", next: go-on}
            otherwise:
              steps: [{activity: end, result: lost}]
    """
    for row in rows(subject):
        if row.node.otherwise is None and subject.complete:
            yield from row.left_over()
        if row.node.hit == "first":
            yield from row.never_taken()
        else:
            yield from row.overlapping()


page(
    "never-taken",
    """
    A branch must not come after others that take all of its cases.

    The first branch that is true is taken. One of which the cases are all taken by those above it is dead: mostly the wider condition
    stands before the narrower one.

    Bad:

        document: {type: order, fields: {amount: {type: money, required: true}}}
        steps:
          - activity: condition
            branches:
              - {when: document.amount > 1000, next: go-on}
              - {when: document.amount > 5000, steps: [{activity: end, result: large}]}
            otherwise: {next: go-on}

    Good:

        document: {type: order, fields: {amount: {type: money, required: true}}}
        steps:
          - activity: condition
            branches:
              - {when: document.amount > 5000, steps: [{activity: end, result: large}]}
              - {when: document.amount > 1000, next: go-on}
            otherwise: {next: go-on}
    """,
    Severity.WARNING,
)

page(
    "overlapping-rules",
    """
    Of the rules of a table with `hit: unique`, only one may be true.

    Where two are, the instance stops with an incident. Mostly the bounds of ranges belong to both of them. It is told of rules that read
    the same values.

    Bad:

        document: {type: order, fields: {amount: {type: money, required: true}}}
        steps:
          - id: terms
            activity: decide
            hit: unique
            rules:
              - {when: document.amount <= 1000, then: {discount: 0}}
              - {when: document.amount >= 1000, then: {discount: 5}}
            gives: {discount: {type: number}}
          - {activity: notify, to: initiator, text: $(terms.discount) %}

    Good:

        document: {type: order, fields: {amount: {type: money, required: true}}}
        steps:
          - id: terms
            activity: decide
            hit: unique
            rules:
              - {when: document.amount <= 1000, then: {discount: 0}}
              - {when: document.amount > 1000, then: {discount: 5}}
            gives: {discount: {type: number}}
          - {activity: notify, to: initiator, text: $(terms.discount) %}
    """,
)


def unanswered(subject: Subject) -> frozenset[str]:
    """The choices without an answer to some case that can come, by their ids."""
    return frozenset(row.node.id for row in rows(subject) if row.node.otherwise is None and any(row.left_over()))


class Row(Struct, dict=True):
    """The conditions of a choice that an analyst has written, in their order."""

    node: Choose
    uses: Sequence[Use | None]
    """Each as it stands in the file; None for a plain `true`."""
    subject: Subject

    @cached_property
    def cases(self) -> Cases:
        """What they can come to where they stand."""
        return self.subject.possible.cases(self.node)

    def never_taken(self) -> Iterator[Diagnostic]:
        """The branches whose cases are all taken before them."""
        for number, use in enumerate(self.uses):
            if use is not None and self.cases.certain(number) is not None:
                return  # that is a mistake of its own
            if use is not None and any(case.truths[number] for case in self.cases.cases) and not self.cases.is_taken(number):
                hint = say("put the narrower condition before the wider one") if number and self._within_one(number) else None
                yield Diagnostic(use.whole, "never-taken", say("the branches before this one take all of its cases"), hint, Severity.WARNING)

    def _within_one(self, number: int) -> bool:
        return any(self.cases.implies(number, before) and not self.cases.implies(before, number) for before in range(number))

    def overlapping(self) -> Iterator[Diagnostic]:
        """Rules two of which are true at once, where they read the same."""
        for one, other in combinations(range(len(self.uses)), 2):
            use, first = self.uses[other], self.uses[one]
            if use is None or first is None or {path.names for path in use.parsed.paths} != {path.names for path in first.parsed.paths}:
                continue
            both = [case for case in self.cases.cases if case.truths[one] and case.truths[other]]
            case = self._shown(both, [reading for reading in self.cases.readings if reading.names in {path.names for path in use.parsed.paths}])
            if case is not None:
                line = first.whole.line
                message = say("this rule and that in line {line} are both true where {case}", line=line, case=case)
                yield Diagnostic(use.whole, "overlapping-rules", message, say("let the conditions exclude each other, or write `hit: first`"))

    def left_over(self) -> Iterator[Diagnostic]:
        """The cases in which no condition is true, also if nobody changes the document meanwhile."""
        cases = self.subject.possible_if_untouched.cases(self.node) if self.cases.left_over() else self.cases
        left = [case for case in cases.left_over() if self._comes(case)]
        case = self._shown(left, cases.readings)
        if case is not None:
            empty = all(None in one.values for one in left)
            message, hint = say("no branch is taken where {case}", case=case), say('add "otherwise", or a branch for it')
            yield Diagnostic(self._span, "missing-case", message, hint, Severity.WARNING if empty else Severity.ERROR)

    def _comes(self, case: Case) -> bool:
        """Whether none is among its values only where a field of the document or an input can be left empty."""
        return all(value is not None or self._may_be_empty(reading) for reading, value in zip(self.cases.readings, case.values, strict=True))

    def _may_be_empty(self, reading: Reading) -> bool:
        own = {DOCUMENT, *self.subject.process.inputs}.intersection(reading.names[:1])
        return bool(own) and self.subject.possible.declared(reading.names).optional

    @property
    def _span(self) -> Span:
        first = next((use for use in self.uses if use), None)
        step = self.subject.step_of(self.node.id)
        for key in ("branches", "rules"):
            if step is not None and key in step.model_fields_set:
                return step.key_span(key)
        return first.whole if first else Span(self.subject.source.file, 1, 1)

    # ── which values are told ───────────────────────────────────────────────────────────────────────────────────────
    def _shown(self, cases: list[Case], readings: Sequence[Reading]) -> Message | None:
        """One or several of the cases in words, if they can really come; None if that is not known."""
        if not cases or not readings or not all(map(self._is_free, readings)) or _depend(readings):
            return None
        places = [[one.key for one in self.cases.readings].index(reading.key) for reading in readings]
        if len(readings) == 1:
            values = list(dict.fromkeys(_in_words(case.values[places[0]], readings[0]) for case in cases))
            named = [value for value in values if value in readings[0].constants] if not _has_few(readings[0], self.subject) else values
            return has(readings[0].key, named or values[:1])
        case = min(cases, key=lambda one: sum(one.values[place] not in reading.constants for place, reading in zip(places, readings, strict=True)))
        return known_of({reading.names: [_in_words(case.values[place], reading)] for place, reading in zip(places, readings, strict=True)})

    def _is_free(self, reading: Reading) -> bool:
        """Whether what it reads can have each of its values here, as far as is known."""
        names, possible = reading.names, self.subject.possible
        if not names or reading.kind != "value" or any(one.kind not in TELLING for one in possible.type_of(names).each):
            return False
        if names in possible.at(self.node.id):
            return True
        process = self.subject.process
        if names[0] == DOCUMENT:
            return len(names) == 2 and names[1] != process.stage_field
        return names[0] in process.inputs or (len(names) == 2 and names[1] not in ("outcome", "comment", *self.subject.restricted))


def _in_words(value: Any, reading: Reading) -> Any:
    """The value, unless it only stands for all texts that are not named."""
    return OTHER if isinstance(value, str) and value.endswith(("…", "\0")) and value not in reading.constants else value


def _has_few(reading: Reading, subject: Subject) -> bool:
    type = subject.possible.type_of(reading.names)
    return type.kind == "boolean" or type.values is not None


def _depend(readings: Sequence[Reading]) -> bool:
    """Whether one is a field of what another one reads."""
    return any(one.names == other.names[: len(one.names)] or other.names == one.names[: len(other.names)] for one, other in combinations(readings, 2))


def rows(subject: Subject) -> Iterator[Row]:
    """The choices of which all conditions stand in the file and have no mistakes."""
    for node in subject.graph.nodes:
        if isinstance(node, Choose) and node.hit != "every" and node.id in subject.possible.states:
            uses = [subject.use_at(expr) for expr, _ in node.arms]
            plain = [expr.text == "true" for expr, _ in node.arms]
            if all(use or true for use, true in zip(uses, plain, strict=True)) and not any(use and use.inferred.mistakes for use in uses):
                yield Row(node, uses, subject)
