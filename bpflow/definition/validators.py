"""How values of a file are read, and their shapes: what models put beside the types of their keys.

The law of this file: a model costs what it does. The validators of pydantic do the same, but look at the parameters of each function, and
for a way to write the value out again, which nobody asks for: that is a third of the time in which a model is made ready.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Annotated, Any, TypeAlias, TypeVar

from msgspec import Struct
from pydantic import GetCoreSchemaHandler, TypeAdapter, ValidationInfo
from pydantic_core import CoreSchema, core_schema

T = TypeVar("T")


def _shaped(shape: Mapping[str, Any]) -> dict[str, Any]:
    """What makes the shape that of the value, whatever reads it."""
    return {"pydantic_js_functions": [lambda *_: {**shape}]}


class Read(Struct, frozen=True, eq=False):
    """Read by a function alone."""

    by: Callable[[Any, ValidationInfo], Any]
    shape: Mapping[str, Any]

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(self.by, metadata=_shaped(self.shape))


class Prepared(Struct, frozen=True, eq=False):
    """Made ready by a function before it is read as its type says."""

    by: Callable[[Any], Any]
    shape: Mapping[str, Any]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self.by, handler(source), metadata=_shaped(self.shape))


class Checked(Struct, frozen=True, eq=False):
    """Looked at by a function once it has been read."""

    by: Callable[[Any, ValidationInfo], Any]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_after_validator_function(self.by, handler(source))


class Later(Struct, frozen=True, eq=False):
    """Made ready only when a file has it."""

    def __get_pydantic_core_schema__(self, source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        @cache
        def ready() -> TypeAdapter[Any]:
            return TypeAdapter(source)

        def read(raw: Any, info: ValidationInfo) -> Any:
            return ready().validate_python(raw, context=info.context)

        shape = {"pydantic_js_functions": [lambda _, handler: handler(ready().core_schema)]}
        return core_schema.with_info_plain_validator_function(read, metadata=shape)


Rare: TypeAlias = Annotated[T, Later()]
"""A key that few files have."""


class Kept(Struct, frozen=True, eq=False):
    """A text, of a pattern if there is one: the scalar of the file, which knows its place, instead of the bare copy that pydantic makes."""

    pattern: str | None = None

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_wrap_validator_function(with_place, core_schema.str_schema(pattern=self.pattern))


def with_place(raw: Any, read: Callable[[Any], Any]) -> Any:
    """A text as it is, if it is read as itself."""
    made = read(raw)
    return raw if isinstance(raw, str) and made == raw else made
