"""Finding an open task in its instance."""

from __future__ import annotations

from bpflow.diagnostics import say
from bpflow.engine.state import Token
from bpflow.engine.transition import UnexpectedEvent
from bpflow.graph import Outcome
from bpflow.runtime.transaction import Held, Runner


def open_task(runner: Runner, id: int, token: int, visit: int) -> tuple[Held, Token]:
    """The instance and the token of an open task. UnexpectedEvent if it is closed."""
    for held in runner.known(id):
        at = held.state.tokens.get(token) if held.state else None
        if at is not None and at.visit == visit and at.node in held.program.asked:
            return held, at
    raise UnexpectedEvent(say("the task is closed"))


def forms_of(runner: Runner, id: int, token: int, visit: int) -> tuple[dict[str, Outcome], str]:
    """The forms of an open task by outcome, and the zone of its process."""
    held, at = open_task(runner, id, token, visit)
    return held.program.asked[at.node].forms, held.program.graph.timezone
