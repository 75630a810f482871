"""Services whose answers are written in the scenario, so that a process plays without a network.

The law of this file: nothing is made up. A service answers what the scenario says, and one of which it says nothing fails it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct

from bpflow.definition.types import Given
from bpflow.diagnostics import Refused, say
from bpflow.expressions.data import Value
from bpflow.runtime import Request
from bpflow.scenario.known import bare
from bpflow.scenario.model import means_none


class ServiceFailed(Refused):
    """A service fails, as the scenario says; `error` is the name that processes may ask for."""

    error = ""


class Called(Struct, frozen=True):
    """A call that was made: its service, and what it was given."""

    service: str
    arguments: Mapping[str, Value]


@dataclass(slots=True)
class Script:
    """What services answer, by name. `calls`: those made so far · `unwritten`: services that were called, and of which nothing is said."""

    written: dict[str, list[Any]] = field(default_factory=dict)
    calls: list[Called] = field(default_factory=list)
    unwritten: list[str] = field(default_factory=list)

    def answer(self, services: Iterable[Given]) -> None:
        """From now on these services answer so."""
        self.written |= {one.name: answers_of(one.raw) for one in services}

    def performers(self, names: Iterable[str]) -> dict[str, Scripted]:
        """The services of these names, to be registered."""
        return {name: Scripted(name, self) for name in names}

    def called(self, name: str, arguments: Mapping[str, Value]) -> Mapping[str, Value] | None:
        """What the service answers. Raises ServiceFailed if it fails, or nothing is said of it."""
        self.calls.append(Called(name, arguments))
        if name not in self.written:
            self.unwritten.append(name)
            raise ServiceFailed(say('the scenario does not say what the service "{service}" answers', service=name))
        answers = self.written[name]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if is_error(answer):
            failed = ServiceFailed(say("{message}", message=answer.get("message", answer["error"])))
            failed.error = str(answer["error"])
            raise failed
        return dict(answer) if answer else None


class Scripted(Struct, frozen=True):
    """A service as the engine calls it."""

    name: str
    script: Script

    def perform(self, request: Request) -> Mapping[str, Value] | None:
        """What the scenario says."""
        return self.script.called(self.name, request.arguments)


def answers_of(raw: Any) -> list[Any]:
    """The answers that are written: one, or several one after the other."""
    return [None if means_none(one) else bare(one) for one in (raw if isinstance(raw, list | tuple) else [raw])]


def is_error(answer: object) -> bool:
    """Whether an error is written: `{error: name}`, perhaps with a message."""
    return isinstance(answer, Mapping) and "error" in answer and answer.keys() <= {"error", "message"}
