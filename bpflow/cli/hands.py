"""Tasks change hands: claiming and giving back, delegating, what a person leaves behind, and why a task came to whom it came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bpflow.cli.calls import AsJson, By, SomeBy, Task, call_of
from bpflow.cli.output import Output, tr
from bpflow.cli.seats import person_id, seat_data, show_turns, turns_data, vote_data
from bpflow.diagnostics import Message, say

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bpflow.cli.names import Names
    from bpflow.runtime import Handed, Who
    from bpflow.runtime.who import Change, GivenAnswer, Reason

commands = typer.Typer()


@commands.command("claim", help=tr("Make a task of a group a person's own. Or give it back."))
def claim(
    ctx: typer.Context, id: Task, by: By, back: Annotated[bool, typer.Option("--give-back", help=tr("Give a claimed task back to its group."))] = False
) -> None:
    """Nobody else of the group may answer what one of them has claimed."""
    call = call_of(ctx)
    with call.open() as engine:
        from bpflow.cli.names import Names

        Names(engine, call.out.language).user(by)
        if back:
            engine.release(id, by=by)
            call.out.line(say("given back to the group"), "green")
        else:
            engine.claim(id, by=by)
            call.out.line(say("claimed"), "green")


@commands.command("delegate", help=tr("Pass a task on to another person, who answers in place of the first."))
def delegate(
    ctx: typer.Context,
    id: Task,
    by: By,
    to: Annotated[str, typer.Option("--to", metavar="USER", help=tr("Who gets it: an id of the directory."))],
    comment: Annotated[str | None, typer.Option("--comment", metavar="TEXT", help=tr("A comment; the other is told it."))] = None,
) -> None:
    """The key `delegate` of the step says to whom."""
    call = call_of(ctx)
    with call.open() as engine:
        from bpflow.cli.names import Names

        names = Names(engine, call.out.language)
        names.user(by)
        names.user(to)
        engine.delegate(id, by=by, to=to, comment=comment)
        call.out.line(say("delegated to {person}", person=names.person(to)), "green")


# ── a person who leaves ─────────────────────────────────────────────────────────────────────────────────────────────
@commands.command("reassign", help=tr("Give all open tasks of a person to another. What was claimed goes back to the group unless --to is said."))
def reassign(
    ctx: typer.Context,
    person: Annotated[str, typer.Argument(metavar="PERSON", help=tr("Whose tasks: an id of the directory, or of one who is no longer in it."))],
    by: By,
    to: Annotated[str | None, typer.Option("--to", metavar="USER", help=tr("Who gets them: an id of the directory."))] = None,
    process: Annotated[str | None, typer.Option("--process", metavar="PROCESS", help=tr("Only tasks of this process."))] = None,
    why: Annotated[str | None, typer.Option("--why", metavar="TEXT", help=tr("The reason; it stands in the history. A terminal asks for it."))] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help=tr("Only tell what would be done."))] = False,
    as_json: AsJson = False,
) -> int:
    """Tells of each task what has become of it; the exit code is 1 if one has stayed."""
    call = call_of(ctx)
    with call.open() as engine:
        from bpflow.cli.names import Names
        from bpflow.cli.repair import reason

        names = Names(engine, call.out.language)
        names.user(by)
        names.user(to)
        done = engine.reassign(person, to, by=by, why="" if dry_run else reason(call, why), process=process, dry_run=dry_run)
        if as_json:
            call.out.data([_handed_data(one, names) for one in done])
        elif done:
            call.out.table((say("task"), say("what"), say("for"), say("reason")), [_handed_row(one, names) for one in done])
        else:
            call.out.line(say("no open tasks"))
        if not as_json:
            call.out.note(say("Documents and variables that name the person are as they were."), "dim")
        return int(any(one.reason is not None for one in done))


def _handed_row(one: Handed, names: Names) -> tuple[str, ...]:
    if one.reason is not None:
        return one.task, one.subject, say("as before").text(names.language), one.reason.text(names.language)
    gone = say("the seat falls away: the other has one").text(names.language)
    return one.task, one.subject, names.of(one.to) if one.to else gone, ""


def _handed_data(one: Handed, names: Names) -> dict[str, Any]:
    return {
        "task": one.task,
        "instance": one.instance,
        "process": one.process,
        "step": one.step,
        "subject": one.subject,
        "moved": one.reason is None,
        "to": one.to.id if one.to else None,
        "reason": one.reason.text(names.language) if one.reason is not None else None,
    }


# ── who and why ─────────────────────────────────────────────────────────────────────────────────────────────────────
@commands.command("who", help=tr("Say why a task came to those who have it, or had it."))
def who(ctx: typer.Context, id: Task, by: SomeBy = None, as_json: AsJson = False) -> None:
    """As it was recorded then, whatever the directory says today."""
    call = call_of(ctx)
    with call.open() as engine:
        from bpflow.cli.names import Names

        names, found = Names(engine, call.out.language), engine.who(id, by=by)
        if as_json:
            call.out.data(_who_data(found, names))
        else:
            _show_who(found, names, call.out)


def _show_who(found: Who, names: Names, out: Output) -> None:
    out.line(say('task {task} "{title}", opened {when}', task=found.task, title=found.title, when=names.when(found.opened)), "bold")
    for reason in found.reasons:
        for line in _reason(reason, names):
            out.line(line)
    if found.excluded:
        out.line(say("may not answer: {people}", people=", ".join(map(names.of, found.excluded))))
    out.line(say("it came to: {people}", people=names.people(found.first)))
    for change in found.changes:
        out.line(say("{when}: {what}", when=names.when(change.at), what=_change(change, names)))
    for one in found.answers:
        out.line(_answer(one, names))
    if found.waiting is None:
        out.line(say("closed"))
    else:
        show_turns(found.waiting.people, found.waiting.later, found.waiting.also, names, out)


def _reason(reason: Reason, names: Names) -> Iterable[Message]:
    """An expression, what was answered when it was read, and whom it gave."""
    from bpflow.runtime.who import in_words

    yield say("{key}: `{expression}`, {place}", key=reason.key, expression=reason.text, place=reason.place)
    for question, answer in reason.asked:
        yield say("  {what}", what=in_words(question, answer, lambda value: names.value(value) or "–"))
    if reason.gave is not None:
        yield say("  gave: {people}", people=names.people(reason.gave) or say("nobody"))


def _change(change: Change, names: Names) -> Message:
    """A change of hands in words."""
    words = {
        "claimed": say("claimed"),
        "released": say("given back to the group"),
        "delegated": say("delegated"),
        "reassigned": say("reassigned"),
        "escalated": say("escalated, as it was overdue"),
        "handed": say("given to others, as it was overdue"),
    }
    what = say("{what} by {person}", what=words[change.kind], person=names.person(change.by.id)) if change.by else words[change.kind]
    if change.gone and change.come:
        what = say("{what}, from {people} to {others}", what=what, people=names.people(change.gone), others=names.people(change.come))
    elif change.come or change.gone:
        sign = say("{what}, to {others}", what=what, others=names.people(change.come)) if change.come else None
        what = sign or say("{what}, no longer {people}", what=what, people=names.people(change.gone))
    return say("{what}: {why}", what=what, why=change.why) if change.why else what


def _answer(one: GivenAnswer, names: Names) -> Message:
    what = say("{when}: answered by {person}: {outcome}", when=names.when(one.at), person=names.assignee(one.vote.by, one.vote.in_place_of), outcome=one.title)
    return say("{what}: {comment}", what=what, comment=one.comment) if one.comment else what


# ── for programs ────────────────────────────────────────────────────────────────────────────────────────────────────


def _who_data(found: Who, names: Names) -> dict[str, Any]:
    waiting = found.waiting
    return {
        "task": found.task,
        "instance": found.instance,
        "process": found.process,
        "step": found.step,
        "opened": names.iso(found.opened),
        "reasons": [_reason_data(one, names) for one in found.reasons],
        "excluded": [user.id for user in found.excluded],
        "first": [seat_data(seat) for seat in found.first],
        "changes": [_change_data(one, names) for one in found.changes],
        "answers": [{**vote_data(one.vote), "at": names.iso(one.at), "comment": one.comment} for one in found.answers],
        "now": turns_data(waiting.people, waiting.later, waiting.also, waiting.votes) if waiting else None,
    }


def _reason_data(one: Reason, names: Names) -> dict[str, Any]:
    from bpflow.engine.transition import Denied

    asked = [
        {"question": [names.data(part) for part in question], "answer": str(answer.message) if isinstance(answer, Denied) else names.data(answer)}
        for question, answer in one.asked
    ]
    gave = None if one.gave is None else [seat_data(seat) for seat in one.gave]
    return {"key": one.key, "expression": one.text, "place": one.place, "asked": asked, "gave": gave}


def _change_data(one: Change, names: Names) -> dict[str, Any]:
    seats = {"from": [seat_data(seat) for seat in one.gone], "to": [seat_data(seat) for seat in one.come]}
    return {"at": names.iso(one.at), "kind": one.kind, "by": person_id(one.by), **seats, "why": one.why}
