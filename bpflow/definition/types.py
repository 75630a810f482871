"""The types of the values in a process's file: expressions, texts with `$(…)`, durations, names, and values for fields."""

from __future__ import annotations

import keyword
import unicodedata
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Annotated, Any, TypeAlias

from msgspec import Struct
from pydantic import GetCoreSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema

from bpflow.definition.reading import keep, note
from bpflow.definition.validators import Kept, Prepared, Read
from bpflow.diagnostics import Diagnostic, Span, did_you_mean, say
from bpflow.expressions import FUNCTIONS, ExpressionError, parse_duration
from bpflow.graph import written
from bpflow.graph.nodes import Expr
from bpflow.graph.written import NOWHERE, Unread, Written, span_of, start_of

_SCALAR = {"type": ["string", "number", "boolean"]}
_EXPRESSION: Mapping[str, Any] = {"type": ["string", "number", "boolean", "array"], "items": _SCALAR, "format": "expression", "minLength": 1}


def _reader(read: Callable[[Any], Written]) -> Callable[[Any, ValidationInfo], Expr]:
    def validate(raw: Any, info: ValidationInfo) -> Expr:
        if isinstance(raw, Expr):
            return raw
        try:
            made = read(raw)
        except Unread as error:
            for finding in error.findings:
                note(info, finding)
            return Expr("none")
        keep(info, made)
        return made.expr

    return validate


_read_expression = _reader(written.expression)


Expression: TypeAlias = Annotated[Expr, Read(_read_expression, _EXPRESSION)]
"""An expression, or a list of expressions."""


def _read_shown(raw: Any, info: ValidationInfo) -> Expr:
    """A field of the document may be called as a function, and alone a function is no expression: which it is, its lowering tells."""
    if isinstance(raw, str) and raw in FUNCTIONS:
        return Expr(str(raw), start_of(span_of(raw)))
    return _read_expression(raw, info)


Shown: TypeAlias = Annotated[Expr, Read(_read_shown, _EXPRESSION)]
"""A field of the document by its name alone, or an expression."""

Duration: TypeAlias = Annotated[Expr, Read(_reader(written.duration), {"type": "string", "format": "duration-or-expression", "minLength": 1})]
"""A duration such as `2 working days`, or an expression."""


class Template(str):
    """A text as written, with the expression that it makes (`expr`): always a text, also where it is only `$(…)`."""

    __slots__ = ("expr",)
    expr: Expr

    def __new__(cls, text: str, expr: Expr) -> Template:
        self = super().__new__(cls, text)
        self.expr = expr
        return self

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return Read(cls._read, {"type": ["string", "number"], "format": "template"}).__get_pydantic_core_schema__(source, handler)

    @classmethod
    def _read(cls, raw: Any, info: ValidationInfo) -> Template:
        if isinstance(raw, Template):
            return raw
        if not isinstance(raw, str | int | float | Decimal) or isinstance(raw, bool):
            note(info, Diagnostic(span_of(raw), "wrong-kind", say("a text must stand here")))
            return cls("", Expr('""'))
        try:
            made = written.template(raw)
        except Unread as error:
            for finding in error.findings:
                note(info, finding)
            return cls(raw, Expr('""')) if isinstance(raw, str) else cls(str(raw), Expr('""'))
        keep(info, made)
        alone = len(made.parts) == 1 and made.expr.text == made.parts[0].text.strip()
        return cls(str(raw), Expr(f"text({made.expr.text})", made.expr.place) if alone else made.expr)


def _seconds(raw: Any, info: ValidationInfo) -> int:
    """A fixed length of time, in seconds: what waits for a service knows no calendar."""
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    try:
        found = parse_duration(raw if isinstance(raw, str) else str(raw))
    except ExpressionError as error:
        note(info, Diagnostic(span_of(raw), "bad-duration", error.message, error.hint))
        return 1
    if found.months or found.working_days or found.working_seconds:
        message = say('"{text}" is no fixed length of time', text=raw)
        note(info, Diagnostic(span_of(raw), "bad-duration", message, say("write it in seconds, minutes, hours or days: `10s`, `5min`, `2h`, `1d`")))
    return max(1, found.days * 86_400 + found.seconds)


Seconds: TypeAlias = Annotated[int, Read(_seconds, {"type": "string", "format": "duration", "minLength": 1})]
"""A fixed length of time such as `10s` or `1h`, in seconds."""


Name: TypeAlias = Annotated[str, Kept(r"^[a-z][a-z0-9_]*$")]
"""A name that expressions may use: small Latin letters, digits and `_`."""
Title: TypeAlias = Annotated[str, Kept()]
"""A text without expressions."""
_TARGET = {"type": "string", "pattern": r"^(go-on|[a-z][a-z0-9_]*)$"}
Target: TypeAlias = Annotated[str, Kept(_TARGET["pattern"])]
"""The id of a step, or `go-on`."""


Targets: TypeAlias = Annotated[
    tuple[Target, ...],
    Prepared(
        lambda raw: (raw,) if isinstance(raw, str) else raw, {"type": ["string", "array"], "pattern": _TARGET["pattern"], "items": _TARGET, "minItems": 1}
    ),
]
"""The ids of one or of several steps."""
Result: TypeAlias = Annotated[str, Kept(r"^[a-z][a-z0-9_-]*$")]
"""The id of a process or of a document type, the result of an instance: as a name, and with `-`."""


class Given(Struct, frozen=True):
    """A value as written for a field, which is read when it is known what for."""

    name: str
    raw: Any
    place: Span = NOWHERE
    name_place: Span = NOWHERE


def _read_givens(raw: Any, info: ValidationInfo) -> tuple[Given, ...]:
    if not isinstance(raw, Mapping):
        note(info, Diagnostic(span_of(raw), "wrong-kind", say("a set of keys must stand here: name: value")))
        return ()
    keys, values = getattr(raw, "key_spans", {}), getattr(raw, "value_spans", {})
    return tuple(Given(str(name), value, values.get(name, NOWHERE), keys.get(name, NOWHERE)) for name, value in raw.items())


Givens: TypeAlias = Annotated[tuple[Given, ...], Read(_read_givens, {"type": "object", "minProperties": 1})]
"""Values by the names of the fields that they are for."""


def _read_one_or_given(raw: Any, info: ValidationInfo) -> Expr | tuple[Given, ...]:
    if isinstance(raw, Mapping):
        return _read_givens(raw, info)
    return _read_expression(raw, info)


OneOrGiven: TypeAlias = Annotated[
    Expr | tuple[Given, ...],
    Read(_read_one_or_given, {**_EXPRESSION, "type": ["string", "number", "boolean", "array", "object"], "minProperties": 1}),
]
"""An expression, or values by name."""


def _is_name(name: str) -> bool:
    return name.isidentifier() and not name.startswith("_") and not keyword.iskeyword(name) and name not in ("true", "false", "none")


def wrong_name(name: str, span: Span) -> Diagnostic | None:
    """The finding that a field's name could not be written in an expression; fields may be named in any language."""
    if not _is_name(name):
        message = say('"{name}" cannot be the name of a field: letters, digits and "_" only, the first a letter, and no word of the expressions', name=name)
        nearest = "".join(c if c.isalnum() else "_" for c in name).strip("_")
        return Diagnostic(span, "bad-id", message, say('write "{name}" and put the rest into "title"', name=nearest) if _is_name(nearest) else None)
    if unicodedata.normalize("NFKC", name) != name:
        hint = did_you_mean(name, [unicodedata.normalize("NFKC", name)])
        return Diagnostic(span, "bad-id", say('the name "{name}" has letters that look like others', name=name), hint)
    return None
