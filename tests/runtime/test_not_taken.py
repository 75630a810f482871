"""What a database does not take: it concerns the instance whose it is, and nobody else; and a worker that cannot write at all tries less and less often."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from bpflow.diagnostics import Refused
from bpflow.runtime import Engine, VirtualClock, open_engine
from bpflow.stores import mail
from bpflow.stores.mail import LONGEST, findable, key_text
from bpflow.stores.sqlite import SqliteStore
from tests.runtime.test_workers import Running, ended, pausing, until

LONG = "".join(map(chr, random.Random(1).choices(range(0x4E00, 0x9FA5), k=6000)))
"""More than an index of PostgreSQL takes, and nothing by which it could be made shorter."""
WAITING = """
id: waits
title: Ждёт
inputs: {k: {type: text}}
steps:
  - {activity: pause, for: 1h}
  - {id: sent, activity: wait-message, message: paid, key: k}
  - {activity: end, result: paid}
"""
Deploy = Callable[[Engine, str], object]


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(request.getfixturevalue("database")) if request.param == "postgres" else f"sqlite:///{tmp_path}/bpflow.db?sync=normal"


def test_a_text_is_found_by_its_beginning_and_a_digest() -> None:
    assert findable("x" * LONGEST) == "x" * LONGEST
    assert len(findable(LONG).encode()) < 700
    assert len({findable(LONG), findable(LONG + "x"), findable(LONG[:-1]), key_text(LONG[1:])}) == 4
    assert key_text(LONG) == findable(LONG)


def test_keys_may_be_long(url: str, clock: VirtualClock, deploy: Deploy) -> None:
    with open_engine(url, clock=clock) as engine:
        deploy(engine, WAITING)
        first, other = (engine.start("waits", inputs={"k": key}, key=key) for key in (LONG, LONG + "x"))
        assert engine.start("waits", inputs={"k": LONG}, key=LONG) == first
        clock.forward(timedelta(hours=1))
        engine.work()
        for _ in range(2):
            engine.send_message("paid", LONG + "x", id=LONG)
        engine.work()
        assert [engine.instance(id).row.result for id in (first, other)] == [None, "paid"]
        assert engine.verify_store().differences == 0


def test_what_the_server_does_not_take_holds_up_no_other(database: str, clock: VirtualClock, deploy: Deploy, monkeypatch: pytest.MonkeyPatch) -> None:
    """An instance whose row it refuses is set aside, and says why; a call is refused, and nothing has changed."""
    monkeypatch.setattr(mail, "findable", lambda text: text)
    with open_engine(database, clock=clock) as engine:
        deploy(engine, WAITING)
        bad, *others = (engine.start("waits", inputs={"k": key}) for key in (LONG, *"abcde"))
        clock.forward(timedelta(hours=1))
        with Running(engine.worker()):
            until(lambda: len(engine.store.aside()) == 1 and engine.store.next_due() is None)
        (aside,) = engine.store.aside()
        assert aside.instance == bad
        assert "does not take what was to be written; nothing was changed: index row" in aside.reason
        for id in others:
            assert engine.instance(id).where[0].path == "sent"
        with pytest.raises(Refused, match="does not take what was to be written"):
            engine.send_message("paid", LONG)


def test_a_worker_that_cannot_write_tries_less_and_less_often(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What it has tried itself, and what was taken back, does not wake it."""
    told = caplog.records
    with open_engine(f"sqlite:///{tmp_path}/bpflow.db") as engine:
        engine.deploy_graph(pausing("pauses"))
        worker = engine.worker()
        with Running(worker):
            until(lambda: engine.store.workers() and engine.store.workers()[0].slots)
            engine.start_many("pauses", [{}] * 20)
            store = engine.store
            assert isinstance(store, SqliteStore)
            ((pages,),) = store._all("pragma page_count")
            store._all(f"pragma max_page_count = {pages}")
            until(lambda: told)
            time.sleep(2.0)
            assert len(told) < 6
            assert "there is no room left" in told[0].getMessage()
            store._all("pragma max_page_count = 1000000")
            until(lambda: ended(engine, 20))
