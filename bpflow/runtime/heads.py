"""The heads of the chains, kept outside of the database: a line for each instance, by number, with its revision and the link there.

    # bpflow heads 1
    17 9 0f3a5c…

The law of this file: who can write to the database cannot write here, so a history that was cut off, written anew or taken away as a whole is
found. A file is replaced as a whole or not at all, and only where nothing was found.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from bpflow.diagnostics import Refused, say

FIRST = "# bpflow heads 1"


class Head(NamedTuple):
    """How far a history has come: its last revision, and the link there."""

    instance: int
    revision: int
    link: bytes


def read(file: Path) -> Iterator[Head]:
    """The heads of a file, by instance. Refused if it is none of ours."""
    with file.open(encoding="utf-8", errors="replace") as lines:
        if lines.readline() != f"{FIRST}\n":
            raise Refused(say('"{file}" is no file of heads', file=str(file)))
        for number, line in enumerate(lines, 2):
            try:
                instance, revision, link = line.split()
                yield Head(int(instance), int(revision), bytes.fromhex(link))
            except ValueError as error:
                raise Refused(say('{file}:{line}: is no line of a file of heads: "instance revision link"', file=str(file), line=number)) from error


def write(file: Path, heads: Iterable[Head], sound: Callable[[], bool]) -> None:
    """Replaces the file as soon as all heads have come, if all was `sound` by then. What raises leaves it as it was. Refused if that cannot be."""
    new = file.with_name(f"{file.name}.new")
    try:
        with new.open("w", encoding="utf-8") as out:
            out.write(f"{FIRST}\n")
            out.writelines(f"{head.instance} {head.revision} {head.link.hex()}\n" for head in heads)
            out.flush()
            os.fsync(out.fileno())
        if sound():
            new.replace(file)
    except OSError as error:
        raise Refused(say('"{file}" cannot be written: {reason}', file=str(file), reason=error.strerror or str(error))) from error
    finally:
        new.unlink(missing_ok=True)
