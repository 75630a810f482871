"""What people see of instances: a task with its form, where an instance stands, its incidents, its timeline."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from msgspec import Struct, field
from msgspec.structs import replace

from bpflow.diagnostics import Message, Refused, say
from bpflow.engine.codec import Fact, decode_history
from bpflow.engine.draft import Draft, Fault, draft_of
from bpflow.engine.events import (
    Answered,
    Cancel,
    Claimed,
    Commanded,
    Correct,
    Delegated,
    DocumentChanged,
    Event,
    Failed,
    Jump,
    Moved,
    Reassigned,
    Released,
    Resume,
    Retry,
    Skip,
    Started,
    Suspend,
    Ticked,
    TimerFired,
)
from bpflow.engine.program import Program
from bpflow.engine.stages import stage_scope
from bpflow.engine.state import ROOT, Assignee, Failure, Item, Party, State, Token, Vote
from bpflow.engine.transition import RETRY as NEXT_TRY
from bpflow.engine.transition import START, Unanswered, UnexpectedEvent
from bpflow.expressions import split_template
from bpflow.expressions.data import Department, Document, Role, User, Value, flattened
from bpflow.graph import Block, Call, Expr, Outcome, Stage, StepInfo, Task, Trigger, Wait, step_name, step_of
from bpflow.runtime.answers import Live
from bpflow.runtime.remedies import Remedy, remedies_of
from bpflow.runtime.transaction import Held, Runner, Unreadable
from bpflow.stores.contract import HistoryRow, InstanceRow, party_text
from bpflow.values import Field

T = TypeVar("T")


class TaskView(Struct, frozen=True):
    """A task as its people see it. `show`: labels and texts · `prefill`: values that the form offers · `people`: those whose turn it is, and
    `later` those who come after them · `votes`: the answers so far · `also`: who may answer too, in the place of one whose turn it is ·
    `checklist`: what is ticked off, and by whom · `observers`: who sees it besides · `subtasks`: what those are called that are still open."""

    id: str
    instance: int
    process: str
    step: str
    title: str
    subject: str
    text: str
    show: list[tuple[str, str]]
    outcomes: tuple[Outcome, ...]
    prefill: dict[str, Value]
    people: tuple[Assignee, ...]
    later: tuple[Assignee, ...]
    votes: tuple[Vote, ...]
    document: Document | None
    opened: datetime
    due: datetime | None
    overdue: bool
    also: tuple[Assignee, ...] = ()
    checklist: tuple[Item, ...] = ()
    observers: tuple[Party, ...] = ()
    subtasks: tuple[str, ...] = ()


class Turn(Struct, frozen=True):
    """A turn of a for-each: the name of its item, its value, and the number of the turn from 1 on."""

    name: str
    item: Value
    number: int


class Standing(Struct, frozen=True):
    """A place where an instance stands, and its token (a join has none). `kind`: task, pause, call (of a service), retry (a service that has
    failed and is asked again at `due`), process (that it has called), block, join or held · `within`: the turns around it, the outermost first ·
    of a task `people`, those whose turn it is, `later` those who come after them, `votes` the answers so far, `also` who may answer too, `outcomes`
    the titles of its buttons.
    """

    token: int | None
    kind: str
    path: str
    title: str
    task: str | None
    people: tuple[Assignee, ...]
    due: datetime | None
    messages: tuple[tuple[str, Value], ...] = ()
    """The names and keys of the messages that it waits for."""
    within: tuple[Turn, ...] = ()
    later: tuple[Assignee, ...] = ()
    votes: tuple[Vote, ...] = ()
    also: tuple[Assignee, ...] = ()
    outcomes: Mapping[str, str] = field(default_factory=dict)


class IncidentView(Struct, frozen=True):
    """Something for an operator: what, where in the process and in its file, and what can be done. `kind`: fault, failure, stuck, or
    broken (with no number), where the instance was set aside since it cannot go on by a fault of bpflow."""

    instance: int
    id: int
    kind: str
    path: str
    title: str
    place: str
    message: Message
    at: datetime
    remedies: tuple[Remedy, ...] = ()


class InstanceView(Struct, frozen=True):
    """An instance as operators see it. `outputs`: what it gave when it ended · `failure`: the error that it ended with · `called`: the instances
    that it has called and waits or waited for · `suspended`: who has suspended it, when and why."""

    row: InstanceRow
    title: str
    where: list[Standing]
    incidents: list[IncidentView]
    names: dict[str, Value]
    inputs: dict[str, Value] = field(default_factory=dict)
    outputs: dict[str, Value] = field(default_factory=dict)
    failure: Failure | None = None
    called: list[InstanceRow] = field(default_factory=list)
    suspended: Suspend | None = None
    stage: Stage | None = None
    """Of a pipeline: the stage in which its document is; none before the first and after the last."""
    fields: Mapping[str, Field] = field(default_factory=dict)
    """Those of the inputs."""


class Line(Struct, frozen=True):
    """A line of a timeline. `kind`: started, step, answered, ticked, commanded, moved, overdue, reminded, incident, repaired, withdrawn, changed,
    failed, fired, ended; how a task has changed hands: claimed, released, delegated, escalated, handed; or what an operator did: retry, skip, correct,
    corrected, jump, jumped, suspend, resume, cancel, reassigned."""

    at: datetime
    kind: str
    path: str
    title: str
    by: str | None
    text: Message | None


# ── where it stands ─────────────────────────────────────────────────────────────────────────────────────────────────
def load(runner: Runner, id: int) -> tuple[InstanceRow, Held, State]:
    row = runner.row(id)
    held = runner.read(row)
    assert held.state is not None
    return row, held, held.state


def parties_in(runner: Runner, id: int) -> list[str]:
    """Who has tasks of the instance, as the store writes them; nobody where there is no instance."""
    row = runner.store.instance(id)
    state = runner.read(row).state if row is not None else None
    waiting = [token.waiting for token in state.tokens.values() if token.waiting is not None] if state is not None else []
    return list(dict.fromkeys(party_text(assignee.party) for one in waiting for assignee in one.holders()))


def instance_view(runner: Runner, id: int) -> InstanceView:
    row, held, _ = load(runner, id)
    return view_of(row, held, runner.store.called_by(id), incidents_of(runner, row))


def view_of(row: InstanceRow, held: Held, called: list[InstanceRow], incidents: list[IncidentView]) -> InstanceView:
    """An instance as its row and its state have it."""
    state, steps = held.state, steps_of(held.program)
    assert state is not None
    where = [standing(held, state, token, steps) for token in state.tokens.values()] + joining(held, state, steps)
    names = {name: value for name, value in state.names.items() if name not in ("document", "initiator")}
    suspended = state.parked[0] if state.parked else None
    assert suspended is None or isinstance(suspended, Suspend)
    inputs, outputs = {name: state.names.get(name) for name, _ in held.program.graph.inputs}, dict(state.outputs)
    scope = stage_scope(held.program, state.scopes)
    stage = held.program.stages[scope.block] if scope is not None else None
    return InstanceView(
        row, held.program.graph.title, where, incidents, names, inputs, outputs, state.failure, called, suspended, stage, dict(held.program.graph.inputs)
    )


def steps_of(program: Program) -> dict[str, StepInfo]:
    return {step.path: step for step in program.graph.steps}


def title_of(steps: dict[str, StepInfo], node: str) -> str:
    """The title of the step of a node, with dots where it has expressions; without one, the last part of its path."""
    step = steps.get(step_of(node))
    if step is None:
        return node
    pieces = [piece if isinstance(piece, str) else "…" for piece in split_template(step.title)]
    return "".join(pieces) or step_name(step.path)


def standing(held: Held, state: State, token: Token, steps: dict[str, StepInfo]) -> Standing:
    node = held.program.nodes.get(token.node)
    kinds = {Task: "task", Wait: "pause", Call: "call", Block: "block"}
    waiting = token.waiting
    kind = "held" if token.status == "held" else kinds.get(type(node), "step") if node else "held"
    if isinstance(node, Call) and kind == "call":
        kind = "retry" if waiting and NEXT_TRY in waiting.arms.due else "process" if node.service == START else "call"
    due = min(waiting.arms.due.values(), default=None) if waiting else None
    task = f"{held.id}.{token.id}.{token.visit}" if kind == "task" else None
    messages = tuple(waiting.arms.listening.values()) if waiting else ()
    within = turns_around(held.program, state, token.scope)
    titles = {outcome.name: outcome.title for outcome in held.program.outcomes(token.node)}
    place = Standing(token.id, kind, step_of(token.node), title_of(steps, token.node), task, (), due, messages, within)
    return replace(place, people=waiting.people, later=waiting.later, votes=waiting.votes, also=waiting.also, outcomes=titles) if waiting else place


def joining(held: Held, state: State, steps: dict[str, StepInfo]) -> list[Standing]:
    """The joins that hold tokens and wait for others."""
    found = []
    for scope in state.scopes.values():
        for node, counts in scope.joins.items():
            if counts and "" not in counts:
                within = turns_around(held.program, state, scope.id)
                found.append(Standing(None, "join", step_of(node), title_of(steps, node), None, (), None, (), within))
    return found


def turns_around(program: Program, state: State, scope: int) -> tuple[Turn, ...]:
    """The turns of for-each around a scope, the outermost first."""
    found: list[Turn] = []
    while scope != ROOT and scope in state.scopes:
        at = state.scopes[scope]
        block = program.nodes.get(at.block)
        if isinstance(block, Block) and block.each is not None and at.index >= 0:
            found.append(Turn(block.each.name, (at.names or {}).get(block.each.name), at.index + 1))
        scope = at.parent
    return tuple(reversed(found))


RETRY, CANCEL = Remedy("retry"), Remedy("cancel")


def incidents_of(runner: Runner, row: InstanceRow) -> list[IncidentView]:
    aside = [one for one in runner.store.aside() if one.instance == row.id]
    broken = [IncidentView(row.id, 0, "broken", "", row.process, "", say("set aside: {reason}", reason=one.reason), one.at, (RETRY, CANCEL)) for one in aside]
    try:
        held = runner.read(row)
    except Unreadable as unreadable:
        return broken or [IncidentView(row.id, 0, "broken", "", row.process, "", unreadable.message, row.started, (RETRY,))]
    assert held.state is not None
    graph, steps, found = held.program.graph, steps_of(held.program), broken
    for incident in held.state.incidents:
        step = steps.get(step_of(incident.node))
        at = step.place if step else graph.outputs[0][1].place if not incident.node and graph.outputs else None
        place = f"{graph.source}:{at[0]}:{at[1]}" if at else graph.source
        title = title_of(steps, incident.node) if incident.node else graph.title
        remedies = remedies_of(held.program, held.state, incident)
        found.append(IncidentView(row.id, incident.id, incident.kind, step_of(incident.node), title, place, incident.message, incident.at, remedies))
    return found


# ── a task ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def task_view(runner: Runner, id: int, token: int, visit: int, now: datetime) -> TaskView:
    _, held, state = load(runner, id)
    at = state.tokens.get(token)
    node = held.program.nodes.get(at.node) if at else None
    parties = [party_text(assignee.party) for assignee in at.waiting.holders()] if at and at.waiting else []
    entries = [entry for entry in runner.store.tasks(parties, id) if (entry.token, entry.visit) == (token, visit)]
    if at is None or at.visit != visit or not isinstance(node, Task) or at.waiting is None or not entries:
        raise UnexpectedEvent(say("the task is closed"))
    entry, form, steps = entries[0], node.form, steps_of(held.program)
    look = Look(runner, held, state, at.scope, now)
    prefill = {name: look.value(expr) for name, expr in form.prefill}
    return TaskView(
        entry.id,
        id,
        held.program.graph.process,
        step_of(node.id),
        title_of(steps, node.id),
        entry.subject,
        look.text(form.text) if form.text else "",
        [(label, look.text(expr)) for label, expr in form.show],
        tuple(outcome for outcome in form.outcomes if outcome.button),
        {name: value for name, value in prefill.items() if value is not None},
        at.waiting.people,
        at.waiting.later,
        at.waiting.votes,
        held.document,
        entry.opened,
        entry.due,
        entry.overdue,
        at.waiting.also,
        at.waiting.checklist,
        at.waiting.observers,
        tuple(look.text(part.form.subject) for part in parts_left(held.program, state, at, node)),
    )


def parts_left(program: Program, state: State, token: Token, task: Task) -> list[Task]:
    """The subtasks of a task that are still open."""
    nodes = (program.nodes[other.node] for other in state.tokens.values() if other.node in task.parts and other.scope == token.scope)
    return [node for node in nodes if isinstance(node, Task)]


@dataclass(slots=True)
class Look:
    """Evaluates what a task or a command shows, as seen in a scope, against the documents as they are now. Changes nothing."""

    runner: Runner
    held: Held
    state: State
    scope: int
    now: datetime

    def seen(self, read: Callable[[Draft], T]) -> T:
        """What `read` makes of a draft that sees all this; it is called again whenever an answer has been missing. Raises what it raises."""
        live = Live(self.runner.around(self.runner.store))
        while True:
            draft = draft_of(self.held.program, self.state, self.now, live)
            draft.look_from(self.scope)
            try:
                return read(draft)
            except Unanswered as unanswered:
                live.learn(unanswered.question, self.runner.store.document, self.runner.store.open_tasks)

    def value(self, expr: Expr) -> Value:
        """The value; none where it cannot be evaluated."""
        try:
            return self.seen(lambda draft: draft.value(expr))
        except (Fault, Refused):
            return None

    def people(self, expr: Expr) -> tuple[Party, ...]:
        """The people and groups that it gives, each once; none where it cannot be evaluated."""
        return tuple(dict.fromkeys(one for one in flattened(self.value(expr)) if isinstance(one, User | Department | Role)))

    def text(self, expr: Expr) -> str:
        """The value as text, printed as in templates."""
        value = self.value(Expr(f"text({expr.text})", expr.place))
        return value if isinstance(value, str) else ""


# ── history ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def visited(runner: Runner, id: int) -> tuple[set[str], set[str]]:
    _, held, _ = load(runner, id)
    taken = {what for _, _, facts in _history(held, runner.store.history(id)) for kind, _, what in facts if kind == "took"}
    nodes = {held.program.target(flow) for flow in taken}
    return {node for node in nodes if node is not None}, taken


def _history(held: Held, rows: Iterable[HistoryRow], since: int = 0) -> list[tuple[datetime, list[Event], list[Fact]]]:
    """Each transaction: when it was by the time of the instance, which never goes back, and what happened in it."""
    found = []
    for row in rows:
        if row.revision <= since:
            continue
        events, facts = decode_history(held.program, row.data, row.at)
        found.append((row.at, [event for event, _ in events], facts))
    return found


def timeline(runner: Runner, id: int, since: int = 0) -> list[Line]:
    """What has happened, in its order, after the revision `since`."""
    _, held, _ = load(runner, id)
    return lines_of(held, runner.store.history(id), since)


def lines_of(held: Held, rows: Iterable[HistoryRow], since: int = 0) -> list[Line]:
    """The same of an instance whose rows of history are at hand."""
    steps, lines = steps_of(held.program), []
    for at, events, facts in _history(held, rows, since):
        first = events[0]
        by = first.by.id if first.by else None
        lines += _happened(held, first, at, facts, steps, by)
        again = {what for kind, _, what in facts if kind == "incident"}  # what has failed again is not repaired
        facts = [fact for fact in facts if not (fact[0] == "repaired" and fact[2] in again) and not (fact[0] == "fired" and isinstance(first, Moved))]
        lines += [line for fact in facts if (line := _line(held, fact, at, steps)) is not None and not (isinstance(first, Cancel) and line.kind == "ended")]
    return lines


def _happened(held: Held, event: Event, at: datetime, facts: list[Fact], steps: dict[str, StepInfo], by: str | None) -> list[Line]:
    """What the event itself was, where people want to read of it."""
    match event:
        case Started(alone=alone):
            return [Line(at, "started", alone, title_of(steps, alone) if alone else held.program.graph.title, by, None)]
        case Answered():
            node = next((what for kind, id, what in facts if (kind, id) == ("answered", event.token)), None) or _left(held, event.token, facts)
            title = next((o.title for o in held.program.outcomes(node) if o.name == event.outcome), event.outcome)
            said = say("{outcome}: {comment}", outcome=title, comment=event.comment) if event.comment else say("{outcome}", outcome=title)
            return [Line(at, "answered", step_of(node), title_of(steps, node), by, said)]
        case Commanded():
            path, trigger = _pressed(held, event, facts)
            return [Line(at, "commanded", path, trigger.title or trigger.name, by, say("{comment}", comment=event.comment) if event.comment else None)]
        case Ticked():
            node = next((what for kind, id, what in facts if (kind, id) == ("ticked", event.token)), "")
            said = say("item {number}", number=event.item + 1) if event.done else say("item {number} taken back", number=event.item + 1)
            return [Line(at, "ticked", step_of(node), title_of(steps, node), by, said)]
        case Claimed() | Released() | Delegated() | Reassigned():
            name, _, node = next(fact for fact in facts if fact[1] == event.token and fact[0] in HANDS)
            return [Line(at, name, step_of(node), title_of(steps, node), by, _handed(event))]
        case Moved():
            title = held.program.stages[event.stage].title
            return [Line(at, "moved", event.stage, title, by, say("{comment}", comment=event.comment) if event.comment else None)]
        case Failed():
            return [Line(at, "failed", "", "", by, event.reason)]
        case DocumentChanged():
            return [Line(at, "changed", "", "", by, None)]
        case Cancel(caller=int() as caller):
            return [Line(at, "cancel", "", "", by, say("instance {instance} waits for it no longer", instance=caller))]
        case Retry() | Skip() | Correct() | Jump() | Suspend() | Resume() | Cancel():
            kind = type(event).__name__.lower()
            return [Line(at, kind, "", "", by, say("{why}", why=event.why) if event.why else None)]
        case TimerFired() | _:
            return []


HANDS = ("claimed", "released", "delegated", "reassigned")
"""The facts of a task that has changed hands by a person's word; his event is the line."""


def _handed(event: Event) -> Message | None:
    """From whom the task has gone to whom, and why."""
    match event:
        case Delegated(to=to, comment=why):
            way = say("to {other}", other=to.id)
        case Reassigned(person=person, to=None, why=why):
            way = say("from {person} back to the group", person=person.id)
        case Reassigned(person=person, to=User() as to, why=why):
            way = say("from {person} to {other}", person=person.id, other=to.id)
        case _:
            return None
    return say("{what}: {why}", what=way, why=why) if why else way


def _left(held: Held, token: int, facts: list[Fact]) -> str:
    """The task that the token left: the source of the first flow that it took."""
    taken = next((what for kind, id, what in facts if kind == "took" and id == token), "")
    for node in held.program.graph.nodes:
        if isinstance(node, Task) and any(flow.id == taken for _, flow in node.outcomes):
            return node.id
    return ""


def _pressed(held: Held, event: Commanded, facts: list[Fact]) -> tuple[str, Trigger]:
    """The step whose command was pressed, and the command: of the handler that fired, else of the wait that the token left."""
    fired = next((what for kind, id, what in facts if kind == "fired" and id == event.holder), None)
    for block, handlers in held.program.handlers.items():
        if fired is not None and len(handlers) > event.arm and handlers[event.arm].name == fired:
            return step_of(block), handlers[event.arm].trigger
    taken = next((what for kind, id, what in facts if kind == "took" and id == event.holder), "")
    for node in held.program.graph.nodes:
        if isinstance(node, Wait) and len(node.arms) > event.arm and node.arms[event.arm][1].id == taken:
            return step_of(node.id), node.arms[event.arm][0]
    return "", Trigger("command")


def _line(held: Held, fact: Fact, at: datetime, steps: dict[str, StepInfo]) -> Line | None:
    """A fact as a line: steps that are entered, and what befell them."""
    kind, _, what = fact
    if kind == "took":
        node = held.program.target(what) or ""
        known = node in steps and steps[node].activity != "end"
        return Line(at, "step", node, title_of(steps, node), None, None) if known else None
    if kind == "ended":
        return Line(at, "ended", "", "", None, say("{result}", result=what) if what else None)
    if kind in ("suspended", "resumed", "answered", "ticked", *HANDS):
        return None
    if kind == "corrected":
        return Line(at, "corrected", "", what, None, None)
    if kind == "fired":
        return Line(at, "fired", "", what, None, None)
    named = "withdrawn" if kind == "cleared" else kind
    return Line(at, named, step_of(what), title_of(steps, what), None, None)


__all__ = ["IncidentView", "InstanceView", "Line", "Standing", "TaskView", "Turn", "User", "incidents_of", "instance_view", "task_view", "timeline", "visited"]
