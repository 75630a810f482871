"""Runs: in words from the very start, and played by people in a real engine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import yaml

from bpflow.checks import RULES
from bpflow.diagnostics import Diagnostic, as_data
from bpflow.expressions import parse_duration
from bpflow.graph import step_name
from bpflow.loading import load_text
from bpflow.runtime import Engine, VirtualClock, open_engine
from tests.soundness.making import compiled

HEAD = "bpflow: 1\nid: p\n"
FLOW = ("waits-for-ever", "surplus-token", "out-of-reach", "no-way-to-end", "livelock", "done-twice", "cancels-others", "not-decided")


def found(steps: str) -> list[Diagnostic]:
    """What is said of the flow of some steps."""
    loaded = load_text(HEAD + steps, "p.yaml")
    assert {finding.rule for finding in loaded.findings} <= {*FLOW, "unreachable-step", "no-deadline"}, loaded.findings
    return [finding for finding in loaded.findings if finding.rule in FLOW]


class Played:
    """The scenario of a finding, played. What stops a process from being deployed is passed over."""

    def __init__(self, steps: str, finding: Diagnostic) -> None:
        graph = compiled(yaml.safe_load(steps)["steps"])
        assert graph is not None
        self.clock = VirtualClock(datetime(2026, 3, 2, 7, tzinfo=UTC))
        self.engine: Engine = open_engine(":memory:", clock=self.clock)
        self.engine.deploy_graph(graph)
        self.id = self.engine.start("p", by="boss")
        for entry in finding.scenario:
            self.engine.work()
            self.do(**entry)
        self.engine.work()

    def do(self, answer: dict[str, str] | None = None, command: dict[str, str] | None = None, wait: str | None = None) -> None:
        if answer:
            task = next(task for task in self.engine.tasks("boss") if step_name(task.node) == answer["task"])
            self.engine.answer(task.id, by="boss", outcome=answer["outcome"])
        elif command:
            self.engine.command(self.id, command["name"], by="boss")
        elif wait:
            self.clock.forward(timedelta(seconds=parse_duration(wait).seconds, days=parse_duration(wait).days))


@pytest.mark.parametrize("rule", ["waits-for-ever", "surplus-token", "out-of-reach"])
def test_the_scenario_of_a_finding_leads_to_the_incident(rule: str):
    steps = RULES[rule].example("Bad")
    (finding,) = [one for one in found(steps) if one.rule == rule]
    played = Played(steps, finding)
    assert [(incident.kind, step_name(incident.path)) for incident in played.engine.incidents()] == [("stuck", "enough" if rule == "out-of-reach" else "both")]
    assert as_data(finding)["scenario"] == [*finding.scenario]


def test_the_scenario_of_what_is_done_twice_opens_two_tasks():
    steps = RULES["done-twice"].example("Bad")
    (finding,) = found(steps)
    assert sorted(step_name(task.node) for task in Played(steps, finding).engine.tasks("boss")) == ["send", "send"]


IN_BLOCK = """\
steps:
  - {id: before, activity: request-info, title: Before, to: initiator}
  - id: which
    activity: race
    branches:
      pressed: {command: go, title: Go, next: works}
      late: {after: 2d, steps: [{activity: end, result: late}]}
  - id: works
    activity: block
    steps:
      - {id: rest, activity: pause, for: 1d}
      - id: ask
        activity: request-info
        to: initiator
        outcomes: {one: {title: One, next: both}, two: {title: Two, steps: [{id: more, activity: notify, to: initiator, text: Two}]}}
      - {id: both, activity: join}
"""


def test_a_run_begins_at_the_start_and_is_played_through_times_and_buttons():
    (finding,) = found(IN_BLOCK)
    assert [str(line) for line in finding.run] == [
        '"Before" is done',
        '"which": "Go" comes first',
        '"rest": what it waits for has come',
        '"ask": the outcome "One" is chosen',
        '"both" waits for ever',
    ]
    assert finding.scenario == (
        {"answer": {"task": "before", "outcome": "done"}},
        {"command": {"name": "go"}},
        {"wait": "1d"},
        {"answer": {"task": "ask", "outcome": "one"}},
    )
    assert [incident.kind for incident in Played(IN_BLOCK, finding).engine.incidents()] == ["stuck"]


CIRCLE = """\
steps:
  - id: works
    activity: block
    steps:
      - {{id: ask, activity: request-info, to: initiator}}
      - {{id: rest, activity: pause, for: 1d, next: ask}}
    meanwhile:
      - {{command: stop, cancels: {cancels}, steps: [{steps}]}}
"""


@pytest.mark.parametrize(
    "cancels, steps, rules",
    [
        ("true", "{activity: notify, to: initiator, text: Stopped}", []),
        ("false", "{activity: notify, to: initiator, text: Stopped}", ["no-way-to-end"]),
        ("false", "{activity: end, result: stopped}", []),
    ],
)
def test_a_circle_may_be_left_by_what_happens_meanwhile(cancels: str, steps: str, rules: list[str]):
    assert [finding.rule for finding in found(CIRCLE.format(cancels=cancels, steps=steps))] == rules


def test_a_circle_beside_what_ends_the_whole_is_none():
    beside = "{id: rest, activity: pause, for: 1d}, {activity: notify, to: initiator, text: Well?, next: rest}"
    steps = "steps:\n  - activity: parallel\n    join: JOIN\n    branches:\n      watch: {steps: [WATCH]}\n      work: {steps: [WORK]}\n"
    ask, ends = "{activity: request-info, to: initiator}", "{activity: request-info, to: initiator}, {activity: end, result: done}"
    for join, work, rules in (("any", ask, []), ("all", ends, []), ("all", ask, ["no-way-to-end"])):
        written = steps.replace("JOIN", join).replace("WATCH", beside).replace("WORK", work)
        assert [finding.rule for finding in found(written)] == rules


def test_what_can_only_happen_after_a_time_ends_no_circle_in_which_none_passes():
    circle = "{id: again, activity: notify, to: initiator, text: Well?, next: [beside, again]}, {id: beside, activity: BESIDE}"
    block = "steps:\n  - id: works\n    activity: block\n    steps: [{id: first, activity: pause, for: 1d}, CIRCLE]\n"
    meanwhile = "    meanwhile:\n      - {command: stop, cancels: true, steps: [{activity: notify, to: initiator, text: Stopped}]}\n"
    ends = "steps: [CIRCLE, {activity: end, result: done}]\n"
    pause, end = "pause, for: 1d", "end, result: done"
    for steps, beside, rules in ((block + meanwhile, pause, ["livelock"]), (ends, pause, ["livelock"]), ("steps: [CIRCLE]\n", end, [])):
        assert [finding.rule for finding in found(steps.replace("CIRCLE", circle).replace("BESIDE", beside))] == rules


@pytest.mark.parametrize("ways, rules, told", [("again, finish", ["livelock"], 5_000), ("finish, again", [], 1)])
def test_of_a_split_the_first_way_is_gone_first(ways: str, rules: list[str], told: int):
    """What ends the whole stops no circle that begins before it, and one that begins after it has no turn."""
    steps = f"""\
steps:
  - {{id: again, activity: notify, to: initiator, text: Ready, next: [{ways}]}}
  - {{id: finish, activity: end, result: ready}}
"""
    assert [finding.rule for finding in found(steps)] == rules
    graph = compiled(yaml.safe_load(steps)["steps"])
    assert graph is not None
    with open_engine(":memory:") as engine:
        engine.deploy_graph(graph)
        id = engine.start("p", by="boss")
        assert engine.instance(id).row.status == "ended"
        assert len(engine.notices("boss")) == told


def test_a_circle_in_which_no_time_passes_is_told_beside_a_block_that_never_ends():
    steps = """\
steps:
  - {id: again, activity: notify, to: initiator, text: Well?, next: [again, works]}
  - {id: works, activity: block, steps: [{id: rest, activity: pause, for: 1d, next: rest}]}
"""
    assert [finding.rule for finding in found(steps)] == ["livelock", "no-way-to-end"]


def test_what_may_happen_meanwhile_is_in_the_run():
    steps = """\
steps:
  - id: works
    activity: block
    steps: [{id: ask, activity: request-info, to: initiator}]
    meanwhile:
      - command: hurry
        title: Hurry up
        cancels: false
        steps:
          - id: how
            activity: request-info
            to: initiator
            outcomes: {call: {title: Call, next: done}, write: {title: Write, steps: [{activity: notify, to: initiator, text: Hi}]}}
          - {id: done, activity: join}
"""
    (finding,) = found(steps)
    assert [str(line) for line in finding.run] == ['meanwhile: "Hurry up"', '"how": the outcome "Call" is chosen', '"done" waits for ever']
    assert finding.scenario == ({"command": {"name": "hurry"}}, {"answer": {"task": "how", "outcome": "call"}})


def test_a_join_counts_by_the_way_on_which_a_block_is_left():
    """Two ways out of one block into a join are two ways, of which only one is taken."""
    steps = """\
steps:
  - {id: begin, activity: notify, to: initiator, text: We begin, next: [a, b]}
  - id: a
    activity: block
    steps:
      - id: ask
        activity: request-info
        to: initiator
        outcomes: {one: {title: One, next: both}, two: {title: Two, next: both}}
  - {id: b, activity: request-info, to: initiator, next: both}
  - {id: both, activity: join}
"""
    assert [finding.rule for finding in found(steps) if finding.rule != "cancels-others"] == ["waits-for-ever"]


def test_a_circle_may_go_through_a_split_and_its_join():
    steps = """\
steps:
  - {id: begin, activity: notify, to: initiator, text: We begin, next: [a, b]}
  - {id: a, activity: request-info, to: initiator, next: both}
  - {id: b, activity: request-info, to: initiator, next: both}
  - {id: both, activity: join}
  - {id: rest, activity: pause, for: 1d, next: begin}
"""
    assert [finding.rule for finding in found(steps)] == ["no-way-to-end"]
