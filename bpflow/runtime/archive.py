"""The archive: JSON Lines with what was purged, one line an instance, before them the definitions by which they can be read.

    {"archive": "bpflow", "format": 1, "key": the mark of the key by which the histories are chained, null without one}
    {"definition": digest, "process": …, "graph": {…}, "source": the YAML}
    {"instance": 17, "process": …, "definition": digest, "status": …, "timeline": […], "history": [{"revision": 1, "at": …, "link": …, "data": […]}, …], …}

The law of this file: what is on a line is whole, since a line that was torn is cut off before the next is written, and it is on the disk before
anything goes from the database. A line holds the very bytes of states and history, so links and seals can be verified as in the database. After a
crash a line may be there twice: the last one counts, and they are the same.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import orjson
from msgspec import Struct, field

from bpflow.diagnostics import Message, Refused, say
from bpflow.engine.codec import dumps, instant, micros
from bpflow.engine.pages import decode
from bpflow.engine.program import Program
from bpflow.expressions.data import Document
from bpflow.graph import from_json
from bpflow.runtime import views
from bpflow.runtime.chain import KEY, KEY_FILE, Chain
from bpflow.runtime.transaction import Held
from bpflow.stores.contract import Caller, DefinitionRow, HistoryRow, InstanceRow, Snapshot
from bpflow.stores.entries import CalendarRow, NoticeRow

HEAD = {"archive": "bpflow", "format": 1}


class Kept(Struct, frozen=True):
    """All that the archive keeps of an instance."""

    definition: DefinitionRow
    row: InstanceRow
    found: Snapshot
    rows: list[HistoryRow]
    notices: list[NoticeRow] = field(default_factory=list)
    calendar: list[CalendarRow] = field(default_factory=list)

    def held(self, program: Program | None = None) -> Held:
        """The instance as it can be looked at."""
        found, program = self.found, program or Program(from_json(self.definition.graph))
        state, written = decode(program, found.root, found.pages)
        last = None, found.document, found.caller, found.link
        return Held(found.id, found.owner, found.definition, found.revision, *last, program, state, written)


# ── writing ─────────────────────────────────────────────────────────────────────────────────────────────────────────
class Archive:
    """A file to which instances are added, locked while it is open. Refused if it is another file, has histories of another chain, or another
    adds to it."""

    def __init__(self, path: Path, chain: Chain) -> None:
        self.path = path
        self._chain = chain
        try:
            self._file = path.open("a+b")
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            raise Refused(say('"{file}" is being written by another purge', file=str(path))) from error
        except OSError as error:
            raise Refused(say('"{file}" cannot be written: {reason}', file=str(path), reason=error.strerror or str(error))) from error
        self._definitions: set[str] = set()
        try:
            self._begin()
        except BaseException:
            self._file.close()
            raise

    def _begin(self) -> None:
        """Writes the first line of a new file; of one that is there cuts off what was torn."""
        size = self._file.seek(0, os.SEEK_END)
        whole = end_of_last_line(self._file, size)
        if whole:
            self._file.seek(0)
            check_head(self._file.readline(), self.path, self._chain)
        elif size and not orjson.dumps(head_of(self._chain)).startswith(self._read_all()):
            raise Refused(say('"{file}" is no archive of bpflow', file=str(self.path)))
        self._file.truncate(whole)
        if not whole:
            self._write(head_of(self._chain))
            folder = os.open(self.path.parent, os.O_RDONLY)
            os.fsync(folder)  # the new file's name is on the disk too
            os.close(folder)

    def _read_all(self) -> bytes:
        self._file.seek(0)
        return self._file.read(4096)

    def add(self, kept: Kept, program: Program) -> None:
        """Writes an instance, and before the first of a definition that."""
        definition = kept.definition
        if definition.digest not in self._definitions:
            graph = orjson.Fragment(definition.graph)
            self._write({"definition": definition.digest, "process": definition.process, "graph": graph, "source": definition.source})
            self._definitions.add(definition.digest)
        self._write(line_of(kept, program))

    def sync(self) -> None:
        """What was added is on the disk when this returns."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def _write(self, line: dict[str, Any]) -> None:
        self._file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()


def end_of_last_line(file: IO[bytes], size: int) -> int:
    """Where the last whole line ends."""
    step = 1 << 16
    for start in range(max(0, size - step), -step, -step):
        file.seek(max(0, start))
        found = file.read(step + 1).rfind(b"\n")
        if found >= 0:
            return max(0, start) + found + 1
    return 0


def head_of(chain: Chain) -> dict[str, Any]:
    """The first line of an archive of histories that are chained so."""
    return {**HEAD, "key": chain.mark.hex() if chain.keyed else None}


def check_head(line: bytes, path: Path, chain: Chain | None) -> None:
    """Refused unless it is the first line of an archive, and of that chain where one is given: by another key every link would be wrong."""
    try:
        head = orjson.loads(line)
    except orjson.JSONDecodeError:
        head = None
    if not isinstance(head, dict) or {**head, **HEAD} != head:
        raise Refused(say('"{file}" is no archive of bpflow', file=str(path)))
    if "key" not in head:
        raise Refused(say('the first line of "{file}" does not say by which key its histories are chained', file=str(path)))
    if chain is not None and head["key"] != head_of(chain)["key"]:
        raise Refused(another_key(path, head["key"] is not None, chain.keyed))


def another_key(path: Path, keyed: bool, given: bool) -> Message:
    """Of an archive with or without a key, where another one or none is given."""
    if not keyed:
        return say('the histories in "{archive}" are chained without a key, and one is given', archive=str(path))
    if not given:
        return say('the histories in "{archive}" are chained with a key: give it by {variable} or {file}', archive=str(path), variable=KEY, file=KEY_FILE)
    what = {"archive": str(path), "variable": KEY, "file": KEY_FILE}
    return say('the histories in "{archive}" are chained with another key than the one that {variable} or {file} gives', **what)


def line_of(kept: Kept, program: Program) -> dict[str, Any]:
    """An instance as data. `timeline` is for people, with the instants in UTC; `history`, `root` and `pages` are the engine's own, in which
    values stand as `bpflow.values` writes them."""
    row, found = kept.row, kept.found
    held = kept.held(program)
    view = views.view_of(row, held, [], [])
    return {
        "instance": row.id,
        "owner": row.owner,
        "process": row.process,
        "definition": kept.definition.digest,
        "document": f"{row.document.type}:{row.document.id}" if row.document else None,
        "status": row.status,
        "result": row.result,
        "started": row.started.isoformat(),
        "ended": row.ended.isoformat() if row.ended else None,
        "caller": list(row.caller) if row.caller else None,
        "revision": row.revision,
        "incidents": row.incidents,
        "names": orjson.Fragment(dumps(view.names)),
        "outputs": orjson.Fragment(dumps(view.outputs)),
        "timeline": [timeline_line(line) for line in views.lines_of(held, kept.rows)],
        "notices": [notice_line(one) for one in kept.notices],
        "calendar": [{"person": one.person, "title": one.title, "at": one.at.isoformat(), "ends": one.ends.isoformat()} for one in kept.calendar],
        "link": found.link.hex(),
        "seal": found.seal.hex(),
        "root": orjson.Fragment(found.root),
        "pages": [[holder, part, orjson.Fragment(data)] for (holder, part), data in found.pages.items()],
        "history": [{"revision": h.revision, "at": micros(h.at), "link": h.link.hex(), "data": orjson.Fragment(h.data)} for h in kept.rows],
    }


def notice_line(one: NoticeRow) -> dict[str, Any]:
    return {"person": one.person, "at": one.at.isoformat(), "reason": one.reason, "title": one.title, "text": one.text, "channel": one.channel}


def timeline_line(line: views.Line) -> dict[str, Any]:
    said = line.text.text("en") if line.text is not None else None
    return {"at": line.at.isoformat(), "kind": line.kind, "step": line.path or None, "title": line.title, "by": line.by, "text": said}


# ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def read(path: Path, instance: int | None = None, chain: Chain | None = None) -> Iterator[Kept]:
    """The instances of an archive, in its order, or every line of one of them. Refused if it is none, a line cannot be read, or they are of
    another chain than the one that is given to verify them."""
    definitions: dict[str, DefinitionRow] = {}
    wanted = b'{"instance":' if instance is None else b'{"instance":%d,' % instance
    try:
        with path.open("rb") as file:
            check_head(file.readline(), path, chain)
            for number, line in enumerate(file, 2):
                if line.startswith(b'{"definition":') and line.endswith(b"\n"):
                    definition = definition_of(line)
                    definitions[definition.digest] = definition
                elif line.startswith(wanted) and line.endswith(b"\n"):  # else it was torn, and what it told of is still in the database
                    yield kept_of(line, definitions, f"{path}:{number}")
    except OSError as error:
        raise Refused(say('"{file}" cannot be read: {reason}', file=str(path), reason=error.strerror or str(error))) from error


def definition_of(line: bytes) -> DefinitionRow:
    data = json.loads(line)  # whose whole numbers have no bound
    return DefinitionRow(0, data["process"], data["definition"], json.dumps(data["graph"], ensure_ascii=False), data["source"])


def kept_of(line: bytes, definitions: dict[str, DefinitionRow], place: str) -> Kept:
    try:
        data = orjson.loads(line)
        definition = definitions[data["definition"]]
        rows = [HistoryRow(data["instance"], h["revision"], instant(h["at"]), orjson.dumps(h["data"]), bytes.fromhex(h["link"])) for h in data["history"]]
        pages = {(holder, part): orjson.dumps(page) for holder, part, page in data["pages"]}
        row, link, seal = row_of(data), bytes.fromhex(data["link"]), bytes.fromhex(data["seal"])
        standing = row.id, row.owner, row.definition, row.revision, None, row.document, row.caller, link
        found = Snapshot(*standing, orjson.dumps(data["root"]), pages, seal)
        notices = [NoticeRow(at=datetime.fromisoformat(n.pop("at")), instance=data["instance"], **n) for n in data["notices"]]
    except (ValueError, LookupError, TypeError) as error:
        raise Refused(say("{place}: the line cannot be read: {reason}", place=place, reason=f"{type(error).__name__}: {error}")) from error
    return Kept(definition, row, found, rows, notices)


def row_of(data: dict[str, Any]) -> InstanceRow:
    """The row of the instance, without what only its database knows."""
    type, _, number = (data["document"] or "").rpartition(":")
    document = Document(type, int(number)) if type else None
    started, ended = datetime.fromisoformat(data["started"]), datetime.fromisoformat(data["ended"])
    caller = Caller(*data["caller"]) if data["caller"] else None
    how = data["status"], data["revision"], data["incidents"], document, started, ended, data["result"], None
    return InstanceRow(data["instance"], data["owner"], 0, data["process"], *how, caller)
