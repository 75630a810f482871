"""Rules about ids and other names where they are given."""

from __future__ import annotations

import keyword
from collections.abc import Iterator

from bpflow.checks.rule import page, rule
from bpflow.checks.subject import Subject
from bpflow.definition import triggers
from bpflow.definition.process import Process
from bpflow.diagnostics import Diagnostic, Message, Span, say
from bpflow.expressions import BUILTIN_NAMES, FUNCTIONS
from bpflow.graph import ERROR, MOVE
from bpflow.graph.written import span_of


@rule("name-clash")
def name_clash(subject: Subject) -> Iterator[Diagnostic]:
    """A name means one thing: people, variables, inputs and steps share one space of names with the language.

    In `head.name` nobody could tell whether a person or a step is meant. A name of the language, such as `initiator` or `days`,
    cannot be taken either.

    Bad:

        people:
          head: head_of(initiator)
        steps:
          - {id: head, activity: request-info, to: initiator}

    Good:

        people:
          head: head_of(initiator)
        steps:
          - {id: ask_head, activity: request-info, to: head}
    """
    taken: dict[str, Message] = {}
    for name, span, what in sorted(_given(subject), key=lambda given: given[1]):
        if name in BUILTIN_NAMES or name in FUNCTIONS or name == ERROR or (name == MOVE and subject.process.stages):
            yield Diagnostic(span, "name-clash", say('"{name}" is a name of the language', name=name), say("choose another name"))
        elif name in taken:
            yield Diagnostic(span, "name-clash", say('"{name}" is already the name of {what}', name=name, what=taken[name]), say("choose another name"))
        taken.setdefault(name, what)


def _given(subject: Subject) -> Iterator[tuple[str, Span, Message]]:
    sections = {"people": say('an entry of "people"'), "variables": say("a variable"), "inputs": say("an input")}
    for key, what in sections.items():
        table = subject.table(key)
        for name in table:
            yield name, table.key_spans[name], what
    stages = subject.table("stages")
    for name in stages:
        yield name, stages.key_spans[name], say("a stage")
    seen = {*stages}
    for step in subject.process.all_steps():
        if step.id and step.id not in seen:
            seen.add(step.id)
            yield str(step.id), span_of(step.id), say("a step")
    brought: set[str] = set()
    for name in _brought(subject.process):
        if name not in brought and name != ERROR:
            brought.add(name)
            yield name, span_of(name), say("something that happens")


def _brought(process: Process) -> Iterator[str]:
    """Names of items, and of what triggers bring."""
    for step in process.all_steps():
        yield from (name for name, _ in step.brings())
    for handlers in (process.meanwhile, *(stage.meanwhile for stage in process.stages.values())):
        yield from (name for name, _ in triggers.brings(handlers))


page(
    "duplicate-id",
    """
    An id belongs to one step.

    `next` and expressions name a step by its id, wherever in the file it stands, so two steps cannot have the same.

    Bad:

        steps:
          - {id: tell, activity: notify, to: initiator, text: Ready}
          - {id: tell, activity: notify, to: initiator, text: Really}

    Good:

        steps:
          - {id: tell, activity: notify, to: initiator, text: Ready}
          - {id: tell_again, activity: notify, to: initiator, text: Really}
    """,
)


@rule("bad-id")
def bad_id(subject: Subject) -> Iterator[Diagnostic]:
    """Ids are written in small Latin letters, digits and `_`, begin with a letter, and are no words of the expressions.

    They are names in expressions. What people read stands in `title`, in any language. Ids of processes and document types, and
    results, may have `-` as well.

    Bad:

        steps:
          - {id: Tell-Author, activity: notify, to: initiator, text: Ready}

    Good:

        steps:
          - {id: tell_author, activity: notify, to: initiator, text: Ready, title: Tell the author}
    """
    for name, span, _ in _given(subject):
        if keyword.iskeyword(name):
            yield Diagnostic(span, "bad-id", say('"{name}" is a word of the expressions', name=name), say("choose another name"))
