"""The bench runs: each workload in tiny form, its figures in the form that `bench.run` reads. No time is bounded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.races import FIGURES, races
from bench.shown import markdown

ROOT = Path(__file__).parent.parent
PEERS = ROOT / ".venv" / "bench" / "bin" / "python"
AROUND = "FLOOR_SYNC", "FLOOR_PG"
OURS = {"W1": "3", "W2": "2", "W3": "2", "W4": "5", "W5": "4", "W6": ""}
OTHERS = [("spiff", work) for work in OURS] + [("dbos", "W1"), ("dbos", "W4"), ("dbos", "W5")] + [("langgraph", work) for work in OURS]


def run(*command: str, python: str = sys.executable, **more: str) -> list[str]:
    """The lines that it prints."""
    around = {name: value for name, value in os.environ.items() if name not in AROUND}
    done = subprocess.run([python, *filter(None, command)], cwd=ROOT, env=around | more, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def figures(*command: str, python: str = sys.executable, **more: str) -> dict[str, float]:
    return {line["metric"]: line["value"] for line in map(json.loads, run(*command, python=python, **more))}


def expected(work: str) -> Sequence[str]:
    """What is shown of the workload by its bars."""
    return [figure for race in races([5]) if race.name.split()[0] == work and not race.pg for figure in race.bars]


@pytest.mark.parametrize("work", OURS)
def test_each_workload_of_bpflow_runs_to_its_end_and_gives_its_figures(work: str) -> None:
    found = figures("-m", f"bench.bpflow_{work.lower()}", OURS[work])
    assert set(found) & set(FIGURES)
    assert set(expected(work)) <= set(found)
    assert all(value > 0 for value in found.values())


@pytest.mark.parametrize("work", ["W1", "W4", "W5"])
def test_the_workloads_run_on_postgresql_too(work: str, postgres: str) -> None:
    found = figures("-m", f"bench.bpflow_{work.lower()}", OURS[work], FLOOR_PG=postgres)
    assert set(found) & set(FIGURES)
    assert all(value > 0 for value in found.values())


def test_somebody_answers_beside_a_worker() -> None:
    said = run("-m", "bench.beside", "20")
    assert [line.partition(":")[0] for line in said] == ["another program", "another thread"]


@pytest.mark.slow
@pytest.mark.parametrize("module", ["floor_copies", "bpflow_workers"])
def test_several_processes_work_at_once(module: str, postgres: str) -> None:
    found = figures("-m", f"bench.{module}", "2", FLOOR_PG=postgres)
    assert set(found) == {f"instances, {many} at once" for many in (1, 2, 4)} | {"2 at once to 1", "4 at once to 1"}
    assert all(value > 0 for value in found.values())


@pytest.mark.slow
@pytest.mark.skipif(not PEERS.exists(), reason="the peers are installed by `make bench` alone")
@pytest.mark.parametrize("peer, work", OTHERS)
def test_each_peer_does_the_same_work(peer: str, work: str) -> None:
    assert set(figures("-m", f"bench.with_{peer}", work, OURS[work], python=str(PEERS))) & set(FIGURES)


def test_the_table_says_how_bpflow_stands_to_its_bar_and_to_the_others() -> None:
    (race,) = [race for race in races([1000]) if race.name == "W1 FULL"]
    shown = markdown(race, {"instances": {"floor": [100, 300, 200], "bpflow": [100.0], "DBOS": [4.0]}})
    assert "| instances a second | 200 | 100 | 2.00× the cost, OVER the bar of 1.5× |  | 4 (25× better) |  |" in shown


def test_every_command_of_a_race_is_there() -> None:
    for race in races():
        for command in race.commands.values():
            path = ROOT / (command[1].replace(".", "/") + ".py" if command[0] == "-m" else command[0])
            assert path.exists(), path
