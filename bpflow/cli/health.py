"""Whether all goes well: what waits, who works, and whether the store is what it should be."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bpflow.cli.calls import AsJson, call_of, length_of
from bpflow.cli.output import Output, tr
from bpflow.diagnostics import Message, say

if TYPE_CHECKING:
    from bpflow.cli.names import Names
    from bpflow.runtime import Difference, Status, WorkerView

commands = typer.Typer()


@commands.command(
    "status",
    help=tr(
        "Show what waits to be worked, who works, and what somebody must see to. The exit code is 1 if something has waited for longer than "
        "--late or cannot be done by a fault of bpflow, or there are incidents or instances that were set aside."
    ),
)
def status(
    ctx: typer.Context,
    late: Annotated[str, typer.Option("--late", metavar="TIME", help=tr("How long something may wait to be worked, as 30s or 5min."))] = "5min",
    as_json: AsJson = False,
) -> int:
    """For people, and for a monitoring."""
    call = call_of(ctx)
    most = length_of(late, say('"{text}" is not a length of time by the clock, as 1s or 5min', text=late))
    with call.open() as engine:
        from bpflow.cli.names import Names

        found, names = engine.status(), Names(engine, call.out.language)
    well = found.lag <= most and not (found.incidents or found.aside or found.put_off)
    if as_json:
        call.out.data(_data(found, names, well))
    else:
        _tell(found, names, call.out)
    return 0 if well else 1


def _tell(found: Status, names: Names, out: Output) -> None:
    kinds = {
        "timers": say("timers that are due"),
        "schedules": say("starts that are due"),
        "changes": say("changes to be told"),
        "messages": say("messages to be delivered"),
        "calls": say("calls to be made"),
    }
    queues = [(out.text(kinds[kind]), str(one.waiting), names.when(one.oldest), _length(found.waits(one))) for kind, one in found.queues.items()]
    out.table((say("what waits"), say("how many"), say("since"), say("for")), queues, right=(1,))
    out.line()
    if found.workers:
        rows = [_worker(worker, names, out) for worker in found.workers]
        out.table((say("worker"), say("process"), say("since"), say("slots"), say("last sign"), say("kind")), rows, right=(1, 3))
    else:
        out.line(say("no workers"))
    out.line()
    for one in found.put_off:
        text = say("put off by a fault of bpflow: {things}, tried up to {tries} times; {reason}", things=one.things, tries=one.tries, reason=one.reason)
        out.line(text, "red")
    out.line(say("incidents: {incidents}, set aside: {aside}", incidents=found.incidents, aside=found.aside), "red" if found.incidents or found.aside else None)


def _worker(worker: WorkerView, names: Names, out: Output) -> tuple[str, ...]:
    kind = say("until it is stopped") if worker.standing else say("one pass")
    sign = say("gone") if worker.there is False else say("{seconds} s ago", seconds=round(worker.silent.total_seconds())) if worker.silent is not None else ""
    return worker.host, str(worker.pid), names.when(worker.since), str(worker.slots), out.text(sign), out.text(kind)


def _length(length: timedelta) -> str:
    return str(length - timedelta(microseconds=length.microseconds)) if length else ""


def _data(found: Status, names: Names, well: bool) -> dict[str, Any]:
    queues = {
        kind: {"waiting": one.waiting, "oldest": names.iso(one.oldest), "seconds": found.waits(one).total_seconds()} for kind, one in found.queues.items()
    }
    workers = [
        {
            "host": one.host,
            "pid": one.pid,
            "since": names.iso(one.since),
            "standing": one.standing,
            "slots": one.slots,
            "silent": None if one.silent is None else one.silent.total_seconds(),
            "there": one.there,
            "put_off": one.put_off and one.put_off._asdict(),
        }
        for one in found.workers
    ]
    return {
        "at": names.iso(found.at),
        "well": well,
        "seconds": found.lag.total_seconds(),
        "queues": queues,
        "workers": workers,
        "incidents": found.incidents,
        "aside": found.aside,
    }


@commands.command(
    "verify-store",
    help=tr(
        "Compare tasks, observers, timers, watches and waits for messages with the states of the instances. The exit code is 1 if anything differs "
        "and was not put right. Others may go on working."
    ),
)
def verify_store(
    ctx: typer.Context,
    repair: Annotated[bool, typer.Option("--repair", help=tr("Put right what differs: the states are the truth."))] = False,
) -> int:
    """Each difference is a line."""
    call = call_of(ctx)
    with call.open() as engine:
        done = engine.verify_store(repair, lambda difference: call.out.line(_difference(difference)))
    call.out.line(say("instances: {instances}, rows: {rows}, differences: {differences}, put right: {repaired}", **_counts(done)))
    if done.differences and not repair:
        call.out.note(say('"bpflow verify-store --repair" puts right what differs'))
    return 0 if done.differences == done.repaired else 1


def _counts(done: Any) -> dict[str, int]:
    return {"instances": done.instances, "rows": done.rows, "differences": done.differences, "repaired": done.repaired}


def _difference(one: Difference) -> Message:
    if one.kind == "unreadable":
        return say("instance {id}: {reason}", id=one.instance, reason=one.row)
    if one.kind == "notice":
        return say("instance {id}: its history does not tell of a notice: {row}", id=one.instance, row=one.row)
    kinds = {"task": say("task"), "observer": say("observer"), "timer": say("timer"), "watch": say("watched document"), "listen": say("wait for a message")}
    if one.missing:
        return say("instance {id}: {kind} is missing: {row}", id=one.instance, kind=kinds[one.kind], row=one.row)
    return say("instance {id}: {kind} should not be there: {row}", id=one.instance, kind=kinds[one.kind], row=one.row)
