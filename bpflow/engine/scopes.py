"""Scopes: how bodies open, fill, end and are cleared.

The rules: a token that runs off its list *arrives*: it is gone, and the scope may be over. A scope is over when nothing lives in it;
one in which only joins hold tokens is an incident at once, so nothing hangs in silence. A scope that ends, or whose need is met,
sends its host on. Clearing takes everything inside away: inner scopes first, the newest first.
"""

from __future__ import annotations

from collections.abc import Mapping

from bpflow.diagnostics import say
from bpflow.engine import arms, enough, telling
from bpflow.engine.draft import Draft, Fault
from bpflow.engine.program import MAX_LIVE
from bpflow.engine.state import ROOT, Failure, Fan, Scope, Token
from bpflow.expressions import weight
from bpflow.expressions.data import Value
from bpflow.graph import Block, Each, Flow, Task

MAX_RESULTS = 10_000_000
"""Items and characters of all that a for-each collects."""


def block_of(draft: Draft, id: str) -> Block:
    node = draft.program.nodes[id]
    assert isinstance(node, Block)
    return node


# ── opening ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def open_block(draft: Draft, token: Token, block: Block) -> None:
    """The token stays at the block as host of a scope, or of a scope an item."""
    token.status = "inside"
    token.waiting = None
    token.visit += 1
    if block.each is not None:
        open_fan(draft, token, block, block.each)
        return
    scope = draft.new_scope(block.id, token.scope, host=token.id)
    wrong = arms.arm_handlers(draft, scope)
    if wrong:
        disarm_scope(draft, scope)
        del draft.scopes[scope.id]
        raise wrong[0][1]
    for flow in block.entry:
        draft.queue.append((draft.new_token(scope.id, token.hops), flow))


def open_fan(draft: Draft, token: Token, block: Block, each: Each) -> None:
    items = draft.value(each.items)
    if not isinstance(items, list):
        raise Fault(say("{block}: the items are not a list", block=block.id))
    at_most = draft.value(each.at_most) if each.at_most else len(items)
    if isinstance(at_most, bool) or not isinstance(at_most, int) or (at_most < 1 and items):
        raise Fault(say("{block}: the number of turns at a time is not a whole number above 0", block=block.id))
    token.fan = Fan(items, at_most=min(at_most, MAX_LIVE))
    enough.begin(draft, each, token.fan)
    next_turns(draft, token, block)


def next_turns(draft: Draft, host: Token, block: Block) -> None:
    """Opens turns while there are items and places; with no turn left running the host goes on."""
    fan, each = host.fan, block.each
    assert fan is not None and each is not None
    while fan.next < len(fan.items) and fan.running < fan.at_most:
        scope = draft.new_scope(block.id, host.scope, host=host.id, index=fan.next)
        scope.names = {each.name: fan.items[fan.next]}
        draft.turns = True
        fan.next += 1
        fan.running += 1
        for flow in block.entry:
            draft.queue.append((draft.new_token(scope.id, host.hops), flow))
    if fan.running == 0:
        finish_fan(draft, host, block)


def finish_fan(draft: Draft, host: Token, block: Block) -> None:
    fan = host.fan
    assert fan is not None
    results: list[Value] = [fan.results.get(index) for index in range(len(fan.items))]
    host.fan = None
    draft.give(host.scope, block.gives, {"results": results})
    go_on(draft, host, block.out)


def go_on(draft: Draft, token: Token, flow: Flow) -> None:
    token.status = "moving"
    draft.queue.append((token, flow))


def enter_again(draft: Draft, token: Token) -> None:
    """The token enters the node at which it stands, as if it had come by the flow `via`."""
    token.status = "moving"
    draft.queue.append((token, None))


# ── ending ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def arrive(draft: Draft, token: Token) -> None:
    """The token ran off its list."""
    scope = draft.scope(token.scope)
    del draft.tokens[token.id]
    scope.live -= 1
    scope.arrived += 1
    if scope.block and scope.host is not None and scope.handler < 0:
        need = block_of(draft, scope.block).need
        if need != "all" and scope.index < 0 and scope.arrived >= need:
            clear(draft, {scope.id})
            leave(draft, scope, token.hops)
            return
    check(draft, scope, token.hops)


def check(draft: Draft, scope: Scope, hops: int = 0) -> None:
    """Ends the scope if nothing lives in it; `hops` are those of the last token in it."""
    if scope.live > 0 or draft.status != "running":
        return
    holding = [node for node, counts in scope.joins.items() if counts and "" not in counts]
    if holding:
        if not any(join in draft.program.live_joins or stuck(draft, scope) for join in holding):
            draft.incident("stuck", holding[0], say("the join waits for flows that can no longer come"), scope=scope.id)
        return
    need = block_of(draft, scope.block).need if scope.block and scope.handler < 0 and scope.index < 0 else "all"
    if need != "all" and scope.arrived < need:
        unmet(draft, scope, need)
        return
    if scope.id == ROOT and not has_outputs(draft, scope):
        return
    disarm_scope(draft, scope)
    draft.forget_incidents(set(), {scope.id})
    del draft.scopes[scope.id]
    leave(draft, scope, hops)


def has_outputs(draft: Draft, root: Scope) -> bool:
    """Whether the instance has what it gives when it ends. If that cannot be evaluated it does not end: an incident on the whole."""
    try:
        draft.ends(outputs=outputs(draft))
    except Fault as fault:
        if not stuck(draft, root):
            draft.incident("fault", "", fault.message, scope=ROOT)
        return False
    return True


def outputs(draft: Draft) -> dict[str, Value]:
    """What the instance gives when it ends, as seen from outside of all turns; a step on its own gives nothing. A Fault names the first that
    cannot be evaluated."""
    draft.look_from(ROOT)
    body = draft.scopes[ROOT].handler if ROOT in draft.scopes else -1
    if body >= 0 and draft.program.graph.handlers[body].trigger.kind == "alone":
        return {}
    found: dict[str, Value] = {}
    for name, expr in draft.program.graph.outputs:
        try:
            found[name] = draft.value(expr)
        except Fault as fault:
            raise Fault(say('the output "{name}" cannot be evaluated: {reason}', name=name, reason=fault.message)) from fault
    return found


def stuck(draft: Draft, scope: Scope) -> bool:
    """Whether there is an incident on the scope as a whole."""
    return any(incident.scope == scope.id and incident.arm is None for incident in draft.incidents)


def unmet(draft: Draft, scope: Scope, need: int) -> None:
    """All branches have ended, and fewer arrived than were to: a fault on the host."""
    assert scope.host is not None
    host = draft.token(scope.host)
    clear(draft, {scope.id})
    draft.hold(host, say("{arrived} of the branches came to their end, {need} were to", arrived=scope.arrived, need=need))


def disarm_scope(draft: Draft, scope: Scope) -> None:
    if scope.arms is not None:
        arms.disarm(draft, scope.id, scope.arms)
        scope.arms = None


def leave(draft: Draft, scope: Scope, hops: int) -> None:
    """What follows a scope that is over (and gone): the end of the instance, the parent of a handler, the host, the next turn. The
    host's hops are those of the last token inside, so waiting in a body is waiting."""
    if scope.id == ROOT:
        draft.status = "ended"
        draft.note("ended", ROOT, draft.rest.result or "")
    elif scope.host is None:
        parent = draft.scope(scope.parent)
        parent.live -= 1
        check(draft, parent, hops)
    elif scope.index >= 0:
        host = draft.token(scope.host)
        host.hops = min(host.hops, hops)
        end_turn(draft, host, scope)
    else:
        host = draft.token(scope.host)
        host.hops = hops
        go_on(draft, host, block_of(draft, scope.block).out)


def end_turn(draft: Draft, host: Token, scope: Scope) -> None:
    """A turn of a for-each is over: collect, see whether it is enough, else open the next. What cannot be told is an incident on the
    turn, which stays open, and so does the block."""
    block, fan = block_of(draft, scope.block), host.fan
    assert fan is not None and block.each is not None
    counts = fan.counts
    try:
        result = collect(draft, block.each, scope)
        few_results(fan, result)
        enough.add(draft, block.each, fan, scope.index, result)
        met = enough.is_met(draft, block.each, fan, host.scope, host.node)
    except Fault as fault:
        fan.results.pop(scope.index, None)
        fan.counts = counts
        draft.scopes[scope.id] = scope
        draft.incident("fault", block.id, fault.message, scope=scope.id)
        return
    close_turn(draft, host, block, fan, met=met)


def pass_end(draft: Draft, results: Mapping[str, Value]) -> None:
    """The instance whose outputs cannot be evaluated ends, with those that an operator gives; the others are none."""
    draft.ends(outputs={name: results.get(name) for name, _ in draft.program.graph.outputs})
    clear(draft, {ROOT})
    draft.status = "ended"
    draft.note("ended", ROOT, draft.rest.result or "")


def pass_turn(draft: Draft, scope: Scope, result: Value) -> None:
    """The turn whose end is an incident counts as done, with that result; whether it is enough is not asked."""
    assert scope.host is not None
    block, host = block_of(draft, scope.block), draft.token(scope.host)
    assert host.fan is not None and block.each is not None
    enough.add(draft, block.each, host.fan, scope.index, result)
    del draft.scopes[scope.id]
    close_turn(draft, host, block, host.fan, met=False)


def close_turn(draft: Draft, host: Token, block: Block, fan: Fan, *, met: bool) -> None:
    """One turn less: the rest is cleared if it is enough, else the next begins."""
    fan.running -= 1
    if met:
        clear(draft, {s.id for s in draft.scopes.values() if s.host == host.id})
        finish_fan(draft, host, block)
    else:
        next_turns(draft, host, block)


def collect(draft: Draft, each: Each, scope: Scope) -> Value:
    """The result of a turn, seen from inside it; the scope is gone from the draft already, its names are not."""
    draft.look_from(scope.parent)
    draft.names = {**draft.names, **(scope.names or {})}
    if each.collect is not None:
        return draft.value(each.collect)
    return {name: draft.value(expr) for name, expr in each.collect_fields} if each.collect_fields else None


def few_results(fan: Fan, result: Value) -> None:
    """A turn whose like in all turns would be too much is a fault: what one for-each collects another may collect in each of its turns."""
    if weight(result) * len(fan.items) > MAX_RESULTS:
        raise Fault(say("the results of all turns would be too large: at most {count} items and characters together", count=MAX_RESULTS))


# ── leaving early ───────────────────────────────────────────────────────────────────────────────────────────────────
def climb(draft: Draft, token: Token, up: int) -> Token:
    """The token leaves `up` blocks: they are cleared, and the host of the outermost goes on in its place, from where it stands."""
    scope = draft.scopes[token.scope]
    for level in range(up):
        while scope.host is None:
            scope = draft.scopes[scope.parent]
        host = draft.token(scope.host)
        if level < up - 1:
            scope = draft.scopes[host.scope]
    host.hops, host.fan, host.status = token.hops, None, "moving"
    clear(draft, {s.id for s in draft.scopes.values() if s.host == host.id})
    return host


def terminate(draft: Draft, token: Token, block: str) -> tuple[Token, Flow]:
    """Clears the scopes of the block named that are around the token; gives its host and the flow that follows the block."""
    scope = draft.scopes[token.scope]
    up = 1
    while scope.block != block or scope.host is None:
        up += scope.host is not None
        scope = draft.scopes[draft.tokens[scope.host].scope if scope.host is not None else scope.parent]
    return climb(draft, token, up), block_of(draft, block).out


def clear(draft: Draft, doomed: set[int], keep: int | None = None) -> None:
    """Takes the scopes and everything inside them away: tokens, inner scopes, tasks, timers, calls, incidents. `keep` stays, empty."""
    for scope in draft.scopes.values():  # in which every scope comes after the one around it
        if scope.parent in doomed:
            doomed.add(scope.id)
    gone = {token.id for token in draft.tokens.values() if token.scope in doomed}
    for id in sorted(gone, reverse=True):
        disarm_token(draft, draft.token(id))
        del draft.tokens[id]
    for id in sorted(doomed, reverse=True):
        scope = draft.scope(id)
        disarm_scope(draft, scope)
        scope.live, scope.joins = 0, {}
        if id != keep:
            del draft.scopes[id]
    draft.queue = type(draft.queue)((token, flow) for token, flow in draft.queue if token.id not in gone)
    draft.forget_incidents(gone, doomed)


def disarm_token(draft: Draft, token: Token) -> None:
    """Withdraws all that the token waits for: its task, its timers, its call."""
    if token.waiting is not None:
        arms.disarm(draft, token.id, token.waiting.arms)
        arms.withdraw(draft, token)
        if token.status == "waiting" and isinstance(node := draft.program.nodes.get(token.node), Task):
            telling.withdrawn(draft, token, node)
    if token.status in ("waiting", "held"):
        draft.note("cleared", token.id, token.node)


def end_instance(draft: Draft, result: str | None) -> None:
    """`end`, from wherever it stands: everything open is cancelled. A Fault if what it gives cannot be evaluated: then it does not end."""
    draft.ends(outputs=outputs(draft), result=result)
    clear(draft, {ROOT})
    draft.status = "ended"
    draft.note("ended", ROOT, result or "")


def fail_instance(draft: Draft, failure: Failure) -> None:
    """An error that the caller takes: everything open is cancelled, and the reason kept."""
    draft.ends(failure=failure)
    clear(draft, {ROOT})
    draft.status = "failed"
    draft.note("ended", ROOT, failure.error)
