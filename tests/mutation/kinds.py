"""What a kind of mistake is, and all of them.

The law of this room: a kind is one function that makes its mistake at every place of a process where there is one for it; its name and its
docstring are the line of the report. A kind that makes *another process*, which somebody could have meant, says so (`other`): whether it
is the one that was meant stands nowhere in the definition, so no checker can know, and scenarios are what finds it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.mutation.editing import Change, Original

Make = Callable[[Original], Iterator[Change]]
KINDS: dict[str, Kind] = {}


@dataclass(frozen=True)
class Kind:
    """A kind of mistake. `other`: why the definition alone cannot tell it from what was meant."""

    name: str
    says: str
    other: str
    make: Make = field(repr=False)

    def changes(self, original: Original) -> list[Change]:
        """Its mistakes in a process, each once."""
        return list({change.text: change for change in self.make(original) if change.text != original.source.text}.values())


def kind(make: Make) -> Make:
    """Registers a kind of mistake."""
    return _register(make, "")


def other(why: str) -> Callable[[Make], Make]:
    """Registers a kind that makes another process, and why."""
    return lambda make: _register(make, why)


def _register(make: Make, why: str) -> Make:
    name = make.__name__.replace("_", " ")
    KINDS[name] = Kind(name, (make.__doc__ or "").strip(), why, make)
    return make
