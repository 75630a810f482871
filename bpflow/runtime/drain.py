"""The drain: what one commit has left to be done by others. Timers that are due fire, changes of documents start processes and wake
waiting instances, messages reach their receivers, calls go out.

The law of this file: each thing is a row of its owner. It is worked off in transactions of one owner each, the last of which takes the row
away; broken off between two of them it is done again, and what was done already is not done twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from bpflow.diagnostics import Message, Refused, say
from bpflow.engine.codec import dumps, loads
from bpflow.engine.events import DocumentChanged, Done, Event, Failed, TimerFired
from bpflow.engine.program import Program
from bpflow.engine.transition import TIMEOUT
from bpflow.expressions.data import Document, User, Value
from bpflow.graph import Start
from bpflow.runtime.answers import Live
from bpflow.runtime.calls import Calls
from bpflow.runtime.clock import Clock
from bpflow.runtime.messages import Post
from bpflow.runtime.situation import Situation
from bpflow.runtime.stages import IsMove, is_over, values_set
from bpflow.runtime.starts import Judged, begin_on_schedule, begin_or_hold, judge
from bpflow.runtime.transaction import Held, Runner
from bpflow.services.local import LOCAL
from bpflow.services.registry import Services
from bpflow.services.request import Request, ServiceError, error_name, reason_of
from bpflow.stores.contract import ChangeRow, Conflict, DeploymentRow, DocumentRow, OutboxRow, StoreError, TimerEntry, Work


@dataclass(slots=True)
class Worked:
    """How much was done."""

    timers: int = 0
    changes: int = 0
    calls: int = 0
    messages: int = 0
    starts: int = 0
    """Schedules that were due."""

    @property
    def total(self) -> int:
        return self.timers + self.changes + self.calls + self.messages + self.starts


T = TypeVar("T")

BATCH = 100
"""How many things are read at once."""


def over(done: Worked, limit: int | None, stop: Callable[[], bool]) -> bool:
    return (limit is not None and done.total >= limit) or stop()


@dataclass(slots=True)
class Drain:
    """Works off what is due and what waits to be told or sent."""

    runner: Runner
    clock: Clock
    services: Services
    post: Post = field(init=False)
    calls: Calls = field(init=False)

    def __post_init__(self) -> None:
        self.post, self.calls = Post(self.runner, self.clock), Calls(self.runner, self.clock)

    def work(self, limit: int | None = None, stop: Callable[[], bool] = lambda: False) -> Worked:
        """Does what there is to do now, at most `limit` things; `stop` is asked before each."""
        done = Worked()
        self.runner.left = True
        while self._round(done, limit, stop):
            pass
        return done

    def _round(self, done: Worked, limit: int | None, stop: Callable[[], bool]) -> bool:
        """What waits to be told or sent, then what is due, until that leaves something to be told. False when there is no more to do."""
        store, before = self.runner.store, done.total
        if self.runner.left:
            self.runner.left = False
            for change in store.changes(BATCH):
                if over(done, limit, stop):
                    return False
                self.tell(change)
                done.changes += 1
            for look in store.looks(BATCH):
                if over(done, limit, stop):
                    return False
                self.post.look(look)
                done.messages += 1
            for message in store.messages(fresh=True, limit=BATCH):
                if over(done, limit, stop):
                    return False
                self.post.deliver(message)
                done.messages += 1
            for row in store.outbox(BATCH):
                if over(done, limit, stop):
                    return False
                self.guarded(row.concerns, self.send, row)
                done.calls += 1
            if done.total > before:
                self.runner.left = True
                return True
        for timer in store.due(self.clock.now(), BATCH):
            if over(done, limit, stop):
                return False
            self.guarded(timer.instance, self.fire, timer)
            done.timers += 1
            if self.runner.left:
                return True
        for schedule in store.schedules(self.clock.now()):
            if over(done, limit, stop):
                return False
            begin_or_hold(lambda trouble, row=schedule: begin_on_schedule(self.runner, row, self.clock.now(), trouble))  # type: ignore[misc]
            done.starts += 1
            if self.runner.left:
                return True
        return done.total > before

    def guarded(self, instance: int, act: Callable[[T], None], what: T) -> bool:
        """Does something with an instance. False if that cannot be done by a fault of bpflow: the instance is set aside and the others go on."""
        try:
            act(what)
        except (StoreError, Conflict):
            raise
        except Exception as error:
            self.runner.set_aside(instance, error, self.clock.now())
            return False
        return True

    def fire(self, timer: TimerEntry) -> None:
        self.runner.happen(timer.instance, TimerFired(self.clock.now(), timer.holder, timer.arm, timer.due))

    # ── changes of documents ───────────────────────────────────────────────────────────────────────────────────────
    def tell(self, change: ChangeRow) -> None:
        """Starts what begins with the change, wakes who watches the document, and forgets the change."""
        for definition in self.runner.store.deployed():
            begin_or_hold(lambda trouble, definition=definition: self.begin_by(change, definition, trouble))  # type: ignore[misc]
        by = User(change.by) if change.by else None

        def wake(instance: int) -> None:
            self.runner.happen(instance, DocumentChanged(self.clock.now(), change.document, by), change.depth)

        for instance in self.runner.store.watchers(change.document.id):
            self.guarded(instance, wake, instance)
        with self.runner.store.begin() as work:
            work.told(change)

    def begin_by(self, change: ChangeRow, definition: DeploymentRow, trouble: Message | None = None) -> None:
        """Starts the process once, if one of its starts waits for such a change; its own changes start it not."""
        program = self.runner.program(definition.id)
        graph = program.graph
        on = "document-created" if change.version == 1 else "document-changed"
        starts = [start for start in graph.starts if start.on == on]
        if not starts or graph.document != change.document.type or graph.process == change.cause:
            return
        key = f"start/{graph.process}/{change.document.id}/{change.version}"  # the id of a change that was told is given to a later one
        with self.runner.store.begin() as work:
            if work.worked(change.owner, key) is not None:
                return
            held = self._first(work, change, definition.id, program, starts, trouble)
            if held is not None:
                work.remember(change.owner, key, dumps(held.id), self.clock.now())
                self.runner.left = self.runner.left or work.left
        if held is not None:
            self.runner.keep(held)

    def _first(self, work: Work, change: ChangeRow, definition: int, program: Program, starts: list[Start], trouble: Message | None) -> Held | None:
        """The instance of the first start whose condition holds. A condition that cannot be evaluated is an incident."""
        by = User(change.by) if change.by else None
        if change.version > 1 and is_over(program.graph, work.document(change.document.id)):
            return None
        for start in starts:
            judged = Judged(True, {}, trouble) if trouble else judge(program, start, self.situation(work, program, change, by))
            if judged.begins:
                return self.runner.begin(work, definition, change.document, judged.inputs, by, self.clock.now(), change.depth, judged.trouble)
        return None

    def situation(self, work: Work, program: Program, change: ChangeRow, by: User | None) -> Situation:
        """The document as the change left it, and `previous` as it was, every field of the type there."""
        type = self.runner.world.types[change.document.type]
        was: dict[str, Value] = {name: change.previous.get(name, [] if f.many else None) for name, f in type.fields}
        names: dict[str, Value] = {"document": change.document, "previous": was, "initiator": by}
        live = Live(self.runner.around(work))
        row = work.document(change.document.id)
        if row is not None:
            live.documents[row.ref.id] = self.as_left(row, change)
        return Situation(names, self.clock.now(), program.graph.timezone, live, work)

    def as_left(self, row: DocumentRow, change: ChangeRow) -> DocumentRow:
        """The document as it was right after the change, though it may have been changed again since."""
        if row.version == change.version:
            return row
        later = [other for other in self.runner.store.changes(None, change.document.id) if other.version > change.version]
        fields = later[0].previous if later else row.fields
        return DocumentRow(row.ref, row.owner, change.version, row.created, change.at, fields)

    # ── calls ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def send(self, row: OutboxRow) -> None:
        """Has the service work, then tells the instance; the row goes in the same transaction as the answer comes."""
        call = row.call
        if call.service in self.calls.services:
            self.calls.services[call.service](row)
            return
        key = f"{row.instance}.{call.token}.{call.visit}" + ("" if call.wait else f".{call.attempt}")
        event: Event
        try:
            # what the house does itself is nothing from outside: a process that goes round in it for ever comes to the bound of its steps
            event = Done(self.clock.now(), call.token, call.visit, self.performed(row, key), local=call.service in LOCAL)
        except (StoreError, Conflict):
            raise  # the store could not be had: nobody has refused anything
        except Refused as refused:
            event = Failed(self.clock.now(), call.token, call.visit, call.attempt, reason_of(refused), error_name(refused) or call.service)
        except Exception as error:
            broke = Refused(say("{service} broke: {error}", service=call.service, error=f"{type(error).__name__}: {error}"))
            event = Failed(self.clock.now(), call.token, call.visit, call.attempt, reason_of(broke), error_name(error) or call.service)
        if call.wait:
            self.runner.happen(row.instance, event, row.depth, also=lambda work: work.sent(row))
        else:
            with self.runner.store.begin() as work:
                work.sent(row)

    def performed(self, row: OutboxRow, key: str) -> dict[str, Value]:
        """What the service says: a registered one, or one of the house on another owner."""
        call = row.call
        if call.service in LOCAL:
            return self.elsewhere(row, key)
        left = self.left(row) if call.wait else None
        if left is not None and left <= 0:
            raise ServiceError("timeout", say("no answer in time"))
        return self.services.perform(call.service, Request(key, row.instance, call.arguments, left))

    def left(self, row: OutboxRow) -> float | None:
        """How many seconds the step still waits for the answer; None if it has no `timeout`, or waits no more."""
        for held in self.runner.known(row.instance):
            token = held.state.tokens.get(row.call.token) if held.state else None
            if token is not None and token.visit == row.call.visit and token.waiting is not None:
                due = token.waiting.arms.due.get(TIMEOUT)
                return (due - self.clock.now()).total_seconds() if due else None
        return None

    def elsewhere(self, row: OutboxRow, key: str) -> dict[str, Value]:
        """A service of the house on a document of another owner: in that owner's transaction, once by key."""
        target = row.call.arguments["document"]
        assert isinstance(target, Document)
        try:
            with self.runner.store.begin() as work:
                known = self.answered(work, target, key)
                if known is not None:
                    return dict(loads(known))
                moving = self.runner.moved_by(work, target, values_set(row.call.arguments), row.instance)
                if moving is not None:
                    raise IsMove(moving)
                return self.changed(work, row, target, key)
        except IsMove as move:
            event = move.moving.event(self.clock.now(), None)
            self.runner.happen(move.moving.instance, event, row.depth, also=lambda work: self.changed_once(work, row, target, key))
        return {}

    def answered(self, work: Work, target: Document, key: str) -> bytes | None:
        """What the service has said before, with that key."""
        document = work.document(target.id)
        return work.worked(document.owner if document else target.id, key)

    def changed_once(self, work: Work, row: OutboxRow, target: Document, key: str) -> bool:
        """The service does its work in the transaction; False if it has done so before."""
        if self.answered(work, target, key) is not None:
            return False
        self.changed(work, row, target, key)
        return True

    def changed(self, work: Work, row: OutboxRow, target: Document, key: str) -> dict[str, Value]:
        """The service does its work in the transaction, and it is remembered that it has."""
        instance, document = work.instance(row.instance), work.document(target.id)
        assert instance is not None
        owner = document.owner if document else target.id
        occasion = self.runner.occasion(work, owner, row.instance, self.runner.program(instance.definition), self.clock.now(), row.depth)
        values = LOCAL[row.call.service](occasion, row.call.arguments)
        work.remember(owner, key, dumps(values), self.clock.now())
        return values
