"""Tasks: who gets one, what an answer must be, and what an alarm does.

The rules: a task is never for nobody; an absent person is replaced by who acts for him, and the answer says in whose place; a refused
answer leaves the task as it was; overdue is not an answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from bpflow.diagnostics import say
from bpflow.engine import arms, forms
from bpflow.engine.draft import Draft, Fault
from bpflow.engine.events import Answered
from bpflow.engine.state import Assignee, Party, Token, Waiting
from bpflow.engine.transition import CallOut, NotAllowed, TaskRow
from bpflow.expressions.data import Department, Document, Role, User, Value, flattened
from bpflow.graph import Alarm, Expr, Flow, Task, Trigger

NOTICE = "notify"
"""The service that tells people of overdue tasks."""


# ── opening ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def open_task(draft: Draft, token: Token, task: Task) -> Flow | None:
    """Opens the task for its people and sets its alarms."""
    people, excluded = assignees(draft, task)
    subject = subject_of(draft, task)
    waiting = draft.wait(token)
    waiting.people, waiting.excluded = people, excluded
    for number, alarm in enumerate(task.alarms):
        arms.arm(draft, token.id, waiting.arms, number, Trigger("at", alarm.at), level=False)
    if task.gives in draft.program.fields_read:
        draft.give(token.scope, task.gives, open_record(people))
    draft.effects.tasks.put((token.id, token.visit), None, row(task, waiting, subject))
    return None


def subject_of(draft: Draft, task: Task) -> str:
    subject = draft.value(task.form.subject)
    return subject if isinstance(subject, str) else str(subject)


def row(task: Task, waiting: Waiting, subject: str) -> TaskRow:
    """The task as the store lists it. Once the deadline has passed it stays what it was, whenever people are reminded of it."""
    if not task.alarms:
        return TaskRow(waiting.people, task.id, subject)
    deadlines = {**waiting.arms.due, **waiting.arms.fired}
    due = min((deadlines[number] for number, alarm in enumerate(task.alarms) if alarm.overdue and number in deadlines), default=None)
    overdue = bool(waiting.arms.fired) and any(task.alarms[number].overdue for number in waiting.arms.fired)
    return TaskRow(waiting.people, task.id, subject, due, overdue)


def open_record(people: tuple[Assignee, ...]) -> dict[str, Value]:
    """The results of a task that nobody has answered."""
    waiting: list[Value] = [assignee.party for assignee in people]
    return {"outcome": None, "by": None, "at": None, "comment": None, "answers": [], "waiting": waiting, "overdue": False}


def assignees(draft: Draft, task: Task) -> tuple[tuple[Assignee, ...], tuple[User, ...]]:
    """Who may answer, and who may not. A Fault names the expression that gave nobody."""
    excluded = tuple(users(draft, parties(draft, task.not_by))) if task.not_by else ()
    for expr in (task.people, task.if_nobody):
        if expr is not None:
            people: dict[Party, Assignee] = {}
            for party in parties(draft, expr):
                one = acting(draft, party)
                if one is not None and one.party not in excluded:
                    people.setdefault(one.party, one)
            if people:
                return tuple(people.values()), excluded
    raise Fault(say("nobody to give the task to: `{people}` gives no one", people=task.people.text))


def parties(draft: Draft, expr: Expr) -> list[Party]:
    """The people that an expression gives, flattened."""
    return flat(draft.value(expr), expr.text)


def flat(value: Value, expression: str) -> list[Party]:
    """The people in a value, which the expression gives."""
    if type(value) is User:
        return [value]
    found: list[Party] = []
    for one in flattened(value):
        if not isinstance(one, User | Department | Role):
            raise Fault(say("`{expression}` gives no people but {value}", expression=expression, value=_told(one)))
        found.append(one)
    return found


def users(draft: Draft, people: list[Party]) -> Iterator[User]:
    """The people themselves: groups by their members."""
    for party in people:
        members = [party] if isinstance(party, User) else draft.ask(("directory", "members", party))
        yield from (user for user in members if isinstance(user, User)) if isinstance(members, list) else ()


def acting(draft: Draft, party: Party) -> Assignee | None:
    """Who gets the work of a party now: a group as it is, a person himself or who acts for him."""
    if not isinstance(party, User):
        return Assignee(party)
    who = draft.ask(("directory", "acting", party, draft.now))
    if who == party:
        return Assignee(party)
    return Assignee(who, in_place_of=party) if isinstance(who, User) else None


# ── answering ───────────────────────────────────────────────────────────────────────────────────────────────────────
def answer(draft: Draft, token: Token, task: Task, event: Answered) -> Flow:
    """Takes an answer and closes the task. NotAllowed or InvalidAnswer if it is not to be taken."""
    waiting = token.waiting
    assert waiting is not None
    in_place_of = may_answer(draft, waiting, event.by)
    outcome = forms.button(draft.program.forms[task.id], event.outcome)
    values = forms.answered(draft, task, outcome, event)
    if task.gives in draft.program.fields_read:
        draft.give(token.scope, task.gives, answered_record(draft, task, waiting, event, values, in_place_of))
    return close_task(draft, token, task, event.outcome)


def answered_record(draft: Draft, task: Task, waiting: Waiting, event: Answered, values: dict[str, Value], in_place_of: User | None) -> dict[str, Value]:
    """The results of an answered task; the list of answers only where some expression reads it."""
    wanted = draft.program.fields_read[task.gives or ""]
    answers: list[Value] = []
    if wanted is None or "answers" in wanted:
        given: dict[str, Value] = {"by": event.by, "in_place_of": in_place_of, "outcome": event.outcome, "comment": event.comment, "at": draft.now}
        answers.append({**given, **values})
    overdue = bool(waiting.arms.fired) and any(task.alarms[number].overdue for number in waiting.arms.fired)
    head: dict[str, Value] = {"outcome": event.outcome, "by": event.by, "at": draft.now, "comment": event.comment}
    return {**head, **values, "answers": answers, "waiting": [], "overdue": overdue}


def may_answer(draft: Draft, waiting: Waiting, by: User) -> User | None:
    """In whose place a person answers (None: his own). NotAllowed if the task is not his."""
    if by in waiting.excluded:
        raise NotAllowed(say('"{user}" may not answer this task', user=by.id))
    for assignee in waiting.people:
        if assignee.party == by:
            return assignee.in_place_of
    for assignee in waiting.people:
        if assignee.in_place_of == by:
            return None
        if not isinstance(assignee.party, User) and draft.ask(("directory", "belongs", by, assignee.party)) is True:
            return None
    raise NotAllowed(say('the task is not for "{user}"', user=by.id))


def close_task(draft: Draft, token: Token, task: Task, outcome: str) -> Flow:
    """The task is over; gives the flow of its outcome."""
    draft.effects.tasks.put((token.id, token.visit), arms.closed(token), None)
    arms.release(draft, token)
    return dict(task.outcomes)[outcome]


# ── alarms ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def alarm(draft: Draft, token: Token, task: Task, number: int, due: datetime) -> Flow | None:
    """An alarm goes off that was set for `due`: the first time it marks, tells and perhaps decides; each time it reminds and sets itself again."""
    waiting, what = token.waiting, task.alarms[number]
    assert waiting is not None
    first = number not in waiting.arms.fired
    again = draft.value(what.remind) if what.remind else None
    if isinstance(again, datetime) and again <= draft.now:
        raise Fault(say("the next reminder would come at once, and so for ever: `remind` must be a time to come"))
    told = tell(draft, token, task, what) if first else []
    if first:
        waiting.arms.fired = {**waiting.arms.fired, number: due}
        if what.overdue:
            mark_overdue(draft, token, task)
    if first and what.outcome is not None:
        return decided_by_alarm(draft, token, task, what.outcome, told)
    if what.remind is not None:
        told.append(notice(draft, token, task, [a.party for a in waiting.people], "reminder"))
        draft.facts.append(("reminded", token.id, token.node))
    if isinstance(again, datetime):
        arms.set_timer(draft, token.id, waiting.arms, number, again)
    draft.effects.tasks.put((token.id, token.visit), arms.closed(token), row(task, waiting, subject_of(draft, task)))
    draft.effects.calls += told
    return None


def mark_overdue(draft: Draft, token: Token, task: Task) -> None:
    draft.facts.append(("overdue", token.id, token.node))
    if task.gives is not None:
        record = draft.home(token.scope)[0].get(task.gives)
        if isinstance(record, dict):
            draft.give(token.scope, task.gives, {**record, "overdue": True})


def decided_by_alarm(draft: Draft, token: Token, task: Task, outcome: str, told: list[CallOut]) -> Flow:
    """Nobody has answered in time: the outcome that the process says, by nobody."""
    fields: dict[str, Value] = {name: None for name, _ in draft.program.forms[task.id][outcome].fields}
    head: dict[str, Value] = {"outcome": outcome, "by": None, "at": draft.now, "comment": None}
    assert token.waiting is not None
    waiting: list[Value] = [a.party for a in token.waiting.people]
    draft.give(token.scope, task.gives, {**head, **fields, "answers": [], "waiting": waiting, "overdue": True})
    draft.effects.calls += told
    return close_task(draft, token, task, outcome)


def tell(draft: Draft, token: Token, task: Task, what: Alarm) -> list[CallOut]:
    if what.tell is None:
        return []
    people = [a.party for a in (acting(draft, party) for party in parties(draft, what.tell)) if a is not None]
    return [notice(draft, token, task, people, "overdue")] if people else []


def notice(draft: Draft, token: Token, task: Task, people: list[Party], reason: str) -> CallOut:
    """A call of the notice service that nobody waits for; the attempts of the token tell such calls apart."""
    assert token.waiting is not None
    token.waiting.attempt += 1
    to: list[Value] = list(people)
    arguments: dict[str, Value] = {"to": to, "title": subject_of(draft, task), "reason": reason}
    return CallOut(NOTICE, arguments, token.id, token.visit, token.waiting.attempt, wait=False)


def _told(value: Value) -> str:
    """A value that should have been people, as an operator reads it: of a record, the names of its fields."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(value) + "}"
    return f"{value.type}:{value.id}" if isinstance(value, Document) else repr(value) if isinstance(value, str) else str(value)
