"""The drawing of a process: a Mermaid flowchart with a shape for each step, and on the arrows what decides.

The law of this file: what is drawn are the steps that the analyst wrote. The further nodes of a step (the turn of a loop, the
writing of a form) are folded into it, and the same graph always gives the same text.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from bpflow.diagnostics import Message, say
from bpflow.expressions import parse
from bpflow.graph import Block, Call, Choose, Exit, Expr, Flow, Graph, Handler, Node, Step, StepInfo, Task, Wait, step_of
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
    "block": '[["{}"]]',
    "step": '["{}"]',
}
_START, _FINISH = "start_here", "finish_here"


def mermaid(graph: Graph, language: str = "en") -> str:
    """The graph as a Mermaid flowchart, for Markdown and for mermaid.live. `language` is that of the words that are not the analyst's."""
    drawing = _Drawing(graph, language)
    lines = ["flowchart TD", f'    {_START}(["▶ {escape(graph.title)}"])']
    lines += [f"    {drawing.name(info.path)}{drawing.shape(info)}" for info in graph.steps]
    arrows = drawing.arrows()
    if any(to == _FINISH for _, to in arrows):
        lines.append(f'    {_FINISH}((("{escape(drawing.word(say("end")))}")))')
    for (source, to), labels in arrows.items():
        label = " / ".join(dict.fromkeys(filter(None, labels)))
        lines.append(f'    {source} -->|"{escape(label)}"| {to}' if label else f"    {source} --> {to}")
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """The text as it may stand between the quotes of a label: on one line, not too long, with nothing that Mermaid would read."""
    line = " ".join(text.split())
    line = line if len(line) <= LONGEST else line[: LONGEST - 1].rstrip() + "…"
    shown = "".join(_ESCAPES.get(char, char) for char in line)
    return re.sub(r"^(\d+|[-*+])([.)]?) ", lambda found: found[0].replace(".", "#46;").replace("-", "#45;").replace("*", "#42;").replace("+", "#43;"), shown)


@dataclass
class _Drawing:
    """A graph with its nodes by id and by step."""

    graph: Graph
    language: str
    nodes: dict[str, Node] = field(init=False)
    names: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.nodes = {node.id: node for node in self.graph.nodes}
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
        """The name of a step in the drawing."""
        return self.names[path]

    def started(self) -> list[str]:
        """What starts the process, each with its condition."""
        words = {"manual": say("by hand"), "document-created": say("a document is created"), "document-changed": say("a document changes")}
        on = [self.word(words[start.on]) if start.on in words else start.on for start in self.graph.starts]
        return [f"{word}: {_bare(start.when)}" if start.when else word for word, start in zip(on, self.graph.starts, strict=True)]

    def shape(self, info: StepInfo) -> str:
        """The shape of a step with its title in it."""
        node = self.nodes.get(info.path)
        title = info.title or (self._described(node) if node else "") or info.activity
        return _SHAPES[self._kind(info.path, node)].format(escape(title))

    def _kind(self, path: str, node: Node | None) -> str:
        if f"{path}:turn" in self.nodes:
            return "loop"
        kinds: dict[type, str] = {Task: "task", Choose: "choose", Wait: "wait", Exit: "exit", Block: "block"}
        return kinds.get(type(node), "step")

    def _described(self, node: Node) -> str:
        """What stands for the title of a step that has none."""
        match node:
            case Wait():
                return _bare(node.arms[0][0].expr)
            case Exit():
                return node.name
            case Call(service="documents.update"):
                return ", ".join(f"{name.partition('.')[2]} = {_bare(expr)}" for name, expr in node.arguments if name.startswith("set."))
            case Step():
                return ", ".join(f"{name} = {_bare(expr)}" for name, expr in node.sets)
            case Call():
                shown = dict(node.arguments)
                return _bare(shown.get("title") or shown.get("text"))
        return ""

    # ── arrows ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def arrows(self) -> dict[tuple[str, str], list[str]]:
        """From and to → labels, in the order of the steps."""
        found: dict[tuple[str, str], list[str]] = {}
        around = scopes(self.graph)
        for flow in self.graph.entry:
            found.setdefault((_START, self._target(flow, ())), []).extend(self.started())
        for info in self.graph.steps:
            for source, flow, label in self._out(info.path):
                to = self._target(flow, around.get(source, ()))
                found.setdefault((self.name(info.path), to), []).append(label)
        return found

    def _target(self, flow: Flow, around: tuple[str, ...]) -> str:
        if flow.to is not None:
            return self.name(step_of(flow.to))
        left = around[: len(around) - flow.up]
        return self.name(step_of(left[-1])) if left else _FINISH

    def _out(self, path: str) -> Iterator[tuple[str, Flow, str]]:
        """The flows that leave a step: the node that each comes from, the flow, and what stands on it."""
        seen: set[str] = set()
        for node in (path, *(id for id in self.nodes if step_of(id) == path and id != path)):
            if node in self.nodes and node not in seen:
                yield from self._out_of(self.nodes[node], "", seen)

    def _out_of(self, node: Node, label: str, seen: set[str]) -> Iterator[tuple[str, Flow, str]]:
        seen.add(node.id)
        for flow, own in self._labelled(node):
            inner = flow.to if flow.to and step_of(flow.to) == step_of(node.id) and ":" in flow.to else None
            if inner is None:
                yield node.id, flow, label or own
            elif inner not in seen:
                yield from self._out_of(self.nodes[inner], label or own, seen)

    def _labelled(self, node: Node) -> Iterator[tuple[Flow, str]]:
        """The ways out of a node, each with its label."""
        labels: dict[str, str] = {}
        match node:
            case Choose():
                labels = {flow.id: _bare(expr) for expr, flow in node.arms}
                if node.otherwise:
                    labels[node.otherwise.id] = "" if ":" in node.id else self.word(say("otherwise"))
            case Task():
                titles = {outcome.name: outcome.title or outcome.name for outcome in node.form.outcomes}
                labels = {flow.id: titles.get(name, name) for name, flow in node.outcomes if len(node.outcomes) > 1}
            case Wait():
                labels = {flow.id: trigger.title or trigger.name for trigger, flow in node.arms if len(node.arms) > 1}
            case Block():
                labels = {handler.entry.id: _handled(handler) for handler in node.handlers}
        return ((flow, flow.title or labels.get(flow.id, "")) for flow in flows_of(node))


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


def _handled(handler: Handler) -> str:
    return handler.trigger.title or handler.trigger.name or _bare(handler.trigger.expr) or handler.name


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
