"""The services that are not of the house, by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import tzinfo

from msgspec.structs import replace

from bpflow.diagnostics import Refused, did_you_mean, each_quoted, say
from bpflow.engine.codec import dumps, loads
from bpflow.expressions.data import Secret, Value
from bpflow.services.functions import Function
from bpflow.services.given import results_of, typed, wrong_answer
from bpflow.services.local import LOCAL
from bpflow.services.request import Performer, Registered, Request, ServiceError, error_name
from bpflow.services.secrets import Read, all_fresh, changed, has_secret, redacted, value_of
from bpflow.values import ServiceType

MAX_RESULTS = 1_000_000
"""Bytes of the results of one call, as they are kept."""


class Services(Mapping[str, Performer]):
    """Performers by name. `types` says what some of them give; `zone` reads their dates that name no zone, `secret` the secrets
    that are told them."""

    def __init__(self, given: Mapping[str, Registered], types: Mapping[str, ServiceType], zone: tzinfo, secret: Read) -> None:
        """Refused if something given cannot be a service."""
        self._types, self._zone, self._secret = types, zone, secret
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
        values, type = results_of(self._performed(name, request)), self._types.get(name)
        gives = type.gives if type is not None else None
        return _kept(values) if gives is None else all_fresh(gives, _kept(typed(values, gives, self._zone)))

    def _performed(self, name: str, request: Request) -> object:
        """What the service says; it reads secrets, and what it complains of does not tell them."""
        if not any(map(has_secret, request.arguments.values())):
            return self._performers[name].perform(request)
        told: list[Value] = []

        def tell(secret: Secret) -> Value:
            told.append(value_of(secret, self._secret))
            return told[-1]

        open = replace(request, arguments=changed(dict(request.arguments), tell))
        try:
            return self._performers[name].perform(open)
        except Refused as refused:
            raise ServiceError(error_name(refused) or name, redacted(refused.message, told)) from None
        except Exception as error:
            broke = say("{service} broke: {error}", service=name, error=f"{type(error).__name__}: {error}")
            raise ServiceError(error_name(error) or name, redacted(broke, told)) from None


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
