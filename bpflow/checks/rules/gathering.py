"""Rules about what is split and gathered: nothing waits for ever, everything comes to its end, and nothing runs twice unasked.

The law of this file: a rule only tells what the examination has found, in the words and at the place of the step that is to be mended. A
run that rests on choices of which it is not certain that they go together makes a warning of an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from bpflow.checks.rule import rule
from bpflow.checks.soundness.runs import Words, scenario, whole
from bpflow.checks.soundness.verdicts import Rule, Verdict
from bpflow.checks.subject import Subject
from bpflow.definition.step import Step
from bpflow.diagnostics import Diagnostic, Message, Severity, Span, say
from bpflow.graph import Join, StepInfo, step_of


@rule("waits-for-ever")
def waits_for_ever(subject: Subject) -> Iterator[Diagnostic]:
    """A `join` must get something on each way that leads to it.

    It waits until one has come on every way (with `need`, on so many). If one of the ways is not taken, as happens where a condition or an
    outcome chooses between them, nothing can come there any more: the instance stops at the join, which is an incident. Ways of which
    only one is taken need no join; they just lead to the same step.

    Bad:

        steps:
          - id: ask
            activity: request-info
            to: initiator
            outcomes:
              order: {title: Order, next: both}
              repair: {title: Repair, steps: [{id: repair, activity: notify, to: initiator, text: To be repaired}]}
          - {id: both, activity: join}
          - {activity: notify, to: initiator, text: Done}

    Good:

        steps:
          - id: ask
            activity: request-info
            to: initiator
            outcomes:
              order: {title: Order, next: done}
              repair: {title: Repair, steps: [{id: repair, activity: notify, to: initiator, text: To be repaired}]}
          - {id: done, activity: notify, to: initiator, text: Done}
    """
    for verdict in _found(subject, "waits-for-ever"):
        words = Words(subject.graph)
        join, steps = words.step(verdict.node), words.steps([subject.flow.sources[flow] for flow in verdict.flows])
        message = say('"{join}" waits for something from {steps} that can no longer come', join=join, steps=steps)
        last = say('"{join}" waits for ever', join=join)
        yield _finding(subject, verdict, message, _remedy(subject, verdict), last)


def _remedy(subject: Subject, verdict: Verdict) -> Message:
    """What helps where a join waits for ever, by what has led to it."""
    join, sources = subject.flow.regions.nodes[verdict.node], subject.flow.sources
    assert isinstance(join, Join)
    missing = {step_of(sources[flow]) for flow in verdict.flows}
    both = [sources[flow] for flow in join.into if flow not in verdict.flows and step_of(sources[flow]) in missing]
    if not any(len(way.targets) > 1 for way in verdict.run) and len(verdict.region.entries) == 1:
        return say("nothing runs side by side here, so there is nothing to gather: lead to the step after the join")
    if both:
        step = Words(subject.graph).step(both[0])
        return say('each outcome and each branch that leads to a join is a way of its own: let those of "{step}" lead to one step before it', step=step)
    return say('let every way of the split lead to the join, or write "parallel", whose branches cannot lose their way')


@rule("surplus-token")
def surplus_token(subject: Subject) -> Iterator[Diagnostic]:
    """A `join` should not get more on one way than on the others.

    What has come too often is kept for the next time; if nothing comes on the other ways any more, it waits for ever, and the instance stops
    there, which is an incident. It happens where a way leads back into the middle of a split, so that one branch runs again and the others do not.

    Bad:

        steps:
          - {activity: notify, to: initiator, text: We begin, next: [contract, stock]}
          - {id: contract, activity: request-info, to: initiator, next: both}
          - id: stock
            activity: request-info
            to: initiator
            outcomes:
              done: {title: Put aside}
              again: {title: The contract has changed, next: [contract, stock]}
          - {id: both, activity: join}

    Good:

        steps:
          - {id: begin, activity: notify, to: initiator, text: We begin, next: [contract, stock]}
          - {id: contract, activity: request-info, to: initiator, next: both}
          - {id: stock, activity: request-info, to: initiator}
          - {id: both, activity: join}
          - id: right
            activity: request-info
            to: initiator
            outcomes:
              done: {title: All is right}
              again: {title: The contract has changed, next: begin}
    """
    for verdict in _found(subject, "surplus-token"):
        words = Words(subject.graph)
        join, steps = words.step(verdict.node), words.steps([subject.flow.sources[flow] for flow in verdict.flows])
        message = say('"{join}" gets more from {steps} than on its other ways, and what is too much waits for ever', join=join, steps=steps)
        hint = say("go back from after the join rather than from before it, so that all ways of the split are taken anew")
        yield _finding(subject, verdict, message, hint, say('what has come from {steps} waits in "{join}" for ever', join=join, steps=steps))


@rule("out-of-reach")
def out_of_reach(subject: Subject) -> Iterator[Diagnostic]:
    """A `join` cannot need more ways than lead to it.

    With `need: 3` it goes on when something has come on three different ways. If only two lead to it, that is never so, and the instance
    stops there, which is an incident.

    Bad:

        steps:
          - {activity: notify, to: initiator, text: We begin, next: [first, second]}
          - {id: first, activity: request-info, to: initiator, next: enough}
          - {id: second, activity: request-info, to: initiator}
          - {id: enough, activity: join, need: 3}

    Good:

        steps:
          - {activity: notify, to: initiator, text: We begin, next: [first, second, third]}
          - {id: first, activity: request-info, to: initiator, next: enough}
          - {id: second, activity: request-info, to: initiator, next: enough}
          - {id: third, activity: request-info, to: initiator}
          - {id: enough, activity: join, need: 3}
    """
    for verdict in _found(subject, "out-of-reach"):
        join, model = subject.flow.regions.nodes[verdict.node], _model(subject, verdict.node)
        assert isinstance(join, Join)
        message = say("so many ways are needed: {need}, and so many lead here: {ways}", need=join.need, ways=len(join.into))
        span = model.value_span("need") if model else _place(subject, verdict.node)
        hint, last = say("write a smaller number, or let more ways lead to the join"), say('"{join}" waits for ever', join=Words(subject.graph).step(join.id))
        yield replace(_finding(subject, verdict, message, hint, last), span=span)


@rule("no-way-to-end")
def no_way_to_end(subject: Subject) -> Iterator[Diagnostic]:
    """From every step some way must lead to the end.

    Where each way leads back, the steps are done again and again, and the instance never comes to its end. A way out is an outcome, a
    condition, an `end`, or something that may happen meanwhile and cancels what is going on. What is to be done every week is best begun
    anew each time, with `start: [{on: schedule, …}]`.

    Bad:

        steps:
          - {id: call, activity: request-info, title: Call the client, to: initiator}
          - {id: rest, activity: pause, for: 7d, next: call}

    Good:

        steps:
          - id: call
            activity: request-info
            title: Call the client
            to: initiator
            outcomes:
              later: {title: Call again later}
              reached: {title: Reached, steps: [{activity: end, result: reached}]}
          - {id: rest, activity: pause, for: 7d, next: call}
    """
    for verdict in _found(subject, "no-way-to-end"):
        message = say("no way leads out of this circle to the end: {way}", way=_circle(subject, verdict))
        hint = say("let an outcome or a condition lead out of it")
        yield _finding(subject, verdict, message, hint, say("round and round: {way}", way=_circle(subject, verdict)))


@rule("livelock")
def livelock(subject: Subject) -> Iterator[Diagnostic]:
    """Steps must not go round without anything to wait for.

    Where each way leads back and no step on the way waits for somebody or something, all of it happens in one moment, again and again. It
    is stopped after ten thousand steps, and that is an incident. Of a split the first way is gone first: `next: [remind, finish]` at the
    step `remind` reminds five thousand times before it comes to `finish`.

    Bad:

        steps:
          - {id: remind, activity: notify, to: initiator, text: Please answer, next: remind_boss}
          - {id: remind_boss, activity: notify, to: head_of(initiator), text: Nobody answers, next: remind}

    Good:

        steps:
          - {id: remind, activity: notify, to: initiator, text: Please answer}
          - id: answer
            activity: race
            branches:
              answered: {command: answered, title: Answered, by: initiator, steps: [{activity: end, result: answered}]}
              late: {after: 1d, steps: [{activity: notify, to: head_of(initiator), text: Nobody answers, next: remind}]}
    """
    for verdict in _found(subject, "livelock"):
        message = say("the process goes round here without anything to wait for: {way}", way=_circle(subject, verdict))
        hint = say("let a step of it wait for something, and an outcome or a condition lead out of it")
        yield _finding(subject, verdict, message, hint, say("round and round, in one moment: {way}", way=_circle(subject, verdict)))


@rule("done-twice", Severity.WARNING)
def done_twice(subject: Subject) -> Iterator[Diagnostic]:
    """A step to which several ways of a split lead is done for each of them.

    After `next: [a, b]` both ways run side by side. A step to which both lead, and all that follows it, is done twice: two tasks, two
    letters. To go on once when all have come, a `join` stands before it. If it is meant so, a comment says why.

    Bad:

        steps:
          - {activity: notify, to: initiator, text: We begin, next: [contract, stock]}
          - {id: contract, activity: request-info, to: initiator, next: send}
          - {id: stock, activity: request-info, to: initiator}
          - {id: send, activity: request-info, title: Send the goods, to: initiator}

    Good:

        steps:
          - {activity: notify, to: initiator, text: We begin, next: [contract, stock]}
          - {id: contract, activity: request-info, to: initiator, next: both}
          - {id: stock, activity: request-info, to: initiator}
          - {id: both, activity: join}
          - {id: send, activity: request-info, title: Send the goods, to: initiator}
    """
    for verdict in _found(subject, "done-twice"):
        step = Words(subject.graph).step(verdict.node)
        message = say('"{step}" is done for each of several ways that run side by side', step=step)
        yield _finding(subject, verdict, message, say('put a "join" before it, if it is to be done once'), say('"{step}" is come to twice', step=step))


@rule("cancels-others", Severity.ADVICE)
def cancels_others(subject: Subject) -> Iterator[Diagnostic]:
    """A `next` out of a block cancels all else that is open in it.

    Of the ways of a split that run in a block, one that leads out of the block takes the others with it: their tasks are withdrawn,
    wherever they stand. If all are to be finished first, gather them before. If it is meant so, a comment says why.

    Bad:

        steps:
          - activity: block
            steps:
              - {activity: notify, to: initiator, text: We begin, next: [contract, stock]}
              - {id: stock, activity: request-info, to: initiator, next: go-on}
              - id: contract
                activity: request-info
                to: initiator
                outcomes:
                  signed: {title: Signed}
                  at_once: {title: Signed and wanted at once, next: send}
          - {activity: notify, to: initiator, text: All is there}
          - {id: send, activity: request-info, title: Send the goods, to: initiator}

    Good:

        steps:
          - activity: block
            steps:
              - {activity: notify, to: initiator, text: We begin, next: [contract, stock]}
              - {id: stock, activity: request-info, to: initiator, next: go-on}
              - id: contract
                activity: request-info
                to: initiator
                outcomes:
                  signed: {title: Signed}
                  at_once: {title: Signed and wanted at once, next: go-on}
          - {id: send, activity: request-info, title: Send the goods, to: initiator}
    """
    for verdict in _found(subject, "cancels-others"):
        words = Words(subject.graph)
        step, others = words.step(verdict.node), words.steps(verdict.flows)
        message = say('leaving the block from "{step}" cancels what may still be open in it: {others}', step=step, others=others)
        hint = say("gather the ways first, or let each run to the end of the block")
        yield _finding(subject, verdict, message, hint, say('"{step}" leads out of the block, and this is cancelled: {others}', step=step, others=others))


@rule("not-decided", Severity.WARNING)
def not_decided(subject: Subject) -> Iterator[Diagnostic]:
    """The ways of a flat graph should be few enough to be looked at.

    Whether each `join` gets what it waits for is found out by going through all that may be the case at once. Where ways split, choose and
    go round in many places without being gathered, that is too much, and nothing is proved; at least it is said. A `parallel` needs
    no proof: its branches are gathered by its form.

    Bad:

        steps:
          - {id: work, activity: request-info, to: initiator, next: [count, more]}
          - {id: count, activity: request-info, to: initiator, next: first}
          - {id: help, activity: request-info, to: initiator, next: first}
          - {id: first, activity: join, need: any, next: go-on}
          - id: more
            activity: request-info
            to: initiator
            outcomes: {enough: {title: Enough}, once_more: {title: Once more, next: [help, more]}}

    Good:

        steps:
          - activity: parallel
            branches:
              count: {steps: [{id: count, activity: request-info, to: initiator}]}
              more:
                steps:
                  - activity: loop
                    until: ask.outcome == "enough"
                    steps:
                      - id: ask
                        activity: request-info
                        to: initiator
                        outcomes: {enough: {title: Enough}, once_more: {title: Once more, next: go-on}}
    """
    for verdict in _found(subject, "not-decided"):
        message = say("it is not decided whether the joins here get what they wait for: there are too many cases, or ever more of them")
        hint = say('write what runs side by side as "parallel": that needs no proof')
        yield Diagnostic(_place(subject, verdict.node), "not-decided", message, hint, Severity.WARNING)


# ── what a finding is made of ───────────────────────────────────────────────────────────────────────────────────────
_SOFTER: Mapping[Rule, Severity] = {"done-twice": Severity.WARNING, "cancels-others": Severity.ADVICE}
"""What is no error even where it is certain."""


def _found(subject: Subject, rule: Rule) -> list[Verdict]:
    return [verdict for verdict in subject.flow.verdicts if verdict.rule == rule] if subject.complete else []


def _finding(subject: Subject, verdict: Verdict, message: Message, hint: Message, last: Message) -> Diagnostic:
    severity = _SOFTER.get(verdict.rule, Severity.WARNING if verdict.uncertain else Severity.ERROR)
    about = None if verdict.rule == "cancels-others" else {verdict.node, *subject.flow.upstream(verdict.region, verdict.node)}
    run = Words(subject.graph).run(verdict, last, about)
    played = scenario(subject.flow, whole(subject.flow, verdict))
    return Diagnostic(_place(subject, verdict.node), verdict.rule, message, hint, severity, run if len(run) > 1 else (), played)


def _circle(subject: Subject, verdict: Verdict) -> str:
    steps = [*dict.fromkeys(Words(subject.graph).step(node) for node in verdict.flows)]
    return " → ".join((*steps, steps[0]))


def _place(subject: Subject, node: str) -> Span:
    """The id of the step of a node where it has one, else its activity."""
    model = _model(subject, node)
    if model is not None:
        return model.value_span("id" if model.id else "activity")
    info = next((info for info in subject.graph.steps if info.path == step_of(node)), StepInfo("", "", ""))
    line, column = info.place or (1, 1)
    return Span(subject.source.file, line, column, line + 1, 1)


def _model(subject: Subject, node: str) -> Step | None:
    """The step of a node as it stands in the file."""
    place = next((info.place for info in subject.graph.steps if info.path == step_of(node)), None)
    return next((step for step in subject.process.all_steps() if (step.place.line, step.place.column) == place), None)
