"""Metrics for Prometheus: `pip install "bpflow[observability]"`.

    engine.observe(Metrics(engine))                      what is done here, and what is in the store
    prometheus_client.start_http_server(9100)            or however the program shows its registry

The law of this file: what is done is counted as it is done, by each process for itself; what there is, is read from the store when somebody
asks. Queues are read each time; what must be counted through is counted again only after twenty times as long as it took, so that it never
takes more than a twentieth of the time.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from bpflow.engine.events import Failed
from bpflow.runtime.observing import Doing, Happening, Observer
from bpflow.stores.counting import Counts

if TYPE_CHECKING:
    from bpflow.runtime.engine import Engine

SHARE = 20
"""After how many times its own length a count may be made again."""
AGES = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1), "month": timedelta(days=30)}
"""Ages of open tasks that are counted."""
QUICK = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
SLOW = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics(Observer):
    """Counts what is done, in a registry. With an engine, also what is in its store (`Held`)."""

    def __init__(self, engine: Engine | None = None, registry: CollectorRegistry = REGISTRY) -> None:
        self._events = Counter("bpflow_events", "Events worked in", ["process", "event"], registry=registry)
        self._seconds = Histogram("bpflow_event_seconds", "Time to work an event in, the commit too", ["process"], buckets=QUICK, registry=registry)
        self._begun = Counter("bpflow_instances_begun", "Instances that have begun", ["process"], registry=registry)
        self._over = Counter("bpflow_instances_over", "Instances that are over", ["process", "status"], registry=registry)
        self._incidents = Counter("bpflow_incidents", "Incidents that have come", ["process"], registry=registry)
        self._retries = Counter("bpflow_retries", "Calls that have failed and are tried again, or whose error is taken", ["process"], registry=registry)
        self._aside = Counter("bpflow_set_aside", "Instances that were set aside by a fault of bpflow", registry=registry)
        self._calls = Histogram("bpflow_call_seconds", "Time of calls of services", ["service", "outcome"], buckets=SLOW, registry=registry)
        self._refused = Counter("bpflow_refusals", "Events that were refused", ["event"], registry=registry)
        if engine is not None:
            registry.register(InStore(engine))

    def happened(self, what: Happening) -> None:
        self._events.labels(what.process, what.name).inc()
        self._seconds.labels(what.process).observe(what.seconds)
        if what.was is None:
            self._begun.labels(what.process).inc()
        if what.status in ("ended", "cancelled", "failed") and what.was != what.status:
            self._over.labels(what.process, what.status).inc()
        if what.incidents:
            self._incidents.labels(what.process).inc(len(what.incidents))
        elif isinstance(what.event, Failed):
            self._retries.labels(what.process).inc()

    def set_aside(self, instance: int, error: Exception) -> None:
        self._aside.inc()

    def end(self, doing: Doing) -> None:
        if doing.kind in ("call", "service"):
            self._calls.labels(doing.name, "failed" if doing.error is not None else "done").observe(doing.seconds or 0.0)
        elif doing.kind == "event" and doing.error is not None:
            self._refused.labels(doing.name).inc()


class InStore(Collector):
    """What is in the store of an engine, as gauges."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._counted: Counts | None = None
        self._again = 0.0

    def describe(self) -> list[GaugeMetricFamily]:
        """Nothing: to say what there is, it would have to be counted."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        now, store = self._engine.clock.now(), self._engine.store
        depth = GaugeMetricFamily("bpflow_queue_depth", "What waits to be worked now", labels=["queue"])
        lag = GaugeMetricFamily("bpflow_queue_lag_seconds", "Since when the oldest of it waits", labels=["queue"])
        for kind, one in store.depths(now).items():
            depth.add_metric([kind], one.waiting)
            lag.add_metric([kind], max(0.0, (now - one.oldest).total_seconds()) if one.oldest is not None else 0.0)
        yield depth
        yield lag
        yield from self._gauges(self._counts())

    def _counts(self) -> Counts:
        if self._counted is None or time.monotonic() >= self._again:
            now, began = self._engine.clock.now(), time.monotonic()
            self._counted = self._engine.store.counts([now - age for age in AGES.values()])
            self._again = time.monotonic() + SHARE * (time.monotonic() - began)
        return self._counted

    def _gauges(self, counts: Counts) -> Iterator[GaugeMetricFamily]:
        instances = GaugeMetricFamily("bpflow_instances", "Instances in the store", labels=["process", "status"])
        for (process, status), count in sorted(counts.instances.items()):
            instances.add_metric([process, status], count)
        older = GaugeMetricFamily("bpflow_tasks_older", "Open tasks that are older than that", labels=["age"])
        for age, count in zip(AGES, counts.older, strict=True):
            older.add_metric([age], count)
        oldest = (self._engine.clock.now() - counts.oldest).total_seconds() if counts.oldest is not None else 0.0
        yield instances
        yield older
        yield GaugeMetricFamily("bpflow_tasks_open", "Open tasks, one for each assignee", counts.tasks)
        yield GaugeMetricFamily("bpflow_tasks_overdue", "Open tasks that are overdue", counts.overdue)
        yield GaugeMetricFamily("bpflow_task_oldest_seconds", "Age of the oldest open task", max(0.0, oldest))
        yield GaugeMetricFamily("bpflow_instances_with_incidents", "Instances with open incidents", counts.incidents)
        yield GaugeMetricFamily("bpflow_instances_aside", "Instances that are set aside", counts.aside)
