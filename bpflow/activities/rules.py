"""The key `rule`: how many of those who are asked must answer."""

from decimal import Decimal
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field as Key

from bpflow import graph
from bpflow.definition.model import Model


class Quorum(Model):
    """So many, or such a share, of those who are asked."""

    one_of: ClassVar[tuple[str, ...]] = ("at-least", "percent")

    at_least: Annotated[int, Key(ge=1, strict=True)] | None = None
    """So many must choose the first outcome; to ask fewer people than that is an incident."""
    percent: Annotated[Decimal, Key(gt=0, le=100)] | None = None
    """So much of a hundred must choose the first outcome, counted exactly: 66 per cent of 3 is 2."""


Rule: TypeAlias = Literal["any", "all", "majority"] | Quorum
"""`any`: whoever answers first · `all` · `majority`: more than half · `at-least` a number · `percent`."""


def lowered(rule: Rule) -> graph.Rule:
    """The rule of the graph."""
    if isinstance(rule, str):
        return graph.Rule(rule)
    return graph.Rule("at-least", str(rule.at_least)) if rule.at_least else graph.Rule("percent", str(rule.percent))
