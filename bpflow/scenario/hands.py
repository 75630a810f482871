"""Tasks that change hands in a scenario, by the engine's own methods."""

from __future__ import annotations

from bpflow.diagnostics import Refused, say
from bpflow.scenario.model import Claim, Delegate, Reassign
from bpflow.scenario.stage import Stage


def hand(stage: Stage, task: str, act: Claim, *, back: bool) -> None:
    """Somebody claims a task, gives it back, or passes it on. Refused where the runtime refuses it."""
    by = str(act.by)
    if isinstance(act, Delegate):
        stage.engine.delegate(task, by=by, to=str(act.to), comment=str(act.comment) if act.comment is not None else None)
    elif back:
        stage.engine.release(task, by=by)
    else:
        stage.engine.claim(task, by=by)
    stage.settle()


def reassign(stage: Stage, act: Reassign) -> None:
    """All that a person has goes to another. Refused if there is nothing, or for the reason why a task stays."""
    to, by = (str(one) if one is not None else None for one in (act.to, act.by))
    done = stage.engine.reassign(str(act.from_), to, by=by)
    if not done:
        raise Refused(say('"{user}" has no open tasks', user=act.from_))
    for one in done:
        if one.reason is not None:
            raise Refused(one.reason)
    stage.settle()
