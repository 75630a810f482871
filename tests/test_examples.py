"""The examples run, and are as short as they are said to be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bpflow.loading import load_workspace
from bpflow.runtime import NotDeployable, open_engine

EMBED = Path(__file__).parents[1] / "examples" / "embed"


def test_the_engine_in_a_program(tmp_path: Path) -> None:
    program = EMBED / "embed.py"
    assert len(program.read_text(encoding="utf-8").splitlines()) < 30
    done = subprocess.run([sys.executable, program], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "SMS to +7 000 111-22-33 - Anna, we will come on 05.03.2026.",
        "When may we come to Anna? - agreed",
    ]
    assert list(tmp_path.iterdir()) == []


def test_the_engine_in_a_program_of_asyncio(tmp_path: Path) -> None:
    program = EMBED.parent / "asyncio" / "orders.py"
    done = subprocess.run([sys.executable, program], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    booked, ended = done.stdout.splitlines()[:3], done.stdout.splitlines()[3:]
    assert sorted(booked) == [f"a courier for {goods} on 2026-03-05" for goods in ("a lamp", "a table", "two chairs")]
    assert ended == [f"{number} ended delivered" for number in (1, 2, 3)]


def test_the_activity_belongs_to_the_program_alone() -> None:
    """Without it the process is refused, and says which activity there is not."""
    (finding,) = load_workspace(EMBED).findings
    assert (finding.rule, str(finding.message)) == ("unknown-activity", 'there is no activity "send-sms"')
    with open_engine(":memory:", EMBED) as engine, pytest.raises(NotDeployable):
        engine.deploy_workspace()
