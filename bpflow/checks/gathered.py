"""Names whose types only expressions tell: the people of a process, the items of a for-each and what its turns give.

The law of this file: nothing is assumed. Each type is what inference makes of the expression behind the name, by what is known of the others so
far; it is done again until nothing changes, so the order in which they are written does not matter.
"""

from __future__ import annotations

from collections.abc import Iterator

from bpflow.checks.environment import Environment
from bpflow.checks.wanted import PEOPLE
from bpflow.expressions import parse
from bpflow.expressions.inference import Known, infer
from bpflow.expressions.signatures import items_of
from bpflow.expressions.types import ANY, NONE, Type, list_of, one_of_types, record_of
from bpflow.graph import Block, Each, Expr, Graph

NOTHING_COLLECTED = record_of((("results", list_of(NONE)),))
"""The type of a for-each that does not say what its turns give."""
ROUNDS = 8
"""How often at most; what is still not known then stays so."""


def gathered(around: Environment, graph: Graph) -> Environment:
    """The environment with the types of what expressions stand for."""
    for _ in range(ROUNDS):
        found = _found(around, graph)
        if all(around.names[name].type == type for name, type in found.items()):
            return around
        around = around.with_types(found)
    return around


def _found(around: Environment, graph: Graph) -> dict[str, Type]:
    """The types by what is known so far, of the names that are there."""
    made: dict[str, list[Type]] = {}
    for name, type in (*_people(around.known, graph), *_turns(around.known, graph)):
        if name in around.names:
            made.setdefault(name, []).append(type)
    return {name: one_of_types(*types) for name, types in made.items()}


def _people(known: Known, graph: Graph) -> Iterator[tuple[str, Type]]:
    for name, expr in graph.people:
        type = _type(expr, known)
        yield name, type if PEOPLE.takes(type) else ANY


def _turns(known: Known, graph: Graph) -> Iterator[tuple[str, Type]]:
    """The item of each for-each, and its results."""
    for node in graph.nodes:
        if isinstance(node, Block) and node.each is not None:
            each = node.each
            yield each.name, items_of(_type(each.items, known)) or ANY
            turn = _turn(each, known)
            if node.gives:
                yield node.gives, record_of((("results", list_of(turn.or_none() if each.enough else turn)),))
            if each.enough:
                yield "results", list_of(turn)


def _turn(each: Each, known: Known) -> Type:
    """What one turn gives; none where nothing is collected."""
    if each.collect is not None:
        return _type(each.collect, known)
    return record_of((name, _type(expr, known)) for name, expr in each.collect_fields) if each.collect_fields else NONE


def _type(expr: Expr, known: Known) -> Type:
    return infer(parse(expr.text), known).type
