"""What operators do: deploy, start, keep things going."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bpflow.cli.calls import Call, SomeBy, WrongUse, call_of, number, pairs, sound
from bpflow.cli.output import tr
from bpflow.cli.watched import Watched
from bpflow.diagnostics import did_you_mean, say

if TYPE_CHECKING:
    from bpflow.loading import Loaded
    from bpflow.runtime import Engine, Worked

commands = typer.Typer()


@commands.command("deploy", help=tr("Make processes those that new instances get. Running instances keep theirs."))
def deploy(
    ctx: typer.Context,
    paths: Annotated[list[Path] | None, typer.Argument(metavar="[PATH]...", help=tr("Files and folders; without any, the workspace."))] = None,
) -> None:
    """All of them, or none if any has errors."""
    call = call_of(ctx)
    loaded = [one for path in paths or [call.needed_workspace()] for one in _processes(path)]
    with call.open(new=True, deploy=False) as engine:
        for one in loaded:
            done = engine.deploy(one)
            values = {"process": done.process, "version": done.version}
            call.out.line(
                say('deployed "{process}", version {version}', **values) if done.new else say('"{process}" is deployed already, version {version}', **values)
            )


def _processes(path: Path) -> list[Loaded]:
    from bpflow.loading import load_process, load_workspace

    if not path.exists():
        raise WrongUse(say('there is no file or folder "{path}"', path=path))
    if path.is_dir():
        workspace = load_workspace(path)
        sound(workspace.findings, path)
        return list(workspace.processes.values())
    loaded = load_process(path)
    sound(loaded.findings, path)
    return [loaded]


@commands.command("undeploy", help=tr("No new instances of a process. Running instances go on."))
def undeploy(ctx: typer.Context, process: Annotated[str, typer.Argument(metavar="PROCESS", help=tr("The id of the process."))]) -> None:
    """Its schedules end too."""
    call = call_of(ctx)
    with call.open(deploy=False) as engine:
        engine.undeploy(process)
        call.out.line(say('"{process}" is no longer deployed', process=process))


@commands.command("start", help=tr("Start an instance of a process. Without --input, on a terminal, it asks for the form."))
def start(
    ctx: typer.Context,
    process: Annotated[str, typer.Argument(metavar="PROCESS", help=tr("The id of the process."))],
    document: Annotated[str | None, typer.Option("--document", metavar="DOCUMENT", help=tr("The document that it is about, as company:17."))] = None,
    inputs: Annotated[list[str] | None, typer.Option("--input", metavar="NAME=VALUE", help=tr("A value of the form of the start."))] = None,
    by: SomeBy = None,
) -> None:
    """Prints the number of the instance."""
    call = call_of(ctx)
    values = pairs(inputs or [], "--input NAME=VALUE")
    with call.open(new=True) as engine:
        from bpflow.cli.dialogue import Asking
        from bpflow.cli.names import Names
        from bpflow.services.working_calendar import zone_of

        _known(engine, call, process)
        names = Names(engine, call.out.language)
        names.user(by)
        graph = engine.graph(process)
        if graph.inputs and not values and sys.stdin.isatty():
            number = Asking(engine, names, call.out, zone_of(graph.timezone), by or "").start(process, document)
        else:
            number = engine.start(process, document=document, inputs=values, by=by)
        call.out.line(say('started "{process}": instance {number}', process=process, number=number))


def _known(engine: Engine, call: Call, process: str) -> None:
    """Deploys the process if only the workspace knows it. WrongUse if nobody does."""
    deployed = {row.process for row in engine.store.deployed()}
    inside = engine.workspace.processes if engine.workspace else {}
    if process in deployed:
        return
    if process not in inside:
        raise WrongUse(say('there is no process "{process}"', process=process), did_you_mean(process, {*deployed, *inside}))
    done = engine.deploy(inside[process])
    call.out.note(say('deployed "{process}", version {version}', process=process, version=done.version), "dim")


@commands.command("work", help=tr("Do what is due. Timers fire, changes of documents are told, what waits to be sent is sent."))
def work(
    ctx: typer.Context,
    workers: Annotated[
        str | None,
        typer.Option("--workers", metavar="N", help=tr("Go on until SIGINT or SIGTERM, with so many workers; what is being done is finished first.")),
    ] = None,
    calls: Annotated[str, typer.Option("--calls", metavar="N", help=tr("How many calls of one service a worker has under way at a time."))] = "8",
    log: Annotated[str | None, typer.Option("--log", metavar="text|json", help=tr("Write what happens to the standard error."))] = None,
    level: Annotated[str, typer.Option("--log-level", metavar="LEVEL", help=tr("From which level on: debug, info, warning or error."))] = "info",
    metrics: Annotated[
        str | None,
        typer.Option("--metrics", metavar="[HOST:]PORT", help=tr("Show metrics to Prometheus there; several workers have a port each, from this on.")),
    ] = None,
) -> None:
    """Does what there is to do now, or goes on."""
    call = call_of(ctx)
    count, most = number(workers, "--workers") if workers else 0, number(calls, "--calls")
    watched = Watched.of(log, level, metrics)
    with watched.written(call.out):
        with call.open() as engine:  # before there are many: who sees that it cannot be, says so once
            if count < 2:
                watched.watch(engine)
            done = _worked(engine, count, most)
        if done is None:
            from bpflow.cli.working import supervise

            supervise([[*call.arguments(), "work", "--workers", "1", "--calls", calls, *watched.arguments(nth)] for nth in range(count)])
            return
    call.out.line(say("timers: {timers}, changes: {changes}, messages: {messages}, calls: {calls}, starts: {starts}", **asdict(done)))


def _worked(engine: Engine, count: int, calls: int) -> Worked | None:
    """What one pass has done, or one worker. None if there are to be several."""
    from bpflow.cli.working import work_on

    if count == 0:
        return engine.work()
    return work_on(engine, calls) if count == 1 else None


@commands.command("demo", help=tr("Show sixty companies going through a process. It runs on a virtual clock, in a database of its own."))
def demo(ctx: typer.Context, fresh: Annotated[bool, typer.Option("--fresh", help=tr("Forget an earlier demo and begin anew."))] = False) -> int | None:
    """What `make demo` shows."""
    from bpflow.cli.demo import database, run

    call = call_of(ctx)
    return run(call.needed_workspace(), database(call.db, fresh), call.out)
