"""The activities that a process may use: what the entry points of the group `bpflow.activities` name, the built-in ones too."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

GROUP = "bpflow.activities"
_NAME = re.compile(r"[a-z][a-z0-9-]*")


class Vocabulary(Mapping[str, type[Any]]):
    """Activities by name. A class is imported when it is first asked for: a process pays only for what it uses."""

    __slots__ = ("_loaded", "_points")

    def __init__(self, points: Mapping[str, EntryPoint], added: Mapping[str, type[Any]] | None = None) -> None:
        self._points = dict(points)
        self._loaded: dict[str, type[Any]] = dict(added or {})

    def __getitem__(self, name: str) -> type[Any]:
        if name not in self._loaded:
            self._loaded[name] = self._points[name].load()
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in self._loaded or name in self._points

    def __iter__(self) -> Iterator[str]:
        return iter(sorted({*self._points, *self._loaded}))

    def __len__(self) -> int:
        return len({*self._points, *self._loaded})

    def with_activities(self, added: Mapping[str, type[Any]]) -> Vocabulary:
        """This vocabulary and further activities, which an embedding program gives without an entry point."""
        return Vocabulary(self._points, {**self._loaded, **added})


@cache
def vocabulary() -> Vocabulary:
    """The activities that are installed. ValueError if two have one name, or a name is not small letters, digits and `-`."""
    points: dict[str, EntryPoint] = {}
    for point in entry_points(group=GROUP):
        if not _NAME.fullmatch(point.name):
            raise ValueError(f"{point.value}: {point.name!r} cannot be the name of an activity")
        if points.setdefault(point.name, point).value != point.value:
            raise ValueError(f"the activity {point.name!r} comes from {points[point.name].value} and from {point.value}")
    return Vocabulary(points)
