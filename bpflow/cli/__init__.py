"""The command line: what people type, and what they read in their language.

The law of this room: a command only asks the rooms below and shows what they say. Libraries that are slow to load are imported by the
commands that need them, so `bpflow --help` is there at once.

Exit codes: 0 done · 1 findings, a refusal, a failed scenario · 2 wrong use · 3 a fault of bpflow itself.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command (by default that of the process's own arguments) and give its exit code."""
    gc.set_threshold(100_000, 20, 20)  # what is loaded stays: looking through it for rubbish takes a tenth of a short command
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # to find any, pydantic reads about all that is installed
    from bpflow.cli.app import run

    return run(arguments)
