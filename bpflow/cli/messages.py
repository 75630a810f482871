"""Messages: sending one from outside, and those that nobody has received yet."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bpflow.cli.calls import AsJson, WrongUse, call_of, pairs
from bpflow.cli.output import tr
from bpflow.diagnostics import say

if TYPE_CHECKING:
    from bpflow.cli.names import Names
    from bpflow.runtime import Engine
    from bpflow.stores.mail import MessageRow

commands = typer.Typer()


@commands.command("send-message", help=tr("Send a message to whoever waits for it, or to a process that starts by it."))
def send_message(
    ctx: typer.Context,
    message: Annotated[str, typer.Argument(metavar="NAME", help=tr("The name of the message."))],
    key: Annotated[str | None, typer.Option("--key", metavar="KEY", help=tr("Which matter it is about, as its receiver has it in `key`."))] = None,
    given: Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help=tr("A value that it brings."))] = None,
    as_json: Annotated[str | None, typer.Option("--json", metavar="JSON", help=tr("All that it brings, as one object of JSON."))] = None,
    keep: Annotated[str | None, typer.Option("--keep", metavar="TIME", help=tr("How long it waits for a receiver, as 2h."))] = None,
    id: Annotated[str | None, typer.Option("--id", metavar="ID", help=tr("What was sent with this id before is not sent again."))] = None,
) -> None:
    """Says whether somebody has received it."""
    call = call_of(ctx)
    values = {**_object(as_json), **pairs(given or [], "--set NAME=VALUE")}
    with call.open() as engine:
        before = _last(engine)
        if not engine.send_message(message, key, values, keep=keep, id=id):
            call.out.line(say('a message with the id "{id}" was sent before: it is not sent again', id=id))
        elif _last(engine) > before:
            call.out.line(say('"{message}" was sent, and is kept until somebody waits for it', message=message))
        else:
            call.out.line(say('"{message}" was sent', message=message))


def _last(engine: Engine) -> int:
    return max((row.id for row in engine.messages()), default=0)


def _object(text: str | None) -> dict[str, object]:
    """The values of `--json`. WrongUse if it is no object of JSON."""
    try:
        found = json.loads(text, parse_float=Decimal) if text is not None else {}
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise WrongUse(say("{option} is an object of JSON, not {text}", option="--json", text=text))
    return found


@commands.command("messages", help=tr("List the messages that nobody has received yet."))
def messages(
    ctx: typer.Context,
    purge: Annotated[bool, typer.Option("--purge", help=tr("Forget those whose time is over."))] = False,
    as_json: AsJson = False,
) -> None:
    """The first that was sent first; those whose time is over among them."""
    call = call_of(ctx)
    with call.open() as engine:
        from bpflow.cli.names import Names

        names = Names(engine, call.out.language)
        if purge:
            call.out.note(say("forgotten messages: {count}", count=engine.purge_messages()))
        rows = engine.messages()
        if as_json:
            call.out.data([_data(row, names, engine) for row in rows])
        elif rows:
            headings = say("message"), say("key"), say("values"), say("sent"), say("by instance"), say("kept until")
            call.out.table(headings, [_row(row, names, engine) for row in rows])
        else:
            call.out.line(say("no messages"))


def _row(row: MessageRow, names: Names, engine: Engine) -> tuple[str, ...]:
    values = "; ".join(f"{name}: {names.value(value)}" for name, value in row.values.items())
    until = say("{time} (over)", time=names.when(row.until)).text(names.language) if _over(row, engine) else names.when(row.until)
    return row.name, names.value(row.key), values, names.when(row.sent), str(row.instance or ""), until


def _over(row: MessageRow, engine: Engine) -> bool:
    return row.until is not None and row.until <= engine.clock.now()


def _data(row: MessageRow, names: Names, engine: Engine) -> dict[str, Any]:
    return {
        "message": row.name,
        "key": names.data(row.key),
        "values": {name: names.data(value) for name, value in row.values.items()},
        "sent": names.iso(row.sent),
        "by_instance": row.instance,
        "kept_until": names.iso(row.until),
        "over": _over(row, engine),
    }
