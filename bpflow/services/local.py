"""The services of the house: documents, notices, calendar entries and absences of the same store, people, done inside the instance's transaction.

The law of this room: a service checks everything before it writes anything, so one that refuses has changed nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from bpflow.diagnostics import Refused, say
from bpflow.expressions import describe
from bpflow.expressions.data import Duration, Value
from bpflow.services.absences import enter_absence
from bpflow.services.creating import create_document, update_document
from bpflow.services.finding import find_documents
from bpflow.services.occasion import Arguments, Occasion, Service, people_of
from bpflow.services.picking import pick_user
from bpflow.stores.mail import NewMessage

VALUE = "values."
"""What the names of the arguments begin with that are the values of a message."""


def notify(occasion: Occasion, arguments: Arguments) -> dict[str, Value]:
    """Leaves a notice for each person. That there is somebody, the engine has seen to."""
    given, o = arguments.get, occasion
    reason, title, text, channel = str(given("reason") or "notify"), str(given("title") or ""), str(given("text") or ""), str(given("channel") or "")
    for person in people_of(given("to"), o.directory):
        o.work.add_notice(o.owner, person.id, reason, title, text, channel, o.at, o.instance)
    return {}


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
    occasion.work.messages.add(NewMessage(occasion.owner, name, key, values, occasion.at, until, occasion.instance, occasion.depth))
    return {}


LOCAL: Mapping[str, Service] = {
    "absence": enter_absence,
    "notify": notify,
    "calendar.add": add_to_calendar,
    "documents.create": create_document,
    "documents.find": find_documents,
    "documents.update": update_document,
    "messages.send": send_message,
    "people.pick": pick_user,
}
"""What the house does, by the names that activities lower to."""
