"""The parts of `Engine`: each a class of methods about one thing, in a file of its own."""

from __future__ import annotations

from collections.abc import Callable

from bpflow.engine.state import State
from bpflow.expressions.data import User
from bpflow.runtime.clock import Clock
from bpflow.runtime.transaction import Runner
from bpflow.stores.contract import Store


class Part:
    """What every part needs; the engine has it: the store, the runner, the clock, and the one way in which events happen."""

    store: Store
    runner: Runner
    clock: Clock
    _happen: Callable[..., State]


def user(id: str | None) -> User | None:
    """The person of that id, if one is named."""
    return User(id) if id is not None else None
