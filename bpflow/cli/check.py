"""`validate`, which tells an analyst what is wrong with what he wrote, and other programs too."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from bpflow.cli.calls import WrongUse, call_of, one_of
from bpflow.cli.checking import check, units, workspace_of
from bpflow.cli.formats import FORMATS, written
from bpflow.cli.output import Output, tr
from bpflow.diagnostics import say

commands = typer.Typer()


@commands.command("validate", help=tr("Check processes and workspaces. Exit code 1 if there are errors."))
def validate(
    ctx: typer.Context,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help=tr("Files, or folders with all that is in them."))],
    format: Annotated[
        str, typer.Option("--format", metavar="|".join(FORMATS), help=tr("Text for people, or a form that other programs read."), show_default=False)
    ] = "text",
    as_json: Annotated[bool, typer.Option("--json", help=tr("The same as --format json."))] = False,
    strict: Annotated[bool, typer.Option("--strict", help=tr("Exit code 1 for warnings and advice too."))] = False,
    whole: Annotated[bool, typer.Option("--whole", help=tr("Check the whole workspace of each file; files of no workspace are left out."))] = False,
    watching: Annotated[bool, typer.Option("--watch", help=tr("Check again whenever a file changes, until Ctrl+C."))] = False,
) -> int:
    """Exit code 1 if there are findings that count."""
    out = call_of(ctx).out
    format = "json" if as_json else one_of(format, FORMATS, "--format")
    for path in paths:
        if not path.exists():
            raise WrongUse(say('there is no file or folder "{path}"', path=path))
    chosen = list(_workspaces(paths, out)) if whole else paths
    if watching:
        _watch(chosen, format, strict, out)
    checked = check(units(chosen), strict)
    if text := written(format, checked, out.language):
        print(text)
    return int(checked.failed)


def _workspaces(paths: Iterable[Path], out: Output) -> Iterator[Path]:
    """The workspaces of the files; folders as they are."""
    left_out = 0
    for path in paths:
        folder = workspace_of(path)
        if folder is not None or path.is_dir():
            yield folder or path
        else:
            left_out += 1
    if left_out:
        out.note(say("files of no workspace that are left out: {files}", files=left_out), "dim")


def _watch(paths: list[Path], format: str, strict: bool, out: Output) -> None:
    """Never ends by itself."""
    from bpflow.cli.watch import tell, watch

    if format != "text":
        raise WrongUse(say("--watch is for people: it tells findings as text only"))
    for checked in watch(paths, strict):
        tell(written(format, checked, out.language), out)
