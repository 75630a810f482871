"""What every store takes away: instances that nobody needs any more, wholly, and what is left of them."""

from __future__ import annotations

from datetime import datetime, timedelta

from bpflow.engine.transition import CallOut
from bpflow.expressions.data import Document
from bpflow.stores.contract import Caller, Store
from bpflow.stores.purged import PurgedRow
from tests.stores.conftest import AT, Again, save
from tests.stores.test_contract import begun, deployed, row_of

LATER = AT + timedelta(hours=1)
FAR = AT + timedelta(days=1)


def end(store: Store, id: int, at: datetime = LATER, status: str = "ended", *told: str) -> None:
    row = row_of(store, id)
    with store.begin(row.owner) as work:
        for person in told:
            work.add_notice(row.owner, person, "notify", "Всё", "", "app", at, id)
        save(work, id, row.owner, row.revision, row.history, at, status, None, 0, b"over", b"ended", (), {(-1, 0): b"large"}, b"link", b"seal")


def child(store: Store, definition: int, of: int) -> int:
    with store.begin() as work:
        made = work.new_instance(definition, None, AT, None, None, Caller(of, 1, 1, 1, 1))
        assert made is not None
        save(work, made[0], made[1], 0, None, AT, "running", None, 0, b"first", b"began")
    return made[0]


def left(store: Store, id: int, at: datetime = FAR) -> PurgedRow:
    row = store.instance(id)
    assert row is not None
    assert row.ended is not None
    return PurgedRow(id, row.owner, row.definition, row.revision, row.ended, at, b"l" * 16, b"s" * 16)


def purgeable(store: Store, before: datetime = FAR, process: str | None = None, after: int = 0, limit: int = 100) -> list[int]:
    return [row.id for row in store.purgeable(before, process, after, limit)]


def test_links_and_seals_are_kept(store: Store, again: Again) -> None:
    id = begun(store, deployed(store))
    end(store, id)
    found = again().snapshot(id)
    assert found is not None
    assert (found.link, found.seal) == (b"link", b"seal")
    assert [(row.revision, row.link) for row in again().history(id)] == [(1, b""), (2, b"link")]
    with store.begin() as work:
        assert work.snapshot(id) == found


def test_a_process_is_known_after_it_is_deployed_no_more(store: Store) -> None:
    deployed(store, "plain"), deployed(store, "deal"), deployed(store, "deal")
    store.undeploy("plain")
    assert store.processes() == ["deal", "plain"]


def test_who_ended_long_ago_can_go(store: Store) -> None:
    deal, plain = deployed(store, "deal"), deployed(store, "plain")
    first, second, third, fourth = begun(store, deal), begun(store, plain), begun(store, deal), begun(store, deal)
    newest = begun(store, deal)
    for id, status in ((first, "ended"), (second, "cancelled"), (third, "failed")):
        end(store, id, LATER, status)
    end(store, fourth, LATER + timedelta(hours=1))
    end(store, newest)
    assert purgeable(store) == [first, second, third, fourth]  # the number of the newest would be given again
    assert purgeable(store, LATER) == []
    assert purgeable(store, LATER + timedelta(minutes=1)) == [first, second, third]
    assert purgeable(store, process="plain") == [second]
    assert purgeable(store, after=second, limit=1) == [third]


def test_who_is_needed_stays(store: Store) -> None:
    definition = deployed(store)
    caller = begun(store, definition)
    called = child(store, definition, caller)
    begun(store, definition)
    end(store, called)
    assert purgeable(store) == []  # a running one has called it
    end(store, caller)
    assert purgeable(store) == [caller, called]
    mother = begun(store, definition)
    running = child(store, definition, mother)
    begun(store, definition)
    end(store, mother)
    assert purgeable(store) == [caller, called]  # what it has called will tell it of its end
    end(store, running)
    assert purgeable(store) == [caller, called, mother, running]


def test_who_is_still_to_be_told_or_has_to_tell_stays(store: Store) -> None:
    definition = deployed(store)
    one, two, three = begun(store, definition), begun(store, definition), begun(store, definition)
    begun(store, definition)
    for id in (one, two, three):
        end(store, id)
    with store.begin() as work:
        work.send(one, one, 1, [CallOut("mail", {}, 1, 1, 1, wait=False)], AT, 0)
        work.send(three, three, 1, [CallOut("processes.ended", {}, 0, 0, 0, wait=False, to=two)], AT, 0)
    assert purgeable(store) == []
    for row in store.outbox():
        with store.begin() as work:
            assert work.sent(row)
    assert purgeable(store) == [one, two, three]


def test_an_instance_goes_with_all_that_is_its_own(store: Store, again: Again) -> None:
    definition = deployed(store)
    with store.begin() as work:
        document = work.add_document("deal", {"name": "Труба"}, AT, "ivanov", None, 0).ref
    gone, stays = begun(store, definition, Document("deal", document.id), owner=document.id), begun(store, definition)
    for id, owner in ((gone, document.id), (stays, stays)):
        with store.begin() as work:
            work.add_calendar(owner, "ivanov", "было", AT, LATER, None, id)
            work.add_calendar(owner, "ivanov", "будет", FAR, FAR + timedelta(hours=1), None, id)
    for id in (gone, stays):
        end(store, id, LATER, "ended", "ivanov", "ivanov", "boss")
    row = left(store, gone)
    assert store.purge([row], FAR) == 1
    assert store.purge([row], FAR) == 0  # another was faster
    other = again()
    assert other.purged() == [row]
    assert other.purged(gone) == []
    assert (other.instance(gone), other.snapshot(gone), other.history(gone)) == (None, None, [])
    assert [(n.person, n.instance) for n in other.notices()] == [("boss", stays), ("ivanov", stays), ("ivanov", stays)]
    assert (other.notices(None, gone), other.notices(None, stays)) == ([], other.notices())
    assert [(c.instance, c.title) for c in other.calendar()] == [(stays, "было"), (gone, "будет"), (stays, "будет")]
    assert other.strays() == []
    assert other.document(document.id) is not None
    assert len(other.feed(document.id)) == 1
    kept = other.snapshot(stays)
    assert kept is not None
    assert (kept.root, dict(kept.pages), len(other.history(stays))) == (b"over", {(-1, 0): b"large"}, 2)
    store.compact()
    assert again().snapshot(stays) == kept


def test_what_runs_is_never_taken_away(store: Store) -> None:
    id = begun(store, deployed(store))
    assert store.purge([PurgedRow(id, id, 1, 1, AT, FAR, b"", b"")], FAR) == 0
    assert store.instance(id) is not None
    assert store.purged() == []


def test_a_number_is_never_given_twice(store: Store) -> None:
    definition = deployed(store)
    ids = [begun(store, definition) for _ in range(3)]
    for id in ids:
        end(store, id)
    store.purge([left(store, row.id) for row in store.purgeable(FAR)], FAR)
    assert begun(store, definition) not in ids


def test_keys_of_the_inbox_go_when_nobody_can_ask_for_them(store: Store, again: Again) -> None:
    definition = deployed(store)
    id = begun(store, definition)
    with store.begin() as work:
        for n in range(3):
            work.remember(id, f"old {n}", b"", AT)
        work.remember(id, "new", b"", FAR)
    assert store.settled(AT) == 0
    with store.begin() as work:  # a call that was to be sent before may still come
        work.send(id, id, 1, [CallOut("mail", {}, 1, 1, 1, wait=True)], AT - timedelta(hours=1), 0)
    assert store.settled(LATER) == 0
    assert store.forget(LATER, 10) == 0
    with store.begin() as work:
        work.sent(store.outbox()[0])
    assert store.settled(LATER) == 3
    assert store.forget(LATER, 2) == 2
    assert again().forget(LATER, 2) == 1
    assert again().forget(LATER, 2) == 0
    with store.begin() as work:
        assert [work.worked(id, key) for key in ("old 0", "old 1", "old 2", "new")] == [None, None, None, b""]


def test_keys_wait_for_changes_that_are_to_be_told(store: Store) -> None:
    with store.begin() as work:
        row = work.add_document("deal", {"name": "Труба"}, AT, None, None, 0)
    with store.begin() as work:
        work.remember(row.owner, f"start/deal/{row.ref.id}/1", b"", LATER)
    assert store.settled(FAR) == 0
    with store.begin() as work:
        work.told(store.changes()[0])
    assert store.settled(FAR) == 1


def test_strays_are_rows_of_nobody(store: Store) -> None:
    id = begun(store, deployed(store))
    assert store.strays() == []
    end(store, id)
    assert store.strays() == []


def test_the_mark_of_a_key_is_kept_from_the_beginning(store: Store, again: Again) -> None:
    assert store.chain_mark() is None
    assert store.chain_mark(b"mark") == b"mark"
    assert again().chain_mark() == b"mark"
    assert store.chain_mark(b"other") == b"mark"


def test_the_mark_of_a_key_is_not_kept_later(store: Store) -> None:
    begun(store, deployed(store))
    assert store.chain_mark(b"mark") is None
    assert store.chain_mark() is None
