"""JSON Schema out of the models: what keys there are, and of which kinds; for editors with the docstrings as descriptions.

The law of this file: the models are the only source. Each activity has a definition of its own under its name, and `step` says by
`activity` which of them holds. The docstrings of keys are read only where somebody will see them: that takes long.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaWarningKind, models_json_schema
from pydantic_core import core_schema

from bpflow.definition.process import Process
from bpflow.definition.step import Step
from bpflow.definition.vocabulary import vocabulary
from bpflow.schema.pages import markdown, opening
from bpflow.schema.steps import Activities, Schema, definition_of

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class _Generator(GenerateJsonSchema):
    """An absent key is simply absent: no `null` among the kinds, no `null` for a default. Every name of a table is held to its pattern."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def dict_schema(self, schema: core_schema.DictSchema) -> Schema:
        made = super().dict_schema(schema)
        for pattern, values in made.pop("patternProperties", {}).items():
            made |= {"propertyNames": {"pattern": pattern}, "additionalProperties": values}
        return made

    def nullable_schema(self, schema: core_schema.NullableSchema) -> Schema:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> Schema:
        return self.generate_inner(schema["schema"])


class _Described(_Generator):
    """With the docstrings of the keys, and what holds where a key is absent. To find that out takes long: no shape asks for it."""

    ignored_warning_kinds: set[JsonSchemaWarningKind] = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012  # as pydantic has it

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> Schema:
        made = GenerateJsonSchema.default_schema(self, schema)
        if not isinstance(made.get("default"), str | int | list) or made["default"] == []:
            made.pop("default", None)
        return made

    def model_schema(self, schema: core_schema.ModelSchema) -> Schema:
        made, model = super().model_schema(schema), schema["cls"]
        said = docstrings(model)
        for name, info in model.model_fields.items():
            shown = made.get("properties", {}).get(info.alias or name)
            if shown is not None and name in said:
                shown.setdefault("description", said[name])
        return made


class _ProcessGenerator(_Generator):
    """In a process a list or a table that is written has something in it."""

    def tuple_schema(self, schema: core_schema.TupleSchema) -> Schema:
        return {**super().tuple_schema(schema), "minItems": 1}

    def dict_schema(self, schema: core_schema.DictSchema) -> Schema:
        return {**super().dict_schema(schema), "minProperties": 1}


class _ProcessDescribed(_ProcessGenerator, _Described):
    """Both."""


def process_schema(activities: Activities | None = None) -> Schema:
    """The JSON Schema (draft 2020-12) of a process, for editors and other tools, with all activities that are installed.

    `activities` may be used besides those: a program's own, by name. Beside `description`, which is plain text, stands what editors show
    better: `markdownDescription`, the whole page with its examples, and `enumDescriptions`, what each activity does.
    """
    known = {**vocabulary(), **(activities or {})}
    schema = _process(known, _ProcessDescribed)
    definitions: Schema = {name: _hovered(made) for name, made in schema["$defs"].items()}
    for name in known:
        activity = definitions[definition_of(name)]
        activity["properties"]["activity"] |= {key: activity[key] for key in ("description", "markdownDescription") if key in activity}
    definitions["step"] = _chosen_by_activity({name: str(definitions[definition_of(name)].get("description", "")) for name in known})
    return {"$schema": DIALECT, "title": "bpflow process", **_hovered(schema), "$defs": dict(sorted(definitions.items()))}


def model_schema(model: type[BaseModel], title: str) -> Schema:
    """The JSON Schema of a file of the workspace that has one model."""
    made = _hovered(model.model_json_schema(schema_generator=_Described))
    made["$defs"] = {name: _hovered(inner) for name, inner in made.get("$defs", {}).items()}
    return {"$schema": DIALECT, **made, "title": title}


def _hovered(schema: Schema) -> Schema:
    """A set of keys of which editors show the first paragraph where they show plain text, else the whole page."""
    page = str(schema.get("description", ""))
    return {**schema, "description": opening(page), "markdownDescription": markdown(page)} if "\n" in page else {**schema}


def file_shape(model: type[BaseModel]) -> Schema:
    """The schema of a file of the workspace to which its shape is held."""
    return model.model_json_schema(schema_generator=_Generator)


def process_shape(activities: Activities) -> Schema:
    """The schema to which the shape of a process with no other activities is held, but for what a `step` is."""
    return _process(activities, _ProcessGenerator)


def _process(classes: Activities, generator: type[GenerateJsonSchema]) -> Schema:
    """The schema of a process with these activities, but for what a `step` is."""
    modes: list[tuple[type[BaseModel], JsonSchemaMode]] = [(model, "validation") for model in _models(classes)]
    placed, made = models_json_schema(modes, schema_generator=generator)
    definitions: Schema = made["$defs"]
    root = definitions.pop(_name(placed[Process, "validation"]))
    for name, model in classes.items():
        definitions[definition_of(name)] = _named(definitions.pop(_name(placed[model, "validation"])), name)
    used = _referred(root, definitions) | {definition_of(name) for name in classes}
    for name in classes:
        used |= _referred(definitions[definition_of(name)], definitions)
    return {**root, "$defs": {name: made for name, made in definitions.items() if name in used}}


def _models(classes: Activities) -> Iterator[type[BaseModel]]:
    yield Process
    yield from classes.values()


def docstrings(model: type[BaseModel]) -> dict[str, str]:
    """The docstrings under the fields of a model and of those that it is made from; of classes without source, none."""
    found: dict[str, str] = {}
    for cls in reversed(model.__mro__):
        if issubclass(cls, BaseModel) and cls is not BaseModel:
            found |= _docstrings_in(cls)
    return found


def _docstrings_in(cls: type) -> dict[str, str]:
    tree = _syntax(cls.__module__)
    body = next((node.body for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == cls.__qualname__), [])
    return {
        field.target.id: " ".join(text.value.value.split())
        for field, text in pairwise(body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and isinstance(text.value.value, str)
    }


@cache
def _syntax(module: str) -> ast.Module:
    try:
        return ast.parse(inspect.getsource(sys.modules[module]))
    except (OSError, TypeError, KeyError):
        return ast.Module([], [])


def _referred(schema: Any, definitions: Schema) -> set[str]:
    """The names of the definitions that a schema leads to."""
    found: set[str] = set()
    todo = [schema]
    while todo:
        here = todo.pop()
        if isinstance(here, dict):
            name = str(here.get("$ref", "")).rpartition("/")[2]
            if name in definitions and name not in found:
                found.add(name)
                todo.append(definitions[name])
            todo += here.values()
        elif isinstance(here, list):
            todo += here
    return found


def _name(placed: Mapping[str, Any]) -> str:
    return str(placed["$ref"]).rpartition("/")[2]


def _named(schema: Schema, activity: str) -> Schema:
    """The definition of an activity: its `activity` is that word."""
    properties = {**schema["properties"], "activity": {"const": activity}}
    return {**schema, "title": activity, "properties": properties}


def _chosen_by_activity(named: Mapping[str, str]) -> Schema:
    """Editors offer the names first, with what each does, then the keys of the one that is chosen."""
    cases = [
        {
            "if": {"properties": {"activity": {"const": name}}, "required": ["activity"]},
            "then": {"$ref": f"#/$defs/{definition_of(name)}"},
        }
        for name in named
    ]
    activity = {"description": docstrings(Step)["activity"], "enum": list(named), "enumDescriptions": list(named.values())}
    return {"type": "object", "required": ["activity"], "properties": {"activity": activity}, "allOf": cases}
