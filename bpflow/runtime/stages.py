"""Where a document is in a pipeline, as far as the store must know it: one pipeline a document, and changes of its stage field are moves.

The law of this file: a change of the stage field and the move that it is are written together, or neither is.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from bpflow.diagnostics import Message, Refused, say
from bpflow.engine.events import Moved
from bpflow.engine.transition import CallOut
from bpflow.expressions.data import Document, User, Value
from bpflow.graph import Graph
from bpflow.stores.contract import DocumentRow, Work

ENTERS = "stage"
"""The argument of a change of the document with which its own pipeline moves it."""
_SET = "set."


class Moving(Struct, frozen=True):
    """A change of a document that moves it: the instance of its pipeline, from which stage, and to which."""

    instance: int
    source: str
    stage: str

    def event(self, at: datetime, by: User | None, comment: str | None = None) -> Moved:
        """The event of the pipeline's instance."""
        return Moved(at, by, self.source, self.stage, comment=comment, direct=True)


class IsMove(Exception):
    """The change of a document is a move, which is the pipeline's to make."""

    def __init__(self, moving: Moving) -> None:
        super().__init__(moving)
        self.moving = moving


def pipeline_of(document: Document) -> str:
    """What the pipeline takes that runs on the document, so that no other does."""
    return f"pipeline/{document.id}"


def exclusive(graph: Graph, document: Document) -> str | None:
    """What an instance takes as long as it runs, so that no other of its process, or no other pipeline, runs on the document."""
    if graph.stages:
        return pipeline_of(document)
    return f"{graph.process}/{document.id}" if graph.unless_running else None


def is_over(graph: Graph, row: DocumentRow | None) -> bool:
    """Whether the document has come to a final stage: what its pipeline does there has been done, and a change begins no other."""
    return row is not None and any(stage.final and row.fields.get(graph.stage_field or "") == stage.id for stage in graph.stages)


def runs_already(graph: Graph, document: Document | None) -> Message:
    """Why no instance begins: one of its process, or another pipeline, runs on the document."""
    ref = f"{document.type}:{document.id}" if document else ""
    return (
        say('"{process}" runs on "{document}" already', process=graph.process, document=ref)
        if not graph.stages
        else say('a pipeline runs on "{document}" already', document=ref)
    )


def values_set(arguments: Mapping[str, Value]) -> dict[str, Value]:
    """The new values of fields among the arguments of a change of a document."""
    return {name.removeprefix(_SET): value for name, value in arguments.items() if name.startswith(_SET)}


def moving(instance: int, graph: Graph, row: DocumentRow | None, values: Mapping[str, Value]) -> Moving | None:
    """The move that new values of fields are; None if the document stays in its stage, or was in none that the pipeline has."""
    field = graph.stage_field
    if row is None or field is None or field not in values or values[field] == row.fields.get(field):
        return None
    source = _word(row.fields.get(field))
    return Moving(instance, source, _word(values[field])) if source in ("", *(stage.id for stage in graph.stages)) else None


def _word(value: Value) -> str:
    return value if isinstance(value, str) else ""


def check_own(work: Work, graph: Graph, document: Document | None, call: CallOut) -> None:
    """Refused if a pipeline changes its own stage field otherwise than by a move."""
    if document is None or graph.stage_field is None or ENTERS in call.arguments or call.arguments.get("document") != document:
        return
    if moving(0, graph, work.document(document.id), values_set(call.arguments)) is not None:
        raise Refused(say('the process moves its document by "next", and not by changing "{field}"', field=graph.stage_field))
