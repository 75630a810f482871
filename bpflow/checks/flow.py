"""Rules about the ways through a process."""

from __future__ import annotations

from collections.abc import Iterator

from bpflow.checks.rule import page, rule
from bpflow.checks.subject import Subject
from bpflow.diagnostics import Diagnostic, Span, say
from bpflow.graph import Graph, StepInfo, flows, step_of


@rule("unreachable-step")
def unreachable_step(subject: Subject) -> Iterator[Diagnostic]:
    """Every step must be on some way from the start.

    A step that no way leads to is never done. Usually a `next` above it jumps past it, or an `end` stands before it. Only the first
    of several such steps in a row is reported.

    Bad:

        steps:
          - {activity: end, result: done}
          - {activity: notify, to: initiator, text: Ready}

    Good:

        steps:
          - {activity: notify, to: initiator, text: Ready}
          - {activity: end, result: done}
    """
    if not subject.complete:
        return
    reached = {step_of(node) for node in reached_nodes(subject.graph)}
    before_is_lost = False
    for info in subject.graph.steps:
        lost = info.path not in reached
        if lost and not before_is_lost:
            yield Diagnostic(_span(info, subject), "unreachable-step", say("no way leads to this step"), say('let a "next" lead to it, or remove it'))
        before_is_lost = lost


def reached_nodes(graph: Graph) -> set[str]:
    """The ids of the nodes that some way from the start leads to."""
    nodes = {node.id: node for node in graph.nodes}
    todo = [flow.to for flow in graph.entry]
    todo += [handler.entry.to for handler in graph.handlers]
    reached: set[str] = set()
    while todo:
        id = todo.pop()
        if id is not None and id not in reached:
            reached.add(id)
            todo += [flow.to for flow in flows(nodes[id])]
    return reached


def _span(info: StepInfo, subject: Subject) -> Span:
    line, column = info.place or (1, 1)
    return Span(subject.source.file, line, column, line + 1, 1)


page(
    "unknown-step",
    """
    `next` must name a step that is there.

    It names a step by its id, in the list of the step itself or in one around it, or is `go-on`, which carries on after the list.

    Bad:

        steps:
          - {activity: notify, to: initiator, text: Ready, next: finsh}
          - {id: finish, activity: end, result: done}

    Good:

        steps:
          - {activity: notify, to: initiator, text: Ready, next: finish}
          - {id: finish, activity: end, result: done}
    """,
)

page(
    "jump-into-block",
    """
    `next` cannot lead into a block from outside of it.

    A block begins at its beginning: a loop counts its turns, a branch has its condition. Out of a block, to a step after it or before
    it, `next` may lead.

    Bad:

        steps:
          - {activity: notify, to: initiator, text: Ready, next: inner}
          - activity: loop
            until: document.status == "won"
            steps:
              - {id: inner, activity: pause, for: 1d}

    Good:

        steps:
          - {activity: notify, to: initiator, text: Ready, next: outer}
          - id: outer
            activity: loop
            until: document.status == "won"
            steps:
              - {id: inner, activity: pause, for: 1d}
    """,
)

page(
    "unhandled-outcome",
    """
    Every outcome but the first must say what follows it.

    The first outcome is the usual one and carries on. What happens on a refusal must not be left to chance: `steps`, `next` with a
    step, or `next: go-on` if it is to carry on as well.

    Bad:

        steps:
          - activity: request-info
            to: initiator
            outcomes:
              yes: {title: Agreed}
              no: {title: Refused}

    Good:

        steps:
          - activity: request-info
            to: initiator
            outcomes:
              yes: {title: Agreed}
              no: {title: Refused, next: go-on}
    """,
)
