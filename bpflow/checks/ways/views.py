"""What each expression sees: the case in which it is evaluated, while its node is entered, open, or left.

The law of this file: it says when the engine evaluates what. A task's own results are there from the moment when it is opened, but for its form;
the conditions of a form see the form; what is watched is read again while others go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from bpflow.checks.ways.cases import Case
from bpflow.checks.ways.given import CLIMBING, DECISION, brought, form_fields, while_open
from bpflow.checks.ways.walk import OF_TASK, Walk
from bpflow.graph import MOVE, Block, Call, Choose, Expr, Outcome, Step, Task, Trigger, Wait

Seen: TypeAlias = tuple[Expr, Case]

INNER = frozenset(("done", "total", "results"))
"""The names that `enough` reads besides."""


def seen(walk: Walk, id: str) -> Iterator[Seen]:
    """Every expression of a node, with each case in which it is evaluated."""
    for case in walk.cases(id):
        match walk.layout.nodes[id]:
            case Step(sets=sets) | Call(arguments=sets) as node:
                yield from ((expr, case) for _, expr in sets)
                if isinstance(node, Call) and node.timeout:
                    yield node.timeout, case
            case Choose() as node:
                yield from _conditions(walk, node, case)
            case Wait() as node:
                for trigger, _ in node.arms:
                    form = walk.judge.added(case, node.gives, brought(trigger))
                    if trigger.expr:
                        yield trigger.expr, case
                    yield from _of_trigger(trigger, case, form)
            case Task() as node:
                yield from _of_task(walk, node, case)
            case Block() as node:
                yield from _of_block(walk, node, case)
    yield from _of_handlers(walk, id)


def around(walk: Walk) -> Iterator[Seen]:
    """The expressions that stand in no node: starts, defaults, what may happen meanwhile, outputs."""
    begin, graph = walk.start(), walk.graph
    for start in graph.starts:
        yield from ((expr, begin) for expr in (start.when, start.by, start.document, *(expr for _, expr in start.give)) if expr)
    yield from ((variable.default, begin) for variable in graph.variables if variable.default)
    yield from ((handler.trigger.expr, begin) for handler in graph.handlers if handler.trigger.expr)
    yield from _of_handlers(walk, "")
    yield from ((expr, case) for case in walk.ends.all for _, expr in graph.outputs)


def _conditions(walk: Walk, node: Choose, case: Case) -> Iterator[Seen]:
    """One after the other, if the first that is true decides."""
    left: Case | None = case
    for condition, _ in node.arms:
        if left is None:
            return
        yield condition, left
        left = walk.text(condition).judged(left)[1] if node.hit == "first" else walk.text(condition).after(left)


def _form(outcome: Outcome | Trigger) -> Iterator[Expr]:
    yield from (expr for _, expr in (*outcome.when, *outcome.choices))
    yield from (expr for check in outcome.checks for expr in check)


def _of_trigger(trigger: Trigger, case: Case, form: Case) -> Iterator[Seen]:
    """While it waits, in a case, and while its form is filled in."""
    if trigger.expr and not trigger.fixed:
        yield trigger.expr, case
    if trigger.by:
        yield trigger.by, case
    yield from ((expr, case) for _, expr in trigger.prefill)
    yield from ((expr, form) for expr in _form(trigger))


def _of_task(walk: Walk, node: Task, case: Case) -> Iterator[Seen]:
    entered = (node.people, node.not_by)
    opening = (node.if_nobody, node.form.subject, *(alarm.at for alarm in node.alarms), node.observers, *node.checklist)
    yield from _all(entered, case)
    yield from _all(opening, walk.judge.given(case, node.gives, DECISION | {"answers"} | CLIMBING) if node.climb else case)
    open = walk.judge.given(case, node.gives, while_open(node))
    yield from _all((node.form.text, *(expr for _, expr in (*node.form.show, *node.form.prefill)), node.done_when), open)
    yield from _all((expr for alarm in node.alarms for expr in (alarm.tell, alarm.remind, alarm.escalate, alarm.reassign)), open)
    form = walk.judge.added(open, node.gives, form_fields(node.form.outcomes))
    yield from ((expr, form) for outcome in node.form.outcomes for expr in _form(outcome))


def _all(exprs: Iterable[Expr | None], case: Case) -> Iterator[Seen]:
    yield from ((expr, case) for expr in exprs if expr)


def _of_block(walk: Walk, node: Block, case: Case) -> Iterator[Seen]:
    if node.each is None:
        yield from ((handler.trigger.expr, case) for handler in node.handlers if handler.trigger.expr)
        return
    yield from _all((node.each.items, node.each.at_most), case)
    if node.each.enough:
        yield node.each.enough, case
    turns = walk.turns[node.id].all if node.id in walk.turns else []
    for turn in turns:
        yield from _all((node.each.collect, *(expr for _, expr in node.each.collect_fields)), turn)


def _of_handlers(walk: Walk, block: str) -> Iterator[Seen]:
    """What may happen while a block is open, whenever its body rests: a condition that is watched is read again, a form is filled in."""
    resting = walk.resting[block].all if block in walk.resting else []
    for number, handler in enumerate(walk.layout.handlers(block)):
        for case in resting if handler.trigger.kind not in (*OF_TASK, "alone", "error") else ():
            later = walk.caught(block, number, case)
            form = walk.judge.added(later, MOVE, None) if handler.trigger.kind == "move" else later
            yield from _of_trigger(handler.trigger, later, form)
