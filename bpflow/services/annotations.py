"""What the annotations of a function say of the service, for the checker: as far as they can be said in types of fields."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from bpflow.expressions.data import Department, Document, Duration, File, User
from bpflow.services.functions import Function
from bpflow.services.request import Registered
from bpflow.values import Field, Kind, ServiceType

_KINDS: Mapping[Any, Kind] = {
    str: "string",
    int: "integer",
    float: "number",
    Decimal: "number",
    bool: "boolean",
    date: "date",
    datetime: "datetime",
    timedelta: "duration",
    Duration: "duration",
    User: "user",
    Department: "department",
    Document: "document",
    File: "file",
}

Fields = tuple[tuple[str, Field], ...]


def service_type(name: str, given: Registered) -> ServiceType:
    """The type of a service; of one that is no function nothing is known."""
    if hasattr(given, "perform"):
        return ServiceType()
    function = Function(name, given)
    takes: dict[str, Field | None] = {}
    for argument, parameter in function.takes.items():
        takes[argument] = _field(parameter.annotation, required=parameter.default is parameter.empty)
    return ServiceType(None if function.open or (function.request and not takes) else _all_known(takes), _gives(function.signature.return_annotation))


def _all_known(found: Mapping[str, Field | None]) -> Fields | None:
    known = tuple((name, field) for name, field in found.items() if field is not None)
    return known if len(known) == len(found) else None


def _gives(annotation: Any) -> Fields | None:
    if annotation is None:
        return ()
    inner = _members(annotation)
    if inner is not None:
        return _all_known(inner)
    field = _field(annotation)
    return (("value", field),) if field is not None else None


def _members(annotation: Any) -> dict[str, Field | None] | None:
    """The fields of a dataclass, a pydantic model or a TypedDict; None of anything else."""
    if not isinstance(annotation, type) or annotation in _KINDS:
        return None
    if is_dataclass(annotation):
        hints = get_type_hints(annotation, include_extras=True)
        return {f.name: _field(hints[f.name], required=f.default is MISSING and f.default_factory is MISSING) for f in fields(annotation)}
    if isinstance(getattr(annotation, "model_fields", None), Mapping):
        return {name: _field(f.annotation) for name, f in annotation.model_fields.items()}  # type: ignore[attr-defined]  # pydantic's
    if hasattr(annotation, "__total__"):
        return {name: _field(hint) for name, hint in get_type_hints(annotation).items()}
    return None


def _field(annotation: Any, *, required: bool = False) -> Field | None:
    """The field that an annotation says; None if no type of field says the same."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _field(arguments[0], required=required)
    if origin in (Union, types.UnionType):
        rest = [one for one in arguments if one is not type(None)]
        return _field(rest[0]) if len(rest) == 1 and len(rest) < len(arguments) else None
    if origin in (list, tuple, set, frozenset) and len([one for one in arguments if one is not ...]) == 1:
        item = _field(arguments[0])
        return None if item is None or item.many else Field(item.kind, many=True, choices=item.choices, fields=item.fields, required=required)
    words = arguments if origin is Literal else [one.value for one in annotation] if isinstance(annotation, type) and issubclass(annotation, Enum) else ()
    if words:
        return Field("choice", choices=tuple((word, word) for word in words), required=required) if all(isinstance(word, str) for word in words) else None
    return _simple(annotation, required)


def _simple(annotation: Any, required: bool) -> Field | None:
    kind = _KINDS.get(annotation) if isinstance(annotation, type) else None
    if kind is not None:
        return Field(kind, required=required)
    inner = _members(annotation)
    known = _all_known(inner) if inner is not None else None
    return Field("object", fields=known, required=required) if known else None
