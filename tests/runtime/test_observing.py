"""What observers are told: logs, traces with the real OpenTelemetry, metrics with the real Prometheus client; and what happens without any."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from prometheus_client import CollectorRegistry, generate_latest

from bpflow.diagnostics import Refused
from bpflow.runtime import Engine, HttpService, ServiceError, VirtualClock
from bpflow.runtime.logs import JsonLines, Logs, TextLines
from bpflow.runtime.metrics import Metrics
from bpflow.runtime.observing import Doing, Happening, Observer
from bpflow.runtime.tracing import Traces
from tests.runtime.conftest import Open

Deploy = Callable[[Engine, str], None]

CALLS = """\
id: calls
title: Спрашивает
steps:
  - {id: price, activity: call-service, service: price, with: {article: '"A-1"'}, retry: {times: 1, first: 1min}}
  - {id: tell, activity: notify, to: user("boss"), text: Готово}
"""


class Everything(Observer):
    """Notes all that it is told."""

    def __init__(self) -> None:
        self.happenings: list[Happening] = []
        self.doings: list[Doing] = []
        self.open = 0

    def happened(self, what: Happening) -> None:
        self.happenings.append(what)

    def begin(self, doing: Doing) -> None:
        self.open += 1

    def end(self, doing: Doing) -> None:
        self.open -= 1
        self.doings.append(doing)


# ── the seam ────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_an_observer_is_told_of_what_is_written_and_of_nothing_else(engine: Engine) -> None:
    seen = Everything()
    engine.observe(seen)
    id = engine.start("plain", by="boss")
    with pytest.raises(Refused):
        engine.answer(f"{id}.1.1", by="petrova")
    engine.answer(engine.tasks()[0].id, by="boss", values={"parts": 3})
    engine.cancel(id, by="boss")
    told = [(one.name, one.instance, one.process, one.revision, one.step, one.steps, one.actor, one.was, one.status) for one in seen.happenings]
    assert told == [
        ("started", id, "plain", 1, None, ("first",), "boss", None, "running"),
        ("answered", id, "plain", 2, "first", ("second",), "boss", "running", "running"),
        ("cancel", id, "plain", 3, None, (), "boss", "running", "cancelled"),
    ]
    assert all(one.seconds > 0 for one in seen.happenings)
    assert [one.doing for one in seen.happenings] == [doing for doing in seen.doings if doing.kind == "event" and doing.error is None]
    events = [(one.name, type(one.error).__name__ if one.error else None) for one in seen.doings if one.kind == "event"]
    assert events == [("started", None), ("answered", "NotAllowed"), ("answered", None), ("cancel", None)]
    assert seen.open == 0


def test_what_is_rolled_back_did_not_happen(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Everything()
    engine.observe(seen)
    id = engine.start("plain", by="boss")
    with monkeypatch.context() as patch:
        patch.setattr(type(engine.store.begin()), "index", lambda *_: 1 / 0) if False else patch.setattr(
            engine.runner.chain.__class__, "seal", lambda *_: 1 / 0
        )
        with pytest.raises(ZeroDivisionError):
            engine.answer(f"{id}.1.1", by="boss", values={"parts": 3})
    assert [one.name for one in seen.happenings] == ["started"]
    assert isinstance(seen.doings[-1].error, ZeroDivisionError)
    assert engine.instance(id).row.revision == 1


def test_a_broken_observer_breaks_nothing_and_is_told_of_once(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Observer):
        def happened(self, what: Happening) -> None:
            raise RuntimeError("broken")

        def begin(self, doing: Doing) -> None:
            raise RuntimeError("broken")

    seen = Everything()
    engine.observe(Broken())
    engine.observe(seen)
    id = engine.start("plain", by="boss")
    engine.cancel(id)
    assert [one.name for one in seen.happenings] == ["started", "cancel"]
    assert len(caplog.records) == 1


def test_nothing_of_it_is_imported_unless_asked_for() -> None:
    code = (
        "import sys; from bpflow.runtime import open_engine; open_engine(':memory:').close();"
        "print([m for m in sys.modules if m.startswith(('opentelemetry', 'prometheus')) or m in ('bpflow.runtime.logs', 'bpflow.runtime.metrics')])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


# ── logs ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_logs_have_levels_and_fields(opened: Open, deploy: Deploy, clock: VirtualClock, caplog: pytest.LogCaptureFixture) -> None:
    def price(article: str) -> int:
        raise ServiceError("no_price", "нет цены")

    engine = opened({"price": price})
    engine.deploy_workspace()
    deploy(engine, CALLS)
    engine.observe(Logs())
    with caplog.at_level(logging.DEBUG, "bpflow"):
        id = engine.start("calls", by="boss")
        engine.work()
        clock.forward(timedelta(minutes=2))
        engine.work()
        engine.skip(id, engine.incidents()[0].id, results={"value": 1}, by="boss", why="Так")
    records: list[tuple[str, str, dict[str, Any]]] = [(r.levelname, r.getMessage(), r.bpflow) for r in caplog.records]  # type: ignore[attr-defined]
    levels = [(level, text) for level, text, _ in records if text not in ("step", "call", "timer-fired")]
    assert levels == [
        ("INFO", "started"),
        ("WARNING", "failed: нет цены"),
        ("DEBUG", "failed: нет цены"),
        ("ERROR", "incident: нет цены"),
        ("INFO", "skip: ended"),
    ]
    started = records[0][2]
    assert (started["instance"], started["process"], started["revision"], started["actor"], started["event"]) == (id, "calls", 1, "boss", "started")
    assert started["duration"] > 0
    incident = next(known for level, _, known in records if level == "ERROR")
    assert (incident["instance"], incident["step"], incident["kind"]) == (id, "price", "failure")
    call = next(known for _, text, known in records if text == "call")
    assert (call["service"], call["error"], call["instance"]) == ("price", "ServiceError", id)
    assert all("A-1" not in repr(record) for record in records)  # no argument, no value


def test_a_record_is_a_line(caplog: pytest.LogCaptureFixture, engine: Engine) -> None:
    engine.observe(Logs())
    with caplog.at_level(logging.INFO, "bpflow"):
        id = engine.start("plain", by="boss")
    record = caplog.records[0]
    data = json.loads(JsonLines().format(record))
    assert (data["level"], data["logger"], data["message"], data["instance"], data["actor"]) == ("info", "bpflow", "started", id, "boss")
    assert data["time"].endswith("+00:00")
    assert f"INFO    started  [instance={id} process=plain revision=1 actor=boss event=started" in TextLines().format(record)
    try:
        raise RuntimeError("kaputt")
    except RuntimeError as error:
        broken = logging.LogRecord("bpflow", logging.ERROR, "", 0, "set aside", (), (type(error), error, error.__traceback__))
    assert "RuntimeError: kaputt" in json.loads(JsonLines().format(broken))["exception"]
    assert "RuntimeError: kaputt" in TextLines().format(broken)


# ── traces ──────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture
def spans() -> tuple[TracerProvider, InMemorySpanExporter]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider, exporter


@pytest.fixture
def server() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A service outside: its address, and the headers of the calls that it has had."""
    had: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            had.append(dict(self.headers))
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"value": 7}')

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as one:
        thread = Thread(target=one.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{one.server_port}/", had
        one.shutdown()
        thread.join()


def test_spans_of_events_services_calls_and_passes(
    opened: Open, deploy: Deploy, spans: tuple[TracerProvider, InMemorySpanExporter], server: tuple[str, list[dict[str, str]]]
) -> None:
    (provider, exporter), (url, had) = spans, server
    engine = opened({"price": HttpService(url)})
    engine.deploy_workspace()
    deploy(engine, CALLS)
    engine.observe(Traces(provider))
    id = engine.start("calls", by="boss")
    engine.work()
    engine.work()  # which finds nothing to do, and is no span
    found = {span.name: span for span in exporter.get_finished_spans()}
    assert list(found) == ["event started", "call price", "service notify", "event done", "pass work"]
    call, done, service, work = (found[name] for name in ("call price", "event done", "service notify", "pass work"))
    assert call.parent is not None
    assert work.context is not None
    assert call.context is not None
    assert call.parent.span_id == work.context.span_id
    assert service.parent is not None
    assert done.context is not None
    assert service.parent.span_id == done.context.span_id
    attributes = dict(call.attributes or {})
    assert (attributes["peer.service"], attributes["bpflow.instance"], attributes["bpflow.key"]) == ("price", id, f"{id}.1.1")
    attributes = dict(done.attributes or {})
    assert (attributes["bpflow.process"], attributes["bpflow.step"], attributes["bpflow.status"], attributes["bpflow.revision"]) == (
        "calls",
        "price",
        "ended",
        2,
    )
    (headers,) = had
    assert headers["traceparent"].startswith(f"00-{call.context.trace_id:032x}-{call.context.span_id:016x}-")
    assert headers["Idempotency-Key"] == f"{id}.1.1"


STUCK = """\
id: stuck
title: Стоит
inputs: {n: {type: integer, required: true}}
variables:
  share: {type: integer, default: 0}
outputs: {share: share}
steps:
  - {id: divide, activity: set-variables, set: {share: $(10 // n)}}
"""


def test_the_span_of_a_start_has_what_came_of_it(opened: Open, deploy: Deploy, spans: tuple[TracerProvider, InMemorySpanExporter]) -> None:
    provider, exporter = spans
    engine = opened()
    engine.deploy_workspace()
    deploy(engine, STUCK)
    engine.observe(Traces(provider))
    well, stuck = engine.start("plain", by="boss"), engine.start("stuck", inputs={"n": 0}, by="boss")
    first, second = exporter.get_finished_spans()
    for span, id, process in ((first, well, "plain"), (second, stuck, "stuck")):
        assert (span.name, span.status.status_code) == ("event started", StatusCode.UNSET)
        known = {"bpflow.event": "started", "bpflow.instance": id, "bpflow.process": process}
        assert dict(span.attributes or {}) == {**known, "user.id": "boss", "bpflow.revision": 1, "bpflow.status": "running"}
    assert first.events == ()
    (incident,) = engine.incidents()
    (event,) = second.events
    told = {"bpflow.incident": incident.id, "bpflow.step": "divide", "exception.message": incident.message.text("en")}
    assert (event.name, dict(event.attributes or {})) == ("incident", told)


def test_a_start_that_is_not_written_has_no_span(engine: Engine, spans: tuple[TracerProvider, InMemorySpanExporter], monkeypatch: pytest.MonkeyPatch) -> None:
    provider, exporter = spans
    seen = Everything()
    engine.observe(Traces(provider))
    engine.observe(seen)
    with engine.store.begin() as work:
        kind = type(work)
    with monkeypatch.context() as patch:
        patch.setattr(kind, "remember", lambda *_: 1 / 0)  # once the instance is saved
        with provider.get_tracer("program").start_as_current_span("request"), pytest.raises(ZeroDivisionError):
            engine.start("plain", by="boss", key="order-1")
    assert [span.name for span in exporter.get_finished_spans()] == ["request"]
    assert (seen.happenings, seen.open, engine.instances()) == ([], 0, [])
    id = engine.start("plain", by="boss", key="order-1")
    *_, started = exporter.get_finished_spans()
    assert (started.name, started.parent, dict(started.attributes or {})["bpflow.instance"]) == ("event started", None, id)


def test_a_refusal_is_an_error_of_its_span_alone(engine: Engine, spans: tuple[TracerProvider, InMemorySpanExporter]) -> None:
    provider, exporter = spans
    engine.observe(Traces(provider))
    id = engine.start("plain", by="boss")
    with provider.get_tracer("program").start_as_current_span("request"), pytest.raises(Refused):
        engine.answer(f"{id}.1.1", by="petrova")
    _, answered, request = exporter.get_finished_spans()
    assert (answered.name, answered.status.status_code, dict(answered.attributes or {})["error.type"]) == ("event answered", StatusCode.ERROR, "NotAllowed")
    assert (request.name, request.status.status_code) == ("request", StatusCode.UNSET)
    assert answered.parent is not None
    assert request.context is not None
    assert answered.parent.span_id == request.context.span_id


# ── metrics ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def metrics_of(registry: CollectorRegistry) -> dict[str, float]:
    """What Prometheus reads."""
    lines = generate_latest(registry).decode().splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if not line.startswith("#"))}


def test_what_is_done_is_counted_and_what_there_is_is_read(opened: Open, deploy: Deploy, clock: VirtualClock) -> None:
    def price(article: str) -> int:
        raise ServiceError("no_price", "нет цены")

    engine, registry = opened({"price": price}), CollectorRegistry()
    engine.deploy_workspace()
    deploy(engine, CALLS)
    engine.observe(Metrics(engine, registry))
    first, second = engine.start("plain", by="boss"), engine.start("plain", by="boss")
    engine.cancel(second)
    with pytest.raises(Refused):
        engine.answer(f"{first}.1.1", by="petrova")
    engine.start("calls", by="boss")
    before = metrics_of(registry)
    assert before['bpflow_queue_depth{queue="calls"}'] == 1
    engine.work()
    clock.forward(timedelta(days=2))
    lagging = metrics_of(registry)
    assert lagging['bpflow_queue_depth{queue="timers"}'] == 1
    assert lagging['bpflow_queue_lag_seconds{queue="timers"}'] == pytest.approx(2 * 86400 - 60, abs=60)
    engine.work()
    found = metrics_of(registry)
    assert found['bpflow_events_total{event="started",process="plain"}'] == 2
    assert found['bpflow_instances_begun_total{process="plain"}'] == 2
    assert found['bpflow_instances_over_total{process="plain",status="cancelled"}'] == 1
    assert found['bpflow_refusals_total{event="answered"}'] == 1
    assert found['bpflow_retries_total{process="calls"}'] == 1
    assert found['bpflow_incidents_total{process="calls"}'] == 1
    assert found['bpflow_call_seconds_count{outcome="failed",service="price"}'] == 2
    assert found['bpflow_event_seconds_count{process="plain"}'] == 3


def test_the_store_is_counted(opened: Open, clock: VirtualClock) -> None:
    engine, registry = opened(), CollectorRegistry()
    engine.deploy_workspace()
    first, second = engine.start("plain", by="boss"), engine.start("plain", by="boss")
    engine.cancel(second)
    engine.answer(f"{first}.1.1", by="boss", values={"parts": 1})
    clock.forward(timedelta(days=3))
    engine.start("plain", by="boss")
    engine.observe(Metrics(engine, registry))
    found = metrics_of(registry)
    assert found['bpflow_instances{process="plain",status="running"}'] == 2
    assert found['bpflow_instances{process="plain",status="cancelled"}'] == 1
    assert found["bpflow_tasks_open"] == 2
    assert found["bpflow_task_oldest_seconds"] == 3 * 86400
    assert [found[f'bpflow_tasks_older{{age="{age}"}}'] for age in ("hour", "day", "week", "month")] == [1, 1, 0, 0]
    assert (found["bpflow_tasks_overdue"], found["bpflow_instances_with_incidents"], found["bpflow_instances_aside"]) == (0, 0, 0)
