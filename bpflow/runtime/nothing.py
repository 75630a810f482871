"""Events that come to nothing: those that are stale, and those that alter nothing that is waited for.

The law of this file: what is nothing leaves no row of history.
"""

from __future__ import annotations

from bpflow.engine.events import TimerFired
from bpflow.engine.state import State
from bpflow.engine.transition import Effects, Transition


def stale(event: TimerFired) -> Effects:
    """The row of a timer that the state does not know goes."""
    effects = Effects()
    effects.timers.put((event.holder, event.arm), event.due, None)
    return effects


def is_same(before: State, transition: Transition) -> bool:
    """Whether nothing has come of an event: a stale one, or a change of a document that alters nothing that is waited for."""
    after = transition.state
    if after is before:
        return True
    effects = transition.effects
    if effects.calls or effects.tasks or effects.timers or effects.watches:
        return False
    if (after.status, after.parked) != (before.status, before.parked):
        return False
    return (after.tokens, after.scopes, after.names, after.incidents) == (before.tokens, before.scopes, before.names, before.incidents)
