"""Runs: what happens one after the other until something goes wrong, for the machine, for a scenario, and in the analyst's words.

The law of this file: a run is the ways that tokens take, nothing else. What is told leaves out what happens by itself; what is
played leaves out nothing.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

from bpflow.checks.soundness.regions import Region, Target, Way
from bpflow.checks.soundness.search import times_fired
from bpflow.checks.soundness.verdicts import Examination, Verdict
from bpflow.diagnostics import Message, each_quoted, say
from bpflow.graph import Block, Choose, Flow, Graph, Join, Node, Step, StepInfo, Task, Trigger, Wait, handlers_of, step_name, step_of

MOST_LINES = 30
"""The most lines of a run that are told; of a longer one the last."""
MOST_DEPTH = 30
"""The most blocks in each other of which the inside is told."""
MOST_WAYS = 2_000
"""The most ways that are followed inside of a block until it comes to its end."""
_LENGTH = re.compile(r'moment\((?:duration\("([^"]+)"\))\)')


# ── the whole run ───────────────────────────────────────────────────────────────────────────────────────────────────
def whole(examination: Examination, verdict: Verdict) -> list[Way]:
    """Every way that is taken from the start on, also inside of blocks that are passed: a way of a block stands after those inside. What begins
    meanwhile is a way of its block, the process's being ""."""
    return [one for way in (*verdict.region.way_in(), *verdict.run) for one in _inside(examination, way, 0)]


def is_begun(way: Way) -> bool:
    """Whether a way is the beginning of what may happen meanwhile."""
    return way.within is not None and not way.within[1] and bool(way.targets)


def _inside(examination: Examination, way: Way, depth: int) -> Iterator[Way]:
    node = examination.regions.nodes.get(way.node)
    if isinstance(node, Block) and way.targets and not is_begun(way) and depth < MOST_DEPTH:
        inner = _leaving(examination, way) if way.within else _completing(examination, node)
        yield from (one for passed in inner for one in _inside(examination, passed, depth + 1))
    yield way


def _leaving(examination: Examination, way: Way) -> list[Way]:
    """The ways inside of a block until it is left by the flow."""
    assert way.within is not None
    key, flow = way.within
    region = examination.regions.all[key]
    begun = [Way(key[0], region.entries, within=(key, ""))] if key[1] >= 0 else []
    last = next((one for one in region.forward() for target in one.targets if target.flow.id == flow), None)
    return [*begun, *region.path(lambda id: id == last.node), last] if last else begun


def _completing(examination: Examination, block: Block) -> list[Way]:
    """The ways inside of a block until it comes to its end."""
    region = examination.regions.all[block.id, -1]
    witness = region.completing if region.need == "all" else region.arriving
    found: list[Way] = []
    counts: dict[str, dict[str, int]] = {}
    todo: list[Target] = [*region.entries]
    while todo and len(found) < MOST_WAYS:
        target = todo.pop(0)
        way = witness.get(target.node or "")
        if way is None:
            continue
        node = examination.regions.nodes[way.node]
        if isinstance(node, Join):
            held = counts.setdefault(way.node, {})
            held[target.flow.id] = held.get(target.flow.id, 0) + 1
            if not times_fired(node, held):
                continue
            way = region.ways[way.node][0]
        found.append(way)
        todo += way.targets
    return found


# ── for a scenario ──────────────────────────────────────────────────────────────────────────────────────────────────
def scenario(examination: Examination, ways: Sequence[Way]) -> tuple[Mapping[str, Any], ...]:
    """The `play` of a scenario, as far as the run consists of answers, commands, messages and times of which it can be said how long
    they are. Who answers, and what is filled in, is for the reader to add."""
    found = (_began(examination, way) if is_begun(way) else _played(examination.regions.nodes[way.node], way.targets[0].flow) for way in ways if way.targets)
    return tuple(entry for entry in found if entry is not None)


def _began(examination: Examination, way: Way) -> Mapping[str, Any] | None:
    assert way.within is not None
    block, number = way.within[0]
    return _triggered(examination.handlers[block][number].trigger)


def _triggered(trigger: Trigger) -> Mapping[str, Any] | None:
    if trigger.kind in ("command", "message"):
        return {trigger.kind: {"name": trigger.name}}
    length = _LENGTH.fullmatch(trigger.expr.text) if trigger.expr else None
    return {"wait": length[1]} if length else None


def _played(node: Node, flow: Flow) -> Mapping[str, Any] | None:
    if isinstance(node, Task):
        outcome = next((name for name, one in node.outcomes if one == flow), None)
        return {"answer": {"task": step_name(step_of(node.id)), "outcome": outcome}} if outcome else None
    if isinstance(node, Wait):
        return _triggered(next(trigger for trigger, one in node.arms if one == flow))
    return None


# ── in words ────────────────────────────────────────────────────────────────────────────────────────────────────────
class Words:
    """The steps of a graph as the analyst calls them."""

    def __init__(self, graph: Graph) -> None:
        self.nodes: Mapping[str, Node] = {node.id: node for node in graph.nodes}
        self.handlers = handlers_of(graph)
        self.infos: Mapping[str, StepInfo] = {info.path: info for info in graph.steps}

    def step(self, node: str) -> str:
        """What the step of a node is called: its title, else its id, else its activity."""
        path = step_of(node)
        info = self.infos.get(path)
        return info.title if info and info.title else step_name(path)

    def steps(self, nodes: Sequence[str]) -> Message:
        """Several steps, each once."""
        return each_quoted(dict.fromkeys(map(self.step, nodes)))

    def run(self, verdict: Verdict, last: Message, about: Container[str] | None = None) -> tuple[Message, ...]:
        """The lines of a run, and the last one. Of what happens in its region only what is `about` those nodes."""
        run = (way for way in verdict.run if about is None or way.node in about)
        told = [*self._before(verdict.region), *(line for way in run for line in self.way(way))]
        lines = [line for number, line in enumerate(told) if number == 0 or line != told[number - 1]]
        return (*lines[-MOST_LINES:], last)

    def _before(self, region: Region) -> Iterator[Message]:
        block, number = region.key
        if region.around is not None:
            yield from self._before(region.around)
            for way in region.around.path(lambda id: id == block):
                yield from self.way(way)
        if number >= 0:
            yield self._begins(self.handlers[block][number].trigger, self.handlers[block][number].name)

    def _begins(self, trigger: Trigger, name: str) -> Message:
        return say('meanwhile: "{name}"', name=trigger.title or trigger.name or name)

    def way(self, way: Way) -> Iterator[Message]:
        """What a way says of itself; nothing where it happens by itself."""
        node, flow = self.nodes[way.node], way.targets[0].flow if way.targets else None
        match node:
            case Task() if flow:
                yield from self._answer(node, flow)
            case Wait() if flow:
                yield self._came(node, flow)
            case Choose() if flow:
                yield from self._chosen(node, flow)
            case Step() if len(way.targets) > 1:
                ways = self.steps([target.flow.to or "" for target in way.targets if target.flow.to])
                yield say('"{step}": at once begin {steps}', step=self.step(node.id), steps=ways)
            case Join() if way.targets:
                yield say('"{step}" has got what it waits for', step=self.step(node.id))
            case Block() if way.within and flow and flow.to:
                yield say('"{step}" is left for "{target}"', step=self.step(node.id), target=self.step(flow.to))
            case Block() if flow and node.id == step_of(node.id):
                yield say('"{step}" comes to its end', step=self.step(node.id))

    def _answer(self, task: Task, flow: Flow | None) -> Iterator[Message]:
        name = next((name for name, one in task.outcomes if one == flow), None)
        title = next((outcome.title for outcome in task.form.outcomes if outcome.name == name), name)
        if len(task.outcomes) > 1 and name is not None:
            yield say('"{step}": the outcome "{outcome}" is chosen', step=self.step(task.id), outcome=title)
        else:
            yield say('"{step}" is done', step=self.step(task.id))

    def _came(self, wait: Wait, flow: Flow) -> Message:
        number, trigger = next((number, trigger) for number, (trigger, one) in enumerate(wait.arms) if one == flow)
        if len(wait.arms) > 1:
            name = flow.title or trigger.title or (wait.names[number] if wait.names else trigger.name)
            return say('"{step}": "{branch}" comes first', step=self.step(wait.id), branch=name)
        if trigger.kind == "message":
            return say('"{step}": the message "{message}" comes', step=self.step(wait.id), message=trigger.name)
        return say('"{step}": what it waits for has come', step=self.step(wait.id))

    def _chosen(self, choose: Choose, flow: Flow) -> Iterator[Message]:
        suffix, name = choose.id.partition(":")[2], self.step(choose.id)
        number = next((number for number, (_, one) in enumerate(choose.arms) if one == flow), None)
        if suffix == "decided" and number is not None and isinstance(task := self.nodes.get(step_of(choose.id)), Task):
            yield from self._answer(task, task.outcomes[number][1])
        elif suffix in ("", "while", "until", "when") and flow.title:
            yield say('"{step}": the branch "{branch}"', step=name, branch=flow.title)
        elif suffix in ("", "while", "until", "when") and number is not None:
            yield say('"{step}": `{condition}` is true', step=name, condition=choose.arms[number][0].text)
        elif suffix in ("while", "until"):
            yield say('"{step}": `{condition}` is not true', step=name, condition=choose.arms[0][0].text)
        elif not suffix:
            yield say('"{step}": no condition is true', step=name)
