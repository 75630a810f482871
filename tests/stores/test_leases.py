"""What every store does for workers: slots change hands in one transaction, who has lost one can write nothing, lanes take turns."""

from __future__ import annotations

import threading
import time
from collections import Counter
from datetime import timedelta

import pytest

from bpflow.engine.transition import CallOut, Effects, put_row
from bpflow.stores.contract import LeaseLost, Store
from bpflow.stores.leases import SLOTS, Busy, Lease, NewWorker, PutOff, Seat, slot_of
from bpflow.stores.mail import NewMessage
from tests.stores.conftest import AT, Again
from tests.stores.test_contract import begun, deployed, document

LATER = AT + timedelta(hours=1)


def worker(nth: int = 1, beat: int = 100, standing: bool = True) -> NewWorker:
    return NewWorker("host", 4711, "kernel processes", "12345", nth, beat, AT, standing)


def timer(store: Store, instance: int, owner: int, lane: int, minutes: int = 1) -> None:
    effects = Effects()
    put_row(effects.timers, (1, 0), None, AT + timedelta(minutes=minutes))
    with store.begin(owner) as work:
        work.index(instance, owner, lane, effects, AT)


def call(store: Store, owner: int, lane: int, service: str = "mail", count: int = 1) -> None:
    with store.begin(owner) as work:
        work.send(owner, owner, lane, [CallOut(service, {}, token, 1, 1, True) for token in range(1, count + 1)], AT, 0)


# ── seats and slots ─────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_worker_has_a_seat_until_it_leaves(store: Store, again: Again) -> None:
    seat = store.seat(worker())
    (row,) = again().workers()
    assert (row.id, row.told, row.slots) == (seat.id, worker(), ())
    assert not row.gone
    assert store.beat(seat.id, 200)
    assert again().workers()[0].told.beat == 200
    assert again().workers()[0].put_off is None
    assert store.beat(seat.id, 210, PutOff(2, 5, "broken"))
    assert again().workers()[0].put_off == PutOff(2, 5, "broken")
    assert store.beat(seat.id, 220)
    assert again().workers()[0].put_off is None
    assert store.take(seat.id, 3).keys() == set(store.workers()[0].slots)
    seat.leave()
    assert again().workers() == []
    assert not store.beat(seat.id, 300)
    assert store.take(seat.id, 3) == {}


def test_slots_are_shared_and_change_hands(store: Store) -> None:
    one, two = store.seat(worker(1)), store.seat(worker(2))
    first = store.take(one.id, SLOTS)
    assert sorted(first) == list(range(SLOTS))
    assert store.take(two.id, SLOTS) == {}
    store.give_back(one.id, [0, 1, 2])
    assert store.take(one.id, SLOTS - 3) == {slot: epoch for slot, epoch in first.items() if slot > 2}
    second = store.take(two.id, 2)
    assert set(second) < {0, 1, 2}
    assert len(second) == 2
    assert all(second[slot] > first[slot] for slot in second)
    assert store.take(two.id, 2) == second, "what he has is his"
    one.leave()
    assert len(store.take(two.id, SLOTS)) == SLOTS
    two.leave()


def test_who_has_lost_a_slot_can_write_nothing_under_it(store: Store, again: Again) -> None:
    one, two = store.seat(worker(1)), store.seat(worker(2))
    ((slot, epoch),) = store.take(one.id, 1).items()
    definition = deployed(store)
    with store.begin(None, [Lease(slot, epoch)]) as work:
        made = work.new_instance(definition, None, AT, None)
        assert made is not None
    assert store.give_up(one.id, 100)
    before = store.instances()
    with pytest.raises(LeaseLost), store.begin(None, [Lease(slot, epoch)]) as work:
        work.new_instance(definition, None, AT, None)
    again().take(two.id, 1)
    with pytest.raises(LeaseLost), store.begin(made[1], [Lease(slot, epoch)]) as work:
        work.remember(made[1], "key", b"", AT)
    assert store.instances() == before
    with store.begin(made[1]) as work:
        assert work.worked(made[1], "key") is None
    assert store.take(one.id, 5) == {}, "he is not there any more"
    one.leave()
    two.leave()


def test_a_worker_that_has_given_a_sign_is_not_given_up(store: Store) -> None:
    seat = store.seat(worker(beat=100))
    store.take(seat.id, 4)
    store.beat(seat.id, 200)
    assert not store.give_up(seat.id, 100)
    assert len(store.workers()[0].slots) == 4
    assert store.give_up(seat.id, 200)
    assert store.workers() == []
    seat.leave()


def test_who_waits_at_his_seat_is_woken(store: Store, again: Again) -> None:
    """And does not just sleep for as long as he may."""
    seat, other = store.seat(worker()), again()
    woken_by(seat, threading.Timer(0.1, seat.ring))
    if store.shared:
        woken_by(seat, threading.Timer(0.1, call, (other, 7, 1)))
        assert len(store.outbox()) == 1
    seat.leave()


def woken_by(seat: Seat, waking: threading.Timer, most: float = 60.0) -> None:
    """Waits at the seat, and is woken: who is not waits exactly as long as he may."""
    seat.wait(0.0)
    before = time.monotonic()
    waking.start()
    seat.wait(most)
    assert time.monotonic() - before < most / 2
    waking.join()


# ── what waits, by slot ─────────────────────────────────────────────────────────────────────────────────────────────
def test_what_waits_is_read_by_the_slots_of_its_owners(store: Store) -> None:
    definition = deployed(store)
    deals = [document(store) for _ in range(4)]
    for deal in deals:
        begun(store, definition, deal, owner=deal.id)
    for owner in range(1, 200):
        timer(store, owner, owner, definition)
        call(store, owner, definition)
        with store.begin(-owner) as work:
            work.messages.add(NewMessage(-owner, "m", owner, {}, AT, None))
    for slots in ([3], [0, 5, 60], list(range(7, 40)), None):
        mine = {owner for owner in range(1, 200) if slots is None or slot_of(owner) in slots}
        assert {entry.owner for entry in store.due(LATER, 1000, slots)} == mine
        assert {row.owner for row in store.outbox(1000, slots)} == mine
        assert {-row.owner for row in store.messages(fresh=True, limit=1000, slots=slots)} == mine
        assert {row.owner for row in store.changes(1000, slots=slots)} == {deal.id for deal in deals} & mine
    assert store.next_due([]) is None
    assert store.next_due([3]) == store.next_due() == AT + timedelta(minutes=1)
    assert slot_of(-3) == slot_of(3) == 3


def test_a_long_queue_of_timers_holds_up_nobody_else(store: Store) -> None:
    """Those that have been due for longer come first, within their lane."""
    for instance in range(1, 301):
        timer(store, instance, instance, 1, minutes=1)
    for instance in range(401, 411):
        timer(store, instance, instance, 2, minutes=30)
    found = store.due(LATER, 40)
    assert Counter(entry.instance > 400 for entry in found) == {False: 30, True: 10}
    assert [entry.due for entry in found] == sorted(entry.due for entry in found)
    assert {entry.instance for entry in store.due(LATER, 4)} >= {1, 401}


def test_of_a_long_outbox_each_service_and_each_lane_has_its_share(store: Store) -> None:
    call(store, 1, 1, "slow", 200)
    call(store, 2, 2, "slow", 5)
    call(store, 3, 1, "fast", 5)
    found = store.outbox(20)
    assert Counter((row.call.service, row.owner) for row in found) == {("slow", 1): 10, ("slow", 2): 5, ("fast", 3): 5}
    assert [row.id for row in found] == sorted(row.id for row in found)
    assert {row.call.service for row in store.outbox(20, but=Busy(["slow"]))} == {"fast"}
    going = [row.id for row in found if row.call.service == "fast"][:2]
    assert [row.id for row in store.outbox(20, but=Busy(["slow"], going))] == [row.id for row in found if row.call.service == "fast"][2:]


def test_a_call_that_is_held_is_not_sent_until_it_is_taken_back(store: Store, again: Again) -> None:
    id = begun(store, deployed(store))
    call(store, id, 1, count=2)
    first, second = store.outbox()
    with store.begin(id) as work:
        work.hold(first, "no route")
    assert again().outbox() == [second]
    assert [(row.instance, row.reason) for row in again().aside()] == [(id, "no route")]
    assert [row.id for row in again().instances(incidents=True)] == [id]
    with store.begin(id) as work:
        assert (work.take_back(id), work.take_back(id)) == (True, False)
    assert again().outbox() == [first, second]


def test_how_much_waits_and_since_when(store: Store) -> None:
    timer(store, 1, 1, 1, minutes=5)
    timer(store, 2, 2, 1, minutes=120)
    call(store, 3, 1, count=3)
    found = store.depths(LATER)
    assert (found["timers"].waiting, found["timers"].oldest) == (1, AT + timedelta(minutes=5))
    assert (found["calls"].waiting, found["calls"].oldest) == (3, AT)
    assert (found["changes"].waiting, found["messages"], found["schedules"]) == (0, (0, None), (0, None))
