"""What a process is to the others of its workspace: how it is called, how it ends, and what it gives."""

from __future__ import annotations

from msgspec import Struct

from bpflow.expressions import parse
from bpflow.expressions.inference import FieldTypes, Known, infer
from bpflow.expressions.parse import written_out
from bpflow.expressions.types import NONE, Type
from bpflow.graph import Call, Exit, Expr, Graph

START, INPUT = "processes.start", "inputs."
"""The service that begins another process, and what the names of its arguments begin with that are for inputs."""


class Interface(Struct, frozen=True):
    """A process as others see it: its graph, with the inputs and starts; the types of its result and of its outputs."""

    graph: Graph
    result: Type
    outputs: FieldTypes


def called_process(node: Call) -> str | None:
    """The id of the process that a node calls; None if it calls none."""
    return literal_text(dict(node.arguments)["process"]) if node.service == START else None


def ends(graph: Graph) -> Type:
    """How an instance may end: by one of the results that an `end` or a final stage has, or by running to the end of its steps."""
    results = dict.fromkeys(node.name for node in graph.nodes if isinstance(node, Exit) and node.how == "end")
    return Type("text", values=tuple(results), optional=True) if results else NONE


def interface_of(graph: Graph, known: Known) -> Interface:
    """The process as others see it; `known` are the types of its names."""
    outputs = tuple((name, infer(parse(expr.text), known).type) for name, expr in graph.outputs)
    return Interface(graph, ends(graph), outputs)


def literal_text(expr: Expr) -> str:
    """The text that is written out; of anything else the words of the expression."""
    value = written_out(parse(expr.text).tree)
    return value if isinstance(value, str) else expr.text
