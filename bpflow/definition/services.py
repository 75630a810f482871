"""The services of a workspace: `services` in `bpflow.yaml`."""

import re
from collections.abc import Iterator, Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from bpflow.definition.directory import Places
from bpflow.definition.fields import Fields, fields_of
from bpflow.definition.house import HOUSE
from bpflow.diagnostics import Diagnostic, Span, did_you_mean, say
from bpflow.expressions import ExpressionError, parse_duration
from bpflow.values import ServiceType

_HOLE = re.compile(r"\$\{\w+\}|\{(\w+)\}")


class ServiceSettings(BaseModel):
    """A service that processes call: with a `url` by HTTP, without one by the program that embeds bpflow."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    title: str | None = Field(None, description="What people call it.")
    url: str | None = Field(
        None,
        pattern=r"^(https?://|\$\{\w+\})\S+$",
        description="Its address; `{name}` in it is the argument of that name, `${NAME}` a variable of the environment.",
    )
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = Field("POST", description="The method of HTTP.")
    headers: dict[str, str] = Field({}, description="Headers to send; `${NAME}` in a value is a variable of the environment.")
    body: Literal["json", "form", "none"] | None = Field(
        None,
        description="How the arguments are sent that the address does not name; with `none`, in its query. By default `json`, and `none` for GET and DELETE.",
    )
    timeout: str = Field("30s", description="How long an answer is waited for, at most.")
    takes: Fields | None = Field(None, description="The arguments that it takes, as fields by name; without it any.")
    gives: Fields | None = Field(None, description="The results that it gives, as fields by name, which are checked; without it any.")

    @property
    def type(self) -> ServiceType:
        """What it takes and gives."""
        takes, gives = (None if fields is None else fields_of(fields) for fields in (self.takes, self.gives))
        return ServiceType(takes, gives)

    @property
    def seconds(self) -> float:
        """The bound on its answer."""
        length = parse_duration(self.timeout)
        return float(length.days * 86400 + length.seconds)


def check_services(services: Mapping[str, ServiceSettings], source: Places) -> Iterator[Diagnostic]:
    """What the shape cannot say: a name that is taken, keys of HTTP without an address, a time that is none, an argument that is not taken."""
    for name, service in services.items():
        place = ("services", name)
        if name in HOUSE:
            message = say('"{service}" is a service of the house: call yours otherwise', service=name)
            yield Diagnostic(source.span_at(place, key=True), "duplicate-id", message)
        foreign = [key for key in ("method", "headers", "body", "timeout") if key in service.model_fields_set and service.url is None]
        if foreign:
            yield Diagnostic(source.span_at((*place, foreign[0])), "missing-key", say('"{key}" has no meaning without "url"', key=foreign[0]))
        yield from _timeout(service, source.span_at((*place, "timeout")))
        takes = service.takes if service.takes is not None else {}
        for hole in _HOLE.findall(service.url or "") if service.takes is not None else ():
            if hole and hole not in takes:
                message = say('the service "{service}" takes no "{name}"', service=name, name=hole)
                yield Diagnostic(source.span_at((*place, "url")), "unknown-field", message, did_you_mean(hole, takes))


def _timeout(service: ServiceSettings, span: Span) -> Iterator[Diagnostic]:
    try:
        length = parse_duration(service.timeout)
    except ExpressionError as error:
        yield Diagnostic(span, "bad-duration", error.message, error.hint)
        return
    if length.months or length.working_days or length.working_seconds or length.days * 86400 + length.seconds <= 0:
        yield Diagnostic(span, "bad-duration", say('"{text}" is not a length of time by the clock, as 1s or 5min', text=service.timeout))
