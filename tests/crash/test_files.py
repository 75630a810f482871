"""What can be wrong with a file or a clock: it is said in the words of an operator, nothing is changed, and it goes on when the trouble is over."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bpflow.runtime import open_engine
from tests.crash.clerk import BEGINS, Firm
from tests.runtime.looking import check_replay, dump

READER = """\
import sys
from bpflow.diagnostics import Refused
from bpflow.runtime import open_engine

with open_engine(sys.argv[1]) as engine:
    print([row.fields["name"] for row in engine.documents()])
    try:
        engine.set_document("account:1", {"total": 5})
    except Refused as refused:
        print(refused.message)
"""


class Wrong:
    """A clock that is set by hand, also backwards."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


def test_a_file_that_may_not_be_written(tmp_path: Path, firm: Firm) -> None:
    path = tmp_path / "firm.db"
    with open_engine(str(path), firm.workspace, Wrong(BEGINS)) as engine:
        engine.deploy_workspace()
        engine.create_document("account", {"name": "A"})
    before = dump(path)
    path.chmod(0o444)
    command = [sys.executable, "-c", READER, str(path)]
    if os.geteuid() == 0:  # who may write everything is to be like others
        if shutil.which("setpriv") is None:
            pytest.skip("needs setpriv where the tests are run by root")
        command = ["setpriv", "--bounding-set=-dac_override", *command]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.splitlines() == ["['A']", f'"{path}" may not be written']
    assert dump(path) == before
    path.chmod(0o644)
    with open_engine(str(path), firm.workspace, Wrong(BEGINS)) as engine:
        assert engine.set_document("account:1", {"total": 5}).fields["total"] == 5


def test_a_clock_that_was_a_year_ahead(tmp_path: Path, firm: Firm) -> None:
    """What was due in that year is done once and not again; a start on schedule goes by the right clock when its process is deployed anew."""
    clock, year = Wrong(BEGINS), timedelta(days=365)
    with open_engine(str(tmp_path / "firm.db"), firm.workspace, clock, {"book": lambda **given: {"number": 1}}) as engine:
        engine.deploy_workspace()
        early, late = (engine.start("survey", inputs={"name": name}) for name in ("E", "L"))
        (task,) = engine.tasks(instance=late)
        engine.answer(task.id, by="boss")
        clock.at += year
        done = engine.work()
        assert (done.timers, done.starts) == (1, 1)
        assert (engine.instance(early).outputs, engine.instance(late).outputs) == ({"said": "silent"}, {"said": "good"})
        clock.at -= year
        assert engine.work().total == 0
        fresh = engine.start("survey", inputs={"name": "F"})
        assert engine.tasks(instance=fresh)[0].due == BEGINS + timedelta(days=1)
        engine.undeploy("daily")
        engine.deploy(firm.workspace.processes["daily"])
        clock.at += timedelta(days=1)
        done = engine.work()
        assert (done.timers, done.starts) == (1, 1)
        for row in engine.instances():
            moments = [line.at for line in engine.timeline(row.id)]
            assert moments == sorted(moments)
            check_replay(engine, row.id)
