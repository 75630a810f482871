"""The types of fields at run time: what is read from outside into a value, checked, shown, and kept as plain data.

The law of this room: a value that has passed `read` and `check` is one that its field may have; whatever cannot be one is refused
with a message that the person at the form understands, and nothing is rounded, cut or guessed.
"""

from __future__ import annotations

from bpflow.expressions.patterns import UnsafePattern, check_pattern
from bpflow.values.checking import check, check_field
from bpflow.values.fields import DocumentType, Field, InvalidValue, Kind, ServiceType, one_of
from bpflow.values.plain import from_plain, tag, to_plain
from bpflow.values.reading import read
from bpflow.values.showing import show
from bpflow.values.types import type_of, types_of

__all__ = [
    "DocumentType",
    "Field",
    "InvalidValue",
    "Kind",
    "ServiceType",
    "UnsafePattern",
    "check",
    "check_field",
    "check_pattern",
    "from_plain",
    "one_of",
    "read",
    "show",
    "tag",
    "to_plain",
    "type_of",
    "types_of",
]
