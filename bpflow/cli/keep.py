"""Histories: purging what is old, verifying that the rest is as it was written.

The law of this file: what is found stands on the standard output, a line each; the exit code is 1 where anything was.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bpflow.cli.calls import AsJson, WrongUse, call_of, length_of, number
from bpflow.cli.output import Output, tr
from bpflow.diagnostics import Message, say

if TYPE_CHECKING:
    from bpflow.runtime import Audited, Flaw, Purged

commands = typer.Typer()


@commands.command("purge", help=tr("Take away instances that ended long ago, and messages whose time is over. May be broken off anywhere and called again."))
def purge(
    ctx: typer.Context,
    older_than: Annotated[str, typer.Option("--older-than", metavar="TIME", help=tr("Those that ended longer ago than this, as 180d."))],
    processes: Annotated[list[str] | None, typer.Option("--process", metavar="PROCESS", help=tr("Only those of this process; may come several times."))] = None,
    archive: Annotated[Path | None, typer.Option("--archive", metavar="FILE", help=tr("Add them to this file first, as JSON Lines."))] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help=tr("Only say what would go."))] = False,
    compact: Annotated[
        bool,
        typer.Option("--compact", help=tr("Make the file of the database smaller too; nobody can write meanwhile. Without it the room is used again.")),
    ] = False,
) -> int:
    """Says what has gone, and what has stayed since its history is not as it was written: 1 if there is such."""
    call = call_of(ctx)
    age = length_of(older_than, say('"{text}" is not a length of time by the clock, as 12h or 180d', text=older_than))
    with _asked_rightly(), call.open() as engine:
        with call.out.progress(say("purging")) as moved:
            done = engine.purge(age, processes or (), archive=archive, dry_run=dry_run, progress=lambda count: moved(count, 0))
        _tell_purged(done, dry_run, call.out)
        if compact and not dry_run:
            engine.compact()
    code = _tell_flaws(done.flaws, call.out)
    if done.stayed:
        call.out.line(say("not purged, since they have flaws: {count}", count=len(done.stayed)), "red")
    return code


def _tell_purged(done: Purged, dry_run: bool, out: Output) -> None:
    for process, count in sorted(done.instances.items()):
        values = {"process": process, "count": count}
        out.line(say('would be purged of "{process}": {count}', **values) if dry_run else say('purged of "{process}": {count}', **values))
    if not done.instances and not done.stayed:
        out.line(say("no instances to purge"))
    if done.messages or done.keys:
        out.line(say("forgotten messages: {messages}; calls and messages that cannot come again: {keys}", messages=done.messages, keys=done.keys))


@commands.command("verify-history", help=tr("Find out whether histories and states are as they were written."))
def verify_history(
    ctx: typer.Context,
    instance: Annotated[str | None, typer.Argument(metavar="[INSTANCE]", help=tr("The number of the instance; without it, all."))] = None,
    process: Annotated[str | None, typer.Option("--process", metavar="PROCESS", help=tr("Only those of this process."))] = None,
    replay: Annotated[bool, typer.Option("--replay", help=tr("Work every event in again: it must give the state that is there."))] = False,
    heads: Annotated[
        Path | None,
        typer.Option(
            "--heads", metavar="FILE", help=tr("A file outside of the database with how far all had come: that must still be so. It is then written anew.")
        ),
    ] = None,
    archive: Annotated[Path | None, typer.Option("--archive", metavar="FILE", help=tr("The instances in an archive of `bpflow purge`."))] = None,
    as_json: AsJson = False,
) -> int:
    """Says what is not, in which instance and at which revision: 1 if there is such."""
    call = call_of(ctx)
    if sum(one is not None for one in (instance, process, heads, archive)) > 1:
        raise WrongUse(say("only one of INSTANCE, {options} can be given", options="--process, --heads, --archive"))
    id = number(instance, "INSTANCE") if instance is not None else None
    with _asked_rightly(), call.open() if archive is None else call.open_or_none() as engine, call.out.progress(say("verifying")) as moved:
        if archive is not None:
            done = engine.verify_archive(archive, replay=replay, progress=lambda count: moved(count, 0))
        else:
            done = engine.verify_history(process, id, replay=replay, heads=heads, progress=lambda count: moved(count, 0))
    if as_json:
        call.out.data(_data(done, call.out.language))
        return 1 if done.flaws else 0
    code = _tell_flaws(done.flaws, call.out)
    counts = {"instances": done.instances, "rows": done.rows, "purged": done.purged, "flaws": len(done.flaws)}
    call.out.line(say("instances: {instances}, rows of history: {rows}, purged: {purged}, flaws: {flaws}", **counts), None if code else "green")
    if heads is not None and code:
        call.out.note(say('"{file}" stays as it was', file=heads))
    return code


@contextmanager
def _asked_rightly() -> Iterator[None]:
    """A process that never was is a wrong use: exit code 1 would say that there are flaws."""
    from bpflow.runtime.keeping import NeverDeployed

    try:
        yield
    except NeverDeployed as refused:
        raise WrongUse(refused.message) from refused


def _tell_flaws(flaws: list[Flaw], out: Output) -> int:
    for flaw in flaws:
        out.line(_told(flaw), "red")
    return 1 if flaws else 0


def _told(flaw: Flaw) -> Message:
    if flaw.instance is None:
        return flaw.message
    if flaw.revision is None:
        return say("instance {id}: {what}", id=flaw.instance, what=flaw.message)
    return say("instance {id}, revision {revision}: {what}", id=flaw.instance, revision=flaw.revision, what=flaw.message)


def _data(done: Audited, language: str) -> dict[str, Any]:
    flaws = [{"instance": one.instance, "revision": one.revision, "kind": one.kind, "what": one.message.text(language)} for one in done.flaws]
    return {"instances": done.instances, "rows": done.rows, "purged": done.purged, "flaws": flaws}
