"""A state as a root and pages, so that an event writes what it has changed and not what there is.

The law of this file: `decode(program, root, pages)` gives the state that `encode` was given, whether everything was written at once or
event by event what had changed. The root is written each time, a page when something on it has changed. Of a large fan there is one page
for the list of items, and one for each item: the scopes, tokens and incidents of its turn while that runs, then its result; they go all
together. A large value of a name has a page of its own. What lies in a turn of a fan inside a turn of a fan is on the page of the inner.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Set
from itertools import islice
from operator import itemgetter
from types import NoneType
from typing import Any, TypeAlias

import orjson
from msgspec import Struct, field

from bpflow.engine.codec import (
    STATUS_NUMBERS,
    STATUSES,
    VERSION,
    decode_event,
    dumps,
    encode_event,
    incident_row,
    instant,
    loads,
    micros,
    read_incident,
    read_message,
    read_scope,
    read_token,
    read_value,
    scope_row,
    token_row,
)
from bpflow.engine.program import Program
from bpflow.engine.state import NO_NAMES, NO_REST, ROOT, Failure, Incident, Rest, Scope, State, Token
from bpflow.expressions.data import Value

LARGE_VALUE = 1000
"""A value of more bytes than that has a page of its own."""
SHORT = 200
"""A text of at most so many characters is written anew each time."""

ITEMS = -1
"""The part of the page with the items of a fan."""

Key: TypeAlias = tuple[int, int]
"""A page: (holder, part). (token at a fan, ITEMS), (token at a fan, place of an item), or (-n, 0) for the large value n."""
Pages: TypeAlias = Mapping[Key, bytes]

_PLAIN = frozenset((bool, int, NoneType))


class Encoded(Struct):
    """What is to be written: as of when, in microseconds; the root; the holders of which all pages go, first; then the pages that are new or have
    changed."""

    at: int
    root: bytes
    gone: list[int]
    pages: dict[Key, bytes]


class Sheet(Struct):
    """The rows of the turn whose page is `key`, or of the root, as they stand written."""

    key: Key
    tokens: dict[int, Any] = {}
    scopes: dict[int, Any] = {}
    incidents: list[Any] = field(default_factory=list)

    def rows(self) -> tuple[list[Any], list[Any], list[Any]]:
        return list(self.tokens.values()), list(self.scopes.values()), self.incidents


class Written(Struct):
    """What stands written of an instance; kept with its state, so that of the next state only the difference is written out.

    `sheets`: by the scope of the turn, ROOT for the root · `place`: on which of them a token or a scope is, for good, where it is
    not the root · `fans`: host of a large fan → its visit, and how many results · `names`: what is written of the names: their bytes, as long as
    all of them together are not large; then they stand `apart`, each by itself, of a value that is more than a number or a short text its bytes ·
    `large`: the names whose value has a page, by its number.
    """

    sheets: dict[int, Sheet] = field(default_factory=lambda: {ROOT: Sheet((ROOT, ITEMS))})
    place: dict[int, int] = {}
    fans: dict[int, tuple[int, int]] = {}
    incidents: tuple[Incident, ...] = ()
    names: Any = {}
    apart: bool = False
    large: dict[str, int] = {}


# ── writing ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def encode(program: Program, state: State, written: Written | None = None, touched: Set[int] | None = None, renamed: Collection[str] = ()) -> Encoded:
    """What is to be written so that the store has the state.

    `written` is what the store has, and is brought up to date; `touched` are the tokens and scopes, `renamed` the names that may differ from
    it. Without them all of the state is written.
    """
    written = Written() if written is None else written
    if touched is None:
        touched, renamed = state.scopes.keys() | state.tokens.keys(), {**state.names, **written.names} if written.apart else state.names
    out, rest = Encoded(micros(state.at), b"", [], {}), state.rest
    if renamed:
        _names(state.names, written, renamed, out)
    dirty = _rows(program, state, written, touched, out)
    if state.incidents != written.incidents:
        dirty |= _incidents(program, state, written)
    for page in sorted(dirty - {ROOT}) if dirty else ():
        _sheet(written, page, out)
    on = written.sheets[ROOT]
    rows = [*on.tokens.values()], [*on.scopes.values()], on.incidents
    root: list[Any] = [VERSION, STATUS_NUMBERS[state.status], out.at, state.seed, state.next_id, rest.result, written.names, *rows]
    if rest is not NO_REST or written.large:
        root += (written.large, _ending(rest))
        if rest.parked:
            root.append([encode_event(event, ()) for event in rest.parked])
    out.root = dumps(root)
    return out


def _ending(rest: Rest) -> list[Any] | None:
    """Whom its errors go to, and with what it has ended."""
    failure = [rest.failure.error, rest.failure.reason] if rest.failure else None
    return [rest.catches, rest.outputs, failure] if rest.catches or rest.outputs or failure else None


def _rows(program: Program, state: State, written: Written, touched: Set[int], out: Encoded) -> set[int]:
    """Brings the rows of tokens and scopes up to date; gives the sheets of turns on which that was. A scope comes before what is in it, as
    ids grow."""
    dirty: set[int] = set()
    place, sheets, fans = written.place, written.sheets, written.fans
    for id in sorted(touched) if len(touched) > 1 else touched:
        token = state.tokens.get(id)
        if token is not None:
            at = place.get(token.scope, ROOT) if place else ROOT
            sheets[at].tokens[id] = token_row(program, token)
        elif id in state.scopes:
            scope = state.scopes[id]
            at = _place(state, scope, place)
            sheet = sheets.get(at) or sheets.setdefault(at, Sheet((scope.host or ROOT, scope.index)))
            sheet.scopes[id] = scope_row(program, scope)
        else:
            at = place.pop(id, ROOT)
            sheets[at].tokens.pop(id, None)
            sheets[at].scopes.pop(id, None)
        if at != ROOT:
            dirty.add(at)
            if token is not None or id in state.scopes:
                place[id] = at
        if fans or (token is not None and token.fan is not None):
            _fan(id, token, written, out)
    return dirty


def _place(state: State, scope: Scope, place: Mapping[int, int]) -> int:
    """The sheet of a scope: a turn of a large fan has its own, any other scope is where its parent is."""
    if scope.index >= 0 and scope.host is not None:
        fan = state.tokens[scope.host].fan
        if fan is not None and fan.large:
            return scope.id
    return place.get(scope.parent, ROOT)


def _fan(host: int, token: Token | None, written: Written, out: Encoded) -> None:
    """The items of a large fan when it opens, and each result once. Results are only ever added, so those that are not written come last."""
    fan = token.fan if token is not None and token.fan is not None and token.fan.large else None
    if fan is None and host not in written.fans:
        return
    visit, known = written.fans.get(host, (0, 0))
    if visit and (token is None or fan is None or token.visit != visit):
        out.gone.append(host)
        del written.fans[host]
        visit = known = 0
    if token is not None and fan is not None:
        if not visit:
            out.pages[host, ITEMS] = dumps(fan.items)
        for index in islice(reversed(fan.results), len(fan.results) - known):
            out.pages[host, index] = dumps([fan.results[index]])
        written.fans[host] = (token.visit, len(fan.results))


def _incidents(program: Program, state: State, written: Written) -> set[int]:
    """Brings the incidents of all sheets up to date; gives the sheets whose incidents have changed."""
    found: dict[int, list[Any]] = {}
    for incident in state.incidents:
        holder = incident.token if incident.token is not None else incident.scope
        found.setdefault(written.place.get(holder or ROOT, ROOT), []).append(incident_row(program, incident))
    written.incidents = state.incidents
    dirty = set()
    for page, sheet in written.sheets.items():
        rows = found.get(page, [])
        if rows != sheet.incidents:
            sheet.incidents = rows
            dirty.add(page)
    return dirty


def _sheet(written: Written, page: int, out: Encoded) -> None:
    """The page of a turn as it is now. Of one that is over there is the result, or the fan is gone with all its pages."""
    sheet = written.sheets[page]
    if not any(sheet.rows()):
        del written.sheets[page]
        if sheet.key in out.pages or sheet.key[0] in out.gone:
            return
    out.pages[sheet.key] = dumps(sheet.rows())


def _names(names: Mapping[str, Value], written: Written, renamed: Iterable[str], out: Encoded) -> None:
    """Brings the names up to date: all of them together, or, once that is large, those that have changed: a short value is written as it is, another
    as its bytes, a large one as none, on a page of its own."""
    if not written.apart:
        data = dumps(names)
        if len(data) <= LARGE_VALUE:
            written.names = _fragment(data)
            return
        written.apart, written.names, renamed = True, {}, names
    made, large = written.names, dict[str, bytes]()
    for name in renamed:
        if name not in names:
            made.pop(name, None)
            continue
        value: Any = names[name]
        kind = type(value)
        if not (kind in _PLAIN or (kind is str and len(value) <= SHORT)):
            data = dumps(value)
            if len(data) > LARGE_VALUE:
                value, large[name] = None, data
            else:
                value = _fragment(data)
        made[name] = value
    if large or written.large:
        _large(written.large, large, renamed, out)
    if [*made] != [*names]:  # in their order: what is read back is written as it would be anew
        written.names = {name: made[name] for name in names}


def _fragment(data: bytes) -> orjson.Fragment:
    """What was written, to be kept: a copy, for orjson gives it with room for 4 kB."""
    return orjson.Fragment(b"".join((data, b"")))


def _large(numbers: dict[str, int], large: Mapping[str, bytes], renamed: Iterable[str], out: Encoded) -> None:
    """Writes the large values among the names that have changed, each on its page; the pages of those that are large no more go."""
    for name in sorted(renamed):
        if name in large:
            number = numbers.setdefault(name, max(numbers.values(), default=0) + 1)
            out.pages[-number, 0] = large[name]
        elif name in numbers:
            out.gone.append(-numbers.pop(name))


# ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def decode(program: Program, root: bytes, pages: Pages) -> tuple[State, Written]:
    """The state, and what stands written of it. ValueError if the bytes are of another version."""
    plain = orjson.loads(root)
    if plain[0] != VERSION:
        raise ValueError(f"state of version {plain[0]}, this bpflow reads {VERSION}")
    _, status, at, seed, next_id, result, names, tokens, scopes, incidents = plain[:10]
    rest = plain[10:]
    sheets = {ROOT: _read_sheet((ROOT, ITEMS), tokens, scopes, incidents)}
    results = _read_turns(pages, sheets) if pages else {}
    large, ending = rest[:2] if rest else ({}, None)
    written = Written(sheets, large=large)
    if len(sheets) > 1:  # what is on one sheet is in its order already
        written.place = {id: page for page, sheet in sheets.items() if page != ROOT for id in (*sheet.tokens, *sheet.scopes)}
        tokens, scopes = _in_order(sheet.tokens for sheet in sheets.values()), _in_order(sheet.scopes for sheet in sheets.values())
    all_tokens = {row[0]: read_token(program, row) for row in tokens}
    all_scopes = {row[0]: read_scope(program, row) for row in scopes}
    for host, found_results in results.items():
        fan, visit = all_tokens[host].fan, all_tokens[host].visit
        assert fan is not None
        fan.items, fan.results = loads(pages[host, ITEMS]), found_results
        written.fans[host] = (visit, len(found_results))
    if incidents or pages:
        found = sorted(row for sheet in sheets.values() for row in sheet.incidents)
        written.incidents = tuple(read_incident(program, row) for row in found)
    values = _read_names(names, pages, written)
    events = tuple(decode_event(event)[0] for event in rest[2]) if len(rest) > 2 else ()
    last = Rest(result, *(_read_ending(ending) if ending else ((), NO_NAMES, None)), events) if result or rest else NO_REST
    return State(STATUSES[status], instant(at), seed, next_id, values, all_tokens, all_scopes, written.incidents, last), written  # type: ignore[arg-type]


def _read_ending(row: list[Any]) -> tuple[tuple[str, ...], Mapping[str, Value], Failure | None]:
    catches, outputs, failure = row
    return tuple(catches), read_value(outputs), Failure(failure[0], read_message(failure[1])) if failure else None


def _read_sheet(key: Key, tokens: list[Any], scopes: list[Any], incidents: list[Any]) -> Sheet:
    return Sheet(key, {row[0]: row for row in tokens}, {row[0]: row for row in scopes}, incidents)


def _read_turns(pages: Pages, sheets: dict[int, Sheet]) -> dict[int, dict[int, Value]]:
    """Adds the sheets of the turns that run, by the scope of the turn, the first in it; gives the results of the others, by fan."""
    results: dict[int, dict[int, Value]] = {}
    for holder, part in sorted(pages):
        if part == ITEMS:
            results[holder] = {}
        elif holder > ROOT:
            rows = orjson.loads(pages[holder, part])
            if len(rows) == 1:
                results[holder][part] = read_value(rows[0])
            elif rows[1]:
                sheet = _read_sheet((holder, part), *rows)
                sheets[min(sheet.scopes)] = sheet
    return results


def _in_order(sheets: Iterable[dict[int, Any]]) -> list[Any]:
    """The rows of all sheets by id, the order in which they came to be."""
    return sorted((row for sheet in sheets for row in sheet.values()), key=itemgetter(0))


def _read_names(names: dict[str, Any], pages: Pages, written: Written) -> dict[str, Value]:
    """The values of the names; what was read of them is what is written of them."""
    values: dict[str, Value] = read_value(names)
    for name, number in written.large.items():
        values[name] = loads(pages[-number, 0])
    written.names, written.apart = names, bool(written.large)
    return values
