"""Documents that are looked up.

The law of this file: whatever SQL has left out beforehand, each candidate is held against the whole condition by the evaluator of
the language, and what is found is the same as if every document had been.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cmp_to_key
from typing import Any, TypeAlias

from bpflow.diagnostics import Refused, say
from bpflow.expressions import Code, compile_code, parse
from bpflow.expressions.data import Choice, Document, Question, User, Value
from bpflow.expressions.operations import less
from bpflow.graph import ITEM
from bpflow.services.occasion import Arguments, Occasion, parts_of
from bpflow.stores.contract import DocumentRow
from bpflow.values import DocumentType

MAX_CANDIDATES = 100_000
"""How many documents one search looks at."""
_TEXTS = ("string", "text", "choice")

Found: TypeAlias = tuple[Document, list[Value]]
"""A document, and the values by which it is put in order."""


_NATIVE: tuple[frozenset[type], ...] = tuple(map(frozenset, ((int, Decimal), (str, Choice), (date,), (datetime,))))
"""Types that Python puts in order as the language does, and faster."""


class Candidate:
    """What the condition sees: the names of the process, and one document as `item`, whose fields are at hand."""

    def __init__(self, names: dict[str, Value], occasion: Occasion, type: DocumentType) -> None:
        self.names, self.occasion, self.type = names, occasion, type
        self._many = {name: field.many for name, field in type.fields}
        self._row: DocumentRow | None = None

    def see(self, row: DocumentRow) -> None:
        """Looks at another document."""
        self._row, self.names[ITEM] = row, row.ref

    @property
    def now(self) -> datetime:
        return self.occasion.at

    @property
    def zone(self) -> str:
        return self.occasion.zone

    def ask(self, question: Question) -> Value:
        row = self._row
        if row is not None and question[0] == "document" and question[1] == row.ref and question[2] in self._many:
            name = str(question[2])
            return row.fields.get(name, [] if self._many[name] else None)
        return self.occasion.ask(question)


def find_documents(occasion: Occasion, arguments: Arguments) -> dict[str, Value]:
    """The documents of a type for which `where` is true, in order, and how many there are beyond the limit too. Refused where the
    condition cannot be evaluated, or too many documents would have to be looked at."""
    type, where = occasion.document_type(str(arguments["type"])), arguments.get("where")
    seen = Candidate(parts_of(arguments, "names")["names"], occasion, type)
    orders = [str(text) for text in _list(arguments.get("order"))]
    falling = [way is True for way in _list(arguments.get("descending"))]
    keys = [compile_code(text) for text in orders]
    found = [*candidates(seen, str(where) if where is not None else None, keys)]
    for place, down in reversed([*enumerate(falling)]):
        found = _sorted(found, place, down)
    limit = arguments["limit"]
    assert isinstance(limit, int)
    return {"items": [document for document, _ in found[:limit]], "count": len(found)}


def _list(value: Value) -> list[Value]:
    return value if isinstance(value, list) else []


def candidates(seen: Candidate, where: str | None, keys: list[Code]) -> Iterator[Found]:
    """The documents that fit, in the order in which they were made."""
    type, condition = seen.type.type, compile_code(where) if where is not None else None
    equal = equalities(seen, where) if where is not None else {}
    for number, row in enumerate(seen.occasion.work.matching(type, equal)):
        if number >= MAX_CANDIDATES:
            hint = say('ask in "where" for one value of a field: `item.status == "new" and …`')
            raise Refused(say('more than {bound} documents of the type "{type}" would have to be looked at: {hint}', bound=number, type=type, hint=hint))
        seen.see(row)
        try:
            met = True if condition is None else condition(seen)
            if met is not True and met is not False:
                raise Refused(say("`{condition}` is neither true nor false", condition=where))
            if met:
                yield row.ref, [key(seen) for key in keys]
        except Refused as refused:
            raise Refused(say("{document}: {reason}", document=f"{type}:{row.ref.id}", reason=refused.message)) from refused


def _sorted(found: list[Found], place: int, falling: bool) -> list[Found]:
    """By one value; what is equal stays as it was, and what has none comes last."""

    def compare(a: Value, b: Value) -> int:
        return -1 if less(a, b) else 1 if less(b, a) else 0

    valued = [one for one in found if one[1][place] is not None]
    types = {type(one[1][place]) for one in valued}
    key: Callable[[Any], Any] = (lambda value: value) if any(types <= native for native in _NATIVE) else cmp_to_key(compare)
    valued.sort(key=lambda one: key(one[1][place]), reverse=falling)
    return valued + [one for one in found if one[1][place] is None]


# ── what SQL can leave out ──────────────────────────────────────────────────────────────────────────────────────────
def equalities(seen: Candidate, where: str) -> dict[str, Value]:
    """The values that fields must have: of `item.status == "new" and …` the first part. Only what SQL compares as the language does."""
    found: dict[str, Value] = {}
    for part in _parts(parse(where).tree):
        match part:
            case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
                for one, other in ((left, right), (right, left)):
                    name = _field(one)
                    if name is not None and not _reads_item(other):
                        found |= _value(seen, name, where[other.col_offset : other.end_col_offset])
    return found


def _parts(tree: ast.expr) -> Iterator[ast.expr]:
    """What must be true for the whole to be."""
    if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.And):
        for part in tree.values:
            yield from _parts(part)
    else:
        yield tree


def _field(node: ast.expr) -> str | None:
    match node:
        case ast.Attribute(value=ast.Name(id="item"), attr=name):
            return name
    return None


def _reads_item(node: ast.expr) -> bool:
    return any(isinstance(inner, ast.Name) and inner.id == ITEM for inner in ast.walk(node))


def _value(seen: Candidate, name: str, text: str) -> Mapping[str, Value]:
    """The value of the other side, if the field is one that SQL can compare with it; what cannot be evaluated here is left to the condition."""
    field = dict(seen.type.fields).get(name)
    if field is None or field.many:
        return {}
    try:
        value = compile_code(text)(seen)
    except Refused:
        return {}
    fits = (isinstance(value, str) and field.kind in _TEXTS) or (isinstance(value, User) and field.kind == "user")
    return {name: value} if fits or (isinstance(value, Document) and field.kind == "document") else {}


__all__ = ["MAX_CANDIDATES", "equalities", "find_documents"]
