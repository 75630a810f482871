"""The activity `task`."""

from collections.abc import Iterator, Mapping
from typing import ClassVar

from msgspec.structs import replace
from pydantic import Field as Key

from bpflow import graph
from bpflow.activities.people import OutcomeKeys, ToPeople
from bpflow.activities.subtasks import PART, Subtask, lowered
from bpflow.definition.types import Expression, Name, Template
from bpflow.diagnostics import Diagnostic, say
from bpflow.expressions import quoted
from bpflow.graph import Call, Expr, Flow, Lowering, World
from bpflow.graph.written import span_of
from bpflow.values import Field

ITEM: Mapping[str, Field] = {"item": Field("string"), "done": Field("boolean"), "by": Field("user"), "at": Field("datetime")}
"""An item of a checklist in the results."""

_UNHEARD = say("with `wait: false` nothing follows from the task: it has one outcome, and no steps")


class Task(ToPeople):
    """Work assigned to people, done when one of them says so.

    `to` says whose work it is, `title` and `text` what is to be done, `due` by when. A form, further outcomes and what happens when the
    deadline has passed are as for the other activities for people.

    The items of a `checklist` are ticked off one by one while the task is open; before all are, its first outcome is refused, naming what
    is left. `<id>.checklist` says of each `item` whether it is `done`, `by` whom and `at` what time. With `done-when` the work shows in the
    data: as soon as the condition is true, at once if it is so already, the task closes as its first outcome by itself, and before that
    nobody can say that it is done; `<id>.by` is none then. Other outcomes may be chosen at any time. `observers` see the task, are told
    when it is overdue and when it closes, and may not answer.

    With `wait: false` nobody waits for it: the process goes on at once, and the task is an instance of its own, which stays open whatever
    becomes of the process. It sees all names as they were then, and its form may still write the document. As nothing follows from how
    it ends, it has but one outcome, and its results cannot be read.

    `subtasks` are tasks of their own, for people of their own, which open together with it. Before all of them are done its first outcome
    is refused, naming those that are left; when it closes otherwise, they are withdrawn. `<id>.subtasks.<name>.by` and `.at` say by whom
    and when one was done.

        steps:
          - id: visit
            activity: task
            title: Visit $(document.name)
            to: document.responsible
            text: The address is in the card.
            due: 3 working days
            observers: head_of(document.responsible)
            checklist: [Make an appointment, "Show the offer to $(document.contact_person)"]
            fields:
              report: {type: text, title: What was said, required: true}
            subtasks:
              offer: {title: Write the offer, to: user("orlov"), due: 1 working day}
          - id: signature
            activity: task
            title: Get the contract signed
            to: document.responsible
            done-when: document.status == "signed"
    """

    further_results: ClassVar[tuple[str, ...]] = ("checklist", "subtasks")

    checklist: tuple[Template, ...] = ()
    """What is to be ticked off before the first outcome."""
    subtasks: dict[Name, Subtask] = Key({})
    """Tasks of their own, by name, which must be done before the first outcome."""
    observers: Expression | None = None
    """People who see it, are told when it is overdue and when it closes, and may not answer."""
    done_when: Expression | None = None
    """The condition under which it closes as its first outcome, by itself and not otherwise."""
    wait: bool = True
    """`false`: the process goes on at once; the task is on its own from then on, and outlives the process."""

    def results(self, world: World | None = None) -> Mapping[str, Field] | None:
        """Those of every task, and the checklist; of one that is on its own, nothing."""
        if not self.wait:
            return None
        found = dict(super().results(world) or {})
        if self.checklist:
            found["checklist"] = Field("object", many=True, fields=tuple(ITEM.items()))
        if self.subtasks:
            part = Field("object", fields=tuple(PART.items()))
            found["subtasks"] = Field("object", fields=tuple((str(name), part) for name in self.subtasks))
        return found

    def lower(self, b: Lowering) -> None:
        """As every task; one that nobody waits for is the whole of an instance of its own, which a Call opens."""
        if self.wait:
            super().lower(b)
            return
        id = b.node("own")
        own = b.alone(id)
        self._task(own, {name: self._flow(own, name, outcome, id) for name, outcome in self._outcomes().items()}, id=id)
        b.add(Call(b.path, "tasks.open", (("step", Expr(quoted(b.path))),), b.flow(b.path)))

    @property
    def awaits_people(self) -> bool:
        """Unless it is on its own."""
        return self.wait

    @property
    def has_beside(self) -> bool:
        """The subtasks run beside it too."""
        return self.wait and (super().has_beside or bool(self.subtasks))

    def parts(self, inside: Lowering) -> tuple[Flow, ...]:
        """Those of the subtasks."""
        return tuple(lowered(inside, inside.node("open"), self.subtasks).values())

    def mistakes(self) -> Iterator[Diagnostic]:
        """An item that stands twice in the checklist, and a form that nobody fills in."""
        yield from super().mistakes()
        yield from self._idle_form()
        yield from self._unheard()
        for number, item in enumerate(self.checklist):
            if item in self.checklist[:number]:
                span = span_of(item) if span_of(item).file else self.value_span("checklist")
                yield Diagnostic(span, "wrong-value", say('"{item}" stands in the checklist twice', item=item), say("tell them apart"))

    def _unheard(self) -> Iterator[Diagnostic]:
        """What would follow from a task that nobody waits for."""
        late = self.on_overdue.model_fields_set & {"outcome", "steps"} if self.on_overdue else ()
        keys = [key for key in ("outcomes", "on_answer", "subtasks") if getattr(self, key)] if not self.wait else []
        for key in keys:
            if key != "outcomes" or len(self.outcomes) > 1 or any(one.steps or one.next for one in self.outcomes.values()):
                yield Diagnostic(self.key_span(key.replace("_", "-")), "wrong-value", _UNHEARD)
        if late and not self.wait and self.on_overdue:
            yield Diagnostic(self.on_overdue.key_span(sorted(late)[0]), "wrong-value", _UNHEARD)

    def _idle_form(self) -> Iterator[Diagnostic]:
        """A form of the outcome that comes by itself."""
        first, *others = self._outcomes().items()
        for keys in (first[1], *(() if others else (self,))) if self.done_when else ():
            for key in ("fields", "fill", "required", "comment"):
                if key in keys.model_fields_set:
                    message = say('with "done-when" the outcome "{name}" comes by itself, so nobody fills in its form', name=first[0])
                    yield Diagnostic(keys.key_span(key), "wrong-value", message, say("remove it, or write it at another outcome"))

    def filled(self, name: str, outcome: OutcomeKeys) -> tuple[str, ...]:
        """What comes by itself writes nothing."""
        return () if self.done_when and name == next(iter(self._outcomes())) else super().filled(name, outcome)

    def further(self, task: graph.Task) -> graph.Task:
        """The task with what stands between it and its first outcome."""
        return replace(task, done_when=self.done_when, checklist=tuple(item.expr for item in self.checklist), observers=self.observers)
