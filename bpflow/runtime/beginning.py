"""Instances that are begun by hand or by the program: a part of `Engine`.

The law of this file: a start with a key happens once. The key is remembered in the transaction in which the instance begins, with the
owner of the instance, so that whoever asks again finds it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import partial
from hashlib import blake2b
from itertools import islice
from typing import NamedTuple

from bpflow.diagnostics import Refused, say
from bpflow.engine.codec import dumps, loads
from bpflow.expressions.data import Document, User, Value
from bpflow.graph import Graph
from bpflow.runtime import reading
from bpflow.runtime.access import asks
from bpflow.runtime.answers import Live
from bpflow.runtime.documents import existing
from bpflow.runtime.joining import Connection
from bpflow.runtime.part import Part, user
from bpflow.runtime.situation import Situation
from bpflow.runtime.stages import runs_already
from bpflow.runtime.starts import may_start, starts_by_hand
from bpflow.runtime.transaction import Held
from bpflow.runtime.trying import again
from bpflow.services.working_calendar import zone_of
from bpflow.stores.contract import Conflict, DeploymentRow, Store, Work


class NotStarted(Refused):
    """One of many starts was refused, and the batch that it is in was not begun. `number`: which, from 1 on · `begun`: the instances of the
    batches before it."""

    def __init__(self, number: int, begun: list[int], refused: Refused) -> None:
        super().__init__(say("start {number}: {reason}", number=number, reason=refused.message))
        self.number, self.begun = number, begun


class Wanted(NamedTuple):
    """A start: what it is given, on which document, and the key under which it happens once."""

    inputs: Mapping[str, object]
    document: Document | str | None = None
    key: str | None = None


class Beginning(Part):
    """Starts."""

    _told: Callable[[], None]
    _deployed: Callable[[str], DeploymentRow]
    _joined: Callable[[AbstractContextManager[Store]], AbstractContextManager[Beginning]]

    @asks("start")
    def start(
        self,
        process: str,
        *,
        document: Document | str | None = None,
        inputs: Mapping[str, object] | None = None,
        by: str | None = None,
        key: str | None = None,
        connection: Connection | None = None,
    ) -> int:
        """Starts an instance, on a document where the process has one. `by` is the person who does it; without, the program itself. With a
        `key` it is started once: again with the same key (of that process, on that document) it is the same instance, be it over by now.

        Gives its number. Refused if the process, the document or an input is not right, or the person may not start it.
        """
        number = again(partial(self._start, process, Wanted(inputs or {}, document, key), by))
        if self.runner.left:
            self._told()
        return number

    @asks("start")
    def start_many(
        self,
        process: str,
        inputs: Iterable[Mapping[str, object]] = (),
        *,
        documents: Iterable[Document | str] = (),
        keys: Iterable[str] = (),
        by: str | None = None,
        batch: int = 100,
        progress: Callable[[int], None] | None = None,
        connection: Connection | None = None,
    ) -> list[int]:
        """Starts an instance for each of the `inputs` and `documents`, each with its own of the `keys`; gives their numbers in that order.

        `batch` starts are one transaction: all of them begin, or none. NotStarted says which was refused; what was begun before its batch
        stays. Broken off, it is called again with the same keys: what has begun is found, and not begun again. `progress` is told after
        each batch how many there are. With a `connection` all are in its transaction. On a store that is spread over several databases
        use `batch=1`: a transaction over several owners is dear there, or not to be had.
        """
        begun: list[int] = []
        starts = wanted(inputs, documents, keys)
        while some := list(islice(starts, max(1, batch))):
            begun += again(partial(self._start_together, process, some, by, begun))
            if progress is not None:
                progress(len(begun))
        self._told()
        return begun

    def _start_together(self, process: str, starts: list[Wanted], by: str | None, begun: list[int]) -> list[int]:
        with self._joined(self.store.together()) as engine:
            return engine._start_some(process, starts, by, begun)

    def _start_some(self, process: str, starts: list[Wanted], by: str | None, begun: list[int]) -> list[int]:
        numbers: list[int] = []
        for one in starts:
            try:
                numbers.append(self._start(process, one, by))
            except Refused as refused:
                raise NotStarted(len(begun) + len(numbers) + 1, begun, refused) from refused
        return numbers

    def _start(self, process: str, one: Wanted, by: str | None) -> int:
        """Begins it as what the process is deployed as; that is read only where it is not known, or where it does not do as it is known."""
        known = self.runner.newest.get(process)
        if known is not None:
            try:
                return self._start_as(known, one, by)
            except (Refused, Conflict):
                if self._newest(process) == known:
                    raise
        return self._start_as(self._newest(process), one, by)

    def _newest(self, process: str) -> tuple[int, int]:
        """What new instances of a process get now, as `Store.current` gives it. Refused if it is not deployed."""
        found = self.runner.newest[process] = self.store.current(process) or (self._deployed(process).id, 0)
        return found

    def _start_as(self, newest: tuple[int, int], one: Wanted, by: str | None) -> int:
        graph = self.runner.program(newest[0]).graph
        if by is not None:
            starts_by_hand(graph)
        ref = document_for(graph, one.document)
        values = reading.read_fields(dict(graph.inputs), one.inputs, zone_of(graph.timezone))
        owner = of_key(graph, one.key) if ref is None else None
        with self.store.begin(owner) as work:
            if ref is not None:
                owner = existing(work.document(ref.id), ref).owner
            known = work.worked(owner, name_of(graph, one.key)) if owner is not None and one.key is not None else None
            if known is not None:
                return int(loads(known))
            held = self._begin(work, newest, ref, values, user(by), owner)
            if held is None:
                raise Refused(runs_already(graph, ref))
            if owner is not None and one.key is not None:
                work.remember(owner, name_of(graph, one.key), dumps(held.id), self.clock.now())
            if work.left:
                self.runner.left = True
        self.runner.keep(held)
        return held.id

    def _begin(self, work: Work, newest: tuple[int, int], ref: Document | None, values: dict[str, Value], by: User | None, owner: int | None) -> Held | None:
        definition, deployed = newest
        if by is not None:
            program = self.runner.program(definition)
            names: dict[str, Value] = {"document": ref, "initiator": by, **values}
            situation = Situation(names, self.clock.now(), program.graph.timezone, Live(self.runner.around(work)), work)
            may_start(situation, program, self.runner.world.directory)
        return self.runner.begin(work, definition, ref, values, by, self.clock.now(), owner=owner, deployed=deployed)


def wanted(inputs: Iterable[Mapping[str, object]], documents: Iterable[Document | str], keys: Iterable[str]) -> Iterator[Wanted]:
    """The starts, one by one. Refused, at its end, if there are not as many of one as of the other."""
    given = {name: iter(values) for name, values in (("inputs", inputs), ("document", documents), ("key", keys)) if values != ()}
    while given:
        one = {name: value for name, values in given.items() if (value := next(values, None)) is not None}
        if not one:
            return
        if len(one) != len(given):
            raise Refused(say("there must be as many inputs, documents and keys as there are starts, where they are given"))
        yield Wanted(**{"inputs": {}, **one})  # type: ignore[arg-type]


def document_for(graph: Graph, document: Document | str | None) -> Document | None:
    """The document of the start. Refused if the process runs on none, or on one of another type."""
    ref = reading.document_ref(document) if isinstance(document, str) else document
    if graph.document != (ref.type if ref else None):
        if graph.document is None:
            raise Refused(say('the process "{name}" has no document', name=graph.process))
        raise Refused(say('"{process}" runs on a document of the type "{wanted}"', process=graph.process, wanted=graph.document))
    return ref


# ── keys ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def name_of(graph: Graph, key: str | None) -> str:
    """Under which name the key of a start is remembered."""
    return f"start/{graph.process}/key/{key}"


def of_key(graph: Graph, key: str | None) -> int | None:
    """The owner of an instance without a document that is started with a key: so the key and the instance are found and written together.
    None without a key: it is its own owner."""
    if key is None:
        return None
    return int.from_bytes(blake2b(name_of(graph, key).encode(), digest_size=8).digest()) >> 3 | OF_KEYS


OF_KEYS = 1 << 61
"""Owners that keys give are not the number of any document or instance."""
