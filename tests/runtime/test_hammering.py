"""Many programs hammer the same instances: what they were told is what has happened, once each, and what they were refused has not."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from bpflow.engine.events import Answered, Arrived, Cancel, Commanded, Event
from bpflow.loading import load_workspace
from bpflow.runtime import Engine, VirtualClock, open_engine
from tests.runtime.hammering import FILES
from tests.runtime.looking import check_index, check_replay, events_of
from tests.runtime.test_owners import nothing_is_left, work

INSTANCES = 50
DEEDS: int = settings.default.max_examples  # type: ignore[attr-defined]
"""How many each program does; in a long run, many more."""
AT = "2026-03-02T10:00+00:00"


@pytest.fixture
def hammered(tmp_path: Path) -> Path:
    """The folder with the process that is hammered."""
    folder = tmp_path / "hammered"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def hammer(url: str, folder: Path, programs: int, deeds: int) -> list[dict[str, Any]]:
    """What each program says that was accepted, by kind of deed: instances and marks; and the marks of what was refused."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": Path(__file__).parents[2]}
    command = [sys.executable, "-m", "tests.runtime.hammering", url, str(folder)]
    running: list[Any] = [subprocess.Popen([*command, str(number), str(deeds), AT], **pipes) for number in range(1, programs + 1)]  # type: ignore[call-overload]
    for one in running:
        line = one.stdout.readline()
        assert line == "ready\n", one.communicate()[1]
    for one in running:
        one.stdin.write("go\n")
        one.stdin.flush()
    said = []
    for one in running:
        out, errors = one.communicate(timeout=600 + deeds)
        assert one.returncode == 0, errors
        said.append(json.loads(out))
    return said


def mark_of(event: Event) -> int | None:
    """The mark of the deed by which an event came."""
    match event:
        case Answered() | Commanded() | Arrived():
            mark = event.values.get("mark")
            return mark if isinstance(mark, int) and mark else None
        case Cancel(caller=None):
            return int(event.why)
    return None


def marks(engine: Engine) -> Counter[int]:
    """The marks of all that has happened: in histories, in feeds, and of messages that nobody has received yet."""
    found: Counter[int] = Counter()
    for row in engine.instances():
        found.update(mark for event in events_of(engine, row.id) if (mark := mark_of(event)) is not None)
    for document in engine.documents():
        found.update(line.changes["mark"] for line in engine.feed(document.ref) if "mark" in line.changes)  # type: ignore[misc]
    found.update(message.values["mark"] for message in engine.messages() if message.values["mark"])  # type: ignore[misc]
    return found


def finish(engine: Engine) -> None:
    """All that is to be done is done, also what is due by and by: then everybody who runs waits for a person."""
    assert isinstance(engine.clock, VirtualClock)
    while True:
        while work(engine):
            pass
        due = engine.next_due()
        if due is None:
            return
        engine.clock.set(max(engine.clock.now(), due))


@pytest.mark.parametrize("kind, programs", [("sqlite", 3), pytest.param("postgres", 8, marks=() if DEEDS > 40 else pytest.mark.slow)])
def test_what_was_accepted_has_happened_once(kind: str, programs: int, request: pytest.FixtureRequest, tmp_path: Path, hammered: Path, far: datetime) -> None:
    url = str(tmp_path / "one.db") if kind == "sqlite" else str(request.getfixturevalue("database"))
    clock = VirtualClock(datetime.fromisoformat(AT))
    with open_engine(url, load_workspace(hammered), clock) as engine:
        engine.deploy_workspace()
        for number in range(INSTANCES):
            engine.start("target", document=engine.create_document("deal", {"name": f"{number}"}))
        said = hammer(url, hammered, programs, DEEDS)
        accepted = Counter(mark for one in said for kind in one["accepted"].values() for _, mark in kind)
        refused = {mark for one in said for mark in one["refused"]}
        assert len(accepted) > programs * DEEDS / 4
        assert refused
    with open_engine(url, load_workspace(hammered), VirtualClock(far)) as engine:
        finish(engine)
        happened = marks(engine)
        assert not refused & happened.keys(), "what was refused has happened"
        assert happened == accepted
        nothing_is_left(engine, far)
        for row in engine.instances():
            check_replay(engine, row.id)
            check_index(engine, row.id, far)
            if row.document is not None:
                versions = [line.version for line in engine.feed(row.document)]
                assert versions == list(range(1, len(versions) + 1))
