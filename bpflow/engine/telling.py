"""What the people of a task are told, besides the task itself: reminders, that it is overdue, that it was withdrawn."""

from __future__ import annotations

from contextlib import suppress

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
    """Those whose turn it was are told that there is nothing left to do, and those who see it."""
    if token.waiting is None or draft.effects.tasks.get((token.id, token.visit), (True,))[0] is None:  # nobody has seen it yet
        return
    people = [*dict.fromkeys((*(seat.party for seat in token.waiting.holders()), *token.waiting.observers))]
    names = draft.names
    draft.look_from(token.scope)
    over(draft, token, task, people, "withdrawn")
    draft.names = names


def over(draft: Draft, token: Token, task: Task, people: list[Party], reason: str) -> None:
    """People are told that there is nothing more to do; not where what it was called can no longer be told, as the document is gone."""
    if people:
        with suppress(Fault):
            draft.effects.calls.append(notice(draft, token, task, people, reason))
