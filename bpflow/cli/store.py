"""The store itself: bringing it to the version of this bpflow, dividing it."""

from typing import Annotated

import typer

from bpflow.cli.calls import WrongUse, call_of, number
from bpflow.cli.output import tr
from bpflow.diagnostics import say

commands = typer.Typer()


@commands.command("migrate-store", help=tr("Bring the database of an older bpflow to the version of this one. Stop all programs that work with it first."))
def migrate_store(
    ctx: typer.Context,
    partitions: Annotated[
        str | None,
        typer.Option("--partitions", metavar="N", help=tr("On PostgreSQL: divide the tables into so many by their owner (1: not); all rows are written anew.")),
    ] = None,
) -> None:
    """Says of which version it is, and how it is divided."""
    from bpflow.stores import migrate_store

    call, count = call_of(ctx), number(partitions, "--partitions") if partitions is not None else None
    file = call.missing()
    if file is not None:
        raise WrongUse(say('there is no database "{file}"', file=file), say('name it with "--db"; "start" and "import-documents" make a new one'))
    done = migrate_store(call.url(), count)
    if done.before == done.after:
        call.out.line(say("the store is of version {version} already", version=done.after))
    elif done.before == 0:
        call.out.line(say("a new store was made, of version {version}", version=done.after))
    else:
        call.out.line(say("the store is of version {version} now; it was of version {before}", version=done.after, before=done.before))
    if done.partitions != done.was:
        call.out.line(say("its tables are divided into {count} partitions now; they were into {before}", count=done.partitions, before=done.was))
    elif done.partitions > 1:
        call.out.line(say("its tables are divided into {count} partitions", count=done.partitions))
