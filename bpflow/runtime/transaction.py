"""Load, advance, commit: the one way in which an instance changes.

    load → advance → (Unanswered: answer it, again) → local services run here, their Done is advanced → … → commit everything at once

What belongs to one event is written together: the state over the revision that was loaded, the rows of the index, the calls that go
out, one row of history. Another who was faster makes it a Conflict: then all of it is done anew from the new state.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from functools import partial
from threading import Lock
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace as replaced

from bpflow.diagnostics import Message, Refused, say
from bpflow.engine.codec import encode_event, encode_history
from bpflow.engine.events import Arrived, Cancel, Done, Event, Failed, Started, TimerFired
from bpflow.engine.interpreter import advance
from bpflow.engine.pages import Written, decode, encode
from bpflow.engine.program import Program
from bpflow.engine.state import OVER, State, Token
from bpflow.engine.transition import CallOut, Effects, Transition, Unanswered, UnexpectedEvent, is_same, put_row
from bpflow.expressions import ExpressionError
from bpflow.expressions.data import Document, Question, User, Value
from bpflow.graph import Graph, from_json
from bpflow.runtime import replies, stages
from bpflow.runtime.answers import Live, World
from bpflow.runtime.chain import Chain
from bpflow.runtime.leases import under
from bpflow.runtime.observing import Doing, Happening, Observers, happening, name_of
from bpflow.runtime.trying import TRIES
from bpflow.services.absences import with_stored
from bpflow.services.directory import EmbeddedDirectory
from bpflow.services.local import LOCAL
from bpflow.services.occasion import Occasion
from bpflow.services.secrets import kept
from bpflow.stores.absent import Absences
from bpflow.stores.contract import Caller, Conflict, InstanceRow, Snapshot, Standing, Store, StoreError, Work

CACHED = 4096
"""How many decoded states are kept."""
WRITERS = frozenset({"absence", "documents.create", "documents.update"})
"""The local services after which what is around the instance must be read again."""
READERS = frozenset({"documents.find"})
"""The local services that evaluate expressions, and so ask what expressions ask."""
LOCKS = 64
"""How many locks the threads of a program share."""


class Unreadable(Refused):
    """What is stored of an instance cannot be read: written by another bpflow, or damaged."""


class NobodyListens(Exception):
    """The state knows nothing of the wait that a message was for; nothing was written."""


class Held(Standing):
    """An instance as it was loaded or last written here."""

    program: Program
    state: State | None
    written: Written = field(default_factory=Written)
    told: Happening | None = None
    """What there is to be told of it as soon as it is written."""

    def task(self, token: int, visit: int) -> Token | None:
        """The token of a task that is open."""
        at = self.state.tokens.get(token) if self.state is not None else None
        return at if at is not None and at.visit == visit and at.node in self.program.asked else None


class Turn(Struct):
    """What one event has done so far, local services included."""

    done: Transition
    events: list[Any] = []
    outgoing: list[CallOut] = []
    picked: dict[User, int] = {}

    def then(self, later: Transition, event: list[Any]) -> None:
        """Adds what the answer of a local service has done."""
        done = self.done
        done.effects.then(later.effects)
        self.done = Transition(later.state, done.effects, done.facts + later.facts, done.touched | later.touched, done.renamed | later.renamed)
        self.events.append(event)


class Runner(Struct, eq=False):
    """Changes instances of one store."""

    store: Store
    world: World
    programs: dict[int, Program] = {}
    chain: Chain = field(default_factory=Chain)
    origins: dict[int, bytes] = {}
    newest: dict[str, tuple[int, int]] = {}
    """What new instances of a process get, and as of which end of the log of deployments, as it was read last."""
    cache: OrderedDict[int, Held] = field(default_factory=OrderedDict)
    observers: Observers | None = None
    """Those who watch, if there are any."""
    left: bool = True
    """Whether a transaction has left something to be told or sent since the drain looked last."""
    locks: list[Lock] = field(default_factory=lambda: [Lock() for _ in range(LOCKS)])
    """What is cached of an instance is changed by one thread at a time: elsewhere than on SQLite the store does not see to that."""
    people: EmbeddedDirectory | None = None
    """The directory of the workspace, as its file has it."""
    mark: int = 0  # of the absences in `world`

    def __post_init__(self) -> None:
        directory = self.world.directory
        self.people = directory if isinstance(directory, EmbeddedDirectory) else None

    def around(self, reader: Absences) -> World:
        """What is around the instances, with the absences that are in the store by now; these are read again only after a change."""
        if self.people is None:
            return self.world
        if (mark := reader.absence_mark()) != self.mark:
            self.world = replace(self.world, directory=with_stored(self.people, reader.absences()))
            self.mark = mark
        return self.world

    def unit(self, owner: int | None = None, anew: bool = False) -> AbstractContextManager[Work]:
        """A unit of work, under the leases under which this thread works."""
        return self.store.begin(owner, under.get(), anew)

    # ── loading ────────────────────────────────────────────────────────────────────────────────────────────────────
    def program(self, definition: int) -> Program:
        """The program of a stored definition, made once."""
        if definition not in self.programs:
            program = Program(from_json(self.store.definition(definition).graph))
            self.world = self.world.with_types(program.graph.documents)
            self.programs[definition] = program
        return self.programs[definition]

    def origin(self, definition: int) -> bytes:
        """What stands before the first link of the histories of a definition."""
        if definition not in self.origins:
            self.origins[definition] = self.chain.origin(self.store.definition(definition).digest)
        return self.origins[definition]

    def load(self, work: Work, id: int) -> Held:
        """The instance, from the cache or the store. UnexpectedEvent if there is none."""
        return self.cache.get(id) or self.opened(id, work.snapshot(id))

    def opened(self, id: int, found: Snapshot | None) -> Held:
        """The instance out of what the store has of it. UnexpectedEvent if that is nothing."""
        if found is None:
            raise self.no_instance(id)
        try:
            program = self.program(found.definition)
            state, written = decode(program, found.root, found.pages)
        except (ValueError, LookupError, TypeError, AttributeError, AssertionError, ExpressionError) as error:
            raise Unreadable(say("instance {id} cannot be read: {reason}", id=id, reason=f"{type(error).__name__}: {error}")) from error
        last = found.history, found.document, found.caller, found.link
        return Held(id, found.owner, found.definition, found.revision, *last, program, state, written)

    def row(self, id: int) -> InstanceRow:
        """The row of the instance. UnexpectedEvent if there is none."""
        row = self.store.instance(id)
        if row is None:
            raise self.no_instance(id)
        return row

    def no_instance(self, id: int) -> UnexpectedEvent:
        """Why there is no such instance."""
        for left in self.store.purged(id - 1, 1):
            if left.instance == id:
                day = f"{left.at:%Y-%m-%d}"
                return UnexpectedEvent(say("instance {id} ended on {ended} and was purged on {day}", id=id, ended=f"{left.ended:%Y-%m-%d}", day=day))
        return UnexpectedEvent(say("there is no instance {id}", id=id))

    def read(self, row: InstanceRow) -> Held:
        """The instance as the row has it, or as it is stored by now; at hand from now on, for who looks at it mostly acts on it next."""
        held = self.cache.get(row.id)
        return held if held is not None and held.revision == row.revision else self.anew(row.id)

    def known(self, id: int) -> Iterator[Held]:
        """The instance as it is cached, and then, if that is not enough, as it is stored. UnexpectedEvent if there is none."""
        cached = self.cache.get(id)
        if cached is not None:
            yield cached
        yield self.anew(id)

    def anew(self, id: int) -> Held:
        """The instance as it is stored, and at hand from now on. UnexpectedEvent if there is none."""
        held = self.opened(id, self.store.snapshot(id))
        self.keep(held)
        return held

    def keep(self, held: Held) -> None:
        """The instance is written, or was read, and is at hand for the next event; of those at hand the one kept longest ago is forgotten."""
        if held.told is not None:
            self.tell(held)
        self.cache[held.id] = held
        if len(self.cache) > CACHED:
            self.cache.popitem(last=False)

    def tell(self, held: Held) -> None:
        """Observers are told of what is written."""
        told, held.told = held.told, None
        if told is not None and self.observers is not None:
            self.observers.happened(told._replace(seconds=time.perf_counter() - told.seconds))

    def set_aside(self, id: int, error: Exception, at: datetime) -> None:
        """Leaves an instance alone that cannot go on by a fault of bpflow. Raises the fault where there is no such instance."""
        self.cache.pop(id, None)
        reason = str(error) if isinstance(error, Unreadable) else f"{type(error).__name__}: {error}"
        if not self.store.set_aside(id, at, reason):
            raise error
        if self.observers is not None:
            self.observers.set_aside(id, error)

    # ── one event of one instance ──────────────────────────────────────────────────────────────────────────────────
    def happen(self, id: int, event: Event, depth: int = 0, also: Callable[[Work], bool] | None = None, doing: Doing | None = None) -> State:
        """Works `event` into the instance, in one transaction, with `also` in it (False from it: leave all as it is); gives the state after it.

        Raises UnexpectedEvent, NotAllowed or InvalidAnswer if it is refused; then nothing has changed.
        """
        if self.observers is not None and doing is None:
            doing = Doing("event", name_of(event), id)
            return self.observers.during(doing, partial(self.happen, id, event, depth, also, doing))
        with self.locks[id % LOCKS]:
            for _ in TRIES:
                cached, revision = self.cache.pop(id, None), 0  # whoever changes it has it alone: other threads read the store
                try:
                    with self.store.begin(cached.owner if cached else None, under.get(), True) as work:
                        held = cached or self.opened(id, work.snapshot(id))
                        revision = held.revision
                        if doing is not None:
                            doing.process = held.program.graph.process
                        if also is not None and not also(work):
                            assert held.state is not None
                            return held.state
                        state = self.write(work, held, event, depth)
                        if work.left:
                            self.left = True
                except Conflict:
                    continue
                except Refused as refused:
                    if cached is None or (isinstance(refused, StoreError) and not self._is_stale(id, revision)):
                        raise
                    continue  # it may have been known as it is no more
                self.keep(held)
                return state
        raise Conflict(id)

    def _is_stale(self, id: int, revision: int) -> bool:
        row = self.store.instance(id)
        return row is not None and row.revision != revision

    def write(self, work: Work, held: Held, event: Event, depth: int) -> State:
        """Runs the event and writes what it did; `held` is then as it was written. Should that fail, nobody may use it any more."""
        began = 0.0 if self.observers is None else time.perf_counter()
        id, owner, program = held.id, held.owner, held.program
        event = kept(work, owner, id, event)
        turn = self.run(work, held, event, depth)
        done = turn.done
        state, effects = done.state, done.effects
        if state is held.state:
            self.pass_by(work, held, event)
            return state
        out = encode(program, state, held.written, done.touched, done.renamed)
        history = encode_history(turn.events, done.facts)
        link = self.chain.link(held.link, owner, id, held.revision + 1, out.at, history)
        row = work.save(held, state, out, history, link, self.chain.seal(link, out.root))
        work.index(id, owner, held.definition, effects, state.at)
        if turn.outgoing or effects.withdrawn or state.status in OVER:
            leave(work, held, turn, event, depth)
        if self.observers is not None:
            held.told = happening(id, program.graph.process, held.revision + 1, event, held.state, state, done.touched, began)
        held.revision += 1
        held.state, held.history, held.link = state, row, link
        return state

    def pass_by(self, work: Work, held: Held, event: Event) -> None:
        """The event is nothing to the state. Conflict if it may be something to a newer one; NobodyListens if it was a message."""
        if work.revision(held.id) != held.revision:
            raise Conflict(held.id)
        if isinstance(event, TimerFired):
            work.index(held.id, held.owner, held.definition, stale(event), event.at)
        if isinstance(event, Arrived):
            raise NobodyListens

    def run(self, work: Work, held: Held, event: Event, depth: int) -> Turn:
        """Advances the event, then the answers of local services, until only remote calls are left."""
        before, live = held.state, Live(self.around(work))
        if held.document is not None:
            self.read_own(work, held.document, live)
        done = self.advance(work, held, before, event, live)
        if before is not None and not done.facts and is_same(before, done):
            return Turn(replaced(done, state=before))
        turn = Turn(done, [encode_event(event, live.used.values(), done.state.at)])
        answers = self.served(work, held, turn, done.effects.calls, live, depth) if done.effects.calls else []
        for answer in answers:  # which grow by those to what an answer leads to
            live.used.clear()
            done = self.advance(work, held, done.state, answer, live)
            turn.then(done, encode_event(answer, live.used.values(), done.state.at))
            answers += self.served(work, held, turn, done.effects.calls, live, depth)
        return turn

    def served(self, work: Work, held: Held, turn: Turn, calls: Sequence[CallOut], live: Live, depth: int) -> list[Event]:
        """Calls are worked that are for services of the house, and their answers given; the others go out."""
        answers: list[Event] = []
        for call in calls:
            if not self.is_local(work, held, call):
                turn.outgoing.append(call)
                continue
            answers += self.perform(work, held, turn, call, depth)
            if call.service in WRITERS:
                live.world = self.around(work)
                live.documents.clear()
                if held.document is not None:
                    self.read_own(work, held.document, live)
        return answers

    def read_own(self, work: Work, document: Document, live: Live) -> None:
        """The document of the instance is at hand from the beginning: most events ask for it."""
        live.documents[document.id] = work.document(document.id)

    def advance(self, work: Work, held: Held, state: State | None, event: Event, live: Live) -> Transition:
        """One event; what it asks and is not at hand is read in this unit of work, and it is advanced again."""
        while True:
            try:
                return advance(held.program, state, event, live)
            except Unanswered as unanswered:
                live.learn(unanswered.question, work.document, self.store.open_tasks)

    # ── local services ─────────────────────────────────────────────────────────────────────────────────────────────
    def is_local(self, work: Work, held: Held, call: CallOut) -> bool:
        """Whether the service works inside this transaction: those of the house do, on what has the same owner."""
        if call.service != "documents.update":
            return call.service in LOCAL
        target = call.arguments.get("document")
        if not isinstance(target, Document):
            return True
        if stages.ENTERS not in call.arguments and self.moved_by(work, target, stages.values_set(call.arguments), held.id):
            return False  # the document of another pipeline is moved in a transaction of that one
        if target == held.document:
            return True
        row = work.document(target.id)
        return row is None or row.owner == held.owner

    def perform(self, work: Work, held: Held, turn: Turn, call: CallOut, depth: int) -> list[Event]:
        """Runs a local service, unless its token is gone; gives the event of its answer, if anybody waits for it."""
        state, id, visit = turn.done.state, call.token, call.visit
        token = state.tokens.get(id)
        if call.wait and (token is None or token.visit != visit):
            return []
        node = token.node if token is not None else ""
        by_chance = (state.seed, node, id, visit) if token is not None else ()
        occasion = self.occasion(work, held.owner, held.id, held.program, state.at, depth, node, by_chance, f"{held.id}.{id}.{visit}", turn)
        if call.service in READERS:
            occasion.ask = partial(self.asked, work, Live(self.around(work)))
        try:
            if held.document is not None:
                stages.check_own(work, held.program.graph, held.document, call)
            values = self.ask_house(call, occasion)
        except Refused as refused:
            if not call.wait:
                raise  # nobody is there to be told, and nothing fails in silence
            return [Failed(state.at, id, visit, call.attempt, refused.message, call.service)]
        return [Done(state.at, id, visit, values, local=True)] if call.wait else []

    def ask_house(self, call: CallOut, occasion: Occasion) -> dict[str, Value]:
        """What a service of the house gives. Raises what it raises."""
        if self.observers is None:
            return LOCAL[call.service](occasion, call.arguments)
        doing = Doing("service", call.service, occasion.instance, occasion.process, occasion.key, call.attempt)
        return self.observers.during(doing, lambda: LOCAL[call.service](occasion, call.arguments))

    def moved_by(self, work: Work, document: Document, values: Mapping[str, Value], but: int = 0) -> stages.Moving | None:
        """The move that a change of fields is, where the document is in a pipeline (that of another instance than `but`)."""
        id = work.running(stages.pipeline_of(document)) if values else None
        if id is None or id == but:
            return None
        return stages.moving(id, self.load(work, id).program.graph, work.document(document.id), values)

    def occasion(
        self,
        work: Work,
        owner: int,
        instance: int,
        program: Program,
        at: datetime,
        depth: int,
        node: str = "",
        chance: tuple[Value, ...] = (),
        key: str = "",
        turn: Turn | None = None,
    ) -> Occasion:
        world, graph = self.around(work), program.graph
        around = world.types, world.directory, world.calendar
        done = (turn.done.effects, turn.picked) if turn is not None else ()
        return Occasion(work, owner, instance, graph.process, at, graph.timezone, *around, depth, node, chance, key, *done)

    def asked(self, work: Work, live: Live, question: Question) -> Value:
        """What a service asks that evaluates expressions, read in its unit of work."""
        if len(live.used) > CACHED or len(live.documents) > CACHED:
            live.used.clear()
            live.documents.clear()
        while True:
            try:
                return live.ask(question)
            except Unanswered as unanswered:
                live.learn(unanswered.question, work.document, self.store.open_tasks)

    # ── beginning ──────────────────────────────────────────────────────────────────────────────────────────────────
    def begin(
        self,
        work: Work,
        definition: int,
        document: Document | None,
        inputs: dict[str, Value],
        by: User | None,
        at: datetime,
        depth: int = 0,
        trouble: Message | None = None,
        caller: Caller | None = None,
        catches: tuple[str, ...] = (),
        alone: str = "",
        number: int | None = None,
        owner: int | None = None,
        deployed: int | None = None,
    ) -> Held | None:
        """Starts an instance in a unit of work, with the call that it answers when it ends, and the errors that are taken there. None if its
        process runs on the document already and is to run once, or another pipeline does. `alone`: the step that is all of it · `number`: that
        was kept for it · `owner`: where it has no document · `deployed`: Conflict if more has been deployed since."""
        program = self.program(definition)
        exclusive = stages.exclusive(program.graph, document) if document and not alone else None
        if document is not None:
            row = work.document(document.id)
            owner = row.owner if row else None
        made = work.new_instance(definition, document, at, exclusive, owner, caller, number, deployed)
        if made is None:
            return None
        id, owner = made
        held = Held(id, owner, definition, 0, None, document, caller, self.origin(definition), program, None)
        event = Started(at, by, document, inputs, id, trouble, catches, alone)
        if self.observers is not None:
            self.observers.during(Doing("event", "started", id, program.graph.process), lambda: self.write(work, held, event, depth))
        else:
            self.write(work, held, event, depth)
        return held


def leave(work: Work, held: Held, turn: Turn, event: Event, depth: int) -> None:
    """What the event leaves to be done by others: calls to be sent, and, where the instance is over that was to be the only one, the next."""
    at, calls = turn.done.state.at, outgoing(work, held, turn, event)
    if calls:
        work.send(held.id, held.owner, held.definition, calls, at, depth)
    if turn.done.state.status in OVER and (held.program.graph.unless_running or held.program.stages):
        begin_next(work, held, at)


def begin_next(work: Work, held: Held, at: datetime) -> None:
    """The instance is over that was to be the only one: messages that start the next are to be looked at again."""
    for name in starts_by(held.program.graph):
        work.messages.look(held.owner, name, at)


def starts_by(graph: Graph) -> list[str]:
    """The names of the messages by which a process starts."""
    return [start.name for start in graph.starts if start.on == "message"]


def outgoing(work: Work, held: Held, turn: Turn, event: Event) -> list[CallOut]:
    """The calls that the event leaves to be sent: those that are still waited for, the ends of called instances that are waited for no
    longer, and, where this one is over, the answer to its caller, unless it was he who has ended it."""
    withdrawn = set(turn.done.effects.withdrawn)
    calls = [c for c in turn.outgoing if not (c.wait and (c.token, c.visit) in withdrawn)]
    calls += [replies.cancel(child, token, visit) for token, visit in sorted(withdrawn) for child in work.uncalled(held.id, token, visit)]
    if held.caller and turn.done.state.status in OVER and not (isinstance(event, Cancel) and event.caller):
        calls.append(replies.answer(held.caller, turn.done.state))
    return calls


def stale(event: TimerFired) -> Effects:
    """The row of a timer that the state does not know goes."""
    effects = Effects()
    put_row(effects.timers, (event.holder, event.arm), event.due, None)
    return effects
