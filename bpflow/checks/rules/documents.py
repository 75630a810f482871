"""Rules about document types."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from bpflow.checks.rule import page, rule
from bpflow.checks.subject import Subject
from bpflow.definition.fields import FieldModel
from bpflow.definition.model import Model
from bpflow.diagnostics import Diagnostic, Severity, did_you_mean, say
from bpflow.graph.written import NOWHERE, span_of


@rule("unknown-type")
def unknown_type(subject: Subject) -> Iterator[Diagnostic]:
    """A document type that is named must be one of the workspace.

    The types stand in the folder `documents`, each in a file of its own, or inside the process that works on them.

    Bad:

        inputs:
          client: {type: document, of: clients}
        steps:
          - {activity: notify, to: initiator, text: $(client) is ready}

    Good:

        inputs:
          client: {type: document, of: company}
        steps:
          - {activity: notify, to: initiator, text: $(client) is ready}
    """
    own = {subject.graph.document} if subject.graph.document else set()
    yield from unknown_types(subject.process, {*subject.types, *own, *subject.lost})


def unknown_types(model: Model, known: Iterable[str]) -> Iterator[Diagnostic]:
    """The findings about types that the fields of a model refer to and that are not `known`."""
    types = set(known)
    for field in fields_in(model):
        for name in field.of:
            if name not in types:
                span = span_of(name)
                place = field.value_span("of") if span is NOWHERE else span
                yield Diagnostic(place, "unknown-type", say('there is no document type "{type}"', type=name), did_you_mean(name, types))


def fields_in(value: Any) -> Iterator[FieldModel]:
    """All fields that are defined anywhere inside a model."""
    if isinstance(value, Model):
        if isinstance(value, FieldModel):
            yield value
        for inner in value.__dict__.values():
            yield from fields_in(inner)
    elif isinstance(value, dict):
        for inner in value.values():
            yield from fields_in(inner)
    elif isinstance(value, tuple | list):
        for inner in value:
            yield from fields_in(inner)


page(
    "unknown-service",
    """
    A service that is called should be one that is known.

    Known are those that stand under `services` in `bpflow.yaml`, and those that the program has registered which loads the process. A
    call of another is an incident, unless somebody registers it until then. Where no service at all is known, nothing is said.

    Bad:

        # bpflow.yaml
        services:
          credit-check: {url: "https://credit.example.org/check"}
        # check.yaml
        bpflow: 1
        id: check
        steps:
          - {activity: call-service, service: credit-chek}

    Good:

        # bpflow.yaml
        services:
          credit-check: {url: "https://credit.example.org/check"}
        # check.yaml
        bpflow: 1
        id: check
        steps:
          - {activity: call-service, service: credit-check}
    """,
    Severity.WARNING,
)
