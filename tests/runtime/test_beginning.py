"""Starts with a key, and many starts at once."""

from __future__ import annotations

import pytest

from bpflow.diagnostics import Refused
from bpflow.runtime import Engine, NotStarted


def test_a_key_starts_once(engine: Engine) -> None:
    first = engine.start("plain", inputs={"who": "boss"}, key="order 17")
    assert engine.start("plain", key="order 17") == first
    engine.cancel(first)
    assert engine.start("plain", key="order 17") == first
    assert engine.start("plain", key="order 18") != first
    assert engine.start("plain") != first
    assert len(engine.instances()) == 3


def test_a_key_is_that_of_a_document(engine: Engine) -> None:
    deals = [engine.create_document("deal", {"name": name, "status": "open", "responsible": "boss"}) for name in ("А", "Б")]
    one, other = (engine.start("ask", document=deal, key="k") for deal in deals)
    assert one != other
    assert engine.start("ask", document=deals[0], key="k") == one
    with pytest.raises(Refused, match="runs on"):
        engine.start("ask", document=deals[0], key="another")


def test_a_refused_start_leaves_its_key_free(engine: Engine) -> None:
    with pytest.raises(Refused):
        engine.start("plain", inputs={"who": "nobody knows", "what": 1}, key="k")
    assert engine.start("plain", key="k") == engine.start("plain", key="k")


def test_many_on_documents(engine: Engine) -> None:
    deals = [engine.create_document("deal", {"name": str(n), "status": "open", "responsible": "boss"}) for n in range(5)]
    told: list[int] = []
    begun = engine.start_many("ask", documents=deals, batch=2, progress=told.append)
    assert [engine.instance(id).row.document for id in begun] == deals
    assert told == [2, 4, 5]


def test_what_was_broken_off_is_called_again(engine: Engine) -> None:
    inputs: list[dict[str, object]] = [{"who": "boss"} for _ in range(10)]
    keys = [f"row {n}" for n in range(10)]
    inputs[7] = {"who": 7}
    with pytest.raises(NotStarted, match=r"start 8: \"who\": ") as broken:
        engine.start_many("plain", inputs, keys=keys, batch=3)
    assert (broken.value.number, len(broken.value.begun)) == (8, 6)
    assert [row.id for row in engine.instances()] == broken.value.begun
    inputs[7] = {"who": "boss"}
    begun = engine.start_many("plain", inputs, keys=keys, batch=3)
    assert begun[:6] == broken.value.begun
    assert [row.id for row in engine.instances()] == begun
    assert len(set(begun)) == 10


def test_as_many_of_one_as_of_the_other(engine: Engine) -> None:
    with pytest.raises(Refused, match="as many inputs"):
        engine.start_many("plain", [{}, {}], keys=["a"], batch=1)
    assert engine.start_many("plain") == []
    assert engine.start_many("plain", [], keys=[]) == []
    assert engine.start_many("plain", keys=iter(["a", "b"])) == [row.id for row in engine.instances()][-2:]


def test_a_batch_is_begun_or_not(engine: Engine) -> None:
    with pytest.raises(NotStarted) as broken:
        engine.start_many("plain", [{}, {}, {"who": 5}])
    assert broken.value.begun == []
    assert engine.instances() == []
    assert engine.tasks() == []
    assert engine.start_many("plain", [{}]) == [row.id for row in engine.instances()]
