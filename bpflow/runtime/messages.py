"""Messages: each reaches one receiver, once. The oldest wait gets it, else a process that starts by it, else it is kept.

The law of this file: each transaction is of the message or of its receiver, never of both. A message is addressed first, so that there is
one who may receive it; he has it only while it is addressed to him, and notes in the same transaction that he has; then it goes. Whoever
finds it addressed goes on where another has broken off. It is addressed to somebody else only when it is sure that he has not received it.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial

from bpflow.diagnostics import Message, Refused, say
from bpflow.engine.codec import dumps, loads
from bpflow.engine.events import Arrived
from bpflow.engine.program import Program
from bpflow.expressions import ExpressionError, parse_duration
from bpflow.expressions.data import Document, Value
from bpflow.graph import Start, Trigger, Wait
from bpflow.runtime.answers import Live
from bpflow.runtime.clock import Clock
from bpflow.runtime.reading import is_message_name, is_text
from bpflow.runtime.situation import Situation
from bpflow.runtime.starts import Judged, begin_or_hold, document_of
from bpflow.runtime.transaction import Held, NobodyListens, Runner
from bpflow.services.occasion import MAX_DEPTH
from bpflow.services.working_calendar import zone_of
from bpflow.stores.contract import Conflict, Store, StoreError, Work
from bpflow.stores.mail import ListenRow, LookRow, MessageRow, NewMessage
from bpflow.values import Field, InvalidValue, check, read


@dataclass(slots=True)
class Post:
    """Brings messages to their receivers."""

    runner: Runner
    clock: Clock

    def look(self, row: LookRow) -> None:
        """Looks again at the messages for which somebody has begun to wait, or by which a process would start now."""
        store = self.runner.store
        if row.key is None:
            for message in store.messages(name=row.name):
                if message.until is None or message.until > row.at:
                    self.deliver(message)
        else:
            while (wanted := store.wanted(row.name, row.key)) is not None:
                self.deliver(wanted)
        with self.runner.unit(row.owner) as work:
            work.messages.looked(row)

    def deliver(self, message: MessageRow) -> None:
        """Brings a message to its receiver; without one it rests until somebody begins to wait for it."""
        row, tried = self.runner.store.message(message.id), False
        while row is not None:
            if row.receiver is None:
                if not self.address(row, starts=not tried):
                    return
            elif row.listen is not None:
                self.settle(row, self.hand_over(row, row.listen))
            else:
                self.settle(row, any(self.begin(row, *start) for start in self.starts(row)))
                tried = True
            row = self.runner.store.message(message.id)

    def address(self, message: MessageRow, starts: bool) -> bool:
        """Addresses a message to whoever comes first; one that nobody receives rests. False then."""
        listen = self.runner.store.receiver(message.id)
        there = listen is not None or (starts and any(self.would_begin(message, *start) for start in self.starts(message)))
        if there or message.fresh:
            with self.runner.unit(message.owner) as work:
                work.messages.address(message, listen) if there else work.messages.rest(message)
        return there

    def settle(self, message: MessageRow, received: bool) -> None:
        """The message goes if it was received, else it is addressed to nobody."""
        with self.runner.unit(message.owner) as work:
            if not received and work.messages.stands(message):
                received = self.has(work, message)  # another may have handed it over meanwhile
                if not received:
                    work.messages.release(message)
            if received:
                work.messages.take(message)

    def has(self, work: Work, message: MessageRow) -> bool:
        """Whether the receiver has the message: the instance has begun by it, or has noted it."""
        assert message.receiver is not None
        receiver = work.instance(message.receiver)
        return receiver is not None and (message.listen is None or work.worked(receiver.owner, key_of(message)) is not None)

    def hand_over(self, message: MessageRow, by: int) -> bool:
        """Gives the message to who waits for it. False if he does not any more, or it is not addressed to him."""
        listen = self.runner.store.listening(by)
        if listen is None:
            return False
        now, received = self.clock.now(), False

        def receive(work: Work) -> bool:
            nonlocal received
            received = work.worked(listen.owner, key_of(message)) is not None
            if received or not work.messages.stands(message):
                return False
            work.remember(listen.owner, key_of(message), b"", now)
            received = True
            return True

        event = Arrived(now, listen.holder, listen.arm, self.typed(message, listen), visit=listen.visit)
        try:
            self.runner.happen(listen.instance, event, also=receive)  # who has waited begins a new chain of changes
        except (StoreError, Conflict):
            raise
        except NobodyListens:
            with self.runner.unit(listen.owner) as work:
                work.messages.unlisten(listen.instance, listen.holder, listen.arm)
            return False
        except Exception as error:
            self.runner.set_aside(listen.instance, error, self.clock.now())
            return False
        return received

    def typed(self, message: MessageRow, listen: ListenRow) -> dict[str, Value]:
        """The values, read by the fields that the receiver has declared."""
        for held in self.runner.known(listen.instance):
            trigger = trigger_of(held, listen)
            if trigger is not None:
                return by_fields(dict(trigger.form), message.values, held.program.graph.timezone)
        return dict(message.values)

    # ── starts ─────────────────────────────────────────────────────────────────────────────────────────────────────
    def starts(self, message: MessageRow) -> Iterator[tuple[int, Program, Start]]:
        """The starts by such a message, of all that is deployed."""
        for definition in self.runner.store.deployed():
            program = self.runner.program(definition.id)
            for start in program.graph.starts:
                if (start.on, start.name) == ("message", message.name):
                    yield definition.id, program, start

    def would_begin(self, message: MessageRow, _: int, program: Program, start: Start) -> bool:
        """Whether the condition of the start seems to hold; a fault of bpflow is looked into when the instance begins."""
        try:
            return self.judged(self.runner.store, message, program, start, None).begins
        except (StoreError, Conflict):
            raise
        except Exception:
            return True

    def begin(self, message: MessageRow, definition: int, program: Program, start: Start) -> bool:
        """Begins the instance to which the message is addressed, if the condition of the start holds, and it has not begun. One that cannot
        begin by a fault of bpflow begins in doubt, held at its first step, so that the others go on."""
        held = begin_or_hold(partial(self.begin_once, message, definition, program, start))
        if held is not None:
            self.runner.keep(held)
        return held is not None

    def begin_once(self, message: MessageRow, definition: int, program: Program, start: Start, doubt: Message | None) -> Held | None:
        """The instance, in a transaction of its owner; None if it does not begin, or has begun."""
        store, number = self.runner.store, message.receiver
        assert number is not None
        before = self.judged(store, message, program, start, doubt)
        row = store.document(before.document.id) if before.document else None
        with self.runner.unit(row.owner if row else number) as work:
            if not before.begins or not work.messages.stands(message) or work.revision(number) is not None:
                return None
            judged = self.judged(work, message, program, start, doubt)  # now that nobody changes what it reads of its own
            if not judged.begins:
                return None
            if judged.document != before.document:
                raise Conflict(number)
            depth = message.depth + 1
            held = self.runner.begin(work, definition, judged.document, judged.inputs, None, self.clock.now(), depth, judged.trouble, number=number)
            self.runner.left = self.runner.left or work.left
        return held

    def judged(self, reader: Store | Work, message: MessageRow, program: Program, start: Start, doubt: Message | None) -> Judged:
        """Whether an instance begins, on which document and with which inputs. A condition that cannot be evaluated is an incident."""
        if doubt is not None:
            return Judged(True, {}, doubt)
        graph = program.graph
        said: dict[str, Value] = by_fields(dict(start.form), message.values, graph.timezone)
        names: dict[str, Value] = {"message": said, "key": message.key, "document": None, "initiator": None}
        situation = Situation(names, self.clock.now(), graph.timezone, Live(self.runner.around(reader)), reader)
        inputs: dict[str, Value] = {}
        trouble: Message | None = None
        if message.depth >= MAX_DEPTH:
            trouble = say("messages start processes in each other more than {bound} deep", bound=MAX_DEPTH)
        try:
            for name, field in start.form:
                check(field, said[name])
            names["document"] = document_of(reader, graph, program.code(start.document)(situation) if start.document else None)
            if start.when is not None and program.code(start.when)(situation) is not True:
                return Judged(False, inputs)
            inputs = inputs_of(program, start, situation)
        except Refused as refused:
            trouble = say("the start condition cannot be evaluated: {reason}", reason=refused.message)
        document = names["document"] if isinstance(names["document"], Document) else None
        return Judged(True, inputs, trouble, document)


def key_of(message: MessageRow) -> str:
    """The key by which a receiver notes that he has a message."""
    return f"received/{message.id}"


def owner_from_outside(id: str | None) -> int:
    """The owner of a message from outside: its own, the same for the same `id`; no number of an instance or a document."""
    digest = hashlib.blake2b((id if id is not None else uuid.uuid4().hex).encode(), digest_size=8).digest()
    return -1 - (int.from_bytes(digest) >> 1)


def trigger_of(held: Held, listen: ListenRow) -> Trigger | None:
    """What the arm waits for, if the instance as it is held knows of it."""
    state = held.state
    token = state.tokens.get(listen.holder) if state else None
    if token is not None and token.visit == listen.visit:
        node = held.program.nodes[token.node]
        return node.arms[listen.arm][0] if isinstance(node, Wait) else None
    scope = state.scopes.get(listen.holder) if state else None
    return held.program.handlers[scope.block][listen.arm].trigger if scope is not None else None


def by_fields(fields: Mapping[str, Field], values: Mapping[str, Value], zone: str) -> dict[str, Value]:
    """The values read by their fields, those that are missing as none; one that cannot be read stays, for the receiver to judge."""
    found = dict(values)
    for name, field in fields.items():
        try:
            found[name] = read(field, values.get(name), zone_of(zone))
        except InvalidValue:
            continue
    return found


def inputs_of(program: Program, start: Start, situation: Situation) -> dict[str, Value]:
    """The inputs that the start gives, read by their fields. Refused if one is wrong or missing."""
    given, found = dict(start.give), {}
    for name, field in program.graph.inputs:
        if name in given:
            found[name] = read(field, program.code(given[name])(situation), zone_of(program.graph.timezone))
            check(field, found[name])
        elif field.required and field.default is None:
            raise Refused(say('"{field}" must be filled', field=field.title or name))
    return found


# ── from outside ────────────────────────────────────────────────────────────────────────────────────────────────────
def new_message(
    runner: Runner, zone: str, now: datetime, message: str, key: object, values: Mapping[str, object], keep: str | None, id: str | None = None
) -> NewMessage:
    """A message that somebody outside sends, under an `id` or without. Refused if it cannot be one."""
    if not is_message_name(message):
        raise Refused(say('"{name}" cannot be the name of a message: small Latin letters, digits, "-" and "_"', name=message))
    if key == "":
        raise Refused(say('the key of the message "{name}" is empty', name=message))
    typed = {name: value_of(value) for name, value in values.items()}
    return NewMessage(owner_from_outside(id), message, value_of(key), typed, now, kept_until(runner, zone, now, keep))


def kept_until(runner: Runner, zone: str, now: datetime, keep: str | None) -> datetime | None:
    """Until when a message waits for a receiver."""
    if keep is None:
        return None
    try:
        length = parse_duration(keep)
    except ExpressionError as error:
        raise Refused(error.message) from error
    until = runner.world.calendar.answer("add", (now, length, zone))
    assert isinstance(until, datetime)
    return until


def value_of(raw: object) -> Value:
    """What a program has given, as a value. Refused if it is none."""
    if isinstance(raw, float):
        return Decimal(str(raw))
    if isinstance(raw, Mapping):
        return {str(name): value_of(one) for name, one in raw.items()}
    if isinstance(raw, list | tuple):
        return [value_of(one) for one in raw]
    try:
        if not is_text(raw):
            raise ValueError(raw)
        value: Value = loads(dumps(raw))
    except (TypeError, ValueError) as error:
        raise Refused(say("{value} is not a value", value=repr(raw))) from error
    return value
