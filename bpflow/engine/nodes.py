"""Entering a node: the meaning of the eight kinds.

Each function does what its node says and gives the flow by which the token goes on at once, or None if it rests, is gone, or was
sent on through the queue. A Fault, or an expression that has no value, leaves the token held at the node, and nothing of the node done.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, assert_never

from bpflow.diagnostics import Message, say
from bpflow.engine import arms, climbing, handling, people, scopes
from bpflow.engine.draft import Draft, Fault
from bpflow.engine.program import DATA_TRIGGERS
from bpflow.engine.state import ROOT, Scope, Token, Waiting
from bpflow.engine.transition import ALONE, RETRY, START, TIMEOUT, CallOut
from bpflow.expressions.data import User, Value
from bpflow.graph import Block, Call, Choose, Exit, Flow, Join, Node, Step, Task, Wait


def step(draft: Draft, token: Token, node: Step) -> Flow | None:
    """All values are computed before any is set, so they see what was before the step, and a fault sets none."""
    program = draft.program
    values: dict[str, Value] = {}
    for name, expr in node.sets:
        values[name] = (program.codes.get(expr.text) or program.code(expr))(draft)
    if node.turn is not None:
        count_turn(draft, token, node, node.turn)
    if values:
        if node.gives is None:
            draft.root_names.update(values)
            draft.changed[ROOT].update(dict.fromkeys(values, draft.tick))
        else:
            draft.give(token.scope, node.gives, values)
    if node.forgets:
        forget(draft, token, node.forgets)
    if draft.turns:
        draft.look_from(token.scope)
    return node.out[0] if len(node.out) == 1 else fork(draft, token, node.out)


def forget(draft: Draft, token: Token, names: tuple[str, ...]) -> None:
    """The results of earlier turns are there no more."""
    home, changed = draft.home(token.scope)
    for name in names:
        if name in home:
            del home[name]
            changed[name] = draft.tick


def count_turn(draft: Draft, token: Token, node: Step, name: str) -> None:
    if node.bound is None and name not in draft.program.fields_read:
        return
    home, changed = draft.home(token.scope)
    record = home.get(name)
    turn = record["turn"] + 1 if isinstance(record, dict) and isinstance(record["turn"], int) else 1
    if node.bound is not None and turn > node.bound:
        raise Fault(say("the loop has made its {bound} turns (`max`) and is not over", bound=node.bound))
    home[name] = {"turn": turn}
    changed[name] = draft.tick


def fork(draft: Draft, token: Token, out: tuple[Flow, ...]) -> Flow:
    """A token on each flow: the token itself takes the first. Without any it runs off its list."""
    for flow in out[1:]:
        twin = draft.new_token(token.scope, token.hops)
        twin.node = token.node
        draft.queue.append((twin, flow))
    return out[0] if out else Flow(f"{token.node}>off")


def choose(draft: Draft, token: Token, node: Choose) -> Flow | None:
    """The first arm that is true, every one, or the only one; `otherwise` when none is; else a fault."""
    program = draft.program
    taken: list[Flow] = []
    for condition, flow in node.arms:
        met = (program.codes.get(condition.text) or program.code(condition))(draft)
        if met is True:
            if node.hit == "first":
                return flow
            taken.append(flow)
        elif met is not False:
            raise Fault(say("`{condition}` is neither true nor false", condition=condition.text))
    if len(taken) < node.least:
        raise Fault(say("{started} of the branches begin, {need} were to come to their end", started=len(taken), need=node.least))
    if not taken and node.otherwise is not None:
        return node.otherwise
    if not taken:
        raise Fault(say("no branch is true, and there is no `otherwise`"))
    if node.hit == "only" and len(taken) > 1:
        raise Fault(say("{count} conditions are true, and only one may be", count=len(taken)))
    return fork(draft, token, tuple(taken))


def wait(draft: Draft, token: Token, node: Wait) -> Flow | None:
    """Arms all arms, in their order; the first that is met already is taken at once. Without arms it waits until its block is left."""
    waiting = draft.wait(token, Waiting())
    for number, (trigger, flow) in enumerate(node.arms):
        if arms.arm(draft, token.id, waiting, number, trigger, level=True):
            arms.release(draft, token)
            won(draft, token, node, number, {})
            return flow
    if node.arms and not waiting.arms.due and not waiting.arms.truth and all(trigger.kind in DATA_TRIGGERS for trigger, _ in node.arms):
        raise Fault(say("there is no date to wait for"))
    return None


def won(draft: Draft, token: Token, node: Wait, number: int, values: dict[str, Value]) -> None:
    """Writes the results of a wait."""
    name = node.names[number] if node.names else node.arms[number][0].name or str(number)
    draft.give(token.scope, node.gives, {**values, "won": name})


def call(draft: Draft, token: Token, node: Call) -> Flow | None:
    """Sends the call out, and waits for its answer unless told not to."""
    if not send(draft, token, node, draft.wait(token, Waiting())) or node.wait:
        return None
    arms.release(draft, token)
    return node.out


def send(draft: Draft, token: Token, node: Call, waiting: Waiting) -> bool:
    """One attempt: the arguments are read anew, and its time begins anew. False if it fails at once, as nobody is there for it."""
    arguments = {name: draft.value(expr) for name, expr in node.arguments}
    if node.people is not None and type(arguments[node.people]) is not User:
        named = people.flat(arguments[node.people], node.people)
        arguments[node.people] = [*dict.fromkeys(people.users(draft, named))]
        if not arguments[node.people]:
            waiting.attempt += 1
            fail(draft, token, node, waiting.attempt, say("there is nobody to notify"), node.service)
            return False
    if node.service == ALONE:
        arguments["names"] = dict(draft.names)
    if node.service == START:
        arguments["catches"] = [*catchable(draft, token, node, waiting.attempt + 1)]
    timeout = draft.value(node.timeout) if node.timeout and node.wait else None
    if timeout is not None:
        arms.settle_value(draft, token.id, waiting, TIMEOUT, timeout, level=False)
    waiting.attempt += 1
    draft.effects.calls.append(CallOut(node.service, arguments, token.id, token.visit, waiting.attempt, node.wait))
    return True


def awaits(token: Token, attempt: int) -> bool:
    """Whether the token waits for the answer to that attempt of its call, and has not begun to wait for the time of the next."""
    waiting = token.waiting
    return token.status == "waiting" and waiting is not None and waiting.attempt == attempt and RETRY not in waiting.arms.due


def fail(draft: Draft, token: Token, node: Call, attempt: int, reason: Message, error: str) -> None:
    """A service refused or broke: once more after a while, else the nearest handler, else an incident."""
    waiting = token.waiting
    assert waiting is not None
    arms.set_timer(draft, token.id, waiting, TIMEOUT, None)
    if node.retry is not None and attempt <= node.retry.times:
        arms.set_timer(draft, token.id, waiting, RETRY, draft.now + pause_before(draft, token, node, attempt))
        return
    if not handling.raise_error(draft, token, error, reason):
        draft.hold(token, reason, "failure")


def catchable(draft: Draft, token: Token, node: Call, attempt: int) -> tuple[str, ...]:
    """The errors of a called instance that would be taken here, "" for any: by another attempt, by the handlers around the call, by the
    caller of this instance. All others stay in the called instance as incidents, where they can be repaired."""
    if node.retry is not None and attempt <= node.retry.times:
        return ("",)
    found = dict.fromkeys(draft.rest.catches)
    for _, handler in handling.error_handlers(draft, token):
        found[handler.trigger.name] = None
    return ("",) if "" in found else tuple(found)


def pause_before(draft: Draft, token: Token, node: Call, attempt: int) -> timedelta:
    """Exponential back-off with jitter: between half and all of it, by a hash, so that a replay waits as long."""
    assert node.retry is not None
    full = min(node.retry.first * 2 ** min(attempt - 1, 40), node.retry.at_most)
    mixed = (draft.seed * 2654435761 + token.id * 40503 + token.visit * 9973 + attempt * 7919) % 1024
    return timedelta(seconds=full * (1 + mixed / 1023) / 2)


def again(draft: Draft, token: Token, node: Call) -> None:
    """The next attempt of a call: same visit, same key. Where it cannot be made, the token is held, and can be tried again."""
    assert token.waiting is not None
    token.status = "waiting"
    try:
        if send(draft, token, node, token.waiting) and not node.wait:
            arms.release(draft, token)
            scopes.go_on(draft, token, node.out)
    except Fault as fault:
        token.status = "held"
        draft.incident("fault", token.node, fault.message, token=token.id)


# ── joins ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def join(draft: Draft, token: Token, node: Join) -> Flow | None:
    """The token is held by the join, counted by the flow on which it came; when its need is met the join lets one go on."""
    scope = draft.scope(token.scope)
    counts = scope.joins.setdefault(node.id, {})
    counts[token.via] = counts.get(token.via, 0) + 1
    scope.live -= 1
    del draft.tokens[token.id]
    while node.need != "live" and join_met(node, counts):
        release_join(draft, scope, node, token.hops)
    if not counts:
        scope.joins.pop(node.id, None)
    scopes.check(draft, scope, token.hops)
    return None


def join_met(node: Join, counts: dict[str, int]) -> bool:
    """Whether the join fires. A join of N that has fired absorbs the rest, and begins anew when each flow has come."""
    if "" in counts and all(flow in counts for flow in node.into):
        consume(node, counts)
    present = sum(flow in counts for flow in node.into)
    return "" not in counts and 0 < present >= (node.need if isinstance(node.need, int) else len(node.into))


def consume(node: Join, counts: dict[str, int]) -> None:
    """Takes one token of each flow that has one; what is left over stays queued."""
    for flow in node.into:
        if counts.get(flow, 0) > 1:
            counts[flow] -= 1
        else:
            counts.pop(flow, None)
    counts.pop("", None)


def release_join(draft: Draft, scope: Scope, node: Join, hops: int) -> None:
    """Lets one token go on."""
    counts = scope.joins[node.id]
    if isinstance(node.need, int) and node.need < len(node.into):
        counts[""] = 1
        if all(counts.get(flow, 0) > 0 for flow in node.into):
            consume(node, counts)
    else:
        consume(node, counts)
    if not counts:
        del scope.joins[node.id]
    token = draft.new_token(scope.id, hops)
    token.node = node.id
    draft.queue.append((token, node.out))


def late_joins(draft: Draft) -> bool:
    """Fires the inclusive joins that no token of their scope can reach any more. True if one fired. It can only be in a scope where
    something has moved."""
    moved = {draft.tokens[id].scope if id in draft.tokens else id for id in draft.touched}
    for join_id, upstream in draft.program.live_joins.items():
        for scope in [draft.scopes[id] for id in sorted(moved) if id in draft.scopes]:
            if scope.joins.get(join_id) and not any(t.scope == scope.id and t.node in upstream for t in draft.tokens.values()):
                node = draft.program.nodes[join_id]
                assert isinstance(node, Join)
                release_join(draft, draft.scope(scope.id), node, draft.hops)
                return True
    return False


# ── exits ────────────────────────────────────────────────────────────────────────────────────────────────
def leave(draft: Draft, token: Token, node: Exit) -> Flow | None:
    match node.how:
        case "end":
            scopes.end_instance(draft, node.name or None)
        case "terminate":
            host, out = scopes.terminate(draft, token, node.name)
            draft.queue.append((host, out))
        case "raise":
            reason = say('the error "{error}" is not handled', error=node.name)
            if not handling.raise_error(draft, token, node.name, reason, leave=node.out is None):
                if node.out is not None:
                    return node.out
                draft.hold(token, reason, "failure")
        case _:
            assert_never(node.how)
    return None


ENTER: dict[type[Node], Callable[[Draft, Token, Any], Flow | None]] = {
    Step: step,
    Choose: choose,
    Task: climbing.open_task,
    Call: call,
    Wait: wait,
    Join: join,
    Block: scopes.open_block,
    Exit: leave,
}
"""What each kind of node means to a token that has come to it."""
