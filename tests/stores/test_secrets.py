"""Secrets in every store: kept by their handles, of whichever owner, and not where it was rolled back."""

from __future__ import annotations

from contextlib import AbstractContextManager

import pytest

from bpflow.stores.contract import Store, Work
from tests.stores.conftest import AT


def test_a_value_is_kept_by_its_handle(store: Store) -> None:
    with store.begin() as work:
        work.keep_secret(7, 2**61 + 1, b"\x00one", AT, 7)
        assert work.secret(2**61 + 1) == b"\x00one"
    with store.begin() as work:
        work.keep_secret(8, 5, b"\x01two\xff", AT, None)
    assert [store.secret(handle) for handle in (2**61 + 1, 5, 6)] == [b"\x00one", b"\x01two\xff", None]


def broken(begun: AbstractContextManager[Work], handle: int) -> None:
    """A unit of work that keeps something and fails."""
    with begun as work:
        work.keep_secret(7, handle, b"broken", AT, 7)
        raise ZeroDivisionError


def kept(store: Store, handle: int) -> None:
    with store.begin() as work:
        work.keep_secret(handle, handle, b"kept", AT, 7)


def broken_together(store: Store) -> None:
    with store.together() as joined:
        kept(joined, 1)
        raise ZeroDivisionError


def test_what_was_rolled_back_is_not_kept(store: Store) -> None:
    with pytest.raises(ZeroDivisionError):
        broken(store.begin(), 1)
    assert store.secret(1) is None


def test_units_of_work_together(store: Store) -> None:
    """All of them, or none; and one that fails by itself goes back by itself."""
    with pytest.raises(ZeroDivisionError):
        broken_together(store)
    assert store.secret(1) is None
    with store.together() as joined:
        kept(joined, 1)
        with pytest.raises(ZeroDivisionError):
            broken(joined.begin(), 2)
        assert (joined.secret(1), joined.secret(2)) == (b"kept", None)
        with joined.together() as inner:
            kept(inner, 3)
    assert [store.secret(handle) for handle in (1, 2, 3)] == [b"kept", None, b"kept"]
