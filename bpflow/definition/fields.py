"""Fields, of forms, documents, inputs and variables, and the files of document types."""

from collections.abc import Iterator, Mapping
from datetime import UTC
from typing import Annotated, Any, TypeAlias, TypeVar

from msgspec.structs import replace
from pydantic import Field as Key
from pydantic import ValidationInfo

from bpflow import values
from bpflow.definition.model import Model
from bpflow.definition.reading import note
from bpflow.definition.types import Result, Title, wrong_name
from bpflow.definition.validators import Checked, Prepared, Read
from bpflow.diagnostics import Diagnostic, did_you_mean, say
from bpflow.graph.literals import NotAValue, Valued, literal, valued
from bpflow.graph.written import scalar, span_of

_BOUNDED = {"string", "text", "integer", "number", "money", "date", "datetime", "duration"}
_OWN_KEYS = {"choices": {"choice"}, "of": {"document"}, "fields": {"object"}, "pattern": {"string", "text"}}


def _bound(raw: Any) -> Any:
    return None if raw is None else scalar(raw)


def _pairs(raw: Any) -> Any:
    """The choices as (id, title) pairs, from a list of ids or a mapping of titles."""
    if isinstance(raw, Mapping):
        return tuple((scalar(id), scalar(id) if title is None else scalar(title)) for id, title in raw.items())
    if isinstance(raw, list | tuple) and not any(isinstance(item, list | dict) for item in raw):
        return tuple((scalar(item), scalar(item)) for item in raw)
    return raw


def _names(raw: Any) -> Any:
    return (raw,) if isinstance(raw, str) else raw


def _any(raw: Any, _info: ValidationInfo) -> Any:
    return raw


Bound: TypeAlias = Annotated[str | None, Prepared(_bound, {"type": ["number", "string"]})]
Choices: TypeAlias = Annotated[
    tuple[tuple[str, str], ...],
    Prepared(
        _pairs,
        {
            "oneOf": [
                {"type": "array", "items": {"type": ["string", "number"]}, "minItems": 1},
                {"type": "object", "additionalProperties": {"type": ["string", "number"]}, "minProperties": 1},
            ]
        },
    ),
]
Types: TypeAlias = Annotated[
    tuple[Result, ...],
    Prepared(_names, {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}),
]


class FieldModel(Model):
    """A field: its type, and what may stand in it."""

    type: values.Kind
    """The type of its values."""
    title: Title | None = None
    """What people see; without it, the name."""
    help: Title | None = None
    """A line that helps whoever fills it in."""
    many: bool = False
    """It holds a list of such values; where nothing is said, an empty one."""
    required: bool = False
    """It must be filled in."""
    default: Annotated[Any, Read(_any, {"type": ["string", "number", "boolean", "array"]})] = None
    """The value where none is given: a literal, or `$(…)`."""
    choices: Choices = ()
    """The values of a choice: a list, or `id: title`."""
    of: Types = ()
    """The types of the documents that it may refer to."""
    fields: "Fields" = Key({})
    """The fields of an object."""
    min: Bound = None
    """The least value; for texts the least length, for lists the least count."""
    max: Bound = None
    """The greatest value; for texts the greatest length, for lists the greatest count."""
    pattern: Title | None = None
    """A regular expression that a text must match as a whole."""
    secret: bool = False
    """Its value is kept apart: it is in no history, text or message, and can only be passed on."""

    def mistakes(self) -> Iterator[Diagnostic]:
        """Keys that do not go with the type, bounds and defaults that are no values of it, and a pattern that is none."""
        yield from super().mistakes()
        yield from self._foreign_keys()
        yield from self._bounds()
        yield from self._twice()
        if self.pattern is not None:
            try:
                values.check_pattern(self.pattern)
            except values.UnsafePattern as error:
                yield Diagnostic(self.value_span("pattern"), "wrong-value", error.message)
        if self.default is not None:
            yield from self._default().findings

    def _twice(self) -> Iterator[Diagnostic]:
        """A choice that is listed a second time."""
        seen: set[str] = set()
        for id, _ in self.choices:
            if id in seen:
                yield Diagnostic(self.value_span("choices"), "duplicate-id", say('the choice "{name}" stands twice', name=id))
            seen.add(id)

    def _foreign_keys(self) -> Iterator[Diagnostic]:
        for key, kinds in _OWN_KEYS.items():
            if key in self.model_fields_set and self.type not in kinds:
                yield Diagnostic(self.key_span(key), "unknown-key", say('a field of type "{type}" has no "{key}"', type=self.type, key=key))
            elif key != "pattern" and self.type in kinds and not getattr(self, key) and key != "of":
                yield Diagnostic(self.place, "missing-key", say('a field of type "{type}" needs "{key}"', type=self.type, key=key))

    def _bounds(self) -> Iterator[Diagnostic]:
        kind: values.Kind = "integer" if self.many or self.type in ("string", "text") else self.type
        for key in ("min", "max"):
            raw = getattr(self, key)
            if raw is None:
                continue
            if not self.many and self.type not in _BOUNDED:
                yield Diagnostic(self.key_span(key), "unknown-key", say('a field of type "{type}" has no "{key}"', type=self.type, key=key))
                continue
            try:
                literal(raw, values.Field(kind))
            except NotAValue as error:
                yield Diagnostic(self.value_span(key), "wrong-value", error.message, error.hint)
                return
        yield from self._order_of_bounds(values.Field(kind, max=self.max))

    def _order_of_bounds(self, above: values.Field) -> Iterator[Diagnostic]:
        """A least value that is above the greatest, and no room for anything in a text or a list."""
        if self.max is not None and above.kind == "integer" and (self.many or self.type != "integer") and int(self.max) < 1:
            yield Diagnostic(self.value_span("max"), "impossible-amount", say('with "max: {max}" nothing can stand in it', max=self.max))
        elif self.min is not None and not _is_within(above, self.min):
            message = say("the least value, {min}, is above the greatest, {max}", min=self.min, max=self.max)
            yield Diagnostic(self.value_span("min"), "impossible-amount", message)

    def _default(self) -> Valued:
        return valued(self.default, self._typed(""), place=self.value_span("default"))

    def field(self, name: str = "") -> values.Field:
        """The type of the field at run time; without a title, its name is shown."""
        default = None if self.default is None else self._default().expr.text
        return replace(self._typed(name), default=default)

    def _typed(self, name: str) -> values.Field:
        return values.Field(
            kind=self.type,
            title=str(self.title or name),
            many=self.many,
            required=self.required,
            choices=self.choices,
            of=tuple(map(str, self.of)),
            fields=fields_of(self.fields),
            min=self.min,
            max=self.max,
            pattern=None if self.pattern is None else str(self.pattern),
            help=str(self.help or ""),
            secret=self.secret,
        )


def _is_within(field: values.Field, least: str) -> bool:
    """Whether the least value is not above the greatest."""
    try:
        values.check(field, values.read(field, least, UTC))
    except values.InvalidValue:
        return False
    return True


AnyField = TypeVar("AnyField", bound=FieldModel)


def check_names(fields: dict[str, AnyField], info: ValidationInfo) -> dict[str, AnyField]:
    """The fields; a name that no expression could have is noted."""
    for name, field in fields.items():
        finding = wrong_name(name, _key_place(name, field))
        if finding:
            note(info, finding)
    return fields


def _key_place(name: str, field: FieldModel) -> Any:
    span = span_of(name)
    return span if span.file else field.place


Fields: TypeAlias = Annotated[dict[Title, FieldModel], Checked(check_names)]
"""Fields by name."""
FieldModel.model_rebuild()


def check_open(fields: dict[str, FieldModel], info: ValidationInfo) -> dict[str, FieldModel]:
    """The fields; one that is secret is noted."""
    for field in fields.values():
        if field.secret:
            hint = say("let somebody fill it in, or a service give it")
            note(info, Diagnostic(field.key_span("secret"), "secret-leaks", say("a message can be read while it waits: it brings no secrets"), hint))
    return fields


OpenFields: TypeAlias = Annotated[Fields, Checked(check_open)]
"""Fields by name, none of which can be secret."""


def fields_of(fields: Mapping[str, FieldModel]) -> tuple[tuple[str, values.Field], ...]:
    """The types of fields at run time."""
    return tuple((str(name), field.field(str(name))) for name, field in fields.items())


class DocumentTypeModel(Model):
    """A type of document: a file of the workspace's `documents` folder, or inside a process."""

    type: Result
    """The name of the type, unique in the workspace."""
    title: Title | None = None
    """What people call such a document."""
    fields: Fields
    """Its fields by name."""
    title_field: Title | None = None
    """The field by which a document is called."""

    def mistakes(self) -> Iterator[Diagnostic]:
        """A `title-field` that is no field."""
        yield from super().mistakes()
        if self.title_field is not None and self.title_field not in self.fields:
            message = say('there is no field "{field}"', field=self.title_field)
            yield Diagnostic(self.value_span("title-field"), "unknown-field", message, did_you_mean(self.title_field, self.fields))

    def document_type(self) -> values.DocumentType:
        """The type at run time."""
        title_field = None if self.title_field is None else str(self.title_field)
        return values.DocumentType(str(self.type), str(self.title or self.type), fields_of(self.fields), title_field)
