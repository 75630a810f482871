"""Trying again what met others.

The law of this file: at a conflict nothing was written, so the same may simply be done again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from bpflow.stores.contract import Conflict

TRIES = range(20)
"""The tries of what may be a conflict, before it is the caller's."""
_BUT_THE_LAST = TRIES[1:]
T = TypeVar("T")


def again(act: Callable[[], T]) -> T:
    """Does something whose units of work may meet those of others, until they do not. Conflict if they always do."""
    for _ in _BUT_THE_LAST:
        try:
            return act()
        except Conflict:
            continue
    return act()
