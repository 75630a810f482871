"""What happens, in the log (`records.py`), and two ways to write it.

    engine.observe(Logs())

Levels: error: an incident, an instance that was set aside · warning: a service that has failed and is tried again or caught · info: instances
that begin and end, what operators do · debug: every event, step and call. What a worker or bpflow itself has trouble with is in the log
without it.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any, Literal

from bpflow.engine.events import Cancel, Correct, Failed, Jump, Reassigned, Resume, Retry, Skip, Started, Suspend
from bpflow.engine.state import OVER
from bpflow.graph import step_of
from bpflow.runtime.observing import Doing, Happening, Observer
from bpflow.runtime.records import LOGGER, note

REPAIRS = (Cancel, Correct, Jump, Reassigned, Resume, Retry, Skip, Suspend)
"""What operators do."""


class Logs(Observer):
    """Writes what happens to the logger `bpflow`."""

    def happened(self, what: Happening) -> None:
        over = what.status in OVER
        usual = logging.INFO if isinstance(what.event, (Started, *REPAIRS)) or over else logging.DEBUG
        level = logging.WARNING if isinstance(what.event, Failed) and not what.incidents else usual
        if LOGGER.isEnabledFor(level):
            reason = f": {what.event.reason.text('en')}" if isinstance(what.event, Failed) else f": {what.status}" if over else ""
            self._say(level, f"{what.name}{reason}", what, step=what.step, event=what.name, duration=round(what.seconds, 6))
        for step in what.steps if LOGGER.isEnabledFor(logging.DEBUG) else ():
            self._say(logging.DEBUG, "step", what, step=step)
        for one in what.incidents:
            self._say(logging.ERROR, f"incident: {one.message.text('en')}", what, step=step_of(one.node) or None, incident=one.id, kind=one.kind)

    def _say(self, level: int, text: str, what: Happening, **more: Any) -> None:
        known = {"instance": what.instance, "process": what.process, "revision": what.revision, "actor": what.actor, **more}
        note(level, text, known)

    def set_aside(self, instance: int, error: Exception) -> None:
        note(logging.ERROR, f"set aside: {type(error).__name__}: {error}", {"instance": instance}, error)

    def end(self, doing: Doing) -> None:
        if doing.kind != "call" or not LOGGER.isEnabledFor(logging.DEBUG):
            return  # an event and its services are told of when they are written
        known = {"instance": doing.instance, "process": doing.process, "service": doing.name, "key": doing.key, "attempt": doing.attempt}
        failed = {"error": type(doing.error).__name__} if doing.error is not None else {}
        note(logging.DEBUG, "call", {**known, **failed, "duration": round(doing.seconds or 0.0, 6)})


class JsonLines(logging.Formatter):
    """A record as one line of JSON: time (UTC), level, logger, message, what is known, and what was raised."""

    def format(self, record: logging.LogRecord) -> str:
        data = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "bpflow", {}),
        }
        if record.exc_info:
            data["exception"] = self.formatException(record.exc_info)
        return json.dumps(data, ensure_ascii=False, default=str)


class TextLines(logging.Formatter):
    """A record as a line for people: time, level, message, what is known."""

    def format(self, record: logging.LogRecord) -> str:
        known = " ".join(f"{name}={value}" for name, value in getattr(record, "bpflow", {}).items())
        at = datetime.fromtimestamp(record.created).astimezone().isoformat(sep=" ", timespec="milliseconds")
        line = f"{at} {record.levelname:7} {record.getMessage()}" + (f"  [{known}]" if known else "")
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def lines(form: Literal["json", "text"]) -> logging.Handler:
    """Writes records to the standard error, a line each."""
    out = logging.StreamHandler()
    out.setFormatter(JsonLines() if form == "json" else TextLines())
    return out
