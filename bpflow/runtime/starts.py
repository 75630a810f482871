"""Starts: whether an instance begins, with which inputs, and beginning on schedule.

The law of this file: a start whose condition or inputs cannot be read begins an instance with an incident, for an operator to decide; what
has begun and when it is to begin next are written together, so a schedule starts each time once, and a missed one is caught up once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TypeVar

from msgspec import Struct

from bpflow.definition.schedule import WrongSchedule, next_time
from bpflow.diagnostics import Message, Refused, say
from bpflow.engine.program import Program
from bpflow.engine.transition import NotAllowed
from bpflow.expressions.data import Document, Value
from bpflow.graph import Graph, Start
from bpflow.runtime.answers import Live
from bpflow.runtime.situation import Situation
from bpflow.runtime.transaction import Runner
from bpflow.services.directory import Directory, is_among
from bpflow.stores.contract import Conflict, ScheduleRow, Store, StoreError, Work
from bpflow.values import Field, InvalidValue, check

T = TypeVar("T")


class Judged(Struct, frozen=True):
    """Whether a start begins an instance, and with what; `trouble`: why that is in doubt · `document`: on which, where the start says it."""

    begins: bool
    inputs: dict[str, Value]
    trouble: Message | None = None
    document: Document | None = None


def judge(program: Program, start: Start, situation: Situation) -> Judged:
    """Reads the condition of a start and its inputs."""
    inputs: dict[str, Value] = {}
    try:
        if start.when is not None and program.code(start.when)(situation) is not True:
            return Judged(False, inputs)
        inputs = {name: program.code(expr)(situation) for name, expr in start.give}
        for name, field in program.graph.inputs:
            if name in inputs or field.default is None:
                check_input(name, field, inputs.get(name))
        return Judged(True, inputs)
    except Refused as refused:
        return Judged(True, inputs, say("the start condition cannot be evaluated: {reason}", reason=refused.message))


def check_input(name: str, field: Field, value: Value) -> None:
    """Refused, with the name of the input, if it cannot have the value."""
    try:
        check(field, value)
    except InvalidValue as wrong:
        raise Refused(say('"{field}": {reason}', field=field.title or name, reason=wrong.message)) from wrong


def document_of(reader: Store | Work, graph: Graph, document: Value) -> Document | None:
    """The document that a process is to run on, which a call or a message names. Refused if it is not one of its type."""
    if graph.document is None and document is None:
        return None
    if graph.document is None:
        raise Refused(say('the process "{name}" has no document', name=graph.process))
    if not isinstance(document, Document) or document.type != graph.document:
        raise Refused(say('"{process}" runs on a document of the type "{wanted}"', process=graph.process, wanted=graph.document))
    if reader.document(document.id) is None:
        raise Refused(say('there is no document "{document}"', document=f"{document.type}:{document.id}"))
    return document


# ── by hand ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def starts_by_hand(graph: Graph) -> None:
    """Refused if the process only starts in other ways."""
    if graph.starts and not any(start.on == "manual" for start in graph.starts):
        raise Refused(say('"{process}" is not started by hand', process=graph.process))


def may_start(situation: Situation, program: Program, directory: Directory | None) -> None:
    """NotAllowed unless the process has a start by hand for the initiator, whose condition holds."""
    graph, by = program.graph, situation.names["initiator"]
    starts_by_hand(graph)
    manual = [start for start in graph.starts if start.on == "manual"]
    for start in manual:
        allowed = start.by is None or is_among(by, program.code(start.by)(situation), directory)
        if allowed and (start.when is None or program.code(start.when)(situation) is True):
            return
    if manual:
        raise NotAllowed(say('"{process}" cannot be started so: its start is for others, or its condition does not hold', process=graph.process))


# ── on schedule ─────────────────────────────────────────────────────────────────────────────────────────────────────
def schedules_of(graph: Graph, now: datetime) -> Iterator[ScheduleRow]:
    """When the starts on schedule of a process are due next."""
    for number, start in enumerate(graph.starts):
        if start.on == "schedule":
            yield ScheduleRow(graph.process, number, f"{graph.timezone} {start.cron}", next_time(start.cron, graph.timezone, now))


def following(row: ScheduleRow, now: datetime) -> datetime | None:
    """The next time of a schedule after now; None if there is none."""
    zone, _, cron = row.cron.partition(" ")
    try:
        return next_time(cron, zone, max(now, row.due))
    except WrongSchedule:
        return None


def begin_or_hold(begin: Callable[[Message | None], T]) -> T:
    """Begins an instance. If that cannot be done by a fault of bpflow it begins in doubt, held at its first step: the others go on."""
    try:
        return begin(None)
    except (StoreError, Conflict):
        raise
    except Exception as error:
        return begin(fault_of(error))


def fault_of(error: Exception) -> Message:
    """Why an instance begins in doubt that could not begin otherwise."""
    return say("it could not begin by a fault of bpflow: {reason}", reason=f"{type(error).__name__}: {error}")


def begin_on_schedule(runner: Runner, row: ScheduleRow, now: datetime, trouble: Message | None = None) -> None:
    """Begins the instance that is due, unless its condition is false or another has done it; all times that were missed are this one."""
    held = None
    with runner.unit() as work:
        deployment = runner.store.deployment(row.process)
        if not work.reschedule(row, following(row, now)) or deployment is None:
            return
        program = runner.program(deployment.id)
        start = program.graph.starts[row.number]
        situation = Situation({"initiator": None}, now, program.graph.timezone, Live(runner.around(work)), work)
        judged = Judged(True, {}, trouble) if trouble else judge(program, start, situation)
        if judged.begins:
            held = runner.begin(work, deployment.id, None, judged.inputs, None, now, trouble=judged.trouble)
            runner.left = runner.left or work.left
    if held is not None:
        runner.keep(held)
