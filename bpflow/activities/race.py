"""The activity `race`."""

from collections.abc import Iterator, Mapping, Sequence

from bpflow.definition import forms
from bpflow.definition.filling import either
from bpflow.definition.step import Step, Steps
from bpflow.definition.triggers import TriggerKeys
from bpflow.definition.types import Name, Targets
from bpflow.diagnostics import Diagnostic, say
from bpflow.graph import Lowering, Wait, World
from bpflow.values import Field


class Runner(TriggerKeys):
    """What may come first, and what is done then."""

    steps: Steps = ()
    """What is done; after it comes what follows the race."""
    next: Targets = ()
    """The step that it leads to; `go-on` where there is nothing to do."""

    def mistakes(self) -> Iterator[Diagnostic]:
        """Not exactly one of `steps` and `next`."""
        yield from super().mistakes()
        if bool(self.steps) == bool(self.next):
            keys = '"steps" / "next"'
            message = say("only one of {keys} may be written", keys=keys) if self.steps else say("one of {keys} is missing", keys=keys)
            yield Diagnostic(self.place, "exactly-one", message)


class Race(Step):
    """Waits for whichever comes first.

    Each branch has a trigger: `after` so long, `at` a date, `changed` when a condition is true, `message` when a message comes,
    `command` when somebody presses a button. The first one decides, and the others are waited for no longer; what has come already
    (a date that is past, a condition that is true) decides at once, in the order of the branches. `<id>.won` is the name of the
    branch; beside it stand the values of the message, or `by`, `at`, `comment` and the fields of the button.
    (Workflow pattern 16, deferred choice.)

        steps:
          - id: answer
            activity: race
            title: Wait for the client
            branches:
              signed: {changed: document.status == "signed", next: go-on}
              withdrawn:
                command: withdraw
                title: Withdraw
                by: document.responsible
                comment: required
                steps: [{activity: end, result: withdrawn}]
              late:
                after: 5 working days
                steps: [{activity: notify, to: document.responsible, text: No signature yet}]
    """

    branches: dict[Name, Runner]
    """What may come first, by name."""

    def mistakes(self) -> Iterator[Diagnostic]:
        """Fields of a button that wait for each other."""
        yield from super().mistakes()
        for branch in self.branches.values():
            yield from forms.circles(self.id, branch.fields)

    def lists(self) -> Iterator[tuple[str, Sequence[Step]]]:
        """The steps of each branch."""
        for name, branch in self.branches.items():
            yield str(name), branch.steps

    def results(self, world: World | None = None) -> Mapping[str, Field]:
        """Which branch it was, and what its trigger brought."""
        found: dict[str, Field] = {}
        for branch in self.branches.values():
            for name, field in (branch.brings() or {}).items():
                found[name] = either(found.get(name), field)
        return {**found, "won": Field("choice", choices=tuple((str(name), str(branch.title or name)) for name, branch in self.branches.items()))}

    @property
    def open_results(self) -> bool:
        """A message that does not say what it brings has values that only the run knows."""
        return any(branch.message and not branch.values for branch in self.branches.values())

    def lower(self, b: Lowering) -> None:
        """One Wait with an arm for each branch."""
        ways = {name: b.branch(str(name), branch.steps, branch.next) for name, branch in self.branches.items()}
        arms = tuple((branch.trigger(self.id), b.flow(b.path, str(name), ways[name])) for name, branch in self.branches.items())
        b.add(Wait(b.path, arms, gives=b.name, names=tuple(map(str, self.branches))))
