"""The outreach of W1, W4 and W5 as bpflow runs it, and the stores in which it is kept."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from bench.peer import SERVER, STAGES, SYNC, fresh_database
from bpflow.cli.working import spare_the_collector
from bpflow.loading import load_text
from bpflow.runtime import Engine, VirtualClock, open_engine

PEER = "bpflow"
START = datetime(2026, 3, 2, 7, tzinfo=UTC)
HEAD = """
bpflow: 1
id: outreach
title: Outreach
inputs:
  industry: {type: string}
  manager: {type: user}
variables:
  status: {type: string, default: new}
  attempts: {type: integer, default: 0}
steps:
  - {id: prepare, activity: set-variables, set: {status: new, attempts: 0}}
  - id: check
    activity: condition
    branches:
      - {when: industry == "ЖКХ", next: go-on}
    otherwise: {next: not_target}
"""
STAGE = """
  - id: stage_{k}
    activity: loop
    until: status == "stage_{k}_done"
    steps:
      - id: ask_{k}
        activity: request-info
        title: Stage {k}
        to: manager
        outcomes:
          meeting:
            title: Meeting
            steps:
              - {{activity: set-variables, set: {{status: stage_{k}_done}}}}
              - {{activity: notify, to: manager, text: stage {k} done}}
          call_later:
            title: Call later
            fields:
              next_date: {{type: datetime, required: true}}
            steps:
              - {{activity: set-variables, set: {{attempts: $(attempts + 1)}}}}
              - {{activity: pause, until: ask_{k}.next_date}}
          refuse: {{title: Refuse, next: refused}}
"""
TAIL = """
  - {activity: set-variables, set: {status: done}}
  - {activity: end, result: done}
  - {id: refused, activity: set-variables, set: {status: refused}}
  - {activity: end, result: refused}
  - {id: not_target, activity: end, result: not_target}
"""


def process(stages: int = STAGES, company: bool = False) -> str:
    """The process as YAML; with `company`, that is an input too, as in W4."""
    head = HEAD.replace("inputs:", "inputs:\n  company: {type: string}") if company else HEAD
    return head + "".join(STAGE.format(k=k) for k in range(1, stages + 1)) + TAIL


@contextmanager
def fresh_store(name: str) -> Iterator[str]:
    """Where a store may be made, of the kind that is asked for: an address without `sync`, which `opened` adds."""
    if SERVER:
        yield fresh_database(f"bpflow_{name}")
    else:
        with tempfile.TemporaryDirectory(prefix="bpflow-") as folder:
            yield f"sqlite:///{Path(folder) / name}.db"


def file_of(address: str) -> str:
    """What `size_of` asks for: the file of a SQLite store, or the address itself."""
    return address.removeprefix("sqlite:///")


def opened(address: str, text: str = "", at: datetime = START, sync: str = SYNC) -> Engine:
    """An engine on the store, at that time on a virtual clock, with the process deployed that is given. It spares the collector, as `bpflow work`
    does, and as the manual advises a program that runs many instances."""
    engine = open_engine(address if SERVER else f"{address}?sync={sync.lower()}", clock=VirtualClock(at))
    if text:
        engine.deploy(load_text(text))
    spare_the_collector()
    return engine
