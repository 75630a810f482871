"""`Engine`: bpflow inside a program.

As short as it can be:

    engine = open_engine("sqlite:///bpflow.db", "processes")
    engine.deploy_workspace()
    instance = engine.start("vacation", by="ivanov")
    engine.work()
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from copy import copy
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from bpflow.definition.step import Step
from bpflow.diagnostics import Refused, Severity, say
from bpflow.engine.events import Answered, Event
from bpflow.engine.forms import button
from bpflow.engine.state import State
from bpflow.engine.transition import UnexpectedEvent
from bpflow.expressions.data import Document, User, Value
from bpflow.graph import Graph, to_json
from bpflow.loading import Loaded, LoadedWorkspace, load_workspace
from bpflow.runtime import commands as pressing
from bpflow.runtime import forms as filling
from bpflow.runtime import reading, ticking
from bpflow.runtime.absences import Absent
from bpflow.runtime.access import Operators, Policy, asks
from bpflow.runtime.answers import World, world_of
from bpflow.runtime.beginning import Beginning
from bpflow.runtime.chain import chain_on
from bpflow.runtime.clock import Clock, SystemClock
from bpflow.runtime.deploying import Deployed, NotDeployable
from bpflow.runtime.documents import Desk, Imported
from bpflow.runtime.drain import Drain, Worked
from bpflow.runtime.forms import FormView
from bpflow.runtime.hands import Hands
from bpflow.runtime.joining import Connection, joined
from bpflow.runtime.keeping import Keeping
from bpflow.runtime.leases import LEASE, Watch, stand_by
from bpflow.runtime.messages import new_message
from bpflow.runtime.observing import Doing, Observer, Observers
from bpflow.runtime.opened import open_task
from bpflow.runtime.opening import declared
from bpflow.runtime.operating import Operating
from bpflow.runtime.part import user
from bpflow.runtime.pipelines import Pipelines
from bpflow.runtime.records import note
from bpflow.runtime.rounds import Rounds
from bpflow.runtime.seeing import Seeing
from bpflow.runtime.starts import schedules_of
from bpflow.runtime.transaction import Runner, starts_by
from bpflow.runtime.trying import again
from bpflow.runtime.worker import CALLS, GRACE, Worker, do_a_pass
from bpflow.services.registry import Services
from bpflow.services.request import Registered
from bpflow.services.working_calendar import zone_of
from bpflow.stores.contract import Conflict, DeploymentRow, DocumentRow, Store, StoreError, Work
from bpflow.stores.mail import MessageRow
from bpflow.values import DocumentType


def open_engine(
    url: str = "sqlite:///bpflow.db",
    workspace: str | Path | LoadedWorkspace | None = None,
    clock: Clock | None = None,
    services: Mapping[str, Registered] | None = None,
    activities: Mapping[str, type[Step]] | None = None,
    history_key: bytes | None = None,
    policy: Policy | None = None,
) -> Engine:
    """An engine on the store that `url` names: `sqlite:///file.db`, `sqlite:///file.db?sync=normal` or `:memory:`.

    `workspace`: the folder with processes, document types and the directory · `services`: the program's own, by the names by which
    processes call them (functions, HttpService), before those that the workspace declares · `activities`: the program's own, by name, for the
    processes of that folder · `history_key`: with which the histories are chained, so that nobody without it can change them unseen; a new
    database takes it, and needs it from then on · `policy`: who may do what, in place of the operators that the workspace names. Raises
    StoreError, or Refused if there is no such folder, or something given cannot be a service.
    """
    from bpflow.services.annotations import service_type
    from bpflow.stores import open_store

    if isinstance(workspace, str | Path) and not Path(workspace).is_dir():
        raise Refused(say('there is no folder "{folder}"', folder=str(workspace)))
    types = {name: service_type(name, one) for name, one in (services or {}).items()}
    loaded = load_workspace(workspace, activities=activities, services=types) if isinstance(workspace, str | Path) else workspace
    return Engine(open_store(url), loaded, clock, {**declared(loaded), **(services or {})}, history_key, policy)


class Engine(Beginning, Seeing, Hands, Pipelines, Operating, Absent, Keeping):
    """Runs processes on a store. Every call is a transaction; what a call raises as Refused has changed nothing.

    People are named by their ids, documents as `type:17`, tasks by the ids that `tasks` gives, instances by number.

    `by`, where a call takes it, is who makes it: what he may do, the definition says and the `policy`; without it the program itself does it,
    which is trusted. NotAllowed changes nothing.

    `connection`, where a call takes one: the program's own connection to the same database, sqlite3's to the same file or psycopg's to the same
    PostgreSQL. The call is then a part of the transaction on it, and comes about with its commit; what it leaves to be told or sent waits
    until then, for the next `work`, a worker, or `tell`. StoreError if the connection cannot be used so.
    """

    def __init__(
        self,
        store: Store,
        workspace: LoadedWorkspace | None = None,
        clock: Clock | None = None,
        services: Mapping[str, Registered] | None = None,
        history_key: bytes | None = None,
        policy: Policy | None = None,
    ) -> None:
        self.store = store
        self.clock: Clock = clock or SystemClock()
        self.workspace = workspace
        self.runner = Runner(store, world_of(workspace), chain=chain_on(store, history_key))
        types = {name: service.type for name, service in workspace.settings.services.items()} if workspace else {}
        operators = frozenset(workspace.settings.operators) if workspace else frozenset()
        self.policy = policy or (Operators(operators, lambda: self.world) if operators else None)
        self._joins = False
        self._drain = Drain(self.runner, self.clock, Services(services or {}, types, self._zone(), store.secret))
        self._watch = Watch()

    @property
    def world(self) -> World:
        """What is around the instances: document types, the directory, the working calendar."""
        return self.runner.world

    def close(self) -> None:
        """Closes the store."""
        self.store.close()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _joined(self, store: AbstractContextManager[Store]) -> Iterator[Engine]:
        """This engine in a transaction that somebody else ends: nobody is told of anything before."""
        with joined(self.runner, store) as runner:
            engine = copy(self)
            engine.store, engine.runner, engine._drain, engine._joins = runner.store, runner, replace(self._drain, runner=runner), True
            yield engine

    def _within(self, connection: object) -> AbstractContextManager[Engine]:
        return self._joined(self.store.within(connection))

    # ── definitions ────────────────────────────────────────────────────────────────────────────────────────────────
    def deploy(self, loaded: Loaded) -> Deployed:
        """Makes a loaded process the one that new instances get. Raises NotDeployable if it has errors."""
        graph = loaded.graph
        if graph is None or any(finding.severity is Severity.ERROR for finding in loaded.findings):
            raise NotDeployable(loaded)
        return self.deploy_graph(graph, "\n".join(loaded.sources.values()))

    def deploy_graph(self, graph: Graph, source: str = "") -> Deployed:
        """The same for a graph that was made otherwise."""
        before = {row.process: row.digest for row in self.store.deployed()}
        now = self.clock.now()
        self.store.deploy(graph.process, graph.digest, to_json(graph), source, now, tuple(schedules_of(graph, now)), starts_by(graph))
        row = self._deployed(graph.process)
        self.runner.program(row.id).warm()
        self.runner.left = True
        return Deployed(row.process, row.digest, row.version, before.get(graph.process) != row.digest)

    def undeploy(self, process: str) -> None:
        """No new instances of a process are begun, by hand or otherwise; those that run go on. Refused if it is not deployed."""
        self._deployed(process)
        self.store.undeploy(process)

    def deploy_workspace(self) -> list[Deployed]:
        """Deploys every process of the workspace. Refused, before any is deployed, if there is an error in the workspace."""
        if self.workspace is None:
            return []
        for loaded in self.workspace.processes.values():
            if loaded.graph is None:
                raise NotDeployable(loaded)
        for finding in self.workspace.findings:
            if finding.severity is Severity.ERROR:
                raise Refused(say("{place}: {reason}", place=str(finding.span), reason=finding.message))
        return [self.deploy(loaded) for loaded in self.workspace.processes.values()]

    def _deployed(self, process: str) -> DeploymentRow:
        found = self.store.deployment(process)
        if found is None:
            known = ", ".join(row.process for row in self.store.deployed()) or "–"
            raise Refused(say('the process "{process}" is not deployed; deployed are: {known}', process=process, known=known))
        return found

    def graph(self, process: str) -> Graph:
        """The graph that new instances of a process get."""
        return self.runner.program(self._deployed(process).id).graph

    # ── tasks ──────────────────────────────────────────────────────────────────────────────────────────────────────
    @asks("see")
    def form(
        self, task: str, *, by: str | None = None, outcome: str | None = None, values: Mapping[str, object] | None = None, comment: str | None = None
    ) -> FormView:
        """The form of an outcome (without one, of the first) by what is filled in so far: what is asked for, what may be chosen, what is wrong.

        A field that `values` does not name holds what is offered. UnexpectedEvent if the task is closed, InvalidAnswer if it has no such form.
        """
        return filling.of_task(self.runner, reading.task_id(task), outcome, filling.Filled(values or {}, user(by), comment), self.clock.now())

    @asks("answer")
    def answer(
        self,
        task: str,
        *,
        by: str,
        outcome: str | None = None,
        values: Mapping[str, object] | None = None,
        comment: str | None = None,
        connection: Connection | None = None,
    ) -> None:
        """Answers a task: `values` are those of the outcome's form, as text, plain data or typed. Without `outcome`, the first.

        Raises UnexpectedEvent (the task is closed), NotAllowed (it is not his), InvalidAnswer (the form; `field` says which).
        """
        id, token, visit = reading.task_id(task)
        typed: dict[str, Value] = {}
        if values or not outcome:
            held, at = open_task(self.runner, id, token, visit)
            form = button(held.program.asked[at.node].forms, outcome or None)
            outcome = form.name
            typed = reading.read_form(dict(form.fields), values or {}, zone_of(held.program.graph.timezone))
        try:
            self._happen(id, Answered(self.clock.now(), User(by), token, visit, outcome, typed, reading.comment_of(comment)))
        except UnexpectedEvent:
            open_task(self.runner, id, token, visit)  # says so if it is closed, be the instance over or not
            raise

    @asks("answer")
    def tick(self, task: str, item: str | int, *, by: str, done: bool = True, connection: Connection | None = None) -> None:
        """Ticks an item of a task's checklist off, by its text or its number from 1 on, or with `done` false takes that back.

        Raises UnexpectedEvent (the task is closed, there is no such item, it is so already), NotAllowed (it is not his).
        """
        self._happen(*ticking.event_of(self.runner, ticking.Tick(task, item, by, done), self.clock.now()))

    # ── commands ───────────────────────────────────────────────────────────────────────────────────────────────────
    def commands(self, instance: int, by: str | None = None) -> list[pressing.CommandView]:
        """The commands that can be pressed now, those that are for a person or all; the oldest first. UnexpectedEvent if there is no such instance."""
        found = pressing.commands(self.runner, instance, by, self.clock.now())
        return found if self._may("answer", by, instance) else []

    @asks("answer")
    def command(
        self,
        instance: int,
        command: str,
        *,
        by: str,
        values: Mapping[str, object] | None = None,
        comment: str | None = None,
        place: str | None = None,
        connection: Connection | None = None,
    ) -> None:
        """Presses a command: `values` are those of its form, as text, plain data or typed. Where there are several of that name, the
        oldest that is for the person, or the one whose `place`, as `commands` gives it, is named.

        Raises UnexpectedEvent (it is not to be had now), NotAllowed (it is not for him), InvalidAnswer (the form; `field` says which).
        """
        press = pressing.Press(command, by, values or {}, comment, place)
        pressing.press(self.runner, instance, press, self.clock.now(), self._happen)

    @asks("answer")
    def command_form(
        self, instance: int, command: str, *, by: str | None = None, values: Mapping[str, object] | None = None, place: str | None = None
    ) -> FormView:
        """The form of a command by what is filled in so far, as `form` gives that of a task; which command is meant is told as to `command`.
        NotAllowed if it is not for him."""
        press = pressing.Press(command, by or "", {}, None, place)
        return filling.of_command(self.runner, instance, press, filling.Filled(values or {}, user(by)), self.clock.now())

    # ── documents ──────────────────────────────────────────────────────────────────────────────────────────────────
    @asks("change")
    def create_document(self, type: str, fields: Mapping[str, object], by: str | None = None, *, connection: Connection | None = None) -> Document:
        """A new document. Refused with every reason at once."""
        ref = again(partial(self._desk(by).create, self._type(type), fields))
        self._told()
        return ref

    @asks("change")
    def set_document(
        self,
        document: Document | str,
        fields: Mapping[str, object],
        by: str | None = None,
        note: str | None = None,
        *,
        connection: Connection | None = None,
    ) -> DocumentRow:
        """Changes fields of a document, as a person or the program does from outside; then tells it to starts and waiting instances."""
        ref = self._ref(document)
        row = again(partial(self._desk(by).change, self._type(ref.type), ref, fields, note))
        self._told()
        return row

    def _happen(self, id: int, event: Event, also: Callable[[Work], bool] | None = None) -> State:
        """One event, with `also` in its transaction, and what its changes of documents start and wake; gives the state after the event. Calls
        that leave the store wait for `work`."""
        runner = self.runner
        after = runner.happen(id, event, 0, also)
        if runner.left:
            self._told()
        return after

    def _told(self) -> None:
        """Tells what a call has left, as far as that can be done now: the call itself is done, and the rest whoever works next will do."""
        try:
            self.tell()
        except (StoreError, Conflict):
            return
        except Exception as error:  # of whatever kind: the call itself is committed, and to raise would say that it was not done
            note(logging.ERROR, say("something cannot be told by a fault of bpflow; it is left to whoever works next"), {}, error)

    def tell(self) -> int:
        """Tells what waits to be told of changed documents, and brings messages to their receivers; gives how many there were. Where there
        are workers they do so, soon."""
        if self._joins or (self.store.shared and stand_by(self.store, self._watch)):
            return 0
        told = Rounds(self._drain).tell().total
        self.runner.left = bool(self.store.outbox(1))
        return told

    @asks("change")
    def import_documents(
        self, type: str, data: bytes, by: str | None = None, progress: Callable[[int, int], None] | None = None, dry_run: bool = False
    ) -> Imported:
        """Makes documents of the rows of a CSV file, in one transaction; rows that are not right are rejected, each with its reason."""
        done = self._desk(by).import_csv(self._type(type), data, progress, dry_run)
        self._told()
        return done

    def _desk(self, by: str | None) -> Desk:
        return Desk(self.runner, self.clock.now(), self._zone(), by)

    def _type(self, type: str) -> DocumentType:
        if type not in self.world.types:
            for row in self.store.deployed():
                self.runner.program(row.id)  # which may bring it
        if type not in self.world.types:
            raise Refused(say('there is no document type "{type}"; there are: {known}', type=type, known=", ".join(self.world.types) or "–"))
        return self.world.types[type]

    def _ref(self, document: Document | str) -> Document:
        return document if isinstance(document, Document) else reading.document_ref(document)

    def _zone(self) -> Any:
        return zone_of(self.workspace.settings.timezone if self.workspace else "UTC")

    # ── messages ───────────────────────────────────────────────────────────────────────────────────────────────────
    @asks(None)
    def send_message(
        self,
        message: str,
        key: object = None,
        values: Mapping[str, object] | None = None,
        *,
        keep: str | None = None,
        id: str | None = None,
        connection: Connection | None = None,
    ) -> bool:
        """Sends a message to whoever waits for its name and key: the oldest wait, else a process that starts by it; else it is kept.

        `keep`: how long, as `2h` (without it, until somebody receives it; `0h`: only who waits now gets it) · `id`: what was sent with it
        before is not sent again. Gives whether it was sent. Refused if it cannot be a message.
        """
        new = new_message(self.runner, str(self._zone()), self.clock.now(), message, key, values or {}, keep, id)
        with self.store.begin(new.owner) as work:
            if id is not None and work.worked(new.owner, f"message/{id}") is not None:
                return False
            if id is not None:
                work.remember(new.owner, f"message/{id}", b"", new.sent)
            work.messages.add(new)
        self._told()
        return True

    def messages(self) -> list[MessageRow]:
        """The messages that nobody has received yet, those whose time is over among them, the first that was sent first."""
        return self.store.messages()

    # ── going on ───────────────────────────────────────────────────────────────────────────────────────────────────
    def work(self, limit: int | None = None, stop: Callable[[], bool] = lambda: False) -> Worked:
        """Fires what is due, tells changes, sends calls, until nothing is left to do now (or `limit` things are done, or `stop` says so).

        One pass: what other workers have leased is left to them, and all of it where there are such that go on until they are stopped.
        """
        if self.runner.observers is None:
            return do_a_pass(self._drain, limit, stop, self._watch)
        doing = Doing("pass", "work")

        def do() -> Worked:
            done = do_a_pass(self._drain, limit, stop, self._watch)
            doing.done = done.total
            return done

        return self.runner.observers.during(doing, do)

    def observe(self, observer: Observer) -> None:
        """Has an observer told of what is done here from now on: `Logs`, `Traces`, `Metrics`, or the program's own."""
        if self.runner.observers is None:
            self.runner.observers = Observers()
        self.runner.observers.all += (observer,)

    def worker(self, *, calls: int = CALLS, lease: float = LEASE, grace: float = GRACE) -> Worker:
        """A worker of this engine, whose `run` goes on until its `stop`, in a thread of its own if the program likes. Of each service outside
        it asks at most `calls` at a time, in threads.

        `lease`: seconds after which others take over the work of one who gives no sign · `grace`: how many seconds calls under way are
        waited for when it stops. What goes wrong, and is tried again, it tells by the logger `bpflow`.
        """
        return Worker(self._drain, calls, lease, grace)

    def next_due(self) -> datetime | None:
        """When the next timer or the next start on schedule is due; None if there is none."""
        return self.store.next_due()
