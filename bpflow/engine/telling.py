"""What the people of a task are told, besides the task itself: reminders, that it is overdue, that it was withdrawn."""

from __future__ import annotations

from bpflow.engine.draft import Draft, Fault
from bpflow.engine.state import Party, Token
from bpflow.engine.transition import CallOut
from bpflow.expressions.data import Value
from bpflow.graph import Task

NOTICE = "notify"
"""The service that tells people."""


def subject_of(draft: Draft, task: Task) -> str:
    subject = draft.value(task.form.subject)
    return subject if isinstance(subject, str) else str(subject)


def notice(draft: Draft, token: Token, task: Task, people: list[Party], reason: str, text: str | None = None) -> CallOut:
    """A call of the notice service that nobody waits for; the attempts of the token tell such calls apart."""
    assert token.waiting is not None
    token.waiting.attempt += 1
    to: list[Value] = list(people)
    arguments: dict[str, Value] = {"to": to, "title": subject_of(draft, task), "reason": reason}
    if text:
        arguments["text"] = text
    return CallOut(NOTICE, arguments, token.id, token.visit, token.waiting.attempt, wait=False)


def withdrawn(draft: Draft, token: Token, task: Task) -> None:
    """Those who had the task are told that there is nothing left to do."""
    if token.waiting is None or not token.waiting.people:
        return
    names = draft.names
    draft.look_from(token.scope)
    try:
        draft.effects.calls.append(notice(draft, token, task, [seat.party for seat in token.waiting.holders], "withdrawn"))
    except Fault:  # what it was called can no longer be told: the document is gone
        return
    finally:
        draft.names = names
