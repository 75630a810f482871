"""The shape of a file: its tree against the schema, each step against its own activity's.

The law of this file: the named activity is followed, never guessed. So a step has the mistakes of its own activity and no others,
and a file costs what its length costs. jsonschema is imported only where there is a mistake to be explained.
"""

from __future__ import annotations

from pydantic import BaseModel

from bpflow.definition.vocabulary import vocabulary
from bpflow.diagnostics import Diagnostic, in_order
from bpflow.schema.found import Shape
from bpflow.schema.keeping import keeps
from bpflow.schema.shapes import file_schema, shape_schema
from bpflow.schema.steps import Activities
from bpflow.source import Source, Tree


def check_shape(tree: Tree, source: Source, activities: Activities | None = None) -> list[Diagnostic]:
    """The findings about the keys and the kinds of values of a process. `activities` are the known ones, if not those installed."""
    return in_order(process_shape(tree, source, vocabulary() if activities is None else activities).findings)


def check_file(source: Source, model: type[BaseModel]) -> list[Diagnostic]:
    """The findings about the keys and the kinds of values of another file of the workspace."""
    return in_order(file_shape(source, model).findings)


def process_shape(tree: Tree, source: Source, activities: Activities) -> Shape:
    """The shape of a process that may use these activities."""
    schema = shape_schema(tree, activities)
    if keeps(tree, schema):
        return Shape()
    from bpflow.schema.mistakes import process_mistakes

    return process_mistakes(tree, schema, source)


def file_shape(source: Source, model: type[BaseModel]) -> Shape:
    """The shape of another file of the workspace, which has one model."""
    schema = file_schema(model)
    if keeps(source.tree, schema):
        return Shape()
    from bpflow.schema.mistakes import file_mistakes

    return file_mistakes(schema, source)
