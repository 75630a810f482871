"""The plain data of a graph as JSON has it, and the way back by the types of its classes.

The law of this file: what is equal is written equal, and what is at its default is not written, so a field that a later version
adds changes the digest of no graph that does not use it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from msgspec import Struct

from bpflow.graph.nodes import KINDS, Expr, Flow, Step, StepInfo

_NAMES = {kind: name for name, kind in KINDS.items()}
_FOR_PEOPLE: Mapping[type, str] = {Flow: "title", StepInfo: "place"}
"""What is no part of the meaning, as `place` of an `Expr`."""


def plain(value: Any, places: bool) -> Any:
    """The value as lists, dicts and scalars; without `places` where an expression stands is left out."""
    if isinstance(value, Expr):
        return [value.text, *value.place] if places and value.place else value.text
    if isinstance(value, tuple):
        return [plain(item, places) for item in value]
    if isinstance(value, Struct):
        left_out = "" if places else _FOR_PEOPLE.get(type(value), "")
        made = {name: plain(one, places) for name, one in _said(value) if name != left_out}
        kind = _NAMES.get(type(value))  # type: ignore[arg-type]
        return {"kind": kind, **made} if kind else made
    return value


def _said(value: Struct) -> Iterator[tuple[str, Any]]:
    """The fields that are not at their defaults."""
    names, defaults = value.__struct_fields__, value.__struct_defaults__
    needed = len(names) - len(defaults)
    for number, name in enumerate(names):
        one = getattr(value, name)
        if number < needed or one != defaults[number - needed]:
            yield name, one


def typed(data: Any, kind: Any) -> Any:
    """What `plain` wrote, as a value of the type `kind`."""
    if data is None:
        return None
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        return _typed_union(data, [k for k in get_args(kind) if k is not NoneType])
    if origin is tuple:
        arguments = get_args(kind)
        if arguments[-1] is Ellipsis:
            return tuple(typed(item, arguments[0]) for item in data)
        return tuple(typed(item, k) for item, k in zip(data, arguments, strict=True))
    if kind is Expr:
        return Expr(data) if isinstance(data, str) else Expr(data[0], (data[1], data[2]))
    if isinstance(kind, type) and issubclass(kind, Struct):
        hints = _hints(kind)
        return kind(**{name: typed(item, hints[name]) for name, item in data.items()})
    return data


def _typed_union(data: Any, kinds: list[Any]) -> Any:
    if isinstance(data, dict) and "kind" in data and Step in kinds:
        rest = dict(data)
        return typed(rest, KINDS[rest.pop("kind")])
    return typed(data, kinds[0]) if len(kinds) == 1 else data


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)
