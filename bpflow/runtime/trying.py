"""Trying again what met others.

The law of this file: at a conflict nothing was written, so the same may simply be done again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from bpflow.stores.contract import Conflict

TRIES = 20
"""How often a conflict is tried again before it is the caller's."""
T = TypeVar("T")


def again(act: Callable[[], T]) -> T:
    """Does something whose units of work may meet those of others, until they do not. Conflict if they always do."""
    for _ in range(TRIES - 1):
        try:
            return act()
        except Conflict:
            continue
    return act()
