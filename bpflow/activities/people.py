"""What the activities for people have in common: who, what they see, the form, the outcomes, the deadline (§4 of the language)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, Literal

from msgspec import Struct
from pydantic import Field as Key

from bpflow import graph
from bpflow.activities import rules
from bpflow.activities.rules import Rule
from bpflow.definition import filling as forms
from bpflow.definition.filling import FormKeys
from bpflow.definition.model import Model
from bpflow.definition.step import Step, Steps
from bpflow.definition.times import before, deadline, moment
from bpflow.definition.types import Duration, Expression, Name, Shown, Targets, Template, Title
from bpflow.diagnostics import Diagnostic, did_you_mean, say
from bpflow.expressions import quoted
from bpflow.graph import Alarm, Block, Call, Choose, Expr, Flow, Form, Handler, Lowering, Task, Trigger, Way, World
from bpflow.graph.written import span_of, start_of
from bpflow.values import Field


class OutcomeKeys(FormKeys):
    """A button of the task, with form keys of its own and what follows."""

    title: Title | None = None
    """What stands on the button; without it, the name."""
    button: bool = True
    """`false`: people cannot choose it, only `on-overdue` can."""
    steps: Steps = ()
    """What is done then; after it comes what follows the task."""
    next: Targets = ()
    """The step that it leads to, or several; `go-on` carries on after the task."""

    def mistakes(self) -> Iterator[Diagnostic]:
        """Both `steps` and `next`."""
        yield from super().mistakes()
        if self.next and "steps" in self.model_fields_set:
            yield Diagnostic(self.key_span("next"), "exactly-one", say("only one of {keys} may be written", keys='"steps" / "next"'))


class Overdue(Model):
    """What happens when the deadline has passed; a task that is overdue stays open unless an outcome is chosen here.

    All but `remind` is done once. What cannot be done, since nobody is there to get the task, is an incident, and nothing of it is done.
    """

    remind: Duration | None = None
    """Reminds those who have the task, at once and then each time after so long."""
    tell: Expression | None = None
    """Tells these people, once."""
    escalate_to: Expression | None = None
    """These people may answer too: each of their answers is in the place of one who has not answered, so as many are asked as before."""
    reassign_to: Expression | None = None
    """These people have the task instead of those who have not answered; how many must answer is counted anew, over the answers that there are
    and these people."""
    outcome: Name | None = None
    """Closes the task with this outcome."""
    steps: Steps = ()
    """What is done beside the open task, once."""

    def mistakes(self) -> Iterator[Diagnostic]:
        """What is of no use where the deadline closes the task, and two ways to find others for it."""
        yield from super().mistakes()
        for one, other in (("outcome", "steps"), ("outcome", "escalate-to"), ("outcome", "reassign-to"), ("escalate-to", "reassign-to")):
            if self._says(one) and self._says(other):
                yield Diagnostic(self.key_span(other), "exactly-one", say("only one of {keys} may be written", keys=f'"{one}" / "{other}"'))

    def _says(self, key: str) -> bool:
        return bool(getattr(self, key.replace("-", "_")))


ANSWER = "answer"
"""The name under which the steps of `on-answer` read the answer."""


class Asked(Struct, frozen=True):
    """Whom a task is for, who may not answer it, and how many must."""

    people: Expr
    not_by: Expr | None = None
    rule: graph.Rule = graph.Rule()
    in_turn: bool = False
    climb: graph.Climb | None = None


class HumanStep(Step, FormKeys):
    """A step that gives people a task."""

    default_outcomes: ClassVar[tuple[str, ...]] = ("done",)
    always: ClassVar[bool] = False
    """Whether the default outcomes are there whatever is written, and come first."""
    approves: ClassVar[bool] = False
    """Whether it is to be decided by somebody else than by whoever began the process."""
    further_results: ClassVar[tuple[str, ...]] = ()
    """What it gives besides what every task gives."""

    title: Template | None = None
    """The subject of the task; without it, the title of the process."""
    who_may_not: Expression | None = None
    """Who may not answer it, even if it is given to them."""
    if_nobody: Expression | None = None
    """Who gets it if `to` gives nobody; without this, that is an incident."""
    text: Template | None = None
    """What people are told."""
    show: tuple[Shown, ...] = ()
    """Fields of the document, or expressions, that are shown."""
    outcomes: dict[Name, OutcomeKeys] = Key({})
    """The buttons, by name."""
    on_answer: Steps = ()
    """What is done beside the open task at each answer; `answer.by`, `.outcome`, `.comment`, `.at` and the fields of its form can be read."""
    due: Duration | None = None
    """The deadline: a duration, which counts from the opening however often the document changes; or a date, whose working day's end it is;
    `none`: no deadline."""
    remind_before: Duration | None = None
    """How long before the deadline those who have the task are reminded of it, once; not at all if the task is opened later than that."""
    on_overdue: Overdue | None = None
    """What happens when the deadline has passed."""
    delegate: Literal["anyone", "subordinates", "nobody"] = "subordinates"
    """To whom one who has the task may pass it on, who then answers in his place. By default to those who work under him, however far: that is
    his to decide, while to hand work to colleagues or upwards would be to decide for others."""

    def lists(self) -> Iterator[tuple[str, Sequence[Step]]]:
        """The steps of each outcome."""
        for name, outcome in self.outcomes.items():
            yield str(name), outcome.steps
        yield "on-answer", self.on_answer
        yield "on-overdue", self.on_overdue.steps if self.on_overdue else ()

    def brings(self, world: World | None = None) -> Iterator[tuple[str, Mapping[str, Field] | None]]:
        """The answer, for the steps of `on-answer`."""
        yield from super().brings(world)
        if self.on_answer:
            yield ANSWER, forms.given_fields(self._choices(), self._fields(world))

    def mistakes(self) -> Iterator[Diagnostic]:
        """Outcomes that lead nowhere, and what `on-overdue` lacks."""
        yield from super().mistakes()
        for outcome in self._outcomes().values():
            yield from forms.circles(self.id, (self, outcome))
        for name, outcome in list(self._outcomes().items())[1:]:
            if not outcome.next and "steps" not in outcome.model_fields_set:
                span = span_of(name) if span_of(name).file else self.place
                message = say('the outcome "{name}" does not say what follows', name=name)
                yield Diagnostic(span, "unhandled-outcome", message, say('give it "steps", or "next: go-on" to carry on after the task'))
        chosen = self.on_overdue.outcome if self.on_overdue else None
        for name, outcome in self.outcomes.items():
            if not outcome.button and name != chosen:
                message = say('nothing chooses the outcome "{name}": it has no button, and "on-overdue" does not name it', name=name)
                yield Diagnostic(outcome.value_span("button"), "wrong-value", message)
        yield from self._hidden_results()
        for key in ("on-overdue", "remind-before"):
            if key.replace("-", "_") in self.model_fields_set and not self.due:
                yield Diagnostic(self.key_span(key), "missing-key", say('"{key}" needs "due"', key=key))
        if self.on_overdue and chosen and chosen not in self._outcomes():
            message = say('there is no outcome "{name}"', name=chosen)
            yield Diagnostic(self.on_overdue.value_span("outcome"), "wrong-value", message, did_you_mean(chosen, self._outcomes()))

    def _hidden_results(self) -> Iterator[Diagnostic]:
        """Fields of the form that have the names of its own results."""
        for keys in (self, *self.outcomes.values()):
            for name in (*keys.fields, *keys.fill):
                if name in self.further_results:
                    message = say('"{name}" is a result of "{activity}", so no field can have this name', name=name, activity=self.activity)
                    yield Diagnostic(span_of(name) if span_of(name).file else keys.place, "name-clash", message)

    def parts_within(self) -> Iterator[tuple[str, Expr, Field]]:
        """How long before the deadline people are reminded."""
        yield from super().parts_within()
        if self.remind_before:
            yield "remind-before", self.remind_before, Field("duration")

    def _outcomes(self) -> Mapping[str, OutcomeKeys]:
        if self.outcomes and not self.always:
            return self.outcomes
        return {name: self.outcomes.get(name) or OutcomeKeys() for name in dict.fromkeys((*self.default_outcomes, *self.outcomes))}

    def _choices(self) -> tuple[tuple[str, str], ...]:
        return tuple((str(name), str(outcome.title or name)) for name, outcome in self._outcomes().items())

    def _fields(self, world: World | None) -> dict[str, Field]:
        fields: dict[str, Field] = {}
        for outcome in self._outcomes().values():
            for name, field in forms.known_fields((self, outcome), world or World()).items():
                fields[name] = forms.either(fields.get(name), field)
        return fields

    def results(self, world: World | None = None) -> Mapping[str, Field] | None:
        """The answer that decided, its fields, and how far the task has come."""
        choices, fields = self._choices(), self._fields(world)
        return {**forms.answer_fields(choices), **fields, **forms.progress_fields(choices, fields)}

    def lower(self, b: Lowering) -> None:
        """One Task; and for each outcome that fills the document, a Call that writes it. What runs beside the open task are handlers of a
        Block around it, after which a Choose takes the way of the outcome."""
        if not self.has_beside:
            self._task(b, {name: self._flow(b, name, outcome) for name, outcome in self._outcomes().items()})
            return
        inside, open, decided = b.inside(), b.node("open"), b.node("decided")
        beside_it = self.parts(inside)
        self._task(b, {name: inside.flow(b.path, name) for name in self._outcomes()}, tuple(flow.to for flow in beside_it if flow.to))
        late = self.on_overdue.steps if self.on_overdue else ()
        beside = ((Trigger("answer"), self.on_answer, ANSWER), (Trigger("overdue"), late, None))
        handlers = tuple(_beside(inside, trigger, steps, gives) for trigger, steps, gives in beside if steps)
        b.add(Block(open, (*beside_it, inside.flow(open, way=inside.at())), b.flow(open, way=b.at("decided")), handlers=handlers))
        arms = tuple((Expr(f"{b.name}.outcome == {quoted(name)}"), self._flow(b, name, outcome, decided)) for name, outcome in self._outcomes().items())
        b.add(Choose(decided, arms))

    @property
    def awaits_people(self) -> bool:
        """It is answered by people."""
        return True

    @property
    def around(self) -> str:
        """The block in which steps run beside the open task."""
        return "open" if self.has_beside else ""

    @property
    def has_beside(self) -> bool:
        """Whether steps run beside the open task."""
        return bool(self.on_answer or (self.on_overdue and self.on_overdue.steps))

    def asked(self, b: Lowering) -> Asked:
        """Whom the task is for."""
        raise NotImplementedError(f"{type(self).__name__} does not say whom it asks")

    def way(self, b: Lowering, name: str, outcome: OutcomeKeys) -> Way:
        """Where an outcome leads."""
        return b.branch(name, outcome.steps, outcome.next)

    def parts(self, inside: Lowering) -> tuple[Flow, ...]:
        """The flows into tasks that stand beside it as parts of it."""
        return ()

    def _task(self, b: Lowering, flows: Mapping[str, Flow], parts: tuple[str, ...] = (), id: str | None = None) -> None:
        outcomes, asked = self._outcomes(), self.asked(b)
        forms.one_type_each(b, outcomes)
        task = Task(
            id=id or b.path,
            people=asked.people,
            form=self._form(b, outcomes),
            outcomes=tuple((str(name), flows[name]) for name in outcomes),
            alarms=self._alarms(),
            gives=b.name if self.id or self._fills() or self.around else None,
            not_by=asked.not_by,
            if_nobody=self.if_nobody,
            rule=asked.rule,
            in_turn=asked.in_turn,
            climb=asked.climb,
            parts=parts,
            delegate=self.delegate,
        )
        b.add(self.further(task))

    def further(self, task: Task) -> Task:
        """The task with what an activity adds to it."""
        return task

    def filled(self, name: str, outcome: OutcomeKeys) -> tuple[str, ...]:
        """The fields of the document that an outcome writes; one that nobody can choose writes none."""
        return (*self.fill, *outcome.fill) if outcome.button else ()

    def _form(self, b: Lowering, outcomes: Mapping[str, OutcomeKeys]) -> Form:
        return Form(
            subject=self.title.expr if self.title else Expr(quoted(b.world.title)),
            outcomes=tuple(forms.outcome(b, str(name), str(o.title or name), (self, o), o.button) for name, o in outcomes.items()),
            text=self.text.expr if self.text else None,
            show=tuple(forms.shown(b, expr) for expr in self.show),
            prefill=forms.prefill(b, (self, *outcomes.values())),
        )

    def _fills(self) -> bool:
        return bool(self.fill) or any(outcome.fill for outcome in self.outcomes.values())

    def _flow(self, b: Lowering, name: str, outcome: OutcomeKeys, source: str | None = None) -> Flow:
        """The flow of an outcome, from the task or from the node `source`."""
        source, way = source or b.path, self.way(b, name, outcome)
        filled = self.filled(name, outcome)
        if not filled:
            return b.flow(source, name, way)
        fill, answered = b.node(f"fill.{name}"), b.node(f"answered.{name}")
        sets = tuple((f"set.{field}", Expr(f"{b.name}.{field}", start_of(span_of(field)))) for field in forms.readable(filled))
        b.add(Call(fill, "documents.update", (("document", Expr("document", start_of(self.place))), *sets), b.flow(fill, way=way)))
        if self.on_overdue is None or self.on_overdue.outcome != name:
            return b.flow(source, name, b.at(f"fill.{name}"))
        # chosen by the deadline, the outcome has no answer that could be written
        arm = (Expr(f"{b.name}.by != none"), b.flow(answered, "answered", b.at(f"fill.{name}"), outcome.title))
        b.add(Choose(answered, (arm,), b.flow(answered, "overdue", way, outcome.title)))
        return b.flow(source, name, b.at(f"answered.{name}"))

    def _alarms(self) -> tuple[Alarm, ...]:
        if self.due is None:
            return ()
        late = self.on_overdue
        remind = moment(late.remind) if late and late.remind else None
        outcome = str(late.outcome) if late and late.outcome else None
        others = (late.escalate_to, late.reassign_to) if late else ()
        alarm = Alarm(deadline(self.due), True, late.tell if late else None, remind, outcome, *others)
        if self.remind_before is None:
            return (alarm,)
        return alarm, Alarm(before(deadline(self.due), self.remind_before), False, remind=Expr("none"))


class ToPeople(HumanStep):
    """A step whose task goes to people whom it names."""

    to: Expression
    """Who gets it: a user, a list of users, a department or `with_role(…)`."""
    rule: Rule = "any"
    """How many of those who are asked decide: `any`, whoever answers first; else the first outcome is counted against the second, `all`,
    the `majority`, `{at-least: 2}` or `{percent: 60}` must choose the first, and any further outcome decides at once."""
    ask: Literal["together", "in-turn"] = "together"
    """Whether several people are asked all at once, or one after the other."""

    def asked(self, b: Lowering) -> Asked:
        """Those whom `to` names."""
        return Asked(self.to, self.who_may_not, rules.lowered(self.rule), self.ask == "in-turn")


def _beside(inside: Lowering, trigger: Trigger, steps: Steps, gives: str | None) -> Handler:
    """Steps that run beside the open task."""
    name = f"on-{trigger.kind}"
    return Handler(name, trigger, False, inside.flow(inside.node("open"), name, inside.branch(name, steps)), gives=gives)
