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

from bpflow.cli.checking import Checked, Unit, check, units
from bpflow.cli.output import Output, is_terminal
from bpflow.diagnostics import say

SECONDS = 0.3
"""Between two looks."""
_CLEAR = "\x1b[2J\x1b[3J\x1b[H"

Mark = Mapping[str, tuple[int, int]]


def watch(paths: Sequence[Path], strict: bool) -> Iterator[Checked]:
    """What is found, now and after each change; never ends by itself. Between two of them it sleeps."""
    marks: dict[Unit, Mark] = {}
    found: dict[Unit, Checked] = {}
    while True:
        seen = {unit: _mark(unit) for unit in units(paths)}
        changed = [unit for unit, mark in seen.items() if marks.get(unit) != mark]
        if changed or len(seen) != len(marks):
            found = {unit: check([unit], strict) if unit in changed else found[unit] for unit in seen}
            marks = seen
            yield _together(found.values(), strict)
        time.sleep(SECONDS)


def _mark(unit: Unit) -> Mark:
    """When the files of the unit were written, and how long they are."""
    marks: dict[str, tuple[int, int]] = {}
    for path in unit.files():
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
