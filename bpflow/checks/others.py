"""Fields of documents that are not the process's own, which only their types tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bpflow.checks.expected import type_of_document
from bpflow.checks.subject import Subject
from bpflow.definition.process import Process
from bpflow.definition.types import Given
from bpflow.diagnostics import Diagnostic, Span, did_you_mean, say
from bpflow.graph import Call, Expr, Place
from bpflow.graph.written import start_of


def unknown_fields_set(subject: Subject) -> Iterator[Diagnostic]:
    """Fields that an `update-document` changes and the document does not have. Of the process's own document, and of those that its fields
    lead to, lowering has told."""
    around, written = subject.environment, _written(subject.process)
    for node in subject.graph.nodes:
        given = dict(node.arguments) if isinstance(node, Call) and node.service == "documents.update" else {}
        if "document" not in given or given["document"].text.partition(".")[0] == "document":
            continue
        type = around.types.get(type_of_document(given["document"], around.known) or "")
        fields = dict(type.fields) if type else {}
        for name, expr in given.items() if type else ():
            how, _, field = name.partition(".")
            if how in ("set", "add", "remove") and field not in fields:
                message = say('the type "{type}" has no field "{field}"', type=type.type if type else "", field=field)
                yield Diagnostic(_place(field, expr, written, subject), "unknown-field", message, did_you_mean(field, fields))


def _written(process: Process) -> dict[str, list[Span]]:
    """The places of the names of what is given, by the names."""
    found: dict[str, list[Span]] = {}
    for step in process.all_steps():
        for values in step.__dict__.values():
            for one in values if isinstance(values, tuple) else ():
                if isinstance(one, Given):
                    found.setdefault(one.name, []).append(one.name_place)
    return found


def _place(name: str, expr: Expr, written: Mapping[str, list[Span]], subject: Subject) -> Span:
    """The last place before the value at which the name stands."""
    at: Place = expr.place or (1, 1)
    before = [span for span in written.get(name, ()) if (start_of(span) or (1, 1)) <= at]
    return max(before, default=Span(subject.source.file, *at))
