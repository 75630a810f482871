"""Records: the logger `bpflow` of Python's `logging`, to which goes all that bpflow has to say without being asked.

The law of this file: what is said so is said here, and in no other way; who shows it to whom, and as what, is up to the program. Every record has
an attribute `bpflow`, a mapping with what is known: instance, process, step, actor, revision, duration (seconds), and so on. No value of a form,
a variable or a document is in it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from bpflow.diagnostics import Message

LOGGER = logging.getLogger("bpflow")


def note(level: int, text: Message | str, known: Mapping[str, Any], error: Exception | None = None) -> None:
    """A record with what is known. A Message stays one, as its `msg`, so that people can be told in their language; as a text it is English."""
    found = {name: value for name, value in known.items() if value is not None}
    LOGGER.log(level, text, extra={"bpflow": found}, exc_info=error, stacklevel=2)


@contextmanager
def sent_to(out: logging.Handler, level: int | str) -> Iterator[None]:
    """While it lasts, records of the level and above go there, and nowhere else."""
    before = LOGGER.level, LOGGER.propagate
    LOGGER.addHandler(out)
    LOGGER.setLevel(level)
    LOGGER.propagate = False
    try:
        yield
    finally:
        LOGGER.removeHandler(out)
        LOGGER.setLevel(before[0])
        LOGGER.propagate = before[1]
