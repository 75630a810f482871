"""What every command is given: how to speak, which database and which workspace are meant, and options that many commands share."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer
from msgspec import Struct, field

from bpflow.cli.output import Output, tr
from bpflow.diagnostics import Diagnostic, Message, Refused, Severity, did_you_mean, say

if TYPE_CHECKING:
    from bpflow.runtime import Engine

SETTINGS = "bpflow.yaml"
DATABASE = "bpflow.db"
SCENARIOS = ".test.yaml"

_WHO = tr("Who does it: an id of the directory. By default that of BPFLOW_USER.")
By = Annotated[str, typer.Option("--by", metavar="USER", envvar="BPFLOW_USER", show_envvar=False, help=_WHO)]
SomeBy = Annotated[str | None, typer.Option("--by", metavar="USER", envvar="BPFLOW_USER", show_envvar=False, help=_WHO)]
AsJson = Annotated[bool, typer.Option("--json", help=tr("Print JSON: the same keys in every language, instants in ISO form with their zone."))]
OutputFile = Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help=tr("Write to this file and not to the terminal."))]
Limit = Annotated[str, typer.Option("--limit", metavar="N", help=tr("The most rows to show."))]
Instance = Annotated[str, typer.Argument(metavar="INSTANCE", help=tr("The number of the instance."))]
Task = Annotated[str, typer.Argument(metavar="TASK", help=tr("The task, as `tasks` shows it."))]
Values = Annotated[list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help=tr("A field of the form; several times for a list."))]
Comment = Annotated[str | None, typer.Option("--comment", metavar="TEXT", help=tr("A comment."))]
Incident = Annotated[str, typer.Argument(metavar="INCIDENT", help=tr("The number of the incident, as `incidents` shows it."))]


class WrongUse(Refused):
    """The command was not given what it needs, or something that it cannot take. Exit code 2."""

    def __init__(self, message: Message, hint: Message | None = None) -> None:
        super().__init__(message)
        self.hint = hint


def exit_code(error: Exception) -> int:
    """How the program ends by it: refused, a wrong use, or a fault of bpflow itself."""
    return 2 if isinstance(error, WrongUse) else 1 if isinstance(error, Refused) else 3


def bug(error: Exception) -> Message:
    """What is said of a fault of bpflow itself."""
    return say("this is a bug of bpflow: {reason}", reason=f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)


def length_of(text: str, otherwise: Message) -> timedelta:
    """A length of time by the clock, more than nothing. WrongUse if it is none, with `otherwise`, which says what is taken: the hints for
    durations also name such as are refused here."""
    from bpflow.expressions.durations import parse_duration
    from bpflow.expressions.errors import ExpressionError

    try:
        found = parse_duration(text)
    except ExpressionError as error:
        raise WrongUse(otherwise) from error
    length = timedelta(days=found.days, seconds=found.seconds)
    if found.months or found.working_days or found.working_seconds:
        raise WrongUse(otherwise)
    if not length:
        raise WrongUse(say('"{text}" is no time: it must be more than nothing', text=text))
    return length


class Call(Struct):
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
        found = next((folder for folder in (here, *here.parents, here / "processes") if (folder / SETTINGS).is_file()), None)
        return Path(os.path.relpath(found)) if found else None

    def needed_workspace(self) -> Path:
        """The folder of the workspace. WrongUse if there is none."""
        folder = self.workspace()
        if folder is None:
            hint = say('name its folder with "--workspace", or go there')
            raise WrongUse(say('there is no workspace here: a folder with a "{file}"', file=SETTINGS), hint)
        return folder

    def url(self) -> str:
        """The database: a URL or a file."""
        return self.db or os.environ.get("BPFLOW_DB") or DATABASE

    def file(self) -> Path | None:
        """The file of the database, where it is one."""
        url = self.url()
        return Path(url.removeprefix("sqlite:///").partition("?")[0]) if ("://" not in url and url != ":memory:") or url.startswith("sqlite:///") else None

    def missing(self) -> Path | None:
        """The file of the database, if there is none yet."""
        path = self.file()
        return path if path is not None and not path.exists() else None

    def open_or_none(self) -> Engine:
        """The engine on the database, or, where there is none, on an empty one in memory: for what can be read without it."""
        from bpflow.loading import load_workspace
        from bpflow.runtime import open_engine
        from bpflow.runtime.chain import key_in

        if self.missing() is None:
            return self.open()
        folder = self.workspace()
        return open_engine(":memory:", load_workspace(folder, processes=False) if folder else None, history_key=key_in(os.environ))

    def arguments(self) -> list[str]:
        """What another call of the program is given to mean the same database, workspace and language."""
        folder = self.workspace()
        return ["--db", self.url(), "--lang", self.out.language, *(["--workspace", str(folder)] if folder else [])]

    def open(self, *, new: bool = False, deploy: bool = True) -> Engine:
        """The engine on the database, with the workspace.

        WrongUse if there is no database yet, unless a `new` one may be made; one in which nothing is deployed then gets all processes of
        the workspace, unless `deploy` is false. Refused, before anything is made, if they have errors; and always if the settings, the
        directory or a document type has: nobody would be known, and what is due would go wrong.
        """
        from bpflow.loading import load_workspace
        from bpflow.runtime import open_engine
        from bpflow.runtime.chain import key_in

        missing = self.missing()
        fresh = missing is not None
        if fresh and not new:
            raise WrongUse(say('there is no database "{file}"', file=missing), say('name it with "--db"; "start" and "import-documents" make a new one'))
        folder = self.needed_workspace() if fresh else self.workspace()
        loaded = load_workspace(folder, processes=new) if folder else None
        if loaded:
            of_processes = {file for process in loaded.processes.values() for file in process.sources}
            whole = fresh and deploy
            sound([finding for finding in loaded.findings if whole or finding.span.file not in of_processes], folder)
        engine = open_engine(self.url(), loaded, history_key=key_in(os.environ))
        if new and deploy and loaded and not engine.store.deployed():
            for one in engine.deploy_workspace():
                self.out.note(say('deployed "{process}", version {version}', process=one.process, version=one.version), "dim")
        return engine


def sound(findings: list[Diagnostic], what: Path | None) -> None:
    """Refused if there is an error among the findings."""
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    if errors:
        first = say("{place}: {message}", place=str(errors[0].span), message=errors[0].message)
        raise Refused(say('"{path}" has errors ("bpflow validate" tells all of them); the first is {first}', path=what, first=first))


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


def number(text: str, option: str) -> int:
    """A number that counts something. WrongUse if it is none. (typer would say so too, but in English only.)"""
    if not (text.isascii() and text.isdigit() and 0 < int(text[:19]) < 2**63):
        raise WrongUse(say('{option} is a number, not "{text}"', option=option, text=text))
    return int(text)


def one_of(text: str, known: Sequence[str], option: str) -> str:
    """One of the words. WrongUse if it is none of them."""
    if text not in known:
        raise WrongUse(say('{option} is one of {known}, not "{text}"', option=option, known=", ".join(known), text=text), did_you_mean(text, known))
    return text


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
