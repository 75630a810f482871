"""The activities that a process may use: what the entry points of the group `bpflow.activities` name, the built-in ones too.

The law of this file: a process pays only for what it uses. A class is imported when it is first asked for; and as a search through all
that is installed takes a tenth of a second, it is made only for a name that is not one of the house.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "bpflow.activities"
HOUSE = frozenset(
    [
        "approve",
        "approve-chain",
        "block",
        "calendar-event",
        "call-process",
        "call-service",
        "condition",
        "create-document",
        "decide",
        "end",
        "find-documents",
        "for-each",
        "join",
        "loop",
        "notify",
        "parallel",
        "pause",
        "pick-user",
        "race",
        "request-info",
        "review",
        "send-message",
        "set-variables",
        "task",
        "update-document",
        "wait-message",
    ]
)
"""The activities of bpflow itself, which are among the entry points as all others are."""
_NAME = re.compile(r"[a-z][a-z0-9-]*")


class Vocabulary(Mapping[str, type[Any]]):
    """Activities by name."""

    __slots__ = ("_loaded",)

    def __init__(self, added: Mapping[str, type[Any]] | None = None) -> None:
        self._loaded: dict[str, type[Any]] = dict(added or {})

    def __getitem__(self, name: str) -> type[Any]:
        if name not in self._loaded:
            self._loaded[name] = of_the_house(name) if name in HOUSE else installed()[name].load()
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in self._loaded or name in HOUSE or name in installed()

    def __iter__(self) -> Iterator[str]:
        return iter(sorted({*installed(), *self._loaded}))

    def __len__(self) -> int:
        return len({*installed(), *self._loaded})

    def with_activities(self, added: Mapping[str, type[Any]]) -> Vocabulary:
        """This vocabulary and further activities, which an embedding program gives without an entry point."""
        return Vocabulary({**self._loaded, **added})


@cache
def vocabulary() -> Vocabulary:
    """The activities that are installed."""
    return Vocabulary()


def of_the_house(name: str) -> type[Any]:
    """An activity of bpflow itself: `call-process` is the class CallProcess of the module call_process."""
    made: type[Any] = getattr(import_module(f"bpflow.activities.{name.replace('-', '_')}"), name.title().replace("-", ""))
    return made


@cache
def installed() -> Mapping[str, EntryPoint]:
    """The entry points of the group. ValueError if two have one name, or a name is not small letters, digits and `-`."""
    from importlib.metadata import entry_points

    points: dict[str, EntryPoint] = {}
    for point in entry_points(group=GROUP):
        if not _NAME.fullmatch(point.name):
            raise ValueError(f"{point.value}: {point.name!r} cannot be the name of an activity")
        if points.setdefault(point.name, point).value != point.value:
            raise ValueError(f"the activity {point.name!r} comes from {points[point.name].value} and from {point.value}")
    return points
