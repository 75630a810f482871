"""What has become of the firm, so that a run with deaths can be compared with one without; and what must hold of each run by itself.

Left out of the comparison are the numbers of instances and documents, and times: the first to begin has number 1, and after which time a
service is asked again is a hash of that number.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bpflow.expressions.data import Document
from bpflow.loading import LoadedWorkspace
from bpflow.runtime import Engine
from bpflow.stores import open_store
from bpflow.stores.contract import InstanceRow
from tests.crash.ledger import entries
from tests.runtime.looking import check_index, check_replay, stored

FAR = datetime(2200, 1, 1, tzinfo=UTC)
Line = tuple[Any, ...]
PERHAPS = ("O1 d", "O2 d")
"""The fourth parcels of those who want three: whether one is asked for before the third is there is chance."""
_NUMBER = re.compile(r"instance \d+")


@dataclass
class Reckoning:
    """The end of a run: what is the same in all runs, each part sorted."""

    ends: list[Line]
    instances: list[Line]
    documents: list[Line]
    notices: list[Line]
    calendar: list[Line]
    absences: list[Line]
    deployed: list[Line]
    calls: list[Line]

    def differences(self, other: Reckoning, parts: Sequence[str] = ()) -> list[str]:
        """What is only here (-), and only in the other (+); in all parts, or in some."""
        found = []
        for part in parts or [field.name for field in fields(self)]:
            here, there = Counter(map(repr, getattr(self, part))), Counter(map(repr, getattr(other, part)))
            found += [f"- {line}" for line in here - there] + [f"+ {line}" for line in there - here]
        return found


class Looking:
    """Reads a store in which all is done."""

    def __init__(self, url: str, workspace: LoadedWorkspace, book: Path) -> None:
        self.engine = Engine(open_store(url), workspace)
        self.book = entries(book)
        self.done = [entry for entry in self.book if entry["kind"] == "done"]

    def reckon(self) -> Reckoning:
        """What has become of all, each instance checked by itself."""
        engine = self.engine
        self.check()
        instances = [self.instance(row) for row in engine.instances()]
        return Reckoning(
            sorted((line[:6] for line in instances), key=repr),
            sorted(instances, key=repr),
            sorted((self.document(row.ref) for row in engine.documents()), key=repr),
            sorted((notice.person, notice.reason, notice.title, notice.text) for notice in engine.notices()),
            sorted((entry.person, entry.title) for entry in engine.calendar()),
            sorted((view.absence.person, view.absence.first) for view in engine.absences()),
            sorted((row.process, row.version) for row in engine.store.deployed()),
            sorted((entry["what"], entry["name"], entry.get("sum")) for entry in self.done if entry["name"] not in PERHAPS),
        )

    def check(self) -> None:
        """Nothing is left over, each history can be replayed, the index is what the states say, nothing was done twice by key."""
        engine, store = self.engine, self.engine.store
        for left in (store.outbox(), store.changes(), store.messages(), store.looks(1), store.aside(), engine.incidents()):
            assert not left, f"something is left over: {left}"
        for row in engine.instances():
            check_replay(engine, row.id)
            check_index(engine, row.id, FAR)
            moments = [line.at for line in engine.timeline(row.id)]
            assert moments == sorted(moments)
        done = [entry["key"] for entry in self.done]
        assert len(set(done)) == len(done)
        for document in engine.documents():
            assert [line.version for line in engine.feed(document.ref)] == list(range(1, document.version + 1))

    def instance(self, row: InstanceRow) -> Line:
        state = stored(self.engine, row.id).state
        assert state is not None
        names = sorted((name, repr(self.plain(value))) for name, value in state.names.items())
        outputs = sorted((name, repr(self.plain(value))) for name, value in state.outputs.items())
        lines = sorted((line.kind, line.path, line.by or "", _NUMBER.sub("instance", str(line.text or ""))) for line in self.engine.timeline(row.id))
        about = self.plain(row.document) if row.document else None
        return (row.process, about, state.names.get("name"), row.status, row.result, outputs, row.revision, row.caller is not None, names, lines)

    def document(self, ref: Document) -> Line:
        row = self.engine.document(ref)
        feed = [(sorted(line.changes), line.by, line.note) for line in self.engine.feed(ref)]
        return (self.plain(ref), row.version, sorted((name, repr(self.plain(value))) for name, value in row.fields.items()), feed)

    def plain(self, value: Any) -> Any:
        """A value in which documents are called by their names."""
        if isinstance(value, Document):
            row = self.engine.store.document(value.id)
            return f"{value.type} {row.fields['name']}" if row else "nowhere"
        if isinstance(value, Mapping):
            return sorted((name, repr(self.plain(one))) for name, one in value.items())
        return [self.plain(one) for one in value] if isinstance(value, list | tuple) and type(value) in (list, tuple) else value

    def again(self) -> int:
        """How many calls were delivered once more than needed."""
        return Counter(entry["kind"] for entry in self.book)["again"]
