"""Tasks: who gets one, and what an answer must be.

The rules: a task is never for nobody; an absent person is replaced by who acts for him, and the answer says in whose place; a refused
answer leaves the task as it was.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from typing import TypeAlias

from msgspec.structs import replace

from bpflow.diagnostics import say
from bpflow.engine import arms, finishing, forms, handling, votes
from bpflow.engine.draft import Draft, Fault
from bpflow.engine.events import Answered, Ticked
from bpflow.engine.program import CLIMB
from bpflow.engine.state import Assignee, Party, Token, Vote, Waiting
from bpflow.engine.telling import over, subject_of
from bpflow.engine.transition import NotAllowed, TaskRow, put_row
from bpflow.expressions.data import Department, Document, Role, User, Value, flattened
from bpflow.graph import Expr, Flow, Task, Trigger

Seats: TypeAlias = tuple[Assignee, ...]

NOT_DECIDED: Mapping[str, Value] = {"outcome": None, "by": None, "at": None, "comment": None}
"""What the results of an open task say of its decision."""


# ── opening ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def open_for(draft: Draft, token: Token, task: Task, people: tuple[Assignee, ...], excluded: tuple[User, ...]) -> Flow | None:
    """Opens the task for those who have a seat at it, and sets its alarms."""
    asked = draft.program.asked[task.id]
    subject = asked.subject or subject_of(draft, task)
    waiting = draft.wait(token, Waiting(people=people, excluded=excluded))
    if asked.simple:
        draft.give(token.scope, task.gives, {})
        put_row(draft.effects.tasks, (token.id, token.visit), None, TaskRow(people, task.id, subject))
        return None
    add_to_task(draft, token, task, waiting)
    if asked.given:
        give(draft, token, task, open_record(draft, token, task, people) if asked.whole else {})
    put_row(draft.effects.tasks, (token.id, token.visit), None, row(task, waiting, subject))
    if task.done_when is not None and finishing.is_done(draft, token, task.done_when):
        return close_by_nobody(draft, token, task, task.outcomes[0][0], arms.closed(token), overdue=False)
    return None


def add_to_task(draft: Draft, token: Token, task: Task, waiting: Waiting) -> None:
    """Whatever belongs to a task besides those who are asked."""
    if task.checklist:
        waiting.checklist = finishing.checklist(draft, task)
    if task.observers is not None:
        waiting.observers = tuple(dict.fromkeys(parties(draft, task.observers)))
    if task.in_turn:
        waiting.people, waiting.later = waiting.people[:1], waiting.people[1:]
    if task.rule.kind != "any":
        votes.check_reach(task, waiting)
    for number, alarm in enumerate(task.alarms):
        arms.arm(draft, token.id, waiting, number, Trigger("at", alarm.at), level=False)


def row(task: Task, waiting: Waiting, subject: str) -> TaskRow:
    """The task as the store lists it. Once the deadline has passed it stays what it was, whenever people are reminded of it."""
    if not task.alarms:
        return TaskRow(waiting.holders(), task.id, subject, observers=waiting.observers)
    deadlines = {**waiting.arms.due, **waiting.arms.fired}
    due = min((deadlines[number] for number, alarm in enumerate(task.alarms) if alarm.overdue and number in deadlines), default=None)
    return TaskRow(waiting.holders(), task.id, subject, due, is_overdue(task, waiting), waiting.observers)


def is_overdue(task: Task, waiting: Waiting) -> bool:
    """Whether its deadline has passed."""
    return any(task.alarms[number].overdue for number in waiting.arms.fired) if waiting.arms.fired else False


def open_record(draft: Draft, token: Token, task: Task, people: tuple[Assignee, ...]) -> dict[str, Value]:
    """The results of a task that nobody has answered."""
    waiting: list[Value] = [assignee.party for assignee in people]
    before = answers_in(results_so_far(draft, token, task)) if task.climb else []
    parts = {"subtasks": finishing.undone(draft, task)} if task.parts else {}
    return {**NOT_DECIDED, "answers": before, "waiting": waiting, "overdue": False, **parts}


def give(draft: Draft, token: Token, task: Task, record: dict[str, Value]) -> None:
    """Writes the results of a task; which subtasks are done, and where it climbs a line, how far it is, stays known."""
    if task.parts:
        known = results_so_far(draft, token, task).get("subtasks", {})
        record = {"subtasks": known, **record}
    if task.checklist:
        record = {**record, "checklist": finishing.ticks(token.waiting)}
    if task.climb:
        before = results_so_far(draft, token, task)
        record = {**{name: before[name] for name in CLIMB if name in before}, **record}
    draft.give(token.scope, task.gives, record)


def assignees(draft: Draft, task: Task) -> tuple[tuple[Assignee, ...], tuple[User, ...]]:
    """Who may answer, and who may not. A Fault names the expression that gave nobody."""
    barred = excluded(draft, task) if task.not_by is not None else ()
    return seats_of(draft, task.people, barred) or seats_instead(draft, task, barred), barred


def excluded(draft: Draft, task: Task) -> tuple[User, ...]:
    """Who may not answer, groups by their members."""
    return tuple(users(draft, parties(draft, task.not_by))) if task.not_by else ()


def seats_instead(draft: Draft, task: Task, barred: Container[Party]) -> tuple[Assignee, ...]:
    """Who gets a task that would be for nobody; a Fault if that is nobody too."""
    seats = seats_of(draft, task.if_nobody, barred) if task.if_nobody else ()
    if not seats:
        raise Fault(say("nobody to give the task to: `{people}` gives no one", people=task.people.text))
    return seats


def seats_of(draft: Draft, expr: Expr, excluded: Container[Party]) -> tuple[Assignee, ...]:
    """A seat for each of the people that an expression gives. Who is there for himself and in somebody's place has one seat, his own."""
    value = draft.value(expr)
    if type(value) is User:
        alone = acting(draft, value)
        return (alone,) if alone is not None and alone.party not in excluded else ()
    seats: dict[Party, Assignee] = {}
    for party in flat(value, expr.text):
        seat = acting(draft, party)
        if seat is not None and seat.party not in excluded and (seat.party not in seats or seat.in_place_of is None):
            seats[seat.party] = seat
    return tuple(seats.values())


def parties(draft: Draft, expr: Expr) -> list[Party]:
    """The people that an expression gives, flattened."""
    value = draft.value(expr)
    return [value] if type(value) is User else flat(value, expr.text)


def flat(value: Value, expression: str) -> list[Party]:
    """The people in a value, which the expression gives."""
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
    if who is party or who == party:
        return Assignee(party)
    return Assignee(who, in_place_of=party) if isinstance(who, User) else None


# ── answering ───────────────────────────────────────────────────────────────────────────────────────────────────────
def answer(draft: Draft, token: Token, task: Task, event: Answered) -> Flow | None:
    """Takes an answer; the flow of the outcome if that decides the task. NotAllowed or InvalidAnswer if it is not to be taken."""
    waiting, asked = token.waiting, draft.program.asked[task.id]
    assert waiting is not None
    seat, in_place_of = seat_for(draft, waiting, event.by)
    outcome = forms.button(asked.forms, event.outcome)
    if asked.simple:
        draft.give(token.scope, task.gives, forms.answered(draft, task, outcome, event))
        return close_task(draft, token, task, outcome.name, TaskRow(waiting.people))
    finishing.check_ready(draft, token, task, event.outcome)
    values, before = forms.answered(draft, task, outcome, event), arms.closed(token)
    waiting = token.waiting = answered_by(waiting, seat, Vote(event.by, event.outcome, in_place_of))
    chosen = votes.decided(task, waiting)
    given = given_record(draft, event, values, in_place_of)
    if asked.given:
        give(draft, token, task, answered_record(draft, token, task, chosen, given) if asked.whole else values if chosen else {})
    if task.part is None:
        if draft.program.handler_blocks:
            handling.hear(draft, token, "answer", given)
    elif chosen is not None:
        finishing.part_done(draft, token, task.part, event.by)
    if chosen is not None:
        return close_task(draft, token, task, chosen, before)
    draft.note("answered", token.id, token.node)
    after = row(task, waiting, subject_of(draft, task))
    put_row(draft.effects.tasks, (token.id, token.visit), replace(after, people=before.people), after)
    return None


def tick(draft: Draft, token: Token, task: Task, event: Ticked) -> None:
    """Ticks an item of the checklist off, or takes that back; whoever may answer the task may do that."""
    waiting = token.waiting
    assert waiting is not None
    seat_for(draft, waiting, event.by)
    finishing.tick(waiting, event.item, event.done, event.by, draft.now)
    draft.note("ticked", token.id, token.node)
    if draft.program.asked[task.id].given:
        give(draft, token, task, dict(results_so_far(draft, token, task)))


def answered_by(waiting: Waiting, seat: Assignee, vote: Vote) -> Waiting:
    """What is waited for once the answer of a seat is there."""
    people, later = seats_left(waiting, seat)
    also = tuple([one for one in waiting.also if vote.by not in (one.party, one.in_place_of)]) if waiting.also else ()
    more = (*waiting.votes, vote), also, waiting.checklist, waiting.observers
    return Waiting(waiting.arms, people, waiting.excluded, waiting.attempt, later, *more)


def seats_left(waiting: Waiting, seat: Assignee) -> tuple[Seats, Seats]:
    """Whose turn it is and who comes after them once a seat is gone; where people are asked in turn the next has his."""
    people, later = without(waiting.people, seat), without(waiting.later, seat)
    return (people, later) if people else (later[:1], later[1:])


def without(seats: Seats, seat: Assignee) -> Seats:
    """The other seats."""
    return seats[1:] if not seats or seats[0] is seat else tuple([one for one in seats if one is not seat])


def given_record(draft: Draft, event: Answered, values: dict[str, Value], in_place_of: User | None) -> dict[str, Value]:
    """One answer, as `answers` has it and the steps of `on-answer` see it."""
    return {"by": event.by, "in_place_of": in_place_of, "outcome": event.outcome, "comment": event.comment, "at": draft.now, **values}


def answered_record(draft: Draft, token: Token, task: Task, chosen: str | None, given: dict[str, Value]) -> dict[str, Value]:
    """The results of a task after an answer: of the deciding one if it has `chosen` an outcome. The list of answers is kept only where some
    expression reads it."""
    waiting, wanted = token.waiting, draft.program.fields_read.get(task.gives or "", ())
    assert waiting is not None
    answers: list[Value] = []
    if wanted is None or "answers" in wanted:
        answers = [*answers_so_far(draft, token, task), given]
    progress: dict[str, Value] = {"answers": answers, "waiting": still_asked(waiting), "overdue": is_overdue(task, waiting)}
    if chosen is None:
        return {**NOT_DECIDED, **progress}
    record = {**given, "outcome": chosen, **progress}
    del record["in_place_of"]
    return record


def answers_so_far(draft: Draft, token: Token, task: Task) -> list[Value]:
    """The answers that the results of the task have already."""
    return answers_in(results_so_far(draft, token, task))


def results_so_far(draft: Draft, token: Token, task: Task) -> Mapping[str, Value]:
    """The results that the task has already."""
    record = draft.home(token.scope)[0].get(task.gives or "")
    return record if isinstance(record, Mapping) else {}


def answers_in(results: Mapping[str, Value]) -> list[Value]:
    """The answers in the results of a task."""
    answers = results.get("answers")
    return answers if isinstance(answers, list) else []


def still_asked(waiting: Waiting) -> list[Value]:
    """Who has not answered: those whose turn it is, and those who come after them."""
    return [seat.party for seat in (*waiting.people, *waiting.later)] if waiting.people else []


def seat_for(draft: Draft, waiting: Waiting, by: User) -> tuple[Assignee, User | None]:
    """The seat that a person answers for, and in whose place (None: his own). NotAllowed if there is none, or he has answered: nobody has
    two votes."""
    if waiting.excluded or waiting.votes:
        may_answer(waiting, by)
    for seat in waiting.people:
        if seat.party == by:
            return seat, seat.in_place_of
    for seat in waiting.people:
        if seat.in_place_of == by or belongs(draft, by, seat.party):
            return seat, None
    if waiting.also and any(by in (one.party, one.in_place_of) or belongs(draft, by, one.party) for one in waiting.also):
        seat = waiting.people[0]
        place = seat.in_place_of or seat.party
        return seat, place if isinstance(place, User) else None
    raise not_his(draft, waiting, by)


def may_answer(waiting: Waiting, user: User, *, twice: bool = False) -> None:
    """NotAllowed if the person may not answer at all, or (unless `twice`) has answered."""
    if user in waiting.excluded:
        raise NotAllowed(say('"{user}" may not answer this task', user=user.id))
    if waiting.votes and not twice and any(vote.by == user for vote in waiting.votes):
        raise NotAllowed(say('"{user}" has answered this task already', user=user.id))


def belongs(draft: Draft, user: User, party: Party) -> bool:
    """Whether the party is a group of which the person is a member."""
    return not isinstance(party, User) and draft.ask(("directory", "belongs", user, party)) is True


def is_one_of(draft: Draft, user: User, expr: Expr) -> bool:
    """Whether a person is among those that an expression gives."""
    found = parties(draft, expr)
    return user in found or any(belongs(draft, user, party) for party in found)


def check_presser(draft: Draft, trigger: Trigger, by: User) -> None:
    """NotAllowed unless the command is for the person."""
    if trigger.by is not None and not is_one_of(draft, by, trigger.by):
        raise NotAllowed(say('the command is not for "{user}"', user=by.id))


def not_his(draft: Draft, waiting: Waiting, by: User) -> NotAllowed:
    """Why a person has no seat whose turn it is."""
    for seat in waiting.people:
        if seat.group is not None and belongs(draft, by, seat.group):
            return NotAllowed(say('the task has been claimed by "{user}"', user=seat.party.id))
    if any(seat.party == by for seat in waiting.later):
        return NotAllowed(say('it is not yet the turn of "{user}"', user=by.id))
    return NotAllowed(say('the task is not for "{user}"', user=by.id))


def withdraw_parts(draft: Draft, token: Token, task: Task) -> None:
    """What is left of the subtasks of a task that closes."""
    for part in finishing.parts_left(draft, token, task):
        handling.drop(draft, draft.token(part.id))


def close_task(draft: Draft, token: Token, task: Task, outcome: str, before: TaskRow) -> Flow:
    """The task, whose row was `before`, is over, with what is left of its subtasks, and those who see it are told; gives the flow of its
    outcome."""
    if task.parts:
        withdraw_parts(draft, token, task)
    if token.waiting is not None and token.waiting.observers:
        over(draft, token, task, [*token.waiting.observers], "closed")
    put_row(draft.effects.tasks, (token.id, token.visit), before, None)
    arms.release(draft, token)
    return draft.program.asked[task.id].ways[outcome]


def close_by_condition(draft: Draft, token: Token, task: Task) -> Flow:
    """The condition under which the task is done has become true; those who had it are told."""
    waiting = token.waiting
    assert waiting is not None
    over(draft, token, task, [seat.party for seat in waiting.holders() if seat.party not in waiting.observers], "closed")
    return close_by_nobody(draft, token, task, task.outcomes[0][0], arms.closed(token), overdue=is_overdue(task, waiting))


def close_by_nobody(draft: Draft, token: Token, task: Task, outcome: str, before: TaskRow, *, overdue: bool) -> Flow:
    """The task, whose row was `before`, closes with an outcome that nobody has chosen."""
    fields: dict[str, Value] = {name: None for name, _ in draft.program.asked[task.id].forms[outcome].fields}
    head: dict[str, Value] = {"outcome": outcome, "by": None, "at": draft.now, "comment": None}
    assert token.waiting is not None
    progress: dict[str, Value] = {"answers": answers_so_far(draft, token, task), "waiting": still_asked(token.waiting), "overdue": overdue}
    give(draft, token, task, {**head, **fields, **progress})
    return close_task(draft, token, task, outcome, before)


def _told(value: Value) -> str:
    """A value that should have been people, as an operator reads it: of a record, the names of its fields."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(value) + "}"
    return f"{value.type}:{value.id}" if isinstance(value, Document) else repr(value) if isinstance(value, str) else str(value)
