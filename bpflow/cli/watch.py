"""`validate --watch`: checks again what has changed, until somebody presses Ctrl+C.

The law of this file: it looks at when files were written and how long they are, a few times a second, and at nothing else; a unit of which
no file has changed is not checked again. The screen is cleared on a terminal only.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from bpflow.cli.checking import Checked, Unit, check, units
from bpflow.cli.output import Output, is_terminal
from bpflow.diagnostics import say

if TYPE_CHECKING:
    from bpflow.loading import LoadedWorkspace

SECONDS = 0.3
"""Between two looks."""
_CLEAR = "\x1b[2J\x1b[3J\x1b[H"

Marks = Mapping[str, tuple[int, int]]


def watch(paths: Sequence[Path], strict: bool) -> Iterator[Checked]:
    """What is found, now and after each change; never ends by itself. Between two of them it sleeps."""
    known: dict[Unit, _Known] = {}
    while True:
        marks = {unit: _marks([*unit.files(), *(known[unit].read if unit in known else ())]) for unit in units(paths)}
        changed = {unit for unit, mark in marks.items() if unit not in known or known[unit].marks != mark}
        if changed or len(marks) != len(known):
            workspaces: dict[Path, LoadedWorkspace] = {}
            known = {unit: _known(check([unit], strict, workspaces), mark) if unit in changed else known[unit] for unit, mark in marks.items()}
            yield _together((one.found for one in known.values()), strict)
        time.sleep(SECONDS)


class _Known(Struct, frozen=True):
    """What was found in a unit, the files that were read for it, and how they were then."""

    found: Checked
    read: tuple[Path, ...]
    marks: Marks


def _known(found: Checked, marks: Marks) -> _Known:
    """A file of which nobody knew that it has a say, such as the directory, is taken as it is now."""
    read = tuple(map(Path, found.sources))
    return _Known(found, read, {**_marks(read), **marks})


def _marks(files: Iterable[Path]) -> Marks:
    """When files were written, and how long they are; nothing of those that are not there."""
    marks: dict[str, tuple[int, int]] = {}
    for path in files:
        try:
            status = os.stat(path)
        except OSError:
            continue
        marks[str(path)] = status.st_mtime_ns, status.st_size
    return marks


def _together(found: Iterable[Checked], strict: bool) -> Checked:
    whole = Checked(strict=strict)
    for one in found:
        whole.join(one)
    return whole


def tell(text: str, out: Output) -> None:
    """Shows what was found, and when; on a terminal in the place of what was there before."""
    if is_terminal(sys.stdout):
        sys.stdout.write(_CLEAR)
    out.line(text)
    out.line(say("checked at {time}; Ctrl+C ends", time=time.strftime("%H:%M:%S")), "dim")
    sys.stdout.flush()
