"""What operators do to instances: repair, correct, jump, suspend, cancel.

The law of this file: every action has who and why, and tells what it has really done: what happened by it, where the instance stands now,
and what has failed. The exit code is 1 where something has.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from bpflow.cli.calls import By, Call, Incident, Instance, WrongUse, call_of, number, pairs
from bpflow.cli.output import tr
from bpflow.diagnostics import each_quoted, say

if TYPE_CHECKING:
    from bpflow.expressions.data import Value
    from bpflow.runtime import Engine, Repair

commands = typer.Typer()

Why = Annotated[str | None, typer.Option("--why", metavar="TEXT", help=tr("The reason; it stands in the history. A terminal asks for it."))]


@commands.command("retry", help=tr("Try the step of an incident again. Or an instance that was set aside."))
def retry(
    ctx: typer.Context,
    instance: Instance,
    by: By,
    incident: Annotated[
        str | None, typer.Argument(metavar="[INCIDENT]", help=tr("The number of the incident, as `incidents` shows it; without it, the only one."))
    ] = None,
    why: Why = None,
) -> int:
    """Says what has come of it; 1 if that is another incident."""
    call, id = call_of(ctx), number(instance, "INSTANCE")
    which = number(incident, "INCIDENT") if incident is not None else None
    with call.open() as engine:
        return _tell(call, engine, engine.retry(id, which, by=person(engine, call, by), why=reason(call, why)))


@commands.command("skip", help=tr("Pass over the step of an incident, as if it was done."))
def skip(
    ctx: typer.Context,
    instance: Instance,
    incident: Incident,
    by: By,
    why: Why = None,
    results: Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help=tr("What the step would have given."))] = None,
    branch: Annotated[str | None, typer.Option("--branch", metavar="NAME", help=tr("The outcome or the branch by which to leave the step."))] = None,
) -> int:
    """Says what has come of it."""
    call, id, which = call_of(ctx), number(instance, "INSTANCE"), number(incident, "INCIDENT")
    given = pairs(results or [], "--set NAME=VALUE")
    with call.open() as engine:
        by, why = person(engine, call, by), reason(call, why)
        known = engine.results(id, which, branch)
        values = {name: raw if known is not None and known.get(name) else guessed(raw) for name, raw in given.items()}
        return _tell(call, engine, engine.skip(id, which, results=values, branch=branch, by=by, why=why))


def guessed(raw: object) -> Value:
    """Where no type is known: true, 17 and null as JSON means them; anything else is text."""
    if isinstance(raw, list):
        return [guessed(item) for item in raw]
    try:
        found = json.loads(str(raw)) if raw is not None else None
    except ValueError:
        return str(raw)
    return found if isinstance(found, bool | int | None) else str(raw)


@commands.command("correct", help=tr("Give variables and inputs of an instance other values."))
def correct(
    ctx: typer.Context,
    instance: Instance,
    by: By,
    values: Annotated[list[str], typer.Option("--set", metavar="NAME=VALUE", help=tr("A variable or an input, and its value; empty for none."))],
    why: Why = None,
) -> int:
    """Documents are corrected by `set-document`, with a note."""
    call, id = call_of(ctx), number(instance, "INSTANCE")
    given = pairs(values, "--set NAME=VALUE")
    with call.open() as engine:
        return _tell(call, engine, engine.correct(id, given, by=person(engine, call, by), why=reason(call, why)))


@commands.command("jump", help=tr("Take a place where an instance waits or is held to another step. Blocks that it leaves end as a whole."))
def jump(
    ctx: typer.Context,
    instance: Instance,
    token: Annotated[str, typer.Argument(metavar="STEP", help=tr("The step at which it stands, or the number of the token as `show --json` has it."))],
    to: Annotated[str, typer.Option("--to", metavar="STEP", help=tr("The step to which it goes: of the same list, or of one around it."))],
    by: By,
    why: Why = None,
) -> int:
    """Never into a block, and never to a join."""
    call, id = call_of(ctx), number(instance, "INSTANCE")
    which = number(token, "STEP") if token.isdecimal() else token
    with call.open() as engine:
        return _tell(call, engine, engine.jump(id, which, to, by=person(engine, call, by), why=reason(call, why)))


@commands.command("suspend", help=tr("Stop an instance where it stands, until it is resumed. Nothing is lost."))
def suspend(ctx: typer.Context, instance: Instance, by: By, why: Why = None) -> int:
    """No timer fires and nothing is sent; answers are refused, with the reason."""
    call, id = call_of(ctx), number(instance, "INSTANCE")
    with call.open() as engine:
        return _tell(call, engine, engine.suspend(id, by=person(engine, call, by), why=reason(call, why)))


@commands.command("resume", help=tr("Let a suspended instance go on. What is overdue fires with the next `work`."))
def resume(ctx: typer.Context, instance: Instance, by: By, why: Why = None) -> int:
    """What came meanwhile is worked in."""
    call, id = call_of(ctx), number(instance, "INSTANCE")
    with call.open() as engine:
        return _tell(call, engine, engine.resume(id, by=person(engine, call, by), why=reason(call, why)))


@commands.command("cancel", help=tr("End an instance from outside. What is open is withdrawn."))
def cancel(ctx: typer.Context, instance: Instance, by: By, why: Why = None) -> int:
    """Says that it has ended."""
    call, id = call_of(ctx), number(instance, "INSTANCE")
    with call.open() as engine:
        return _tell(call, engine, engine.cancel(id, by=person(engine, call, by), why=reason(call, why)))


# ── who, why, and what has come of it ───────────────────────────────────────────────────────────────────────────────
def person(engine: Engine, call: Call, by: str) -> str:
    """The person who does it. WrongUse if nobody is called so."""
    from bpflow.cli.names import Names

    Names(engine, call.out.language).user(by)
    return by


def reason(call: Call, why: str | None) -> str:
    """Why it is done; a terminal is asked. WrongUse if nobody says it."""
    if why is None and sys.stdin.isatty():
        try:
            why = input(call.out.text(say("Why: ")))
        except EOFError:
            call.out.line()
    if not (why or "").strip():
        raise WrongUse(say("say why it is done: it stands in the history"), say('with "--why"'))
    return (why or "").strip()


def _tell(call: Call, engine: Engine, repair: Repair) -> int:
    """What has happened, what has failed, and where the instance stands; an operator must not think it helped when it did not."""
    from bpflow.cli.show import happened, places

    out, view = call.out, repair.view
    for line in repair.lines:
        out.line(say("  {what}", what=happened(line)), "dim")
    for one in view.incidents:
        out.line(say("open incident {id}: {reason}", id=one.id, reason=one.message), "yellow")
    at = each_quoted(place.title for place in places(view))
    match view.row.status:
        case "cancelled":
            out.line(say("instance {instance} was cancelled", instance=view.row.id))
        case "ended":
            out.line(say("instance {instance} has ended", instance=view.row.id))
        case "suspended":
            out.line(say("instance {instance} is suspended; it stands at {places}", instance=view.row.id, places=at))
        case _ if not view.incidents:
            out.line(say("instance {instance} goes on; it stands at {places}", instance=view.row.id, places=at))
    return int(bool(repair.failed))
