"""The connections of a store on PostgreSQL: at most so many, each used by one thread at a time.

The law of this file: a connection that is given back in the middle of something is closed, and one that is lost is not given out; the server
forgets what was under way, and another connection takes its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import psycopg
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from bpflow.diagnostics import say
from bpflow.stores.contract import StoreError
from bpflow.stores.postgres_trouble import cannot_connect
from bpflow.stores.postgres_wire import Wire

SETTINGS = (
    # a unit of work says its isolation itself; this is for what is read outside of one
    "set default_transaction_isolation = 'read committed'; set lock_timeout = '30s'; set jit = off; set client_min_messages = warning"
)
TIMEOUT = 30.0
"""Seconds to wait for a connection."""


_HOW: Mapping[str, Any] = {"autocommit": True, "client_encoding": "utf8", "connect_timeout": 10}


class Line(psycopg.Connection[Any]):
    """A connection with its wire."""

    wire: Wire


class Address:
    """What a URL says: how the server is reached (`conninfo`), the `name` by which people know it, and what is for bpflow. StoreError if it
    says what nobody knows."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        given = dict(parse_qsl(parts.query, keep_blank_values=True))
        self.name = f"postgresql://{_without_password(parts.netloc)}{parts.path}"
        self.most = self._number(given.pop("connections", "8"))
        self.sync = self._one_of("sync", given.pop("sync", "full"), ("full", "normal"))
        self.prepares = self._one_of("prepare", given.pop("prepare", "yes"), ("yes", "no")) == "yes"
        self.conninfo = urlunsplit(("postgresql", parts.netloc, parts.path, urlencode(given), ""))
        try:
            psycopg.conninfo.conninfo_to_dict(self.conninfo)
        except psycopg.ProgrammingError as error:
            reason = " ".join(str(error).split())
            raise StoreError(say('"{url}" is not the address of a PostgreSQL database: {reason}', url=self.name, reason=reason)) from error

    def _number(self, text: str) -> int:
        if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 1000:
            raise StoreError(say('"{url}": connections is a number from 1 to 1000', url=self.name))
        return int(text)

    def _one_of(self, option: str, value: str, known: tuple[str, str]) -> str:
        if value not in known:
            raise StoreError(say('"{url}": {option} is {one} or {other}', url=self.name, option=option, one=known[0], other=known[1]))
        return value

    def connect(self) -> psycopg.Connection[Any]:
        """A connection of its own. StoreError says why there is none."""
        try:
            return psycopg.connect(self.conninfo, **_HOW)
        except psycopg.Error as error:
            raise cannot_connect(self.name, error) from error


def _without_password(netloc: str) -> str:
    user, at, host = netloc.rpartition("@")
    return user.partition(":")[0] + at + host


class Lines:
    """The pool. It is opened when it is first used."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._pool: ConnectionPool[Line] = ConnectionPool(
            address.conninfo,
            connection_class=Line,
            kwargs=dict(_HOW),
            min_size=1,
            max_size=address.most,
            timeout=TIMEOUT,
            configure=self._configure,
            check=_check,
            open=False,
        )

    def open(self) -> None:
        """Begins to connect."""
        self._pool.open()

    def _configure(self, line: Line) -> None:
        line.execute(SETTINGS + ("; set synchronous_commit = off" if self.address.sync == "normal" else ""))
        line.wire = Wire(line, self.address.prepares)

    def take(self) -> Line:
        """A connection that nobody uses. StoreError if there is none for too long."""
        try:
            return self._pool.getconn()
        except (PoolTimeout, PoolClosed) as error:
            message = say('"{url}" could not be had within {seconds} seconds', url=self.address.name, seconds=int(TIMEOUT))
            raise StoreError(message) from error

    def give(self, line: Line) -> None:
        """It is not used any more."""
        if not line.closed and not line.wire.idle:
            line.close()
        self._pool.putconn(line)

    def close(self) -> None:
        self._pool.close()


def _check(line: Line) -> None:
    if line.wire.lost:
        raise psycopg.OperationalError("the connection is lost")
