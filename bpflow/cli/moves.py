"""Pipelines: the stages to which people may move a document, and moving it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bpflow.cli.calls import AsJson, By, Call, Comment, Instance, Values, call_of, number, pairs
from bpflow.cli.output import tr
from bpflow.diagnostics import say

if TYPE_CHECKING:
    from bpflow.cli.names import Names
    from bpflow.runtime import Engine, FormView, MoveView

commands = typer.Typer()


@commands.command("moves", help=tr("List the stages to which the document of an instance can be moved by hand now."))
def listed(
    ctx: typer.Context,
    instance: Instance,
    user: Annotated[str | None, typer.Option("--for", metavar="USER", help=tr("Only those that this person may make."))] = None,
    as_json: AsJson = False,
) -> None:
    """The moves, in the order of the process."""
    call = call_of(ctx)
    with call.open() as engine:
        from bpflow.cli.names import Names

        names = Names(engine, call.out.language)
        found = engine.moves(number(instance, "INSTANCE"), names.user(user))
        if as_json:
            call.out.data([_data(view, engine.move_form(view.instance, view.stage, by=user), names) for view in found])
        elif found:
            headings = say("stage"), say("button"), say("form"), say("for")
            call.out.table(headings, [_row(view, names) for view in found])
        else:
            call.out.line(say("nobody can move it by hand now"))


def _row(view: MoveView, names: Names) -> tuple[str, ...]:
    from bpflow.cli.people import form_told

    return view.stage, view.title, form_told(view.form), ", ".join(names.of(party) for party in view.people)


def _data(view: MoveView, form: FormView, names: Names) -> dict[str, Any]:
    from bpflow.cli.people import form_data

    return {
        "instance": view.instance,
        "from": view.source,
        "stage": view.stage,
        "title": view.title,
        "people": [party.id for party in view.people],
        "comment": view.form.comment,
        "fields": form_data(form, names),
        "prefill": {name: names.data(value) for name, value in view.prefill.items()},
    }


@commands.command("move", help=tr("Move a document to another stage. On a terminal it asks for the form unless --set or --comment says something."))
def move(
    ctx: typer.Context,
    instance: Instance,
    stage: Annotated[str, typer.Argument(metavar="STAGE", help=tr("The stage, as `moves` shows it."))],
    by: By,
    values: Values = None,
    comment: Comment = None,
) -> None:
    """A move that is refused is exit code 1, and the document is where it was."""
    call = call_of(ctx)
    form = pairs(values or [], "--set FIELD=VALUE")
    with call.open() as engine:
        _move(engine, call, number(instance, "INSTANCE"), stage, by, form, comment)


def _move(engine: Engine, call: Call, id: int, stage: str, by: str, form: dict[str, object], comment: str | None) -> None:
    from bpflow.cli.dialogue import Moving
    from bpflow.cli.names import Names
    from bpflow.services.working_calendar import zone_of

    names = Names(engine, call.out.language)
    names.user(by)
    own = [view for view in engine.moves(id, by) if view.stage == stage]
    asks = sys.stdin.isatty() and not form and comment is None
    if own and asks and (own[0].form.fields or own[0].form.comment == "required"):
        Moving(engine, names, call.out, zone_of(engine.graph(engine.instance(id).row.process).timezone), by, own[0]).run(form, comment)
    else:
        engine.move(id, stage, by=by, values=form, comment=comment)
    view = engine.instance(id)
    if view.stage is None or view.stage.id == stage:
        title = view.stage.title if view.stage else next((one.title for one in engine.graph(view.row.process).stages if one.id == stage), stage)
        call.out.line(say('moved to "{stage}"', stage=title), "green")
    else:
        call.out.line(say('the document stays in "{stage}" until somebody has filled what is needed', stage=view.stage.title))
