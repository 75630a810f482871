"""Who is away when: showing it, entering it, taking it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bpflow.cli.calls import AsJson, SomeBy, call_of
from bpflow.cli.output import tr
from bpflow.diagnostics import Message, say

if TYPE_CHECKING:
    from datetime import date

    from bpflow.cli.names import Names
    from bpflow.runtime import AbsenceView

commands = typer.Typer()
User = Annotated[str, typer.Argument(metavar="USER", help=tr("The person: an id of the directory."))]


@commands.command("absences", help=tr("List who is away, or will be. Those of the directory, and those that were entered since."))
def absences(
    ctx: typer.Context,
    user: Annotated[str | None, typer.Option("--user", metavar="USER", help=tr("Only those of this person."))] = None,
    past: Annotated[bool, typer.Option("--past", help=tr("Also those that are over."))] = False,
    as_json: AsJson = False,
) -> None:
    """By their first days."""
    call = call_of(ctx)
    with call.open() as engine:
        from bpflow.cli.names import Names

        names = Names(engine, call.out.language)
        today = engine.clock.now().astimezone(names.zone).date()
        found = [view for view in engine.absences(names.user(user)) if past or view.absence.last is None or view.absence.last >= today]
        if as_json:
            call.out.data([_data(view, names) for view in found])
        elif found:
            headings = say("who"), say("from"), say("up to and with"), say("substitute"), say("why"), say("entered by")
            call.out.table(headings, [_row(view, names) for view in found])
        else:
            call.out.line(say("nobody is away"))


def _row(view: AbsenceView, names: Names) -> tuple[str, ...]:
    new = view.absence
    return names.person(new.person), _day(new.first), _day(new.last), names.person(new.substitute), new.reason or "", _by(view, names)


def _day(day: date | None) -> str:
    return f"{day:%d.%m.%Y}" if day else ""


def _by(view: AbsenceView, names: Names) -> str:
    """Who has entered it."""
    if view.row is None:
        return say("the directory").text(names.language)
    if view.row.instance is not None:
        return say("instance {number}", number=view.row.instance).text(names.language)
    return names.person(view.row.by)


def _data(view: AbsenceView, names: Names) -> dict[str, Any]:
    new, row = view
    return {
        "user": new.person,
        "from": names.data(new.first),
        "to": names.data(new.last),
        "substitute": new.substitute,
        "reason": new.reason,
        "by_directory": row is None,
        "by": row.by if row else None,
        "by_instance": row.instance if row else None,
        "entered": names.iso(row.at) if row else None,
    }


@commands.command("absent", help=tr("Enter that a person is away. From then on his tasks go to who acts for him."))
def absent(
    ctx: typer.Context,
    user: User,
    first: Annotated[str, typer.Option("--from", metavar="DAY", help=tr("The first day, as 2026-07-01."))],
    last: Annotated[str | None, typer.Option("--to", metavar="DAY", help=tr("The last day; without it, until further notice."))] = None,
    substitute: Annotated[str | None, typer.Option("--substitute", metavar="USER", help=tr("Who acts for him; by default his own substitute."))] = None,
    reason: Annotated[str | None, typer.Option("--reason", metavar="TEXT", help=tr("Why."))] = None,
    by: SomeBy = None,
) -> None:
    """Refused if it cannot be so."""
    call = call_of(ctx)
    with call.open() as engine:
        from bpflow.cli.names import Names

        names = Names(engine, call.out.language)
        view = engine.absent(str(names.user(user)), first, last, substitute=names.user(substitute), reason=reason, by=names.user(by))
        call.out.line(_told(view, names), "green")


def _told(view: AbsenceView, names: Names) -> Message:
    new = view.absence
    if new.last is None:
        return say("{name} is away from {first} until further notice", name=names.person(new.person), first=_day(new.first))
    return say("{name} is away from {first} up to and with {last}", name=names.person(new.person), first=_day(new.first), last=_day(new.last))


@commands.command("present", help=tr("Enter that a person is there. What was entered and holds on that day ends before it."))
def present(
    ctx: typer.Context,
    user: User,
    day: Annotated[str | None, typer.Option("--from", metavar="DAY", help=tr("The first day on which the person is there; by default today."))] = None,
) -> None:
    """Tells what has been ended."""
    call = call_of(ctx)
    with call.open() as engine:
        from bpflow.cli.names import Names

        names = Names(engine, call.out.language)
        for view in engine.present(str(names.user(user)), day):
            call.out.line(say("no longer: {absence}", absence=_told(view, names)), "green")
