"""Traces by OpenTelemetry: `pip install "bpflow[observability]"`.

    engine.observe(Traces())

A span for each event that is worked in, inside it one for each service of the house; one for each call of a service outside, whose `traceparent`
goes along as a header; one for each pass of a worker that has found something to do. Attributes that OpenTelemetry has no name for begin
with `bpflow.`. Where the spans go, the program (or the environment, by the variables OTEL_…) says to OpenTelemetry.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opentelemetry import context, propagate, trace
from opentelemetry.trace import SpanKind, Status, StatusCode, TracerProvider

from bpflow.diagnostics import Refused
from bpflow.engine.events import Started
from bpflow.graph import step_of
from bpflow.runtime.observing import Doing, Happening, Observer


class Traces(Observer):
    """Makes spans of what is done, with the provider that is given or is OpenTelemetry's own."""

    def __init__(self, provider: TracerProvider | None = None) -> None:
        from bpflow import __version__

        self._tracer = trace.get_tracer("bpflow", __version__, provider)

    def begin(self, doing: Doing) -> None:
        kind = SpanKind.CLIENT if doing.kind == "call" else SpanKind.INTERNAL
        span = self._tracer.start_span(f"{doing.kind} {doing.name}", kind=kind, attributes=attributes(doing))
        doing.scratch[id(self)] = span, context.attach(trace.set_span_in_context(span))

    def end(self, doing: Doing) -> None:
        span, token = doing.scratch[id(self)]
        context.detach(token)
        if doing.kind == "pass" and not doing.done and doing.error is None:
            return  # a span that is never ended is never told of: there was nothing to do
        span.set_attributes(attributes(doing))
        if doing.error is not None:
            span.set_attribute("error.type", type(doing.error).__name__)
            said = doing.error.message.text("en") if isinstance(doing.error, Refused) else str(doing.error)
            span.set_status(Status(StatusCode.ERROR, said))
        elif doing.kind == "event" and doing.name == "started":
            return  # it ends when it is written; if it is not, there was no start
        span.end()

    def happened(self, what: Happening) -> None:
        if what.doing is None or id(self) not in what.doing.scratch:
            return  # it began before there was anybody to watch
        span, _ = what.doing.scratch[id(self)]
        known = {"user.id": what.actor, "bpflow.step": what.step, "bpflow.revision": what.revision, "bpflow.status": what.status}
        span.set_attributes({name: value for name, value in known.items() if value is not None})
        for incident in what.incidents:
            where = {"bpflow.step": step_of(incident.node)} if incident.node else {}
            span.add_event("incident", {"bpflow.incident": incident.id, **where, "exception.message": incident.message.text("en")})
        if isinstance(what.event, Started):
            span.end()

    def headers(self) -> Mapping[str, str]:
        carrier: dict[str, str] = {}
        propagate.inject(carrier)
        return carrier


def attributes(doing: Doing) -> dict[str, Any]:
    """What is known of it."""
    named = "peer.service" if doing.kind == "call" else f"bpflow.{doing.kind}"
    known = {named: doing.name, "bpflow.instance": doing.instance, "bpflow.process": doing.process, "bpflow.key": doing.key}
    if doing.kind == "call":
        known["bpflow.attempt"] = doing.attempt
    if doing.kind == "pass":
        known["bpflow.done"] = doing.done
    return {name: value for name, value in known.items() if value is not None}
