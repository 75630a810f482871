"""The services that are not of the house, by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import tzinfo

from bpflow.diagnostics import Refused, did_you_mean, each_quoted, say
from bpflow.engine.codec import dumps, loads
from bpflow.expressions.data import Value
from bpflow.services.functions import Function
from bpflow.services.given import results_of, typed, wrong_answer
from bpflow.services.local import LOCAL
from bpflow.services.request import Performer, Registered, Request
from bpflow.values import ServiceType

MAX_RESULTS = 1_000_000
"""Bytes of the results of one call, as they are kept."""


class Services(Mapping[str, Performer]):
    """Performers by name. `types` says what some of them give; `zone` reads their dates that name no zone."""

    def __init__(self, given: Mapping[str, Registered], types: Mapping[str, ServiceType], zone: tzinfo) -> None:
        """Refused if something given cannot be a service."""
        self._types, self._zone = types, zone
        self._performers: dict[str, Performer] = {name: _performer(name, one) for name, one in given.items()}

    def __getitem__(self, name: str) -> Performer:
        return self._performers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._performers)

    def __len__(self) -> int:
        return len(self._performers)

    def perform(self, name: str, request: Request) -> dict[str, Value]:
        """What the service gives, checked. Raises whatever it raises; Refused, with a hint, if there is none of that name."""
        if name not in self._performers:
            hint = did_you_mean(name, self) or (say("registered are: {names}", names=each_quoted(self)) if self else None)
            message = say('no service "{service}" is registered', service=name)
            raise Refused(say("{reason}, {hint}", reason=message, hint=hint) if hint else message)
        values, type = results_of(self._performers[name].perform(request)), self._types.get(name)
        if type is not None and type.gives is not None:
            values = typed(values, type.gives, self._zone)
        return _kept(values)


def _performer(name: str, given: Registered) -> Performer:
    if name in LOCAL:
        raise Refused(say('"{service}" is a service of the house: call yours otherwise', service=name))
    return given if isinstance(given, Performer) else Function(name, given)


def _kept(values: dict[str, Value]) -> dict[str, Value]:
    """The results as they will be read again."""
    try:
        data = dumps(values)
    except (TypeError, ValueError) as error:
        raise wrong_answer(say("its answer cannot be kept: {reason}", reason=str(error))) from error
    if len(data) > MAX_RESULTS:
        raise wrong_answer(say("the answer is longer than {bound} bytes", bound=MAX_RESULTS))
    return dict(loads(data))
