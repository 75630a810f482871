"""What a command writes: lines for people in their language, tables, JSON for programs.

The law of this file: results go to the standard output and everything about them (notes, progress, refusals) to the standard error;
colour only where a terminal shows it; the same data are always the same bytes.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

from msgspec import Struct

from bpflow.diagnostics import Message, translate

_STYLES = {"bold": "1", "dim": "2", "red": "1;31", "green": "32", "yellow": "33", "blue": "34"}


def tr(template: str) -> str:
    """Marks a text for the catalogue; it is translated where it is shown."""
    return template


class Output(Struct, frozen=True):
    """Where and in which language a command speaks."""

    language: str = "en"

    def text(self, message: Message | str) -> str:
        """The message in the language; a text as it is."""
        return message.text(self.language) if isinstance(message, Message) else message

    def line(self, message: Message | str = "", style: str | None = None) -> None:
        """A line of the result."""
        print(paint(self.text(message), style, sys.stdout))

    def note(self, message: Message | str, style: str | None = None) -> None:
        """A line about the result."""
        print(paint(self.text(message), style, sys.stderr), file=sys.stderr)

    def refusal(self, message: Message | str, hint: Message | None = None) -> None:
        """The one red line of what could not be done."""
        more = f" — {self.text(hint)}" if hint else ""
        self.note(" ".join(f"{self.text(message)}{more}".split("\n")), "red")

    def data(self, data: Any) -> None:
        """The result for programs."""
        import json

        print(json.dumps(data, ensure_ascii=False, indent=2))

    def table(self, headings: Sequence[Message], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> None:
        """Rows under their headings, as wide as the terminal; unwrapped in a pipe. `right`: the columns that end flush."""
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD if colours(sys.stdout) else None, header_style="bold", pad_edge=False)
        for number, heading in enumerate(headings):
            table.add_column(Text(self.text(heading)), justify="right" if number in right else "left", overflow="fold")
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        self._print(table)

    def _print(self, table: Any) -> None:
        from rich.console import Console

        seen = colours(sys.stdout)
        console = Console(file=sys.stdout, width=None if is_terminal(sys.stdout) else 10_000, force_terminal=seen, no_color=not seen, highlight=False)
        with console.capture() as captured:
            console.print(table)
        for line in captured.get().splitlines():
            print(line.rstrip())

    @contextmanager
    def progress(self, title: Message) -> Iterator[Callable[[int, int], None]]:
        """A bar on the standard error, moved by calling with (done, of), of 0 where that is not known; nothing where that is no terminal."""
        if not is_terminal(sys.stderr):
            yield lambda done, total: None
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(self.text(title), total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total or None)


def is_terminal(stream: TextIO) -> bool:
    """Whether a person reads the stream."""
    return stream.isatty()


def colours(stream: TextIO) -> bool:
    """Whether the stream is a terminal that shows colour, and nobody has asked for none."""
    return is_terminal(stream) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(text: str, style: str | None, stream: TextIO) -> str:
    """The text in a style, where the stream shows it."""
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if style and text and colours(stream) else text


def helped(template: str | None, language: str) -> str | None:
    """A text of `tr` in the language."""
    return translate(template, language) if template else template
