"""Absences in a store: days on which people are away, as processes and people have entered them, besides those that a directory knows itself.

The law of this file: an absence is never taken out of the store; one that is over sooner gets another last day, and one that ends before it
begins never was.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple, Protocol


class NewAbsence(NamedTuple):
    """Days to be entered, the first and the last included (`last` None: until further notice), with who acts for the person then, and why."""

    person: str
    first: date
    last: date | None = None
    substitute: str | None = None
    reason: str | None = None


class AbsenceRow(NamedTuple):
    """An absence that was entered: `at` when, by whom (None: a process or a program did it), by which instance (None: none)."""

    id: int
    absence: NewAbsence
    at: datetime
    by: str | None
    instance: int | None


class Absences(Protocol):
    """Reading absences, in a unit of work or outside."""

    def absence_mark(self) -> int:
        """A number that is another after each change of any absence."""
        ...

    def absences(self, person: str | None = None) -> list[AbsenceRow]:
        """The absences of a person or of all, what was entered last first."""
        ...
