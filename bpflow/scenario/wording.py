"""How failures say what they compare: values as an analyst writes them in a scenario, so that they can be copied into it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal

from bpflow.diagnostics import Message, say
from bpflow.engine.state import Vote
from bpflow.expressions.data import Department, Document, Duration, Role, User, Value
from bpflow.expressions.durations import duration_text
from bpflow.stores.absent import NewAbsence
from bpflow.stores.entries import CalendarRow, NoticeRow

NONE = say("none")


def value_text(value: Value, zone: tzinfo = UTC) -> str:
    """A value as it is written in a scenario; instants in the process's zone."""
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case datetime():
            return instant_text(value, zone)
        case date():
            return value.isoformat()
        case str():
            return f'"{value}"'
        case Decimal():
            return f"{value:f}"
        case Duration():
            return duration_text(value)
        case User() | Department() | Role():
            return value.id
        case Document():
            return f"{value.type}:{value.id}"
        case list():
            return "[" + ", ".join(value_text(item, zone) for item in value) + "]"
        case dict():
            return "{" + ", ".join(f"{name}: {value_text(item, zone)}" for name, item in value.items()) + "}"
    return str(value)


def id_of(party: str) -> str:
    """The id in `user:anna`."""
    return party.partition(":")[2]


def instant_text(at: datetime, zone: tzinfo) -> str:
    """An instant as it is written in a scenario."""
    local = at.astimezone(zone)
    return local.isoformat(timespec="auto" if local.second or local.microsecond else "minutes")


def listed(words: Iterable[str]) -> str:
    """Names in a row."""
    return ", ".join(words)


def together(messages: Sequence[Message]) -> Message:
    """Several messages as one, in their order."""
    said = messages[0]
    for message in messages[1:]:
        said = say("{first}; {rest}", first=said, rest=message)
    return said


def entry_text(title: str | None, at: str | None, to: Iterable[str]) -> Message:
    """An entry of a calendar as far as it is told."""
    return _parts(say('"{title}"', title=title) if title is not None else None, say("at {at}", at=at) if at else None, _for(to))


def absence_shown(new: NewAbsence) -> Message:
    """An absence that was entered."""
    told = {"user": new.person, "from": new.first, "to": new.last, "substitute": new.substitute, "reason": new.reason}
    return call_text("absence", {name: str(value) for name, value in told.items() if value is not None})


def notice_text(title: str | None, text: str | None, to: Iterable[str]) -> Message:
    """A notice as far as it is told."""
    said = say('with "{text}" in its text', text=text) if text is not None else None
    return _parts(say('"{title}"', title=title) if title is not None else None, said, _for(to))


def entry_shown(row: CalendarRow, zone: tzinfo) -> Message:
    """An entry that was made."""
    return entry_text(row.title, instant_text(row.at, zone), [row.person])


def notice_shown(row: NoticeRow) -> Message:
    """A notice that was sent."""
    kind = {"reminder": say("reminder"), "overdue": say("overdue"), "withdrawn": say("withdrawn"), "closed": say("closed")}.get(row.reason)
    said = say('"{title}" to {person}', title=row.title, person=row.person)
    told = say("{kind}: {notice}", kind=kind, notice=said) if kind else said
    return say('{notice} ("{text}")', notice=told, text=row.text) if row.text else told


def vote_text(outcome: str | None, by: str | None, in_place_of: str | None) -> Message:
    """An answer as far as it is told."""
    given = say('"{name}"', name=outcome) if outcome else None
    return _parts(given, say("by {person}", person=by) if by else None, say("in place of {person}", person=in_place_of) if in_place_of else None)


def votes_shown(votes: Sequence[Vote]) -> Message:
    """The answers that were given."""
    said = [vote_text(vote.outcome, vote.by.id, vote.in_place_of.id if vote.in_place_of else None) for vote in votes]
    return together(said) if said else NONE


def call_text(service: str, arguments: Mapping[str, str]) -> Message:
    """A call of a service as far as it is told; the arguments as they are shown."""
    given = ", ".join(f"{name}: {value}" for name, value in arguments.items())
    return say('"{service}" with {arguments}', service=service, arguments=f"{{{given}}}") if given else say('"{service}"', service=service)


def call_shown(service: str, arguments: Mapping[str, Value], zone: tzinfo) -> Message:
    """A call that was made."""
    return call_text(service, {name: value_text(value, zone) for name, value in arguments.items()})


def _for(people: Iterable[str]) -> Message | None:
    names = listed(people)
    return say("for {people}", people=names) if names else None


def _parts(*parts: Message | None) -> Message:
    said = [part for part in parts if part is not None]
    if not said:
        return say("of any kind")
    whole = said[0]
    for part in said[1:]:
        whole = say("{first} {rest}", first=whole, rest=part)
    return whole
