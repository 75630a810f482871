"""Lanes: what waits in a store, taken so that a long queue holds up nobody but itself.

The law of this file: where there is more than is wanted, the first of every lane comes before the second of any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any, TypeVar

T = TypeVar("T")


def fair(lanes: Iterable[Sequence[T]], limit: int, key: Callable[[T], Any]) -> list[T]:
    """At most `limit` rows of several lanes, each of which is in the order of `key`: their share of each, in that order."""
    ranked = chain.from_iterable(((place, key(row), row) for place, row in enumerate(lane)) for lane in lanes)
    chosen = sorted(ranked, key=lambda one: one[:2])[:limit]
    return [row for _, _, row in sorted(chosen, key=lambda one: one[1])]
