"""The form of a task: its keys, the fields of each outcome, what is offered in them, and the results that they give."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from keyword import iskeyword
from typing import Literal

from msgspec.structs import replace
from pydantic import Field as Key

from bpflow.definition import forms
from bpflow.definition.fields import fields_of
from bpflow.definition.forms import FormCheck, FormFields
from bpflow.definition.model import Model
from bpflow.definition.types import Title
from bpflow.diagnostics import Diagnostic, Span, did_you_mean, say
from bpflow.expressions import FUNCTIONS
from bpflow.graph import Expr, Lowering, Outcome, Sets, World
from bpflow.graph.written import span_of, start_of
from bpflow.values import Field

RESERVED = ("outcome", "by", "at", "comment", "answers", "waiting", "overdue")
"""The results of a task that no field of its form may hide."""


class FormKeys(Model):
    """What is filled in: on the step for every outcome, on an outcome for it alone."""

    fields: FormFields = Key({})
    """Fields of the form, by name."""
    fill: tuple[Title, ...] = ()
    """Fields of the document that the answer writes; what they hold is offered."""
    required: tuple[Title, ...] = ()
    """Fields of the form that must be filled in."""
    comment: Literal["none", "optional", "required"] | None = None
    """Whether a comment is asked for; `optional` if nothing is said."""
    check: tuple[FormCheck, ...] = ()
    """What must hold of the form as a whole, once each field is right: the first that does not is told."""


def either(one: Field | None, other: Field) -> Field:
    """A field that is there in two forms under one name: what holds of a value of either. Of two kinds the second is told."""
    if one is None or (one.kind, one.many) != (other.kind, other.many):
        return other
    of = tuple(dict.fromkeys((*one.of, *other.of))) if one.of and other.of else ()
    choices = tuple({**dict(one.choices), **dict(other.choices)}.items())
    low, high, pattern = (mine if mine == its else None for mine, its in ((one.min, other.min), (one.max, other.max), (one.pattern, other.pattern)))
    return replace(other, choices=choices, of=of, required=one.required and other.required, min=low, max=high, pattern=pattern)


def must(field: Field) -> Field:
    """The same field where it must be filled."""
    return replace(field, required=True, default=None)


def known_fields(keys: Sequence[FormKeys], world: World) -> dict[str, Field]:
    """The fields of a form as far as they are known: what is wrong with them is left out."""
    document = dict(world.document.fields) if world.document else {}
    found: dict[str, Field] = {}
    for own in keys:
        found |= dict(fields_of(own.fields))
        found |= {str(name): document[name] for name in own.fill if name in document}
    for name in (name for own in keys for name in own.required if name in found):
        found[str(name)] = replace(found[name], required=True)
    return {name: replace(field, default=None) if field.default else field for name, field in found.items() if name not in RESERVED}


def fields(b: Lowering, keys: Sequence[FormKeys]) -> dict[str, Field]:
    """The fields of a form, with findings for names that are taken, twice there, or not there."""
    document = b.fields_of(None) or {}
    seen: set[str] = set()
    for own in keys:
        for name in (*own.fields, *own.fill):
            if name in RESERVED:
                b.report("name-clash", say('"{name}" is a result of every task, so no field can have this name', name=name), at=_place(name, own))
            elif name in seen:
                b.report("name-clash", say('the form has a field "{name}" already', name=name), at=_place(name, own))
            seen.add(name)
        moves_by_next(b, own.fill)
        for name in own.fill:
            if not b.world.has_document:
                b.report("missing-key", say('"{key}" needs a document, and the process has none', key="fill"), at=_place(name, own))
            elif b.world.document and name not in document:
                b.report("unknown-field", say('the document has no field "{field}"', field=name), did_you_mean(name, document), _place(name, own))
    for own in keys:
        for name in own.required:
            if name not in seen:
                b.report("unknown-field", say('the form has no field "{field}"', field=name), did_you_mean(name, seen), _place(name, own))
    written = {name: field for own in keys for name, field in own.fields.items()}
    return forms.in_order(known_fields(keys, b.world), forms.readings(b.name, written))


def outcome(b: Lowering, name: str, title: str, keys: Sequence[FormKeys], button: bool = True) -> Outcome:
    """A button with its form, by the keys of the step and of the outcome."""
    written = {name: field for own in keys for name, field in own.fields.items()}
    return Outcome(
        name,
        title,
        tuple(fields(b, keys).items()),
        next((own.comment for own in reversed(keys) if own.comment), "optional"),
        button,
        forms.conditions(written),
        forms.choices(written),
        forms.checks(check for own in keys for check in own.check),
    )


def circles(step: str | None, keys: Sequence[FormKeys]) -> Iterator[Diagnostic]:
    """The finding that fields of a form go round in a circle."""
    yield from forms.circles(step, {name: field for own in keys for name, field in own.fields.items()})


def readable(names: Iterable[str]) -> list[str]:
    """Those that can be the name of a field at all. What of another is wrong is said where the fields of the form are looked at."""
    return [name for name in names if name.isidentifier() and not iskeyword(name)]


def moves_by_next(b: Lowering, names: Iterable[str]) -> None:
    """Finds that the stage field of a pipeline is among the fields of its own document that a step changes."""
    for name in names:
        if name == b.world.stage_field:
            message = say('"{field}" says in which stage the document is, and only moves change it', field=name)
            b.report("stage-by-next", message, say('write "next" with the name of the stage'), span_of(name))


def one_type_each(b: Lowering, outcomes: Mapping[str, FormKeys]) -> None:
    """Finds fields that have one type in one outcome and another in the next: the results would have both."""
    seen: dict[str, tuple[str, Field]] = {}
    for outcome, keys in outcomes.items():
        own = known_fields((keys,), b.world)
        for name in (*keys.fields, *keys.fill):
            if name not in own:
                continue
            other, first = seen.setdefault(name, (outcome, own[name]))
            if (first.kind, first.many) != (own[name].kind, own[name].many):
                message = say('"{name}" has another type than in the outcome "{other}"', name=name, other=other)
                b.report("name-clash", message, say("give one of them another name"), _place(name, keys))


def prefill(b: Lowering, keys: Sequence[FormKeys]) -> Sets:
    """What the form offers: for fields that fill the document what it holds, for others their default."""
    found: dict[str, Expr] = {}
    document = b.fields_of(None) or {}
    for own in keys:
        for name in own.fill:
            if name in document:
                found.setdefault(str(name), Expr(f"document.{name}", start_of(_place(name, own))))
        for name, model in own.fields.items():
            if model.default is not None:
                found.setdefault(str(name), b.value(model.default, model.field(), model.value_span("default")))
    return tuple(found.items())


def shown(b: Lowering, expr: Expr) -> tuple[str, Expr]:
    """A label and an expression: of a field of the document by its name alone, or of any expression."""
    document = b.fields_of(None) or {}
    if expr.text in document:
        return document[expr.text].title or expr.text, b.instead(expr, f"document.{expr.text}")
    if expr.text in FUNCTIONS and (b.world.document is not None or not b.world.has_document):
        line, column = expr.place or (1, 1)
        at = Span(b.world.file, line, column, line, column + len(expr.text))
        b.report("bad-expression", say('"{name}" is a function', name=expr.text), say('write "{name}(…)"', name=expr.text), at)
        return expr.text, Expr("none")
    if b.world.has_document and b.world.document is None and expr.text.isidentifier() and expr.text not in {**b.world.inputs, **b.world.variables}:
        return expr.text, b.instead(expr, f"document.{expr.text}")  # that its type is not there is said elsewhere
    around, _, name = expr.text.rpartition(".")
    field = (b.fields_of(Expr(around)) or {}).get(name) if around else {**b.world.inputs, **b.world.variables}.get(name)
    return (field.title if field and field.title else expr.text), expr


def answer_fields(choices: tuple[tuple[str, str], ...]) -> dict[str, Field]:
    """The results that say who has decided what."""
    return {"outcome": Field("choice", choices=choices), "by": Field("user"), "at": Field("datetime"), "comment": Field("text")}


def given_fields(choices: tuple[tuple[str, str], ...], form: Mapping[str, Field]) -> dict[str, Field]:
    """One answer, as `answers` has it."""
    return {**answer_fields(choices), "in_place_of": Field("user"), **form}


def progress_fields(choices: tuple[tuple[str, str], ...], form: Mapping[str, Field]) -> dict[str, Field]:
    """The results that are there while the task is open too."""
    answer = given_fields(choices, form)
    return {"answers": Field("object", many=True, fields=tuple(answer.items())), "waiting": Field("user", many=True), "overdue": Field("boolean")}


def _place(name: str, keys: FormKeys) -> Span:
    span = span_of(name)
    return span if span.file else keys.place
