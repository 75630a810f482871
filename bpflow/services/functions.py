"""Python functions as services: their annotations are their contract."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError

from bpflow.diagnostics import Refused, did_you_mean, each_quoted, say
from bpflow.expressions.data import Department, Document, Duration, Role, User, Value
from bpflow.services.request import Request, ServiceError

_ANY_TYPE = ConfigDict(arbitrary_types_allowed=True)
_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class Function:
    """A function that takes its arguments by name, each converted to what its annotation says; one annotated `Request` gets the request, and
    where there is no other, the function reads the arguments there."""

    def __init__(self, name: str, run: Callable[..., Any]) -> None:
        """Refused if the function cannot be called so."""
        self.name, self.run = name, run
        self.signature = signature_of(name, run)
        parameters = self.signature.parameters.values()
        self.request = next((parameter.name for parameter in parameters if parameter.annotation is Request), None)
        self.open = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters)
        self.takes = {parameter.name: parameter for parameter in parameters if parameter.kind in _BY_NAME and parameter.name != self.request}
        self._adapters = {name: adapter(parameter.annotation) for name, parameter in self.takes.items() if parameter.annotation is not parameter.empty}

    def perform(self, request: Request) -> object:
        """Calls the function. ServiceError `wrong_arguments` if the arguments do not fit its signature."""
        if self.request and not self.takes and not self.open:
            return self.run(**{self.request: request})
        self._fit(request.arguments)
        values = {name: self._converted(name, value) for name, value in request.arguments.items()}
        return self.run(**values, **({self.request: request} if self.request else {}))

    def _fit(self, arguments: Mapping[str, Value]) -> None:
        for name in arguments:
            if name not in self.takes and not self.open:
                hint = did_you_mean(name, self.takes) or say("it takes: {names}", names=each_quoted(self.takes))
                raise ServiceError("wrong_arguments", say('it takes no "{name}", {hint}', name=name, hint=hint))
        missing = [name for name, parameter in self.takes.items() if name not in arguments and parameter.default is parameter.empty]
        if missing:
            raise ServiceError("wrong_arguments", say("it needs {names}", names=each_quoted(missing)))

    def _converted(self, name: str, value: Value) -> Any:
        found = self._adapters.get(name)
        if found is None:
            return value
        for one in (value, plain(value)):
            try:
                return found.validate_python(one)
            except ValidationError as error:
                reason = error.errors(include_url=False, include_context=False, include_input=False)[0]["msg"]
        raise ServiceError("wrong_arguments", say('its "{name}" is wrong: {reason}', name=name, reason=reason))


def signature_of(name: str, run: Callable[..., Any]) -> inspect.Signature:
    """The signature, its annotations read. Refused if it is none of a service."""
    try:
        found = inspect.signature(run, eval_str=True)
    except (NameError, TypeError, ValueError) as error:
        raise Refused(say('"{service}" cannot be a service: {reason}', service=name, reason=str(error))) from error
    if inspect.iscoroutinefunction(run) or inspect.iscoroutinefunction(getattr(run, "__call__", None)):  # noqa: B004  an object may be one
        raise Refused(say('"{service}" cannot be a service: {reason}', service=name, reason=say("it is an async function")))
    if any(p.kind in (p.POSITIONAL_ONLY, p.VAR_POSITIONAL) for p in found.parameters.values()):
        raise Refused(say('"{service}" cannot be a service: {reason}', service=name, reason=say("it does not take all of its arguments by name")))
    return found


def adapter(annotation: Any) -> TypeAdapter[Any]:
    """What reads values for an annotation; a class of the program's own takes its instances only."""
    try:
        return TypeAdapter(annotation, config=_ANY_TYPE)
    except PydanticUserError:
        return TypeAdapter(annotation)  # a model or a dataclass, which has a config of its own


def plain(value: Value) -> Any:
    """The value as programs have it: people and documents by their ids, lengths of time as timedelta."""
    match value:
        case User() | Department() | Role():
            return value.id
        case Document():
            return f"{value.type}:{value.id}"
        case Duration(0, days, seconds, 0, 0):
            return timedelta(days=days, seconds=seconds)
        case str():
            return str.__str__(value)
        case list():
            return [plain(item) for item in value]
        case dict():
            return {name: plain(item) for name, item in value.items()}
    return value
