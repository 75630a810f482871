"""The forms that people fill in: their fields, when one is asked for, what may be chosen in it, and what must hold of them together.

The law of this file: a form is filled in from its top to its end. What a field's `when` and `from` read of the form comes before it,
however the analyst has ordered them; where that cannot be, the fields go round in a circle, which is a finding.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Any, TypeAlias, TypeVar

from msgspec.structs import replace

from bpflow import values
from bpflow.definition.fields import FieldModel, check_names
from bpflow.definition.model import Model
from bpflow.definition.types import Expression, Template, Title
from bpflow.definition.validators import Checked
from bpflow.diagnostics import Diagnostic, say
from bpflow.expressions import parse
from bpflow.graph import Expr, Sets

T = TypeVar("T")
NOT_CHOSEN = frozenset({"boolean", "file", "object"})
"""The types of fields in which nothing is chosen from a list."""


class FormField(FieldModel):
    """A field of a form."""

    when: Expression | None = None
    """It is shown, and must be filled in if it is required, only if this is true; else it stays empty. Other fields of the form are
    `<id>.<field>` here, and `none` while they are empty."""
    from_: Expression | None = None
    """What may be chosen: a list of values, of people, of documents; a department or a role stands for its members."""

    def mistakes(self) -> Iterator[Diagnostic]:
        """Choosing where there is nothing to choose, and choices that the field cannot have."""
        yield from super().mistakes()
        if self.from_ is not None and self.type in NOT_CHOSEN:
            yield Diagnostic(self.key_span("from"), "unknown-key", say('a field of type "{type}" has no "{key}"', type=self.type, key="from"))
        elif self.from_ is not None:
            single = replace(self._typed(""), many=False, required=False)
            single = replace(single, min=None, max=None) if self.many else single
            for choice in _constants(self.from_):
                try:
                    values.check(single, choice)
                except values.InvalidValue as wrong:
                    yield Diagnostic(self.value_span("from"), "wrong-value", wrong.message, wrong.hint)

    @property
    def reads(self) -> tuple[Expr, ...]:
        """The expressions that decide about the field."""
        return tuple(expr for expr in (self.when, self.from_) if expr is not None)


FormFields: TypeAlias = Annotated[dict[Title, FormField], Checked(check_names)]
"""Fields of a form by name."""


class FormCheck(Model):
    """Something that must hold of a form as a whole."""

    that: Expression
    """What must be true. Fields of the form are `<id>.<field>` here, and `none` where they are empty."""
    say: Template
    """What is told to whoever fills it in otherwise."""


def conditions(fields: Mapping[str, FormField]) -> Sets:
    """When each field is asked for that is not always."""
    return tuple((str(name), field.when) for name, field in fields.items() if field.when is not None)


def choices(fields: Mapping[str, FormField]) -> Sets:
    """What may be chosen in each field in which not everything may be."""
    return tuple((str(name), field.from_) for name, field in fields.items() if field.from_ is not None)


def checks(written: Iterable[FormCheck]) -> tuple[tuple[Expr, Expr], ...]:
    """What must hold, each with the text for where it does not."""
    return tuple((one.that, one.say.expr) for one in written)


def circles(form: str | None, fields: Mapping[str, FormField]) -> Iterator[Diagnostic]:
    """The findings that fields go round in a circle; `form` is the name under which they read each other."""
    reads = {name: [other for other in read if other in fields] for name, read in readings(form, fields).items()}
    while circle := _circle(reads):
        name, other = circle[:2]
        condition = fields[name].when
        key = "when" if condition is not None and other in _read(form, condition) else "from"
        message = say("these fields wait for each other in a circle: {names}", names=" → ".join(circle))
        if name == other:
            message = say('"{key}" of "{name}" reads the field itself', key=key, name=name)
        yield Diagnostic(fields[name].value_span(key), "field-cycle", message)
        reads = {name: read for name, read in reads.items() if name not in circle}


def _circle(reads: Mapping[str, Sequence[str]]) -> list[str]:
    """The names of fields each of which reads the next one, the first again at the end; empty if there are none."""
    try:
        TopologicalSorter(reads).prepare()
    except CycleError as error:
        return [str(name) for name in reversed(error.args[1])]
    return []


def readings(form: str | None, fields: Mapping[str, FormField]) -> dict[str, list[str]]:
    """The fields of a form that each of its fields reads, in the order in which it does."""
    return {str(name): [read for expr in field.reads for read in _read(form, expr)] for name, field in fields.items()}


def in_order(fields: Mapping[str, T], reads: Mapping[str, Iterable[str]]) -> dict[str, T]:
    """The fields as they are written, but for those that read another further down: these come after it."""
    placed: dict[str, T] = {}
    waiting: set[str] = set()
    todo = list(fields)[::-1]
    while todo:
        name = todo[-1]
        before = [other for other in reads.get(name, ()) if other in fields and other not in placed and other not in waiting]
        if before and name not in placed:
            waiting.add(name)
            todo += reversed(before)
        else:
            placed.setdefault(todo.pop(), fields[name])
    return placed


def _read(form: str | None, expr: Expr) -> list[str]:
    """The fields of the form that an expression reads."""
    return [path.names[1] for path in parse(expr.text).paths if len(path.names) > 1 and path.names[0] == form]


def _constants(expr: Expr) -> Iterator[Any]:
    """The texts and whole numbers that are written out in a list."""
    tree = parse(expr.text).tree
    for one in tree.elts if isinstance(tree, ast.List) else ():
        if isinstance(one, ast.Constant):
            yield one.value
