"""The outside world: a program of its own that is asked over a socket, and writes down what it has done before it answers.

    python -m tests.crash.ledger SOCKET FOLDER

The law of this file: an entry is on the disk (`fsync`) before its answer leaves. A key that is known already gets the answer of the first
time and is written down as asked again; so the book shows how often each call was delivered, and that nothing was done twice.
"""

from __future__ import annotations

import json
import os
import socket
import socketserver
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

Entry = dict[str, Any]


class Book:
    """One book of entries: a file of lines."""

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("ab")
        self._known: dict[str, int] = {}
        for entry in entries(path):
            if entry["kind"] == "done":
                self._known[entry["key"]] = entry["number"]

    def ask(self, asked: Entry) -> Entry:
        """Does what is asked, once by key. `closed`: the world is out of order at that time, as it is whoever asks and however often."""
        key = asked["key"]
        if asked.get("closed"):
            self._write({"kind": "refused", **asked})
            return {"error": "closed"}
        if key in self._known:
            self._write({"kind": "again", "key": key})
            return {"number": self._known[key]}
        number = sum(asked["name"].encode()) + len(asked["what"])  # the same for whoever asks the same
        self._known[key] = number
        self._write({"kind": "done", **asked, "number": number})
        return {"number": number}

    def _write(self, entry: Entry) -> None:
        self._file.write(json.dumps(entry).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())


def entries(path: Path) -> list[Entry]:
    """What is written in a book."""
    return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def ask(address: str, asked: Entry) -> Entry:
    """Asks the ledger; the answer comes when what was done is on the disk."""
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(address)
        line.sendall(json.dumps(asked).encode() + b"\n")
        with line.makefile("rb") as answer:
            found: Entry = json.loads(answer.readline())
            return found


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def __init__(self, address: str, folder: Path) -> None:
        super().__init__(address, _Handler)
        self.folder, self.books, self.lock = folder, dict[str, Book](), threading.Lock()


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        with suppress(ConnectionError):  # whoever asked may be dead
            for line in self.rfile:
                asked: Entry = json.loads(line)
                name = asked.pop("book")
                with self.server.lock:
                    if name not in self.server.books:
                        self.server.books[name] = Book(self.server.folder / name)
                    answer = self.server.books[name].ask(asked)
                self.wfile.write(json.dumps(answer).encode() + b"\n")


if __name__ == "__main__":
    with _Server(sys.argv[1], Path(sys.argv[2])) as server:
        print("ready", flush=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sys.stdin.read()  # until whoever has started it goes
