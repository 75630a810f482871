"""The shape of a process: a tree against the schema, each step against its own activity's.

The law of this file: the named activity is followed, never guessed. So a step has the mistakes of its own activity and no others,
and a file costs what its length costs.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend
from pydantic import BaseModel

from bpflow.definition.vocabulary import vocabulary
from bpflow.diagnostics import Diagnostic, in_order
from bpflow.schema.generate import Schema, activity_definition, model_schema, shape_schema
from bpflow.schema.words import findings_of
from bpflow.source import Source, Tree


def check_shape(tree: Tree, source: Source) -> list[Diagnostic]:
    """The findings about the keys and the kinds of values of a process."""
    errors = shape_errors(tree)
    return in_order(findings_of(errors, source))


def check_file(source: Source, model: type[BaseModel]) -> list[Diagnostic]:
    """The findings about the keys and the kinds of values of another file of the workspace."""
    return in_order(findings_of(shape_errors_of(source, model), source))


def shape_errors_of(source: Source, model: type[BaseModel]) -> list[ValidationError]:
    """The errors of another file of the workspace."""
    return list(_validator_of(model).iter_errors(source.tree))


def shape_errors(tree: Tree) -> list[ValidationError]:
    """The errors of a process's tree, with their paths in it."""
    known = vocabulary()
    used = frozenset(name for name in activities_in(tree) if name in known)
    return list(_Follower(shape_schema(used)).iter_errors(tree))


def activities_in(tree: Tree) -> Iterator[str]:
    """The words that stand behind `activity:` anywhere in the tree."""
    if isinstance(tree, dict):
        name = tree.get("activity")
        if isinstance(name, str):
            yield str(name)
        for value in tree.values():
            yield from activities_in(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from activities_in(value)


@cache
def _validator_of(model: type[BaseModel]) -> Validator:
    return _Follower(model_schema(model, model.__name__))


def _follow(validator: Validator, _value: Any, step: Any, _schema: Schema) -> Iterator[ValidationError]:
    """The keyword `step`: the errors of a step by the definition of its activity."""
    if not isinstance(step, dict):
        yield from validator.descend(step, {"type": "object"})
    elif not isinstance(step.get("activity"), str) or step["activity"] not in vocabulary():
        yield ValidationError("", validator="activity", instance=step)
    else:
        yield from validator.descend(step, {"$ref": f"#/$defs/{activity_definition(step['activity'])}"})


def _one_of(validator: Validator, options: Any, value: Any, schema: Schema) -> Iterator[ValidationError]:
    """`oneOf`; where a key tells the options apart, only the one that it names."""
    told_by = schema.get("discriminator")
    if not told_by or not isinstance(value, dict):
        yield from Draft202012Validator.VALIDATORS["oneOf"](validator, options, value, schema)
        return
    key, mapping = told_by["propertyName"], told_by["mapping"]
    if key in value:
        yield from validator.descend(value[key], {"enum": list(mapping)}, path=key)
    else:
        yield from validator.descend(value, {"required": [key]})
    if isinstance(value.get(key), str) and value[key] in mapping:
        yield from validator.descend(value, {"$ref": mapping[value[key]]})


_Follower: Any = extend(Draft202012Validator, {"step": _follow, "oneOf": _one_of})
