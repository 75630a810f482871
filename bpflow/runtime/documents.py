"""Documents made and changed from outside: one by one, or by the rows of a CSV file.

The law of this file: a change from outside is a transaction of its own; the engine tells of it afterwards, in others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from msgspec import Struct

from bpflow.diagnostics import Message, Refused, say
from bpflow.expressions import compile_code
from bpflow.expressions.data import Document, User, Value
from bpflow.runtime import reading
from bpflow.runtime.answers import Live, World
from bpflow.runtime.situation import Situation
from bpflow.runtime.stages import IsMove
from bpflow.runtime.transaction import Runner
from bpflow.services.documents import changed_fields, new_fields
from bpflow.services.importing import Rejection, read_csv
from bpflow.services.secrets import Keeping, all_fresh
from bpflow.stores.contract import DocumentRow, Work
from bpflow.values import DocumentType


class Imported(Struct, frozen=True):
    """What an import did: the documents made, the rows rejected with their reasons, and what there is to say of the file."""

    created: list[Document]
    rejected: list[Rejection]
    notes: list[Message]


class Desk(Struct, frozen=True):
    """Where documents are worked on from outside, at a moment, by a person or (None) by the program itself."""

    runner: Runner
    now: datetime
    zone: ZoneInfo
    by: str | None

    @property
    def world(self) -> World:
        """What is around the documents now."""
        return self.runner.around(self.runner.store)

    def create(self, kind: DocumentType, fields: Mapping[str, object]) -> Document:
        """A new document. Refused with every reason at once."""
        values = reading.read_fields(dict(kind.fields), fields, self.zone, complete=False)
        with self.runner.store.begin() as work:
            return self._add(work, kind, new_fields(kind, self._with_defaults(work, kind, values)))

    def change(self, kind: DocumentType, ref: Document, fields: Mapping[str, object], note: str | None) -> DocumentRow:
        """Changes fields of a document; where nothing would be new, it stays as it is. Where that moves it in its pipeline, it is a move:
        refused if it may not be."""
        values = reading.read_fields(dict(kind.fields), fields, self.zone, complete=False)
        by = User(self.by) if self.by is not None else None
        try:
            with self.runner.store.begin() as work:
                moving = self.runner.moved_by(work, ref, values)
                if moving is not None:
                    raise IsMove(moving)
                return self._changed(work, kind, ref, values, note)
        except IsMove as move:
            event = move.moving.event(self.now, by, note)
            self.runner.happen(move.moving.instance, event, also=lambda work: self._changed(work, kind, ref, values, note) is not None)
            return existing(self.runner.store.document(ref.id), ref)

    def _changed(self, work: Work, kind: DocumentType, ref: Document, values: Mapping[str, Value], note: str | None) -> DocumentRow:
        row = existing(work.document(ref.id), ref)
        after = changed_fields(kind, row.fields, values)
        if after == row.fields and not note:
            return row
        keeping = Keeping(work, row.fields.values())
        changed = work.change_document(row, keeping.handles(after), self.now, self.by, None, 0, note)
        keeping.write(row.owner, self.now, None)
        return changed

    def import_csv(self, kind: DocumentType, data: bytes, progress: Callable[[int, int], None] | None, dry_run: bool) -> Imported:
        """Documents of the rows of a CSV file, in one transaction."""
        read = read_csv(data, kind, self.zone, self._knows)
        created: list[Document] = []
        if not dry_run:
            with self.runner.store.begin() as work:
                for number, (_, fields) in enumerate(read.rows, 1):
                    created.append(self._add(work, kind, self._with_defaults(work, kind, fields)))
                    if progress is not None:
                        progress(number, len(read.rows))
        return Imported(created, read.rejected, read.notes)

    def _add(self, work: Work, kind: DocumentType, values: dict[str, Value]) -> Document:
        keeping = Keeping(work)
        row = work.add_document(kind.type, keeping.handles(all_fresh(kind.fields, values)), self.now, self.by, None, 0)
        keeping.write(row.owner, self.now, None)
        return row.ref

    def _with_defaults(self, work: Work, kind: DocumentType, values: Mapping[str, Value]) -> dict[str, Value]:
        """The fields of a new document, and the defaults of those that nobody has named."""
        names: dict[str, Value] = {"document": None, "initiator": User(self.by) if self.by else None}
        situation = Situation(names, self.now, str(self.zone), Live(self.world), work)
        defaults = {name: compile_code(f.default)(situation) for name, f in kind.fields if f.default and name not in values}
        return {**defaults, **values}

    def _knows(self, user: str) -> bool:
        directory = self.world.directory
        return directory is None or directory.answer("exists", (User(user),)) is True


def existing(row: DocumentRow | None, ref: Document) -> DocumentRow:
    """The document that was looked up. Refused if there is none, or the number is that of one of another type."""
    if row is None or row.ref != ref:
        raise Refused(say('there is no document "{document}"', document=f"{ref.type}:{ref.id}"))
    return row
