"""Where instances stand, what has happened in them, and what has gone wrong."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bpflow.cli.calls import AsJson, Instance, Limit, SomeBy, call_of, number, one_of
from bpflow.cli.output import Output, tr
from bpflow.diagnostics import Message, say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bpflow.cli.names import Names
    from bpflow.engine.events import Suspend
    from bpflow.runtime import IncidentView, InstanceView, Line, Remedy, Standing, Turn
    from bpflow.stores.contract import InstanceRow

commands = typer.Typer()
MOST = 8
"""The most names that are told of what can be done."""


@commands.command("instances", help=tr("List instances."))
def instances(
    ctx: typer.Context,
    process: Annotated[str | None, typer.Option("--process", metavar="PROCESS", help=tr("Only those of this process."))] = None,
    status: Annotated[
        str | None, typer.Option("--status", metavar="STATUS", help=tr("Only those that are running, suspended, ended, cancelled or failed."))
    ] = None,
    incidents: Annotated[bool, typer.Option("--incidents", help=tr("Only those with an open incident."))] = False,
    document: Annotated[str | None, typer.Option("--document", metavar="DOCUMENT", help=tr("Only those of this document, as company:17."))] = None,
    limit: Limit = "1000",
    by: SomeBy = None,
    as_json: AsJson = False,
) -> None:
    """Instances by number."""
    call = call_of(ctx)
    if status is not None:
        one_of(status, ("running", "suspended", "ended", "cancelled", "failed"), "--status")
    with call.open() as engine:
        from bpflow.cli.names import Names

        names = Names(engine, call.out.language)
        rows = engine.instances(process, status, document, incidents, number(limit, "--limit"), by=by)
        if as_json:
            call.out.data([_row_data(row, names) for row in rows])
        elif rows:
            headings = say("instance"), say("process"), say("document"), say("status"), say("started"), say("ended"), say("incidents")
            call.out.table(headings, [_row(row, names) for row in rows], right=(0, 6))
        else:
            call.out.line(say("no instances"))


def _row(row: InstanceRow, names: Names) -> tuple[str, ...]:
    document = names.of(row.document) if row.document else ""
    return str(row.id), row.process, document, how_it_goes(row, names.language), names.when(row.started), names.when(row.ended), str(row.incidents or "")


def how_it_goes(row: InstanceRow, language: str) -> str:
    """How it goes, or how it has ended."""
    match row.status:
        case "running":
            return say("running").text(language)
        case "suspended":
            return say("suspended").text(language)
        case "cancelled":
            return say("cancelled").text(language)
        case "failed":
            return say("ended with an error that its caller has taken").text(language)
    return (say("ended: {result}", result=row.result) if row.result else say("ended")).text(language)


def _row_data(row: InstanceRow, names: Names) -> dict[str, Any]:
    from bpflow.cli.names import written

    return {
        "instance": row.id,
        "process": row.process,
        "document": written(row.document) or None,
        "status": row.status,
        "result": row.result,
        "started": names.iso(row.started),
        "ended": names.iso(row.ended),
        "incidents": row.incidents,
    }


@commands.command("show", help=tr("Show an instance. Where it stands, its incidents, its history."))
def show(
    ctx: typer.Context,
    instance: Instance,
    everything: Annotated[bool, typer.Option("--all", help=tr("Its variables too, and the results that later steps read."))] = False,
    by: SomeBy = None,
    archive: Annotated[Path | None, typer.Option("--archive", metavar="FILE", help=tr("One that was purged, from the archive of `bpflow purge`."))] = None,
    as_json: AsJson = False,
) -> None:
    """The instance as operators see it."""
    call = call_of(ctx)
    with call.open() if archive is None else call.open_or_none() as engine:
        from bpflow.cli.names import Names

        names = Names(engine, call.out.language)
        id = number(instance, "INSTANCE")
        view, lines = (engine.instance(id, by=by), engine.timeline(id, by=by)) if archive is None else engine.archived(archive, id)
        if as_json:
            call.out.data(_view_data(view, lines, names))
            return
        _show_head(view, names, call.out)
        for standing in places(view):
            call.out.line(_standing(standing, names))
        for incident in view.incidents:
            call.out.line(_incident(incident), "red")
        if everything:
            _show_names(view, names, call.out)
        call.out.line()
        call.out.table((say("when"), say("who"), say("what")), [_line(line, names) for line in lines])


def _show_head(view: InstanceView, names: Names, out: Output) -> None:
    row = view.row
    out.line(say("{title}: instance {id}", title=view.title, id=row.id), "bold")
    if row.document is not None:
        out.line(f"{names.of(row.document)} ({row.document.type}:{row.document.id})")
    out.line(how_it_goes(row, names.language), "green" if row.status == "running" else "yellow" if row.status == "suspended" else None)
    if view.suspended is not None:
        by = view.suspended
        said = {"who": names.person(by.by.id) if by.by else "–", "when": names.when(by.at), "why": by.why or "–"}
        out.line(say("suspended by {who}, {when}: {why}", **said), "yellow")
    if view.stage is not None:
        out.line(say('stage: "{stage}"', stage=view.stage.title))
    if row.caller is not None:
        out.line(say("called by instance {instance}", instance=row.caller.instance))
    for one in view.called:
        how = how_it_goes(one, names.language)
        out.line(say('has called "{process}", instance {instance}: {how}', process=one.process, instance=one.id, how=how))
    if view.failure is not None:
        out.line(say("error {name}: {reason}", name=view.failure.error, reason=view.failure.reason), "red")
    for what, values in ((say("inputs"), view.inputs), (say("outputs"), view.outputs)):
        if values:
            known = view.fields if values is view.inputs else {}
            shown = [f"{known[n].title or n}: {names.value(v, known[n]) or '–'}" if n in known else f"{n}: {names.value(v) or '–'}" for n, v in values.items()]
            out.line(say("{what}: {text}", what=what, text="; ".join(shown)))


def _standing(standing: Standing, names: Names) -> Message:
    """A place where it stands, in words."""
    title, due = where(standing.title, standing.within, names), names.when(standing.due)
    match standing.kind:
        case "task":
            people = names.people(standing.people)
            what = say('task {task} "{title}": {people}', task=standing.task, title=title, people=people)
            for more in _turns(standing, names):
                what = say("{what}; {more}", what=what, more=more)
            return say("{what}, due {due}", what=what, due=due) if due else what
        case "pause" if standing.messages:
            what = say('waits at "{title}" for {messages}', title=title, messages=_awaited(standing, names))
            return say("{what}, until {due}", what=what, due=due) if due else what
        case "pause":
            return say('waits at "{title}" until {due}', title=title, due=due) if due else say('waits at "{title}"', title=title)
        case "call":
            return say('waits for an answer of the service at "{title}"', title=title)
        case "retry":
            return say('the service at "{title}" has failed and is asked again at {due}', title=title, due=due)
        case "process":
            return say('waits for the process that it has called at "{title}"', title=title)
        case "join":
            return say('waits for other branches at "{title}"', title=title)
        case "held":
            return say('held at "{title}"', title=title)
    return say('at "{title}"', title=title)


def _turns(standing: Standing, names: Names) -> Iterator[Message]:
    """Of a task with many people: who has answered and how, who comes later, who may answer too."""
    from bpflow.cli.seats import votes_told

    if standing.votes:
        yield say("answered: {answers}", answers=votes_told(standing.votes, standing.outcomes, names))
    if standing.later:
        yield say("after that: {people}", people=names.people(standing.later))
    if standing.also:
        yield say("may answer too: {people}", people=names.people(standing.also))


def places(view: InstanceView) -> list[Standing]:
    """Where it stands, without what is only around a place of the same step."""
    inner = {one.path for one in view.where if one.kind != "block"}
    return [one for one in view.where if one.kind != "block" or one.path not in inner]


def where(title: str, within: tuple[Turn, ...], names: Names) -> str:
    """A step with the items of the turns in which it stands."""
    items = [names.value(turn.item) or str(turn.number) for turn in within]
    return f"{title} ({', '.join(items)})" if items else title


def _awaited(standing: Standing, names: Names) -> str:
    """The messages that are waited for, with their keys."""
    return ", ".join(_message(name, names.value(key)).text(names.language) for name, key in standing.messages)


def _message(name: str, key: str) -> Message:
    return say('"{name}" with the key {key}', name=name, key=key) if key else say('"{name}"', name=name)


def _incident(one: IncidentView) -> Message:
    if one.kind == "broken":
        return one.message
    return say('incident {id} at "{title}", {place}: {reason}', id=one.id, title=one.title, place=one.place, reason=one.message)


def _show_names(view: InstanceView, names: Names, out: Output) -> None:
    out.line()
    out.table((say("name"), say("value")), [(name, names.value(value)) for name, value in sorted(view.names.items())])


def _line(line: Line, names: Names) -> tuple[str, str, str]:
    """A line of the timeline."""
    return names.when(line.at), names.person(line.by), happened(line).text(names.language)


def happened(line: Line) -> Message:
    """What has happened, in words."""
    what = _what(line)
    return say("{what}: {text}", what=what, text=line.text) if line.text is not None else what


def _what(line: Line) -> Message:
    return Message(WORDS.get(line.kind, "{title}"), {"title": line.title})


WORDS = {
    "started": tr('started "{title}"'),
    "answered": tr('answered "{title}"'),
    "ticked": tr('ticked off in "{title}"'),
    "claimed": tr('claimed "{title}"'),
    "released": tr('gave "{title}" back to the group'),
    "delegated": tr('delegated "{title}"'),
    "reassigned": tr('reassigned "{title}"'),
    "escalated": tr('escalated: "{title}"'),
    "handed": tr('given to others: "{title}"'),
    "commanded": tr('pressed "{title}"'),
    "moved": tr('moved to "{title}"'),
    "overdue": tr('overdue: "{title}"'),
    "reminded": tr('reminded of "{title}"'),
    "incident": tr('incident at "{title}"'),
    "repaired": tr('repaired "{title}"'),
    "withdrawn": tr('withdrawn: "{title}"'),
    "changed": tr("the document was changed"),
    "ended": tr("ended"),
    "failed": tr("a service has failed"),
    "retry": tr("tried again"),
    "skip": tr("passed over"),
    "correct": tr("values corrected"),
    "corrected": tr('corrected: "{title}"'),
    "jump": tr("taken elsewhere by hand"),
    "jumped": tr('taken to "{title}"'),
    "suspend": tr("suspended"),
    "resume": tr("resumed"),
    "cancel": tr("cancelled"),
    "fired": tr('it has come to "{title}"'),
}
"""What the lines of a timeline say."""


def _some(names: tuple[str, ...]) -> str:
    """The first of the names: a table has not room for a hundred steps."""
    return "|".join(names if len(names) <= MOST else (*names[:MOST], "…"))


def _remedy(one: Remedy) -> str:
    """An action as it is typed, with what may be said behind it."""
    ways, results = _some(one.ways), _some(one.results)
    match one.command:
        case "skip":
            return "skip" + (f" --branch {ways}" if ways else "") + (f" --set {results}" if results else "")
        case "jump":
            return f"jump --to {ways}"
        case "correct":
            return f"correct --set {ways}"
    return one.command


def _view_data(view: InstanceView, lines: list[Line], names: Names) -> dict[str, Any]:
    return {
        **_row_data(view.row, names),
        "title": view.title,
        "stage": view.stage.id if view.stage else None,
        "suspended": _suspended_data(view.suspended, names) if view.suspended else None,
        "where": [_standing_data(one, names) for one in view.where],
        "open_incidents": [incident_data(one, names) for one in view.incidents],
        "caller": view.row.caller.instance if view.row.caller else None,
        "called": [row.id for row in view.called],
        "error": view.failure.error if view.failure else None,
        "reason": view.failure.reason.text(names.language) if view.failure else None,
        "inputs": {name: names.data(value) for name, value in view.inputs.items()},
        "outputs": {name: names.data(value) for name, value in view.outputs.items()},
        "names": {name: names.data(value) for name, value in sorted(view.names.items())},
        "history": [
            {
                "at": names.iso(line.at),
                "kind": line.kind,
                "step": line.path or None,
                "title": line.title,
                "by": line.by,
                "text": line.text.text(names.language) if line.text is not None else None,
            }
            for line in lines
        ],
    }


def _suspended_data(by: Suspend, names: Names) -> dict[str, Any]:
    return {"by": by.by.id if by.by else None, "at": names.iso(by.at), "why": by.why or None}


def _standing_data(one: Standing, names: Names) -> dict[str, Any]:
    from bpflow.cli.seats import turns_data as seats_data

    messages = [{"message": name, "key": names.data(key)} for name, key in one.messages]
    turns = seats_data(one.people, one.later, one.also, one.votes)
    return {
        "token": one.token,
        "kind": one.kind,
        "step": one.path,
        "title": one.title,
        "task": one.task,
        **turns,
        "due": names.iso(one.due),
        "turns": turns_data(one.within, names),
        "messages": messages,
    }


def turns_data(within: tuple[Turn, ...], names: Names) -> list[dict[str, Any]]:
    """The turns around something, for programs."""
    return [{"name": turn.name, "item": names.data(turn.item), "number": turn.number} for turn in within]


def incident_data(one: IncidentView, names: Names) -> dict[str, Any]:
    """An incident for programs."""
    return {
        "instance": one.instance,
        "incident": one.id,
        "kind": one.kind,
        "step": one.path,
        "title": one.title,
        "place": one.place,
        "reason": one.message.text(names.language),
        "at": names.iso(one.at),
        "remedies": [{"command": remedy.command, "ways": list(remedy.ways), "results": list(remedy.results)} for remedy in one.remedies],
    }


@commands.command("incidents", help=tr("List what an operator must see to."))
def incidents(ctx: typer.Context, by: SomeBy = None, as_json: AsJson = False) -> None:
    """The open incidents of all instances."""
    call = call_of(ctx)
    with call.open() as engine:
        from bpflow.cli.names import Names

        names, found = Names(engine, call.out.language), engine.incidents(by=by)
        if as_json:
            call.out.data([incident_data(one, names) for one in found])
        elif found:
            rows = [_incident_row(one, names) for one in found]
            headings = say("instance"), say("incident"), say("when"), say("step"), say("place"), say("reason"), say("what can be done")
            call.out.table(headings, rows, right=(0, 1))
        else:
            call.out.line(say("no incidents"))


def _incident_row(one: IncidentView, names: Names) -> tuple[str, ...]:
    done = "; ".join(_remedy(remedy) for remedy in one.remedies)
    return str(one.instance), str(one.id or "–"), names.when(one.at), one.title, one.place, one.message.text(names.language), done
