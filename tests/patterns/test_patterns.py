"""The workflow control-flow patterns: how each is written, and what then happens.

(N. Russell, A. H. M. ter Hofstede, W. M. P. van der Aalst, N. Mulyar: Workflow Control-Flow Patterns, BPM Center Report BPM-06-22.)

`NN-name.yaml` is a process, `NN-name.traces.yaml` says for each interesting choice which steps are entered, in their order. A pattern
that the language refuses has `NN-name.out` instead: what its author reads. The table in the manual is made from titles and
descriptions.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from bpflow.diagnostics import Refused, in_order, render
from bpflow.expressions import parse_duration
from bpflow.graph import step_name
from bpflow.loading import load_process
from bpflow.runtime import Engine, VirtualClock, open_engine

HERE = Path(__file__).parent
PATTERNS = sorted(path for path in HERE.glob("*.yaml") if not path.name.endswith(".traces.yaml"))
RUNNING = [path for path in PATTERNS if path.with_suffix(".traces.yaml").exists()]
REFUSED = [path for path in PATTERNS if path not in RUNNING]
CASES = [
    pytest.param(path, case, id=f"{path.stem}: {case['title']}") for path in RUNNING for case in yaml.safe_load(path.with_suffix(".traces.yaml").read_text())
]


class Play:
    """One instance, on a clock that is moved by hand."""

    def __init__(self, path: Path, inputs: Mapping[str, Any]) -> None:
        self.clock = VirtualClock(datetime(2026, 3, 2, 7, tzinfo=UTC))
        self.engine: Engine = open_engine(":memory:", clock=self.clock)
        loaded = load_process(path)
        assert not loaded.findings, [str(finding) for finding in loaded.findings]
        assert loaded.graph is not None
        self.engine.deploy(loaded)
        self.instance = self.engine.start(loaded.graph.process, inputs=inputs, by="boss")
        self.engine.work()

    def act(self, entry: dict[str, Any]) -> None:
        match entry:
            case {"open": names}:
                assert sorted(step_name(task.node) for task in self.engine.tasks("boss")) == sorted(names)
            case {"answer": called, **more}:
                found = [task for task in self.engine.tasks("boss") if called in (step_name(task.node), task.subject)]
                assert found, f"no task {called}"
                self.engine.answer(found[0].id, by="boss", outcome=more.get("outcome"), values=more.get("values"))
            case {"wait": how_long}:
                self.clock.forward(__import__("datetime").timedelta(seconds=parse_duration(how_long).seconds))
            case {"command": name}:
                self.engine.command(self.instance, name, by="boss")
            case {"message": message}:
                self.engine.send_message(message["name"], message.get("key"), message.get("values"))
            case {"refused": inner}:
                with pytest.raises(Refused):
                    self.act(inner)
            case _:
                raise AssertionError(entry)
        self.engine.work()

    def trace(self, instance: int) -> list[str]:
        return [step_name(line.path) for line in self.engine.timeline(instance) if line.kind == "step"]


@pytest.mark.parametrize("path, case", CASES)
def test_a_pattern_runs(path: Path, case: dict[str, Any]) -> None:
    play = Play(path, case.get("inputs", {}))
    for entry in case["play"]:
        play.act(entry)
    view = play.engine.instance(play.instance)
    assert play.trace(play.instance) == case["trace"]
    assert (view.row.status, view.row.result) == ("ended", case["ends"])
    assert not view.incidents
    if "notice" in case:
        assert case["notice"] in [notice.text for notice in play.engine.notices("boss")]


@pytest.mark.parametrize("path", REFUSED, ids=lambda path: path.stem)
def test_a_pattern_is_refused(path: Path, update: bool) -> None:
    loaded = load_process(path)
    assert loaded.graph is None
    shown = (render(finding, loaded.sources.get(str(finding.span.file))) for finding in in_order(loaded.findings))
    text = "\n".join(shown).replace(f"{HERE}/", "") + "\n"
    golden = path.with_suffix(".out")
    if update:
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8"), "the findings have changed: `make update`, then read the diff"


def test_all_43_are_there() -> None:
    assert [int(path.stem.partition("-")[0]) for path in PATTERNS] == list(range(1, 44))
