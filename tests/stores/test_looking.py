"""What services look up: documents by values, open tasks by person, turns."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bpflow.expressions.data import Choice, Document, User, Value
from bpflow.expressions.operations import equal
from bpflow.stores import open_store
from bpflow.stores.contract import Store
from tests.stores.conftest import AT

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5) | st.sampled_from(["1", "true", "null", '"', "$u", "a\0b", "ё", "é", "é", "1.0"])
CHOICES = st.builds(Choice, WORDS, WORDS)
DOCUMENTS = st.builds(Document, st.sampled_from(["deal", "order"]), st.integers(1, 9))
VALUES: st.SearchStrategy[Value] = st.one_of(st.none(), st.booleans(), st.integers(-3, 3), WORDS, CHOICES, st.builds(User, WORDS), DOCUMENTS)


@given(st.lists(VALUES, min_size=1, max_size=8), VALUES)
def test_a_value_that_is_asked_for_never_leaves_out_a_document_that_has_it(values: list[Value], asked: Value) -> None:
    store = open_store(":memory:")
    with store.begin() as work:
        made = [work.add_document("deal", {"имя": value} if value is not None else {}, AT, None, None, 0) for value in values]
        for wanted in (asked, values[0]):
            if wanted is not None:
                found = {row.ref.id for row in work.matching("deal", {"имя": wanted})}
                assert found >= {row.ref.id for row, value in zip(made, values, strict=True) if equal(value, wanted)}
    store.close()


def test_what_differs_is_left_out(store: Store) -> None:
    with store.begin() as work:
        values: list[Value] = ["open", Choice("open", "Открыта"), Choice("won", "open"), User("open"), None]
        made = [work.add_document("deal", {"status": value, "other": "x"} if value else {}, AT, None, None, 0).ref for value in values]
        work.add_document("order", {"status": "open"}, AT, None, None, 0)
        assert [row.ref for row in work.matching("deal", {"status": "open"})] == made[:2]
        assert [row.ref for row in work.matching("deal", {"status": User("open")})] == [made[3]]
        assert [row.ref for row in work.matching("deal", {"status": "open", "other": "y"})] == []
        assert [row.ref for row in work.matching("deal", {})] == made


def test_a_document_of_an_owner(store: Store) -> None:
    with store.begin() as work:
        own = work.add_document("deal", {}, AT, None, None, 0)
        other = work.add_document("deal", {}, AT, None, None, 0, own.ref.id)
    assert (own.owner, other.owner) == (own.ref.id, own.ref.id)
    assert store.document(other.ref.id) == other


def test_turns_are_taken_by_name(store: Store) -> None:
    with store.begin() as work:
        for person in ("anna", "boris", "anna"):
            work.take_turn("p/pick", person)
        work.take_turn("p/other", "boris")
        assert work.turns("p/pick") == {"anna": 3, "boris": 2}
        assert work.turns("p/other") == {"boris": 1}
        assert work.open_tasks_of([User("anna")]) == {}
