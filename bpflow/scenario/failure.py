"""What a scenario that fails says: which expectation, what was there instead, and where the process stood."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import tzinfo

from msgspec import Struct

from bpflow.diagnostics import Message, excerpt, say
from bpflow.graph import step_name
from bpflow.runtime import InstanceView, Standing
from bpflow.scenario.coverage import named
from bpflow.scenario.expectations import Mismatch
from bpflow.scenario.known import Known
from bpflow.scenario.stage import Stage
from bpflow.scenario.wording import id_of, instant_text, listed, value_text, votes_shown
from bpflow.stores.entries import TaskEntry


class Failure(Struct, frozen=True):
    """Why a scenario has failed: the first entry of its play that was not so. `stood`: where the process stood, line by line."""

    mismatches: tuple[Mismatch, ...]
    moment: str
    stood: tuple[Message, ...]
    source: str = ""

    def text(self, language: str = "en") -> str:
        """All of it as lines of plain text."""
        return "\n".join(self._lines(language))

    def _lines(self, language: str) -> Iterator[str]:
        for mismatch in self.mismatches:
            yield f"{mismatch.span}: {mismatch.message.text(language)}"
            shown = excerpt(mismatch.span, self.source)
            if shown:
                yield shown
        yield say("at {moment} the process stood here:", moment=self.moment).text(language)
        for line in self.stood:
            yield f"  {line.text(language)}"


def failure(stage: Stage, mismatches: Iterable[Mismatch], source: str) -> Failure:
    """The failure, with a look at the stage as it is now."""
    return Failure(tuple(mismatches), instant_text(stage.now, stage.known.zone), tuple(where_it_stood(stage)), source)


def where_it_stood(stage: Stage) -> Iterator[Message]:
    """The places where the instance stands, its incidents, or how it has ended; and the same of the other processes that play."""
    view = stage.view()
    if view is None:
        yield say("it has not been started")
    else:
        yield from _lines(stage, stage.known, view)
    for name in stage.cast:
        for other in stage.views(name):
            if view is None or other.row.id != view.row.id:
                for line in _lines(stage, stage.of(name), other):
                    yield say('"{process}", instance {id}: {line}', process=name, id=other.row.id, line=line)


def _lines(stage: Stage, known: Known, view: InstanceView) -> Iterator[Message]:
    if view.row.status != "running":
        yield _end(view)
        return
    for standing in view.where:
        if standing.kind != "block":
            yield _standing(stage, known, standing)
    for incident in view.incidents:
        step = named(incident.title, step_name(incident.path))
        yield say("an incident at {step}, {place}: {message}", step=step, place=incident.place, message=incident.message)


def _end(view: InstanceView) -> Message:
    if view.row.status == "cancelled":
        return say("it was cancelled")
    return say('it has ended with "{result}"', result=view.row.result) if view.row.result else say("it has ended without a result")


def _standing(stage: Stage, known: Known, standing: Standing) -> Message:
    zone: tzinfo = known.zone
    step = _place(known, standing)
    match standing.kind:
        case "task":
            task = _task(step, [entry for entry in stage.engine.tasks(instance=_instance(standing)) if entry.id == standing.task], zone)
            votes = stage.engine.task(standing.task).votes if standing.task else ()
            return say("{task}; answered: {answers}", task=task, answers=votes_shown(votes)) if votes else task
        case "pause" if standing.due is not None:
            return say("{step}: waits until {due}", step=step, due=instant_text(standing.due, zone))
        case "pause":
            return say("{step}: waits", step=step)
        case "process":
            return say("{step}: the process that it has called has not ended", step=step)
        case "call" | "retry":
            return say("{step}: a service has not answered", step=step)
        case "join":
            return say("{step}: waits for other branches", step=step)
        case "held":
            return say("{step}: held by an incident", step=step)
    return say("{step}", step=step)


def _instance(standing: Standing) -> int | None:
    return int(standing.task.partition(".")[0]) if standing.task else None


def _place(known: Known, standing: Standing) -> Message:
    """The step as it is called, with the branches and the turns in which it stands."""
    said = named(standing.title, step_name(standing.path))
    for branch in known.branches(standing.path):
        said = say('{step} in the branch "{branch}"', step=said, branch=branch)
    for turn in standing.within:
        said = say("{step}, {name} {item}", step=said, name=turn.name, item=value_text(turn.item, known.zone))
    return said


def _task(step: Message, entries: list[TaskEntry], zone: tzinfo) -> Message:
    people = listed(_assignee(entry) for entry in entries)
    due = entries[0].due if entries else None
    if due is None:
        return say("{step}: a task of {people}", step=step, people=people)
    if entries[0].overdue:
        return say("{step}: a task of {people}, overdue since {due}", step=step, people=people, due=instant_text(due, zone))
    return say("{step}: a task of {people}, due {due}", step=step, people=people, due=instant_text(due, zone))


def _assignee(entry: TaskEntry) -> str:
    name = id_of(entry.party)
    return f"{name} ({id_of(entry.in_place_of)})" if entry.in_place_of else name
