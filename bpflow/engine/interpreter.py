"""`advance`: one event in, the next state out.

The law of this room: every change of a state happens here; nothing here reads a clock, a disk, a network or chance; same in, same
out. An event is checked first (a person's stale one is refused, a machine's is acknowledged and changes nothing); then tokens move,
first in, first out, until none moves; then late joins; then the conditions that read what has changed; then, where nothing is left that
could move, that is an incident; then the draft is closed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from bpflow.diagnostics import Message, Refused, say
from bpflow.engine import alarms, arms, forms, handing, handling, jumping, messages, nodes, people, repairs, scopes, stages, suspending, watching
from bpflow.engine.draft import Draft, Fault, draft_of
from bpflow.engine.events import (
    Answered,
    Arrived,
    Cancel,
    Claimed,
    Commanded,
    Correct,
    Delegated,
    DocumentChanged,
    Done,
    Event,
    Failed,
    Jump,
    Moved,
    Reassigned,
    Released,
    Resume,
    Retry,
    Skip,
    Started,
    Suspend,
    Ticked,
    TimerFired,
)
from bpflow.engine.program import MAX_HOPS, MAX_LIVE, Program, Way
from bpflow.engine.state import NO_REST, OVER, ROOT, Rest, Scope, State, Token
from bpflow.engine.transition import FACT_NUMBERS, RETRY, TIMEOUT, Answers, Effects, InvalidAnswer, Transition, UnexpectedEvent
from bpflow.graph import Call, Flow, Task, Trigger, Wait

TOOK, ENTER = FACT_NUMBERS["took"], nodes.ENTER


def advance(program: Program, state: State | None, event: Event, answers: Answers) -> Transition:
    """The transition that `event` makes of `state` (None for `Started`).

    Raises Unanswered if a question has no answer yet (find it and call again), UnexpectedEvent, NotAllowed or InvalidAnswer if a
    person's event is refused. In each case nothing has changed.
    """
    if state is None:
        assert isinstance(event, Started)
        rest = Rest(catches=event.catches) if event.catches else NO_REST
        state = State("running", event.at, event.seed, 1, {}, {}, {ROOT: Scope(ROOT, "")}, (), rest)
    elif state.status != "running":
        if state.status in OVER:
            return ended(state, event)
        if not isinstance(event, Resume | Correct | Cancel):
            return suspending.meanwhile(state, event, BY_PEOPLE)
    draft = draft_of(program, state, event.at, answers)
    try:
        HANDLERS[type(event)](draft, event)
    except Fault as fault:
        draft = draft_of(program, state, event.at, answers)
        spoiled(draft, event, fault)
    settle(draft)
    return draft.close()


def ended(state: State, event: Event) -> Transition:
    """Machines may be late, people are told."""
    if isinstance(event, BY_PEOPLE):
        raise UnexpectedEvent(say("the instance has ended"))
    return Transition(state, Effects(), [])


def spoiled(draft: Draft, event: Event, fault: Fault) -> None:
    """What an alarm was to do cannot be evaluated: nothing of it is done, its timer is gone, and there is an incident on the arm.
    A person's event that cannot be judged is refused."""
    if not isinstance(event, TimerFired):
        raise InvalidAnswer(fault.message) from fault
    held = draft.armed_at(event.holder)
    assert held is not None
    arms.set_timer(draft, event.holder, held, event.arm, None)
    watching.on_arm(draft, event.holder, event.arm, fault)


# ── moving ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def settle(draft: Draft) -> None:
    """Moves tokens until none moves, fires late joins, and looks again at the conditions that read what has changed."""
    while draft.status == "running":
        while draft.queue:
            token, flow = draft.queue.popleft()
            move(draft, token, flow)
        if draft.program.live_joins and nodes.late_joins(draft):
            continue
        if not watching.look_again(draft):
            watching.hang(draft)
            return
    draft.queue.clear()


def move(draft: Draft, token: Token, flow: Flow | None) -> None:
    """The token follows the flow (or enters the node at which it stands), and further, until it rests."""
    ways, facts = draft.program.ways, draft.facts
    full = draft.next_id > MAX_LIVE  # its scope may be
    if draft.turns:
        draft.look_from(token.scope)
    way = ways[flow.id] if flow is not None else draft.program.way_to(token.via, token.node)
    while True:
        for number in way.numbers:
            facts += (TOOK, token.id, number)
        if way.special:
            token = leave_list(draft, token, way)
        token.via, token.node = way.flow, way.to
        token.hops = hops = token.hops + way.entered
        if way.node is None:
            scopes.arrive(draft, token)
            break
        try:
            if full or hops > MAX_HOPS:
                check_bounds(draft, token)
            following = ENTER[way.kind](draft, token, way.node)
        except (Fault, Refused) as fault:
            fall(draft, token, fault.message)
            break
        if following is None:
            break
        way = ways[following.id]
    if token.hops > draft.hops:
        draft.hops = token.hops


def leave_list(draft: Draft, token: Token, way: Way) -> Token:
    """The flow leads out of blocks, or out of a handler that has taken the place of the body; gives the token that goes on."""
    if way.up:
        token = scopes.climb(draft, token, way.up)
        draft.look_from(token.scope)
    if way.returns:
        return_to_body(draft)
    return token


def check_bounds(draft: Draft, token: Token) -> None:
    """A Fault if the token goes round without a wait, or its scope is full (which it cannot be before so many ids have been given)."""
    if token.hops > MAX_HOPS:
        raise Fault(say("{bound} steps without a wait", bound=MAX_HOPS))
    if draft.scopes[token.scope].live > MAX_LIVE:
        raise Fault(say("more than {bound} tokens in one scope", bound=MAX_LIVE))


def return_to_body(draft: Draft) -> None:
    """A handler that has taken the place of the process's body leads back into it: what may happen meanwhile is armed anew."""
    root = draft.scope(ROOT)
    if root.handler >= 0:
        root.handler, root.names = -1, None
        for arm, wrong in arms.arm_handlers(draft, root):
            watching.on_arm(draft, ROOT, arm, wrong)
        draft.look_from(ROOT)


def fall(draft: Draft, token: Token, message: Message) -> None:
    """What the node had begun to wait for is dropped; the token is held at it."""
    if token.waiting is not None:
        arms.disarm(draft, token.id, token.waiting.arms)
        draft.effects.tasks.pop((token.id, token.visit), None)
        token.visit -= 1
    draft.hold(token, message)


# ── events ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def start(draft: Draft, event: Started) -> None:
    names = draft.root_names
    names["document"], names["initiator"] = event.document, event.by
    if event.alone:
        begin_alone(draft, event)
        return
    fault = Fault(event.trouble) if event.trouble else None
    for name, default in draft.program.given:
        value = names[name] = event.inputs.get(name)
        try:
            if value is None and default is not None:
                names[name] = draft.value(default)
        except Fault as spoiled_default:
            fault = fault or spoiled_default
    draft.renamed |= names
    for arm, wrong in arms.arm_handlers(draft, draft.scope(ROOT)):
        watching.on_arm(draft, ROOT, arm, wrong)
    for flow in draft.program.graph.entry:
        draft.queue.append((draft.new_token(ROOT), flow))
    if fault is not None:
        token, _ = draft.queue.popleft()
        first = draft.program.graph.entry[0]
        token.node, token.via = first.to or "", first.id
        draft.hold(token, fault.message)


def begin_alone(draft: Draft, event: Started) -> None:
    """A step that is the whole of the instance takes the place of the process's body, as a handler does that cancels."""
    draft.root_names |= event.inputs
    draft.renamed |= draft.root_names
    handlers = enumerate(draft.program.graph.handlers)
    number, handler = next((n, one) for n, one in handlers if one.trigger.kind == "alone" and one.name == event.alone)
    draft.scope(ROOT).handler = number
    draft.queue.append((draft.new_token(ROOT), handler.entry))


def answered(draft: Draft, event: Answered) -> None:
    token, task, _ = handing.at_task(draft, event, Draft.leaving)
    token.hops = 0
    follow = people.answer(draft, token, task, event)
    if follow is not None:
        scopes.go_on(draft, token, follow)


def ticked(draft: Draft, event: Ticked) -> None:
    token, task, _ = handing.at_task(draft, event)
    token.hops = 0
    people.tick(draft, token, task, event)


def timer(draft: Draft, event: TimerFired) -> None:
    held = draft.arms_at(event.holder)
    if held is None or held.due.get(event.arm) != event.due or event.due > draft.now:
        return
    waited = event.due > draft.since  # what was due when it was set has waited for nothing: a process could go round so for ever
    if event.holder in draft.scopes:
        scope = draft.scope(event.holder)
        arms.set_timer(draft, scope.id, scope, event.arm, None)
        draft.hops = draft.tokens[scope.host].hops if scope.host is not None and not waited else 0
        go_off(draft, scope, event.arm, {})
        return
    node = draft.program.nodes[draft.tokens[event.holder].node]
    token = draft.leaving(event.holder) if type(node) is Wait else draft.token(event.holder)
    if waited:
        token.hops = 0
    draft.look_from(token.scope)
    if type(node) is Wait:
        arms.release(draft, token)
        nodes.won(draft, token, node, event.arm, {})
        scopes.go_on(draft, token, node.arms[event.arm][1])
    else:
        assert token.waiting is not None
        arms.set_timer(draft, token.id, token.waiting, event.arm, None)
        follow = timer_of(draft, token, event.arm, event.due)
        if follow is not None:
            scopes.go_on(draft, token, follow)


def timer_of(draft: Draft, token: Token, arm: int, due: datetime) -> Flow | None:
    """What the timer of an arm of a task or a call means."""
    match draft.program.nodes[token.node]:
        case Task() as task:
            return alarms.alarm(draft, token, task, arm, due)
        case Call() as call if arm == RETRY:
            nodes.again(draft, token, call)
        case Call() as call if arm == TIMEOUT:
            assert token.waiting is not None
            draft.effects.withdrawn.append((token.id, token.visit))
            nodes.fail(draft, token, call, token.waiting.attempt, say("no answer in time"), "timeout")
        case _:
            pass
    return None


def go_off(draft: Draft, scope: Scope, number: int, values: dict[str, Any]) -> None:
    handling.handle(draft, scope, number, draft.program.handlers[scope.block][number], values)


def arrived(draft: Draft, event: Arrived) -> None:
    """A message reaches the arm of a wait or of a scope; a stale one changes nothing."""
    held = draft.arms_at(event.holder)
    visit = draft.tokens[event.holder].visit if event.holder in draft.tokens else 0
    trigger = trigger_at(draft, event.holder, event.arm)
    if trigger is None or held is None or event.arm not in held.listening or event.visit not in (None, visit):
        return
    try:
        values = messages.taken(draft, trigger, event.values)
    except Fault as fault:
        messages.refused(draft, event, fault)
        return
    brought(draft, event.holder, event.arm, dict(values))


def commanded(draft: Draft, event: Commanded) -> None:
    """A button is pressed: by one of those whom `by` names, with a form that is filled as it must be."""
    trigger = trigger_at(draft, event.holder, event.arm)
    token = draft.tokens.get(event.holder)
    if trigger is None or trigger.kind != "command" or event.visit != (token.visit if token else 0):
        raise UnexpectedEvent(say("the command is not to be had now"))
    draft.look_from(token.scope if token else event.holder)
    people.check_presser(draft, trigger, event.by)
    form = forms.of_command(draft, trigger, brought_as(draft, event.holder, event.arm), event.by, event.comment)
    values = forms.checked(form, event.values, event.comment)
    brought(draft, event.holder, event.arm, {"by": event.by, "at": draft.now, "comment": event.comment, **values})


def moved(draft: Draft, event: Moved) -> None:
    """The document of a pipeline is moved to another stage."""
    scope, number, values = stages.move_of(draft, event)
    go_off(draft, draft.scope(scope.id), number, values)


def brought(draft: Draft, holder: int, arm: int, values: dict[str, Any]) -> None:
    """An arm of a scope or of a wait goes off by what came from outside, with the values that it brings."""
    if holder in draft.scopes:
        go_off(draft, draft.scope(holder), arm, values)
        return
    token = draft.leaving(holder)
    node = draft.program.nodes[token.node]
    assert isinstance(node, Wait)
    token.hops = 0
    arms.release(draft, token)
    nodes.won(draft, token, node, arm, values)
    scopes.go_on(draft, token, node.arms[arm][1])


def brought_as(draft: Draft, holder: int, arm: int) -> str | None:
    """The name under which what comes through an arm is read."""
    if holder in draft.scopes:
        return arms.handlers_of(draft, draft.scopes[holder])[arm].gives
    node = draft.program.nodes[draft.tokens[holder].node]
    return node.gives if isinstance(node, Wait) else None


def trigger_at(draft: Draft, holder: int, number: int) -> Trigger | None:
    scope, token = draft.scopes.get(holder), draft.tokens.get(holder)
    if scope is not None:
        handlers = arms.handlers_of(draft, scope)
        return handlers[number].trigger if 0 <= number < len(handlers) else None
    node = draft.program.nodes.get(token.node) if token and token.status == "waiting" else None
    return node.arms[number][0] if isinstance(node, Wait) and 0 <= number < len(node.arms) else None


def document_changed(draft: Draft, event: DocumentChanged) -> None:
    """Reads again what reads the document."""
    waiting = {id: token.waiting.arms for id, token in draft.tokens.items() if token.waiting is not None}
    waiting |= {id: scope.arms for id, scope in draft.scopes.items() if scope.arms is not None}
    for id in sorted(waiting):
        if event.document in waiting[id].watched:
            watching.reread_document(draft, id, event.document)
    for token, _ in draft.queue:
        token.hops = 0


def done(draft: Draft, event: Done) -> None:
    token = draft.tokens.get(event.token)
    node = draft.program.nodes.get(token.node) if token else None
    if token is None or token.visit != event.visit or token.waiting is None or not isinstance(node, Call):
        return
    if event.attempt and not nodes.awaits(token, event.attempt):
        return
    token = draft.leaving(event.token)
    if not event.local:
        token.hops = 0
    arms.release(draft, token)
    draft.give(token.scope, node.gives, dict(event.values))
    scopes.go_on(draft, token, node.out)


def failed(draft: Draft, event: Failed) -> None:
    token = draft.tokens.get(event.token)
    if token is None or token.visit != event.visit or not nodes.awaits(token, event.attempt):
        return
    node = draft.program.nodes[token.node]
    if isinstance(node, Call):
        nodes.fail(draft, draft.token(event.token), node, event.attempt, event.reason, event.error)


def resume(draft: Draft, event: Resume) -> None:
    """What was parked is worked in, one after another; then what waits for documents looks at them again."""
    for one in suspending.resume(draft):
        if draft.status == "running":
            if isinstance(one, Correct):
                repairs.put(draft, one.values)
            else:
                HANDLERS[type(one)](draft, one)
            settle(draft)
    for document in suspending.watched(draft):
        document_changed(draft, DocumentChanged(draft.now, document))


BY_PEOPLE = (Answered, Ticked, Commanded, Retry, Skip, Correct, Jump, Suspend, Resume, Cancel, Claimed, Released, Delegated, Reassigned, Moved)
"""The events that are refused where they are out of place."""

HANDLERS: dict[type, Callable[[Draft, Any], None]] = {
    Started: start,
    Answered: answered,
    Ticked: ticked,
    TimerFired: timer,
    Arrived: arrived,
    Commanded: commanded,
    DocumentChanged: document_changed,
    Done: done,
    Failed: failed,
    Retry: repairs.retry,
    Skip: repairs.skip,
    Cancel: repairs.cancel,
    Correct: repairs.correct,
    Jump: jumping.jump,
    Suspend: suspending.suspend,
    Resume: resume,
    Claimed: handing.claim,
    Released: handing.release,
    Delegated: handing.delegate,
    Reassigned: handing.reassign,
    Moved: moved,
}
"""What each event does."""
