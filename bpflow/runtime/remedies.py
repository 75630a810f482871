"""What can be done about an incident: told to whoever sees it, and nothing that would be refused."""

from __future__ import annotations

from msgspec import Struct

from bpflow.engine.jumping import steps_around
from bpflow.engine.program import Program
from bpflow.engine.repairs import moves_document, ways_by_name
from bpflow.engine.results import results_of
from bpflow.engine.state import Incident, State
from bpflow.graph import Step, step_name, step_of


class Remedy(Struct, frozen=True):
    """An action of an operator, by the name of its command. `ways`: the branches by which `skip` may leave (where it must be said), the
    steps to which `jump` may lead, the names that `correct` may set; `results`: those that `skip` may give."""

    command: str
    ways: tuple[str, ...] = ()
    results: tuple[str, ...] = ()


def remedies_of(program: Program, state: State, incident: Incident) -> tuple[Remedy, ...]:
    """The actions that are to be had now, the mildest first."""
    graph = program.graph
    names = (*(name for name, _ in graph.inputs), *(variable.name for variable in graph.variables))
    correct = (Remedy("correct", names),) if names else ()
    if state.status == "suspended":
        return (Remedy("resume"), *correct, Remedy("cancel"))
    skip = () if moves_document(program, incident) else (Remedy("skip", branches(program, incident), tuple(results_of(program, incident) or ())),)
    retry = () if incident.kind == "stuck" else (Remedy("retry"),)
    return (*retry, *skip, *jump(program, state, incident), *correct, Remedy("cancel"))


def branches(program: Program, incident: Incident) -> tuple[str, ...]:
    """The ways out of the step of a held token, where there are several."""
    node = program.nodes.get(incident.node)
    if node is None or incident.token is None or incident.arm is not None or isinstance(node, Step):
        return ()
    names = tuple(ways_by_name(node))
    return names if len(names) > 1 else ()


def jump(program: Program, state: State, incident: Incident) -> tuple[Remedy, ...]:
    token = state.tokens.get(incident.token) if incident.token is not None else None
    if token is None:
        return ()
    steps = tuple(step_name(step_of(node)) for node in steps_around(program, state.tokens, state.scopes, token))
    return (Remedy("jump", steps),) if steps else ()
