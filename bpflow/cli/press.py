"""Commands of processes: the buttons that people may press beside their tasks."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bpflow.cli.calls import AsJson, By, Call, Comment, Instance, Values, call_of, number, pairs
from bpflow.cli.output import tr
from bpflow.diagnostics import say

if TYPE_CHECKING:
    from bpflow.cli.names import Names
    from bpflow.runtime import CommandView, Engine, FormView

commands = typer.Typer()


@commands.command("commands", help=tr("List the commands that can be pressed in an instance now."))
def listed(
    ctx: typer.Context,
    instance: Instance,
    user: Annotated[str | None, typer.Option("--for", metavar="USER", help=tr("Only those that this person may press."))] = None,
    as_json: AsJson = False,
) -> None:
    """The commands, the oldest first."""
    call = call_of(ctx)
    with call.open() as engine:
        from bpflow.cli.names import Names

        names = Names(engine, call.out.language)
        found = engine.commands(number(instance, "INSTANCE"), names.user(user))
        if as_json:
            call.out.data([_data(view, engine.command_form(view.instance, view.name, by=user, place=view.place), names) for view in found])
        elif found:
            headings = say("command"), say("button"), say("place"), say("form"), say("for")
            call.out.table(headings, [_row(view, names) for view in found])
        else:
            call.out.line(say("no command can be pressed now"))


def _row(view: CommandView, names: Names) -> tuple[str, ...]:
    from bpflow.cli.people import form_told
    from bpflow.cli.show import where

    return view.name, where(view.title, view.within, names), view.place, form_told(view.form), _people(view, names)


def _people(view: CommandView, names: Names) -> str:
    if view.people is None:
        return say("everybody").text(names.language)
    return ", ".join(names.of(party) for party in view.people)


def _data(view: CommandView, form: FormView, names: Names) -> dict[str, Any]:
    from bpflow.cli.people import form_data
    from bpflow.cli.show import turns_data

    return {
        "instance": view.instance,
        "command": view.name,
        "title": view.title,
        "place": view.place,
        "step": view.step or None,
        "turns": turns_data(view.within, names),
        "people": None if view.people is None else [party.id for party in view.people],
        "comment": view.form.comment,
        "fields": form_data(form, names),
    }


@commands.command("command", help=tr("Press a command. On a terminal it asks for the form unless --set or --comment says something."))
def command(
    ctx: typer.Context,
    instance: Instance,
    name: Annotated[str, typer.Argument(metavar="NAME", help=tr("The command, as `commands` shows it."))],
    by: By,
    values: Values = None,
    comment: Comment = None,
    place: Annotated[
        str | None,
        typer.Option("--place", metavar="PLACE", help=tr("Which of several of that name, as `commands` shows it. By default the person's oldest.")),
    ] = None,
) -> None:
    """A press that is refused is exit code 1, and the instance is as it was."""
    call = call_of(ctx)
    form = pairs(values or [], "--set FIELD=VALUE")
    with call.open() as engine:
        _press(engine, call, number(instance, "INSTANCE"), name, by, form, comment, place)


def _press(engine: Engine, call: Call, id: int, name: str, by: str, form: dict[str, object], comment: str | None, place: str | None) -> None:
    from bpflow.cli.dialogue import Pressing
    from bpflow.cli.names import Names
    from bpflow.services.working_calendar import zone_of

    names = Names(engine, call.out.language)
    names.user(by)
    there = [view for view in engine.commands(id) if view.name == name]
    own = [view for view in engine.commands(id, by) if view.name == name and place in (None, view.place)]
    asks = sys.stdin.isatty() and not form and comment is None
    if own and asks and (own[0].form.fields or own[0].form.comment == "required"):
        Pressing(engine, names, call.out, zone_of(engine.graph(engine.instance(id).row.process).timezone), by, own[0]).run(form, comment)
    else:
        engine.command(id, name, by=by, values=form, comment=comment, place=place)
    title = next((view.title for view in own or there), name)
    call.out.line(say('pressed: "{title}"', title=title), "green")
