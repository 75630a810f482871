"""Handlers: what may happen while a block is open, and how an error finds the one that takes it."""

from __future__ import annotations

from collections.abc import Iterator

from bpflow.diagnostics import Message
from bpflow.engine import arms, scopes
from bpflow.engine.draft import Draft
from bpflow.engine.state import ROOT, Failure, Names, Scope, Token
from bpflow.expressions.data import Value
from bpflow.graph import Handler


def hear(draft: Draft, token: Token, kind: str, values: dict[str, Value]) -> None:
    """What a task has come to (an `answer`, `overdue`) goes to the handlers of the block around it, which run beside it."""
    scope = draft.scopes[token.scope]
    for number, handler in enumerate(arms.handlers_of(draft, scope)):
        if handler.trigger.kind == kind:
            handle(draft, scope, number, handler, values)


def raise_error(draft: Draft, token: Token, error: str, reason: Message, *, leave: bool = True) -> bool:
    """Gives an error to the nearest handler around the token that takes it, else, if it may `leave`, to the caller of the instance. False
    if nobody takes it."""
    for (scope, number), handler in error_handlers(draft, token):
        if handler.trigger.name in ("", error):
            handle(draft, scope, number, handler, {"name": error, "message": str(reason)}, token)
            return True
    if leave and ("" in draft.rest.catches or error in draft.rest.catches):
        scopes.fail_instance(draft, Failure(error, reason))
        return True
    return False


def error_handlers(draft: Draft, token: Token) -> Iterator[tuple[tuple[Scope, int], Handler]]:
    """The handlers of errors that are armed around the token, the nearest first. What fails in the steps of one that runs beside its block
    is not for the handlers of that block: they would take their own errors for ever."""
    scope, own = draft.scopes[token.scope], False
    while True:
        if scope.handler < 0:
            for number, handler in enumerate(arms.handlers_of(draft, scope)):
                if handler.trigger.kind == "error" and not own:
                    yield (scope, number), handler
            own = False
        elif scope.host is None and scope.id != ROOT:
            own = draft.program.handlers[scope.block][scope.handler].trigger.kind == "error"
        if scope.id == ROOT:
            return
        scope = draft.scopes[scope.parent]


def handle(draft: Draft, scope: Scope, number: int, handler: Handler, values: dict[str, Value], source: Token | None = None) -> None:
    """A handler goes off. `cancels`: the body is cleared, and the handler's steps take its place (or go on outside). Beside: they get a
    scope of their own, which the block waits for. What the trigger brings is theirs to read, whatever fires meanwhile, and may be read
    afterwards as results are."""
    scope = draft.scope(scope.id)
    draft.note("fired", scope.id, handler.name)
    hops = source.hops if source else draft.hops
    draft.give(scope.parent, handler.gives, values)
    brought: Names | None = {handler.gives: values} if handler.gives in draft.program.fields_read else None
    if handler.cancels and handler.outside and scope.host is not None:
        host = draft.token(scope.host)
        host.hops = hops
        scopes.clear(draft, {scope.id})
        scopes.go_on(draft, host, handler.entry)
        return
    if handler.cancels:
        scopes.clear(draft, {scope.id}, keep=scope.id)
        scope.handler, scope.names = number, brought
        draft.turns = draft.turns or brought is not None
        draft.queue.append((draft.new_token(scope.id, hops), handler.entry))
        return
    if scope.arms is not None and handler.trigger.kind in ("at", "until"):
        scope.arms = scope.arms.but(fired={**scope.arms.fired, number: draft.now})
    beside = draft.new_scope(scope.block, scope.id, handler=number)
    beside.names = brought
    draft.turns = draft.turns or brought is not None
    scope.live += 1
    draft.queue.append((draft.new_token(beside.id, hops), handler.entry))
    if source is not None:
        drop(draft, source)


def drop(draft: Draft, token: Token) -> None:
    """A token is gone: its branch ends there."""
    scopes.disarm_token(draft, token)
    draft.forget_incidents({token.id}, set())
    del draft.tokens[token.id]
    scope = draft.scope(token.scope)
    scope.live -= 1
    scopes.check(draft, scope, token.hops)
