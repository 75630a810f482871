"""The static types of expressions: what is known of a value before anything runs.

The law of this file: a type is what a value may be, never what it should be. `ANY` is what nothing is known of, and nothing is said
against it; a text of which the values are known is a choice, or a literal. Whether a value may be none is a word beside the type
(`optional`), for `x != none` proves it away.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from bpflow.diagnostics import Message, each_quoted, say

TypeKind: TypeAlias = Literal[
    "any",
    "none",
    "boolean",
    "integer",
    "number",
    "text",
    "date",
    "datetime",
    "duration",
    "user",
    "department",
    "role",
    "document",
    "file",
    "secret",
    "record",
    "list",
    "one-of",
]


class Type(Struct, frozen=True):
    """What a value may be.

    `optional`: or none · `values`: of a text, the only ones that it can be (ids of choices, a literal); None: any · `titles`: those of the
    choices, beside `values` · `item`: of a list; None: it is empty · `of`: of a document, the document types that it may have; empty: any · `fields`: of a
    record · `open`: it may have others besides · `among`: of `one-of`, at least two types that are not `one-of` themselves.
    """

    kind: TypeKind
    optional: bool = False
    values: tuple[str, ...] | None = None
    titles: tuple[str, ...] = ()
    item: Type | None = None
    of: tuple[str, ...] = ()
    fields: tuple[tuple[str, Type], ...] = ()
    open: bool = False
    among: tuple[Type, ...] = ()

    @property
    def each(self) -> tuple[Type, ...]:
        """The types that it is one of: itself, unless there are several."""
        return self.among or (self,)

    def present(self) -> Type:
        """The same where it is known not to be none."""
        return replace(self, optional=False) if self.optional else self

    def or_none(self) -> Type:
        """The same where it may be none besides."""
        return self if self.optional or self.kind in ("any", "none") else replace(self, optional=True)


ANY = Type("any")
NONE = Type("none")
BOOLEAN, INTEGER, NUMBER, TEXT = Type("boolean"), Type("integer"), Type("number"), Type("text")
DATE, DATETIME, DURATION = Type("date"), Type("datetime"), Type("duration")
USER, DEPARTMENT, ROLE = Type("user"), Type("department"), Type("role")
DOCUMENT, FILE, SECRET = Type("document"), Type("file"), Type("secret")


def list_of(item: Type) -> Type:
    """A list of such values."""
    return Type("list", item=item)


def record_of(fields: Iterable[tuple[str, Type]], *, open: bool = False) -> Type:
    """A record with these fields; `open`: it may have others."""
    return Type("record", fields=tuple(fields), open=open)


def literal_text(value: str) -> Type:
    """The text that is written out."""
    return Type("text", values=(value,))


def one_of_types(*types: Type) -> Type:
    """What is one of these: the type that covers them all and no more, as far as types can say it."""
    optional = any(type.optional or type.kind == "none" for type in types)
    found: list[Type] = []
    for one in (single for type in types for single in type.each if single.kind != "none"):
        if one.kind == "any":
            return ANY
        _put(one.present(), found)
    if not found:
        return NONE if types else ANY
    made = found[0] if len(found) == 1 else Type("one-of", among=tuple(found))
    return made.or_none() if optional else made


def is_secret(type: Type) -> bool:
    """Whether a value of the type may be a secret, or a list with one in it."""
    return any(one.kind == "secret" or (one.item is not None and is_secret(one.item)) for one in type.each)


def _put(new: Type, found: list[Type]) -> None:
    """Adds a type to those that differ from each other, or widens the one that is of its kind."""
    for number, old in enumerate(found):
        if old.kind == new.kind:
            found[number] = _wider(old, new)
            return
        if {old.kind, new.kind} == {"integer", "number"}:
            found[number] = NUMBER
            return
    found.append(new)


def _wider(a: Type, b: Type) -> Type:
    """The type of a value that is one of two of the same kind."""
    if a == b:
        return a
    match a.kind:
        case "text":
            return _either_text(a, b)
        case "list":
            return list_of(one_of_types(a.item, b.item)) if a.item and b.item else a if a.item else b
        case "document":
            return replace(a, of=tuple(dict.fromkeys((*a.of, *b.of))) if a.of and b.of else ())
        case "record":
            return _either_record(a, b)
    return a


def _either_text(a: Type, b: Type) -> Type:
    if a.values is None or b.values is None:
        return TEXT
    titles = dict(zip(b.values, b.titles, strict=False)) | dict(zip(a.values, a.titles, strict=False))
    values = tuple(dict.fromkeys((*a.values, *b.values)))
    return replace(a, values=values, titles=tuple(titles.get(value, value) for value in values) if titles else ())


def _either_record(a: Type, b: Type) -> Type:
    """Fields that both have are there; those of one only may be missing, which `open` allows for."""
    theirs = dict(b.fields)
    common = [(name, one_of_types(type, theirs[name])) for name, type in a.fields if name in theirs]
    return record_of(common, open=a.open or b.open or len(common) < max(len(a.fields), len(b.fields)))


def fits(given: Type, wanted: Type) -> bool:
    """Whether some value of the type `given` can stand where `wanted` is asked for; none aside, which `optional` tells.

    An integer is a number. A text fits a choice if it can be one of its values.
    """
    return any(_fits(one, other) for one in given.each for other in wanted.each)


def _fits(given: Type, wanted: Type) -> bool:
    if "any" in (given.kind, wanted.kind) or given.kind == "none":
        return True
    if given.kind != wanted.kind:
        return given.kind == "integer" and wanted.kind == "number"
    match given.kind:
        case "text":
            return given.values is None or wanted.values is None or not set(given.values).isdisjoint(wanted.values)
        case "list":
            return given.item is None or wanted.item is None or fits(given.item, wanted.item)
        case "document":
            return not given.of or not wanted.of or not set(given.of).isdisjoint(wanted.of)
        case "record":
            theirs = dict(given.fields)
            return all(fits(theirs[name], type) if name in theirs else given.open or type.optional for name, type in wanted.fields)
    return True


_NAMES = {
    "any": say("anything"),
    "none": say("none"),
    "boolean": say("true or false"),
    "integer": say("an integer"),
    "number": say("a number"),
    "text": say("a text"),
    "date": say("a date"),
    "datetime": say("a date with a time"),
    "duration": say("a duration"),
    "user": say("a user"),
    "department": say("a department"),
    "role": say("a role"),
    "document": say("a document"),
    "file": say("a file"),
    "secret": say("a secret"),
    "record": say("a record of several fields"),
    "list": say("a list"),
}
_SEVERAL = {
    "text": say("a list of texts"),
    "integer": say("a list of integers"),
    "number": say("a list of numbers"),
    "boolean": say("a list of booleans"),
    "date": say("a list of dates"),
    "datetime": say("a list of dates with a time"),
    "duration": say("a list of durations"),
    "user": say("a list of users"),
    "department": say("a list of departments"),
    "role": say("a list of roles"),
    "document": say("a list of documents"),
    "file": say("a list of files"),
    "secret": say("a list of secrets"),
    "record": say("a list of records"),
}


def named(type: Type) -> Message:
    """The type as a message names it: "a date", "a list of users", "a text or a number"."""
    if type.among:
        return _either([named(one) for one in type.among])
    if type.kind == "list" and type.item is not None:
        return _SEVERAL.get(type.item.kind, _NAMES["list"])
    if type.kind == "text" and type.values is not None:
        return _value(type.values)
    return _NAMES[type.kind]


def _value(values: tuple[str, ...]) -> Message:
    if len(values) == 1:
        return say('the text "{value}"', value=values[0])
    return say("one of {choices}", choices=each_quoted(values[:12]))


def _either(names: list[Message]) -> Message:
    whole = names[0]
    for name in names[1:]:
        whole = say("{one} or {other}", one=whole, other=name)
    return whole
