"""What would eat all time and memory is refused when it is read, or comes to a bound, soon and with little memory."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.expressions.bombs import BOUNDED, PROCESSES, REFUSED_AT_LOAD

SECONDS = 8.0
"""The most processor time for one; 2.5 s on a quiet machine."""

Results = dict[tuple[str, str], tuple[str, float]]


@pytest.fixture(scope="module")
def results() -> Results:
    """What came of all of them in a process of their own, which has little memory and little time."""
    done = subprocess.run([sys.executable, "-m", "tests.expressions.bombs"], capture_output=True, text=True, check=False)
    found = {(kind, name): (result, seconds) for kind, name, result, seconds in map(json.loads, done.stdout.splitlines())}
    if done.returncode:
        *_, last = found or [("", "none of them")]
        pytest.fail(f"after {last}: {done.returncode} {done.stderr[-500:]}")
    return found


@pytest.mark.parametrize("name", REFUSED_AT_LOAD)
def test_what_is_too_large_as_it_is_written(results: Results, name: str):
    result, seconds = results["load", name]
    assert result in ("refused", "bounded")
    assert seconds < SECONDS


@pytest.mark.parametrize("name", BOUNDED)
def test_what_becomes_too_large(results: Results, name: str):
    result, seconds = results["expression", name]
    assert result in ("refused", "bounded")
    assert seconds < SECONDS


@pytest.mark.parametrize("name", PROCESSES)
def test_what_becomes_too_large_in_a_process(results: Results, name: str):
    result, seconds = results["process", name]
    assert result in ("refused", "bounded")
    assert seconds < SECONDS
