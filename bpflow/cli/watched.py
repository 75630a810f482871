"""`work --log … --metrics …`: how a worker is watched."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Literal, cast

from msgspec import Struct

from bpflow.cli.calls import WrongUse, number, one_of
from bpflow.cli.output import Output
from bpflow.diagnostics import say

if TYPE_CHECKING:
    from bpflow.runtime import Engine

LEVELS = ("debug", "info", "warning", "error")


class Watched(Struct, frozen=True):
    """In which form, and from which level on, the log is written; at which address metrics are shown."""

    log: str | None
    level: str
    host: str
    port: int | None

    @classmethod
    def of(cls, log: str | None, level: str, metrics: str | None) -> Watched:
        """As it was typed. WrongUse if it cannot be."""
        if log is not None:
            one_of(log, ("text", "json"), "--log")
        host, _, port = (metrics or "").rpartition(":")
        found = number(port, "--metrics") if metrics is not None else None
        if found is not None and found > 65535:
            raise WrongUse(say('"{port}" is no port', port=port))
        return cls(log, one_of(level, LEVELS, "--log-level"), host or "127.0.0.1", found)

    def arguments(self, nth: int) -> list[str]:
        """The same for one of several workers."""
        log = ["--log", self.log, "--log-level", self.level] if self.log else []
        return [*log, "--metrics", f"{self.host}:{self.port + nth}"] if self.port is not None else log

    def written(self, out: Output) -> AbstractContextManager[None]:
        """While it lasts, what is said without being asked is in the log, or, where none is asked for, people are told."""
        from bpflow.cli.written import logged, plain

        return plain(out) if self.log is None else logged(cast(Literal["json", "text"], self.log), self.level)

    def watch(self, engine: Engine) -> None:
        """Has the engine watched. WrongUse if that needs what is not installed, or the port is taken."""
        if self.log is not None:
            from bpflow.runtime.logs import Logs

            engine.observe(Logs())
        if self.port is not None:
            try:
                from prometheus_client import start_http_server

                from bpflow.runtime.metrics import Metrics
            except ImportError as error:
                raise WrongUse(say("metrics need what is not installed: {command}", command='pip install "bpflow[observability]"')) from error
            engine.observe(Metrics(engine))
            try:
                start_http_server(self.port, self.host)
            except OSError as error:
                raise WrongUse(say('metrics cannot be shown at "{host}:{port}": {reason}', host=self.host, port=self.port, reason=error.strerror)) from error
