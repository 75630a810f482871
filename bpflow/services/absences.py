"""Absences that are entered into the embedded directory while it is used: kept in the store, and asked with it.

The law of this file: what is entered has been checked against the directory; what is in the store of people whom it knows no more is
passed over.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from bpflow.definition.entries import Absence
from bpflow.definition.house import HOUSE
from bpflow.diagnostics import Refused, say
from bpflow.expressions.data import User, Value
from bpflow.services.directory import Directory, EmbeddedDirectory
from bpflow.services.occasion import Arguments, Occasion
from bpflow.services.working_calendar import zone_of
from bpflow.stores.absent import AbsenceRow, NewAbsence
from bpflow.values import InvalidValue, check, read


def enter_absence(occasion: Occasion, arguments: Arguments) -> dict[str, Value]:
    """The service `absence`: enters days on which a person is away; with the key of the call, so once."""
    new = checked(occasion.directory, _read(arguments, occasion.zone))
    occasion.work.enter_absence(occasion.owner, new, occasion.at, key=occasion.key or None, instance=occasion.instance)
    acting = new.substitute or own_substitute(occasion.directory, new.person)
    return {"days": (new.last - new.first).days + 1 if new.last else None, "substitute": User(acting) if acting else None}


def _read(arguments: Arguments, zone: str) -> NewAbsence:
    """The arguments by the types that the service declares. Refused names the first that is wrong."""
    found: dict[str, Value] = {}
    for name, field in HOUSE["absence"].takes or ():
        try:
            found[name] = read(field, arguments.get(name), zone_of(zone))
            check(field, found[name])
        except InvalidValue as wrong:
            raise Refused(say('"{field}": {reason}', field=name, reason=wrong.message)) from wrong
    person, first, last, substitute, reason = found.values()
    assert isinstance(person, User) and isinstance(first, date) and isinstance(last, date | None)
    return NewAbsence(person.id, first, last, substitute.id if isinstance(substitute, User) else None, str(reason) if reason else None)


def checked(directory: Directory | None, new: NewAbsence) -> NewAbsence:
    """The absence itself. Refused if nobody keeps absences, it is of people whom the directory does not know, or it cannot be so."""
    if not isinstance(directory, EmbeddedDirectory):
        raise Refused(say("absences are entered into the directory of the workspace, and there is none"))
    for person in (new.person, new.substitute):
        if person is not None:
            directory.entry(person)
    if new.last is not None and new.last < new.first:
        raise Refused(say("the absence ends before it begins, on {first}", first=new.first))
    if new.substitute == new.person:
        raise Refused(say('"{id}" cannot be his own substitute', id=new.person))
    return new


def own_substitute(directory: Directory | None, person: str) -> str | None:
    """Who acts for the person whenever he is away and nobody else is named."""
    return directory.entry(person).substitute if isinstance(directory, EmbeddedDirectory) else None


def with_stored(directory: EmbeddedDirectory, rows: Iterable[AbsenceRow]) -> EmbeddedDirectory:
    """The directory with what is in the store, what was entered last first."""
    found: dict[str, list[Absence]] = {}
    known = directory.data.people
    for row in rows:
        new = row.absence
        if new.person in known:
            substitute = new.substitute if new.substitute in known else None
            found.setdefault(new.person, []).append(Absence.model_construct(first=new.first, last=new.last, substitute=substitute, reason=new.reason))
    return directory.with_absences(found)
