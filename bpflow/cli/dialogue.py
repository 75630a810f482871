"""Filling forms in the terminal, of a start, a task or a command: what it shows, the outcome by its number, then field after field.

The law of this file: it asks until a value is right, and what the engine refuses is said and asked again; what was typed before is
offered again. The end of the input does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from getpass import getpass

from msgspec.structs import replace

from bpflow.cli.names import Names
from bpflow.cli.output import Output
from bpflow.cli.seats import show_turns, votes_told
from bpflow.diagnostics import Message, Refused, say, with_hint
from bpflow.engine.transition import InvalidAnswer
from bpflow.expressions.data import User, Value, flattened
from bpflow.graph import Outcome
from bpflow.runtime import CommandView, Engine, FieldView, FormView, MoveView, TaskView
from bpflow.runtime.reading import WrongField
from bpflow.values import Field, InvalidValue, check, read

EMPTY = "-"
"""What is typed to leave a field empty that has something on offer."""


class NothingDone(Refused):
    """The input ended before everything was said."""


def show_task(view: TaskView, names: Names, out: Output) -> None:
    """The task as its people see it."""
    out.line(view.subject, "bold")
    if view.document is not None:
        out.line(names.of(view.document))
    if view.text:
        out.line(view.text)
    for label, text in view.show:
        out.line(f"  {label}: {text}" if text else f"  {label}: –")
    for number, item in enumerate(view.checklist, 1):
        ticked = f" ({names.of(item.by)}, {names.when(item.at)})" if item.by else ""
        out.line(f"  {'[x]' if item.by else '[ ]'} {number}. {item.text}{ticked}")
    if view.subtasks:
        out.line(say("subtasks that are still open: {tasks}", tasks=", ".join(view.subtasks)))
    if view.observers:
        out.line(say("seen by: {people}", people=", ".join(names.of(party) for party in view.observers)), "dim")
    if view.votes:
        titles = {outcome.name: outcome.title for outcome in view.outcomes}
        out.line(say("answered: {answers}", answers=votes_told(view.votes, titles, names)), "dim")
    show_turns(view.people, view.later, view.also, names, out)
    if view.due is not None:
        due = names.when(view.due)
        out.line(say("due: {due}, overdue", due=due) if view.overdue else say("due: {due}", due=due), "red" if view.overdue else "dim")


def show_form(form: FormView, names: Names, out: Output) -> None:
    """An outcome with the fields of its form, and in what is asked for now what may be chosen."""
    out.line()
    out.line(f"{form.title} ({form.outcome})", "bold")
    for one in form.fields:
        what = asked(one.field, one.name)
        out.line(f"  {one.name}: {(what if one.shown else say('{what}; asked for only as others are filled in', what=what)).text(names.language)}")
        for _, label in one.choices or () if one.field.kind != "choice" else ():
            out.line(f"    {label}")
    if form.comment == "required":
        out.line(say("  a comment is required"))


def asked(one: Field, name: str, listed: bool = False) -> Message:
    """What is asked of a field: its title, its kind, and whether it must be filled. `listed`: its choices stand above, numbered."""
    kind = say("one of the numbers") if listed else _kind(one)
    kind = say("{kind}, several", kind=kind) if one.many else kind
    what = say("{title} ({kind})", title=one.title or name, kind=kind)
    return say("{what}, required", what=what) if one.required else what


def _kind(one: Field) -> Message:
    match one.kind:
        case "integer":
            return say("a whole number")
        case "number" | "money":
            return say("a number")
        case "boolean":
            return say("yes or no")
        case "date":
            return say("a date, as 31.12.2026")
        case "datetime":
            return say("a date and a time, as 31.12.2026 09:00")
        case "duration":
            return say('a duration, as "2 working days"')
        case "choice":
            return say("one of: {choices}", choices=", ".join(title for _, title in one.choices))
        case "user" | "department":
            return say("an id of the directory")
        case "document":
            return say("a document, as company:17")
    return say("text")


def choices_of(one: FieldView) -> Sequence[tuple[Value, str]]:
    """What may be chosen in a field, with titles; empty where that is whatever it may hold."""
    return one.field.choices if one.choices is None else one.choices


def may_be(one: FieldView, value: Value) -> bool:
    """Whether all of the value is among what may be chosen."""
    choices = one.choices
    return choices is None or all(any(part == choice for choice, _ in choices) for part in flattened(value))


def _chosen(options: Sequence[tuple[Value, str]], text: str) -> object:
    """The choice that is meant by its number or its title, else what was typed."""
    if text.isdecimal() and 0 < int(text) <= len(options):
        return options[int(text) - 1][0]
    return next((value for value, title in options if title.casefold() == text.casefold()), text)


Send = Callable[[Outcome, dict[str, object], str | None], None]
"""Sends a form that was filled, with its comment; InvalidAnswer if it is not taken."""


@dataclass
class Asking:
    """The conversation about a form. `ask` shows a prompt and gives the line that was typed, `hide` does so without showing it; EOFError at the
    end of the input."""

    engine: Engine
    names: Names
    out: Output
    zone: tzinfo
    by: str
    ask: Callable[[str], str] = field(default=lambda prompt: input(prompt), kw_only=True)
    hide: Callable[[str], str] = field(default=lambda prompt: getpass(prompt), kw_only=True)

    def until_taken(self, given: Mapping[str, object], comment: str | None, choose: Callable[[], Outcome], send: Send) -> Outcome:
        """Has a form chosen, filled and sent until it is taken; gives the form. `given` and `comment` are offered. EOFError at the end of the input."""
        offered = dict(given)
        while True:
            form = choose()
            filled = self.fields(form, offered)
            offered, comment = {**offered, **filled}, self.comment(form, comment)
            try:
                send(form, filled, comment)
                return form
            except InvalidAnswer as refused:
                self.refuse(refused)

    def refuse(self, refused: Refused) -> None:
        """Says what was wrong."""
        self.out.line(with_hint(refused.message, getattr(refused, "hint", None)), "red")

    def typed(self, prompt: Message, *, secret: bool = False) -> str:
        """What was typed behind the prompt."""
        return (self.hide if secret else self.ask)(f"{prompt.text(self.names.language)}: ").strip()

    # ── the form ───────────────────────────────────────────────────────────────────────────────────────────────────
    def fields(self, form: Outcome, offered: Mapping[str, object]) -> dict[str, object]:
        """The values of the fields that are asked for, one after the other."""
        filled: dict[str, object] = {}
        for name, _ in form.fields:
            (one,) = (one for one in self.seen(form, {**offered, **filled}) if one.name == name)
            if one.shown:
                filled[name] = self.value(one, offered.get(name))
        return filled

    def seen(self, form: Outcome, values: Mapping[str, object]) -> tuple[FieldView, ...]:
        """The fields of a form by what is filled in so far."""
        if not form.when and not form.choices:
            return tuple(FieldView(name, one, True, None, None) for name, one in form.fields)
        return self.look(form, {name: values[name] for name, _ in form.fields if name in values}).fields

    def look(self, form: Outcome, values: dict[str, object]) -> FormView:
        """What the engine says of a form that is not the same whatever is filled in; the form of a start always is."""
        raise NotImplementedError(f"{type(self).__name__} does not say how its form changes")

    def value(self, one: FieldView, offered: object) -> Value:
        """A value that the field may have."""
        options = choices_of(one)
        default = self.offered(one, offered)
        prompt = asked(one.field, one.name, listed=bool(options))
        if default not in (None, []):
            prompt = say("{prompt} [{value}]", prompt=prompt, value=self.names.value(default, one.field, self.zone))
        if one.field.help:
            self.out.line(one.field.help, "dim")
        for number, (_, title) in enumerate(options, 1):
            self.out.line(f"  {number}. {title}")
        while True:
            text = self.typed(prompt, secret=one.field.secret)
            try:
                value = default if not text else self.read(one, "" if text == EMPTY else text)
                check(one.field, value)
                return value
            except InvalidValue as wrong:
                self.refuse(wrong)

    def offered(self, one: FieldView, value: object) -> Value:
        """A value on offer; none where it is none for this field."""
        try:
            found = read(one.field, value, self.zone)
            return found if may_be(one, found) else None
        except InvalidValue:
            return None

    def read(self, one: FieldView, text: str) -> Value:
        """The value that was typed; choices by number and by title too, people by name too. InvalidValue if it is none."""
        options = choices_of(one)
        parts = [part.strip() for part in text.replace(";", ",").split(",") if part.strip()] if one.field.many and options else [text]
        meant = [_chosen(options, part) for part in parts]
        value = read(one.field, meant if one.field.many and options else meant[0], self.zone)
        value = self.person(value) if one.field.kind == "user" and isinstance(value, User) else value
        if not may_be(one, value):
            raise InvalidValue(say('"{text}" is none of them', text=text))
        return value

    def person(self, user: User) -> User:
        """The person with this id, or with this name or the beginning of it if nobody else has it."""
        workspace = self.engine.workspace
        people = workspace.directory.people if workspace else {}
        if not people or user.id in people:
            return user
        meant = [id for id, person in people.items() if person.name.casefold().startswith(user.id.casefold())]
        if len(meant) == 1:
            return User(meant[0])
        raise InvalidValue(say('there is no person "{name}" in the directory', name=user.id))

    # ── the comment ────────────────────────────────────────────────────────────────────────────────────────────────
    def comment(self, outcome: Outcome, offered: str | None) -> str | None:
        """The comment, as far as the outcome takes one."""
        if outcome.comment == "none":
            return None
        what = say("Comment, required") if outcome.comment == "required" else say("Comment")
        prompt = say("{prompt} [{value}]", prompt=what, value=offered) if offered else what
        while True:
            text = self.typed(prompt) or offered
            if text or outcome.comment != "required":
                return text or None
            self.out.line(say("a comment is required"), "red")

    # ── a start ────────────────────────────────────────────────────────────────────────────────────────────────────
    def start(self, process: str, document: str | None) -> int:
        """Asks for the inputs of a process and starts it; gives the instance. NothingDone at the end of the input."""
        graph, started = self.engine.graph(process), list[int]()
        inputs = tuple((name, replace(one, required=one.required and one.default is None)) for name, one in graph.inputs)

        def send(form: Outcome, values: dict[str, object], comment: str | None) -> None:
            try:
                started.append(self.engine.start(process, document=document, inputs=values, by=self.by or None))
            except WrongField as wrong:
                raise InvalidAnswer(wrong.message) from wrong

        self.out.line(graph.title, "bold")
        try:
            self.until_taken({}, None, lambda: Outcome("start", graph.title, inputs, "none"), send)
        except EOFError:
            self.out.line()
            raise NothingDone(say("nothing was started")) from None
        return started[0]


@dataclass
class Dialogue(Asking):
    """The conversation about one task."""

    view: TaskView

    def run(self, given: Mapping[str, object], comment: str | None) -> str:
        """Asks for everything and answers; gives the outcome. `given` and `comment` are offered. NothingDone at the end of the input."""
        show_task(self.view, self.names, self.out)
        try:
            return self.until_taken({**self.view.prefill, **given}, comment, self.outcome, self.send).name
        except EOFError:
            self.out.line()
            raise NothingDone(say("nothing was answered: the task is as it was")) from None

    def look(self, form: Outcome, values: dict[str, object]) -> FormView:
        """What the engine says of the outcome's form by now."""
        return self.engine.form(self.view.id, by=self.by, outcome=form.name, values=values)

    def send(self, outcome: Outcome, form: dict[str, object], comment: str | None) -> None:
        """Answers the task."""
        self.engine.answer(self.view.id, by=self.by, outcome=outcome.name, values=form, comment=comment)

    def outcome(self) -> Outcome:
        """The outcome by its number, its name or its title."""
        known = self.view.outcomes
        self.out.line()
        for number, one in enumerate(known, 1):
            self.out.line(f"  {number}. {one.title}")
        while True:
            text = self.typed(say("Which outcome (1–{last})", last=len(known)) if len(known) > 1 else say("Which outcome (1)"))
            for number, one in enumerate(known, 1):
                if text in (str(number), one.name) or text.casefold() == one.title.casefold():
                    return one
            self.out.line(say('"{text}" is none of them', text=text), "red")


@dataclass
class Pressing(Asking):
    """The conversation about the form of one command."""

    view: CommandView

    def run(self, given: Mapping[str, object], comment: str | None) -> None:
        """Asks for everything and presses. `given` and `comment` are offered. NothingDone at the end of the input."""
        self.out.line(self.view.title, "bold")
        try:
            self.until_taken(given, comment, lambda: self.view.form, self.send)
        except EOFError:
            self.out.line()
            raise NothingDone(say("nothing was pressed: the process is as it was")) from None

    def look(self, form: Outcome, values: dict[str, object]) -> FormView:
        """What the engine says of the command's form by now."""
        return self.engine.command_form(self.view.instance, form.name, by=self.by, values=values, place=self.view.place)

    def send(self, form: Outcome, values: dict[str, object], comment: str | None) -> None:
        """Presses the command."""
        self.engine.command(self.view.instance, form.name, by=self.by, values=values, comment=comment, place=self.view.place)


@dataclass
class Moving(Asking):
    """The conversation about the form of one move to another stage."""

    view: MoveView

    def run(self, given: Mapping[str, object], comment: str | None) -> None:
        """Asks for everything and moves. `given` and `comment` are offered. NothingDone at the end of the input."""
        self.out.line(self.view.title, "bold")
        try:
            self.until_taken({**self.view.prefill, **given}, comment, lambda: self.view.form, self.send)
        except EOFError:
            self.out.line()
            raise NothingDone(say("nothing was moved: the document is where it was")) from None

    def look(self, form: Outcome, values: dict[str, object]) -> FormView:
        """What the engine says of the form of the move by now."""
        return self.engine.move_form(self.view.instance, self.view.stage, by=self.by, values=values)

    def send(self, form: Outcome, values: dict[str, object], comment: str | None) -> None:
        """Moves the document."""
        self.engine.move(self.view.instance, self.view.stage, by=self.by, values=values, comment=comment)
