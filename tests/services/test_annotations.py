"""What the checker learns of a function from its annotations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, TypedDict

import pytest
from pydantic import BaseModel, Field

from bpflow.expressions.data import User
from bpflow.services import annotations
from bpflow.services.http import HttpService
from bpflow.services.request import Request
from bpflow.values import Field as F
from bpflow.values import ServiceType


class Level(Enum):
    LOW = "low"
    HIGH = "high"


@dataclass
class Place:
    city: str
    floor: int = 1


@dataclass
class Offer:
    price: Decimal
    level: Level
    where: Place
    days: list[date]
    who: User | None = None


class Model(BaseModel):
    sum: Annotated[float, Field(gt=0)]
    ready: bool = False


class Words(TypedDict):
    name: str


def offers(request: Request, sku: str, kind: Literal["a", "b"] = "a") -> Offer:
    raise NotImplementedError


def anything(sku: Any, **rest: str) -> dict[str, object]:
    raise NotImplementedError


def model(place: Place, tags: list[list[str]]) -> Model:
    raise NotImplementedError


def words() -> Words:
    raise NotImplementedError


def one(a: int | str) -> int | None:
    raise NotImplementedError


def nothing(request: Request) -> None:
    raise NotImplementedError


CHOICES = (("low", "low"), ("high", "high"))
PLACE = (("city", F("string", required=True)), ("floor", F("integer")))
KNOWN: list[tuple[Callable[..., Any], ServiceType]] = [
    (
        offers,
        ServiceType(
            (("sku", F("string", required=True)), ("kind", F("choice", choices=(("a", "a"), ("b", "b"))))),
            (
                ("price", F("number", required=True)),
                ("level", F("choice", choices=CHOICES, required=True)),
                ("where", F("object", fields=PLACE, required=True)),
                ("days", F("date", many=True, required=True)),
                ("who", F("user")),
            ),
        ),
    ),
    (anything, ServiceType(None, None)),
    (model, ServiceType(None, (("sum", F("number")), ("ready", F("boolean"))))),
    (words, ServiceType((), (("name", F("string")),))),
    (one, ServiceType(None, (("value", F("integer")),))),
    (nothing, ServiceType(None, ())),
]


@pytest.mark.parametrize("function, type", KNOWN, ids=[function.__name__ for function, _ in KNOWN])
def test_a_function_is_as_it_is_annotated(function: Callable[..., Any], type: ServiceType) -> None:
    assert annotations.service_type("crm", function) == type


def test_of_what_is_no_function_nothing_is_known() -> None:
    assert annotations.service_type("crm", HttpService("http://127.0.0.1")) == ServiceType()
