"""Services whose answers are written in the scenario, so that a process plays without a network.

The law of this file: nothing is made up. A service answers what the scenario says, and one of which it says nothing fails it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bpflow.definition.types import Given
from bpflow.diagnostics import Refused, say
from bpflow.expressions.data import Value
from bpflow.runtime import Request
from bpflow.runtime.drain import Registered
from bpflow.scenario.known import bare, is_of_house, means_none


@dataclass(frozen=True, slots=True)
class Called:
    """A call that was made: its service, and what it was given."""

    service: str
    arguments: Mapping[str, Value]


@dataclass
class Services(Mapping[str, Registered]):
    """All services outside: each is there, and answers what is written. `calls`: those made so far · `unwritten`: services that were
    called, and of which the scenario says nothing."""

    written: dict[str, Any] = field(default_factory=dict)
    calls: list[Called] = field(default_factory=list)
    unwritten: list[str] = field(default_factory=list)

    def answer(self, services: Iterable[Given]) -> None:
        """From now on these services answer so."""
        self.written |= {one.name: None if means_none(one.raw) else bare(one.raw) for one in services}

    def __getitem__(self, name: str) -> Registered:
        if is_of_house(name):
            raise KeyError(name)
        return lambda request: self._called(name, request)

    def __iter__(self) -> Iterator[str]:
        return iter(self.written)

    def __bool__(self) -> bool:
        return True

    def __len__(self) -> int:
        return len(self.written)

    def _called(self, name: str, request: Request) -> Mapping[str, Value] | None:
        self.calls.append(Called(name, request.arguments))
        if name not in self.written:
            self.unwritten.append(name)
            raise Refused(say('the scenario does not say what the service "{service}" answers', service=name))
        answer = self.written[name]
        if is_error(answer):
            raise Refused(say("{message}", message=answer.get("message", answer["error"])))
        return dict(answer) if answer else None


def is_error(answer: object) -> bool:
    """Whether an error is written: `{error: name}`, perhaps with a message."""
    return isinstance(answer, Mapping) and "error" in answer and answer.keys() <= {"error", "message"}
