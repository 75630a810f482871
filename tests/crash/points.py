"""Named points at which a program can die, without a word of it in what is tested.

A point is before each thing that a unit of work is asked to do, before and after its commit, before each statement of SQL outside of
one (opening, migrations, deploying), and before and after SQLite's log is brought into the file. Its name says who works there:
`Drain.fire: save`. The names are not written down anywhere: a run without a death says which there are.
"""

from __future__ import annotations

import re
import sqlite3
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import psycopg

from bpflow.stores import sqlite_checkpoints
from bpflow.stores.postgres_wire import Wire
from bpflow.stores.sqlite_checkpoints import Checkpoints

Reached = Callable[[str], None]
_ROOM = "/bpflow/runtime/"
_SILENT = ("transaction.py", "starts.py", "pipelines.py", "part.py")
"""Files through which every road leads: they tell nothing of who works there."""
_READS = {"absence_mark", "absences", "called", "document", "matching", "messages.there", "revision", "running", "turns", "worked"}
"""What changes nothing, and stands between other points: one who dies there dies as at the point before."""
_TABLE = re.compile(r"\s*(\w+)\s+(?:or \w+ )?(?:(?:into|from|table|index|unique index)\s+)?(\w+)?", re.IGNORECASE)


def place() -> str:
    """Who works: the innermost function of the runtime that says something."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        code = frame.f_code
        if _ROOM in code.co_filename and not code.co_filename.endswith(_SILENT) and "<" not in code.co_name:
            return code.co_qualname.replace(".<locals>", "")
        frame = frame.f_back
    return "opening"


class PointedWork:
    """A unit of work, or a part of one, that says before each call what is coming."""

    def __init__(self, work: Any, reached: Reached, part: str = "") -> None:
        for name, value in (("_work", work), ("_reached", reached), ("_part", part)):
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._work, name, value)

    def __getattr__(self, name: str) -> Any:
        found, reached, label = getattr(self._work, name), self._reached, f"{self._part}{name}"
        if name == "messages":
            return PointedWork(found, reached, "messages.")
        if not callable(found):
            return found

        if label in _READS:
            return found

        def call(*given: Any, **named: Any) -> Any:
            reached(f"{place()}: {label}")
            return found(*given, **named)

        return call


class PointedStore:
    """A store whose units of work say where they are."""

    def __init__(self, store: Any, points: Points) -> None:
        self._store, self._points = store, points

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def begin(self, *given: Any, **named: Any) -> Any:
        return _Unit(self._store, self._points, given, named)


class _Unit:
    """`with store.begin() as work`, and what stands around it."""

    def __init__(self, store: Any, points: Points, given: Any, named: Any) -> None:
        self.points = points
        points.reached(f"{place()}: begin")
        points.inside += 1
        try:
            self.unit = store.begin(*given, **named)
        except BaseException:
            points.inside -= 1
            raise

    def __enter__(self) -> PointedWork:
        return PointedWork(self.unit.__enter__(), self.points.reached)

    def __exit__(self, kind: Any, error: Any, trace: Any) -> Any:
        end = "commit" if kind is None else "rollback"
        self.points.reached(f"{place()}: {end}")
        try:
            done = self.unit.__exit__(kind, error, trace)
        finally:
            self.points.inside -= 1
        self.points.reached(f"{place()}: after {end}")
        return done


class Points:
    """Hears of every point that is reached, and hands it on."""

    def __init__(self, heard: Reached) -> None:
        self.reached, self.inside = heard, 0

    def watch_sql(self) -> None:
        """From now on each statement of SQL outside of a unit of work is a point."""
        connect = sqlite3.connect

        def watched(*given: Any, **named: Any) -> sqlite3.Connection:
            db = connect(*given, **named)
            db.set_trace_callback(self._statement)
            return db

        sqlite3.connect = watched  # type: ignore[assignment]
        self._before(psycopg.Connection, "execute")
        self._before(Wire, "put")

    def watch_checkpoints(self) -> None:
        """From now on SQLite's log is brought into the file again and again, and before and after that is a point as well."""
        work = Checkpoints._work

        def watched(own: Checkpoints) -> None:
            self.reached("Checkpoints: begin")
            work(own)
            self.reached("Checkpoints: after")

        sqlite_checkpoints.ROWS = 40  # a life changes some hundreds of rows, and no thousands
        Checkpoints._work = watched  # type: ignore[method-assign]

    def _before(self, kind: Any, name: str) -> None:
        run = getattr(kind, name)

        def watched(own: Any, sql: Any, *given: Any, **named: Any) -> Any:
            self._statement(sql)
            return run(own, sql, *given, **named)

        setattr(kind, name, watched)

    def _statement(self, sql: str | bytes) -> None:
        sql = sql.decode() if isinstance(sql, bytes) else sql
        found = _TABLE.match(sql)
        if not self.inside and found and not sql.startswith(("select", "with", "pragma", "set", "--")):
            self.reached(f"{place()}: {' '.join(part for part in found.groups() if part)}")
