"""Processes that processes call: a called instance begins, its end reaches its caller, and it ends when it is waited for no more.

The law of this file: a call leaves the outbox in the transaction in which its instance begins, so it begins once; a caller that has gone
on before has taken the call back, or finds the instance and has it cancelled. What an instance tells a caller that has gone on is
acknowledged and dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import cast

from bpflow.diagnostics import Refused, say
from bpflow.engine.events import Cancel, Failed
from bpflow.engine.program import Program
from bpflow.engine.transition import ALONE, START, UnexpectedEvent
from bpflow.expressions.data import Document, User, Value
from bpflow.graph import Graph
from bpflow.runtime import reading, replies
from bpflow.runtime.answers import Live
from bpflow.runtime.clock import Clock
from bpflow.runtime.situation import Situation
from bpflow.runtime.stages import runs_already
from bpflow.runtime.starts import document_of
from bpflow.runtime.transaction import Held, Runner
from bpflow.services.occasion import MAX_DEPTH
from bpflow.services.working_calendar import zone_of
from bpflow.stores.contract import Caller, Conflict, InstanceRow, OutboxRow, StoreError, Work

MAX_LEVEL = 32
"""How many instances may wait for each other, one called by the other."""
INPUT = "inputs."
"""What the names of the arguments begin with that are for inputs."""


@dataclass(slots=True)
class Calls:
    """Works off what callers and called instances have for each other in the outbox."""

    runner: Runner
    clock: Clock
    services: Mapping[str, Callable[[OutboxRow], None]] = field(init=False)

    def __post_init__(self) -> None:
        self.services = {START: self.start, ALONE: self.start, replies.ENDED: self.tell, replies.CANCEL: self.cancel}

    # ── beginning ──────────────────────────────────────────────────────────────────────────────────────────────────
    def start(self, row: OutboxRow) -> None:
        """Begins the called instance, unless the call was taken back; where that is refused the caller is told why."""
        call = row.call
        try:
            with self.runner.unit() as work:
                if not work.sent(row):
                    return
                held = self.begin(work, row)
                self.runner.left = self.runner.left or work.left
        except (StoreError, Conflict):
            raise
        except Refused as refused:
            failed = Failed(self.clock.now(), call.token, call.visit, call.attempt, refused.message, replies.NOT_STARTED)
            self.runner.happen(row.instance, failed, row.depth, also=lambda work: work.sent(row))
        else:
            self.runner.keep(held)

    def begin(self, work: Work, row: OutboxRow) -> Held:
        """The called instance. Refused if the process cannot be called so."""
        given, calling = row.call.arguments, work.instance(row.instance)
        assert calling is not None
        if row.call.service == ALONE:
            return self.open_alone(work, row, calling)
        definition, program = self.called(str(given["process"]), calling)
        waits, depth = given.get("wait") is not False, row.depth
        level = level_of(calling) + 1 if waits else 0
        depth += 0 if waits else 1
        if level > MAX_LEVEL or depth > MAX_DEPTH:
            raise Refused(say("processes call each other more than {bound} deep", bound=min(MAX_LEVEL, MAX_DEPTH)))
        document = document_of(work, program.graph, given.get("document"))
        inputs = inputs_of(program.graph, {name.removeprefix(INPUT): value for name, value in given.items() if name.startswith(INPUT)})
        by = given.get("initiator")
        self.may_be_called(work, program, document, inputs, by)
        caller = Caller(row.instance, row.call.token, row.call.visit, row.call.attempt, level)
        catches = tuple(str(name) for name in given["catches"]) if waits and isinstance(given["catches"], list) else ()
        starter = by if isinstance(by, User) else None
        held = self.runner.begin(work, definition, document, inputs, starter, self.clock.now(), depth, None, caller if waits else None, catches)
        if held is None:
            raise Refused(runs_already(program.graph, document))
        if not waits:
            work.send(held.id, held.owner, held.definition, [replies.started(caller)], self.clock.now(), row.depth)
        return held

    def open_alone(self, work: Work, row: OutboxRow, calling: InstanceRow) -> Held:
        """An instance of the same definition that is but one step of it, and knows what could be read there."""
        names = dict(cast("Mapping[str, Value]", row.call.arguments["names"]))
        document, by, step = names.pop("document"), names.pop("initiator"), str(row.call.arguments["step"])
        about, starter = document if isinstance(document, Document) else None, by if isinstance(by, User) else None
        held = self.runner.begin(work, calling.definition, about, names, starter, self.clock.now(), row.depth + 1, alone=step)
        assert held is not None
        caller = Caller(row.instance, row.call.token, row.call.visit, row.call.attempt, 0)
        work.send(held.id, held.owner, held.definition, [replies.started(caller)], self.clock.now(), row.depth)
        return held

    def called(self, process: str, calling: InstanceRow) -> tuple[int, Program]:
        """The definition that the process had when the caller began, and its program. Refused if it is not deployed."""
        found = self.runner.store.deployment(process, calling.deployed)
        if found is None:
            raise Refused(say('the process "{process}" is not deployed', process=process))
        return found.id, self.runner.program(found.id)

    def may_be_called(self, work: Work, program: Program, document: Document | None, inputs: Mapping[str, Value], by: Value) -> None:
        """Refused unless the process can be called, and the condition of such a start holds."""
        graph = program.graph
        starts = [start for start in graph.starts if start.on == "call"]
        if graph.starts and not starts:
            raise Refused(say('the process "{process}" cannot be called: it has no start "on: call"', process=graph.process))
        names: dict[str, Value] = {"document": document, "initiator": by, **inputs}
        situation = Situation(names, self.clock.now(), graph.timezone, Live(self.runner.around(work)), work)
        if starts and not any(start.when is None or program.code(start.when)(situation) is True for start in starts):
            raise Refused(say('the process "{process}" cannot be called so: the condition of its start does not hold', process=graph.process))

    # ── the end ────────────────────────────────────────────────────────────────────────────────────────────────────
    def tell(self, row: OutboxRow) -> None:
        """The caller gets the answer; one that has gone on does not heed it."""
        self.runner.happen(row.call.to, replies.event_of(row, self.clock.now()), row.depth, also=lambda work: work.sent(row))

    def cancel(self, row: OutboxRow) -> None:
        """The called instance ends, if it has not ended before."""
        try:
            self.runner.happen(row.call.to, Cancel(self.clock.now(), None, caller=row.instance), row.depth, also=lambda work: work.sent(row))
        except UnexpectedEvent:
            with self.runner.unit() as work:
                work.sent(row)


def level_of(row: InstanceRow) -> int:
    """How many instances wait around this one."""
    return row.caller.level if row.caller else 0


def inputs_of(graph: Graph, given: Mapping[str, Value]) -> dict[str, Value]:
    """The inputs of the called process, read by their fields. Refused names the first that is wrong."""
    fields = dict(graph.inputs)
    for name in given:
        if name not in fields:
            raise Refused(say('the process "{process}" has no input "{input}"', process=graph.process, input=name))
    return reading.read_fields(fields, given, zone_of(graph.timezone))
