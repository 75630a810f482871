"""Who sits at a task: whose turn it is, who comes after them, who has answered and how; as lines and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpflow.diagnostics import say

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bpflow.cli.names import Names
    from bpflow.cli.output import Output
    from bpflow.engine.state import Assignee, Vote
    from bpflow.expressions.data import User


def show_turns(people: tuple[Assignee, ...], later: tuple[Assignee, ...], also: tuple[Assignee, ...], names: Names, out: Output) -> None:
    """Whose turn it is, who comes after them, and who may answer too."""
    out.line(say("for: {people}", people=names.people(people)), "dim")
    if later:
        out.line(say("after that: {people}", people=names.people(later)), "dim")
    if also:
        out.line(say("may answer too: {people}", people=names.people(also)), "dim")


def votes_told(votes: tuple[Vote, ...], titles: Mapping[str, str], names: Names) -> str:
    """Who has answered, in whose place, and how."""
    return ", ".join(f"{names.assignee(vote.by, vote.in_place_of)} – {titles.get(vote.outcome, vote.outcome)}" for vote in votes)


def seat_data(seat: Assignee) -> dict[str, Any]:
    """A seat: who, in whose place, claimed of which group."""
    place, group = seat.in_place_of, seat.group
    return {"who": seat.party.id, "in_place_of": place.id if place else None, "claimed_of": group.id if group else None}


def turns_data(people: Iterable[Assignee], later: Iterable[Assignee], also: Iterable[Assignee], votes: Iterable[Vote]) -> dict[str, Any]:
    """Whose turn it is, who comes later, who may answer too, and the answers so far."""
    seats = {name: [seat_data(seat) for seat in some] for name, some in (("people", people), ("later", later), ("also", also))}
    return {**seats, "answers": [vote_data(vote) for vote in votes]}


def person_id(user: User | None) -> str | None:
    return user.id if user else None


def vote_data(vote: Vote) -> dict[str, Any]:
    return {"by": vote.by.id, "in_place_of": person_id(vote.in_place_of), "outcome": vote.outcome}
