"""What `work` says while it lasts: as the log that was asked for, or as lines for people.

The law of this file: where a log is asked for, nothing else is written to the standard error: what ends the command is a record too.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import typer

from bpflow.cli.calls import bug, exit_code
from bpflow.cli.output import Output
from bpflow.diagnostics import Message, Refused, with_hint
from bpflow.runtime.logs import lines
from bpflow.runtime.records import note, sent_to


class Plain(logging.Handler):
    """Tells people what a record says, in their language, and nothing more."""

    def __init__(self, out: Output) -> None:
        super().__init__()
        self._out = out

    def emit(self, record: logging.LogRecord) -> None:
        text = record.msg if isinstance(record.msg, Message) else record.getMessage()
        self._out.note(text, "yellow" if record.levelno >= logging.WARNING else "dim")


@contextmanager
def plain(out: Output) -> Iterator[None]:
    """While it lasts, people are told."""
    with sent_to(Plain(out), logging.INFO):
        yield


@contextmanager
def logged(form: Literal["json", "text"], level: str) -> Iterator[None]:
    """While it lasts, all that is said stands in the log."""
    with sent_to(lines(form), level.upper()):
        try:
            yield
        except BrokenPipeError:
            raise
        except Refused as refused:
            said = with_hint(refused.message, getattr(refused, "hint", None))
            note(logging.ERROR, said, {"error": type(refused).__name__})
            raise typer.Exit(exit_code(refused)) from refused
        except Exception as error:
            note(logging.ERROR, bug(error), {"error": type(error).__name__}, error)
            raise typer.Exit(exit_code(error)) from error
