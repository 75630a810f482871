"""What every store does: what is written in a unit of work is there afterwards as a whole, and read back as it was."""

from __future__ import annotations

import contextlib
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from msgspec.structs import replace

from bpflow.engine.state import Assignee
from bpflow.engine.transition import ALONE, START, CallOut, Effects, Listen, TaskRow, put_row
from bpflow.expressions.data import Choice, Department, Document, Duration, Role, User, Value
from bpflow.stores.absent import AbsenceRow, NewAbsence
from bpflow.stores.contract import AsideRow, Caller, Conflict, InstanceRow, ScheduleRow, Snapshot, Store, Work
from bpflow.stores.entries import NoticeRow
from bpflow.stores.mail import MessageRow, NewMessage
from bpflow.stores.sqlite import SqliteStore
from tests.stores.conftest import AT, Again, save

LATER = AT + timedelta(hours=1)


def deployed(store: Store, process: str = "deal") -> int:
    return store.deploy(process, f"digest of {process}", f'{{"process": "{process}"}}', "text", AT).id


def begun(store: Store, definition: int, document: Document | None = None, exclusive: str | None = None, owner: int | None = None) -> int:
    with store.begin() as work:
        made = work.new_instance(definition, document, AT, exclusive, owner)
        assert made is not None
        id, owned_by = made
        assert save(work, id, owned_by, 0, None, AT, "running", None, 0, b"first", b"began") > 0
    return id


def row_of(store: Store, id: int) -> InstanceRow:
    row = store.instance(id)
    assert row is not None
    return row


def document(store: Store, fields: dict[str, Value] | None = None) -> Document:
    with store.begin() as work:
        return work.add_document("deal", fields or {"name": "Труба"}, AT, None, None, 0).ref


# ── definitions ─────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_definition_is_kept_once_and_deployed_last(store: Store, again: Again) -> None:
    one = store.deploy("deal", "a", "{1}", "первый", AT)
    two = store.deploy("deal", "b", "{2}", "второй", AT)
    assert [(row.process, row.digest, row.version) for row in again().deployed()] == [("deal", "b", 2)]
    assert store.deploy("deal", "b", "{2}", "второй", LATER).id == two.id
    assert store.deployed()[0].version == 2
    assert store.deploy("deal", "a", "{1}", "первый", LATER).id == one.id
    assert [(row.id, row.version) for row in store.deployed()] == [(one.id, 3)]
    assert again().definition(two.id).graph == "{2}"


def test_new_instances_get_what_was_deployed_last(store: Store, again: Again) -> None:
    one = deployed(store)
    two = store.deploy("deal", "b", "{2}", "text", LATER).id
    assert store.current("other") is None
    was = store.current("deal")
    assert was is not None
    assert was[0] == two
    with store.begin() as work:
        assert work.new_instance(two, None, AT, None, deployed=was[1]) is not None
    deployed(store)
    now = again().current("deal")
    assert now is not None
    assert now[0] == one
    with store.begin() as work, pytest.raises(Conflict):
        work.new_instance(two, None, AT, None, deployed=was[1])
    with store.begin() as work:
        assert work.new_instance(one, None, AT, None, deployed=now[1]) is not None
    store.undeploy("deal")
    assert store.current("deal") is again().current("deal") is None
    with store.begin() as work, pytest.raises(Conflict):
        work.new_instance(one, None, AT, None, deployed=now[1])


def test_what_is_deployed_comes_by_process(store: Store) -> None:
    for process in ("b", "a", "в"):
        deployed(store, process)
    assert [row.process for row in store.deployed()] == ["a", "b", "в"]


# ── instances ───────────────────────────────────────────────────────────────────────────────────────────────────────
def test_an_instance_owns_itself_or_has_the_owner_of_its_document(store: Store, again: Again) -> None:
    definition, deal = deployed(store), document(store)
    alone, owned = begun(store, definition), begun(store, definition, deal, owner=deal.id)
    row = again().instance(alone)
    assert row is not None
    assert (row.owner, row.definition, row.process, row.status, row.revision, row.incidents) == (alone, definition, "deal", "running", 1, 0)
    assert (row.document, row.started, row.ended, row.result) == (None, AT, None, None)
    assert store.snapshot(alone) == Snapshot(alone, alone, row.definition, 1, row.history, None, None, b"", b"first", {}, b"")
    with_document = store.instance(owned)
    assert with_document is not None
    assert (with_document.owner, with_document.document) == (deal.id, deal)
    assert store.instance(99) is None


def test_a_state_is_written_over_the_revision_that_was_expected(store: Store, again: Again) -> None:
    id = begun(store, deployed(store))
    row = store.instance(id)
    assert row is not None
    with store.begin() as work:
        assert work.revision(id) == 1
        assert work.instance(id) == row
        save(work, id, id, 1, row.history, LATER, "running", None, 2, b"second", b"went on")
        assert work.revision(id) == 2
        assert work.revision(99) is None
        assert work.instance(99) is work.snapshot(99) is None
        found = work.snapshot(id)
        assert found is not None
        assert (found.id, found.revision, found.root) == (id, 2, b"second")
    after = again().instance(id)
    assert after is not None
    assert (after.revision, after.incidents, after.ended) == (2, 2, None)
    with pytest.raises(Conflict), store.begin() as work:
        save(work, id, id, 1, row.history, LATER, "running", None, 0, b"third", b"lost")
    assert store.instance(id) == after
    assert [(h.revision, h.at, h.data) for h in store.history(id)] == [(1, AT, b"began"), (2, LATER, b"went on")]


def test_several_are_read_at_once_but_for_those_with_pages(store: Store, again: Again) -> None:
    definition, deal = deployed(store), document(store)
    alone, owned, paged = begun(store, definition), begun(store, definition, deal, owner=deal.id), begun(store, definition)
    with store.begin() as work:
        save(work, paged, paged, 1, None, AT, "running", None, 0, b"root", b"", [], {(2, -1): b"items"})
    found = again().snapshots([owned, paged, 10**12, alone])
    assert sorted(found, key=lambda one: one.id) == [store.snapshot(alone), store.snapshot(owned)]
    assert store.snapshots([]) == []


def test_pages_are_put_and_go_with_the_state(store: Store, again: Again) -> None:
    definition = deployed(store)
    id, other = begun(store, definition), begun(store, definition)

    def put(instance: int, expected: int, gone: list[int], pages: dict[tuple[int, int], bytes]) -> None:
        with store.begin() as work:
            save(work, instance, instance, expected, None, AT, "running", None, 0, b"root", b"", gone, pages)

    put(id, 1, [], {(3, -2): b"turn", (2, -1): b"items", (2, 0): b"zero", (2, 1): b"one", (-1, 0): b"large"})
    put(other, 1, [], {(3, -2): b"the other's"})
    put(id, 2, [3, 2], {(2, -1): b"new items", (-1, 0): b"larger"})
    found, theirs = again().snapshot(id), store.snapshot(other)
    assert found is not None
    assert theirs is not None
    assert (found.revision, found.root, found.pages) == (3, b"root", {(2, -1): b"new items", (-1, 0): b"larger"})
    assert theirs.pages == {(3, -2): b"the other's"}
    with pytest.raises(Conflict):
        put(id, 2, [2], {(5, -2): b"lost"})
    assert again().snapshot(id) == found
    with store.begin() as work:
        save(work, id, id, 3, None, AT, "running", None, 0, b"root", b"", [-1], {})
        inside = work.snapshot(id)
        assert inside is not None
        assert inside.pages == {(2, -1): b"new items"}


@pytest.mark.parametrize("status", ["ended", "cancelled"])
def test_an_instance_ends(store: Store, again: Again, status: str) -> None:
    id = begun(store, deployed(store), exclusive="deal/1")
    row = store.instance(id)
    assert row is not None
    with store.begin() as work:
        save(work, id, id, 1, row.history, LATER, status, "won", 0, b"last", b"over")
    after = again().instance(id)
    assert after is not None
    assert (after.status, after.result, after.ended, after.started) == (status, "won", LATER, AT)


def test_one_at_a_time_where_it_is_exclusive(store: Store, again: Again) -> None:
    definition = deployed(store)
    first = begun(store, definition, exclusive="deal/1")
    begun(store, definition, exclusive="deal/2")
    with again().begin() as work:
        assert work.new_instance(definition, None, AT, "deal/1") is None
        assert work.new_instance(definition, None, AT, None) is not None
    row = store.instance(first)
    assert row is not None
    with store.begin() as work:
        save(work, first, first, 1, row.history, LATER, "cancelled", None, 0, b"", b"")
    assert begun(store, definition, exclusive="deal/1") != first


def test_instances_are_found(store: Store) -> None:
    deal, other = deployed(store), deployed(store, "other")
    about = document(store)
    ids = [begun(store, deal), begun(store, other, about), begun(store, deal, about)]
    last = store.instance(ids[2])
    assert last is not None
    with store.begin() as work:
        save(work, ids[2], ids[2], 1, last.history, LATER, "ended", None, 1, b"", b"")

    def found(**given: object) -> list[int]:
        return [row.id for row in store.instances(**given)]  # type: ignore[arg-type]

    assert found() == ids
    assert found(process="deal") == [ids[0], ids[2]]
    assert found(status="running") == ids[:2]
    assert found(document=about.id) == ids[1:]
    assert found(incidents=True) == [ids[2]]
    assert found(process="deal", status="ended", document=about.id, incidents=True) == [ids[2]]
    assert found(process="no such") == []
    assert found(limit=2) == ids[:2]
    assert found(limit=2, after=ids[1]) == ids[2:]


def test_history_is_that_of_one_instance(store: Store) -> None:
    definition = deployed(store)
    ids = [begun(store, definition) for _ in range(3)]
    for revision in range(1, 40):
        for id in ids:
            row = store.instance(id)
            assert row is not None
            with store.begin() as work:
                save(work, id, id, revision, row.history, LATER, "running", None, 0, b"", f"{id}/{revision}".encode())
    for id in ids:
        rows = store.history(id)
        assert [row.revision for row in rows] == list(range(1, 41))
        assert [row.data for row in rows[1:]] == [f"{id}/{revision}".encode() for revision in range(1, 40)]
        assert {row.instance for row in rows} == {id}
    assert store.history(99) == []


def test_when_anything_was_recorded_last(store: Store) -> None:
    assert store.last_at() is None
    document(store)
    assert store.last_at() == AT
    id = begun(store, deployed(store))
    row = store.instance(id)
    assert row is not None
    with store.begin() as work:
        save(work, id, id, 1, row.history, LATER, "running", None, 0, b"", b"")
    assert store.last_at() == LATER


# ── a unit of work ──────────────────────────────────────────────────────────────────────────────────────────────────
def test_what_is_broken_off_has_never_been(store: Store, again: Again) -> None:
    definition, deal = deployed(store), document(store)
    id = begun(store, definition, deal)
    row, kept = store.instance(id), store.document(deal.id)
    assert row is not None
    assert kept is not None
    before = (store.instances(), store.documents(), store.changes(), store.feed(deal.id))
    effects = Effects()
    put_row(effects.tasks, (1, 1), None, TaskRow((Assignee(User("ivanov")),), "ask", "Вопрос"))
    put_row(effects.timers, (1, 0), None, LATER)
    effects.watches[1, deal] = True
    with pytest.raises(ZeroDivisionError), store.begin() as work:  # noqa: PT012
        work.add_notice(id, "ivanov", "notify", "T", "t", "", LATER, id)
        save(work, id, id, 1, row.history, LATER, "ended", "won", 0, b"x", b"x")
        work.index(id, id, 1, effects, LATER)
        work.send(id, id, 1, [CallOut("mail", {}, 1, 1, 1, True)], LATER, 0)
        work.change_document(kept, {"name": "Насос"}, LATER, None, None, 0, None)
        work.add_document("deal", {}, LATER, None, None, 0)
        work.remember(id, "key", b"done", LATER)
        work.add_calendar(id, "ivanov", "T", LATER, LATER, None, id)
        work.new_instance(definition, None, AT, None)
        assert 1 / 0
    for one in (store, again()):
        assert (one.instances(), one.documents(), one.changes(), one.feed(deal.id)) == before
        assert one.tasks() == one.due(LATER) == one.watchers(deal.id) == one.outbox() == one.notices() == one.calendar() == []
        with one.begin() as work:
            assert work.worked(id, "key") is None


def test_it_says_whether_it_has_left_something_to_be_done(store: Store) -> None:
    with store.begin() as work:
        assert not work.left
        row = work.add_document("deal", {"name": "Труба"}, AT, None, None, 0)
        assert work.left
    with store.begin() as work:
        assert not work.left
        work.change_document(row, row.fields, AT, None, None, 0, "Заметка")
        assert not work.left
        work.send(1, 1, 1, [], AT, 0)
        assert not work.left
        work.send(1, 1, 1, [CallOut("mail", {}, 1, 1, 1, True)], AT, 0)
        assert work.left


# ── the index ───────────────────────────────────────────────────────────────────────────────────────────────────────
def index(store: Store, id: int, effects: Effects, at: datetime = AT) -> None:
    with store.begin() as work:
        work.index(id, id, 1, effects, at)


def test_tasks_open_change_and_close(store: Store, again: Again) -> None:
    people = (Assignee(User("ivanov")), Assignee(User("petrova"), User("boss")), Assignee(Role("clerk")), Assignee(Department("sales")))
    opened, effects = TaskRow(people, "ask", "Вопрос", LATER), Effects()
    put_row(effects.tasks, (4, 2), None, opened)
    index(store, 7, effects)
    rows = again().tasks()
    assert [row.party for row in rows] == ["department:sales", "role:clerk", "user:ivanov", "user:petrova"]
    assert {(row.id, row.node, row.subject, row.opened, row.due, row.overdue) for row in rows} == {("7.4.2", "ask", "Вопрос", AT, LATER, False)}
    assert [row.in_place_of for row in rows] == [None, None, None, "user:boss"]
    assert [row.party for row in store.tasks(["user:ivanov", "role:clerk", "user:nobody"])] == ["role:clerk", "user:ivanov"]
    assert store.tasks([]) == store.tasks(None, 8) == store.tasks(["user:ivanov"], 8) == []
    assert len(store.tasks(None, 7, limit=2)) == 2
    assert (store.open_tasks("user:ivanov"), store.open_tasks("user:boss")) == (1, 0)

    changed, effects = TaskRow(people[:1], "ask", "Вопрос снова", None, True), Effects()
    put_row(effects.tasks, (4, 2), opened, changed)
    index(store, 7, effects, LATER)
    (row,) = again().tasks()
    assert (row.party, row.subject, row.opened, row.due, row.overdue) == ("user:ivanov", "Вопрос снова", AT, None, True)
    claimed = replace(changed, people=(Assignee(User("ivanov"), User("boss"), Role("clerk")),))
    effects = Effects()
    put_row(effects.tasks, (4, 2), changed, claimed)
    index(store, 7, effects, LATER)
    (row,) = again().tasks()
    assert (row.party, row.in_place_of, row.claimed_of, row.opened) == ("user:ivanov", "user:boss", "role:clerk", AT)
    effects = Effects()
    put_row(effects.tasks, (4, 2), TaskRow(people[:1]), None)
    index(store, 7, effects)
    assert store.tasks() == []


def test_who_sees_a_task_finds_it_as_long_as_it_is_open(store: Store, again: Again) -> None:
    opened = TaskRow((Assignee(User("ivanov")),), "ask", "Вопрос", observers=(User("boss"), Role("clerk")))
    effects = Effects()
    put_row(effects.tasks, (4, 2), None, opened)
    put_row(effects.tasks, (5, 1), None, TaskRow((Assignee(User("boss")),), "other", "Другой"))
    index(store, 7, effects)
    assert [(row.id, row.party) for row in again().tasks(observers=["user:boss"])] == [("7.4.2", "user:ivanov")]
    assert [row.id for row in store.tasks(observers=["role:clerk", "user:boss"])] == ["7.4.2"]
    assert store.tasks(observers=["user:ivanov"]) == store.tasks(observers=[]) == store.tasks(None, 8, observers=["user:boss"]) == []
    effects = Effects()
    put_row(effects.tasks, (4, 2), opened, replace(opened, overdue=True))
    index(store, 7, effects)
    assert [row.overdue for row in store.tasks(observers=["user:boss"])] == [True]
    effects = Effects()
    put_row(effects.tasks, (4, 2), TaskRow(opened.people, observers=opened.observers), None)
    index(store, 7, effects)
    index(store, 7, Effects())
    assert store.tasks(observers=["user:boss"]) == []


def test_timers_are_due_in_their_order(store: Store) -> None:
    effects = Effects()
    for number, minutes in ((0, 5), (1, 3), (2, 9)):
        put_row(effects.timers, (1, number), None, AT + timedelta(minutes=minutes))
    index(store, 7, effects)
    assert store.next_due() == AT + timedelta(minutes=3)
    assert [(timer.instance, timer.holder, timer.arm) for timer in store.due(AT + timedelta(minutes=5))] == [(7, 1, 1), (7, 1, 0)]
    assert store.due(AT + timedelta(minutes=5) - timedelta(microseconds=1), 10)[0].arm == 1
    assert len(store.due(LATER, limit=2)) == 2
    effects = Effects()
    put_row(effects.timers, (1, 1), AT + timedelta(minutes=3), None)
    put_row(effects.timers, (1, 0), AT + timedelta(minutes=5), LATER)
    index(store, 7, effects)
    assert [(timer.arm, timer.due) for timer in store.due(LATER)] == [(2, AT + timedelta(minutes=9)), (0, LATER)]


def test_who_looks_at_a_document(store: Store) -> None:
    one, other = Document("deal", 1), Document("deal", 2)
    for instance, holder, about in ((7, 1, one), (7, 2, one), (8, 1, one), (8, 1, other)):
        effects = Effects()
        effects.watches[holder, about] = True
        index(store, instance, effects)
        index(store, instance, effects)
    assert (store.watchers(1), store.watchers(2), store.watchers(3)) == ([7, 8], [8], [])
    effects = Effects()
    effects.watches[1, one] = False
    index(store, 7, effects)
    index(store, 8, effects)
    assert (store.watchers(1), store.watchers(2)) == ([7], [8])


# ── what goes out, and what was done ────────────────────────────────────────────────────────────────────────────────
def test_calls_wait_in_the_outbox_until_they_are_sent(store: Store, again: Again) -> None:
    calls = [CallOut("mail", {"to": User("ivanov"), "sum": Decimal("1.50")}, 1, 1, 1, True), CallOut("sms", {}, 2, 1, 1, False)]
    with store.begin() as work:
        work.send(7, 3, 1, calls, AT, 5)
    rows = again().outbox()
    assert [(row.owner, row.instance, row.call, row.depth) for row in rows] == [(3, 7, call, 5) for call in calls]
    assert store.outbox(limit=1) == rows[:1]
    with store.begin() as work:
        assert work.sent(rows[0])
        assert not work.sent(rows[0])
    assert again().outbox() == rows[1:]


def test_a_number_that_is_given_again_is_another_call(store: Store) -> None:
    """Two programs send the same call; the slower one does not take away what has come since."""
    for token in (1, 2):
        with store.begin() as work:
            work.send(7, 7, 1, [CallOut("mail", {}, token, 1, 1, True)], AT, 0)
        (row,) = store.outbox()
        if token == 1:
            first = row
            with store.begin() as work:
                assert work.sent(row)
    with store.begin() as work:
        assert not work.sent(first)
    assert [row.call.token for row in store.outbox()] == [2]


def test_a_call_is_withdrawn(store: Store) -> None:
    with store.begin() as work:
        work.send(7, 7, 1, [CallOut("mail", {}, token, visit, 1, waits) for token, visit, waits in ((1, 1, True), (1, 2, True), (1, 1, False))], AT, 0)
        work.send(8, 8, 1, [CallOut("mail", {}, 1, 1, 1, True)], AT, 0)
    effects = Effects()
    effects.withdrawn.append((1, 1))
    index(store, 7, effects)
    assert [(row.instance, row.call.visit, row.call.wait) for row in store.outbox()] == [(7, 2, True), (7, 1, False), (8, 1, True)]


def test_what_was_done_is_remembered_by_owner_and_key(store: Store, again: Again) -> None:
    with store.begin() as work:
        assert work.worked(1, "7.1.1") is None
        work.remember(1, "7.1.1", b'{"sum": 5}', AT)
        assert work.worked(1, "7.1.1") == b'{"sum": 5}'
    with again().begin() as work:
        assert work.worked(1, "7.1.1") == b'{"sum": 5}'
        assert work.worked(2, "7.1.1") is None
        assert work.worked(1, "7.1.2") is None


# ── documents ───────────────────────────────────────────────────────────────────────────────────────────────────────
FIELDS: dict[str, Value] = {
    "name": "Труба «Ø 12»\n\u2028🙂",
    "sum": Decimal("10.50"),
    "count": 2**60,
    "done": False,
    "day": date(2026, 3, 2),
    "at": datetime(2026, 3, 2, 7, 0, 0, 1, tzinfo=UTC),
    "lasts": Duration(working_days=2),
    "status": Choice("open", "Открыта"),
    "who": [User("ivanov"), Department("sales"), Role("clerk")],
    "parent": Document("deal", 5),
    "parts": {"a": [1, None, "x"]},
}


def test_a_document_is_read_back_as_it_was_written(store: Store, again: Again) -> None:
    made = document(store, FIELDS)
    for row in (store.document(made.id), again().document(made.id), again().documents()[0]):
        assert row is not None
        assert (row.ref, row.owner, row.version, row.created, row.changed) == (made, made.id, 1, AT, AT)
        assert row.fields == FIELDS
        assert [type(value) for value in row.fields.values()] == [type(value) for value in FIELDS.values()]
    assert store.document(99) is None


def test_a_change_is_written_over_the_version_that_was_read(store: Store, again: Again) -> None:
    made = document(store, {"name": "Труба", "sum": 1})
    row = store.document(made.id)
    assert row is not None
    with store.begin() as work:
        changed = work.change_document(row, {"name": "Насос"}, LATER, "boss", None, 0, "Так надо")
    assert again().document(made.id) == changed
    assert (changed.version, changed.created, changed.changed, changed.fields) == (2, AT, LATER, {"name": "Насос"})
    with pytest.raises(Conflict), store.begin() as work:
        work.change_document(row, {"name": "Кран"}, LATER, None, None, 0, None)
    assert store.document(made.id) == changed
    assert [(line.version, line.at, line.by, line.note) for line in store.feed(made.id)] == [(1, AT, None, None), (2, LATER, "boss", "Так надо")]
    assert store.feed(made.id)[1].changes["name"] == "Насос"


def test_an_emptied_field_is_a_change(store: Store) -> None:
    made = document(store, {"name": "Труба", "sum": 1})
    row = store.document(made.id)
    assert row is not None
    with store.begin() as work:
        work.change_document(row, {"name": "Труба"}, LATER, "boss", None, 0, None)
    assert [change.version for change in store.changes()] == [1, 2]
    assert dict(store.feed(made.id)[1].changes) == {"sum": None}


def test_changes_wait_to_be_told_in_their_order(store: Store, again: Again) -> None:
    one, other = document(store, {"name": "Труба"}), document(store)
    row = store.document(one.id)
    assert row is not None
    with store.begin() as work:
        row = work.change_document(row, {"name": "Насос"}, LATER, "boss", "deal", 3, None)
        work.change_document(row, row.fields, LATER, "boss", "deal", 3, "только заметка")
    changes = again().changes()
    assert [(c.document, c.version, c.owner, c.by, c.cause, c.depth) for c in changes] == [
        (one, 1, one.id, None, None, 0),
        (other, 1, other.id, None, None, 0),
        (one, 2, one.id, "boss", "deal", 3),
    ]
    assert [dict(c.previous) for c in changes] == [{}, {}, {"name": "Труба"}]
    assert [c.version for c in store.changes(None, one.id)] == [1, 2]
    assert store.changes(1) == changes[:1]
    assert store.changes(after=changes[0].id) == changes[1:]
    with store.begin() as work:
        work.told(changes[0])
        work.told(changes[0])
    assert again().changes() == changes[1:]


def test_a_number_that_is_given_again_is_another_change(store: Store) -> None:
    made = document(store)
    (first,) = store.changes()
    with store.begin() as work:
        work.told(first)
    row = store.document(made.id)
    assert row is not None
    with store.begin() as work:
        work.change_document(row, {"name": "Насос"}, LATER, None, None, 0, None)
    with store.begin() as work:
        work.told(first)
    assert [change.version for change in store.changes()] == [2]


def test_documents_come_in_the_order_in_which_they_were_made(store: Store) -> None:
    with store.begin() as work:
        made = [work.add_document(type, {}, AT, None, None, 0).ref for type in ("deal", "bill", "deal", "deal")]
    assert [row.ref for row in store.documents()] == made
    assert [row.ref for row in store.documents("deal")] == [made[0], made[2], made[3]]
    assert [row.ref for row in store.documents("deal", 1, made[0].id)] == [made[2]]
    assert store.documents("no such") == []


# ── calendars and notices ───────────────────────────────────────────────────────────────────────────────────────────
def test_calendar_entries_come_by_time(store: Store, again: Again) -> None:
    with store.begin() as work:
        for person, at, instance in (("ivanov", LATER, 7), ("petrova", AT, 7), ("ivanov", AT, None)):
            work.add_calendar(1, person, "Встреча", at, at + timedelta(minutes=15), 900 if instance else None, instance)
    found = [(row.person, row.at, row.ends - row.at, row.remind_before, row.instance) for row in again().calendar()]
    quarter = timedelta(minutes=15)
    assert found == [("petrova", AT, quarter, 900, 7), ("ivanov", AT, quarter, None, None), ("ivanov", LATER, quarter, 900, 7)]
    assert [row.at for row in store.calendar("ivanov")] == [AT, LATER]
    assert [row.person for row in store.calendar(None, 7)] == ["petrova", "ivanov"]
    assert store.calendar("nobody") == []


def test_absences_are_read_back_the_last_entered_first(store: Store, again: Again) -> None:
    """Each change of any gives another mark, one that was broken off as well."""
    whole, open_ = NewAbsence("ivanov", date(2026, 3, 2), date(2026, 3, 8), "petrova", "отпуск"), NewAbsence("petrova", date(2026, 4, 1))
    marks = {store.absence_mark()}
    with store.begin() as work:
        work.enter_absence(1, whole, AT, key="1.1.1", by="boss", instance=1)
        marks.add(work.absence_mark())
        work.enter_absence(1, whole, AT, key="1.1.1", by="boss", instance=1)
        work.enter_absence(0, open_, LATER)
        marks.add(work.absence_mark())
    assert store.absences() == again().absences() == [AbsenceRow(2, open_, LATER, None, None), AbsenceRow(1, whole, AT, "boss", 1)]
    for broken in (True, False):
        with contextlib.suppress(ZeroDivisionError), store.begin() as work:
            work.end_absence(1, date(2026, 3, 4))
            marks.add(work.absence_mark())
            assert [row.absence.last for row in work.absences("ivanov")] == [date(2026, 3, 4)]
            assert 1 / (not broken)
    with store.begin() as work:
        work.end_absence(2, date(2026, 3, 31))
    assert [row.absence.person for row in again().absences()] == ["ivanov"]
    assert store.absence_mark() == again().absence_mark()
    assert len({*marks, store.absence_mark()}) == 6


def tell(work: Work, of: InstanceRow, at: datetime, *told: tuple[str, str]) -> None:
    """What happens to an instance gives people notices."""
    for person, text in told:
        work.add_notice(of.owner, person, "overdue", "Тема", text, "email", at, of.id)
    save(work, of.id, of.owner, of.revision, of.history, at, "running", None, 0, b"state", b"happened")


def test_notices_of_one_moment_are_told_apart(store: Store, again: Again) -> None:
    id = begun(store, deployed(store))
    for some in (range(12), range(12, 15)):  # no time passes between them
        with store.begin(id) as work:
            tell(work, row_of(store, id), AT, *(("ivanov", f"{number}") for number in some))
    assert [row.text for row in again().notices("ivanov")] == [f"{number}" for number in range(15)]
    assert store.notices("ivanov") == store.notices(None, id) == store.notices("ivanov", id)
    assert store.notices()[0] == NoticeRow("ivanov", "overdue", "Тема", "0", "email", AT, id)


def test_notices_are_found_by_person_and_by_instance(store: Store, again: Again) -> None:
    """Each once, however often somebody is told at one instant, and by whichever instances."""
    definition = deployed(store)
    one = begun(store, definition)
    other = begun(store, definition, owner=one)
    rows = row_of(store, one), row_of(store, other)
    with store.begin(one) as work:
        tell(work, rows[0], LATER, ("ivanov", "1"), ("ivanov", "2"), ("boss", "3"))
        tell(work, rows[1], LATER, ("ivanov", "4"))
    for at, told in ((LATER, [("ivanov", "5")]), (LATER + timedelta(hours=1), [("petrova", "6")]), (LATER + timedelta(hours=2), [])):
        with store.begin(one) as work:
            tell(work, row_of(store, one), at, *told)
    of = again()

    def texts(person: str | None = None, instance: int | None = None) -> str:
        return "".join(row.text for row in of.notices(person, instance))

    assert texts() == "312546"
    assert (texts("ivanov"), texts("boss"), texts("petrova"), texts("nobody")) == ("1254", "3", "6", "")
    assert (texts(None, one), texts(None, other), texts(None, other + 1)) == ("31256", "4", "")
    assert (texts("ivanov", one), texts("ivanov", other), texts("boss", other)) == ("125", "4", "")
    if isinstance(store, SqliteStore):
        assert told_by(store, one) == [None, '["ivanov","boss"]', '["ivanov"]', '["petrova"]', None]


def test_who_is_told_in_what_is_broken_off_is_forgotten(store: Store) -> None:
    """In a unit of work, and in one within the transaction of another."""
    id = begun(store, deployed(store))
    with contextlib.suppress(ZeroDivisionError), store.begin(id) as work:
        work.add_notice(id, "ivanov", "notify", "Тема", "", "", LATER, id)
        assert 1 / 0
    with store.begin(id) as work:
        tell(work, row_of(store, id), LATER, ("boss", "1"))
    with store.together() as joined:
        with contextlib.suppress(ZeroDivisionError), joined.begin(id) as work:
            work.add_notice(id, "petrova", "notify", "Тема", "", "", LATER, id)
            assert 1 / 0
        with joined.begin(id) as work:
            tell(work, row_of(joined, id), LATER, ("ivanov", "2"))
        with joined.begin(id) as work:
            tell(work, row_of(joined, id), LATER)
        assert [row.text for row in joined.notices(None, id)] == ["1", "2"]
    assert [(row.person, row.text) for row in store.notices(None, id)] == [("boss", "1"), ("ivanov", "2")]
    if isinstance(store, SqliteStore):
        assert told_by(store, id) == [None, '["boss"]', '["ivanov"]', None]


def told_by(store: SqliteStore, id: int) -> list[str | None]:
    """Whom the rows of the history of an instance have told, by which its notices are found."""
    return [told for (told,) in store._all("select told from history where instance = ? order by revision", id)]


# ── messages ────────────────────────────────────────────────────────────────────────────────────────────────────────
def listens(store: Store, id: int, *rows: tuple[int, str, Value], at: datetime = AT) -> None:
    """Tokens begin to wait for messages."""
    effects = Effects()
    for holder, name, key in rows:
        effects.listens[holder, 0] = Listen(name, key, 1)
    with store.begin(id) as work:
        work.index(id, id, 1, effects, at)


def send(store: Store, name: str = "paid", key: Value = 7, until: datetime | None = None, at: datetime = AT, owner: int = -3, **values: Value) -> MessageRow:
    with store.begin(owner) as work:
        work.messages.add(NewMessage(owner, name, key, values, at, until, 5, 2))
        assert work.left
    return store.messages()[-1]


def rest(store: Store, message: MessageRow) -> None:
    with store.begin(message.owner) as work:
        work.messages.rest(message)


def receiver(store: Store, message: MessageRow) -> int | None:
    found = store.receiver(message.id)
    return found.holder if found else None


def looks(store: Store) -> list[tuple[int, str, str | None]]:
    """What is to be looked at again, and is not from now on."""
    found = store.looks()
    for place, row in enumerate(found):
        assert store.looks(after=row.id) == found[place + 1 :]
    for row in found:
        with store.begin(row.owner) as work:
            work.messages.looked(row)
    return [(row.owner, row.name, row.key) for row in found]


def test_messages_are_kept_as_they_were_sent(store: Store, again: Again) -> None:
    values: dict[str, Value] = {"sum": Decimal("1.50"), "day": date(2026, 3, 2), "who": [User("ivanov")]}
    send(store, key=Document("deal", 3), until=LATER, **values)
    (row,) = again().messages()
    assert row[1:] == (-3, "paid", Document("deal", 3), values, True, AT, LATER, 5, 2, None, None)
    assert again().messages(fresh=True, limit=1) == again().messages(name="paid") == [row]
    assert again().messages(name="sent") == again().messages(name="paid", after=row.id) == again().messages(fresh=True, after=row.id) == []
    assert again().messages(fresh=True, after=row.id - 1) == again().messages(name="paid", after=row.id - 1) == [row]
    assert again().message(row.id) == row


def test_the_oldest_wait_for_the_name_and_the_key_is_the_receiver(store: Store) -> None:
    one, other = begun(store, deployed(store)), begun(store, deployed(store))
    listens(store, one, (3, "paid", 8), (4, "sent", 7), (5, "paid", None))
    message = send(store, key="7")
    assert receiver(store, message) is None
    listens(store, other, (9, "paid", 7))
    listens(store, one, (2, "paid", 7))
    assert receiver(store, message) == 9
    listens(store, other, (9, "paid", 7))
    assert receiver(store, message) == 2, "who waits anew stands at the end of the line"
    with store.begin(one) as work:
        work.messages.unlisten(one, 2, 0)
    assert receiver(store, message) == 9
    found = store.receiver(message.id)
    assert found is not None
    assert store.listening(found.id) == found
    store.set_aside(other, AT, "it broke")
    assert store.receiver(message.id) is store.listening(found.id) is None


def test_a_message_is_addressed_when_it_is_sent_if_somebody_waits(store: Store) -> None:
    one, other = begun(store, deployed(store)), begun(store, deployed(store))
    listens(store, other, (9, "paid", 7))
    listens(store, one, (2, "paid", 7))
    message = send(store)
    found = store.receiver(message.id)
    assert found is not None
    assert (message.receiver, message.listen, found.holder) == (other, found.id, 9)
    store.set_aside(other, AT, "it broke")
    assert send(store).receiver == one


def test_whoever_begins_to_wait_has_the_message_looked_at_again(store: Store) -> None:
    id = begun(store, deployed(store))
    message = send(store, until=LATER)
    rest(store, message)
    assert store.messages(fresh=True) == looks(store) == []
    listens(store, id, (1, "paid", 8))
    listens(store, id, (1, "paid", 7), at=LATER)
    assert store.wanted("paid", "7") is None
    looks(store)
    listens(store, id, (1, "paid", 7))
    assert looks(store) == [(id, "paid", "7")]
    assert store.wanted("paid", "7") == message._replace(fresh=False)
    assert store.wanted("paid", "8") is store.wanted("sent", "7") is None
    assert store.set_aside(id, AT, "it broke")
    assert store.wanted("paid", "7") is None
    with store.begin() as work:
        work.take_back(id)
    assert looks(store) == [(id, "paid", "7")]


def test_what_starts_by_a_message_has_those_that_are_kept_looked_at_again(store: Store) -> None:
    send(store, until=LATER)
    store.deploy("deal", "a", "{}", "", AT, (), ("paid",))
    assert (0, "paid", None) in looks(store)
    with store.begin(5) as work:
        work.messages.look(5, "paid", AT)
    assert (5, "paid", None) in looks(store)


def test_a_message_is_for_those_who_waited_while_it_was_kept(store: Store) -> None:
    id = begun(store, deployed(store))
    listens(store, id, (1, "paid", 7))
    transient, kept = send(store, until=AT), send(store, until=LATER)
    assert (receiver(store, transient), receiver(store, kept)) == (1, 1)
    listens(store, id, (1, "paid", 8))
    listens(store, id, (2, "paid", 7))
    assert (receiver(store, transient), receiver(store, kept)) == (None, 2)
    listens(store, id, (2, "paid", 7), at=LATER)
    assert receiver(store, kept) is None


def test_a_message_has_one_receiver_at_a_time(store: Store) -> None:
    id, message = begun(store, deployed(store)), send(store)
    rest(store, message)
    listens(store, id, (1, "paid", 7))
    found = store.receiver(message.id)
    assert found is not None
    with store.begin(message.owner) as work:
        work.messages.address(message, found)
        work.messages.address(message, None)
    (addressed,) = store.messages(fresh=True)
    assert (addressed.receiver, addressed.listen) == (id, found.id)
    rest(store, addressed)
    assert store.messages(fresh=True) == [addressed], "it has a receiver"
    assert store.wanted("paid", "7") is None
    with store.begin(id) as work:
        assert work.messages.stands(addressed)
        assert not work.messages.stands(message)
    with store.begin(message.owner) as work:
        work.messages.release(message)
        assert not work.messages.stands(addressed)
    assert store.message(message.id) == message


def test_an_instance_that_a_message_is_to_begin_has_its_number_beforehand(store: Store) -> None:
    definition, numbers = deployed(store), []
    for message in [send(store), send(store)]:
        with store.begin(message.owner) as work:
            work.messages.address(message, None)
        addressed = store.message(message.id)
        assert addressed is not None
        assert addressed.listen is None
        numbers.append(addressed.receiver)
    other = begun(store, definition)
    assert len({*numbers, other}) == 3
    with store.begin(numbers[0]) as work:
        assert work.new_instance(definition, None, AT, None, number=numbers[0]) == (numbers[0], numbers[0])


def test_a_message_is_taken_once_and_no_other_gets_its_number(store: Store) -> None:
    message = send(store)
    with store.begin(message.owner) as work:
        work.messages.take(message)
        work.messages.take(message)
    assert store.message(message.id) is None
    assert send(store).id > message.id


def test_messages_are_forgotten_when_their_time_is_over_and_nobody_is_to_look(store: Store) -> None:
    rows = [send(store, until=until) for until in (AT, LATER, None, AT)]
    send(store, until=AT, owner=-4)
    for row in store.messages():
        if row.id != rows[3].id:
            rest(store, row)
    with store.begin(-3) as work:
        assert work.messages.purge(-3, AT) == 1
    assert [(row.owner, row.id, row.fresh) for row in store.messages()][:3] == [(-3, rows[1].id, False), (-3, rows[2].id, False), (-3, rows[3].id, True)]
    assert [row.owner for row in store.messages()][3:] == [-4]


@pytest.mark.parametrize("key", [None, "", 0, 7, "7 ", True, Decimal("0.10"), [1], {"a": 1}, date(2026, 3, 2), AT, Duration(days=1)])
def test_a_key_is_found_by_its_text(store: Store, key: Value) -> None:
    id = begun(store, deployed(store))
    listens(store, id, (1, "paid", key))
    assert receiver(store, send(store, key=key)) == 1


# ── callers ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_called_instance_knows_its_caller_and_is_found_by_it(store: Store, again: Again) -> None:
    definition = deployed(store)
    top = begun(store, definition)
    with store.begin() as work:
        made = [work.new_instance(definition, None, AT, None, None, Caller(top, 4, visit, 1, 2)) for visit in (1, 2, 1)]
        ids = [one[0] for one in made if one]
        for id in ids:
            save(work, id, id, 0, None, AT, "running", None, 0, b"", b"")
    row = again().instance(ids[0])
    assert row is not None
    assert row.caller == Caller(top, 4, 1, 1, 2)
    assert store.instance(top).caller is None  # type: ignore[union-attr]
    with store.begin() as work:
        save(work, ids[2], ids[2], 1, None, AT, "failed", None, 0, b"", b"")
    assert [row.id for row in store.instances(status="failed")] == [ids[2]]
    assert [row.id for row in store.called_by(top)] == ids


def test_a_call_has_the_number_of_the_instance_that_begins_by_it(store: Store, again: Again) -> None:
    definition = deployed(store)
    top = begun(store, definition)
    calls = [CallOut(service, {}, 4, visit, 1, True) for service, visit in ((START, 1), (ALONE, 2), ("mail", 1))]
    with store.begin(top) as work:
        work.send(top, top, 1, calls, AT, 0)
    one, other, mail = again().outbox()
    assert len({top, one.call.to, other.call.to}) == 3
    assert mail.call.to == 0
    assert [row.concerns for row in (one, other, mail)] == [top] * 3
    assert begun(store, definition) not in (one.call.to, other.call.to)
    with store.begin(one.call.to) as work:
        assert work.stands(one)
        assert work.revision(one.call.to) is None
        assert work.new_instance(definition, None, AT, None, None, Caller(top, 4, 1, 1, 2), one.call.to) == (one.call.to, one.call.to)
    with store.begin(top) as work:
        assert work.sent(one)
        assert not work.stands(one)
        assert work.uncalled(top, 4, 1) == [one.call.to]
        assert work.uncalled(top, 4, 1) == work.uncalled(top, 5, 1) == []
        work.answered(other.call.to)
        assert work.uncalled(top, 4, 2) == []


def test_what_was_deployed_when_an_instance_began(store: Store) -> None:
    rows = [store.deploy("deal", digest, f"{{{digest}}}", "text", AT).id for digest in "ab"]
    begun(store, rows[0])
    other = store.deploy("other", "c", "{c}", "text", AT).id
    store.deploy("deal", "d", "{d}", "text", AT)
    began = store.instance(1)
    assert began is not None
    assert [row.id for row in [store.deployment("deal", began.deployed)] if row] == [rows[1]]
    assert [(row.id, row.version) for row in [store.deployment("deal")] if row] == [(rows[1] + 2, 3)]
    assert [row.id for row in [store.deployment("other", began.deployed)] if row] == [other], "the first that came later"
    assert store.deployment("none", began.deployed) is None


# ── schedules, suspended and set aside ──────────────────────────────────────────────────────────────────────────────
def test_schedules_are_those_of_the_last_definition(store: Store, again: Again) -> None:
    one, two = ScheduleRow("deal", 0, "UTC 0 9 * * *", LATER), ScheduleRow("deal", 2, "UTC 0 10 * * *", AT)
    store.deploy("deal", "a", "{}", "", AT, (one, two))
    assert again().schedules() == [two, one]
    assert store.schedules(AT) == [two]
    assert store.next_due() == AT
    store.deploy("deal", "b", "{}", "", AT, (one._replace(due=AT), two._replace(cron="UTC 1 1 * * *", due=LATER)))
    assert store.schedules() == [one, two._replace(cron="UTC 1 1 * * *", due=LATER)]
    store.deploy("other", "c", "{}", "", AT, (one._replace(process="other"),))
    store.deploy("deal", "d", "{}", "", AT)
    assert store.schedules() == [one._replace(process="other")]
    assert store.undeploy("other")
    assert not store.undeploy("other")
    assert (store.schedules(), store.next_due(), [row.process for row in again().deployed()]) == ([], None, ["deal"])


def test_a_schedule_moves_on_once(store: Store) -> None:
    row = ScheduleRow("deal", 0, "UTC 0 9 * * *", AT)
    store.deploy("deal", "a", "{}", "", AT, (row,))
    with store.begin() as work:
        assert work.reschedule(row, LATER)
        assert not work.reschedule(row, LATER)
    assert store.schedules() == [row._replace(due=LATER)]
    with store.begin() as work:
        assert not work.reschedule(row._replace(due=LATER, cron="UTC 0 8 * * *"), None)
        assert work.reschedule(row._replace(due=LATER), None)
    assert store.schedules() == []


def saved(store: Store, id: int, status: str) -> None:
    row = store.instance(id)
    assert row is not None
    with store.begin() as work:
        save(work, id, row.owner, row.revision, row.history, LATER, status, None, 0, b"", b"")


def test_a_suspended_instance_has_not_ended_and_its_calls_wait(store: Store, again: Again) -> None:
    id = begun(store, deployed(store), exclusive="deal/1")
    with store.begin() as work:
        work.send(id, id, 1, [CallOut("mail", {}, 1, 1, 1, True)], AT, 0)
    saved(store, id, "suspended")
    row = again().instance(id)
    assert row is not None
    assert (row.status, row.ended, store.outbox()) == ("suspended", None, [])
    with store.begin() as work:
        assert work.new_instance(row.definition, None, AT, "deal/1") is None, "it has not let go of its document"
    saved(store, id, "running")
    assert [row.instance for row in again().outbox()] == [id]
    assert [row.status for row in store.instances()] == ["running"]


def test_nobody_sees_what_is_set_aside_until_it_is_taken_back(store: Store, again: Again) -> None:
    id, deal = begun(store, deployed(store)), document(store)
    effects = Effects()
    put_row(effects.timers, (1, 0), None, AT)
    effects.watches[1, deal] = effects.watches[2, deal] = True
    with store.begin() as work:
        work.index(id, id, 1, effects, AT)
        work.send(id, id, 1, [CallOut("mail", {}, 1, 1, 1, True)], AT, 0)

    def seen() -> tuple[int, int, int, bool]:
        other = again()
        return len(other.due(LATER)), len(other.outbox()), len(other.watchers(deal.id)), other.next_due() is not None

    assert seen() == (1, 1, 1, True)
    assert store.set_aside(id, AT, "first")
    assert store.set_aside(id, LATER, "again")
    assert seen() == (0, 0, 0, False)
    assert again().aside() == [AsideRow(id, LATER, "again")]
    assert [row.id for row in store.instances(incidents=True)] == [id]
    assert [row.ref for row in store.watched(id)] == [deal]
    with store.begin() as work:
        assert (work.take_back(id), work.take_back(id)) == (True, False)
    assert (seen(), store.aside()) == ((1, 1, 1, True), [])
    assert not store.set_aside(id + 7, AT, "nobody")
