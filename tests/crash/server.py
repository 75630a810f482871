"""A server of PostgreSQL that is killed, as when its machine runs out of memory, and started again."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg

PATIENCE = 60.0
"""Seconds after which a server is taken not to come back."""


def kill_server(url: str) -> None:
    """The server at that address dies by SIGKILL, without a word to anybody, and is started again as it was; then it mends what it finds."""
    folder = Path(parse_qs(urlsplit(url).query)["host"][0])
    os.kill(int((folder / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
    began = time.monotonic()
    while not is_there(url):
        assert time.monotonic() < began + PATIENCE, "the server does not come back"
        start(folder)
        time.sleep(0.1)


def start(folder: Path) -> None:
    """Tries to start it. Where processes of the one before are still about, it ends at once, and must be tried again."""
    owner = folder.stat()
    with (folder / "log").open("ab") as log:
        command = shlex.split((folder / "postmaster.opts").read_text())
        server = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, user=owner.st_uid, group=owner.st_gid, cwd=folder)
    began = time.monotonic()
    while server.poll() is None and time.monotonic() < began + PATIENCE:
        if is_ready(folder, server.pid):
            return
        time.sleep(0.02)


def is_ready(folder: Path, pid: int) -> bool:
    """Whether that server is. What the one before has left says so too, and who believed it started a second one, which undid the first."""
    try:
        words = (folder / "postmaster.pid").read_text().split()
    except FileNotFoundError:
        return False
    return words[:1] == [str(pid)] and "ready" in words


def is_there(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True
