"""Finding an open task in its instance."""

from __future__ import annotations

from bpflow.diagnostics import say
from bpflow.engine.state import Token
from bpflow.engine.transition import UnexpectedEvent
from bpflow.runtime.transaction import Held, Runner


def open_task(runner: Runner, id: int, token: int, visit: int) -> tuple[Held, Token]:
    """The instance and the token of an open task. UnexpectedEvent if it is closed."""
    held = runner.cache.get(id)
    if held is None or (at := held.task(token, visit)) is None:  # it may be open only in the store
        held = runner.anew(id)
        at = held.task(token, visit)
    if at is None:
        raise UnexpectedEvent(say("the task is closed"))
    return held, at
