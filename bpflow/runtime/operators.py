"""What operators do to instances, and what each action has really done.

The law of this file: an action is one event of the instance with who and why in it; its report is read from what was written, so it
cannot tell of more than there was; what would do nothing is refused by the engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import cast

from msgspec import Struct

from bpflow.diagnostics import Refused, did_you_mean, say, with_hint
from bpflow.engine.events import Correct, DocumentChanged, Jump, Retry, Skip
from bpflow.engine.program import Program
from bpflow.engine.results import results_of
from bpflow.engine.state import Incident, State
from bpflow.engine.transition import UnexpectedEvent
from bpflow.expressions.data import User, Value
from bpflow.graph import step_name, step_of
from bpflow.runtime import reading, views
from bpflow.runtime.drain import Drain
from bpflow.runtime.transaction import Runner, Unreadable
from bpflow.services.working_calendar import zone_of
from bpflow.stores.contract import InstanceRow
from bpflow.values import Field


class Repair(Struct, frozen=True):
    """What an action has done: `lines`, what happened in the instance by it (and by what it has set going at once); `view`, where it
    stands now; `failed`, the incidents that have come of it."""

    lines: list[views.Line]
    view: views.InstanceView
    failed: list[views.IncidentView]


class Before(Struct, frozen=True):
    """An instance before an action."""

    id: int
    revision: int
    next_id: int
    program: Program
    state: State


def before(runner: Runner, id: int) -> Before:
    """The instance as it is now. UnexpectedEvent if there is none."""
    row, held, state = views.load(runner, id)
    return Before(id, row.revision, state.next_id, held.program, state)


def report(runner: Runner, was: Before) -> Repair:
    """What has happened since."""
    view = views.instance_view(runner, was.id)
    return Repair(views.timeline(runner, was.id, was.revision), view, [one for one in view.incidents if one.id >= was.next_id or one.kind == "broken"])


def take_back(drain: Drain, id: int) -> Repair:
    """An instance that was set aside takes part again: it looks at what it watches, what is due of it fires, messages that have come for
    it meanwhile reach it. If it still cannot go on it is set aside anew, and the report says why."""
    runner, now = drain.runner, drain.clock.now()
    row = runner.store.instance(id)
    assert row is not None
    while not caught_up(drain, row, now):
        pass
    for timer in [timer for timer in runner.store.due(now, EVERY) if timer.instance == id]:
        drain.guarded(id, drain.fire, timer)
    for look in runner.store.looks(EVERY):
        drain.post.look(look)
    try:
        view = views.instance_view(runner, id)
    except Unreadable as unreadable:
        runner.store.set_aside(id, now, str(unreadable))
        raise
    return Repair(views.timeline(runner, id, row.revision), view, [one for one in view.incidents if one.kind == "broken"])


EVERY = 1_000_000
"""More than there is at a time."""


def caught_up(drain: Drain, row: InstanceRow, now: datetime) -> bool:
    """The instance looks at what it watches and is taken back, unless it has been set aside anew. False if a document has changed meanwhile:
    before it is taken back, nobody tells it so."""
    runner = drain.runner
    seen = runner.store.watched(row.id)
    if not all(drain.guarded(row.id, partial(wake, runner, DocumentChanged(now, one.ref)), row.id) for one in seen):
        return True
    with runner.store.begin(row.owner) as work:
        same = all(work.document(one.ref.id) == one for one in seen)
        if same:
            work.take_back(row.id)
        return same


def wake(runner: Runner, event: DocumentChanged, id: int) -> None:
    runner.happen(id, event)


# ── the events ──────────────────────────────────────────────────────────────────────────────────────────────────────
def incident_of(was: Before, incident: int | None) -> Incident:
    """The open incident of that number; without one, the only one. UnexpectedEvent if there is none such."""
    found = [one for one in was.state.incidents if incident in (None, one.id)]
    if len(found) == 1:
        return found[0]
    if incident is None and found:
        raise UnexpectedEvent(say("there are several open incidents, say which: {known}", known=", ".join(str(one.id) for one in found)))
    if (open := ", ".join(str(one.id) for one in was.state.incidents)) and incident is not None:
        raise UnexpectedEvent(say("there is no open incident {id}; open are: {known}", id=incident, known=open))
    raise UnexpectedEvent(say("there is no open incident"))


def retry(was: Before, incident: int | None, at: datetime, by: User | None, why: str) -> Retry:
    return Retry(at, by, incident_of(was, incident).id, why)


def skip(was: Before, incident: int, results: Mapping[str, object], branch: str | None, at: datetime, by: User | None, why: str) -> Skip:
    """The event with its results read by their types. InvalidAnswer names the first that is wrong."""
    found = incident_of(was, incident)
    fields = results_of(was.program, found, branch)
    known = {name: field for name, field in (fields or {}).items() if field is not None}
    typed = reading.read_form(known, {name: raw for name, raw in results.items() if name in known}, zone_of(was.program.graph.timezone))
    others = {name: cast(Value, value) for name, value in results.items() if name not in known}
    return Skip(at, by, found.id, {**others, **typed}, branch, why)


def results(was: Before, incident: int, branch: str | None) -> Mapping[str, Field | None] | None:
    return results_of(was.program, incident_of(was, incident), branch)


def correct(was: Before, values: Mapping[str, object], at: datetime, by: User | None, why: str) -> Correct:
    graph = was.program.graph
    fields = {**dict(graph.inputs), **{variable.name: variable.field for variable in graph.variables}}
    typed = reading.read_form(fields, {name: raw for name, raw in values.items() if name in fields}, zone_of(graph.timezone))
    return Correct(at, by, {**dict.fromkeys(name for name in values if name not in fields), **typed}, why)


def jump(was: Before, token: int | str, step: str, at: datetime, by: User | None, why: str) -> Jump:
    """The event; a token may be named by the step at which it stands."""
    number = token if isinstance(token, int) else token_at(was, token)
    return Jump(at, by, number, step_named(was.program, step), why)


def token_at(was: Before, step: str) -> int:
    """The only token that waits or is held at a step. UnexpectedEvent if there is none, or are several."""
    path = step_named(was.program, step)
    found = [token.id for token in was.state.tokens.values() if step_of(token.node) == path and token.status in ("waiting", "held")]
    if len(found) > 1:
        raise UnexpectedEvent(say('several tokens stand at "{step}", say which: {known}', step=step, known=", ".join(map(str, found))))
    if not found:
        places = ", ".join(dict.fromkeys(step_name(step_of(t.node)) for t in was.state.tokens.values() if t.status in ("waiting", "held"))) or "–"
        raise UnexpectedEvent(say('nothing waits or is held at "{step}"; it stands at: {places}', step=step, places=places))
    return found[0]


def step_named(program: Program, name: str) -> str:
    """The path of a step that is named by it or by its last part. Refused, with what is near, if there is none."""
    paths = [step.path for step in program.graph.steps] or [node for node in program.nodes if node == step_of(node)]
    found = [path for path in paths if name == path] or [path for path in paths if name == step_name(path)]
    if len(found) == 1:
        return found[0]
    if found:
        raise Refused(say('several steps are called "{step}": {known}', step=name, known=", ".join(found)))
    hint = did_you_mean(name, [step_name(path) for path in paths])
    message = say('there is no step "{name}"', name=name)
    raise Refused(with_hint(message, hint))
