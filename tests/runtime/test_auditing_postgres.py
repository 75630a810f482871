"""The same on PostgreSQL: what is changed by SQL is found, purges are archived and sealed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from bpflow.loading import LoadedWorkspace
from bpflow.runtime import Engine, VirtualClock, open_engine
from tests.runtime.test_auditing import flaws, prepare

KEY = b"a key that nobody can guess"


@pytest.fixture
def engine(database: str, workspace: LoadedWorkspace, clock: VirtualClock) -> Iterator[Engine]:
    with open_engine(database, workspace, clock, history_key=KEY) as engine:
        engine.deploy_workspace()
        prepare(engine)
        yield engine


def test_what_was_tampered_with_is_found_and_what_is_sound_is_purged(engine: Engine, database: str, clock: VirtualClock, tmp_path: Path) -> None:
    first, second, third = (row.id for row in engine.instances())
    heads, archive = tmp_path / "heads", tmp_path / "archive.jsonl"
    assert flaws(engine, replay=True, heads=heads) == []
    clock.forward(timedelta(days=200))

    def sql(*statements: str) -> None:
        with psycopg.connect(database, autocommit=True) as other:
            for statement in statements:
                assert other.execute(statement.encode()).rowcount > 0

    def undone(change: str, back: str) -> list[tuple[int | None, int | None, str]]:
        sql(change)
        found = flaws(engine)
        sql(back)
        return found

    at = "update bpflow.history set at = at {} 1 where instance = %d and revision = 2" % first  # noqa: UP031
    assert undone(at.format("+"), at.format("-")) == [(first, 2, "changed")]
    swap = f"update bpflow.history set revision = case revision when 2 then 9 when 9 then 2 else revision end where instance = {first}"
    assert undone(swap, swap) == [(first, 9, "stray"), (first, 2, "missing")]
    status = "update bpflow.instance set status = {} where id = %d" % third  # noqa: UP031
    assert undone(status.format(2), status.format(0)) == [(third, 2, "state")]
    insert = "insert into bpflow.history (owner, instance, revision, at, link, data) values (77, 77, 1, 0, '', '')"
    assert undone(insert, "delete from bpflow.history where instance = 77") == [(77, 1, "stray")]
    assert flaws(engine, replay=True, heads=heads) == []
    before = engine.timeline(first)
    assert engine.purge(timedelta(days=180), archive=archive).instances == {"plain": 1}
    assert engine.archived(archive, first)[1] == before
    assert engine.verify_archive(archive, replay=True).flaws == []
    assert flaws(engine, replay=True, heads=heads) == []
    assert [row.id for row in engine.instances()] == [second, third]
    sql(f"delete from bpflow.purged where instance = {first}", f"delete from bpflow.history where instance = {third} and revision = 2")
    assert flaws(engine, heads=heads) == [(first, None, "lost"), (third, 2, "missing"), (third, 2, "state")]
