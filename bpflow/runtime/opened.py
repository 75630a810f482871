"""Finding an open task in its instance."""

from __future__ import annotations

from bpflow.diagnostics import say
from bpflow.engine.state import Token
from bpflow.engine.transition import UnexpectedEvent
from bpflow.runtime.transaction import Held, Runner


def open_task(runner: Runner, id: int, token: int, visit: int) -> tuple[Held, Token]:
    """The instance and the token of an open task. UnexpectedEvent if it is closed."""
    for held in runner.known(id):
        if (at := held.task(token, visit)) is not None:
            return held, at
    raise UnexpectedEvent(say("the task is closed"))
