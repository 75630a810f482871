"""What the models of one file share while they read it: the vocabulary, the findings, and the places of expressions.

The law of this file: with a `Reading` as the validation context a mistake in a value becomes a finding and the reading goes on, so
all of a file's findings come at once; without one (in a program, in a test) it is an error of validation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field
from pydantic import ValidationInfo
from pydantic_core import PydanticCustomError

from bpflow.diagnostics import Diagnostic, Message, Span, say
from bpflow.graph.nodes import Place
from bpflow.graph.written import Part, Written


class Reading(Struct):
    """The validation context of one file: `activities` by name, if not those that are installed; `findings` and `origins` are filled while it is read.

    `origins`: the place of an expression → the parts of the file that it was made from, each with the places of its characters.
    """

    file: str = ""
    activities: Mapping[str, type[Any]] | None = None
    findings: list[Diagnostic] = field(default_factory=list)
    origins: dict[Place, tuple[Part, ...]] = field(default_factory=dict)


def reading_of(info: ValidationInfo) -> Reading | None:
    """The Reading of a validation, if there is one."""
    return info.context if isinstance(info.context, Reading) else None


def note(info: ValidationInfo, finding: Diagnostic) -> None:
    """Notes a finding; without a Reading raises it as an error of validation."""
    reading = reading_of(info)
    if reading is None:
        raise PydanticCustomError("finding", "{message} [{rule}]", {"message": str(finding.message), "rule": finding.rule})
    span = finding.span
    here = span if span.file else Span(reading.file, span.line, span.column, span.end_line, span.end_column)
    reading.findings.append(Diagnostic(here, finding.rule, finding.message, finding.hint, finding.severity))


def keep(info: ValidationInfo, made: Written) -> None:
    """Remembers which parts of the file an expression was made from."""
    reading = reading_of(info)
    if reading is not None and made.expr.place and made.parts:
        reading.origins.setdefault(made.expr.place, made.parts)


def exactly_one(span: Span, keys: tuple[str, ...], found: list[str]) -> Diagnostic | None:
    """The finding that of some keys not exactly one is written."""
    if len(found) == 1:
        return None
    listed = " / ".join(f'"{key}"' for key in keys)
    message: Message = say("one of {keys} is missing", keys=listed) if not found else say("only one of {keys} may be written", keys=listed)
    return Diagnostic(span, "exactly-one", message)
