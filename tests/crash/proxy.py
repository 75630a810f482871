"""A line to PostgreSQL that can be cut at the worst moment: while a commit is on its way, before or after the server has done it.

It stands between a life and the server, a socket before a socket, and hands everything on. `cut` says what is done with the next thing that
the life sends: `lost`, it never reaches the server; `done`, the server does it and its answer never comes back.
"""

from __future__ import annotations

import socket
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

READY = b"Z\0\0\0\5"
"""With it and one byte more the server says that it is ready for what comes next."""


class Proxy:
    """Between here and the server at `url`; its own address is `address`."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._server = f"{parse_qs(parts.query)['host'][0]}/.s.PGSQL.5432"
        folder = tempfile.mkdtemp()
        self.address = urlunsplit(parts._replace(query=urlencode({"host": folder})))
        self.cut = ""
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(str(Path(folder) / ".s.PGSQL.5432"))
        self._door.listen()
        threading.Thread(target=self._open, daemon=True).start()

    def _open(self) -> None:
        while True:
            here = self._door.accept()[0]
            there = socket.socket(socket.AF_UNIX)
            try:
                there.connect(self._server)
            except OSError:
                here.close()
                continue
            cutting = threading.Event()
            threading.Thread(target=self._out, args=(here, there, cutting), daemon=True).start()
            threading.Thread(target=self._back, args=(here, there, cutting), daemon=True).start()

    def _out(self, here: socket.socket, there: socket.socket, cutting: threading.Event) -> None:
        with suppress(OSError):
            while data := here.recv(65536):
                cut, self.cut = self.cut, ""
                if cut == "lost":
                    break
                if cut == "done":
                    cutting.set()
                there.sendall(data)
        if not cutting.is_set():
            _close(here, there)

    def _back(self, here: socket.socket, there: socket.socket, cutting: threading.Event) -> None:
        with suppress(OSError):
            while data := there.recv(65536):
                if not cutting.is_set():
                    here.sendall(data)
                elif data[-6:-1] == READY:
                    break
        _close(here, there)


def _close(*sockets: socket.socket) -> None:
    for one in sockets:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
