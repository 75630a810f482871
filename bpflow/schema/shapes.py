"""The schemas to which the shapes of files are held.

The law of this file: nobody waits for what is always the same. What the models of bpflow itself give is made beforehand and lies in the
folder `shapes`, since to make it takes longer than to check a file, and a test says whether it is what they give. Only where a process
names an activity of others is its schema made when it is read.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from msgspec.json import decode
from pydantic import BaseModel

from bpflow.definition.vocabulary import HOUSE, of_the_house
from bpflow.schema.steps import Activities, Schema, activities_in
from bpflow.source import Tree

FOLDER = Path(__file__).parent / "shapes"
PROCESS = "Process"


def file_schema(model: type[BaseModel]) -> Schema:
    """The schema of a file of the workspace, which has one model of bpflow."""
    return _ready(model.__name__)


def shape_schema(tree: Tree, known: Activities) -> Schema:
    """The schema for a tree of a process, with the activities that it names.

    Its `step` is `{"step": [all that are known]}`: whoever reads the schema follows the one that a step names.
    """
    used = {name: known[name] for name in sorted({*activities_in(tree)}) if name in known}
    own = all(name in HOUSE and activity is of_the_house(name) for name, activity in used.items())
    made = _ready(PROCESS) if own else _made(tuple(used.items()))
    return {**made, "$defs": {**made["$defs"], "step": {"step": known}}}


@cache
def _ready(name: str) -> Schema:
    made: Schema = decode((FOLDER / f"{name}.json").read_bytes())
    return made


@cache
def _made(used: tuple[tuple[str, type[BaseModel]], ...]) -> Schema:
    from bpflow.schema.generate import process_shape

    return process_shape(dict(used))
