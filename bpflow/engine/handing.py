"""Tasks change hands: a group's is claimed and given back, a person's is delegated or reassigned, a late one goes to others.

The law of this file: a seat moves, the answers stay. Nobody gets a second seat at a task, nor one who may not answer it or has answered, nor
one who is away. Handing over never decides a vote: where it would, it is refused. Who loses a task is told, and who gets one.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from bpflow.diagnostics import say
from bpflow.engine import arms, people, votes
from bpflow.engine.draft import Draft, Fault
from bpflow.engine.events import Answered, Claimed, Delegated, Reassigned, Released, Ticked
from bpflow.engine.state import Assignee, Party, Token, Waiting
from bpflow.engine.telling import notice, subject_of
from bpflow.engine.transition import CallOut, FactKind, NotAllowed, TaskRow, UnexpectedEvent, put_row
from bpflow.expressions.data import User
from bpflow.graph import Alarm, Expr, Task


def at_task(
    draft: Draft, event: Answered | Ticked | Claimed | Released | Delegated | Reassigned, touch: Callable[[Draft, int], Token] = Draft.token
) -> tuple[Token, Task, Waiting]:
    """The open task that an event is about, its token to be changed, or left. UnexpectedEvent if it is closed."""
    token = draft.tokens.get(event.token)
    node = draft.program.nodes.get(token.node) if token is not None else None
    if token is None or token.visit != event.visit or token.status != "waiting" or type(node) is not Task:
        raise UnexpectedEvent(say("the task is closed"))
    token = touch(draft, event.token)
    assert token.waiting is not None
    if draft.turns:
        draft.look_from(token.scope)
    return token, node, token.waiting


# ── claiming ────────────────────────────────────────────────────────────────────────────────────────────────────────
def claim(draft: Draft, event: Claimed) -> None:
    """The seat of the group becomes that of its member."""
    token, task, waiting = at_task(draft, event)
    before = arms.closed(token)
    people.may_answer(waiting, event.by)
    has_no_seat(waiting, event.by)
    seat = next((seat for seat in waiting.people if people.belongs(draft, event.by, seat.party)), None)
    if seat is None:
        raise people.not_his(draft, waiting, event.by)
    group = seat.party
    assert not isinstance(group, User)
    swap(waiting, seat, Assignee(event.by, None, group))
    changed(draft, token, task, before, "claimed")


def release(draft: Draft, event: Released) -> None:
    """The seat goes back to its group; one to whom it was delegated meanwhile is told."""
    token, task, waiting = at_task(draft, event)
    before = arms.closed(token)
    seat = next((seat for seat in waiting.people if seat.group is not None and event.by in (seat.party, seat.in_place_of)), None)
    if seat is None or seat.group is None:
        raise UnexpectedEvent(say('"{user}" has not claimed this task', user=event.by.id))
    swap(waiting, seat, Assignee(seat.group))
    changed(draft, token, task, before, "released")
    tell(draft, token, task, lost(seat, event.by), "withdrawn")


# ── delegating ──────────────────────────────────────────────────────────────────────────────────────────────────────
def delegate(draft: Draft, event: Delegated) -> None:
    """The seat goes to another, who answers in the place of the person whose it was; he may still answer himself while the other has not."""
    token, task, waiting = at_task(draft, event)
    before = arms.closed(token)
    seat = seat_to_delegate(draft, waiting, event.by)
    if event.to != seat.in_place_of:  # giving it back is always possible
        within_limits(draft, task, event)
    has_no_seat(waiting, event.to, but=seat)
    may_take(draft, waiting, event.to)
    swap(waiting, seat, passed_on(seat, event.to))
    changed(draft, token, task, before, "delegated")
    tell(draft, token, task, [event.to], "delegated", event.comment)
    tell(draft, token, task, lost(seat, event.by), "withdrawn")


def seat_to_delegate(draft: Draft, waiting: Waiting, by: User) -> Assignee:
    """The seat that a person has, or that another has in his place. NotAllowed if there is none that he could pass on."""
    for seat in waiting.people:
        if by in (seat.party, seat.in_place_of):
            return seat
    people.seat_for(draft, waiting, by)  # which says why it is not his
    raise NotAllowed(say('"{user}" has no place of his own at this task: a group\'s must be claimed first', user=by.id))


def within_limits(draft: Draft, task: Task, event: Delegated) -> None:
    if task.delegate == "nobody":
        raise NotAllowed(say("this task may not be delegated"))
    if task.delegate == "subordinates":
        heads = draft.ask(("directory", "chain", event.to))
        if not isinstance(heads, list) or event.by not in heads:
            raise NotAllowed(say('this task may be delegated to subordinates only, and "{to}" does not work under "{user}"', to=event.to.id, user=event.by.id))


def passed_on(seat: Assignee, to: User) -> Assignee:
    """The seat in the hands of another, in the place of the person whose it was from the beginning."""
    origin = seat.in_place_of or seat.party
    return Assignee(to, origin if isinstance(origin, User) and origin != to else None, seat.group)


# ── reassigning ─────────────────────────────────────────────────────────────────────────────────────────────────────
def reassign(draft: Draft, event: Reassigned) -> None:
    """What a person has at the task, now or when it is his turn, goes to another for good, or back to the group. The other may have a seat
    or an answer here already: then the person's falls away, and one less is asked."""
    token, task, waiting = at_task(draft, event)
    before, had = arms.closed(token), [seat.party for seat in waiting.people]
    if event.to is not None:
        if event.to == event.person:
            raise UnexpectedEvent(say('"{user}" has this task already', user=event.to.id))
        may_take(draft, waiting, event.to, twice=True)
    seat = next((seat for seat in (*waiting.people, *waiting.later, *waiting.also) if seat.party == event.person), None)
    if seat is None:
        raise UnexpectedEvent(say('"{user}" has no place at this task', user=event.person.id))
    if seat in waiting.also:
        replace_helper(waiting, seat, event.to)
    else:
        move_seat(task, waiting, seat, event.to)
    changed(draft, token, task, before, "reassigned")
    tell(draft, token, task, [seat.party for seat in waiting.holders() if seat.party == event.to and event.to not in had], "reassigned", event.why)
    tell(draft, token, task, [event.person] if event.person in [one.party for one in before.people] else [], "withdrawn")


def move_seat(task: Task, waiting: Waiting, seat: Assignee, to: User | None) -> None:
    """The seat goes to another, or to its group, or falls away. UnexpectedEvent if nobody is named, a Fault if the vote cannot bear it."""
    if to is None and seat.group is None:
        raise UnexpectedEvent(say("say to whom the task goes: it was given to the person by name"))
    if to is not None and (to in seated(waiting, seat) or any(vote.by == to for vote in waiting.votes)):
        waiting.people, waiting.later = people.seats_left(waiting, seat)
        bears(task, waiting)
        return
    place = seat.in_place_of if seat.in_place_of != to else None
    swap(waiting, seat, Assignee(to, place, seat.group) if to is not None else Assignee(seat.group or seat.party))


def replace_helper(waiting: Waiting, seat: Assignee, to: User | None) -> None:
    """One who may answer too is replaced, unless the other is there already; without another there is one less."""
    there = {*seated(waiting), *(vote.by for vote in waiting.votes), *(one.party for one in waiting.also)}
    new = (Assignee(to),) if to is not None and to not in there else ()
    waiting.also = (*(one for one in waiting.also if one is not seat), *new)


def bears(task: Task, waiting: Waiting) -> None:
    """A Fault if so few can no longer decide, or have decided already: only answers decide."""
    votes.check_reach(task, waiting)
    if not waiting.people or (waiting.votes and votes.decided(task, waiting) is not None):
        raise Fault(say("the vote would be decided without an answer, as fewer people are asked"))


# ── a deadline has passed ───────────────────────────────────────────────────────────────────────────────────────────
def brought_in(draft: Draft, token: Token, task: Task, what: Alarm) -> list[CallOut]:
    """Others get an overdue task, too or instead; gives what people are told. A Fault if nobody is there to get it."""
    told: list[CallOut] = []
    if what.escalate is not None:
        told += escalate(draft, token, task, what.escalate)
    if what.reassign is not None:
        told += give_to(draft, token, task, what.reassign)
    if told or what.escalate is not None or what.reassign is not None:
        tell_results(draft, token, task)
    return told


def escalate(draft: Draft, token: Token, task: Task, to: Expr) -> list[CallOut]:
    """Those who have no seat may answer in the place of one who has; how many are asked stays the same."""
    waiting = token.waiting
    assert waiting is not None
    found = found_for(draft, waiting, to)
    known = {*seated(waiting), *(one.party for one in waiting.also)}
    new = tuple(seat for seat in found if seat.party not in known)
    waiting.also += new
    draft.note("escalated", token.id, token.node)
    return [notice(draft, token, task, [seat.party for seat in new], "escalated")] if new else []


def give_to(draft: Draft, token: Token, task: Task, to: Expr) -> list[CallOut]:
    """The seats that are open are now those of these people, as many as they are; who has one among them keeps it."""
    waiting = token.waiting
    assert waiting is not None
    had = {seat.party: seat for seat in (*waiting.people, *waiting.later)}
    before = [seat.party for seat in waiting.people]
    found = {seat.party: seat for seat in found_for(draft, waiting, to)}
    seats = tuple(kept if (kept := had.get(party)) and kept.in_place_of not in found else seat for party, seat in found.items())
    waiting.people, waiting.later = (seats[:1], seats[1:]) if task.in_turn else (seats, ())
    waiting.also = tuple(one for one in waiting.also if one.party not in seated(waiting))
    bears(task, waiting)
    draft.note("handed", token.id, token.node)
    now = [seat.party for seat in waiting.people]
    changes = ("reassigned", [one for one in now if one not in before]), ("withdrawn", [one for one in before if one not in now])
    return [notice(draft, token, task, whom, reason) for reason, whom in changes if whom]


def found_for(draft: Draft, waiting: Waiting, expr: Expr) -> tuple[Assignee, ...]:
    """Those whom an expression gives, or who act for them, but who may not answer or have answered. A Fault if there is nobody."""
    answered = {vote.by for vote in waiting.votes}
    found = tuple(seat for seat in people.seats_of(draft, expr, waiting.excluded) if seat.party not in answered)
    if not found:
        raise Fault(say("nobody to give the task to: `{people}` gives no one", people=expr.text))
    return found


# ── seats ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def seated(waiting: Waiting, but: Assignee | None = None) -> set[Party]:
    """Who has a seat, now or when it is his turn, or for whom another has it; of what was claimed the group too."""
    seats = (seat for seat in (*waiting.people, *waiting.later) if seat is not but)
    return {party for seat in seats for party in (seat.party, seat.in_place_of, seat.group) if party is not None}


def has_no_seat(waiting: Waiting, user: User, but: Assignee | None = None) -> None:
    """NotAllowed if the person has a seat already, or another has it in his place."""
    if user in seated(waiting, but) or (but is not None and but.party == user):
        raise NotAllowed(say('"{user}" has this task already', user=user.id))


def may_take(draft: Draft, waiting: Waiting, user: User, *, twice: bool = False) -> None:
    """NotAllowed if the person cannot get the task: he may not answer it, has answered (unless `twice`), or is away."""
    people.may_answer(waiting, user, twice=twice)
    acts = draft.ask(("directory", "acting", user, draft.now))
    if acts != user and isinstance(acts, User):
        raise NotAllowed(say('"{user}" is away: give it to "{other}", who acts for him', user=user.id, other=acts.id))
    if acts != user:
        raise NotAllowed(say('"{user}" is away, and nobody acts for him', user=user.id))


def swap(waiting: Waiting, old: Assignee, new: Assignee) -> None:
    """A seat changes in its place. Who has it now is no longer among those who may answer too."""
    waiting.people, waiting.later = (tuple(new if one is old else one for one in seats) for seats in (waiting.people, waiting.later))
    waiting.also = tuple(one for one in waiting.also if one.party != new.party)


def lost(seat: Assignee, by: User) -> list[Party]:
    """Who no longer has the task, and did not do it himself."""
    return [seat.party] if seat.party != by else []


def changed(draft: Draft, token: Token, task: Task, before: TaskRow, fact: FactKind) -> None:
    """What has changed hands stands in the results, the facts and the index."""
    waiting = token.waiting
    assert waiting is not None
    tell_results(draft, token, task)
    draft.note(fact, token.id, token.node)
    after = people.row(task, waiting, subject_of(draft, task))
    put_row(draft.effects.tasks, (token.id, token.visit), replace(after, people=before.people), after)


def tell_results(draft: Draft, token: Token, task: Task) -> None:
    """The results say who has not answered."""
    record = draft.home(token.scope)[0].get(task.gives or "")
    if isinstance(record, dict) and token.waiting is not None:
        draft.give(token.scope, task.gives, {**record, "waiting": people.still_asked(token.waiting)})


def tell(draft: Draft, token: Token, task: Task, whom: list[Party], reason: str, text: str | None = None) -> None:
    if whom:
        draft.effects.calls.append(notice(draft, token, task, whom, reason, text))
