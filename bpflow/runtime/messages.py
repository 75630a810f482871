"""Messages: each reaches one receiver, once. The oldest wait gets it, else a process that starts by it, else it is kept.

The law of this file: a message goes in the transaction in which its receiver has it. Whoever is faster than we are is heeded: what was
found before that transaction is looked at again in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from bpflow.diagnostics import Message, Refused, say
from bpflow.engine.codec import dumps, loads
from bpflow.engine.events import Arrived
from bpflow.engine.program import Program
from bpflow.expressions import ExpressionError, parse_duration
from bpflow.expressions.data import Document, Value
from bpflow.graph import Graph, Start, Trigger, Wait
from bpflow.runtime.answers import Live
from bpflow.runtime.clock import Clock
from bpflow.runtime.reading import is_message_name, is_text
from bpflow.runtime.situation import Situation
from bpflow.runtime.starts import document_of, fault_of
from bpflow.runtime.transaction import Held, NobodyListens, Runner
from bpflow.services.occasion import MAX_DEPTH
from bpflow.services.working_calendar import zone_of
from bpflow.stores.contract import Conflict, StoreError, Work
from bpflow.stores.mail import ListenRow, MessageRow, NewMessage
from bpflow.values import Field, InvalidValue, check, read


class CannotBegin(Exception):
    """A process that a message starts cannot begin by a fault of bpflow; nothing was written."""

    def __init__(self, definition: int, trouble: Message) -> None:
        super().__init__(trouble)
        self.definition, self.trouble = definition, trouble


@dataclass(slots=True)
class Post:
    """Brings messages to their receivers."""

    runner: Runner
    clock: Clock

    def deliver(self, message: MessageRow) -> None:
        """Finds the receiver; without one the message rests until somebody begins to wait for it."""
        doubts: dict[int, Message] = {}
        while True:
            try:
                with self.runner.unit() as work:
                    listen = work.messages.receiver(message.id)
                    held = None if listen else self.begin(work, message, doubts)
                    if not listen and not held:
                        work.messages.rest(message.id)
                    self.runner.left = self.runner.left or work.left
            except CannotBegin as broken:
                doubts[broken.definition] = broken.trouble
                continue
            if held:
                self.runner.keep(held)
            if not listen or self.hand_over(message, listen):
                return

    def hand_over(self, message: MessageRow, listen: ListenRow) -> bool:
        """Gives the message to whoever waits for it. False if he does not any more, or another was before him."""
        taken = False

        def take(work: Work) -> bool:
            nonlocal taken
            taken = work.messages.receiver(message.id) == listen and work.messages.take(message.id)
            return taken

        event = Arrived(self.clock.now(), listen.holder, listen.arm, self.typed(message, listen), visit=listen.visit)
        try:
            self.runner.happen(listen.instance, event, also=take)  # who has waited begins a new chain of changes
        except (StoreError, Conflict):
            raise
        except NobodyListens:
            with self.runner.unit() as work:
                work.messages.unlisten(listen.instance, listen.holder, listen.arm)
            return False
        except Exception as error:
            self.runner.set_aside(listen.instance, error, self.clock.now())
            return False
        return taken

    def typed(self, message: MessageRow, listen: ListenRow) -> dict[str, Value]:
        """The values, read by the fields that the receiver has declared."""
        for held in self.runner.known(listen.instance):
            trigger = trigger_of(held, listen)
            if trigger is not None:
                return by_fields(dict(trigger.form), message.values, held.program.graph.timezone)
        return dict(message.values)

    # ── starts ─────────────────────────────────────────────────────────────────────────────────────────────────────
    def begin(self, work: Work, message: MessageRow, doubts: Mapping[int, Message]) -> Held | None:
        """The instance of the first process that starts by such a message, and whose condition holds, or which is one of the `doubts`.
        CannotBegin if it cannot by a fault of bpflow."""
        if not work.messages.there(message.id):
            return None
        for definition in self.runner.store.deployed():
            program = self.runner.program(definition.id)
            for start in program.graph.starts:
                if (start.on, start.name) != ("message", message.name):
                    continue
                held = self.started_or_not(work, message, definition.id, program, start, doubts.get(definition.id))
                if held is not None:
                    work.messages.take(message.id)
                    return held
        return None

    def started_or_not(self, work: Work, message: MessageRow, definition: int, program: Program, start: Start, doubt: Message | None) -> Held | None:
        """The instance; one that could not begin begins in doubt, held at its first step, so that the others go on."""
        if doubt is not None:
            return self.runner.begin(work, definition, None, {}, None, self.clock.now(), message.depth + 1, doubt)
        try:
            return self.started(work, message, definition, program, start)
        except (StoreError, Conflict):
            raise
        except Exception as error:
            raise CannotBegin(definition, fault_of(error)) from error

    def started(self, work: Work, message: MessageRow, definition: int, program: Program, start: Start) -> Held | None:
        """The instance, if the start's condition holds. A condition that cannot be evaluated is an incident."""
        graph, now = program.graph, self.clock.now()
        said: dict[str, Value] = by_fields(dict(start.form), message.values, graph.timezone)
        names: dict[str, Value] = {"message": said, "key": message.key, "document": None, "initiator": None}
        situation = Situation(names, now, graph.timezone, Live(self.runner.around(work)), work)
        inputs: dict[str, Value] = {}
        trouble: Message | None = None
        if message.depth >= MAX_DEPTH:
            trouble = say("messages start processes in each other more than {bound} deep", bound=MAX_DEPTH)
        try:
            for name, field in start.form:
                check(field, said[name])
            names["document"] = document_of(work, graph, program.code(start.document)(situation) if start.document else None)
            if start.when is not None and program.code(start.when)(situation) is not True:
                return None
            inputs = inputs_of(program, start, situation)
        except Refused as refused:
            trouble = say("the start condition cannot be evaluated: {reason}", reason=refused.message)
        document = names["document"] if isinstance(names["document"], Document) else None
        return self.runner.begin(work, definition, document, inputs, None, now, message.depth + 1, trouble)


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


def starts_by(graph: Graph) -> list[str]:
    """The names of the messages by which a process starts."""
    return [start.name for start in graph.starts if start.on == "message"]


# ── from outside ────────────────────────────────────────────────────────────────────────────────────────────────────
def new_message(runner: Runner, zone: str, now: datetime, message: str, key: object, values: Mapping[str, object], keep: str | None) -> NewMessage:
    """A message that somebody outside sends. Refused if it cannot be one."""
    if not is_message_name(message):
        raise Refused(say('"{name}" cannot be the name of a message: small Latin letters, digits, "-" and "_"', name=message))
    if key == "":
        raise Refused(say('the key of the message "{name}" is empty', name=message))
    return NewMessage(message, value_of(key), {name: value_of(value) for name, value in values.items()}, now, kept_until(runner, zone, now, keep))


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
