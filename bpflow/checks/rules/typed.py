"""Rules about types: what is certainly wrong inside an expression, and where it gives what nobody can use there.

The law of this file: of what is not known nothing is said, and one mistake is told once. What inference has found inside of an expression is told
at the characters themselves; only where it has found nothing there is the whole held against what is wanted.
"""

from __future__ import annotations

from collections.abc import Iterator
from weakref import WeakKeyDictionary

from bpflow.checks.judging import judged
from bpflow.checks.rule import rule
from bpflow.checks.subject import Subject
from bpflow.diagnostics import Diagnostic, Severity

_TOLD: WeakKeyDictionary[Subject, list[Diagnostic]] = WeakKeyDictionary()
"""What has been found of a process, for all the rules here."""


def findings(subject: Subject, rule: str) -> Iterator[Diagnostic]:
    """What one of the rules has found."""
    if subject not in _TOLD:
        _TOLD[subject] = list(judged(subject))
    return (finding for finding in _TOLD[subject] if finding.rule == rule)


@rule("wrong-type")
def wrong_type(subject: Subject) -> Iterator[Diagnostic]:
    """An expression must give what is asked for at its place, and what its operators and functions take.

    A condition is true or false, `to` gives people, a deadline is a date or a duration, a field gets a value of its own type. Otherwise the
    instance would come to a stop there, and an operator would have to mend it. Nothing is said where only the run can tell.

    Bad:

        steps:
          - {activity: notify, to: document.status, text: Ready}

    Good:

        steps:
          - {activity: notify, to: document.responsible, text: Ready}
    """
    return findings(subject, "wrong-type")


@rule("secret-leaks")
def secret_leaks(subject: Subject) -> Iterator[Diagnostic]:
    """A secret can only be passed on: to a service, or to a field or variable that is secret too.

    The value of a field with `secret: true` is kept apart, and only the service that gets it as an argument reads it. Nothing can be made of
    it: it is in no text, no message, no comparison but `!= none`, and not in a field that is not secret. What is no secret where it comes from
    stands in the history, and does not become one by being put into a field that is.

    Bad:

        steps:
          - id: ask
            activity: request-info
            title: Your pin
            to: initiator
            fields:
              pin: {type: string, secret: true, required: true}
          - {activity: notify, to: initiator, text: "Your pin is $(ask.pin)"}

    Good:

        steps:
          - id: ask
            activity: request-info
            title: Your pin
            to: initiator
            fields:
              pin: {type: string, secret: true, required: true}
          - {activity: call-service, service: bank.open, with: {pin: $(ask.pin)}}
    """
    return findings(subject, "secret-leaks")


@rule("wrong-value")
def wrong_value(subject: Subject) -> Iterator[Diagnostic]:
    """A value must be one that its field can have.

    A choice that is compared with, or set to, a value that it does not have is never equal to it: the branch is never taken. The
    same goes for outcomes of a task. Other literals are read by the type of the field that they are for: a date as 2026-03-31, a
    number without a unit.

    Bad:

        steps:
          - activity: condition
            branches:
              - {when: document.status == "wonn", next: go-on}
            otherwise: {next: go-on}

    Good:

        steps:
          - activity: condition
            branches:
              - {when: document.status == "won", next: go-on}
            otherwise: {next: go-on}
    """
    return findings(subject, "wrong-value")


@rule("unknown-field")
def unknown_field(subject: Subject) -> Iterator[Diagnostic]:
    """A field that is read must be a field of what it is read of.

    The fields of the document and of documents that it refers to stand in their types, the fields of a step's results are those of
    its form with `outcome`, `by`, `at`, `comment` and the like; of people and departments the directory tells.

    Bad:

        start:
          - {on: document-changed, when: document.staus == "won"}
        steps:
          - {activity: notify, to: document.responsible, text: Ready}

    Good:

        start:
          - {on: document-changed, when: document.status == "won"}
        steps:
          - {activity: notify, to: document.responsible, text: Ready}
    """
    return findings(subject, "unknown-field")


@rule("maybe-none", Severity.WARNING)
def maybe_none(subject: Subject) -> Iterator[Diagnostic]:
    """What a function gives should not be used as if it were always there, where it may be none.

    `head_of` gives none for whoever has nobody above him, `department_of` for whoever works in no department, `acting` where nobody does an
    absent person's work. To read a field of it, or to give it to another function, is an incident then. `coalesce(x, …)` says what is meant
    instead. Of fields that may be empty nothing is said: whether they are filled by then, the process tells.

    Bad:

        steps:
          - {activity: notify, to: initiator, text: "Your head is $(head_of(initiator).name)"}

    Good:

        steps:
          - {activity: notify, to: initiator, text: "Your head is $(coalesce(head_of(initiator), initiator).name)"}
    """
    return findings(subject, "maybe-none")
