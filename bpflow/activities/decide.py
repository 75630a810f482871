"""The activity `decide`."""

from collections.abc import Iterator, Mapping
from typing import Literal

from msgspec.structs import replace

from bpflow.definition.fields import Fields, fields_of
from bpflow.definition.model import Model
from bpflow.definition.step import Step as DefinedStep
from bpflow.definition.types import Expression, Given, Givens, Title
from bpflow.diagnostics import Diagnostic, Message, Span, did_you_mean, each_quoted, say
from bpflow.graph import Choose, Expr, Lowering, Sets, Step, World
from bpflow.graph.literals import valued
from bpflow.graph.written import start_of
from bpflow.values import Field, Kind

_NUMBERS: tuple[Kind, ...] = ("integer", "number", "money", "duration")
KINDS: Mapping[str, tuple[Kind, ...]] = {
    "sum": _NUMBERS,
    "min": (*_NUMBERS, "date", "datetime"),
    "max": (*_NUMBERS, "date", "datetime"),
    "count": ("integer",),
}
"""Those ways that give one field, and of which types it may be."""


class Rule(Model):
    """A row of the table."""

    when: Expression
    """The condition of the rule."""
    then: Givens = ()
    """What it gives: values by the names in `gives`."""
    title: Title | None = None
    """What it is called in drawings."""


class Decide(DefinedStep):
    """A decision table: rules, each a condition and what it gives.

    `gives` are the results as fields by name; a rule gives each of them a value, or its default: a literal is read by the type of the
    field, `$(…)` gives the value of an expression. What is decided is in `<id>.<field>`. `hit` says which rules count:

    - `first` (so it is without `hit`): the first that is true, from top to bottom.
    - `unique`: the only one that is true; that two are is an incident.
    - `collect`: all that are true; each field is the list of what they give.
    - `sum`, `min`, `max`: all that are true; the one field is the sum, the least, the greatest of what they give.
    - `count`: how many are true; they give nothing else.

    Where none is true, `otherwise` are the results. Without it that is an incident for `first` and `unique`; `collect` gives empty lists,
    `sum` and `count` give 0, `min` and `max` give none.

        steps:
          - id: terms
            activity: decide
            title: On which terms?
            rules:
              - {title: large, when: document.amount > 1000000, then: {discount: 10, level: director}}
              - {title: known, when: document.client != none, then: {discount: 5, level: head}}
            otherwise: {discount: 0, level: head}
            gives:
              discount: {type: number}
              level: {type: choice, choices: [head, director]}
          - activity: decide
            id: risk
            hit: sum
            rules:
              - {when: document.amount > 500000, then: {points: 3}}
              - {when: document.client == none, then: {points: 2}}
            gives:
              points: {type: integer}
          - {activity: set-variables, set: {last_answer: "$(terms.level), $(terms.discount) %, $(risk.points)"}}
    """

    hit: Literal["first", "unique", "collect", "sum", "min", "max", "count"] = "first"
    """Which of the rules that are true count."""
    rules: tuple[Rule, ...]
    """The rules, from top to bottom."""
    otherwise: Givens = ()
    """The results where none is true."""
    gives: Fields
    """The results, as fields by name."""

    def results(self, world: World | None = None) -> Mapping[str, Field] | None:
        """What is decided."""
        many = self.hit == "collect"
        return {name: replace(field, many=True) if many else field for name, field in fields_of(self.gives)}

    def parts_within(self) -> Iterator[tuple[str, Expr, Field]]:
        """Where several rules count, each result is one expression over all of them."""
        fields = dict(fields_of(self.gives))
        for rule in self.rules if self.hit not in ("first", "unique") else ():
            yield "", rule.when, Field("boolean")
            yield from ((given.name, valued(given.raw, fields[given.name]).expr, fields[given.name]) for given in rule.then if given.name in fields)

    def mistakes(self) -> Iterator[Diagnostic]:
        """Results of which the way makes nothing: several for a sum, texts for a sum, lists to be collected, anything for a count."""
        yield from super().mistakes()
        fields = dict(fields_of(self.gives))
        if self.hit in KINDS and len(fields) > 1:
            yield Diagnostic(self.value_span("gives"), "wrong-value", say('"{hit}" gives one field', hit=self.hit))
        for name, field in fields.items():
            kinds = KINDS.get(self.hit)
            if (kinds and field.kind not in kinds) or (self.hit != "first" and self.hit != "unique" and field.many):
                message = say('"{hit}" makes no value of the field "{field}"', hit=self.hit, field=name)
                yield Diagnostic(self.gives[name].place, "wrong-value", message, say("it gives: {kinds}", kinds=", ".join(kinds)) if kinds else None)
        if self.hit == "count":
            yield from (Diagnostic(rule.key_span("then"), "unknown-key", _only_counted()) for rule in self.rules if rule.then)
            yield from [Diagnostic(self.key_span("otherwise"), "unknown-key", _only_counted())] * bool(self.otherwise)

    def lower(self, b: Lowering) -> None:
        """A Choose with a Step for each rule; where several rules count, one Step."""
        rules = [self._values(b, rule.then, rule.place) for rule in self.rules]
        otherwise = self._values(b, self.otherwise, self.key_span("otherwise")) if self.otherwise else None
        if self.hit in ("first", "unique"):
            self._one_of(b, rules, otherwise)
        else:
            b.add(Step(b.path, (b.flow(b.path),), tuple(self._together(b, rules, otherwise)), gives=b.name))

    def _values(self, b: Lowering, givens: tuple[Given, ...], place: Span) -> dict[str, Expr]:
        """The value of each result that a rule gives."""
        fields = dict(fields_of(self.gives))
        if self.hit == "count":
            return {}
        for given in givens:
            if given.name not in fields:
                message = say('"gives" has no field "{field}"', field=given.name)
                b.report("unknown-field", message, did_you_mean(given.name, fields), given.name_place)
        found = {given.name: b.value(given.raw, fields.get(given.name), given.place) for given in givens}
        missing = [name for name, field in fields.items() if name not in found and field.default is None]
        if missing and all(name in fields for name in found):
            b.report("missing-key", say("the rule gives no value for {fields}", fields=each_quoted(missing)), at=place)
        defaults = {name: Expr(field.default, start_of(place)) for name, field in fields.items() if field.default is not None}
        return {name: found.get(name) or defaults.get(name) or Expr("none") for name in fields}

    # ── one rule counts ─────────────────────────────────────────────────────────────────────────────────────────────
    def _one_of(self, b: Lowering, rules: list[dict[str, Expr]], otherwise: dict[str, Expr] | None) -> None:
        arms = []
        for number, (rule, values) in enumerate(zip(self.rules, rules, strict=True), 1):
            arms.append((rule.when, b.flow(b.path, str(number), b.at(str(number)), rule.title)))
            self._row(b, str(number), tuple(values.items()))
        rest = None
        if otherwise is not None:
            rest = b.flow(b.path, "otherwise", b.at("otherwise"))
            self._row(b, "otherwise", tuple(otherwise.items()))
        b.add(Choose(b.path, tuple(arms), rest, hit="first" if self.hit == "first" else "only"))

    def _row(self, b: Lowering, name: str, values: Sets) -> None:
        node = b.node(name)
        b.add(Step(node, (b.flow(node),), values, gives=b.name))

    # ── several rules count ─────────────────────────────────────────────────────────────────────────────────────────
    def _together(self, b: Lowering, rules: list[dict[str, Expr]], otherwise: dict[str, Expr] | None) -> Iterator[tuple[str, Expr]]:
        """Each result as one expression over all rules."""
        place = start_of(self.place)
        conditions = [f"({rule.when.text})" for rule in self.rules]
        met = f"any([{', '.join(conditions)}])"
        for name in dict(fields_of(self.gives)):
            if self.hit == "count":
                yield name, Expr(f"sum([{', '.join(f'1 if {condition} else 0' for condition in conditions)}])", place)
                continue
            rows = [f"[{values[name].text}] if {condition} else none" for values, condition in zip(rules, conditions, strict=True) if name in values]
            function = "list" if self.hit == "collect" else self.hit
            text = f"{function}(rule[0] for rule in [{', '.join(rows)}] if rule != none)"
            if otherwise is not None and name in otherwise:
                other = otherwise[name].text
                text = f"{text} if {met} else {f'[{other}]' if self.hit == 'collect' else f'({other})'}"
            elif self.hit in ("min", "max"):
                text = f"{text} if {met} else none"
            yield name, Expr(text, place)


def _only_counted() -> Message:
    return say('with "hit: count" the rules are only counted')
