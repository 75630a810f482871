"""What is wrong with the shape of a file, by jsonschema."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from bpflow.schema.found import Shape
from bpflow.schema.repair import pruned, repaired
from bpflow.schema.steps import Schema, step_schema
from bpflow.schema.words import findings_of
from bpflow.source import Source, Table, Tree


def process_mistakes(tree: Tree, schema: Schema, source: Source) -> Shape:
    """The mistakes of a process, and what can be read of it all the same."""
    errors = errors_of(tree, schema)
    shape = _shape(errors, source)
    return Shape(shape.findings, shape.places, repaired(tree, errors) if isinstance(tree, Table) else None)


def file_mistakes(schema: Schema, source: Source) -> Shape:
    """The mistakes of another file of the workspace."""
    shape = _shape(errors_of(source.tree, schema), source)
    rest = pruned(source.tree, lambda tree: errors_of(tree, schema)) if isinstance(source.tree, Table) else None
    return Shape(shape.findings, shape.places, rest)


def errors_of(tree: Tree, schema: Schema) -> list[ValidationError]:
    """What jsonschema says, each step held against its own activity."""
    return list(_Follower(schema).iter_errors(tree))


def _shape(errors: list[ValidationError], source: Source) -> Shape:
    places = tuple(source.span_at(tuple(error.absolute_path)) for error in errors)
    return Shape(tuple(findings_of(errors, source)), places)


def _follow(validator: Any, known: Collection[str], step: Any, _schema: Schema) -> Iterator[ValidationError]:
    """The keyword `step`: the errors of a step by the definition of its activity."""
    schema = step_schema(step, known)
    if not isinstance(step, dict):
        yield from validator.descend(step, {"type": "object"})
    elif schema is None:
        yield ValidationError("", validator="activity", validator_value=list(known), instance=step)
    else:
        yield from validator.descend(step, schema)


def _one_of(validator: Any, options: Any, value: Any, schema: Schema) -> Iterator[ValidationError]:
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


_Follower: Any = extend(Draft202012Validator, {"step": _follow, "oneOf": _one_of})  # type: ignore[no-untyped-call]
