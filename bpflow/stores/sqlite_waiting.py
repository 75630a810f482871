"""Waiting for a file that another program uses.

The law of this file: it is looked again at once. SQLite itself looks less and less often, in the end ten times a second, and so may miss for seconds
that a file is free in which somebody writes one transaction after another.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from typing import TypeVar

LOOKS = 0.0005
"""Seconds between two looks whether the file is free."""
T = TypeVar("T")


def waiting(act: Callable[[], T], seconds: float) -> T:
    """Does something as soon as the file is free for it. What `act` raises is raised, also that the file is in use, if it still is after so many
    seconds."""
    until = time.monotonic() + seconds
    while True:
        try:
            return act()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
        time.sleep(LOOKS)
