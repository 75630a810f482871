"""The program as a whole: its commands, its language, and what becomes of whatever goes wrong in a command."""

import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from bpflow.cli.calls import Call, WrongUse, bug, exit_code
from bpflow.cli.output import Output, helped, tr
from bpflow.diagnostics import LANGUAGES, Refused, did_you_mean, say, spoken

GLOBAL = {"--db": True, "--workspace": True, "-w": True, "--lang": True, "--traceback": False}
"""The options that may stand anywhere, and whether they take a value."""
ROOMS = {
    "check": ("validate",),
    "explain": ("explain",),
    "play": ("test",),
    "draw": ("diagram", "schema"),
    "documents": ("import-documents", "documents", "document", "set-document"),
    "operate": ("deploy", "undeploy", "start", "work", "demo"),
    "health": ("status", "verify-store"),
    "repair": ("retry", "skip", "correct", "jump", "suspend", "resume", "cancel"),
    "messages": ("send-message", "messages"),
    "people": ("tasks", "task", "answer", "tick", "calendar", "notices"),
    "absences": ("absences", "absent", "present"),
    "hands": ("claim", "delegate", "reassign", "who"),
    "press": ("commands", "command"),
    "moves": ("moves", "move"),
    "show": ("instances", "show", "incidents"),
    "keep": ("purge", "verify-history"),
    "store": ("migrate-store",),
}
"""The modules and their commands, in the order of the help; of a call that names its command only one is imported."""
USAGE: type[Exception] = typer.BadParameter.__mro__[1]
"""What typer raises for any wrong use; BadParameter is one kind of it."""
EPILOG = tr("The options of `bpflow --help` may stand after a command too.")
LIBRARY_WORDS = (
    tr("Usage:"),
    tr("Arguments:"),
    tr("Options:"),
    tr("Commands:"),
    tr("[required]"),
    tr("[default:"),
    tr("[OPTIONS]"),
    tr("COMMAND [ARGS]..."),
    tr("Show this message and exit."),
)
"""What typer itself says in a help text."""


def run(arguments: Sequence[str] | None = None) -> int:
    """One command: its exit code. Nothing is raised."""
    options, rest = hoisted([*(sys.argv[1:] if arguments is None else arguments)])
    out = Output(language(options, os.environ))
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal that lacks a letter must not stop us
            stream.reconfigure(errors="backslashreplace")
    try:
        return _guarded(options, rest, out)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        return 130


def _guarded(options: list[str], rest: list[str], out: Output) -> int:
    try:
        program = build(out.language, rest[0] if rest else None)
        code = program([*options, *(rest or ["--help"])], prog_name="bpflow", standalone_mode=False, obj=Call(out))
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except (BrokenPipeError, KeyboardInterrupt):
        raise
    except SystemExit as left:  # so typer leaves where nobody reads on
        raise BrokenPipeError from left
    except typer.Abort:
        return 130
    except Refused as refused:
        out.refusal(refused.message, getattr(refused, "hint", None))
        return exit_code(refused)
    except USAGE as error:
        out.refusal(*_usage(error))
        return 2
    except Exception as error:
        return _bug(error, out, "--traceback" in options)


def _bug(error: Exception, out: Output, traceback: bool) -> int:
    if traceback:
        import traceback as tracebacks

        tracebacks.print_exception(error)
    out.refusal(bug(error), None if traceback else say("--traceback shows where"))
    return exit_code(error)


def _usage(error: Any) -> tuple[Any, Any]:
    """A wrong use that typer has found: what is wrong, and what to do."""
    command = error.ctx.command_path if getattr(error, "ctx", None) else "bpflow"
    hint = say('"{command} --help" says how', command=command)
    match type(error).__name__:
        case "MissingParameter":
            return say('"{name}" is missing', name=error.param.metavar if error.param.param_type_name == "argument" else error.param.opts[0]), hint
        case "NoSuchOption":
            from difflib import get_close_matches

            near = get_close_matches(error.option_name, [name for param in error.ctx.command.params for name in param.opts], 1)
            return say('there is no option "{option}"', option=error.option_name), say('did you mean "{word}"?', word=near[0]) if near else hint
        case "BadOptionUsage":
            return say('"{option}" needs a value', option=error.option_name), hint
        case "UsageError" if error.message.startswith("No such command"):
            return _no_command(error, hint)
        case "UsageError" if error.message.startswith("Got unexpected extra argument"):
            return say("too many arguments: {found}", found=error.message.rpartition("(")[2].rstrip(".)")), hint
    return error.format_message(), hint


def _no_command(error: Any, hint: Any) -> tuple[Any, Any]:
    name = error.message.split("'")[1] if "'" in error.message else ""
    return say('there is no command "{name}"', name=name), did_you_mean(name, error.ctx.command.commands) or hint


# ── the program ─────────────────────────────────────────────────────────────────────────────────────────────────────
def build(language: str, command: str | None = None) -> Any:
    """The program with its help in the language; with the commands of one room only, where the `command` that is called is there."""
    app = typer.Typer(
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 110},
    )
    app.callback(help=tr("Business processes written in YAML: checked, run, kept and finished."))(_globals)
    rooms = [room for room, names in ROOMS.items() if command in names] or list(ROOMS)
    for room in rooms:
        app.add_typer(import_module(f"bpflow.cli.{room}").commands)
    program = typer.main.get_command(app)
    for one in (program, *program.commands.values()):  # type: ignore[attr-defined]
        _translate(one, language)
    return program


def _translate(command: Any, language: str) -> None:
    command.help = helped(command.help, language)
    for param in command.params:
        param.help = helped(param.help, language)
    if command.name is not None:
        command.epilog = helped(EPILOG, language)
    if language != "en":
        command.get_help = _in_language(command.get_help, language)


def _in_language(english: Any, language: str) -> Any:
    def get_help(ctx: typer.Context) -> str:
        text: str = english(ctx)
        for word in LIBRARY_WORDS:
            text = text.replace(word, helped(word, language) or word)
        return text

    return get_help


def _version(wanted: bool) -> None:
    if wanted:
        from bpflow import __version__

        print(f"bpflow {__version__}")
        raise typer.Exit


def _globals(
    ctx: typer.Context,
    db: Annotated[
        str | None, typer.Option("--db", metavar="URL", help=tr("The database: a file or a URL. By default that of BPFLOW_DB, else bpflow.db in this folder."))
    ] = None,
    workspace: Annotated[
        Path | None,
        typer.Option(
            "--workspace", "-w", metavar="FOLDER", help=tr("The workspace. By default the nearest folder upwards with a bpflow.yaml, else that in processes.")
        ),
    ] = None,
    lang: Annotated[str | None, typer.Option("--lang", metavar="en|ru", help=tr("The language. By default that of the locale."))] = None,
    traceback: Annotated[bool, typer.Option("--traceback", help=tr("Where bpflow itself is at fault, say in which line."))] = False,
    version: Annotated[bool, typer.Option("--version", is_eager=True, callback=_version, help=tr("Print the version."))] = False,
) -> None:
    """The options of every command."""
    if lang is not None and lang not in LANGUAGES:
        raise WrongUse(say('the language "{language}" is not spoken: {known}', language=lang, known=", ".join(LANGUAGES)))
    ctx.obj.db, ctx.obj.folder = db, workspace


def hoisted(arguments: list[str]) -> tuple[list[str], list[str]]:
    """The options of every command, wherever they stood before a `--`, and the other arguments."""
    front: list[str] = []
    rest: list[str] = []
    todo = iter(arguments)
    for argument in todo:
        if argument == "--":
            return front, [*rest, argument, *todo]
        name, sign, _ = argument.partition("=")
        if name not in GLOBAL or (sign and not name.startswith("--")):
            rest.append(argument)
            continue
        value = next(todo, None) if GLOBAL[name] and not sign else ""
        if value is None:
            rest.append(argument)
        else:
            front += [argument, value] if GLOBAL[name] and not sign else [argument]
    return front, rest


def language(arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """The language of the last `--lang`, else of the locale: Russian where that is, English everywhere else."""
    pairs = list(zip(arguments, [*arguments[1:], ""], strict=False))
    for argument, value in reversed(pairs):
        named = value if argument == "--lang" else argument.removeprefix("--lang=") if argument.startswith("--lang=") else None
        if named in LANGUAGES:
            return str(named)
    return spoken(environment)
