"""What every command is given: how to speak, which database and which workspace are meant, and options that many commands share."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from bpflow.cli.output import Output, tr
from bpflow.diagnostics import Message, Refused, say

if TYPE_CHECKING:
    from bpflow.runtime import Engine

SETTINGS = "bpflow.yaml"
DATABASE = "bpflow.db"

By = Annotated[str, typer.Option("--by", metavar="USER", help=tr("Who does it: an id of the directory."))]
Why = Annotated[str, typer.Option("--why", metavar="TEXT", help=tr("The reason; it stands in the history."))]
AsJson = Annotated[bool, typer.Option("--json", help=tr("Print JSON: the same keys in every language, instants in ISO form with their zone."))]
OutputFile = Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help=tr("Write to this file and not to the terminal."))]
Limit = Annotated[int, typer.Option("--limit", min=1, metavar="N", help=tr("The most rows to show."))]
Instance = Annotated[int, typer.Argument(metavar="INSTANCE", help=tr("The number of the instance."))]
Incident = Annotated[int, typer.Argument(metavar="INCIDENT", help=tr("The number of the incident, as `incidents` shows it."))]


class WrongUse(Refused):
    """The command was not given what it needs, or something that it cannot take. Exit code 2."""

    def __init__(self, message: Message, hint: Message | None = None) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(slots=True)
class Call:
    """One call of the program."""

    out: Output = field(default_factory=Output)
    db: str | None = None
    folder: Path | None = None

    def workspace(self) -> Path | None:
        """The folder of the workspace that is meant, if there is one. WrongUse if the one that was named is none."""
        if self.folder is not None:
            if not (self.folder / SETTINGS).is_file():
                raise WrongUse(say('"{folder}" is no workspace: it has no "{file}"', folder=self.folder, file=SETTINGS))
            return self.folder
        here = Path.cwd()
        found = next((folder for folder in (here, *here.parents) if (folder / SETTINGS).is_file()), None)
        inside = here / "processes"
        return found or (inside if (inside / SETTINGS).is_file() else None)

    def needed_workspace(self) -> Path:
        """The folder of the workspace. WrongUse if there is none."""
        folder = self.workspace()
        if folder is None:
            hint = say('name its folder with "--workspace", or go there')
            raise WrongUse(say('there is no workspace here: a folder with a "{file}"', file=SETTINGS), hint)
        return folder

    def url(self) -> str:
        """The URL of the database."""
        named = self.db or os.environ.get("BPFLOW_DB") or DATABASE
        return named if "://" in named or named == ":memory:" else f"sqlite:///{named}"

    def open(self, *, new: bool = False) -> Engine:
        """The engine on the database, with the workspace.

        WrongUse if there is no database yet, unless a `new` one may be made; a new one knows all processes of the workspace at once.
        """
        from bpflow.runtime import open_engine

        url = self.url()
        path = Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None
        fresh = path is not None and not path.exists()
        if fresh and not new:
            raise WrongUse(say('there is no database "{file}"', file=path), say('name it with "--db"; "start" and "import-documents" make a new one'))
        engine = open_engine(url, self.needed_workspace() if fresh else self.workspace())
        if fresh:
            for one in engine.deploy_workspace():
                self.out.note(say('deployed "{process}", version {version}', process=one.process, version=one.version), "dim")
        return engine


def call_of(ctx: typer.Context) -> Call:
    """What the program was called with."""
    return cast(Call, ctx.obj)


def pairs(given: list[str], option: str) -> dict[str, object]:
    """`name=value` of the command line: an empty value is none, a name that comes several times has a list. WrongUse for anything else."""
    found: dict[str, list[str]] = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not sign or not name.strip():
            raise WrongUse(say('"{text}" is not of the form {option}', text=text, option=option))
        found.setdefault(name.strip(), []).append(value)
    return {name: values if len(values) > 1 else values[0] or None for name, values in found.items()}


def write(text: str, to: Path | None, out: Output) -> None:
    """Writes the text to a file, or prints it. WrongUse if the file cannot be written."""
    if to is None:
        print(text, end="")
        return
    try:
        to.write_text(text, encoding="utf-8")
    except OSError as error:
        raise WrongUse(say('"{file}" cannot be written: {reason}', file=to, reason=error.strerror or str(error))) from error
    out.note(say('written to "{file}"', file=to))


def read_bytes(path: Path) -> bytes:
    """The content of a file. WrongUse if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise WrongUse(say('"{file}" cannot be read: {reason}', file=path, reason=error.strerror or str(error))) from error
