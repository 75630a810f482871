"""Suspending: an instance that stands still by an operator's word, and goes on by it.

The rules: a suspended instance moves no token and fires no timer, and nothing is lost. Its arms stay in the state as they are; their
rows leave the index, so nobody wakes it, and come back when it is resumed: what is overdue then fires. What services and messages bring
meanwhile is parked and worked in on resuming, in its order. People are refused, with the reason; operators may correct and cancel.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from operator import itemgetter
from typing import Any

from msgspec.structs import replace

from bpflow.diagnostics import Message, say
from bpflow.engine import nodes
from bpflow.engine.draft import Draft
from bpflow.engine.events import Arrived, Done, Event, Failed, Suspend
from bpflow.engine.state import ROOT, Arms, Scope, State, Token
from bpflow.engine.transition import Effects, Listen, Transition, UnexpectedEvent, put_row
from bpflow.expressions.data import Document


def suspend(draft: Draft, event: Suspend) -> None:
    """All rows of timers, watches and listens leave the index."""
    index(draft, there=False)
    draft.status = "suspended"
    draft.ends(parked=(event,))
    draft.note("suspended", ROOT, "")


def resume(draft: Draft) -> tuple[Event, ...]:
    """The rows come back, and the instance runs; gives what was parked, to be worked in now."""
    if draft.status != "suspended":
        raise UnexpectedEvent(say("the instance is not suspended"))
    parked, draft.status = draft.rest.parked[1:], "running"
    draft.ends(parked=())
    index(draft, there=True)
    draft.note("resumed", ROOT, "")
    return parked


def holders(tokens: Mapping[int, Token], scopes: Mapping[int, Scope]) -> Iterator[tuple[int, Arms]]:
    """Tokens and scopes that have arms."""
    yield from ((id, token.waiting.arms) for id, token in tokens.items() if token.waiting is not None)
    yield from ((id, scope.arms) for id, scope in scopes.items() if scope.arms is not None)


def index(draft: Draft, *, there: bool) -> None:
    """Puts the rows of all arms into the index, or takes them out of it: the oldest holder first, so a message goes to whom it would have
    gone to before."""
    for holder, held in sorted(holders(draft.tokens, draft.scopes), key=itemgetter(0)):
        for number, due in held.due.items():
            put_row(draft.effects.timers, (holder, number), *((None, due) if there else (due, None)))
        for document in held.watched:
            draft.effects.watches[holder, document] = there
        visit = draft.tokens[holder].visit if holder in draft.tokens else 0
        for number, (name, key) in held.listening.items():
            draft.effects.listens[holder, number] = Listen(name, key, visit) if there else None


def watched(draft: Draft) -> Iterable[Document]:
    """The documents that something waits for, each once."""
    return dict.fromkeys(document for _, held in holders(draft.tokens, draft.scopes) for document in held.watched)


def meanwhile(state: State, event: Event, people: Any) -> Transition:
    """What comes to a suspended instance: `people` (kinds of events) are refused, an answer that it waits for is parked; the rest it
    sees for itself when it is resumed."""
    if isinstance(event, people):
        raise UnexpectedEvent(reason(state))
    if awaited(state, event):
        rest = state.rest._replace(parked=(*state.parked, event))
        state = replace(state, at=max(state.at, event.at), rest=rest)
    return Transition(state, Effects(), [])


def reason(state: State) -> Message:
    """That the instance is suspended, by whom and why."""
    by = state.parked[0]
    assert isinstance(by, Suspend)
    said = say('the instance is suspended by "{user}"', user=by.by.id) if by.by else say("the instance is suspended")
    return say("{what}: {why}", what=said, why=by.why) if by.why else said


def awaited(state: State, event: Event) -> bool:
    """Whether a token waits for the event and nothing has come for it yet."""
    match event:
        case Done() | Failed():
            token = state.tokens.get(event.token)
            if token is None or token.visit != event.visit or token.waiting is None:
                return False
            late = (isinstance(event, Failed) or event.attempt > 0) and not nodes.awaits(token, event.attempt)
            return not late and not any(isinstance(p, Done | Failed) and (p.token, p.visit) == (event.token, event.visit) for p in state.parked)
        case Arrived():
            held = dict(holders(state.tokens, state.scopes)).get(event.holder)
            if event.visit not in (None, state.tokens[event.holder].visit if event.holder in state.tokens else 0):
                return False
            once = event.holder in state.tokens and any(isinstance(p, Arrived) and p.holder == event.holder for p in state.parked)
            return held is not None and event.arm in held.listening and not once
    return False
