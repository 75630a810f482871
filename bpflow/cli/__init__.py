"""The command line: what people type, and what they read in their language.

The law of this room: a command only asks the rooms below and shows what they say. Libraries that are slow to load are imported by the
commands that need them, so `bpflow --help` is there at once.

Exit codes: 0 done · 1 findings, a refusal, a failed scenario · 2 wrong use · 3 a fault of bpflow itself.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Sequence


def program() -> int:
    """The `bpflow` command as a process of its own, which lives shortly: what it loads stays, so looking through it for rubbish, at the end too,
    would take a tenth of its time; and to find plug-ins that it does not use, pydantic would read about all that is installed."""
    gc.set_threshold(100_000, 20, 20)
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    code = main()
    gc.freeze()
    return code


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command (by default that of the process's own arguments) and give its exit code."""
    from bpflow.cli.app import run

    return run(arguments)
