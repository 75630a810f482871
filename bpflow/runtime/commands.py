"""Commands: the buttons that people may press now, and the press of one.

The law of this file: what can be pressed is read from where the instance stands; whether a press is taken, the engine alone decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from msgspec import Struct

from bpflow.diagnostics import Message, say
from bpflow.engine.events import Commanded, Event
from bpflow.engine.forms import form_of
from bpflow.engine.program import Program
from bpflow.engine.state import Party, State
from bpflow.engine.transition import UnexpectedEvent
from bpflow.expressions.data import User
from bpflow.graph import Outcome, Trigger, Wait, step_of
from bpflow.runtime import reading, views
from bpflow.runtime.transaction import Held, Runner
from bpflow.services.directory import is_among
from bpflow.services.working_calendar import zone_of


class CommandView(Struct, frozen=True):
    """A command that can be pressed now.

    `place`: where, which tells commands of one name apart · `step`: the path of the step that has it, empty for the process itself ·
    `form`: its fields and its comment · `people`: who may press it, None: everybody · `within`: the turns around it, as of a task.
    """

    instance: int
    name: str
    title: str
    place: str
    step: str
    form: Outcome
    people: tuple[Party, ...] | None
    within: tuple[views.Turn, ...] = ()


class Button(Struct, frozen=True):
    """An arm that waits for a command: the token or scope that holds it, the scope from which its expressions are read, and the name under
    which what it brings is read."""

    holder: int
    arm: int
    visit: int
    scope: int
    step: str
    trigger: Trigger
    gives: str | None

    @property
    def place(self) -> str:
        """What tells it from the others of its instance, `holder.visit`; never that of another one later."""
        return f"{self.holder}.{self.visit}"

    @property
    def form(self) -> Outcome:
        """What is filled in."""
        return form_of(self.trigger)


def buttons(program: Program, state: State) -> list[Button]:
    """All that wait for a command, the oldest first."""
    return sorted((*_of_waits(program, state), *_of_scopes(program, state)), key=lambda button: (button.holder, button.arm))


def _of_waits(program: Program, state: State) -> Iterator[Button]:
    for token in state.tokens.values():
        node = program.nodes.get(token.node)
        if isinstance(node, Wait) and token.status == "waiting":
            for number, (trigger, _) in enumerate(node.arms):
                if trigger.kind == "command":
                    yield Button(token.id, number, token.visit, token.scope, step_of(token.node), trigger, node.gives)


def _of_scopes(program: Program, state: State) -> Iterator[Button]:
    for scope in state.scopes.values():
        handlers = program.handlers.get(scope.block, ()) if scope.arms is not None else ()
        for number, handler in enumerate(handlers):
            if handler.trigger.kind == "command":
                yield Button(scope.id, number, 0, scope.id, step_of(scope.block), handler.trigger, handler.gives)


# ── what can be pressed ─────────────────────────────────────────────────────────────────────────────────────────────
def commands(runner: Runner, id: int, by: str | None, now: datetime) -> list[CommandView]:
    """What can be pressed in an instance now, by that person if one is named; the oldest first. UnexpectedEvent if there is no such instance."""
    _, held, state = views.load(runner, id)
    found = buttons(held.program, state) if state.status == "running" else []
    seen = [_view(runner, held, state, button, now) for button in found]
    return [view for view in seen if by is None or may_press(runner, view, User(by))]


def _view(runner: Runner, held: Held, state: State, button: Button, now: datetime) -> CommandView:
    by, form = button.trigger.by, button.form
    people = views.Look(runner, held, state, button.scope, now).people(by) if by is not None else None
    within = views.turns_around(held.program, state, button.scope)
    return CommandView(held.id, form.name, form.title, button.place, button.step, form, people, within)


def may_press(runner: Runner, view: CommandView, user: User) -> bool:
    """Whether the command is for that person: his own, or for a group of his."""
    return view.people is None or is_among(user, [*view.people], runner.world.directory)


# ── pressing ────────────────────────────────────────────────────────────────────────────────────────────────────────
class Press(Struct, frozen=True):
    """Somebody wants to press a command. `place`: which of several of that name; else the oldest that is for him."""

    command: str
    by: str
    values: Mapping[str, object]
    comment: str | None
    place: str | None


def press(runner: Runner, id: int, press: Press, now: datetime, happen: Callable[[int, Event], object]) -> None:
    """Has a press happen. UnexpectedEvent says which commands there are, InvalidAnswer which field is wrong."""
    event = pressed(runner, id, press, now)
    try:
        happen(id, event)
    except UnexpectedEvent:
        pressed(runner, id, press, now)  # another was faster: says what there is now
        raise


def pressed(runner: Runner, id: int, press: Press, now: datetime) -> Commanded:
    """The event of a press."""
    _, held, state = views.load(runner, id)
    button = meant(runner, held, state, press, now)
    comment = reading.comment_of(press.comment)
    values = reading.read_form(dict(button.trigger.form), press.values, zone_of(held.program.graph.timezone))
    return Commanded(now, User(press.by), button.holder, button.arm, values, comment, button.visit)


def meant(runner: Runner, held: Held, state: State, press: Press, now: datetime) -> Button:
    """The button that is meant: the oldest of that name that is for the person, or if none is, the oldest, which will be refused."""
    if state.status != "running":
        raise UnexpectedEvent(say("the instance has ended"))
    there = buttons(held.program, state)
    found = [b for b in there if b.trigger.name == press.command and press.place in (None, b.place)]
    if not found:
        raise UnexpectedEvent(none_such(press.command, there))
    if len(found) == 1:
        return found[0]
    own = (b for b in found if may_press(runner, _view(runner, held, state, b, now), User(press.by)))
    return next(own, found[0])


def none_such(command: str, there: list[Button]) -> Message:
    """That there is no such command now, and which there are."""
    known = ", ".join(dict.fromkeys(button.trigger.name for button in there))
    if not known:
        return say('the command "{command}" is not to be had now; there are none', command=command)
    return say('the command "{command}" is not to be had now; there are: {known}', command=command, known=known)


__all__ = ["Button", "CommandView", "Press", "buttons", "commands", "none_such", "press"]
