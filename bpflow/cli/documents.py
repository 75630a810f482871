"""Documents: bringing them in from a table, listing, reading and changing them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bpflow.cli.calls import AsJson, Limit, SomeBy, call_of, number, pairs, read_bytes
from bpflow.cli.output import Output, tr
from bpflow.diagnostics import say

if TYPE_CHECKING:
    from bpflow.cli.names import Names
    from bpflow.runtime import Imported
    from bpflow.stores.contract import DocumentRow
    from bpflow.stores.entries import FeedRow

commands = typer.Typer()
Ref = Annotated[str, typer.Argument(metavar="DOCUMENT", help=tr("The document, as company:17."))]


@commands.command("import-documents", help=tr("Make documents of the rows of a CSV file. Exit code 1 if any row was rejected."))
def import_documents(
    ctx: typer.Context,
    type: Annotated[str, typer.Argument(metavar="TYPE", help=tr("The type of the documents."))],
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help=tr("The file; its first row names the fields."))],
    by: SomeBy = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help=tr("Only say what would be done."))] = False,
    as_json: AsJson = False,
) -> int:
    """Exit code 1 if any row was rejected; the others are imported all the same."""
    call = call_of(ctx)
    data = read_bytes(file)
    with call.open(new=True) as engine:
        from bpflow.cli.names import Names

        names = Names(engine, call.out.language)
        with call.out.progress(say("importing")) as progress:
            done = engine.import_documents(type, data, names.user(by), progress, dry_run)
    if as_json:
        call.out.data(_imported(done, call.out.language))
    else:
        _tell_import(done, file, dry_run, call.out)
    return int(bool(done.rejected))


def _imported(done: Imported, language: str) -> dict[str, Any]:
    from bpflow.cli.names import written

    return {
        "notes": [note.text(language) for note in done.notes],
        "created": [written(ref) for ref in done.created],
        "rejected": [{"line": r.line, "column": r.column, "reason": r.reason.text(language), "text": r.text} for r in done.rejected],
    }


def _tell_import(done: Imported, file: Path, dry_run: bool, out: Output) -> None:
    for note in done.notes:
        out.note(note, "yellow")
    for row in done.rejected:
        out.line(say("{file}:{line}: {reason}", file=file, line=row.line, reason=row.reason), "red")
        out.line(f"    {row.text}", "dim")
    if dry_run:
        out.line(say("nothing was imported: this was a dry run; rows that would be rejected: {rejected}", rejected=len(done.rejected)))
    else:
        out.line(say("imported: {created}, rejected: {rejected}", created=len(done.created), rejected=len(done.rejected)), "bold")


@commands.command("documents", help=tr("List documents."))
def documents(
    ctx: typer.Context,
    type: Annotated[str | None, typer.Argument(metavar="[TYPE]", help=tr("Only those of this type."))] = None,
    limit: Limit = "1000",
    by: SomeBy = None,
    as_json: AsJson = False,
) -> None:
    """The documents in the order in which they were made."""
    call = call_of(ctx)
    with call.open() as engine:
        from bpflow.cli.names import Names, written

        names = Names(engine, call.out.language)
        rows = engine.documents(type, number(limit, "--limit"), by=by)
        if as_json:
            call.out.data([_document(row, names) for row in rows])
        elif rows:
            headings = say("document"), say("name"), say("changed")
            call.out.table(headings, [(written(row.ref), names.of(row.ref), names.when(row.changed)) for row in rows])
        else:
            call.out.line(say("no documents"))


@commands.command("document", help=tr("Show the fields of a document, and its history."))
def document(ctx: typer.Context, ref: Ref, by: SomeBy = None, as_json: AsJson = False) -> None:
    """Fields by their titles, then the feed."""
    call = call_of(ctx)
    with call.open() as engine:
        from bpflow.cli.names import Names

        names = Names(engine, call.out.language)
        row, feed = engine.document(ref, by=by), engine.feed(ref, by=by)
        if as_json:
            call.out.data({**_document(row, names), "feed": [_feed_data(line, names) for line in feed]})
            return
        call.out.line(f"{names.of(row.ref)} ({ref})", "bold")
        type = names.type(row.ref)
        known = dict(type.fields) if type else {}
        shown = [(f.title or name, names.value(row.fields[name], f)) for name, f in known.items() if name in row.fields]
        shown += [(name, names.value(value)) for name, value in row.fields.items() if name not in known]
        call.out.table((say("field"), say("value")), shown)
        call.out.line()
        call.out.table((say("when"), say("who"), say("what")), [_feed_row(line, names, row) for line in feed])


def _document(row: DocumentRow, names: Names) -> dict[str, Any]:
    from bpflow.cli.names import written

    fields = {name: names.data(value) for name, value in row.fields.items()}
    times = {"created": names.iso(row.created), "changed": names.iso(row.changed)}
    return {"document": written(row.ref), "name": names.of(row.ref), "version": row.version, **times, "fields": fields}


def _feed_data(line: FeedRow, names: Names) -> dict[str, Any]:
    changes = {name: names.data(value) for name, value in line.changes.items()}
    return {"at": names.iso(line.at), "by": line.by, "version": line.version, "note": line.note, "changes": changes}


def _feed_row(line: FeedRow, names: Names, row: DocumentRow) -> tuple[str, str, str]:
    type = names.type(row.ref)
    known = dict(type.fields) if type else {}
    changes = [f"{known[n].title or n}: {names.value(v, known[n]) or '–'}" if n in known else f"{n}: {names.value(v) or '–'}" for n, v in line.changes.items()]
    if line.version == 1:
        changes = [say("created").text(names.language)]
    return names.when(line.at), names.person(line.by), "; ".join([*changes, *([line.note] if line.note else [])])


@commands.command("set-document", help=tr("Change fields of a document. Processes that wait for that go on."))
def set_document(
    ctx: typer.Context,
    ref: Ref,
    fields: Annotated[list[str], typer.Argument(metavar="FIELD=VALUE...", help=tr("New values; without a value the field is emptied."))],
    by: SomeBy = None,
    note: Annotated[str | None, typer.Option("--note", metavar="TEXT", help=tr("A line for the document's history."))] = None,
    as_json: AsJson = False,
) -> None:
    """Changes all the fields, or none."""
    call = call_of(ctx)
    values = pairs(fields, "FIELD=VALUE")
    with call.open() as engine:
        from bpflow.cli.names import Names

        names = Names(engine, call.out.language)
        before = engine.document(ref).version
        row = engine.set_document(ref, values, names.user(by), note)
        if as_json:
            call.out.data(_document(row, names))
        elif row.version == before:
            call.out.line(say('"{name}" is so already: nothing was changed', name=names.of(row.ref)))
        else:
            call.out.line(say('"{name}" was changed', name=names.of(row.ref)))
