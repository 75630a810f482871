"""What is still read after a node: of all else a case need keep nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bpflow.checks.ways.regions import Layout
from bpflow.graph import Exit, Expr, Graph


def lasting(graph: Graph, layout: Layout, written: Mapping[str, tuple[Expr, ...]], read: Callable[[Expr], int]) -> dict[str, int]:
    """By node the bits of all that is read at it or later, on whichever way. `written`: the expressions of each node · `read` gives the bits of
    one."""
    outputs = 0
    for _, expr in graph.outputs:
        outputs |= read(expr)
    own: dict[str, int] = {"": outputs}
    follows: dict[str, set[str]] = {"": set()}
    for id, region in layout.regions.items():
        node = layout.nodes[id]
        own[id] = outputs if isinstance(node, Exit) else 0
        for expr in written[id]:
            own[id] |= read(expr)
        follows[id] = {layout.target(start, flow)[0] if flow.to is None else flow.to for flow, start in layout.ways(node, region)}
    for handler in graph.handlers:
        for name in follows:
            if handler.trigger.kind == "alone" and name == handler.name and handler.entry.to:
                follows[name].add(handler.entry.to)
    return _closed(own, follows)


def _closed(own: dict[str, int], follows: dict[str, set[str]]) -> dict[str, int]:
    """Each with all that follows."""
    before: dict[str, list[str]] = {}
    for name, nexts in follows.items():
        for one in nexts:
            before.setdefault(one, []).append(name)
    found = dict(own)
    todo = [*found]
    while todo:
        name = todo.pop()
        for one in before.get(name, ()):
            if found[name] & ~found[one]:
                found[one] |= found[name]
                todo.append(one)
    return found
