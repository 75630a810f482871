"""What there is to say about the shape of a file."""

from __future__ import annotations

from msgspec import Struct

from bpflow.diagnostics import Diagnostic, Span
from bpflow.source import Table


class Rest(Struct, frozen=True):
    """What can be read of a file with mistakes of shape, and the names that went with what cannot."""

    tree: Table
    lost: frozenset[str]


class Shape(Struct, frozen=True):
    """The findings about keys and kinds of values; `places` are those of the values with mistakes."""

    findings: tuple[Diagnostic, ...] = ()
    places: tuple[Span, ...] = ()
    rest: Rest | None = None
