"""What only a server can do to a store: cut its connections, keep no NUL, have others at work."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from bpflow.stores import open_store
from bpflow.stores.contract import Conflict, Store, StoreError
from tests.postgres import plain
from tests.stores.conftest import AT


@pytest.fixture
def store(stored: str) -> Iterator[Store]:
    with closing(open_store(stored)) as store:
        yield store


def cut(url: str) -> None:
    """Ends every connection of the database, as an operator does."""
    with psycopg.connect(plain(url), autocommit=True) as db:
        db.execute("select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = current_database() and pid != pg_backend_pid()")


def test_a_connection_that_is_cut_has_changed_nothing_and_another_takes_its_place(store: Store, stored: str) -> None:
    with pytest.raises(StoreError, match="was lost; nothing was changed"), store.begin() as work:  # noqa: PT012
        work.add_document("deal", {"name": "Труба"}, AT, None, None, 0)
        cut(stored)
        work.document(17)
    assert store.documents() == []
    cut(stored)  # while nobody uses it
    assert store.documents() == []
    with store.begin() as work:
        work.add_document("deal", {"name": "Труба"}, AT, None, None, 0)
    assert len(store.documents()) == 1


def test_what_has_failed_is_broken_off_whatever_is_caught_on_the_way(store: Store) -> None:
    with store.begin() as work:
        row = work.add_document("deal", {"name": "Труба"}, AT, None, None, 0)
    stale = row
    with store.begin() as work:
        row = work.change_document(row, {"name": "Насос"}, AT, None, None, 0, None)
    with pytest.raises(Conflict), store.begin() as work:  # noqa: PT012
        work.change_document(stale, {"name": "Кран"}, AT, None, None, 0, None)
        with pytest.raises(Conflict):
            work.running("deal/1")
    assert store.document(row.ref.id) == row


def test_text_with_a_nul_is_kept(store: Store) -> None:
    with store.begin() as work:
        work.add_notice(1, "ivanov", "notify", "a\0b", "\0", "", AT, 1)
        deal = work.add_document("deal", {"name": "a\0b"}, AT, None, None, 0)
    assert [(row.title, row.text) for row in store.notices()] == [("a\0b", "\0")]
    assert store.document(deal.ref.id) == deal


def test_who_reads_in_a_unit_of_work_needs_no_second_connection(stored: str) -> None:
    with closing(open_store(f"{stored}&connections=1")) as store:
        with store.begin() as work:
            deal = work.add_document("deal", {}, AT, None, None, 0)
            assert store.documents() == [deal]
        assert store.documents() == [deal]


def test_statements_need_not_be_kept_in_the_server(stored: str) -> None:
    with closing(open_store(f"{stored}&prepare=no")) as store:
        with store.begin() as work:
            deal = work.add_document("deal", {"name": "Труба"}, AT, None, None, 0)
        assert store.documents("deal") == [deal]
        assert store.tasks(["user:ivanov"]) == []
    with psycopg.connect(plain(stored)) as db:
        assert db.execute("select count(*) from pg_prepared_statements").fetchone() == (0,)


def test_units_of_work_of_one_owner_come_one_after_the_other(store: Store) -> None:
    """Whatever the isolation that the database is set to."""
    with store.begin() as work:
        id = work.add_document("counter", {"n": 0}, AT, None, None, 0).ref.id
    failed: list[BaseException] = []

    def count() -> None:
        try:
            for _ in range(10):
                with store.begin() as work:
                    row = work.document(id)
                    assert row is not None
                    n = row.fields["n"]
                    assert isinstance(n, int)
                    work.change_document(row, {"n": n + 1}, AT, None, None, 0, None)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    row = store.document(id)
    assert row is not None
    assert (failed, row.fields, row.version) == ([], {"n": 40}, 41)
