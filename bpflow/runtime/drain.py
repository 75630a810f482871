"""The drain: what one commit has left to be done by others. Timers that are due fire, changes of documents start processes and wake
waiting instances, messages reach their receivers, calls go out.

The law of this file: each thing is a row of its owner. It is worked off in transactions of one owner each, the last of which takes the row
away; broken off between two of them it is done again, and what was done already is not done twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from msgspec import structs

from bpflow.diagnostics import Message, Refused, say
from bpflow.engine.codec import dumps, loads
from bpflow.engine.events import DocumentChanged, Done, Event, Failed, TimerFired
from bpflow.engine.program import Program
from bpflow.engine.transition import TIMEOUT
from bpflow.expressions.data import Document, User, Value
from bpflow.graph import Start
from bpflow.runtime.answers import Live
from bpflow.runtime.asking import Said
from bpflow.runtime.calls import Calls
from bpflow.runtime.clock import Clock
from bpflow.runtime.groups import happen_together
from bpflow.runtime.messages import Post
from bpflow.runtime.observing import Doing
from bpflow.runtime.situation import Situation
from bpflow.runtime.stages import IsMove, is_over, values_set
from bpflow.runtime.starts import Judged, begin_or_hold, judge
from bpflow.runtime.transaction import Held, Runner, Unreadable
from bpflow.services.local import LOCAL
from bpflow.services.registry import Services
from bpflow.services.request import Request, ServiceError, error_name, reason_of
from bpflow.stores.contract import ChangeRow, Conflict, DeploymentRow, DocumentRow, OutboxRow, StoreError, Work
from bpflow.stores.entries import TimerEntry


@dataclass(slots=True)
class Worked:
    """How much was done."""

    timers: int = 0
    changes: int = 0
    calls: int = 0
    messages: int = 0
    starts: int = 0
    """Schedules that were due."""

    def count(self, kind: str, more: int = 1) -> None:
        """So many more of that kind."""
        setattr(self, kind, getattr(self, kind) + more)

    @property
    def total(self) -> int:
        return self.timers + self.changes + self.calls + self.messages + self.starts


T = TypeVar("T")


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

    def read_ahead(self, due: Sequence[TimerEntry]) -> None:
        """Reads the instances of timers that are due, all at once, but for those that are at hand as the store has them."""
        runner, cache = self.runner, self.runner.cache
        unknown = {one.instance for one in due if (held := cache.get(one.instance)) is None or held.revision < one.revision}
        for id in unknown:
            cache.pop(id, None)  # somebody else has changed it
        for found in runner.store.snapshots([*unknown]) if unknown else ():
            with suppress(Unreadable):  # it is told where its timer is fired
                runner.keep(runner.opened(found.id, found))

    def fire(self, timer: TimerEntry) -> None:
        self.runner.happen(timer.instance, fired(timer, self.clock.now()))

    def fire_together(self, timers: Sequence[TimerEntry]) -> int:
        """Fires timers in one transaction; gives how many of them, from the first on: 0 if anything is wrong with one, and each is to be fired
        alone."""
        now = self.clock.now()
        try:
            return happen_together(self.runner, [(timer.instance, fired(timer, now)) for timer in timers])
        except StoreError:
            raise
        except Exception:  # nothing is written, and whatever it is comes again where its timer is fired alone, and is dealt with there
            return 0

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
        with self.runner.unit() as work:
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
        with self.runner.unit() as work:
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
    def asks(self, row: OutboxRow) -> bool:
        """Whether the call goes to a service outside; all others are done here, each in a transaction or two."""
        return row.call.service not in self.calls.services and row.call.service not in LOCAL

    def send(self, row: OutboxRow) -> None:
        """Has the service work, then tells the instance."""
        if row.call.service in self.calls.services:
            self.calls.services[row.call.service](row)
        elif row.call.service in LOCAL:
            self.answer(row, self.said(row, lambda: self.elsewhere(row, key_of(row))))
        else:
            self.answer(row, self.ask(row, self.request(row)))

    def request(self, row: OutboxRow) -> Request:
        """What the service is asked."""
        return Request(key_of(row), row.instance, row.call.arguments, self.left(row) if row.call.wait else None)

    def ask(self, row: OutboxRow, request: Request) -> Said:
        """What a service outside says. Reads and writes nothing here: it may be done in any thread."""
        if request.timeout is not None and request.timeout <= 0:
            return ServiceError("timeout", say("no answer in time"))
        return self.said(row, lambda: self.performed(row, request))

    def performed(self, row: OutboxRow, request: Request) -> dict[str, Value]:
        """What a service outside gives. Raises what it raises."""
        observers, service = self.runner.observers, row.call.service
        if observers is None:
            return self.services.perform(service, request)
        doing = Doing("call", service, row.instance, None, request.key, row.call.attempt)
        return observers.during(doing, lambda: self.services.perform(service, structs.replace(request, headers=observers.headers())))

    def said(self, row: OutboxRow, perform: Callable[[], dict[str, Value]]) -> Said:
        """What comes of it, or what it raises."""
        try:
            return perform()
        except Exception as error:
            return error

    def answer(self, row: OutboxRow, said: Said) -> None:
        """Tells the instance; the row goes in the same transaction. Raises what it is if the store could not be had: nobody has refused
        anything. A call that nobody waits for and that has failed stays, for an operator to have it tried again."""
        if isinstance(said, StoreError | Conflict):
            raise said
        call, now = row.call, self.clock.now()
        if not isinstance(said, Exception):
            # what the house does itself is nothing from outside: a process that goes round in it for ever comes to the bound of its steps
            event: Event = Done(now, call.token, call.visit, said, local=call.service in LOCAL)
        else:
            refused = said if isinstance(said, Refused) else broken(call.service, said)
            event = Failed(now, call.token, call.visit, call.attempt, reason_of(refused), error_name(said) or call.service)
        if call.wait:
            self.runner.happen(row.instance, event, row.depth, also=lambda work: work.sent(row))
            return
        with self.runner.unit() as work:
            if isinstance(event, Failed):
                work.hold(row, str(event.reason))
            else:
                work.sent(row)

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
            with self.runner.unit() as work:
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
        values = self.runner.ask_house(row.call, occasion)
        work.remember(owner, key, dumps(values), self.clock.now())
        return values


def fired(timer: TimerEntry, now: datetime) -> TimerFired:
    """The event of a timer that is due."""
    return TimerFired(now, timer.holder, timer.arm, timer.due)


def key_of(row: OutboxRow) -> str:
    """By which a service outside knows the call again: attempts that are waited for share it."""
    call = row.call
    return f"{row.instance}.{call.token}.{call.visit}" + ("" if call.wait else f".{call.attempt}")


def broken(service: str, error: Exception) -> Refused:
    """The service has not refused, it has gone wrong."""
    return Refused(say("{service} broke: {error}", service=service, error=f"{type(error).__name__}: {error}"))
