"""The cycles of a graph: the nodes from each of which there is a way to each other (Kosaraju's algorithm, without recursion)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence


def cycles(after: Mapping[str, Sequence[str]]) -> Iterator[frozenset[str]]:
    """The nodes of each cycle, those before others first, by what comes `after` each node; where cycles have nodes in common, those of all of
    them together."""
    before: dict[str, list[str]] = {id: [] for id in after}
    for id, following in after.items():
        for other in following:
            before[other].append(id)
    seen: set[str] = set()
    for id in reversed(_by_end(after)):
        found = _reached(id, before, seen)
        if len(found) > 1 or (found and id in after[id]):
            yield frozenset(found)


def _by_end(after: Mapping[str, Sequence[str]]) -> list[str]:
    """The nodes in the order in which a walk in depth has done with them."""
    seen: set[str] = set()
    order: list[str] = []
    for start in after:
        todo = [(start, iter(after[start]))] if start not in seen else []
        seen.add(start)
        while todo:
            following = next((other for other in todo[-1][1] if other not in seen), None)
            if following is None:
                order.append(todo.pop()[0])
            else:
                seen.add(following)
                todo.append((following, iter(after[following])))
    return order


def _reached(start: str, ways: Mapping[str, Sequence[str]], seen: set[str]) -> set[str]:
    """What is reached from `start`, but for what was seen before."""
    found: set[str] = set()
    todo = [start]
    while todo:
        id = todo.pop()
        if id not in seen:
            seen.add(id)
            found.add(id)
            todo += ways[id]
    return found
