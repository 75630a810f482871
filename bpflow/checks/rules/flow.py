"""Rules about the ways through a process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bpflow.checks.rule import page, rule
from bpflow.checks.rules.cases import unanswered
from bpflow.checks.subject import Subject
from bpflow.diagnostics import Diagnostic, Message, Span, say
from bpflow.graph import Choose, Graph, Node, StepInfo, flows, step_of


@rule("unreachable-step")
def unreachable_step(subject: Subject) -> Iterator[Diagnostic]:
    """Every step must be on some way from the start.

    A step that no way leads to is never done. Usually a `next` above it jumps past it, or an `end` stands before it, also at the end of
    each way through a block. Only the first of several such steps in a row is reported.

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
    reached = {step_of(node) for node in subject.flow.regions.reached}
    reached |= _meant(subject, reached)
    circling = (node for verdict in subject.flow.verdicts if verdict.rule in ("no-way-to-end", "livelock") for node in verdict.flows)
    circles = {path for node in circling for path in (step_of(node), *steps_around(step_of(node)))}  # what follows a circle is told with it
    before: dict[str, str] = {}
    told = False
    for info in subject.graph.steps:
        around = info.path.rpartition("/")[0]
        lost = info.path not in reached
        if lost and not told and before.get(around) not in circles:
            yield Diagnostic(_span(info, subject), "unreachable-step", say("no way leads to this step"), _way_to(before.get(around), subject))
        told, before[around] = lost, info.path


def steps_around(path: str) -> Iterator[str]:
    """The paths of the steps around a step, from the nearest on."""
    while path := path.rpartition("/")[0]:
        yield path
        yield path.rpartition(".")[0]  # without the name of the branch


def _way_to(before: str | None, subject: Subject) -> Message:
    """What leads to a step; often the step `before` it in its list is a condition that leaves out the other cases."""
    if any(isinstance(node, Choose) and node.otherwise is None and step_of(node.id) == before for node in subject.graph.nodes):
        return say('the condition before it says nothing of the other cases: add "otherwise: {{next: go-on}}" to it')
    return say('let a "next" lead to it, or remove it')


def _meant(subject: Subject, reached: set[str]) -> set[str]:
    """The steps that are reached if a condition without `otherwise` goes on to the next one, as whoever has left it out may have thought."""
    found: set[str] = set()
    ways = {step_of(choice) for choice in unanswered(subject)} if any(info.path not in reached for info in subject.graph.steps) else set()
    nodes = {node.id: node for node in subject.graph.nodes}
    for path in ways:
        following = _next_in_list(path, subject.graph)
        found |= {step_of(node) for node in reached_from([id for id in nodes if step_of(id) == following], nodes)}
    return found


def _next_in_list(path: str, graph: Graph) -> str | None:
    """The step after another one in the same list."""
    paths = [info.path for info in graph.steps]
    around = path.rpartition("/")[0]
    return next((other for other in paths[paths.index(path) + 1 :] if other.rpartition("/")[0] == around), None)


def reached_from(todo: list[str | None], nodes: Mapping[str, Node]) -> set[str]:
    """The ids of the nodes that some way from those of `todo` leads to, these among them."""
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

page(
    "jump-out-of-parallel",
    """
    `next` cannot lead out of what runs in parallel.

    The other branches of a `parallel`, the other turns of a `for-each` with `in-parallel`, would go on without it, or be cut off in the
    middle. A branch runs to its end; what follows stands after the parallel. `end` ends the whole instance from anywhere.

    Bad:

        steps:
          - activity: parallel
            branches:
              first: {steps: [{activity: notify, to: initiator, text: Ready, next: after}]}
              second: {steps: [{activity: pause, for: 1d}]}
          - {id: after, activity: notify, to: initiator, text: Both are over}

    Good:

        steps:
          - activity: parallel
            join: any
            branches:
              first: {steps: [{activity: notify, to: initiator, text: Ready}]}
              second: {steps: [{activity: pause, for: 1d}]}
          - {id: after, activity: notify, to: initiator, text: One of them is over}
    """,
)

page(
    "idle-retry",
    """
    `retry` stands at a step that calls a service.

    It is the call that is tried again. A condition, a pause, a block call nothing themselves; what may fail inside a block has its own
    `retry`, and `on-error` takes what is left of it.

    Bad:

        steps:
          - {activity: pause, for: 1d, retry: {times: 3}}

    Good:

        steps:
          - {activity: notify, to: initiator, text: Ready, retry: {times: 3}}
    """,
)
