"""Bringing what was committed from SQLite's log into the file itself, by a thread of its own.

The law of this file: whoever commits does not wait for it. SQLite by itself does it within a commit, each thousand pages, and waits for the disk
twice meanwhile. Here that commit finds little left to be done: all but the end of the log is in the file already, and so the log begins anew.
That is so with `synchronous=NORMAL`. With FULL each commit waits for the disk by itself, and for a log that grows longer than for one that is written
over: there the log stays short, and SQLite does it.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from threading import Lock, Thread

ROWS = 4000
"""After how many changes of rows the log is brought into the file."""
PAGES = {"normal": 16_000, "full": 4000}
"""The length of the log, in pages of 1 kB, at which a commit does what is left to do, so that the log does not grow for ever."""


class Checkpoints:
    """Those of one open file; `file`: its whole path, "" where there are none. `due`: the number of changes at which the next is to begin."""

    __slots__ = ("_going", "_uri", "due")

    def __init__(self, file: str) -> None:
        self._uri = f"{Path(file).as_uri()}?mode=rw" if file else ""  # should the file be gone, none is made
        self._going = Lock()
        self.due: float = ROWS if file else float("inf")

    def begin(self, changes: int) -> None:
        """Begins one, unless one is going on; `changes`: how many there have been."""
        self.due = changes + ROWS
        if self._going.acquire(blocking=False):
            try:
                Thread(target=self._work, name="bpflow checkpoint", daemon=True).start()
            except RuntimeError:  # there is no thread to be had: the commits do it
                self._going.release()

    def _work(self) -> None:
        try:
            with closing(sqlite3.connect(self._uri, uri=True, timeout=0)) as db:
                db.execute("pragma wal_checkpoint(passive)")
        except sqlite3.Error:
            pass  # the disk is full, or the file is gone: who commits next is told
        finally:
            self._going.release()

    def end(self) -> None:
        """Waits for the one that is going on."""
        with self._going:
            self.due = float("inf")
