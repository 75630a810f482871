"""The services of the house: documents, notices and calendar entries of the same store, done inside the instance's transaction.

The law of this file: a service checks everything before it writes anything, so one that refuses has changed nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from bpflow.diagnostics import Refused, say
from bpflow.expressions import describe
from bpflow.expressions.data import Department, Document, Duration, Role, User, Value
from bpflow.services.directory import Directory
from bpflow.services.documents import changed_fields
from bpflow.services.working_calendar import WorkingCalendar
from bpflow.stores.contract import NewMessage, Work
from bpflow.values import DocumentType

MAX_DEPTH = 32
"""How long a chain of changes that processes cause in each other may be."""


VALUE = "values."
"""What the names of the arguments begin with that are the values of a message."""


@dataclass(slots=True)
class Occasion:
    """For whom and when a service works: the unit of work, the instance, its process, and what is around it."""

    work: Work
    owner: int
    instance: int
    process: str
    at: datetime
    zone: str
    types: Mapping[str, DocumentType]
    directory: Directory | None
    calendar: WorkingCalendar
    depth: int = 0


Arguments: TypeAlias = Mapping[str, Value]
Service: TypeAlias = Callable[[Occasion, Arguments], dict[str, Value]]


def people_of(value: Value, directory: Directory | None) -> list[User]:
    """The users that a value names: people, groups by their members, lists of them; each once."""
    found: dict[User, None] = {}
    todo: list[Value] = [value]
    while todo:
        one = todo.pop(0)
        if isinstance(one, User):
            found[one] = None
        elif isinstance(one, list):
            todo = [*one, *todo]
        elif isinstance(one, Department | Role) and directory is not None:
            members = directory.answer("members", (one,))
            todo = [*members, *todo] if isinstance(members, list) else todo
        elif one is not None:
            raise Refused(say("{value} is nobody", value=repr(one)))
    return list(found)


def notify(occasion: Occasion, arguments: Arguments) -> dict[str, Value]:
    """Leaves a notice for each person. Refused if there is nobody to tell."""
    people = people_of(arguments.get("to"), occasion.directory)
    reason = str(arguments.get("reason") or "notify")
    if not people and reason == "notify":
        raise Refused(say("there is nobody to notify"))
    title, text, channel = (str(arguments.get(name) or "") for name in ("title", "text", "channel"))
    for person in people:
        occasion.work.add_notice(occasion.owner, person.id, reason, title, text, channel, occasion.at, occasion.instance)
    told: list[Value] = [*people]
    return {"to": told}


def add_to_calendar(occasion: Occasion, arguments: Arguments) -> dict[str, Value]:
    """Puts an entry into the calendar of each person."""
    people = people_of(arguments.get("to"), occasion.directory)
    at = arguments.get("at")
    if not people:
        raise Refused(say("there is nobody in whose calendar to put it"))
    if not isinstance(at, datetime):
        raise Refused(say("the entry has no date"))
    lasts, before = arguments.get("lasts"), arguments.get("remind_before")
    for name, value in (("lasts", lasts), ("remind-before", before)):
        if value is not None and not isinstance(value, Duration | datetime):
            raise Refused(say('"{name}" is no length of time: {value}', name=name, value=describe(value)))
    ends = _later(occasion, at, lasts) if isinstance(lasts, Duration) else lasts if isinstance(lasts, datetime) else at + timedelta(hours=1)
    remind = _seconds_before(occasion, at, before) if isinstance(before, Duration) else None
    title = str(arguments.get("title") or "")
    for person in people:
        occasion.work.add_calendar(occasion.owner, person.id, title, at, ends, remind, occasion.instance)
    return {"at": at, "ends": ends}


def _later(occasion: Occasion, at: datetime, by: Duration) -> datetime:
    later = occasion.calendar.answer("add", (at, by, occasion.zone))
    assert isinstance(later, datetime)
    return later


def _seconds_before(occasion: Occasion, at: datetime, by: Duration) -> int:
    back = Duration(-by.months, -by.days, -by.seconds, -by.working_days, -by.working_seconds)
    return int((at - _later(occasion, at, back)).total_seconds())


def update_document(occasion: Occasion, arguments: Arguments) -> dict[str, Value]:
    """Changes fields of a document; `note` writes a line in its feed. Refused where a field may not be so."""
    ref = arguments.get("document")
    if not isinstance(ref, Document):
        raise Refused(say("there is no document to change"))
    row = occasion.work.document(ref.id)
    if row is None or row.ref != ref:
        raise Refused(say('there is no document "{type}:{id}"', type=ref.type, id=ref.id))
    type = occasion.types.get(ref.type)
    if type is None:
        raise Refused(say('there is no document type "{type}"', type=ref.type))
    if occasion.depth > MAX_DEPTH:
        raise Refused(say("processes change documents in each other more than {bound} deep", bound=MAX_DEPTH))
    parts: dict[str, dict[str, Value]] = {"set": {}, "add": {}, "remove": {}}
    for name, value in arguments.items():
        how, _, field = name.partition(".")
        if field:
            parts[how][field] = value
    fields = changed_fields(type, row.fields, parts["set"], parts["add"], parts["remove"])
    note = arguments.get("note")
    if fields != row.fields or note:
        occasion.work.change_document(row, fields, occasion.at, None, occasion.process, occasion.depth + 1, str(note) if note else None)
    return {}


def send_message(occasion: Occasion, arguments: Arguments) -> dict[str, Value]:
    """Leaves a message for whoever waits for it. Refused if its key is empty."""
    name, key, until = str(arguments["message"]), arguments.get("key"), None
    if "key" in arguments and key in (None, ""):
        raise Refused(say('the key of the message "{name}" is empty', name=name))
    if "keep" in arguments:
        keep = arguments["keep"]
        if not isinstance(keep, Duration):
            raise Refused(say('"{name}" is no length of time: {value}', name="keep", value=describe(keep)))
        until = _later(occasion, occasion.at, keep)
    values = {name.removeprefix(VALUE): value for name, value in arguments.items() if name.startswith(VALUE)}
    occasion.work.messages.add(NewMessage(name, key, values, occasion.at, until, occasion.instance, occasion.depth))
    occasion.work.left = True
    return {}


LOCAL: Mapping[str, Service] = {
    "notify": notify,
    "calendar.add": add_to_calendar,
    "documents.update": update_document,
    "messages.send": send_message,
}
