"""Processes that processes call: a called instance begins, its end reaches its caller, and it ends when it is waited for no more.

The law of this file: each transaction is of the caller or of the called instance, never of both. The number of the called instance is written
down with the call, so it begins once, however often that is tried; it begins only while the call stands in the outbox, and whoever takes
the call back has that number cancelled, whether it has begun or not. What the one tells the other is worked in there first, and then goes
here: told again, it changes nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import cast

from bpflow.diagnostics import Refused, say
from bpflow.engine.events import Cancel, Done, Failed
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
        """Begins the called instance, unless the call was taken back; a caller that does not wait for its end, or to whom it is refused, is
        told so."""
        call, now = row.call, self.clock.now()
        try:
            self.begin_once(row)
        except (StoreError, Conflict):
            raise
        except Refused as refused:
            self.answer(row, Failed(now, call.token, call.visit, call.attempt, refused.message, replies.NOT_STARTED))
        else:
            if waits_for_end(row):
                self.forget(row)
            else:
                self.answer(row, Done(now, call.token, call.visit, {}, attempt=call.attempt))

    def answer(self, row: OutboxRow, event: Done | Failed) -> None:
        """The call is answered here, and goes. It is not refused if another has begun the instance meanwhile."""

        def answered(work: Work) -> bool:
            if not work.sent(row) or (isinstance(event, Failed) and work.revision(row.call.to) is not None):
                return False
            work.answered(row.call.to)
            return True

        self.runner.happen(row.instance, event, row.depth, also=answered)

    def forget(self, row: OutboxRow) -> None:
        """What the row says has been done."""
        with self.runner.unit(row.owner) as work:
            work.sent(row)

    def begin_once(self, row: OutboxRow) -> None:
        """The called instance begins, if it has not begun before and the call stands. Refused if the process cannot be called so."""
        document = document_named(row)
        found = self.runner.store.document(document.id) if document else None
        with self.runner.unit(found.owner if found else row.call.to) as work:
            if not work.stands(row) or work.revision(row.call.to) is not None:
                return
            held = self.begin(work, row)
            self.runner.left = self.runner.left or work.left
        self.runner.keep(held)

    def begin(self, work: Work, row: OutboxRow) -> Held:
        """The called instance. Refused if the process cannot be called so."""
        given, calling = row.call.arguments, self.runner.store.instance(row.instance)
        assert calling is not None
        if row.call.service == ALONE:
            return self.open_alone(work, row, calling)
        definition, program = self.called(str(given["process"]), calling)
        waits = waits_for_end(row)
        level = level_of(calling) + 1 if waits else 0
        depth = row.depth + (0 if waits else 1)
        if level > MAX_LEVEL or depth > MAX_DEPTH:
            raise Refused(say("processes call each other more than {bound} deep", bound=min(MAX_LEVEL, MAX_DEPTH)))
        document = document_of(work, program.graph, given.get("document"))
        inputs = inputs_of(program.graph, {name.removeprefix(INPUT): value for name, value in given.items() if name.startswith(INPUT)})
        by = given.get("initiator")
        self.may_be_called(work, program, document, inputs, by)
        caller = Caller(row.instance, row.call.token, row.call.visit, row.call.attempt, level)
        catches = tuple(str(name) for name in given["catches"]) if waits and isinstance(given["catches"], list) else ()
        starter = by if isinstance(by, User) else None
        called = caller if waits else None
        now = self.clock.now()
        held = self.runner.begin(work, definition, document, inputs, starter, now, depth, None, called, catches, number=row.call.to)
        if held is None:
            raise Refused(runs_already(program.graph, document))
        return held

    def open_alone(self, work: Work, row: OutboxRow, calling: InstanceRow) -> Held:
        """An instance of the same definition that is but one step of it, and knows what could be read there."""
        names = dict(cast("Mapping[str, Value]", row.call.arguments["names"]))
        document, by, step = names.pop("document"), names.pop("initiator"), str(row.call.arguments["step"])
        about, starter = document if isinstance(document, Document) else None, by if isinstance(by, User) else None
        held = self.runner.begin(work, calling.definition, about, names, starter, self.clock.now(), row.depth + 1, alone=step, number=row.call.to)
        assert held is not None
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

        def answered(work: Work) -> bool:
            work.answered(row.instance)
            return True

        with contextlib.suppress(UnexpectedEvent):  # there is no such instance any more
            self.runner.happen(row.call.to, replies.event_of(row, self.clock.now()), row.depth, also=answered)
        self.forget(row)

    def cancel(self, row: OutboxRow) -> None:
        """The called instance ends, if it has begun and has not ended before."""
        child, call = self.runner.store.instance(row.call.to), row.call
        if child is not None and child.caller is not None and child.caller[:3] == (row.instance, call.token, call.visit):
            with contextlib.suppress(UnexpectedEvent):
                self.runner.happen(child.id, Cancel(self.clock.now(), None, caller=row.instance), row.depth)
        self.forget(row)


def waits_for_end(row: OutboxRow) -> bool:
    """Whether the caller waits until the called instance is over, and not only until it has begun."""
    return row.call.service == START and row.call.arguments.get("wait") is not False


def document_named(row: OutboxRow) -> Document | None:
    """The document on which the called instance is to run."""
    given = row.call.arguments
    document = cast("Mapping[str, Value]", given["names"])["document"] if row.call.service == ALONE else given.get("document")
    return document if isinstance(document, Document) else None


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
