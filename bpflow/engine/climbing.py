"""A task that is given to one after another, up a line of people, until enough of them have answered.

The rules: of the line the first is asked who has not had his turn and is there, himself or by his substitute, and may answer; who is not
is skipped. Nobody has his turn twice, also where the line has changed meanwhile. At the end of the line the task is passed by; a line in
which nobody could be asked at all is a fault, unless the task says who gets it then.
"""

from __future__ import annotations

from collections.abc import Container, Mapping

from bpflow.engine import people
from bpflow.engine.draft import Draft
from bpflow.engine.state import Assignee, Party, Token
from bpflow.expressions.data import Value
from bpflow.graph import Climb, Flow, Task


def open_task(draft: Draft, token: Token, task: Task) -> Flow | None:
    """Opens a task, for the next of its line if it has one."""
    if task.climb is not None:
        return next_level(draft, token, task, task.climb)
    return people.open_for(draft, token, task, *people.assignees(draft, task))


def next_level(draft: Draft, token: Token, task: Task, climb: Climb) -> Flow | None:
    """Opens the task for the next of the line; the flow `top` where nobody is left."""
    results = people.results_so_far(draft, token, task)
    had, level = turns_had(results)
    excluded = people.excluded(draft, task)
    line = [party for party in people.parties(draft, task.people) if party not in had]
    skipped, seat = first_seat(draft, line, excluded)
    if seat is None and level > 1:
        return climb.top
    approver = seat.in_place_of or seat.party if seat else None
    state: dict[str, Value] = {"approver": approver, "skipped": [*skipped], "passed": had, "level": level}
    draft.give(token.scope, task.gives, {**people.NOT_DECIDED, "answers": people.answers_in(results), **state})
    seats = (seat,) if seat else people.seats_instead(draft, task, excluded)
    return people.open_for(draft, token, task, seats, excluded)


def turns_had(results: Mapping[str, Value]) -> tuple[list[Value], int]:
    """Those of the line who have had their turn, asked or skipped, and the number of the level to be asked, from 1. One that was opened
    but not decided (its subject could not be told, say) is asked again."""
    had, level, skipped = results.get("passed", []), results.get("level", 1), results.get("skipped", [])
    assert isinstance(had, list)
    assert isinstance(skipped, list)
    assert isinstance(level, int)
    return ([*had, *skipped, results.get("approver")], level + 1) if results.get("outcome") is not None else (had, level)


def first_seat(draft: Draft, line: list[Party], excluded: Container[Party]) -> tuple[list[Party], Assignee | None]:
    """The first of a line who can be asked, and those before him."""
    for number, party in enumerate(line):
        seat = people.acting(draft, party)
        if seat is not None and seat.party not in excluded:
            return line[:number], seat
    return line, None
