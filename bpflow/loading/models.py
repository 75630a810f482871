"""From a tree to a model, with the findings of shape and of the values inside; and what several rooms say of one place, said once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeAlias, TypeVar

from msgspec import Struct
from msgspec.structs import replace
from pydantic import BaseModel, ValidationError

from bpflow.definition.reading import Reading
from bpflow.diagnostics import Diagnostic, Severity, Span, say
from bpflow.schema.found import Shape
from bpflow.schema.shape import file_shape
from bpflow.source import Source, Table

M = TypeVar("M", bound=BaseModel)
At: TypeAlias = tuple[int, int]

_OF_SHAPE = ("exactly-one", "wrong-kind", "missing-key")
"""Rules of which the schema speaks in an analyst's words, and the models too."""
_NOWHERE = (1, 1)
"""Where a model puts a finding about nothing, which has no place."""


def read_model(source: Source, model: type[M]) -> tuple[M | None, list[Diagnostic]]:
    """The model that a file says, and all findings about the file; None if it cannot be made."""
    read = read_rest(source, model)
    return (read.model if read.whole else None), read.findings


class Read(Struct, Generic[M], frozen=True):
    """What could be read of a file: `model` is None where nothing could, `lost` are the names that went with what could not."""

    model: M | None
    findings: list[Diagnostic]
    whole: bool = False
    lost: frozenset[str] = frozenset()


def read_rest(source: Source, model: type[M], check: Callable[[M, Source], Iterable[Diagnostic]] = lambda *_: ()) -> Read[M]:
    """As `read_model`, but the model is made of what can be read. `check` finds what the shape cannot say, also in what is left."""
    if not isinstance(source.tree, Table) and source.findings:
        return Read(None, source.findings)
    shape, reading = file_shape(source, model), Reading(source.file)
    try:
        made = model.model_validate(shape.rest.tree if shape.rest else source.tree, context=reading)
    except ValidationError as error:
        return Read(None, merged(source, or_refused(shape, error, source), reading.findings))
    lost = shape.rest.lost if shape.rest else frozenset[str]()
    return Read(made, merged(source, shape, [*reading.findings, *check(made, source)]), not shape.findings, lost)


def or_refused(shape: Shape, error: ValidationError, source: Source) -> Shape:
    """The shape; where nothing is wrong with it, what a model refuses beyond its schema."""
    return shape if shape.findings else Shape(tuple(_refused(error, source)))


def _refused(error: ValidationError, source: Source) -> Iterator[Diagnostic]:
    for one in error.errors(include_url=False, include_context=False, include_input=False):
        span = source.span_at(one["loc"])
        yield Diagnostic(span, "not-allowed", say("this cannot stand here: {reason}", reason=one["msg"]))


def merged(source: Source, shape: Shape, inside: Iterable[Diagnostic]) -> list[Diagnostic]:
    """The findings of all rooms about one file, of which an earlier one has the word about a place."""
    told = {_start(finding.span) for finding in source.findings} | {_end(finding.span) for finding in source.findings if finding.rule == "tag"}
    places = {_start(span) for span in shape.places} | ({_NOWHERE} if shape.findings else set())
    of_shape = [finding for finding in shape.findings if not _about_letters(finding, source)]
    inner = [span for span in shape.places if _start(span) != _NOWHERE]
    of_values = [finding for finding in inside if finding.rule not in _OF_SHAPE or not (_start(finding.span) in places or _within(finding.span, inner))]
    others = [*of_shape, *of_values]
    wrong = {_start(finding.span) for finding in others if finding.severity is Severity.ERROR}
    of_text = [_grave(finding) if _start(finding.span) in wrong else finding for finding in source.findings]
    return [*of_text, *(finding for finding in others if _start(finding.span) not in told)]


def _start(span: Span) -> At:
    return span.line, span.column


def _end(span: Span) -> At:
    return span.end_line, span.end_column


def _within(span: Span, wholes: Iterable[Span]) -> bool:
    return any(_start(whole) <= _start(span) < _end(whole) for whole in wholes)


def _grave(finding: Diagnostic) -> Diagnostic:
    """What could have been meant so turns out to be wrong."""
    return replace(finding, severity=Severity.ERROR)


def _about_letters(finding: Diagnostic, source: Source) -> bool:
    """The finding is about a key, and the source has already said that its letters are not what they seem."""
    here = finding.span
    strange = (other.span for other in source.findings if other.rule == "lookalike")
    return finding.rule in ("unknown-key", "lookalike") and any(span.line == here.line and here.column <= span.column < here.end_column for span in strange)
