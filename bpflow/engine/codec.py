"""Tokens, scopes and events as rows, positionally: nodes and flows by their numbers in the pinned graph, no key said twice.

What is read is what was written, always; what the numbers mean is fixed by the graph's digest and `VERSION`. How rows make up the
state of an instance, `pages` says.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from typing import Any, TypeAlias, cast, get_args

import orjson
from msgspec.structs import astuple

from bpflow.diagnostics import Message
from bpflow.engine.events import Event
from bpflow.engine.program import Program
from bpflow.engine.state import UNARMED, Arms, Assignee, Fan, Incident, Item, Party, Scope, Token, TokenStatus, Vote, Waiting
from bpflow.engine.transition import FACT_KINDS, Denied, FactKind, Facts
from bpflow.expressions.data import Department, Role, User, Value
from bpflow.values.plain import TAGS, from_plain, tag

VERSION = 1

STATUSES = ("running", "ended", "cancelled", "failed", "suspended")
STATUS_NUMBERS = {status: number for number, status in enumerate(STATUSES)}
TOKEN_STATUSES: tuple[TokenStatus, ...] = ("moving", "waiting", "inside", "held")
TOKEN_NUMBERS = {status: number for number, status in enumerate(TOKEN_STATUSES)}
INCIDENT_KINDS = ("fault", "failure", "stuck")
EVENTS: tuple[type[Event], ...] = get_args(Event)
EVENT_FORMS = {kind: (number, kind.__struct_defaults__[::-1]) for number, kind in enumerate(EVENTS)}
"""Of each kind of event its number and, from the last on, the defaults of its fields: these are left out at the end of a row."""

Fact: TypeAlias = tuple[FactKind, int, str]
"""What has happened, for those who read it: (what, token or scope, flow, node, result or name)."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_SUBCLASS


@lru_cache(256)
def micros(at: datetime) -> int:
    """An instant as microseconds since 1970, as stores keep it."""
    return (at - EPOCH) // _MICROSECOND


def instant(micros: int) -> datetime:
    """The instant of that many microseconds since 1970."""
    return EPOCH + timedelta(0, 0, micros)  # by its place: by its name it takes twice as long


def _plain(value: Any) -> Any:
    """What JSON lacks as plain data: a value, and what histories and incidents have besides."""
    write: Callable[[Any], Any] = _WRITE.get(type(value), tag)
    return write(value)


_WRITE: dict[type, Callable[[Any], Any]] = {
    Denied: lambda value: {"$denied": plain_message(value.message)},
    Message: lambda value: plain_message(value),
    **TAGS,
}

dumps: Callable[[Any], bytes] = partial(orjson.dumps, default=_plain, option=_OPTIONS)
"""Plain data, values and messages as JSON."""


def loads(data: bytes | str) -> Any:
    """What `dumps` wrote, values included."""
    return read_value(orjson.loads(data))


read_value = cast("Callable[[Any], Any]", from_plain)
"""A value out of plain data; which type it has, its place says."""


# ── the rows of a state ─────────────────────────────────────────────────────────────────────────────────────────────
def token_row(program: Program, token: Token) -> list[Any]:
    waiting, fan = token.waiting, token.fan
    row: list[Any] = [
        token.id,
        program.node_numbers[token.node],
        token.scope,
        program.flow_numbers[token.via],
        TOKEN_NUMBERS[token.status],
        token.hops,
        token.visit,
    ]
    if waiting is not None or fan is not None:
        row.append(_waiting(waiting) if waiting is not None else None)
    if fan is not None:
        row.append(_fan(fan))
    return row


def read_token(program: Program, row: list[Any]) -> Token:
    id, node, scope, via, status, hops, visit = row[:7]
    waiting = _read_waiting(row[7]) if len(row) > 7 and row[7] is not None else None
    fan = _read_fan(row[8]) if len(row) > 8 else None
    return Token(id, program.node_ids[node], scope, program.flow_ids[via], TOKEN_STATUSES[status], hops, visit, waiting, fan)


def _fan(fan: Fan) -> list[Any]:
    """A small fan with all that belongs to it; a large one without its items and results, which are on pages of their own."""
    row: list[Any] = [fan.next, fan.running, fan.at_most, fan.counts]
    return row if fan.large else [*row, fan.items, list(fan.results.items())]


def _read_fan(row: list[Any]) -> Fan:
    """A large fan comes back without items and results."""
    following, running, at_most, counts, *rest = row
    items, results = rest or ([], [])
    known = None if counts is None else tuple(map(read_value, counts))
    return Fan(read_value(items), following, running, at_most, {index: read_value(one) for index, one in results}, known)


def _waiting(waiting: Waiting) -> list[Any]:
    arms, people, excluded, attempt, later, votes, also, checklist, observers = astuple(waiting)
    row: list[Any] = [0 if arms is UNARMED else _arms(arms), [*map(_seat, people)], attempt]
    if excluded or later or votes or also or checklist or observers:
        row += [excluded, [*map(_seat, later)], [*map(_vote, votes)]]
        if also or checklist or observers:
            row.append([*map(_seat, also)])
        if checklist or observers:
            row.append([[item.text, item.by.id, micros(item.at)] if item.by and item.at else [item.text] for item in checklist])
            row.append([*map(_party, observers)])
    return row


def _vote(vote: Vote) -> list[str]:
    return [vote.by.id, vote.outcome, vote.in_place_of.id] if vote.in_place_of else [vote.by.id, vote.outcome]


def _seat(seat: Assignee) -> list[Any]:
    if seat.group is not None:
        return [_party(seat.party), seat.in_place_of and _party(seat.in_place_of), _party(seat.group)]
    return [_party(seat.party), _party(seat.in_place_of)] if seat.in_place_of else [_party(seat.party)]


PARTIES: dict[str, type[Party]] = {"u": User, "d": Department, "r": Role}
_MARKS = {kind: mark for mark, kind in PARTIES.items()}


def _party(party: Party) -> str:
    """An assignee as text: a letter for what he is, and his id."""
    return _MARKS[type(party)] + party.id


def _read_waiting(row: list[Any]) -> Waiting:
    arms, people = _read_arms(row[0]) if row[0] else UNARMED, tuple(map(_read_seat, row[1]))
    if len(row) == 3:
        return Waiting(arms, people, (), row[2])
    votes = tuple(Vote(User(by), outcome, User(place[0]) if place else None) for by, outcome, *place in row[5])
    later, also = (tuple(map(_read_seat, seats)) for seats in (row[4], row[6] if len(row) > 6 else ()))
    items = tuple(Item(text, *((User(ticked[0]), instant(ticked[1])) if ticked else ())) for text, *ticked in (row[7] if len(row) > 7 else ()))
    observers = tuple(map(_read_party, row[8] if len(row) > 8 else ()))
    return Waiting(arms, people, tuple(read_value(row[3])), row[2], later, votes, also, items, observers)


def _read_seat(row: list[Any]) -> Assignee:
    if len(row) == 1:
        return Assignee(_read_party(row[0]))
    party, place, group = (*row, None)[:3]
    return Assignee(_read_party(party), User(place[1:]) if place else None, cast("Department | Role", _read_party(group)) if group else None)


def _read_party(text: str) -> Party:
    return PARTIES[text[0]](text[1:])


def _arms(arms: Arms) -> list[Any] | int:
    due = [[number, micros(at)] for number, at in arms.due.items()] if arms.due else []
    if not (arms.truth or arms.listening or arms.watched or arms.fired):
        return [due] if due else 0
    listening = [[number, name, key] for number, (name, key) in arms.listening.items()]
    fired = [[number, micros(at)] for number, at in arms.fired.items()]
    row = [due, list(arms.truth.items()), listening, arms.watched, fired]
    return row if arms.since is None else [*row, micros(arms.since)]


def _read_arms(row: list[Any] | int) -> Arms:
    if isinstance(row, int):
        return UNARMED
    due = {number: instant(at) for number, at in row[0]}
    if len(row) == 1:
        return Arms(due)
    listening = {number: (name, read_value(key)) for number, name, key in row[2]}
    fired = {number: instant(at) for number, at in row[4]}
    return Arms(due, dict(map(tuple, row[1])), listening, tuple(read_value(row[3])), fired, instant(row[5]) if len(row) > 5 else None)


def scope_row(program: Program, scope: Scope) -> list[Any]:
    nodes, flows = program.node_numbers, program.flow_numbers
    row: list[Any] = [scope.id, nodes[scope.block], scope.parent, scope.host, scope.handler, scope.index, scope.live, scope.arrived]
    if scope.joins or scope.arms is not None or scope.names is not None:
        joins = [[nodes[node], [[flows[flow], n] for flow, n in counts.items()]] for node, counts in scope.joins.items()]
        row += [joins, None if scope.arms is None else _arms(scope.arms), scope.names]
    return row


def read_scope(program: Program, row: list[Any]) -> Scope:
    id, block, parent, host, handler, index, live, arrived = row[:8]
    scope = Scope(id, program.node_ids[block], parent, host, handler, index, live, arrived)
    if len(row) > 8:
        joins, arms, names = row[8:]
        scope.joins = {program.node_ids[node]: {program.flow_ids[flow]: n for flow, n in counts} for node, counts in joins}
        scope.arms = None if arms is None else _read_arms(arms)
        scope.names = read_value(names)
    return scope


def incident_row(program: Program, incident: Incident) -> list[Any]:
    i = incident
    return [i.id, INCIDENT_KINDS.index(i.kind), program.node_numbers.get(i.node, 0), plain_message(i.message), micros(i.at), i.token, i.arm, i.scope]


def read_incident(program: Program, row: list[Any]) -> Incident:
    id, kind, node, message, at, token, arm, scope = row
    return Incident(id, INCIDENT_KINDS[kind], program.node_ids[node], read_message(message), instant(at), token, arm, scope)  # type: ignore[arg-type]


# ── messages inside incidents and events ─────────────────────────────────────────────────────────────────────────────
def plain_message(message: Message) -> Any:
    """A message as data: in it, other messages are one-key dicts."""
    values = {k: {"$say": plain_message(v)} if isinstance(v, Message) else v for k, v in message.values.items()}
    return [message.template, values]


def read_message(data: Any) -> Message:
    return Message(data[0], {name: _read_message(value) for name, value in data[1].items()})


def _read_message(value: Any) -> Any:
    if isinstance(value, dict) and "$say" in value:
        return read_message(value["$say"])
    return read_value(value)


# ── history ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def encode_event(event: Event, answers: Collection[Value | Denied], at: datetime = EPOCH) -> list[Any]:
    """An event with the answers that it was worked in with, in the order in which they were asked for, for `dumps`. Of its time only how far it
    is from `at` is written, which is mostly nothing."""
    number, defaults = EVENT_FORMS[type(event)]
    row = [number, *astuple(event)]
    row[1] = 0 if event.at is at else micros(event.at) - micros(at)
    for default in defaults:
        if row[-1] != default:
            break
        del row[-1]
    return [row, [*answers]] if answers else [row]


def decode_event(data: Sequence[Any]) -> tuple[Event, list[Value | Denied]]:
    """What `encode_event` wrote, after `orjson.loads`."""
    kind = EVENTS[data[0][0]]
    values: dict[str, Any] = {"at": instant(data[0][1])}
    for name, value in zip(kind.__struct_fields__[1:], data[0][2:], strict=False):
        values[name] = read_message(value) if name in ("reason", "trouble") and value is not None else read_value(value)
        if name == "catches":
            values[name] = tuple(value)
    return kind(**values), [_read_answer(answer) for answer in (data[1] if len(data) > 1 else ())]


def _read_answer(answer: Any) -> Value | Denied:
    if isinstance(answer, dict) and "$denied" in answer:
        return Denied(read_message(answer["$denied"]))
    return cast(Value, read_value(answer))


def encode_history(events: Sequence[list[Any]], facts: Facts) -> bytes:
    """A row of history: events as `encode_event` gives them for the time of the row, and what came of them."""
    return dumps([events, facts])


def decode_history(program: Program, data: bytes, at: datetime) -> tuple[list[tuple[Event, list[Value | Denied]]], list[Fact]]:
    """What `encode_history` wrote into the row of that time."""
    events, facts = orjson.loads(data)
    base = micros(at)
    for event in events:
        event[0][1] += base
    return [decode_event(event) for event in events], decode_facts(program, facts)


def decode_facts(program: Program, flat: Sequence[Any]) -> list[Fact]:
    """The facts one by one: what, the token or scope, the flow, node or result."""
    facts: list[Fact] = []
    for place in range(0, len(flat), 3):
        kind, what = FACT_KINDS[flat[place]], flat[place + 2]
        if isinstance(what, int):
            what = program.flow_ids[what] if kind == "took" else program.node_ids[what]
        facts.append((kind, flat[place + 1], what))
    return facts
