"""What operators do: deploy, start, keep things going, repair."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bpflow.cli.calls import By, Call, Incident, Instance, Why, WrongUse, call_of, number, pairs, sound
from bpflow.cli.output import tr
from bpflow.diagnostics import did_you_mean, each_quoted, say

if TYPE_CHECKING:
    from bpflow.expressions.data import Value
    from bpflow.loading import Loaded
    from bpflow.runtime import Engine
    from bpflow.values import Field

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


@commands.command("start", help=tr("Start an instance of a process."))
def start(
    ctx: typer.Context,
    process: Annotated[str, typer.Argument(metavar="PROCESS", help=tr("The id of the process."))],
    document: Annotated[str | None, typer.Option("--document", metavar="DOCUMENT", help=tr("The document that it is about, as company:17."))] = None,
    inputs: Annotated[list[str] | None, typer.Option("--input", metavar="NAME=VALUE", help=tr("A value of the form of the start."))] = None,
    by: Annotated[str | None, typer.Option("--by", metavar="USER", help=tr("Who does it: an id of the directory."))] = None,
) -> None:
    """Prints the number of the instance."""
    call = call_of(ctx)
    values = pairs(inputs or [], "--input NAME=VALUE")
    with call.open(new=True) as engine:
        from bpflow.cli.names import Names

        _known(engine, call, process)
        number = engine.start(process, document=document, inputs=values, by=Names(engine, call.out.language).user(by))
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
    until_stopped: Annotated[bool, typer.Option("--until-stopped", help=tr("Go on until SIGINT or SIGTERM; what is being done is finished first."))] = False,
    every: Annotated[str, typer.Option("--every", metavar="TIME", help=tr("How long to sleep at most, as 1s or 5min."))] = "1s",
) -> None:
    """Does what there is to do now, or goes on."""
    from bpflow.cli.working import seconds_of, until_told

    call = call_of(ctx)
    pause = seconds_of(every)
    with call.open() as engine:
        done = until_told(engine, pause, call.out) if until_stopped else engine.work()
        call.out.line(
            say(
                "timers: {timers}, changes: {changes}, messages: {messages}, calls: {calls}",
                timers=done.timers,
                changes=done.changes,
                messages=done.messages,
                calls=done.calls,
            )
        )


@commands.command("retry", help=tr("Try the step of an incident again."))
def retry(ctx: typer.Context, instance: Instance, incident: Incident, by: By, why: Why = "") -> int:
    """Says what has come of it; 1 if that is another incident."""
    call, id = call_of(ctx), number(instance, "INSTANCE")
    with call.open() as engine:
        _check_person(engine, call, by)
        which = number(incident, "INCIDENT")
        engine.retry(id, which, by=by, why=why)
        _tell(engine, call, id)
        return int(any(one.id > which for one in engine.instance(id).incidents))


@commands.command("skip", help=tr("Pass over the step of an incident, as if it was done."))
def skip(
    ctx: typer.Context,
    instance: Instance,
    incident: Incident,
    by: By,
    why: Why = "",
    results: Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help=tr("What the step would have given."))] = None,
    branch: Annotated[str | None, typer.Option("--branch", metavar="NAME", help=tr("The outcome or the branch by which to leave the step."))] = None,
) -> None:
    """Says what has come of it."""
    call, id = call_of(ctx), number(instance, "INSTANCE")
    given = pairs(results or [], "--set NAME=VALUE")
    with call.open() as engine:
        _check_person(engine, call, by)
        which = number(incident, "INCIDENT")
        values = _typed(given, _fields(engine, id, which, branch), engine)
        engine.skip(id, which, results=values, branch=branch, by=by, why=why)
        _tell(engine, call, id)


def _fields(engine: Engine, instance: int, incident: int, branch: str | None) -> dict[str, Field]:
    """The types of what the step of the incident would have given, as far as they are known."""
    from bpflow.graph import Step, Task

    row = engine.store.instance(instance)
    found = next((one for one in engine.instance(instance).incidents if one.id == incident), None)
    if row is None or found is None:
        return {}
    program = engine.runner.read(row).program
    match program.nodes.get(found.path):
        case Task() as task:
            return {name: field for outcome in task.form.outcomes if branch in (None, outcome.name) for name, field in outcome.fields}
        case Step():
            return {variable.name: variable.field for variable in program.graph.variables}
    return {}


def _typed(given: dict[str, object], fields: dict[str, Field], engine: Engine) -> dict[str, Value]:
    """The values: by the type of their field, else as JSON, else as text. WrongUse if a field cannot have one."""
    from datetime import UTC

    from bpflow.services.working_calendar import zone_of
    from bpflow.values import InvalidValue, read

    zone = zone_of(engine.workspace.settings.timezone) if engine.workspace else UTC
    values: dict[str, Value] = {}
    for name, raw in given.items():
        try:
            values[name] = read(fields[name], raw, zone) if name in fields else _guessed(raw)
        except InvalidValue as wrong:
            raise WrongUse(say('"{field}": {reason}', field=name, reason=wrong.message), wrong.hint) from wrong
    return values


def _guessed(raw: object) -> Value:
    """true, 17 and null as JSON means them; anything else is text."""
    if isinstance(raw, list):
        return [_guessed(item) for item in raw]
    try:
        found = json.loads(str(raw)) if raw is not None else None
    except ValueError:
        return str(raw)
    return found if isinstance(found, bool | int | None) else str(raw)


@commands.command("cancel", help=tr("End an instance from outside. What is open is withdrawn."))
def cancel(ctx: typer.Context, instance: Instance, by: By, why: Why = "") -> None:
    """Says that it has ended."""
    call, id = call_of(ctx), number(instance, "INSTANCE")
    with call.open() as engine:
        _check_person(engine, call, by)
        engine.cancel(id, by=by, why=why)
        call.out.line(say("instance {instance} was cancelled", instance=id))


def _check_person(engine: Engine, call: Call, by: str) -> None:
    from bpflow.cli.names import Names

    Names(engine, call.out.language).user(by)


def _tell(engine: Engine, call: Call, instance: int) -> None:
    """Where the instance stands after a repair; an operator must not think it helped when it did not."""
    view = engine.instance(instance)
    for one in view.incidents:
        call.out.line(say("open incident {id}: {reason}", id=one.id, reason=one.message), "yellow")
    places = each_quoted(place.title for place in view.where)
    if view.row.status != "running":
        call.out.line(say("instance {instance} has ended", instance=instance))
    elif not view.incidents:
        call.out.line(say("instance {instance} goes on; it stands at {places}", instance=instance, places=places))


@commands.command("demo", help=tr("Show sixty companies going through a process. It runs on a virtual clock, in a database of its own."))
def demo(ctx: typer.Context, fresh: Annotated[bool, typer.Option("--fresh", help=tr("Forget an earlier demo and begin anew."))] = False) -> int | None:
    """What `make demo` shows."""
    from bpflow.cli.demo import database, run

    call = call_of(ctx)
    return run(call.needed_workspace(), database(call.db, fresh), call.out)
