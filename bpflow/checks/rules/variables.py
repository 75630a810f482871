"""Rules about variables, inputs and people: what is kept and never read, what is read and never set, what is set by several at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from typing import Any

from bpflow.checks.rule import page, rule
from bpflow.checks.subject import Subject
from bpflow.definition.model import Model
from bpflow.diagnostics import Diagnostic, Severity, Span, say
from bpflow.graph import Flow, Join, Node, Step, flows
from bpflow.graph.written import span_of


@rule("never-read", Severity.WARNING, last=True)
def never_read(subject: Subject) -> Iterator[Diagnostic]:
    """What a process keeps in a variable must be read somewhere.

    A variable that is set and read nowhere does nothing: mostly its name was misspelt where it should be read, or the place was removed.
    Inputs that nothing reads are asked for in vain, and people whom nothing
    names are not needed; that is advice only.

    Bad:

        variables:
          reason: {type: text}
        steps:
          - {id: ask, activity: request-info, title: Why?, to: initiator, fields: {why: {type: text, required: true}}}
          - {activity: set-variables, set: {reason: $(ask.why)}}

    Good:

        variables:
          reason: {type: text}
        steps:
          - {id: ask, activity: request-info, title: Why?, to: initiator, fields: {why: {type: text, required: true}}}
          - {activity: set-variables, set: {reason: $(ask.why)}}
          - {activity: notify, to: document.responsible, text: $(reason)}
    """
    process, read, changed = subject.process, _read(subject), _set(subject)
    for name, model in process.variables.items():
        if name not in read:
            yield Diagnostic(_place(name, model), "never-read", say('nothing reads the variable "{name}"', name=name), None, Severity.WARNING)
        elif name not in changed and model.default is None:
            hint = say('give it a "default", or change it with "set-variables"')
            always = say('nothing fills the list "{name}": it is always empty', name=name)
            message = always if model.many else say('nothing sets the variable "{name}": it is always none', name=name)
            yield Diagnostic(_place(name, model), "never-set", message, hint, Severity.WARNING)
    for name, model in process.inputs.items():
        if name not in read:
            yield Diagnostic(_place(name, model), "never-read", say('nothing reads the input "{name}"', name=name), None, Severity.ADVICE)
    for name in process.people:
        if name not in read:
            yield Diagnostic(_place(name, process), "never-read", say('nothing names the people "{name}"', name=name), None, Severity.ADVICE)


page(
    "never-set",
    """
    A variable that is read must have a value: a `default`, or one that `set-variables` gives it.

    Without either it is none for ever, and a list is empty. What is written down once and stays the same is a variable with a `default`.

    Bad:

        variables:
          limit: {type: integer}
        steps:
          - {activity: notify, to: initiator, text: At most $(limit)}

    Good:

        variables:
          limit: {type: integer, default: 3}
        steps:
          - {activity: notify, to: initiator, text: At most $(limit)}
    """,
    Severity.WARNING,
)


def _read(subject: Subject) -> frozenset[str]:
    """The names that expressions read."""
    return frozenset(name for use in subject.uses for name in use.parsed.names)


def _set(subject: Subject) -> frozenset[str]:
    return frozenset(name for node in subject.graph.nodes if isinstance(node, Step) for name, _ in node.variables)


def _place(name: str, model: Model) -> Span:
    return span_of(name) if span_of(name).file else model.place


@rule("set-in-parallel")
def set_in_parallel(subject: Subject) -> Iterator[Diagnostic]:
    """A variable cannot be set where steps run in parallel.

    Two branches that set one variable would leave what the slower one has written. Steps give results of their own, which can be read
    after the parallel; a `for-each` gathers with `collect`. On the ways of a split (`next: [a, b]`) variables may be set, but not the
    same one to different values on two of them.

    Bad:

        variables:
          price: {type: money}
        steps:
          - activity: parallel
            branches:
              first: {steps: [{activity: set-variables, set: {price: 10}}]}
              second: {steps: [{activity: set-variables, set: {price: 20}}]}
          - {activity: notify, to: initiator, text: $(price)}

    Good:

        variables:
          price: {type: money}
        steps:
          - activity: parallel
            branches:
              first: {steps: [{id: ask, activity: request-info, to: initiator, fields: {price: {type: money}}}]}
              second: {steps: [{activity: pause, for: 1d}]}
          - {activity: set-variables, set: {price: $(ask.price)}}
          - {activity: notify, to: initiator, text: $(price)}
    """
    nodes = {node.id: node for node in subject.graph.nodes}
    told: set[tuple[str, str]] = set()
    for split in subject.graph.nodes:
        if isinstance(split, Step) and len(split.out) > 1:
            ways = [_until_join(flow, nodes) for flow in split.out]
            for one, other in combinations(ways, 2):
                yield from _set_on_both(one - other, other - one, nodes, told, subject)


def _until_join(flow: Flow, nodes: Mapping[str, Node]) -> frozenset[str]:
    """The nodes on a way up to where it is joined with others."""
    found: set[str] = set()
    todo = [flow.to]
    while todo:
        id = todo.pop()
        if id is not None and id not in found and not isinstance(nodes[id], Join):
            found.add(id)
            todo += [flow.to for flow in flows(nodes[id])]
    return frozenset(found)


def _set_on_both(one: frozenset[str], other: frozenset[str], nodes: Mapping[str, Node], told: set[tuple[str, str]], subject: Subject) -> Iterator[Diagnostic]:
    """The variables that are set on the one way and on the other."""
    first, second = _setters(one, nodes), _setters(other, nodes)
    for name in sorted(first.keys() & second.keys()):
        if len({_text(nodes[id], name) for id in (*first[name], *second[name])}) == 1:
            continue  # the same value, or the same count, in whichever order
        for id in second[name]:
            if (id, name) in told:
                continue
            told.add((id, name))
            step = subject.step_of(first[name][0])
            message = say('"{name}" is set on another way beside this one too, in line {line}: which is the last would be chance', name=name, line=_line(step))
            hint = say("let the steps give results, and set the variable after the join")
            yield Diagnostic(_name_place(subject.step_of(id), name, subject), "set-in-parallel", message, hint)


def _setters(ids: Iterable[str], nodes: Mapping[str, Node]) -> dict[str, list[str]]:
    """The nodes that set each variable."""
    found: dict[str, list[str]] = {}
    for id in sorted(ids):
        node = nodes[id]
        for name, _ in node.variables if isinstance(node, Step) else ():
            found.setdefault(name, []).append(id)
    return found


def _text(node: Node, name: str) -> str:
    return dict(node.sets)[name].text if isinstance(node, Step) else ""


def _line(step: Any) -> int:
    return step.place.line if step is not None else 0


def _name_place(step: Any, name: str, subject: Subject) -> Span:
    given = next((given for given in getattr(step, "set", ()) if given.name == name), None)
    return given.name_place if given else step.place if step is not None else Span(subject.source.file, 1, 1)
