"""When people are away: what the directory of the workspace says, and what was entered since; entering it and taking it back.

The law of this file: it changes what was entered, and never the file of the directory.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from msgspec import Struct

from bpflow.diagnostics import Refused, say
from bpflow.expressions.data import User
from bpflow.runtime import reading
from bpflow.runtime.part import Part
from bpflow.runtime.transaction import Runner
from bpflow.services.absences import checked
from bpflow.stores.absent import AbsenceRow, NewAbsence
from bpflow.values import Field

_FORM = {
    "from": Field("date", required=True),
    "to": Field("date"),
    "substitute": Field("user"),
    "reason": Field("string"),
}


class AbsenceView(NamedTuple):
    """Days on which a person is away; `row` says who entered them and when, or is None where the file of the directory has them."""

    absence: NewAbsence
    row: AbsenceRow | None = None

    def holds(self, day: date) -> bool:
        """Whether the day is one of them."""
        return self.absence.first <= day and (self.absence.last is None or day <= self.absence.last)


class Attendance(Struct, frozen=True):
    """Who is away when, as people see it at a moment."""

    runner: Runner
    now: datetime

    @property
    def today(self) -> date:
        """The day by the clock of the workspace."""
        return self.now.astimezone(self.runner.people.zone).date() if self.runner.people else self.now.date()

    def all(self, person: str | None = None) -> list[AbsenceView]:
        """The absences of a person or of all, by their first days; of people who are entered and no longer known as well."""
        found = [AbsenceView(row.absence, row) for row in self.runner.store.absences(person)]
        return sorted([*found, *self._written(person)], key=lambda view: (view.absence.first, view.absence.person))

    def _written(self, person: str | None) -> Iterator[AbsenceView]:
        """Those in the file of the directory."""
        people = self.runner.people.data.people if self.runner.people else {}
        for id, entry in people.items():
            for one in entry.absences if person in (None, id) else ():
                yield AbsenceView(NewAbsence(id, one.first, one.last, one.substitute, one.reason))

    def enter(self, person: str, given: dict[str, object], by: str | None) -> AbsenceView:
        """Enters an absence of `from`, `to`, `substitute`, `reason`. Refused, naming what is wrong, if it cannot be so."""
        values = reading.read_fields(_FORM, given, UTC)
        first, last, substitute, reason = (values.get(name) for name in _FORM)
        assert isinstance(first, date) and isinstance(last, date | None)
        new = NewAbsence(person, first, last, substitute.id if isinstance(substitute, User) else None, str(reason) if reason else None)
        checked(self.runner.people, new)
        with self.runner.store.begin() as work:
            work.enter_absence(0, new, self.now, by=by)
            return AbsenceView(new, work.absences(person)[0])

    def end(self, person: str, day: date | str | None) -> list[AbsenceView]:
        """The person is there from the day on (by default, today): what was entered and holds on it ends before it. Gives what has changed, as it
        was. Refused if nothing holds, or only what the file of the directory says."""
        given = reading.read_fields({"from": _FORM["from"]}, {"from": day}, UTC)["from"] if day is not None else self.today
        assert isinstance(given, date)
        with self.runner.store.begin() as work:
            ended = [view for row in work.absences(person) if (view := AbsenceView(row.absence, row)).holds(given)]
            for view in ended:
                assert view.row is not None
                work.end_absence(view.row.id, given - timedelta(days=1))
        if any(view.holds(given) for view in self._written(person)) and not ended:
            raise Refused(say('that "{user}" is away on {day} is written in the file of the directory: change it there', user=person, day=given))
        if not ended:
            raise Refused(say('"{user}" is not away on {day}', user=person, day=given))
        return ended


class Absent(Part):
    """Who is away: a part of `Engine`."""

    def absences(self, user: str | None = None) -> list[AbsenceView]:
        """When a person is away, or all are: what was entered, and what the file of the directory says; by the first days."""
        return self._attendance().all(user)

    def absent(
        self,
        user: str,
        first: date | str,
        last: date | str | None = None,
        *,
        substitute: str | None = None,
        reason: str | None = None,
        by: str | None = None,
    ) -> AbsenceView:
        """Enters that a person is away from one day up to and with another (None: until further notice). Refused if it cannot be so."""
        return self._attendance().enter(user, {"from": first, "to": last, "substitute": substitute, "reason": reason}, by)

    def present(self, user: str, day: date | str | None = None) -> list[AbsenceView]:
        """A person is there from the day on (by default, today): the absences that hold on it end before it. Gives these, as they were. Refused
        if he is not away, or only by the file of the directory."""
        return self._attendance().end(user, day)

    def _attendance(self) -> Attendance:
        return Attendance(self.runner, self.clock.now())
