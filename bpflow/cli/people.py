"""What people have to do and to know: their tasks, their calendar, their notices; and answering."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bpflow.cli.calls import AsJson, By, Call, Comment, SomeBy, Task, Values, WrongUse, call_of, pairs
from bpflow.cli.output import tr
from bpflow.diagnostics import Message, say

if TYPE_CHECKING:
    from bpflow.cli.names import Names
    from bpflow.graph import Outcome
    from bpflow.runtime import Engine, FormView, TaskView
    from bpflow.stores.entries import CalendarRow, NoticeRow, TaskEntry

commands = typer.Typer()
User = Annotated[str, typer.Argument(metavar="USER", help=tr("The person: an id of the directory."))]


@commands.command("tasks", help=tr("List the open tasks."))
def tasks(
    ctx: typer.Context,
    user: Annotated[str | None, typer.Option("--for", metavar="USER", help=tr("Only those of this person and of his groups."))] = None,
    observer: Annotated[str | None, typer.Option("--observer", metavar="USER", help=tr("Those that this person sees without having to do them."))] = None,
    by: SomeBy = None,
    as_json: AsJson = False,
) -> None:
    """The open tasks, those that are due first in front."""
    call = call_of(ctx)
    with call.open() as engine:
        from bpflow.cli.names import Names

        names = Names(engine, call.out.language)
        found = _by_task(engine.tasks(names.user(user), observer=names.user(observer), by=by))
        if as_json:
            call.out.data([_task_data(entries, names) for entries in found])
        elif found:
            headings = say("task"), say("what"), say("document"), say("for"), say("due"), say("overdue")
            call.out.table(headings, [_task_row(entries, names) for entries in found])
        else:
            call.out.line(say("no open tasks"))


def _by_task(entries: list[TaskEntry]) -> list[list[TaskEntry]]:
    """The entries of each task together; what is due first comes first, then what was opened first."""
    found: dict[str, list[TaskEntry]] = {}
    for entry in entries:
        found.setdefault(entry.id, []).append(entry)
    return sorted(found.values(), key=lambda e: (e[0].due is None, e[0].due or e[0].opened, e[0].opened, e[0].instance, e[0].token))


def _task_row(entries: list[TaskEntry], names: Names) -> tuple[str, ...]:
    first = entries[0]
    instance = names.engine.store.instance(first.instance)
    people = ", ".join(map(names.entry, entries))
    document = names.of(instance.document) if instance and instance.document else ""
    return first.id, first.subject, document, people, names.when(first.due), say("overdue").text(names.language) if first.overdue else ""


def _task_data(entries: list[TaskEntry], names: Names) -> dict[str, Any]:
    from bpflow.cli.names import written

    first = entries[0]
    instance = names.engine.store.instance(first.instance)
    return {
        "task": first.id,
        "instance": first.instance,
        "process": instance.process if instance else None,
        "step": first.node,
        "subject": first.subject,
        "document": written(instance.document) if instance and instance.document else None,
        "people": [{"who": entry.party, "in_place_of": entry.in_place_of, "claimed_of": entry.claimed_of} for entry in entries],
        "opened": names.iso(first.opened),
        "due": names.iso(first.due),
        "overdue": first.overdue,
    }


@commands.command("task", help=tr("Show a task. Its text, what it shows, its outcomes with their forms."))
def task(ctx: typer.Context, id: Task, by: SomeBy = None, as_json: AsJson = False) -> None:
    """What the people of the task see."""
    call = call_of(ctx)
    with call.open() as engine:
        from bpflow.cli.dialogue import show_form, show_task
        from bpflow.cli.names import Names

        names, view = Names(engine, call.out.language), engine.task(id, by=by)
        forms = [engine.form(id, outcome=outcome.name) for outcome in view.outcomes]
        if as_json:
            call.out.data(_view_data(view, forms, names))
            return
        show_task(view, names, call.out)
        for form in forms:
            show_form(form, names, call.out)


def _view_data(view: TaskView, forms: list[FormView], names: Names) -> dict[str, Any]:
    from bpflow.cli.names import written
    from bpflow.cli.seats import turns_data

    return {
        "task": view.id,
        "instance": view.instance,
        "process": view.process,
        "step": view.step,
        "subject": view.subject,
        "text": view.text,
        "document": written(view.document) or None,
        "show": [{"title": label, "text": text} for label, text in view.show],
        **turns_data(view.people, view.later, view.also, view.votes),
        "opened": names.iso(view.opened),
        "due": names.iso(view.due),
        "overdue": view.overdue,
        "outcomes": [
            {
                "outcome": form.outcome,
                "title": form.title,
                "comment": form.comment,
                "fields": form_data(form, names),
            }
            for form in forms
        ],
        "prefill": {name: names.data(value) for name, value in view.prefill.items()},
        "subtasks": list(view.subtasks),
        "observers": [party.id for party in view.observers],
        "checklist": [
            {"item": item.text, "done": item.by is not None, "by": item.by.id if item.by else None, "at": names.iso(item.at)} for item in view.checklist
        ],
    }


def form_told(form: Outcome) -> str:
    """The fields of a form in a line; those with a star must be filled in, whatever else is."""
    fields = [f"{name}*" if field.required and name not in dict(form.when) else name for name, field in form.fields]
    return ", ".join(fields + (["comment*"] if form.comment == "required" else []))


def form_data(form: FormView, names: Names) -> list[dict[str, Any]]:
    """The fields of a form for programs, as nothing has been filled in yet but what is offered."""
    return [
        {
            "field": one.name,
            "type": one.field.kind,
            "title": one.field.title,
            "shown": one.shown,
            "required": one.required,
            "many": one.field.many,
            "choices": [id for id, _ in one.field.choices] if one.choices is None else [names.data(value) for value, _ in one.choices],
        }
        for one in form.fields
    ]


# ── answering ───────────────────────────────────────────────────────────────────────────────────────────────────────
@commands.command("answer", help=tr("Answer a task. Without --outcome, on a terminal, it asks for everything."))
def answer(
    ctx: typer.Context,
    id: Task,
    by: By,
    outcome: Annotated[str | None, typer.Option("--outcome", metavar="NAME", help=tr("The outcome: its name or its title."))] = None,
    values: Values = None,
    comment: Comment = None,
    written: Annotated[
        str | None,
        typer.Option("--json", metavar="JSON", help=tr("The whole answer as an object with outcome, values and comment; - reads it from the input.")),
    ] = None,
) -> None:
    """A refused answer is exit code 1, and the task is as it was."""
    call = call_of(ctx)
    form: dict[str, object] = pairs(values or [], "--set FIELD=VALUE")
    if written is not None:
        outcome, form, comment = _from_json(written, outcome, form, comment)
    with call.open() as engine:
        _answer(engine, call, id, by, outcome, form, comment)


def _answer(engine: Engine, call: Call, id: str, by: str, outcome: str | None, form: dict[str, object], comment: str | None) -> None:
    from bpflow.cli.dialogue import Dialogue
    from bpflow.cli.names import Names
    from bpflow.services.working_calendar import zone_of

    names = Names(engine, call.out.language)
    names.user(by)
    view = engine.task(id)
    if outcome is None and sys.stdin.isatty():
        chosen = Dialogue(engine, names, call.out, zone_of(engine.graph(view.process).timezone), by, view).run(form, comment)
    elif outcome is None:
        raise WrongUse(say("which outcome? The task has: {outcomes}", outcomes=_outcomes(view)), say('say it with "--outcome"'))
    else:
        chosen = next((o.name for o in view.outcomes if outcome == o.name), None) or next((o.name for o in view.outcomes if outcome == o.title), outcome)
        engine.answer(id, by=by, outcome=chosen, values=form, comment=comment)
    title = next((o.title for o in view.outcomes if o.name == chosen), chosen)
    call.out.line(say('answered: "{outcome}"', outcome=title), "green")


def _outcomes(view: TaskView) -> str:
    """Each outcome with the fields that it must have: `arranged (meeting_at)`."""
    found = []
    for outcome in view.outcomes:
        needed = [name for name, field in outcome.fields if field.required and name not in dict(outcome.when)]
        needed += ["comment"] if outcome.comment == "required" else []
        found.append(f"{outcome.name} ({', '.join(needed)})" if needed else outcome.name)
    return ", ".join(found)


def _from_json(text: str, outcome: str | None, form: dict[str, object], comment: str | None) -> tuple[str | None, dict[str, object], str | None]:
    """The answer out of JSON; what was said by options counts more."""
    try:
        given = json.loads(sys.stdin.read() if text == "-" else text)
    except ValueError as error:
        raise WrongUse(say("this is not JSON: {reason}", reason=str(error))) from error
    if not isinstance(given, dict) or not isinstance(given.get("values", {}), dict):
        raise WrongUse(say("the answer is not of the form {form}", form='{"outcome": "…", "values": {…}, "comment": "…"}'))
    if unknown := given.keys() - {"outcome", "values", "comment"}:
        raise WrongUse(say('the answer has no "{key}"', key=min(unknown)), say('fields of the form stand under "values"'))
    return outcome or given.get("outcome"), {**given.get("values", {}), **form}, comment or given.get("comment")


@commands.command("tick", help=tr("Tick off an item of a task's checklist."))
def tick(
    ctx: typer.Context,
    id: Task,
    item: Annotated[str, typer.Argument(metavar="ITEM", help=tr("The item: its text, or its number, as `task` shows it."))],
    by: By,
    undo: Annotated[bool, typer.Option("--undo", help=tr("Take it back."))] = False,
) -> None:
    """One that is refused is exit code 1, and the checklist is as it was."""
    call = call_of(ctx)
    with call.open() as engine:
        from bpflow.cli.names import Names

        Names(engine, call.out.language).user(by)
        engine.tick(id, item, by=by, done=not undo)
        left = [one.text for one in engine.task(id).checklist if one.by is None]
        call.out.line(say("left: {items}", items=", ".join(left)) if left else say("all is ticked off"), "green")


# ── calendar and notices ────────────────────────────────────────────────────────────────────────────────────────────
@commands.command("calendar", help=tr("Show the calendar of a person. Or write it as a file for calendar programs."))
def calendar(
    ctx: typer.Context,
    user: User,
    ics: Annotated[Path | None, typer.Option("--ics", metavar="FILE", help=tr("Write the entries to this .ics file; - prints it."))] = None,
    as_json: AsJson = False,
) -> None:
    """The entries by their time."""
    call = call_of(ctx)
    with call.open() as engine:
        from bpflow.cli.names import Names

        names = Names(engine, call.out.language)
        rows = engine.calendar(names.user(user))
        if ics is not None:
            _write_ics(rows, user, ics, names, call)
        elif as_json:
            call.out.data([_entry_data(row, names) for row in rows])
        elif rows:
            headings = say("when"), say("until"), say("what"), say("instance")
            call.out.table(headings, [(names.when(row.at), names.when(row.ends), row.title, str(row.instance or "")) for row in rows], right=(3,))
        else:
            call.out.line(say("no calendar entries"))


def _entry_data(row: CalendarRow, names: Names) -> dict[str, Any]:
    times = {"at": names.iso(row.at), "ends": names.iso(row.ends)}
    return {"id": row.id, "person": row.person, "title": row.title, **times, "remind_before": row.remind_before, "instance": row.instance}


def _write_ics(rows: list[CalendarRow], user: str, to: Path, names: Names, call: Call) -> None:
    from datetime import timedelta

    from bpflow.services.ics import CalendarEntry, to_ics

    entries = []
    for row in rows:
        instance = names.engine.store.instance(row.instance) if row.instance else None
        document = names.of(instance.document) if instance and instance.document else None
        remind = timedelta(seconds=row.remind_before) if row.remind_before else None
        entries.append(CalendarEntry(str(row.id), row.person, row.title, row.at, row.ends, remind, document))
    data = to_ics(entries, names.engine.clock.now(), names.person(user))
    if str(to) == "-":
        sys.stdout.buffer.write(data)
        return
    try:
        to.write_bytes(data)
    except OSError as error:
        raise WrongUse(say('"{file}" cannot be written: {reason}', file=to, reason=error.strerror or str(error))) from error
    call.out.note(say('written to "{file}"', file=to))


@commands.command("notices", help=tr("Show what a person has been told."))
def notices(ctx: typer.Context, user: User, as_json: AsJson = False) -> None:
    """The notices by their time."""
    call = call_of(ctx)
    with call.open() as engine:
        from bpflow.cli.names import Names

        names = Names(engine, call.out.language)
        rows = engine.notices(names.user(user))
        if as_json:
            call.out.data([_notice_data(row, names) for row in rows])
        elif rows:
            shown = [(names.when(row.at), _reason(row).text(names.language), row.title, row.text, str(row.instance)) for row in rows]
            call.out.table((say("when"), say("why"), say("title"), say("text"), say("instance")), shown, right=(4,))
        else:
            call.out.line(say("no notices"))


def _reason(row: NoticeRow) -> Message:
    """Why the notice came."""
    match row.reason:
        case "overdue":
            return say("a task is overdue")
        case "reminder":
            return say("a reminder")
        case "withdrawn":
            return say("a task was withdrawn")
        case "closed":
            return say("a task is closed")
        case "delegated":
            return say("a task was delegated")
        case "reassigned":
            return say("a task was reassigned")
        case "escalated":
            return say("an overdue task may be answered too")
    return say("a notice")


def _notice_data(row: NoticeRow, names: Names) -> dict[str, Any]:
    return {
        "person": row.person,
        "reason": row.reason,
        "title": row.title,
        "text": row.text,
        "channel": row.channel,
        "at": names.iso(row.at),
        "instance": row.instance,
    }
