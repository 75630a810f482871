"""Rules about pipelines: their stages, and the moves between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bpflow.checks.rule import page, rule
from bpflow.checks.rules.flow import reached_from
from bpflow.checks.soundness.knowledge import AT_ONCE
from bpflow.checks.subject import Subject
from bpflow.diagnostics import Diagnostic, Severity, Span, say
from bpflow.graph import Block, Call, Exit, Node, Stage, Step, flows


@rule("unreachable-stage", Severity.WARNING)
def unreachable_stage(subject: Subject) -> Iterator[Diagnostic]:
    """Some move should lead into every stage but the first.

    A document can also begin in such a stage, as one that is imported does; but of a document that is in the pipeline nothing brings
    it there. Usually the move is missing, or it names another stage.

    Bad:

        stage-field: status
        stages:
          new: {moves: {won: {by: document.responsible}}}
          won: {final: true}
          lost: {final: true}

    Good:

        stage-field: status
        stages:
          new: {moves: {won: {by: document.responsible}, lost: {by: document.responsible}}}
          won: {final: true}
          lost: {final: true}
    """
    entered = {flow.to for node in subject.graph.nodes if not node.id.endswith(":stage") for flow in flows(node)}
    for stage in subject.graph.stages[1:] if subject.complete else ():
        if stage.id not in entered:
            message = say('nothing moves a document into the stage "{stage}"', stage=stage.id)
            yield Diagnostic(_place(stage, subject), "unreachable-stage", message, say('name it in the "moves" of a stage, or in a "next"'), Severity.WARNING)


@rule("dead-end-stage", Severity.WARNING)
def dead_end_stage(subject: Subject) -> Iterator[Diagnostic]:
    """From every stage some way should lead to the end.

    The end is a final stage, or an `end` in the steps. A document in a stage from which no way leads there stays in the pipeline for
    ever. If it is to stay there, the stage is final.

    Bad:

        stage-field: status
        stages:
          new: {moves: {won: {by: document.responsible}, lost: {by: document.responsible}}}
          won: {final: true}
          lost: {title: Lost}

    Good:

        stage-field: status
        stages:
          new: {moves: {won: {by: document.responsible}, lost: {by: document.responsible}}}
          won: {final: true}
          lost: {title: Lost, final: true}
    """
    nodes = {node.id: node for node in subject.graph.nodes}
    for stage in subject.graph.stages if subject.complete else ():
        if not any(isinstance(nodes[id], Exit) for id in reached_from([stage.id], nodes)):
            message = say('from the stage "{stage}" no way leads to the end', stage=stage.id)
            yield Diagnostic(
                _place(stage, subject), "dead-end-stage", message, say('let a move lead to a final stage, or write "final: true"'), Severity.WARNING
            )


@rule("endless-stages")
def endless_stages(subject: Subject) -> Iterator[Diagnostic]:
    """Stages must not move the document to each other without anything to wait for or to decide.

    The document would go round for ever, in one moment. It is stopped after ten thousand steps, and that is an incident. What may come
    to an end, such as a condition, is not looked at.

    Bad:

        stage-field: status
        stages:
          new:
            steps: [{activity: notify, to: document.responsible, text: Lost, next: lost}]
            moves: {won: {by: document.responsible}}
          lost:
            steps: [{activity: notify, to: document.responsible, text: New, next: new}]
          won: {final: true}

    Good:

        stage-field: status
        stages:
          new:
            steps: [{activity: notify, to: document.responsible, text: Lost, next: lost}]
            moves: {won: {by: document.responsible}}
          lost:
            steps: [{activity: pause, for: 7d}, {activity: notify, to: document.responsible, text: New, next: new}]
          won: {final: true}
    """
    nodes = {node.id: node for node in subject.graph.nodes}
    told: set[str] = set()
    for stage in subject.graph.stages:
        ring = _ring(stage.id, nodes, {one.id for one in subject.graph.stages})
        if ring and told.isdisjoint(ring):
            told |= {*ring}
            way = " → ".join((*ring, ring[0]))
            message = say("the document would go round for ever: {way}", way=way)
            yield Diagnostic(_place(stage, subject), "endless-stages", message, say("let one of them wait for something, or decide where to go"))


def _ring(stage: str, nodes: Mapping[str, Node], stages: set[str]) -> list[str]:
    """The stages through which a document goes round from this one at once; none if it rests somewhere, or something is decided."""
    passed: list[str] = []
    seen: set[str] = set()
    at: str | None = stage
    while at is not None and at not in seen:
        seen.add(at)
        passed += [at] if at in stages else []
        at = _at_once(nodes[at])
    return passed if at == stage else []


def _at_once(node: Node) -> str | None:
    """The node to which the only way leads from this one, without a wait."""
    match node:
        case Step(out=(only,)) | Block(entry=(only,), each=None):
            return only.to
        case Call(service=service) if not node.wait or service.startswith(AT_ONCE):
            return node.out.to
    return None


def _place(stage: Stage, subject: Subject) -> Span:
    info = next(step for step in subject.graph.steps if step.path == stage.id)
    line, column = info.place or (1, 1)
    return Span(subject.source.file, line, column, line, column + len(stage.id))


page(
    "unknown-stage",
    """
    A move leads to a stage that is there.

    Moves are named by the stage to which they lead, in the `moves` of a stage and in those that all stages have.

    Bad:

        stage-field: status
        stages:
          new: {moves: {won: {by: document.responsible}, lostt: {by: document.responsible}, lost: {by: document.responsible}}}
          won: {final: true}
          lost: {final: true}

    Good:

        stage-field: status
        stages:
          new: {moves: {won: {by: document.responsible}, lost: {by: document.responsible}}}
          won: {final: true}
          lost: {final: true}
    """,
)

page(
    "stage-field",
    """
    The stage field holds one value, and each stage is one of its choices.

    The stage in which a document is stands in its field, by the name of the stage. Best it is a choice of exactly the stages; it may be
    a text.

    Bad:

        stage-field: status
        stages:
          new: {moves: {won: {by: document.responsible}, lost: {by: document.responsible}}}
          waiting: {moves: {new: {by: document.responsible}}}
          won: {final: true}
          lost: {final: true}
        moves: {waiting: {by: document.responsible}}

    Good:

        stage-field: status
        stages:
          new: {moves: {won: {by: document.responsible}, lost: {by: document.responsible}}}
          won: {final: true}
          lost: {final: true}
    """,
)

page(
    "choice-without-stage",
    """
    Each choice of the stage field should be a stage.

    A pipeline that starts on a document with such a choice does not know where it is: that is an incident.

    Bad:

        stage-field: status
        stages:
          new: {moves: {won: {by: document.responsible}}}
          won: {final: true}

    Good:

        stage-field: status
        stages:
          new: {moves: {won: {by: document.responsible}, lost: {by: document.responsible}}}
          won: {final: true}
          lost: {final: true}
    """,
    Severity.WARNING,
)

page(
    "final-stage",
    """
    Nothing moves a document out of a final stage.

    In a final stage the steps are done, and the instance ends. If people are to bring the document back, the stage is not final.

    Bad:

        stage-field: status
        stages:
          new: {moves: {won: {by: document.responsible}, lost: {by: document.responsible}}}
          won: {final: true}
          lost: {final: true, moves: {new: {by: document.responsible}}}

    Good:

        stage-field: status
        stages:
          new: {moves: {won: {by: document.responsible}, lost: {by: document.responsible}}}
          won: {final: true}
          lost: {moves: {new: {by: document.responsible}}}
    """,
)

page(
    "stage-by-next",
    """
    A process moves its own document by `next`, and not by changing the stage field.

    With the field changed the document would be in one stage and its automation in another. `next` with the name of a stage writes the
    field, cancels what is open, and begins the steps of that stage.

    Bad:

        stage-field: status
        stages:
          new:
            steps: [{activity: pause, for: 7d}, {activity: update-document, set: {status: lost}}]
            moves: {won: {by: document.responsible}, lost: {by: document.responsible}}
          won: {final: true}
          lost: {final: true}

    Good:

        stage-field: status
        stages:
          new:
            steps: [{activity: pause, for: 7d, next: lost}]
            moves: {won: {by: document.responsible}}
          won: {final: true}
          lost: {final: true}
    """,
)
