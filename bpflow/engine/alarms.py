"""Alarms of tasks: what happens before a deadline, and when it has passed.

The rules: overdue is not an answer; what an alarm does it does once, but for reminders; where something of it cannot be done, nothing of it
is, and there is an incident on it.
"""

from __future__ import annotations

from datetime import datetime

from bpflow.diagnostics import say
from bpflow.engine import arms, handing, handling, people
from bpflow.engine.draft import Draft, Fault
from bpflow.engine.people import acting, parties, row
from bpflow.engine.state import Token
from bpflow.engine.telling import notice, subject_of
from bpflow.engine.transition import CallOut, TaskRow, put_row
from bpflow.graph import Alarm, Flow, Task


def alarm(draft: Draft, token: Token, task: Task, number: int, due: datetime) -> Flow | None:
    """An alarm goes off that was set for `due`: the first time it marks, tells, brings in others, and perhaps decides; each time it reminds
    and sets itself again."""
    waiting, what, before = token.waiting, task.alarms[number], arms.closed(token)
    assert waiting is not None
    first = number not in waiting.arms.fired
    again = draft.value(what.remind) if what.remind else None
    if isinstance(again, datetime) and again <= draft.now:
        raise Fault(say("the next reminder would come at once, and so for ever: `remind` must be a time to come"))
    told = tell(draft, token, task, what) if first else []
    if first:
        told += handing.brought_in(draft, token, task, what)
        waiting.arms = waiting.arms.but(fired={**waiting.arms.fired, number: due})
        if what.overdue:
            mark_overdue(draft, token, task)
            if task.part is None:
                handling.hear(draft, token, "overdue", {})
    if first and what.outcome is not None:
        return decided_by_alarm(draft, token, task, what.outcome, told, before)
    if what.remind is not None:
        told.append(notice(draft, token, task, [seat.party for seat in waiting.holders()], "reminder"))
        draft.note("reminded", token.id, token.node)
    if isinstance(again, datetime):
        arms.set_timer(draft, token.id, waiting, number, again)
    put_row(draft.effects.tasks, (token.id, token.visit), before, row(task, waiting, subject_of(draft, task)))
    draft.effects.calls += told
    return None


def mark_overdue(draft: Draft, token: Token, task: Task) -> None:
    draft.note("overdue", token.id, token.node)
    if task.gives is not None:
        record = draft.home(token.scope)[0].get(task.gives)
        if isinstance(record, dict):
            draft.give(token.scope, task.gives, {**record, "overdue": True})


def decided_by_alarm(draft: Draft, token: Token, task: Task, outcome: str, told: list[CallOut], before: TaskRow) -> Flow:
    """Nobody has answered in time: the outcome that the process says, by nobody."""
    draft.effects.calls += told
    return people.close_by_nobody(draft, token, task, outcome, before, overdue=True)


def tell(draft: Draft, token: Token, task: Task, what: Alarm) -> list[CallOut]:
    """Who is told when an alarm goes off: those whom it names, and where it marks the task overdue, those who see it besides."""
    assert token.waiting is not None
    named = [a.party for a in (acting(draft, party) for party in parties(draft, what.tell)) if a is not None] if what.tell else []
    told = [*dict.fromkeys((*named, *(token.waiting.observers if what.overdue else ())))]
    return [notice(draft, token, task, told, "overdue")] if told else []
