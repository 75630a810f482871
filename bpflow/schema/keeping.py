"""Whether a tree keeps to a schema: yes, or perhaps not.

The law of this file: a yes is certain, and quick. What it cannot judge is a "perhaps not", and then jsonschema, which takes longer
to import than a process takes to load, says what is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from typing import Any, TypeAlias

from bpflow.schema.steps import step_schema

Schema: TypeAlias = Mapping[str, Any]

_SILENT = frozenset({"$schema", "$defs", "title", "description", "default", "format", "examples"})
_KINDS: Mapping[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | Decimal) and not isinstance(value, bool),
}


def keeps(tree: Any, schema: Schema) -> bool:
    """Whether the tree certainly keeps to the schema. Where that says `step`, the step's activity is followed."""
    return _Keeper(schema).keeps(tree, schema)


class _Keeper:
    """Judges trees by one schema."""

    def __init__(self, schema: Schema) -> None:
        self._root = schema

    def keeps(self, value: Any, schema: Schema) -> bool:
        judge = self._judges
        return all(word in _SILENT or (word in judge and judge[word](self, value, said, schema)) for word, said in schema.items())

    def _reference(self, value: Any, said: str, _: Schema) -> bool:
        found = self._root.get("$defs", {}).get(said.removeprefix("#/$defs/"))
        return found is not None and self.keeps(value, found)

    def _step(self, value: Any, said: Collection[str], _: Schema) -> bool:
        schema = step_schema(value, said)
        return schema is not None and self.keeps(value, schema)

    def _type(self, value: Any, said: Any, _: Schema) -> bool:
        kinds = [said] if isinstance(said, str) else said
        return any(kind in _KINDS and _KINDS[kind](value) for kind in kinds)

    def _properties(self, value: Any, said: Schema, _: Schema) -> bool:
        return not isinstance(value, dict) or all(self.keeps(value[key], schema) for key, schema in said.items() if key in value)

    def _others(self, value: Any, said: Any, schema: Schema) -> bool:
        if not isinstance(value, dict):
            return True
        rest = [inner for key, inner in value.items() if key not in schema.get("properties", {})]
        return not rest if said is False else said is True or all(self.keeps(inner, said) for inner in rest)

    def _names(self, value: Any, said: Schema, _: Schema) -> bool:
        return not isinstance(value, dict) or all(self.keeps(key, said) for key in value)

    def _items(self, value: Any, said: Schema, _: Schema) -> bool:
        return not isinstance(value, list) or all(self.keeps(item, said) for item in value)

    def _one_of(self, value: Any, said: list[Schema], schema: Schema) -> bool:
        return sum(self.keeps(value, option) for option in said) == 1

    def _any_of(self, value: Any, said: list[Schema], schema: Schema) -> bool:
        return any(self.keeps(value, option) for option in said)

    _judges: Mapping[str, Callable[[_Keeper, Any, Any, Schema], bool]] = {
        "$ref": _reference,
        "step": _step,
        "type": _type,
        "properties": _properties,
        "additionalProperties": _others,
        "propertyNames": _names,
        "items": _items,
        "oneOf": _one_of,
        "anyOf": _any_of,
        "discriminator": lambda *_: True,
        "required": lambda _, value, said, __: not isinstance(value, dict) or all(key in value for key in said),
        "enum": lambda _, value, said, __: isinstance(value, str) and value in said,
        "const": lambda _, value, said, __: type(value) is not bool and value == said,
        "pattern": lambda _, value, said, __: not isinstance(value, str) or re.search(said, value) is not None,
        "minItems": lambda _, value, said, __: not isinstance(value, list) or len(value) >= said,
        "minProperties": lambda _, value, said, __: not isinstance(value, dict) or len(value) >= said,
        "minLength": lambda _, value, said, __: not isinstance(value, str) or len(value) >= said,
        "minimum": lambda _, value, said, __: isinstance(value, int | Decimal) and value >= said,
        "maximum": lambda _, value, said, __: isinstance(value, int | Decimal) and value <= said,
    }
