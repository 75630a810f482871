"""Histories that were tampered with: whatever is changed, left out, added or moved by SQL is found, and where."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from bpflow.diagnostics import Refused
from bpflow.engine.transition import UnexpectedEvent
from bpflow.loading import LoadedWorkspace
from bpflow.runtime import Engine, VirtualClock, open_engine
from bpflow.runtime.chain import KEY, KEY_FILE, Chain, key_in
from bpflow.stores.contract import StoreError
from tests.runtime.looking import dump

pytestmark = pytest.mark.sqlite
Sql = Callable[..., None]
KEY_OF_TESTS = b"a key that nobody can guess"
MONDAY = datetime.fromisoformat("2026-03-02T10:00+03:00")
COLUMNS = "owner, instance, revision, previous, at, link, data"


@pytest.fixture(params=[None, KEY_OF_TESTS], ids=["plain", "keyed"])
def key(request: pytest.FixtureRequest) -> bytes | None:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def prepared(workspace: LoadedWorkspace, tmp_path_factory: pytest.TempPathFactory) -> dict[bytes | None, Path]:
    """The databases, by key."""
    found = {}
    for key in (None, KEY_OF_TESTS):
        found[key] = tmp_path_factory.mktemp("prepared") / "bpflow.db"
        with open_engine(str(found[key]), workspace, VirtualClock(MONDAY), history_key=key) as engine:
            engine.deploy_workspace()
            prepare(engine)
    return found


@pytest.fixture
def engine(prepared: dict[bytes | None, Path], workspace: LoadedWorkspace, db: Path, clock: VirtualClock, key: bytes | None) -> Iterator[Engine]:
    """Three instances: one that has ended, two that run; the second has a document."""
    shutil.copy(prepared[key], db)
    with open_engine(str(db), workspace, clock, history_key=key) as engine:
        yield engine


def prepare(engine: Engine) -> None:
    ended = engine.start("plain", by="boss")
    deal = engine.create_document("deal", {"name": "Труба", "status": "open", "responsible": "ivanov"})
    engine.start("ask", document=deal, by="ivanov")
    last = engine.start("plain", by="boss")
    for id in (ended, ended, last):
        answer(engine, id)
    assert [row.status for row in engine.instances()] == ["ended", "running", "running"]


def answer(engine: Engine, id: int) -> None:
    task = engine.tasks(instance=id)[0]
    outcome = engine.task(task.id).outcomes[0]
    engine.answer(task.id, by="boss", values={"parts": 3} if "parts" in dict(outcome.fields) else {})


@pytest.fixture
def sql(db: Path) -> Sql:
    """Somebody who can write to the database."""

    def sql(*statements: str) -> None:
        with sqlite3.connect(db) as other:
            for statement in statements:
                assert other.execute(statement).rowcount > 0
        other.close()

    return sql


def flaws(engine: Engine, **how: object) -> list[tuple[int | None, int | None, str]]:
    return [(flaw.instance, flaw.revision, flaw.kind) for flaw in engine.verify_history(**how).flaws]  # type: ignore[arg-type]


def test_what_nobody_has_touched_is_sound(engine: Engine) -> None:
    done = engine.verify_history(replay=True)
    assert (done.instances, done.rows, done.purged, done.flaws) == (3, 6, 0, [])
    assert engine.verify_history("plain").instances == 2
    assert engine.verify_history(instance=2).instances == 1
    with pytest.raises(Refused, match=r'the process "plan" was never deployed — did you mean "plain"\?'):
        engine.verify_history("plan")
    with pytest.raises(UnexpectedEvent, match="there is no instance 9"):
        engine.verify_history(instance=9)


SECOND = "(select id from history where instance = 1 and revision = 2)"


@pytest.mark.parametrize(
    "statements, found",
    [
        # a row changed: its data, its time, whose it is
        (["update history set data = cast(replace(cast(data as text), 'boss', 'gone') as blob) where instance = 1 and revision = 1"], [(1, 1, "changed")]),
        (["update history set data = cast(data as text) where instance = 1 and revision = 1"], [(1, 1, "changed")]),
        (["update history set at = 'yesterday' where instance = 1 and revision = 2"], [(1, None, "unreadable")]),
        (["update history set at = at - 1 where instance = 3 and revision = 2"], [(3, 2, "changed")]),
        (["update history set link = zeroblob(16) where instance = 1 and revision = 2"], [(1, 2, "changed"), (1, 3, "changed")]),
        # the last link belongs to the state too
        (["update history set link = zeroblob(16) where instance = 3 and revision = 2"], [(3, 2, "changed"), (3, 2, "state")]),
        # a row missing: in the middle, as if there was none before, at the end
        (
            [
                f"update history set previous = (select previous from history where id = {SECOND}) where previous = {SECOND}",
                "delete from history where instance = 1 and revision = 2",
            ],
            [(1, 2, "missing")],
        ),
        (["delete from history where instance = 1 and revision = 1"], [(1, 1, "missing")]),
        (["delete from history where instance = 3 and revision = 2"], [(3, 1, "missing"), (3, 2, "missing")]),
        (["update instance set history = (select previous from history h where h.id = instance.history) where id = 3"], [(3, 2, "missing"), (3, 2, "state")]),
        # cut off with the revision: what is left is older than the state
        (
            ["update instance set revision = 1, history = (select previous from history h where h.id = instance.history) where id = 3"],
            [(3, 2, "stray"), (3, 1, "state")],
        ),
        # a row inserted: in the chain, beside it, of nobody
        (
            [
                f"insert into history ({COLUMNS}) select owner, instance, 4, id, at, link, data from history where instance = 1 and revision = 3",
                "update instance set revision = 4, history = (select max(id) from history) where id = 1",
            ],
            [(1, 4, "changed")],
        ),
        ([f"insert into history ({COLUMNS}) select owner, instance, 2, id, at, link, data from history where instance = 2"], [(2, 2, "stray")]),
        ([f"insert into history ({COLUMNS}) values (8, 8, 1, null, 0, x'', x'')"], [(8, 1, "stray")]),
        # two rows that have changed places
        (
            ["update history set revision = 5 - revision where instance = 1 and revision in (2, 3)"],
            [(1, 2, "changed"), (1, 3, "changed")],
        ),
        # the row of one instance put in for that of another
        (["update history set data = (select data from history where instance = 2) where instance = 1 and revision = 2"], [(1, 2, "changed")]),
        # the state, and what the row of the instance says
        (["update instance set state = cast(replace(cast(state as text), '[1,0,', '[1,1,') as blob) where id = 3"], [(3, 2, "state")]),
        (["update instance set state = cast(state as text) where id = 3"], [(3, 2, "state")]),
        (["update instance set seal = zeroblob(16) where id = 2"], [(2, 1, "state")]),
        (["update instance set status = 2 where id = 3"], [(3, 2, "state")]),
        (["update instance set result = 'won' where id = 1"], [(1, 3, "state")]),
        (["update instance set ended = ended - 1 where id = 1"], [(1, 3, "state")]),
        (["update instance set incidents = 1 where id = 2"], [(2, 1, "state")]),
        (["update instance set owner = 1 where id = 3"], [(3, 1, "changed"), (3, 2, "changed")]),
    ],
)  # fmt: skip
def test_what_was_tampered_with_is_found(engine: Engine, sql: Sql, statements: list[str], found: list[tuple[int, int, str]]) -> None:
    sql(*statements)
    assert flaws(engine) == found


def test_another_graph_is_found(engine: Engine, sql: Sql) -> None:
    sql("update definition set graph = replace(graph, '30d', '31d') where process = 'plain'")
    fresh = open_engine(str(engine.store.path), history_key=KEY_OF_TESTS if engine.runner.chain.keyed else None)  # type: ignore[attr-defined]
    assert flaws(fresh) == [(None, None, "definition")]
    fresh.close()
    sql("update definition set graph = replace(graph, '31d', '30d') where process = 'plain'")
    sql("update instance set definition = (select definition from instance where id = 2) where id = 1")
    assert (1, 1, "changed") in flaws(engine)


def test_another_document_is_found_by_replay(engine: Engine, sql: Sql) -> None:
    other = engine.create_document("deal", {"name": "Кран", "status": "new"})
    assert flaws(engine, replay=True) == []
    sql(f"update instance set document = {other.id} where id = 2")
    assert flaws(engine, replay=True) == [(2, 1, "state")]


def test_another_beginning_is_found_by_replay(engine: Engine, sql: Sql) -> None:
    sql("update instance set started = started - 1 where id = 1")
    assert flaws(engine) == []
    assert flaws(engine, replay=True) == [(1, 1, "state")]


def forge(engine: Engine, db: Path, chain: Chain) -> None:
    """Somebody who knows how links are made changes who answered, and makes all links anew."""
    with sqlite3.connect(db) as other:
        sound = chain.origin(other.execute("select digest from definition d join instance i on i.definition = d.id where i.id = 1").fetchone()[0])
        for id, revision, at, data in other.execute("select id, revision, at, data from history where instance = 1 order by revision").fetchall():
            data = data.replace(b"boss", b"gone")
            sound = chain.link(sound, 1, 1, revision, at, data)
            other.execute("update history set data = ?, link = ? where id = ?", (data, sound, id))
        root = other.execute("select state from instance where id = 1").fetchone()[0].replace(b"boss", b"gone")
        other.execute("update instance set state = ?, seal = ? where id = 1", (root, chain.seal(sound, root)))
    other.close()


def test_without_the_key_no_chain_can_be_made_anew(engine: Engine, db: Path, key: bytes | None) -> None:
    forge(engine, db, Chain())
    if key is None:
        assert flaws(engine) == []  # that is what the heads are for
    else:
        assert {found[0] for found in flaws(engine)} == {1}
        assert (1, 1, "changed") in flaws(engine)


# ── heads ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_heads_are_kept_outside_and_must_still_be_so(engine: Engine, db: Path, tmp_path: Path, sql: Sql) -> None:
    heads = tmp_path / "heads"
    assert flaws(engine, heads=heads) == []
    before = heads.read_text(encoding="utf-8")
    assert [line.split()[:2] for line in before.splitlines()[1:]] == [["1", "3"], ["2", "1"], ["3", "2"]]
    answer(engine, 3)
    engine.start("plain", by="boss")
    assert flaws(engine, heads=heads) == []  # what has come since is no flaw
    grown = heads.read_text(encoding="utf-8")
    assert [line.split()[:2] for line in grown.splitlines()[1:]] == [["1", "3"], ["2", "1"], ["3", "3"], ["4", "1"]]
    assert list(tmp_path.glob("heads*")) == [heads]
    forge(engine, db, engine.runner.chain)  # even with the key
    assert flaws(engine) == []
    assert flaws(engine, heads=heads) == [(1, 3, "rewritten")]
    assert heads.read_text(encoding="utf-8") == grown


def test_a_history_that_was_cut_off_or_taken_away_is_found_by_its_head(engine: Engine, db: Path, tmp_path: Path, sql: Sql) -> None:
    heads = tmp_path / "heads"
    with sqlite3.connect(db) as other:
        was = other.execute("select state, seal, revision, history from instance where id = 2").fetchone()
    other.close()
    engine.set_document("deal:1", {"sum": 3})
    engine.answer(engine.tasks(instance=2)[0].id, by="ivanov", outcome="later", values={"call_at": "2026-03-03T10:00", "kind": "phone"})
    assert flaws(engine, heads=heads) == []
    with sqlite3.connect(db) as other:  # taken back to how it was, all of it sound
        other.execute("delete from history where instance = 2 and revision > 1")
        other.execute("update instance set state = ?, seal = ?, revision = ?, history = ? where id = 2", was)
    other.close()
    assert flaws(engine) == []
    assert flaws(engine, heads=heads) == [(2, 2, "cut")]
    sql("delete from history where instance = 3", "delete from instance where id = 3")
    assert flaws(engine) == []
    assert flaws(engine, heads=heads) == [(2, 2, "cut"), (3, None, "lost")]


def test_a_file_that_is_none_of_heads_is_refused_and_left(engine: Engine, tmp_path: Path) -> None:
    heads = tmp_path / "heads"
    for text in ("", "something else\n", "# bpflow heads 1\n1 2\n", "# bpflow heads 1\n1 2 xyz\n"):
        heads.write_text(text, encoding="utf-8")
        with pytest.raises(Refused):
            engine.verify_history(heads=heads)
        assert heads.read_text(encoding="utf-8") == text
    with pytest.raises(Refused, match="cannot be written"):
        engine.verify_history(heads=tmp_path / "nowhere" / "heads")


# ── the key ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_database_is_opened_with_its_key_only(engine: Engine, db: Path, key: bytes | None) -> None:
    before = dump(db)
    for other in (None, KEY_OF_TESTS, b"another key of good length"):
        if other == key:
            open_engine(str(db), history_key=other).close()
            continue
        with pytest.raises(StoreError, match=r"key"):
            open_engine(str(db), history_key=other)
    assert dump(db) == before
    with pytest.raises(StoreError, match="too short"):
        open_engine(":memory:", history_key=b"short")


def test_the_key_comes_from_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("a key out of a file\n", encoding="utf-8")
    assert key_in({}) is None
    assert key_in({KEY: ""}) is None
    assert key_in({KEY: "a key out of a variable"}) == b"a key out of a variable"
    assert key_in({KEY: "one", KEY_FILE: str(file)}) == b"a key out of a file"
    with pytest.raises(StoreError, match="cannot be read"):
        key_in({KEY_FILE: str(tmp_path / "nothing")})


def test_links_depend_on_all_that_they_link() -> None:
    chain = Chain()
    links = {
        chain.link(b"x" * 16, 1, 2, 3, 4, b"data"),
        chain.link(b"y" * 16, 1, 2, 3, 4, b"data"),
        *(chain.link(b"x" * 16, *(9 if n == place else n for n in (1, 2, 3, 4)), b"data") for place in (1, 2, 3, 4)),
        chain.link(b"x" * 16, 1, 2, 3, 4, b"date"),
        chain.seal(b"x" * 16, b"data"),
        Chain(KEY_OF_TESTS).link(b"x" * 16, 1, 2, 3, 4, b"data"),
        Chain(KEY_OF_TESTS + b"2").link(b"x" * 16, 1, 2, 3, 4, b"data"),
    }
    assert len(links) == 10
    assert {len(link) for link in links} == {16}
