"""What all models of a process have in common: keys with `-`, a place, and mistakes that only several keys together make."""

from collections.abc import Iterator
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, PrivateAttr, ValidationInfo, model_validator
from pydantic.functional_validators import ModelWrapValidatorHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from bpflow.definition.reading import exactly_one, note
from bpflow.diagnostics import Diagnostic, Span
from bpflow.graph.written import NOWHERE, span_of


def key_of(name: str) -> str:
    """The key in YAML of a field of a model: `on_overdue` → `on-overdue`, `for_` → `for`."""
    return name.rstrip("_").replace("_", "-")


class Model(BaseModel):
    """A set of keys that an analyst writes. An unknown key in it is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True, alias_generator=key_of)
    one_of: ClassVar[tuple[str, ...]] = ()
    """Keys of which exactly one must be written."""

    _tree: Any = PrivateAttr(None)
    _judged: bool = PrivateAttr(False)

    @property
    def place(self) -> Span:
        """Where it stands in the file; `NOWHERE` if it was made from plain data."""
        return span_of(self._tree)

    def value_span(self, key: str) -> Span:
        """The place of the value of a key (as in YAML), else of the whole."""
        return _among(self._tree, "value_spans", key) or self.place

    def key_span(self, key: str) -> Span:
        """The place of a key (as in YAML), else of the whole."""
        return _among(self._tree, "key_spans", key) or self.place

    def mistakes(self) -> Iterator[Diagnostic]:
        """What is wrong with the keys together."""
        if self.one_of:
            found = [key_of(name) for name in self.model_fields_set if key_of(name) in self.one_of]
            finding = exactly_one(self.place, self.one_of, found)
            if finding:
                yield finding

    @model_validator(mode="wrap")
    @classmethod
    def _read(cls, raw: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        made = handler(raw)
        # pydantic wraps a model that is reached through a reference to itself twice
        if not made._judged:
            made._judged, made._tree = True, raw if span_of(raw) is not NOWHERE else None
            for finding in made.mistakes():
                note(info, finding)
        return made

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler(core_schema)
        if cls.one_of:
            handler.resolve_ref_schema(schema)["oneOf"] = [{"required": [key]} for key in cls.one_of]
        return schema


def _among(tree: Any, what: str, key: str) -> Span | None:
    span = getattr(tree, what, {}).get(key)
    return span if isinstance(span, Span) else None
