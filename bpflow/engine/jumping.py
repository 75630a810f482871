"""Taking a token by hand, to another step as `next` could lead it: to one of its own list or of one around it.

The rules: never into a block, so never to a place whose scope is not open; never to a join, which would count a token that came by no
flow of its; never to another stage, where the document would not be. A block that is left on the way is cleared, with all its other
branches and turns: that is the operator's decision.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bpflow.diagnostics import say
from bpflow.engine import scopes
from bpflow.engine.draft import Draft
from bpflow.engine.events import Jump
from bpflow.engine.program import Program
from bpflow.engine.state import ROOT, Scope, Token
from bpflow.engine.transition import UnexpectedEvent
from bpflow.graph import ENTRIES, Join, step_of


def jump(draft: Draft, event: Jump) -> None:
    """What the token waited for is withdrawn; it enters the other step."""
    token = draft.tokens.get(event.token)
    if token is None or token.status not in ("waiting", "held"):
        raise UnexpectedEvent(say("no token {token} waits or is held here", token=event.token))
    ways = steps_around(draft.program, draft.tokens, draft.scopes, token)
    if event.step not in ways:
        raise UnexpectedEvent(say('"{step}" cannot be reached from there; the steps that can: {known}', step=event.step, known=", ".join(ways) or "–"))
    node, up = ways[event.step]
    draft.note("jumped", token.id, event.step)
    token = draft.token(token.id)
    token.hops = 0
    if up:
        for host in hosts_around(draft.tokens, draft.scopes, token, up):
            draft.note("cleared", host.id, host.node)
        token = scopes.climb(draft, token, up)
    else:
        scopes.disarm_token(draft, token)
        draft.forget_incidents({token.id}, set())
        token.waiting = None
    token.via, token.node = draft.program.flow_into[node], node
    scopes.enter_again(draft, token)


def hosts_around(tokens: Mapping[int, Token], scopes: Mapping[int, Scope], token: Token, up: int) -> Iterator[Token]:
    """The hosts of the blocks that are left, the innermost first; a guard is no step of its own."""
    scope = scopes[token.scope]
    for _ in range(up):
        while scope.host is None:
            scope = scopes[scope.parent]
        host = tokens[scope.host]
        if host.node == step_of(host.node):
            yield host
        scope = scopes[host.scope]


def steps_around(program: Program, tokens: Mapping[int, Token], scopes: Mapping[int, Scope], token: Token) -> dict[str, tuple[str, int]]:
    """The steps to which the token may be taken, in the order of the graph, each with the node by which it is entered and the number of
    blocks that are left on the way."""
    here = step_of(token.node)
    lists, levels = set(lists_around(here)), dict[tuple[str, int] | None, int]()
    for region, up in regions_around(tokens, scopes, token):
        levels.setdefault(region, up)
    found: dict[str, tuple[str, int]] = {}
    for id, node in program.nodes.items():
        if id == step_of(id) != here and id not in program.stages and id.rpartition("/")[0] in lists and not isinstance(node, Join):
            entry = next((before for suffix in ENTRIES if (before := f"{id}:{suffix}") in program.nodes), id)
            body = program.regions.get(entry)
            if body in levels:
                found[id] = entry, levels[body]
    return found


def lists_around(path: str) -> Iterator[str]:
    """The list of a step, and those around it, by the beginnings of their paths."""
    while path:
        path = path.rpartition("/")[0]
        yield path


def regions_around(tokens: Mapping[int, Token], scopes: Mapping[int, Scope], token: Token) -> Iterator[tuple[tuple[str, int], int]]:
    """The bodies around a token, its own first, each with the number of blocks that are left to come there. A handler that has taken the
    place of a body stands in it."""
    scope, up = scopes[token.scope], 0
    while True:
        yield (scope.block, scope.handler), up
        if scope.host is not None or scope.id == ROOT:
            yield (scope.block, -1), up
        while scope.host is None and scope.id != ROOT:
            scope = scopes[scope.parent]
        if scope.host is None:
            return
        scope, up = scopes[tokens[scope.host].scope], up + 1
