"""Whether the index is what the states say: tasks, observers, timers, watches and listens, instance by instance.

Also whether a notice is told of by the history, by which it is found when its instance is purged.

The law of this file: the state is the truth. What seems to differ is looked at again in a unit of work of its owner before it is called a
difference, so others may go on working meanwhile; and it is repaired there, or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

from msgspec import Struct, structs

from bpflow.engine.index import index_of
from bpflow.engine.state import OVER, Assignee
from bpflow.engine.transition import Effects, Listen, TaskRow, put_row
from bpflow.expressions.data import Document
from bpflow.graph import Task
from bpflow.runtime.clock import Clock
from bpflow.runtime.reading import party_of
from bpflow.runtime.transaction import Held, Runner, Unreadable
from bpflow.runtime.views import Look
from bpflow.runtime.who import who
from bpflow.stores.contract import InstanceRow, Work, party_text
from bpflow.stores.entries import Indexed, TaskEntry, TimerKey
from bpflow.stores.mail import key_text

BATCH = 5_000
"""How many instances are looked at together."""
Kind: TypeAlias = Literal["task", "observer", "timer", "watch", "listen", "notice", "unreadable"]


class Difference(Struct, frozen=True):
    """A row that should be there (`missing`), or is there and should not be; `row`: which, a task by its id, others as the store has them."""

    instance: int
    kind: Kind
    missing: bool
    row: str


@dataclass(slots=True)
class Verified:
    """How many instances and rows of the index were looked at, how many rows differ, and how many of these were put right."""

    instances: int = 0
    rows: int = 0
    differences: int = 0
    repaired: int = 0


def verify(runner: Runner, clock: Clock, repair: bool, tell: Callable[[Difference], None]) -> Verified:
    """Looks at all instances, those that are over too; tells of each row that differs."""
    done, after, store = Verified(), 0, runner.store
    while True:
        batch = store.instances(limit=BATCH, after=after)
        last = batch[-1].id if len(batch) == BATCH else 2**62  # after the last one too: rows of instances that are not there
        there, known = store.indexed(after, last), {row.id for row in batch}
        done.instances += len(batch)
        done.rows += sum(one.count for one in there.values())
        doubtful = [row.id for row in batch if seems_different(runner, row, there.get(row.id, Indexed()))]
        for id in sorted({*doubtful, *(there.keys() - known)}):
            found, repaired = one_instance(runner, clock, id, repair)
            done.differences += len(found)
            done.repaired += len(found) if repaired else 0
            for difference in found:
                tell(difference)
        if len(batch) < BATCH:
            untold(runner, repair, tell, done)
            return done
        after = last


def untold(runner: Runner, repair: bool, tell: Callable[[Difference], None], done: Verified) -> None:
    """Notices of which no row of history tells: a purge would leave them behind."""
    for instance, person, at in runner.store.untold():
        done.differences += 1
        done.repaired += int(repair and runner.store.tell_again(instance, person, at))
        tell(Difference(instance, "notice", True, f"{person}, {at.isoformat()}"))


def seems_different(runner: Runner, row: InstanceRow, there: Indexed) -> bool:
    if row.status in OVER:
        return there.count > 0
    try:
        return bool([*compare(meant_by(runner.opened(row.id, runner.store.snapshot(row.id))), there)])
    except Unreadable:
        return True


def one_instance(runner: Runner, clock: Clock, id: int, repair: bool) -> tuple[list[Difference], bool]:
    """What differs of one, nobody else being at it; and whether that was put right, if it is to be."""
    with runner.unit() as work:
        snapshot = work.snapshot(id)
        try:
            held = runner.opened(id, snapshot) if snapshot else None
        except Unreadable as unreadable:
            return [Difference(id, "unreadable", False, str(unreadable.message))], False
        there = runner.store.indexed(id - 1, id).get(id, Indexed())
        meant = meant_by(held) if held else Indexed()
        found = [Difference(id, kind, missing, called(id, kind, row)) for kind, missing, row in compare(meant, there)]
        if found and repair:
            mend(runner, work, clock, held, meant, there) if held else work.unindex(id)
    return found, repair


def called(id: int, kind: Kind, row: object) -> str:
    """A row as it is told of: that of a task or an observer by the id of the task, and whose it is."""
    if kind not in ("task", "observer"):
        return str(row)
    token, visit, party = cast(tuple[int, int, str], row)
    return f"{id}.{token}.{visit} ({party})"


def meant_by(held: Held) -> Indexed:
    """The rows that the state stands for. What a task is called, and since when it is open, is not in it."""
    assert held.state is not None
    effects, meant = index_of(held.program, held.state), Indexed()
    for (token, visit), (_, task) in effects.tasks.items():
        assert task is not None
        for seat in task.people:
            meant.tasks[token, visit, party_text(seat.party)] = entry_of(held, token, visit, task, seat)
        meant.observers |= {(token, visit, party_text(party)) for party in task.observers}
    meant.timers = {TimerKey(held.definition, holder, arm, due) for (holder, arm), (_, due) in effects.timers.items() if due}
    meant.watches = {(holder, document.id) for holder, document in effects.watches}
    meant.listens = {arm: (listen.visit, listen.name, key_text(listen.key)) for arm, listen in effects.listens.items() if listen}
    return meant


def entry_of(held: Held, token: int, visit: int, task: TaskRow, seat: Assignee) -> TaskEntry:
    assert held.state is not None
    place = party_text(seat.in_place_of) if seat.in_place_of else None
    group = party_text(seat.group) if seat.group else None
    return TaskEntry(held.id, token, visit, party_text(seat.party), place, task.node, "", held.state.at, task.due, task.overdue, group)


def same(one: TaskEntry, other: TaskEntry) -> bool:
    return structs.replace(one, subject=other.subject, opened=other.opened) == other


def compare(meant: Indexed, there: Indexed) -> Iterator[tuple[Kind, bool, object]]:
    """What is missing, and what is there and should not be; a row that is otherwise is both."""
    for task in sorted(meant.tasks):
        if task not in there.tasks or not same(meant.tasks[task], there.tasks[task]):
            yield "task", True, task
    for task in sorted(there.tasks):
        if task not in meant.tasks or not same(meant.tasks[task], there.tasks[task]):
            yield "task", False, task
    pairs: list[tuple[Kind, set[object], set[object]]] = [
        ("observer", {*meant.observers}, {*there.observers}),
        ("timer", {*meant.timers}, {*there.timers}),
        ("watch", {*meant.watches}, {*there.watches}),
        ("listen", {*meant.listens.items()}, {*there.listens.items()}),
    ]
    for kind, should, are in pairs:
        yield from ((kind, True, row) for row in sorted(should - are, key=repr))
        yield from ((kind, False, row) for row in sorted(are - should, key=repr))


# ── repairing ───────────────────────────────────────────────────────────────────────────────────────────────────────
def mend(runner: Runner, work: Work, clock: Clock, held: Held, meant: Indexed, there: Indexed) -> None:
    """Takes away what differs, and writes it as the state says; what is as it should be stays as it is."""
    assert held.state is not None
    now = clock.now()
    for lane in {timer.lane for timer in there.timers - meant.timers}:
        gone = Effects()
        for timer in there.timers - meant.timers:
            if timer.lane == lane:
                put_row(gone.timers, (timer.holder, timer.arm), timer.due, None)
        work.index(held.id, held.owner, lane, gone, now)
    work.index(held.id, held.owner, held.definition, differing(held, meant, there), now)
    full = index_of(held.program, held.state)
    for (token, visit), (_, task) in full.tasks.items():
        assert task is not None
        if wrong_task(token, visit, meant, there):
            mend_task(runner, work, held, token, visit, task, there)
    over = {(token, visit) for token, visit, _ in (*there.tasks, *there.observers)} - full.tasks.keys()
    for token, visit in sorted(over):
        away(work, held, token, visit, there)


def differing(held: Held, meant: Indexed, there: Indexed) -> Effects:
    """All but tasks, and timers that should not be there."""
    assert held.state is not None
    full, effects = index_of(held.program, held.state), Effects()
    for timer in meant.timers - there.timers:
        put_row(effects.timers, (timer.holder, timer.arm), None, timer.due)
    for holder, document in there.watches - meant.watches:
        effects.watches[holder, Document("", document)] = False
    effects.watches |= {key: True for key in full.watches if (key[0], key[1].id) not in there.watches}
    for arm in there.listens.keys() | meant.listens.keys():
        if there.listens.get(arm) != meant.listens.get(arm):
            listen: Listen | None = full.listens.get(arm)
            effects.listens[arm] = listen
    return effects


def wrong_task(token: int, visit: int, meant: Indexed, there: Indexed) -> bool:
    its = {kind: {row for row in rows if row[:2] == (token, visit)} for kind, rows in (("m", meant.tasks), ("t", there.tasks))}
    seen = {kind: {row for row in rows if row[:2] == (token, visit)} for kind, rows in (("m", meant.observers), ("t", there.observers))}
    return its["m"] != its["t"] or seen["m"] != seen["t"] or any(not same(meant.tasks[row], there.tasks[row]) for row in its["m"])


def mend_task(runner: Runner, work: Work, held: Held, token: int, visit: int, task: TaskRow, there: Indexed) -> None:
    """The rows of a task are written anew, with what it was called and since when it is open, as far as any of them still says."""
    known = next((row for key, row in there.tasks.items() if key[:2] == (token, visit) and row.node == task.node), None)
    away(work, held, token, visit, there)
    node = held.program.nodes[task.node]
    assert isinstance(node, Task) and held.state is not None
    at = known.opened if known else who(runner, held.id, token, visit).opened
    called = known.subject if known else Look(runner, held, held.state, held.state.tokens[token].scope, at).text(node.form.subject)
    effects = Effects()
    put_row(effects.tasks, (token, visit), None, structs.replace(task, subject=called))
    work.index(held.id, held.owner, held.definition, effects, at)


def away(work: Work, held: Held, token: int, visit: int, there: Indexed) -> None:
    """All rows of a task go."""
    people = tuple(Assignee(party_of(key[2])) for key in there.tasks if key[:2] == (token, visit))
    observers = tuple(party_of(key[2]) for key in there.observers if key[:2] == (token, visit))
    effects = Effects()
    put_row(effects.tasks, (token, visit), TaskRow(people, observers=observers), None)
    assert held.state is not None
    work.index(held.id, held.owner, held.definition, effects, held.state.at)
