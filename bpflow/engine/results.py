"""What an operator may give in a step's stead: the results that the step would have had, of their types, and no others."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from bpflow.diagnostics import did_you_mean, say, with_hint
from bpflow.engine.forms import refuse
from bpflow.engine.program import Program
from bpflow.engine.state import ROOT, Incident
from bpflow.expressions.data import Value
from bpflow.graph import Block, Call, Flow, Step, Task, Wait
from bpflow.values import Field, InvalidValue, check

TURN = "result"
"""What the result of a turn of a for-each is given as, where it has no names of its own."""


def results_of(program: Program, incident: Incident, branch: str | None = None) -> Mapping[str, Field | None] | None:
    """The results of the step of an incident by name, each with its type where that is known; None: whatever the service gives.

    `branch`: the outcome or the arm by which the step is left, else all of them.
    """
    node = program.nodes.get(incident.node)
    if incident.arm is not None:
        return {}
    if incident.scope == ROOT and incident.kind != "stuck":
        return dict.fromkeys(name for name, _ in program.graph.outputs)
    match node:
        case Step():
            if node.gives is not None:
                return dict.fromkeys(name for name, _ in node.sets)
            types = {variable.name: variable.field for variable in program.graph.variables}
            return {name: types.get(name) for name, _ in node.sets}
        case Task():
            return {name: field for outcome in node.form.outcomes if branch in (None, outcome.name) for name, field in outcome.fields}
        case Call():
            return None if node.gives else {}
        case Wait():
            wanted = [trigger for (trigger, _), name in zip(node.arms, arm_names(node), strict=True) if branch in (None, name)]
            return None if any(t.kind == "message" for t in wanted) else {name: field for trigger in wanted for name, field in trigger.form}
        case Block() if node.each is not None and incident.scope is not None:
            return {TURN: None} if node.each.collect else {name: None for name, _ in node.each.collect_fields}
        case Block() if node.each is not None:
            return {"results": None}
    return {}


def arm_names(node: Wait) -> tuple[str, ...]:
    """What the arms of a wait are called: as `won` says it."""
    return node.names or tuple(trigger.name or str(number) for number, (trigger, _) in enumerate(node.arms))


def check_results(program: Program, incident: Incident, branch: str | None, results: Mapping[str, Value]) -> None:
    """InvalidAnswer if the step gives no such result, or none of that type; `field` says which."""
    known = results_of(program, incident, branch)
    for name, value in results.items() if known is not None else ():
        assert known is not None
        if name not in known:
            hint = did_you_mean(name, known)
            message = say('the step does not give "{name}"; it gives: {known}', name=name, known=", ".join(known) or "–")
            raise refuse(name, with_hint(message, hint))
        check_value(name, known[name], value)


def check_value(name: str, field: Field | None, value: Value) -> None:
    """InvalidAnswer if the field may not have the value."""
    try:
        if field is not None:
            check(field, value)
    except InvalidValue as wrong:
        raise refuse(name, say('"{field}": {reason}', field=field.title if field and field.title else name, reason=wrong.message)) from wrong


def record_of(node: Task | Wait, flow: Flow, results: Mapping[str, Value], at: datetime) -> dict[str, Value]:
    """The results of a task or a wait that is left by a flow without anybody having answered."""
    if isinstance(node, Wait):
        won = next((name for (_, out), name in zip(node.arms, arm_names(node), strict=True) if out == flow), None)
        return {"won": won, **results}
    outcome = next((name for name, out in node.outcomes if out == flow), None)
    fields: dict[str, Value] = {name: None for one in node.form.outcomes if one.name == outcome for name, _ in one.fields}
    head: dict[str, Value] = {"outcome": outcome, "by": None, "at": at, "comment": None, "answers": [], "waiting": [], "overdue": False}
    return {**head, **fields, **results}
