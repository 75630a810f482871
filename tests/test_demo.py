"""`bpflow demo` undisturbed, and killed fifty times: it goes on from where it stood, and ends the same."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from bpflow.runtime import Engine, open_engine
from tests.runtime.looking import check_index, check_replay

FOLDER = Path(__file__).parents[1] / "processes"
KILLS = 50
EARLY = 10
"""How many of the kills land anywhere from the start of the program on."""
SEED = 20260302
FAR = datetime.fromisoformat("2100-01-01T00:00+00:00")


def command(db: Path) -> list[str]:
    program = "import sys; from bpflow.cli import main; sys.exit(main())"
    return [sys.executable, "-c", program, "--db", str(db), "--lang", "ru", "--workspace", str(FOLDER), "demo"]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONHASHSEED": "random"}


def run_through(db: Path) -> str:
    """The demo to its end; what it printed."""
    done = subprocess.run(command(db), capture_output=True, text=True, timeout=120, env=environment(), check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


# ── what is compared ────────────────────────────────────────────────────────────────────────────────────────────────
def outcome_of(db: Path) -> dict[str, Any]:
    """All that the demo has left behind, without the numbers of rows."""
    raw = sqlite3.connect(db)
    try:
        assert raw.execute("pragma integrity_check").fetchall() == [("ok",)]
        left = {table: raw.execute(f"select count(*) from {table}").fetchone()[0] for table in ("outbox", "change", "task", "timer", "watch")}
    finally:
        raw.close()
    with open_engine(str(db)) as engine:
        rows = engine.instances()
        for row in rows:
            check_replay(engine, row.id)
            check_index(engine, row.id, FAR)
        about = {row.id: str(row.document) for row in rows}
        return {
            "incidents": [str(incident.message) for incident in engine.incidents()],
            "left": left,
            "documents": {str(row.ref): (row.version, row.created, row.changed, dict(row.fields)) for row in engine.documents()},
            "feeds": {str(row.ref): [(f.version, f.at, dict(f.changes), f.by, f.note) for f in engine.feed(row.ref)] for row in engine.documents()},
            "instances": Counter((str(r.document), r.process, r.status, r.result, r.started, r.ended, r.revision) for r in rows),
            "timelines": {about[row.id]: timeline(engine, row.id) for row in rows},
            "calendar": Counter((c.person, c.title, c.at, c.ends, c.remind_before, about.get(c.instance or 0)) for c in engine.calendar()),
            "notices": Counter((n.person, n.reason, n.title, n.text, n.channel, n.at, about.get(n.instance or 0)) for n in engine.notices()),
            "deployed": [(row.process, row.digest, row.version) for row in engine.store.deployed()],
        }


def timeline(engine: Engine, id: int) -> list[tuple[Any, ...]]:
    return [(line.at, line.kind, line.path, line.title, line.by, str(line.text)) for line in engine.timeline(id)]


def check_same(found: dict[str, Any], undisturbed: dict[str, Any]) -> None:
    for part, value in undisturbed.items():
        assert found[part] == value, part


@dataclass
class Undisturbed:
    printed: str
    outcome: dict[str, Any]
    seconds: float


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    db = tmp_path_factory.mktemp("demo") / "demo.db"
    began = time.monotonic()
    printed = run_through(db)
    seconds = time.monotonic() - began
    return Undisturbed(printed, outcome_of(db), seconds)


# ── undisturbed ─────────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_demo_says_where_every_company_ended(undisturbed: Undisturbed) -> None:
    said = undisturbed.outcome
    assert said["incidents"] == []
    assert set(said["left"].values()) == {0}
    assert len(said["documents"]) == len(said["instances"]) == 60
    assert {status for _, _, status, *_ in said["instances"]} == {"ended"}
    assert {result for _, _, _, result, *_ in said["instances"]} == {"launched", "refused", "not_our_industry"}
    kinds = Counter(line[1] for lines in said["timelines"].values() for line in lines)
    assert kinds["answered"] > 200
    assert min(kinds["overdue"], kinds["reminded"]) > 10
    assert {reason for _, reason, *_ in said["notices"]} >= {"notify", "reminder", "overdue"}
    for _, _, _, fields in said["documents"].values():
        assert fields["name"] in undisturbed.printed
    assert "Запущен" in undisturbed.printed


def test_the_demo_on_a_finished_database_changes_nothing(tmp_path: Path, undisturbed: Undisturbed) -> None:
    db = tmp_path / "demo.db"
    run_through(db)
    first = outcome_of(db)
    run_through(db)
    check_same(first, undisturbed.outcome)
    check_same(outcome_of(db), undisturbed.outcome)


# ── killed ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def transactions_in(db: Path) -> int:
    """How many transactions of instances there are; -3: no file yet, -2: no schema, -1: no documents."""
    if not db.exists():
        return -3
    raw = sqlite3.connect(f"file:{db}?mode=ro", uri=True)
    try:
        if not raw.execute("select 1 from sqlite_master where name = 'history'").fetchone():
            return -2
        if not raw.execute("select 1 from document").fetchone():
            return -1
        return int(raw.execute("select count(*) from history").fetchone()[0])
    except sqlite3.OperationalError:  # not a database yet
        return -2
    finally:
        raw.close()


STAGES = {-3: "before the file", -2: "before the schema", -1: "before the import", 0: "before the first new transaction"}


def kill(db: Path, wanted: int, delay: float) -> bool:
    """Runs the demo, and kills it `delay` seconds after there are so many transactions; False if it was over by then."""
    process = subprocess.Popen(command(db), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment())
    while process.poll() is None and transactions_in(db) < wanted:
        time.sleep(0.001 if wanted < 1 else 0.004)
    try:
        process.wait(delay)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    _, errors = process.communicate()
    assert process.returncode in (0, -signal.SIGKILL), errors.decode()
    return process.returncode != 0


def kill_often(db: Path, whole: int, landed: Counter[str], chance: random.Random) -> None:
    """Kills the demo again and again: some times while it starts, makes its schema and imports, the rest spread over its `whole` length,
    until enough kills have `landed`, or the demo has come to its end between two of them.
    """
    early = sorted(chance.uniform(0.02, 0.9) for _ in range(EARLY)) if not landed else []
    later = sorted(chance.sample(range(1, whole - 8), KILLS - landed.total() - len(early)))
    for wanted, delay in [*((-3, delay) for delay in early), *((wanted, chance.uniform(0, 0.01)) for wanted in later)]:
        before = transactions_in(db)
        if not kill(db, max(wanted, before + 1) if wanted > 0 else wanted, delay):
            return
        after = transactions_in(db)
        landed["amid the work" if after > max(before, 0) else STAGES[min(after, 0)]] += 1


def test_killed_fifty_times_it_ends_the_same(tmp_path: Path, undisturbed: Undisturbed) -> None:
    """On a busy machine the demo may outrun the one who is to kill it: then it must have ended the same, and another one is begun."""
    chance = random.Random(int(os.environ.get("BPFLOW_SEED", SEED)))
    whole = sum(revision for *_, revision in undisturbed.outcome["instances"])
    landed: Counter[str] = Counter()
    for round in range(10):
        db = tmp_path / f"demo-{round}.db"
        kill_often(db, whole, landed, chance)
        run_through(db)
        check_same(outcome_of(db), undisturbed.outcome)
        if landed.total() == KILLS:
            break
    print(dict(landed))
    assert landed.total() == KILLS
    assert landed["amid the work"] >= KILLS // 2


def test_killed_while_the_import_is_written_it_imports_once(tmp_path: Path, undisturbed: Undisturbed) -> None:
    """At the moment when the file is there, then the schema, then the documents: whatever has been written of it."""
    db = tmp_path / "demo.db"
    for wanted in (-2, -2, -1, -1, 0, 0):
        assert kill(db, wanted, 0)
    run_through(db)
    check_same(outcome_of(db), undisturbed.outcome)
