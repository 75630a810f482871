"""Purging: what ended long ago goes, once it is safe elsewhere; killed anywhere and called again, nothing is lost and nothing half gone."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from bpflow.diagnostics import Refused
from bpflow.engine.transition import UnexpectedEvent
from bpflow.loading import LoadedWorkspace, load_text
from bpflow.runtime import Engine, VirtualClock, open_engine
from bpflow.runtime import purging as room
from bpflow.runtime.archive import Archive
from bpflow.runtime.chain import Chain
from tests.runnable import runnable
from tests.runtime.conftest import PLAIN, Open
from tests.runtime.looking import dump, tamper

DAYS = timedelta(days=180)

TELLING = f"{PLAIN}  - {{activity: notify, title: Всё, text: Всё, to: user('boss')}}\n"


def play(engine: Engine, clock: VirtualClock, ended: int = 3) -> list[int]:
    """Instances of `plain` that have ended, each with a notice, and one that runs; long ago."""
    engine.deploy(runnable(load_text(TELLING, "plain.yaml")))
    ids = [engine.start("plain", by="boss") for _ in range(ended)]
    for _ in range(2):
        for id in ids:
            task = engine.tasks(instance=id)[0]
            outcome = engine.task(task.id).outcomes[0]
            engine.answer(task.id, by="boss", values={"parts": 3} if "parts" in dict(outcome.fields) else {}, comment="Так")
    engine.start("plain", by="boss")
    clock.forward(timedelta(days=200))
    return ids


def numbers(engine: Engine) -> list[int]:
    return [row.id for row in engine.instances()]


def lines_of(archive: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in archive.read_text(encoding="utf-8").splitlines()]


def test_what_ended_long_ago_goes(engine: Engine, clock: VirtualClock, opened: Open, db: Path) -> None:
    ids = play(engine, clock)
    assert engine.purge(timedelta(days=300)).instances == {}
    assert engine.purge(DAYS, ["ask"]).instances == {}
    before = dump(db)
    assert engine.purge(DAYS, dry_run=True).instances == {"plain": 3}
    assert dump(db) == before
    assert engine.purge(DAYS, ["plain", "ask"]).instances == {"plain": 3}
    assert numbers(engine) == [4]
    assert engine.notices() == []
    assert engine.purge(DAYS).instances == {}
    done = opened().verify_history(replay=True)
    assert (done.instances, done.rows, done.purged, done.flaws) == (1, 1, 3, [])
    for of in (engine, opened()):
        for ask in (of.instance, of.timeline, of.visited, lambda id, of=of: of.who(f"{id}.1.2"), of.cancel, lambda id, of=of: of.verify_history(instance=id)):
            with pytest.raises(UnexpectedEvent, match=f"instance {ids[0]} ended on 2026-03-02 and was purged on 2026-09-18"):
                ask(ids[0])  # type: ignore[operator]
        with pytest.raises(UnexpectedEvent):
            of.answer(f"{ids[0]}.1.1", by="boss")
        assert of.tasks(instance=ids[0]) == []
    with pytest.raises(Refused, match="more than nothing"):
        engine.purge(timedelta(0))


def test_the_archive_has_all_that_was_there(engine: Engine, clock: VirtualClock, tmp_path: Path, opened: Open) -> None:
    ids = play(engine, clock)
    archive = tmp_path / "archive.jsonl"
    before = {id: (engine.instance(id), engine.timeline(id)) for id in ids}
    assert engine.purge(DAYS, archive=archive).instances == {"plain": 3}
    assert numbers(engine) == [4]
    for id, (view, lines) in before.items():
        found, told = engine.archived(archive, id)
        assert told == lines
        assert (found.names, found.inputs, found.outputs, found.title) == (view.names, view.inputs, view.outputs, view.title)
        same = ("id", "owner", "process", "status", "revision", "document", "started", "ended", "result", "caller")
        assert [getattr(found.row, name) for name in same] == [getattr(view.row, name) for name in same]
    with pytest.raises(UnexpectedEvent, match="there is no instance 4 in"):
        engine.archived(archive, 4)
    head, definition, *rest = lines_of(archive)
    assert head == {"archive": "bpflow", "format": 1, "key": None}
    assert definition["process"] == "plain"
    assert [line["instance"] for line in rest] == ids
    assert [line["text"] for line in rest[0]["timeline"] if line["kind"] == "answered"] == ["done: Так", "done: Так"]  # type: ignore[attr-defined]
    (notice,) = rest[0]["notices"]  # type: ignore[misc]
    assert (notice["person"], notice["reason"], notice["title"]) == ("boss", "notify", "Всё")
    done = opened().verify_archive(archive, replay=True)
    assert (done.instances, done.rows, done.flaws) == (3, 9, [])


def test_an_archive_grows(engine: Engine, clock: VirtualClock, tmp_path: Path) -> None:
    archive = tmp_path / "archive.jsonl"
    play(engine, clock)
    engine.purge(DAYS, archive=archive)
    play(engine, clock, 1)
    engine.purge(DAYS, archive=archive)
    assert [line.get("instance") for line in lines_of(archive)] == [None, None, 1, 2, 3, None, 5]
    assert engine.verify_archive(archive).flaws == []


@pytest.mark.parametrize(
    "change, kinds",
    [
        (lambda line: line["history"][1]["data"][0][0][0].__setitem__(2, {"$u": "gone"}), ["changed"]),
        (lambda line: line["history"].pop(1), ["missing"]),
        (lambda line: line["history"].pop(), ["missing", "state"]),
        (lambda line: line["root"].__setitem__(3, 7), ["state"]),
        (lambda line: line.__setitem__("owner", 9), ["changed", "changed", "changed"]),
        (lambda line: line["history"][2].__setitem__("at", 1), ["changed"]),
    ],
)
def test_a_line_of_the_archive_that_was_changed_is_found(
    engine: Engine, clock: VirtualClock, tmp_path: Path, change: Callable[[dict[str, object]], object], kinds: list[str]
) -> None:
    play(engine, clock, 1)
    archive = tmp_path / "archive.jsonl"
    engine.purge(DAYS, archive=archive)
    lines = lines_of(archive)
    change(lines[2])
    archive.write_text("".join(f"{json.dumps(line, ensure_ascii=False, separators=(',', ':'))}\n" for line in lines), encoding="utf-8")
    assert [flaw.kind for flaw in engine.verify_archive(archive).flaws] == kinds


def test_another_beginning_in_the_archive_is_found_by_replay(engine: Engine, clock: VirtualClock, tmp_path: Path) -> None:
    play(engine, clock, 1)
    archive = tmp_path / "archive.jsonl"
    engine.purge(DAYS, archive=archive)
    before = archive.read_text(encoding="utf-8")
    archive.write_text(before.replace('"started":"2026-03-02', '"started":"2026-03-01'), encoding="utf-8")
    assert [flaw.kind for flaw in engine.verify_archive(archive, replay=True).flaws] == ["state"]


def test_what_is_left_of_a_purged_instance_cannot_be_changed_or_made_up(engine: Engine, clock: VirtualClock, tmp_path: Path, db: Path) -> None:
    ids, heads, archive = play(engine, clock), tmp_path / "heads", tmp_path / "archive.jsonl"
    assert engine.verify_history(heads=heads).flaws == []
    engine.purge(DAYS, archive=archive)
    assert engine.verify_history(heads=heads).flaws == []
    assert [line.split()[:2] for line in heads.read_text(encoding="utf-8").splitlines()[1:]] == [["1", "3"], ["2", "3"], ["3", "3"], ["4", "1"]]
    tamper(
        db,
        f"update purged set link = substr(link, 2) where instance = {ids[0]}",
        f"delete from purged where instance = {ids[1]}",
        f"update purged set ended = ended - 1 where instance = {ids[2]}",
    )
    found = [(flaw.instance, flaw.kind) for flaw in engine.verify_history(heads=heads).flaws]
    assert found == [(1, "purged"), (1, "rewritten"), (2, "lost"), (3, "purged")]
    assert [(flaw.instance, flaw.kind) for flaw in engine.verify_archive(archive).flaws] == [(1, "rewritten")]


def test_a_history_that_was_changed_is_not_purged(engine: Engine, clock: VirtualClock, tmp_path: Path, db: Path) -> None:
    ids, archive = play(engine, clock), tmp_path / "archive.jsonl"
    tamper(db, f"update history set at = at + 1 where instance = {ids[1]} and revision = 2")
    done = engine.purge(DAYS, archive=archive)
    assert (done.instances, [(flaw.instance, flaw.revision, flaw.kind) for flaw in done.flaws]) == ({"plain": 2}, [(2, 2, "changed")])
    assert numbers(engine) == [2, 4]
    assert [line.get("instance") for line in lines_of(archive)[2:]] == [1, 3]


# ── broken off ──────────────────────────────────────────────────────────────────────────────────────────────────────
class Killed(BaseException):
    pass


@pytest.mark.parametrize("at", range(1, 11))
def test_a_purge_may_be_killed_anywhere(engine: Engine, clock: VirtualClock, tmp_path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """Before each write of a line, each wait for the disk and each transaction: what has gone is in the archive, and the next purge does the rest."""
    ids, archive = play(engine, clock, 4), tmp_path / "archive.jsonl"
    before = {id: engine.timeline(id) for id in ids}
    monkeypatch.setattr(room, "BATCH", 2)
    steps = 0

    def or_killed(act: Callable[..., object]) -> Callable[..., object]:
        def step(*arguments: object, **named: object) -> object:
            nonlocal steps
            steps += 1
            if steps == at:
                raise Killed
            return act(*arguments, **named)

        return step

    with monkeypatch.context() as patch:
        patch.setattr(Archive, "_write", or_killed(Archive._write))
        patch.setattr(Archive, "sync", or_killed(Archive.sync))
        patch.setattr(type(engine.store), "purge", or_killed(type(engine.store).purge))
        with pytest.raises(Killed):
            engine.purge(DAYS, archive=archive)
    fresh = opened()
    there, kept = numbers(fresh), {line.get("instance") for line in lines_of(archive)}
    assert set(ids) <= {*there, *kept}
    assert fresh.verify_history(replay=True).flaws == []
    fresh.purge(DAYS, archive=archive)
    assert numbers(fresh) == [5]
    assert {id: fresh.archived(archive, id)[1] for id in ids} == before
    assert fresh.verify_archive(archive, replay=True).flaws == []


WHOLE_HEAD = b'{"archive":"bpflow","format":1,"key":null}\n'


@pytest.mark.parametrize("torn", [b'{"archive"', WHOLE_HEAD + b'{"instance":1,"own', WHOLE_HEAD])
def test_a_line_that_was_torn_is_cut_off(engine: Engine, clock: VirtualClock, tmp_path: Path, torn: bytes) -> None:
    ids, archive = play(engine, clock), tmp_path / "archive.jsonl"
    archive.write_bytes(torn)
    engine.purge(DAYS, archive=archive)
    assert [line["instance"] for line in lines_of(archive)[2:]] == ids


@pytest.mark.parametrize("text", ["something\n", "something", '{"archive": "another"}\n', "\n"])
def test_another_file_is_no_archive_and_is_left(engine: Engine, clock: VirtualClock, tmp_path: Path, text: str) -> None:
    play(engine, clock)
    archive = tmp_path / "archive.jsonl"
    archive.write_text(text, encoding="utf-8")
    with pytest.raises(Refused, match="is no archive of bpflow"):
        engine.purge(DAYS, archive=archive)
    assert archive.read_text(encoding="utf-8") == text
    assert len(numbers(engine)) == 4
    with pytest.raises(Refused, match="is no archive of bpflow"):
        engine.archived(archive, 1)


@pytest.mark.sqlite
def test_an_archive_is_verified_with_its_key_only(clock: VirtualClock, workspace: LoadedWorkspace, tmp_path: Path) -> None:
    """By another key every link would seem to be wrong: that is no tampering."""
    keys, archives = (None, b"a key that nobody can guess", b"another key of good length"), []
    for number, key in enumerate(keys):
        archives.append(tmp_path / f"{number}.jsonl")
        with open_engine(str(tmp_path / f"{number}.db"), workspace, clock, history_key=key) as engine:
            play(engine, clock, 1)
            engine.purge(DAYS, archive=archives[-1])
            assert key is None or key.hex() not in archives[-1].read_text(encoding="utf-8")
    said = {0: "chained without a key, and one is given", None: "give it by BPFLOW_HISTORY_KEY or BPFLOW_HISTORY_KEY_FILE", 1: "with another key than"}
    for given, key in enumerate(keys):
        with open_engine(":memory:", history_key=key) as engine:
            for number, archive in enumerate(archives):
                assert engine.archived(archive, 1)[0].row.status == "ended"  # to look at it takes no key
                if number == given:
                    assert engine.verify_archive(archive, replay=True).flaws == []
                    continue
                before = archive.read_bytes()
                for refused in (engine.verify_archive, lambda archive, engine=engine: engine.purge(DAYS, archive=archive)):
                    with pytest.raises(Refused, match=said[0 if number == 0 else None if key is None else 1]):
                        refused(archive)
                assert archive.read_bytes() == before


def test_an_archive_that_does_not_say_its_key_is_refused(engine: Engine, tmp_path: Path) -> None:
    archive = tmp_path / "archive.jsonl"
    archive.write_text('{"archive":"bpflow","format":1}\n', encoding="utf-8")
    for refused in (engine.verify_archive, lambda archive: engine.archived(archive, 1), lambda archive: engine.purge(DAYS, archive=archive)):
        with pytest.raises(Refused, match="does not say by which key"):
            refused(archive)


def test_two_purges_do_not_write_one_archive(engine: Engine, clock: VirtualClock, tmp_path: Path) -> None:
    play(engine, clock)
    archive = tmp_path / "archive.jsonl"
    with Archive(archive, Chain()), pytest.raises(Refused, match="is being written by another purge"):
        engine.purge(DAYS, archive=archive)
    with pytest.raises(Refused, match="cannot be written"):
        engine.purge(DAYS, archive=tmp_path)
    assert len(numbers(engine)) == 4


@pytest.mark.sqlite
def test_the_file_gets_smaller(engine: Engine, clock: VirtualClock, db: Path) -> None:
    play(engine, clock, 40)
    engine.compact()
    before = os.path.getsize(db)
    engine.purge(DAYS)
    assert os.path.getsize(db) >= before
    engine.compact()
    assert os.path.getsize(db) < before - 20_000
    assert numbers(engine) == [41]


# ── what belongs together ───────────────────────────────────────────────────────────────────────────────────────────
CALLING = """\
id: calling
title: Зовёт
steps:
  - {id: ask, activity: call-process, process: plain}
  - {id: then, activity: request-info, title: Потом, to: user("boss"), due: none, outcomes: {done: {}}}
"""


def test_what_belongs_together_stays_readable(engine: Engine, clock: VirtualClock, deploy: Callable[[Engine, str], None], tmp_path: Path) -> None:
    deploy(engine, CALLING)
    caller = engine.start("calling", by="boss")
    engine.work()
    (called,) = (row.id for row in engine.instances() if row.id != caller)
    for _ in range(2):
        task = engine.tasks(instance=called)[0]
        outcome = engine.task(task.id).outcomes[0]
        engine.answer(task.id, by="boss", values={"parts": 3} if "parts" in dict(outcome.fields) else {})
    engine.work()
    by = engine.instance(called).row.caller
    clock.forward(timedelta(days=200))
    engine.start("plain", by="boss")
    assert engine.purge(DAYS).instances == {}  # whoever called it still runs
    engine.answer(engine.tasks(instance=caller)[0].id, by="boss")
    clock.forward(timedelta(days=100))
    assert engine.purge(DAYS, archive=tmp_path / "a.jsonl").instances == {"plain": 1}  # it ended 300 days ago, the caller only 100
    assert engine.instance(caller).called == []
    assert engine.timeline(caller)[-1].kind == "ended"
    clock.forward(timedelta(days=100))
    assert engine.purge(DAYS, archive=tmp_path / "a.jsonl").instances == {"calling": 1}
    assert engine.archived(tmp_path / "a.jsonl", called)[0].row.caller == by
    assert engine.work().total == 0


def test_old_keys_and_messages_go_too(engine: Engine, clock: VirtualClock) -> None:
    engine.send_message("ping", 1, {}, keep="1d", id="first")
    assert not engine.send_message("ping", 1, {}, id="first")
    clock.forward(timedelta(days=200))
    engine.send_message("ping", 2, {}, id="second")
    again = engine.purge(DAYS, dry_run=True)
    assert (again.messages, again.keys) == (1, 1)
    done = engine.purge(DAYS)
    assert (done.messages, done.keys) == (1, 1)
    assert [row.key for row in engine.messages()] == [2]
    assert not engine.send_message("ping", 2, {}, id="second")
    assert engine.send_message("ping", 1, {}, id="first")  # what was sent so long ago is not known any more
