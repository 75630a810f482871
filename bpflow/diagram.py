"""The drawing of a process: a Mermaid flowchart with a shape for each step, and on the arrows what decides.

The law of this file: what is drawn are the steps that the analyst wrote. The further nodes of a step (the turn of a loop, the
writing of a form) are folded into it, and the same graph always gives the same text.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from typing import TypeAlias

from bpflow.diagnostics import Message, say
from bpflow.expressions import parse
from bpflow.graph import STAGE, Block, Call, Choose, Each, Exit, Expr, Flow, Graph, Handler, Node, Step, StepInfo, Task, Trigger, Wait, is_way, step_of
from bpflow.graph import flows as flows_of

LONGEST = 90
"""Characters of a label; the rest is cut."""
_ESCAPES = {'"': "#quot;", "#": "#35;", "&": "#amp;", "<": "#lt;", ">": "#gt;", "`": "#96;", "\\": "#92;", "|": "#124;"}
_SHAPES = {
    "task": '[/"{}"/]',
    "choose": '{{"{}"}}',
    "loop": '{{{{"{}"}}}}',
    "wait": '(["⏰ {}"])',
    "exit": '((("{}")))',
    "process": '[["{}"]]',
    "step": '["{}"]',
}
REST = ":rest"
"""How the node ends in which a stage waits until it is left, or ends."""
_START, _FINISH, _CIRCLE = "start_here", "finish_here", '((" "))'


def mermaid(graph: Graph, language: str = "en") -> str:
    """The graph as a Mermaid flowchart, for Markdown and for mermaid.live. `language` is that of the words that are not the analyst's.

    A block or a stage is a frame with a circle where it begins and one where its ways end; dotted arrows are what may happen meanwhile,
    thick ones the moves of people from stage to stage.
    """
    drawing = _Drawing(graph, language)
    arrows = drawing.arrows()
    ends = {to for _, to, _ in arrows}
    lines = ["flowchart TD", f'    {_START}(["▶ {escape(graph.title)}"])', *drawing.steps("", ends)]
    if _FINISH in ends:
        lines.append(f'    {_FINISH}((("{escape(drawing.word(say("end")))}")))')
    for (source, to, line), labels in arrows.items():
        label = " / ".join(dict.fromkeys(filter(None, labels)))
        lines.append(f'    {source} {line}|"{escape(label)}"| {to}' if label else f"    {source} {line} {to}")
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """The text as it may stand between the quotes of a label: on one line, not too long, with nothing that Mermaid would read."""
    line = " ".join(text.split())
    line = line if len(line) <= LONGEST else line[: LONGEST - 1].rstrip() + "…"
    shown = "".join(_ESCAPES.get(char, char) for char in line)
    return re.sub(r"^(\d+|[-*+])([.)]?) ", lambda found: found[0].replace(".", "#46;").replace("-", "#45;").replace("*", "#42;").replace("+", "#43;"), shown)


Arrow: TypeAlias = tuple[str, str, str]
"""From, to, and the line of the arrow."""


@dataclass
class _Drawing:
    """A graph with its nodes by id, its steps by name, and the blocks around each node."""

    graph: Graph
    language: str
    nodes: dict[str, Node] = field(init=False)
    names: dict[str, str] = field(init=False)
    around: dict[str, tuple[str, ...]] = field(init=False)

    def __post_init__(self) -> None:
        self.nodes = {node.id: node for node in self.graph.nodes}
        self.around = scopes(self.graph)
        self.names = {}
        taken: set[str] = set()
        for info in self.graph.steps:
            name = "n_" + re.sub(r"\W", "_", info.path, flags=re.ASCII)
            while name in taken:
                name += "_"
            taken.add(name)
            self.names[info.path] = name

    def word(self, message: Message) -> str:
        return message.text(self.language)

    def name(self, path: str) -> str:
        """The name of a step in the drawing; of a block, that of the circle where it begins."""
        return self.names[path]

    def end(self, path: str) -> str:
        """The name of the circle where the ways of a block end."""
        return f"{self.names[path]}_end"

    def outline(self, path: str) -> str:
        """The name of the frame of a block."""
        return f"{self.names[path]}_frame"

    def is_frame(self, id: str) -> bool:
        """Whether a node is a block that the analyst wrote; the one round a step with `on-error` or a loop's body is none."""
        return ":" not in id and isinstance(self.nodes.get(id), Block)

    def frame_of(self, path: str) -> str:
        """The innermost frame in which a step stands; "" if it stands in none."""
        around = self.around.get(path) or next((found for id, found in self.around.items() if step_of(id) == path), ())
        return next((block for block in reversed(around) if self.is_frame(block)), "")

    def ends_stage(self, id: str) -> bool:
        """Whether it is the node at which a final stage ends the process."""
        return id.endswith(REST) and isinstance(self.nodes[id], Exit)

    def steps(self, frame: str, ends: Set[str], depth: int = 1) -> Iterator[str]:
        """The lines of the steps in a frame, with the frames in it."""
        indent = "    " * depth
        for info in self.graph.steps:
            if self.frame_of(info.path) != frame:
                continue
            if not self.is_frame(info.path):
                yield f"{indent}{self.name(info.path)}{self.shape(info)}"
                continue
            yield f'{indent}subgraph {self.outline(info.path)} ["{escape(self.title(info))}"]'
            yield f"{indent}    {self.name(info.path)}{_CIRCLE}"
            yield from self.steps(info.path, ends, depth + 1)
            if self.end(info.path) in ends:
                final = self.ends_stage(f"{info.path}{REST}") if info.activity == STAGE else False
                yield f"{indent}    {self.end(info.path)}{_SHAPES['exit'].format(info.path) if final else _CIRCLE}"
            yield f"{indent}end"

    def started(self) -> list[str]:
        """What starts the process, each with its condition."""
        words = {
            "manual": say("by hand"),
            "document-created": say("a document is created"),
            "document-changed": say("a document changes"),
            "call": say("called by a process"),
        }
        on = [
            self.word(words[start.on]) if start.on in words else f"✉ {start.name}" if start.on == "message" else f"⏰ {start.cron}"
            for start in self.graph.starts
        ]
        return [f"{word}: {_bare(start.when)}" if start.when else word for word, start in zip(on, self.graph.starts, strict=True)]

    def title(self, info: StepInfo) -> str:
        """What is written in a step."""
        node = self.nodes.get(info.path)
        return info.title or (self._described(node) if node else "") or info.activity

    def shape(self, info: StepInfo) -> str:
        """The shape of a step with its title in it."""
        return _SHAPES[self._kind(info.path)].format(escape(self.title(info)))

    def _kind(self, path: str) -> str:
        if f"{path}:turn" in self.nodes:
            return "loop"
        node = self.nodes.get(path) or next((node for node in self.graph.nodes if step_of(node.id) == path), None)
        if isinstance(node, Call) and node.service == "processes.start":
            return "process"
        kinds: dict[type, str] = {Task: "task", Choose: "choose", Wait: "wait", Exit: "exit"}
        return kinds.get(type(node), "step")

    def _described(self, node: Node) -> str:
        """What stands for the title of a step that has none."""
        match node:
            case Wait(arms=((trigger, _),)):
                return _happening(trigger)
            case Block(each=Each() as each):
                return f"{each.name} : {_bare(each.items)}"
            case Exit():
                return node.name
            case Call(service="documents.update"):
                return ", ".join(f"{name.partition('.')[2]} = {_bare(expr)}" for name, expr in node.arguments if name.startswith("set."))
            case Step(gives=None):
                return ", ".join(f"{name} = {_bare(expr)}" for name, expr in node.sets)
            case Call():
                return _called(node)
        return ""

    # ── arrows ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def arrows(self) -> dict[Arrow, list[str]]:
        """Arrows → labels, in the order of the steps."""
        found: dict[Arrow, list[str]] = {}
        for flow in self.graph.entry:
            for to in self._targets(flow, ()):
                found.setdefault((_START, to, "-->"), []).extend(self.started())
        for handler in self.graph.handlers:
            for to in self._targets(handler.entry, ()) if handler.trigger.kind != "alone" else ():
                found.setdefault((_START, to, "-.->"), []).append(self._handled(handler))
        for info in self.graph.steps:
            for source, flow, label in self._out(info.path):
                block = self.nodes[source]
                if info.activity == STAGE and flow.id == f"{info.path}>off":
                    continue  # a stage is left by moves alone
                if move := self._move(block, flow):
                    for to in self._targets(flow, (*self.around.get(source, ()), source)):
                        within = to.startswith(f"{self.name(info.path)}_enter_")  # an arrow from a frame into itself cannot be drawn
                        found.setdefault((self.name(info.path) if within else self.outline(info.path), to, "==>"), []).append(move.title)
                    continue
                leaves = isinstance(block, Block) and flow is block.out
                begins = self.end(info.path) if leaves and self.is_frame(source) else self.name(info.path)
                around = self.around.get(source, ()) if leaves or not isinstance(block, Block) else (*self.around.get(source, ()), source)
                dotted = isinstance(block, Block) and any(flow is handler.entry for handler in block.handlers)
                for to in self._targets(flow, around):
                    found.setdefault((begins, to, "-.->" if dotted else "-->"), []).append(label)
        return found

    @staticmethod
    def _move(block: Node, flow: Flow) -> Trigger | None:
        """The move of people that the flow of a stage is."""
        handlers = block.handlers if isinstance(block, Block) else ()
        return next((handler.trigger for handler in handlers if handler.entry is flow and handler.trigger.kind == "move"), None)

    def _targets(self, flow: Flow, around: tuple[str, ...]) -> Iterator[str]:
        """The step to which a flow leads (through a split, several), or the end of the frame, or of the process, that it runs off in."""
        split = self.nodes.get(flow.to or "")
        if isinstance(split, Step) and ":split" in split.id:
            for way in split.out:
                yield from self._targets(way, self.around.get(split.id, ()))
        elif flow.to is not None and is_way(flow.to):
            for way in flows_of(self.nodes[flow.to])[-1 if flow.to.endswith(":stage") else 0 :]:  # of the beginning: that of a new document
                yield from self._targets(way, self.around.get(flow.to, ()))
        elif flow.to is not None:
            yield self.end(step_of(flow.to)) if flow.to.endswith(REST) else self.name(step_of(flow.to))
        else:
            yield from self._ends(around[: len(around) - flow.up])

    def _ends(self, around: tuple[str, ...]) -> Iterator[str]:
        """Where what runs off its list within these blocks goes on."""
        block = self.nodes[around[-1]] if around else None
        if block is None:
            yield _FINISH
        elif self.is_frame(block.id):
            yield self.end(block.id)
        elif isinstance(block, Block):
            yield from self._targets(block.out, self.around.get(block.id, ()))

    def _out(self, path: str) -> Iterator[tuple[str, Flow, str]]:
        """The flows that leave a step: the node that each comes from, the flow, and what stands on it."""
        seen: set[str] = set()
        for node in (path, *(id for id in self.nodes if step_of(id) == path and id != path)):
            if node in self.nodes and node not in seen and not is_way(node):
                yield from self._out_of(self.nodes[node], "", seen)

    def _out_of(self, node: Node, label: str, seen: set[str]) -> Iterator[tuple[str, Flow, str]]:
        seen.add(node.id)
        for flow, own in self._labelled(node):
            if isinstance(node, Block) and flow.to == step_of(node.id):
                continue  # from the block round a step to the step itself
            further = flow.to is not None and step_of(flow.to) == step_of(node.id) and ":" in flow.to and not is_way(flow.to)
            inner = flow.to if further and not self.ends_stage(flow.to or "") else None
            if inner is None:
                yield node.id, flow, label or own
            elif inner not in seen:
                yield from self._out_of(self.nodes[inner], label or own, seen)

    def _labelled(self, node: Node) -> Iterator[tuple[Flow, str]]:
        """The ways out of a node, each with its label."""
        labels: dict[str, str] = {}
        match node:
            case Choose():
                labels = {flow.id: _condition(node, expr, flow) for expr, flow in node.arms}
                if node.otherwise:
                    labels[node.otherwise.id] = "" if ":" in node.id else self.word(say("otherwise"))
            case Task():
                titles = {outcome.name: outcome.title or outcome.name for outcome in node.form.outcomes}
                labels = {flow.id: titles.get(name, name) for name, flow in node.outcomes if len(node.outcomes) > 1}
            case Wait():
                labels = {flow.id: trigger.title or _happening(trigger) for trigger, flow in node.arms if len(node.arms) > 1}
            case Block():
                labels = {flow.id: _branch(flow) for flow in node.entry if len(node.entry) > 1}
                labels |= {handler.entry.id: self._handled(handler) for handler in node.handlers}
                labels[node.out.id] = "" if node.need == "all" else self.word(say("{count} of them", count=node.need))
        return ((flow, flow.title or labels.get(flow.id, "")) for flow in flows_of(node))

    def _handled(self, handler: Handler) -> str:
        trigger = handler.trigger
        if trigger.kind == "error":
            return trigger.title or self.word(say("error")) + (f" {trigger.name}" if trigger.name else "")
        return trigger.title or _happening(trigger) or handler.name


def _called(call: Call) -> str:
    """What a call is about: the text that it tells, the message, the process, the type of document or the service."""
    shown = {name: _bare(expr) for name, expr in call.arguments}
    match call.service:
        case "messages.send":
            return f"✉ {shown['message']}"
        case "processes.start":
            return shown["process"]
        case "documents.create" | "documents.find":
            return shown.get("type", "")
        case "notify" | "calendar.add" | "people.pick":
            return shown.get("title") or shown.get("text") or ""
    return call.service


def _happening(trigger: Trigger) -> str:
    """What a trigger waits for, in a few signs."""
    match trigger.kind:
        case "message":
            return f"✉ {trigger.name}"
        case "command":
            return trigger.name
    return _bare(trigger.expr)


def _condition(node: Choose, expr: Expr, flow: Flow) -> str:
    """A condition; where all that are true are taken, with the name of its branch."""
    if node.hit != "every":
        return _bare(expr)
    return _branch(flow) if expr.text == "true" else f"{_branch(flow)}: {_bare(expr)}"


def _branch(flow: Flow) -> str:
    """The name of the branch that a flow enters."""
    found = re.search(r"\[(.+)\]>", flow.id)
    return found[1] if found else ""


def scopes(graph: Graph) -> dict[str, tuple[str, ...]]:
    """Node → the blocks around it, the outermost first, for all nodes that can be reached."""
    nodes = {node.id: node for node in graph.nodes}
    found: dict[str, tuple[str, ...]] = {}
    todo: list[tuple[Flow, tuple[str, ...]]] = [(flow, ()) for flow in (*graph.entry, *(handler.entry for handler in graph.handlers))]
    while todo:
        flow, around = todo.pop()
        here = around[: len(around) - flow.up]
        if flow.to is None or flow.to in found or flow.to not in nodes:
            continue
        found[flow.to] = here
        node = nodes[flow.to]
        inner = {entry.id for entry in node.entry} | {h.entry.id for h in node.handlers if not h.outside} if isinstance(node, Block) else set()
        todo += ((way, (*here, node.id) if way.id in inner else here) for way in flows_of(node))
    return found


def _bare(expr: Expr | None) -> str:
    """An expression as an analyst wrote it: without what lowering put around it."""
    return _written(expr.text, parse(expr.text).tree) if expr else ""


def _written(text: str, tree: ast.expr) -> str:
    match tree:
        case ast.Constant(value=str() as value):
            return value
        case ast.Call(func=ast.Name(id="moment" | "deadline" | "duration" | "date" | "datetime" | "user"), args=[inner]):
            return _written(text, inner)
        case ast.Call(func=ast.Name(id="text"), args=parts):
            return "".join(part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else f"$({_piece(text, part)})" for part in parts)
    return _piece(text, tree)


def _piece(text: str, tree: ast.expr) -> str:
    return text[tree.col_offset : tree.end_col_offset]
