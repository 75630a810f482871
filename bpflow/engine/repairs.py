"""What operators do: an incident is tried again or passed over, values are corrected, an instance is cancelled. Each does what it says or
is refused; what would do nothing is refused too."""

from __future__ import annotations

from collections.abc import Mapping

from bpflow.diagnostics import did_you_mean, say, with_hint
from bpflow.engine import arms, nodes, people, scopes, suspending, watching
from bpflow.engine.draft import Draft
from bpflow.engine.events import Cancel, Correct, Retry, Skip
from bpflow.engine.forms import refuse
from bpflow.engine.program import Program
from bpflow.engine.results import TURN, arm_names, check_results, check_value, record_of
from bpflow.engine.state import ROOT, Incident, Token
from bpflow.engine.transition import DONE, UnexpectedEvent
from bpflow.expressions.data import Value
from bpflow.graph import Block, Call, Choose, Exit, Flow, Join, Node, Step, Task, Wait, flows, is_way


def incident_of(draft: Draft, id: int) -> Incident:
    for incident in draft.incidents:
        if incident.id == id:
            draft.incidents = tuple([other for other in draft.incidents if other is not incident])
            draft.note("repaired", incident.token if incident.token is not None else ROOT, incident.node)
            return incident
    raise UnexpectedEvent(say("there is no open incident {id}", id=id))


def retry(draft: Draft, event: Retry) -> None:
    """The step is entered again: same visit, so a call keeps its key."""
    incident = incident_of(draft, event.incident)
    if incident.kind == "stuck":
        raise UnexpectedEvent(say("a stuck join cannot be retried: skip the incident, and the join lets its tokens go on"))
    if incident.arm is not None:
        retry_arm(draft, incident, incident.arm)
        return
    if incident.scope is not None:
        scopes.check(draft, draft.scope(incident.scope))
        return
    token = held_token(draft, incident)
    node = draft.program.nodes[token.node]
    if isinstance(node, Call) and token.waiting is not None:
        nodes.again(draft, token, node)
        return
    scopes.enter_again(draft, token)


def retry_arm(draft: Draft, incident: Incident, arm: int) -> None:
    """An alarm that went off in vain goes off again at once, and is as late as it was; a date or a condition is read again."""
    holder = incident.token if incident.token is not None else incident.scope
    assert holder is not None
    held = draft.armed_at(holder)
    token = draft.tokens.get(holder)
    if held is not None and token is not None and isinstance(draft.program.nodes[token.node], Task) and arm not in (DONE, *arms.arms_of(held).due):
        arms.set_timer(draft, holder, held, arm, incident.at)
    else:
        watching.reread_arm(draft, holder, arm)


def held_token(draft: Draft, incident: Incident) -> Token:
    assert incident.token is not None
    token = draft.token(incident.token)
    token.hops = 0
    draft.look_from(token.scope)
    return token


def skip(draft: Draft, event: Skip) -> None:
    """The step counts as done, with the results given; an alarm is let be; a stuck join lets its tokens go on; a turn ends with them."""
    incident = incident_of(draft, event.incident)
    if moves_document(draft.program, incident):
        raise UnexpectedEvent(say("a move cannot be passed over, as the document would not be where the process is: correct the document, and retry"))
    check_results(draft.program, incident, event.branch, event.results)
    if incident.arm is not None:
        skip_arm(draft, incident, incident.arm)
    elif incident.scope is None:
        skip_step(draft, held_token(draft, incident), event)
    elif incident.scope == ROOT and incident.kind != "stuck":
        scopes.pass_end(draft, event.results)
    elif incident.kind == "stuck":
        join = draft.program.nodes[incident.node]
        assert isinstance(join, Join)
        nodes.release_join(draft, draft.scope(incident.scope), join, 0)
    else:
        block = scopes.block_of(draft, incident.node)
        named = block.each is not None and block.each.collect is None
        scopes.pass_turn(draft, draft.scope(incident.scope), (dict(event.results) or None) if named else event.results.get(TURN))


def moves_document(program: Program, incident: Incident) -> bool:
    """Whether the document of a pipeline is to be moved there, or it is to be told in which stage it is."""
    return incident.arm is None and is_way(incident.node) and isinstance(program.nodes[incident.node], Call | Choose)


def skip_arm(draft: Draft, incident: Incident, arm: int) -> None:
    """The arm is let be; a wait that has nothing else to wait for is left by it."""
    token = draft.tokens.get(incident.token) if incident.token is not None else None
    node = draft.program.nodes.get(token.node) if token else None
    if token is None or token.waiting is None or not isinstance(node, Wait):
        return
    held = token.waiting.arms
    if not (held.due or held.truth or held.listening or any(trigger.kind == "command" for trigger, _ in node.arms)):
        token = held_token(draft, incident)
        arms.release(draft, token)
        nodes.won(draft, token, node, arm, {})
        scopes.go_on(draft, token, node.arms[arm][1])


def skip_step(draft: Draft, token: Token, event: Skip) -> None:
    """The token leaves its step, whose results are those given."""
    node = draft.program.nodes[token.node]
    flow = nodes.fork(draft, token, node.out) if isinstance(node, Step) and event.branch is None else way_out(draft, token, event.branch)
    if token.waiting is not None:
        scopes.disarm_token(draft, token)
        token.waiting = None
    if isinstance(node, Step) and node.gives is not None:
        draft.give(token.scope, node.gives, dict(event.results))
    elif isinstance(node, Step):
        draft.root_names.update(event.results)
        draft.changed[ROOT] |= dict.fromkeys(event.results, draft.tick)
    elif isinstance(node, Task):
        people.withdraw_parts(draft, token, node)
        people.give(draft, token, node, record_of(node, flow, event.results, draft.now))
    elif isinstance(node, Wait):
        draft.give(token.scope, node.gives, record_of(node, flow, event.results, draft.now))
    elif isinstance(node, Call | Block):
        draft.give(token.scope, node.gives, dict(event.results))
    scopes.go_on(draft, token, flow)


def way_out(draft: Draft, token: Token, branch: str | None) -> Flow:
    """The flow by which a skipped step is left: its only one, or the one that `branch` names."""
    node = draft.program.nodes[token.node]
    named = ways_by_name(node)
    ways = {**{flow.id: flow for flow in flows(node)}, **named}
    if branch is not None and branch in ways:
        return ways[branch]
    out = flows(node) if branch is None else ()
    if isinstance(node, Block):
        out = out[-1:]
    if isinstance(node, Exit) and branch is None:
        return nodes.fork(draft, token, out)
    if len(out) == 1:
        return out[0]
    raise UnexpectedEvent(say("say by which branch to leave the step: {known}", known=", ".join(named)))


def ways_by_name(node: Node) -> dict[str, Flow]:
    """The ways out of a node by the names that people know: outcomes, the numbers of branches and `otherwise`, else the ids of flows."""
    match node:
        case Task():
            return dict(node.outcomes)
        case Wait():
            return dict(zip(arm_names(node), (flow for _, flow in node.arms), strict=True))
        case Choose():
            named = {str(number + 1): flow for number, (_, flow) in enumerate(node.arms)}
            return {**named, "otherwise": node.otherwise} if node.otherwise else named
    return {flow.id: flow for flow in flows(node)}


def correct(draft: Draft, event: Correct) -> None:
    """Variables and inputs get other values; conditions that wait for them are read again. Of a suspended instance they are read when it
    is resumed."""
    fields = {**dict(draft.program.graph.inputs), **{variable.name: variable.field for variable in draft.program.graph.variables}}
    for name, value in event.values.items():
        if name not in fields:
            hint = did_you_mean(name, fields)
            message = say('the process has no variable or input "{name}"; it has: {known}', name=name, known=", ".join(fields) or "–")
            raise refuse(name, with_hint(message, hint))
        check_value(name, fields[name], value)
    if all(name in draft.root_names and same(draft.root_names[name], value) for name, value in event.values.items()):
        raise UnexpectedEvent(say("nothing would change: the values are so already"))
    for name in event.values:
        draft.note("corrected", ROOT, name)
    if draft.status == "suspended":
        draft.ends(parked=(*draft.rest.parked, event))
    put(draft, event.values)


def same(one: Value, other: Value) -> bool:
    return type(one) is type(other) and one == other


def put(draft: Draft, values: Mapping[str, Value]) -> None:
    """Sets the values, and reads again what waits for them, unless the instance is suspended."""
    draft.root_names |= values
    draft.changed[ROOT] |= dict.fromkeys(values, draft.tick)
    if draft.status == "running":
        watching.look_again(draft)
        for token, _ in draft.queue:
            token.hops = 0


def cancel(draft: Draft, event: Cancel) -> None:
    """All that is open is withdrawn."""
    if draft.status == "suspended":
        suspending.index(draft, there=True)
        draft.ends(parked=())
    scopes.clear(draft, {ROOT})
    draft.status = "cancelled"
    draft.note("ended", ROOT, "cancelled")
