"""A way as people are told of it: the steps that were passed, each with the branch or the outcome that was taken.

The law of this file: a line is a step of the analyst's, by its title or id; the nodes that it was made of are not seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from msgspec import Struct

from bpflow.checks.ways.cases import Case
from bpflow.checks.ways.walk import Walk
from bpflow.diagnostics import Message, say
from bpflow.graph import Block, Choose, Expr, Flow, Handler, Node, StepInfo, Task, Wait, flows, is_way, step_name, step_of

FAILS = say("fails")
MOST = 12
"""Steps of a way that are told; of a longer one those at which it was decided."""


class Telling(Struct, dict=True):
    """Tells ways through one graph."""

    walk: Walk

    @cached_property
    def _infos(self) -> Mapping[str, StepInfo]:
        return {info.path: info for info in self.walk.graph.steps}

    @cached_property
    def _sources(self) -> dict[str, tuple[Node | None, Flow, Handler | None]]:
        """By flow: the node that it leaves, and what has happened if it is the entry of a handler."""
        found: dict[str, tuple[Node | None, Flow, Handler | None]] = {}
        for node in self.walk.graph.nodes:
            found |= {flow.id: (node, flow, None) for flow in flows(node)}
            found |= {handler.entry.id: (node, handler.entry, handler) for handler in (node.handlers if isinstance(node, Block) else ())}
        return found | {handler.entry.id: (None, handler.entry, handler) for handler in self.walk.graph.handlers}

    def called(self, node: str) -> str:
        """What the step of a node is called: its title, or its id."""
        path = step_of(node)
        info = self._infos.get(path)
        title = info.title if info and "$(" not in info.title else ""
        return title or step_name(path)

    def way(self, case: Case, lacks: int) -> list[Case]:
        """The cases on the shortest known way to a case in which something is not there, from the start."""
        found: list[Case] = []
        at: Case | None = case
        while at is not None:
            found.append(at)
            before = [one for one in at.before if lacks & ~one.there == lacks] or [*at.before]
            at = min(before, key=lambda one: one.length) if before else None
        return found[::-1]

    def told(self, way: list[Case]) -> tuple[Message, ...]:
        """A line a step."""
        lines: list[tuple[str, Message | None]] = []
        for case in way:
            node, branch = self._passed(case.flow)
            if branch == FAILS and case.before:
                node = self.walk.layout.nodes.get(case.before[0].node)
            name = self.called(node.id) if node is not None and not is_way(node.id) else ""
            if name and lines and lines[-1][0] == name and None in (branch, lines[-1][1]):
                branch = branch or lines[-1][1]
                lines.pop()
            if (name or branch is not None) and (name, branch) not in lines[-1:]:
                lines.append((name, branch))
        if len(lines) > MOST:
            lines = [line for number, line in enumerate(lines) if line[1] is not None or number in (0, len(lines) - 1)][-MOST:]
        return tuple(_line(name, branch) for name, branch in lines)

    def _passed(self, flow: str) -> tuple[Node | None, Message | None]:
        """The node that a flow leaves, and what was decided there."""
        node, found, handler = self._sources.get(flow, (None, None, None))
        if handler is not None:
            return node if node is not None and handler.trigger.kind in ("answer", "overdue") else None, _happened(handler, self._stage(handler))
        if node is None or found is None or (isinstance(node, Block) and found == node.out):
            return None, None
        return node, self._decided(node, found)

    def _stage(self, handler: Handler) -> str:
        return next((stage.title for stage in self.walk.graph.stages if stage.id == handler.name), handler.name)

    def _decided(self, node: Node, flow: Flow) -> Message | None:
        match node:
            case Task():
                return self._outcome(node, flow)
            case Wait() if len(node.arms) > 1:
                number = [out for _, out in node.arms].index(flow)
                return say('"{branch}"', branch=flow.title or node.arms[number][0].title or (node.names[number] if node.names else str(number)))
            case Choose():
                return self._chosen(node, flow)
            case Block(entry=entry) if len(entry) > 1 and flow.title:
                return say('"{branch}"', branch=flow.title)
        return None

    def _outcome(self, task: Task, flow: Flow) -> Message | None:
        """The title of an outcome; none where there is but one."""
        if len(task.outcomes) < 2:
            return None
        name = next((name for name, out in task.outcomes if out == flow), "")
        return say('"{branch}"', branch=next((one.title for one in task.form.outcomes if one.name == name), name))

    def _chosen(self, node: Choose, flow: Flow) -> Message | None:
        suffix = node.id.partition(":")[2]
        if suffix in ("until", "while"):
            return say("once more") if flow.id.startswith(f"{node.id}[again]") else None
        if suffix == "stage":
            return say('the document is in "{stage}" when it begins', stage=flow.title) if flow.title else None
        if suffix in ("decided", "answered") or is_way(node.id):
            asked = self.walk.layout.nodes.get(step_of(node.id))
            return self._outcome(asked, _same(asked, node, flow)) if suffix == "decided" and isinstance(asked, Task) else None
        if flow.title:
            return say('"{branch}"', branch=flow.title)
        if flow is node.otherwise or flow == node.otherwise:
            return say("otherwise")
        condition: Expr | None = next((condition for condition, out in node.arms if out == flow), None)
        return say("`{condition}`", condition=condition.text) if condition and condition.text != "true" and len(condition.text) < 80 else None


def _same(task: Task, node: Choose, flow: Flow) -> Flow:
    """The flow of a task for that of the choice by its outcome."""
    number = [out for _, out in node.arms].index(flow)
    return task.outcomes[number][1]


def _line(name: str, branch: Message | None) -> Message:
    if branch is None:
        return say("{step}", step=name)
    return say("{step}: {branch}", step=name, branch=branch) if name else branch


def _happened(handler: Handler, stage: str) -> Message:
    trigger = handler.trigger
    match trigger.kind:
        case "error":
            return FAILS
        case "answer":
            return say("somebody answers")
        case "overdue":
            return say("the deadline passes")
        case "command":
            return say('somebody presses "{button}"', button=trigger.title or trigger.name)
        case "message":
            return say('the message "{message}" comes', message=trigger.name)
        case "move":
            return say('the document is moved to "{stage}"', stage=stage)
        case "changed" | "until":
            return say("`{condition}`", condition=trigger.expr.text if trigger.expr else handler.name)
    return say("the time comes for {handler}", handler=trigger.title or handler.name)
