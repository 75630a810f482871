"""A connection to PostgreSQL on which statements are sent together: what gives nothing back waits until something is asked, or committed.

The law of this file: a round trip is made by `ask` and by `settle` and by nothing else, and `trips` counts them. Statements are written with
$1, $2, … and prepared once by connection; what they give is read in binary, by the types of the columns.

It stands on libpq as psycopg hands it over (`psycopg.pq`) and not on cursors: those write each statement to the socket by itself, which takes
two to three times the processor time of a unit of work.
"""

from __future__ import annotations

import select
from collections import deque
from typing import Any, Final

import psycopg
from psycopg import pq
from psycopg.abc import AdaptContext, Buffer
from psycopg.adapt import AdaptersMap, Loader, Transformer

Row = tuple[Any, ...]

NUL = "\ufdd0"
"""In its text, PostgreSQL keeps no NUL: this one stands for it, which is no character, and which no text has that is meant for others."""

_TEXT, _BINARY = pq.Format.TEXT, pq.Format.BINARY
_FINE = (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK)


class _Text(Loader):
    """Text, with its NULs."""

    format = _BINARY

    def load(self, data: Buffer) -> str:
        text = str(data, "utf-8")
        return text.replace(NUL, "\0") if NUL in text else text


class _Reading:
    """How what is given is read: as psycopg does, but for text."""

    connection = None
    adapters = AdaptersMap(psycopg.adapters)


_READING: Final[AdaptContext] = _Reading()
_READING.adapters.register_loader("text", _Text)


class Answer:
    """What a statement has given, as soon as that is known: its rows, and how many it has written."""

    __slots__ = ("count", "rows")

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.count = 0

    def one(self) -> Row | None:
        """The first row, if there is any."""
        return self.rows[0] if self.rows else None


_Sent = Answer | str | None
"""What has been sent: a statement with or without an answer, or (its text) one to be prepared."""


class Wire:
    """Statements to a server, in pipeline mode from here on. `prepares`: whether the server keeps statements for the connection."""

    __slots__ = ("_made", "_names", "_pg", "_poll", "_reader", "_sent", "broken", "connection", "prepares", "trips")

    def __init__(self, connection: psycopg.Connection[Any], prepares: bool = True) -> None:
        self.connection, self.prepares = connection, prepares
        self._pg = connection.pgconn
        self._pg.enter_pipeline_mode()
        self._reader = Transformer(_READING)
        self._names: dict[str, bytes] = {}
        self._made = 0
        self._sent: deque[_Sent] = deque()
        self._poll = select.poll()
        self._poll.register(self._pg.socket, select.POLLIN)
        self.broken = False
        """Whether something that was asked has failed: until `rollback` nothing more is done."""
        self.trips = 0

    @property
    def idle(self) -> bool:
        """Whether nothing is under way: neither statements nor a transaction."""
        return not self._sent and not self.broken and self._pg.transaction_status == pq.TransactionStatus.IDLE

    @property
    def backend(self) -> int:
        """The process of the server that serves this connection."""
        return self._pg.backend_pid

    @property
    def lost(self) -> bool:
        """Whether the connection is over, as far as that can be known without asking the server."""
        try:
            while self._pg.status == pq.ConnStatus.OK and self._poll.poll(0):
                self._pg.consume_input()  # a notice; or the server's last word, after which this fails
        except psycopg.OperationalError:
            return True
        return self._pg.status != pq.ConnStatus.OK

    # ── sending ────────────────────────────────────────────────────────────────────────────────────────────────────
    def put(self, sql: str, *values: Any, answer: Answer | None = None) -> None:
        """A statement that is sent with the next one that is asked."""
        formats = [_BINARY if type(value) is bytes else _TEXT for value in values]
        given = [plain(value) for value in values]
        if self.prepares:
            self._pg.send_query_prepared(self._names.get(sql) or self._prepared(sql), given, formats, _BINARY)
        else:
            self._pg.send_query_params(sql.encode(), given, None, formats, _BINARY)
        self._sent.append(answer)

    def _prepared(self, sql: str) -> bytes:
        name = self._names[sql] = b"bpflow_%d" % self._made
        self._made += 1
        self._pg.send_prepare(name, sql.encode())
        self._sent.append(sql)
        return name

    def later(self, sql: str, *values: Any) -> Answer:
        """The same, whose answer is there after the next `ask` or `settle`."""
        answer = Answer()
        self.put(sql, *values, answer=answer)
        return answer

    def ask(self, sql: str, *values: Any) -> Answer:
        """A statement and all before it, in one round trip; gives its answer. psycopg.Error if any of them fails."""
        answer = self.later(sql, *values)
        self._pg.send_flush_request()
        failed = self._receive()
        if failed is not None:
            self.broken = True
            raise psycopg.errors.error_from_result(failed)
        return answer

    def settle(self) -> None:
        """Has all be done that was sent, in one round trip, and waits for it. psycopg.Error if any of it fails."""
        self._pg.pipeline_sync()
        failed = self._receive()
        if failed is None or self._pg.status == pq.ConnStatus.OK:
            self._result()  # that of the sync itself
        self.broken = False
        if failed is not None:
            raise psycopg.errors.error_from_result(failed)

    def rollback(self, sql: str = "rollback") -> None:
        """Leaves the transaction, or goes back in it, whatever has become of it. psycopg.Error if the connection is lost."""
        if self.broken:
            self._pg.pipeline_sync()  # before which nothing more is done
            self._receive()
            self._result()
            self.broken = False
        self.put(sql)
        self.settle()

    # ── receiving ──────────────────────────────────────────────────────────────────────────────────────────────────
    def _receive(self) -> pq.abc.PGresult | None:
        """The answers to all that was sent; gives the first failure. What came after it was not even looked at."""
        self.trips += 1
        self._flush()
        failed: pq.abc.PGresult | None = None
        while self._sent:
            result = self._result()
            sent = self._sent.popleft()
            if result.status in _FINE:
                if isinstance(sent, Answer):
                    self._read(result, sent)
            else:
                failed = failed or result
                if isinstance(sent, str):
                    del self._names[sent]  # it is not prepared
        return failed

    def _read(self, result: pq.abc.PGresult, answer: Answer) -> None:
        answer.count = result.command_tuples or 0
        if result.ntuples:
            self._reader.set_pgresult(result)
            answer.rows = self._reader.load_rows(0, result.ntuples, tuple)

    def _flush(self) -> None:
        """Writes what is to be sent. What the server says meanwhile is taken in: else both would wait for each other."""
        while self._pg.flush():
            self._poll.modify(self._pg.socket, select.POLLIN | select.POLLOUT)
            if any(what & ~select.POLLOUT for _, what in self._poll.poll()):
                self._pg.consume_input()
            self._poll.modify(self._pg.socket, select.POLLIN)

    def _result(self) -> pq.abc.PGresult:
        """The next result, of whatever was sent next."""
        while True:
            while self._pg.is_busy():
                self._poll.poll()
                self._pg.consume_input()
            result = self._pg.get_result()
            if result is not None:
                return result
            if self._pg.status != pq.ConnStatus.OK:
                raise psycopg.OperationalError("the connection is lost")


def plain(value: Any) -> Buffer | None:
    """A value as PostgreSQL reads it: text, but for bytes."""
    kind = type(value)
    if kind is bytes or value is None:
        return value  # type: ignore[no-any-return]
    if kind is int:
        return b"%d" % value
    if kind is bool:
        return b"t" if value else b"f"
    if kind is list:
        return b"{%s}" % b",".join(map(_element, value))
    text: str = str.__str__(value)
    return (text.replace("\0", NUL) if "\0" in text else text).encode()


def _element(value: Any) -> bytes:
    """A value inside an array."""
    inner = plain(value)
    assert isinstance(inner, bytes)
    return b'"%s"' % inner.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
