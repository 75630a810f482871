"""The activity `parallel`."""

from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field as Key

from bpflow.activities.pause import Pause
from bpflow.definition import step
from bpflow.definition.model import Model
from bpflow.definition.types import Expression, Name, Title
from bpflow.diagnostics import Diagnostic, say
from bpflow.graph import Block, Choose, Expr, Flow, Lowering

Gather: TypeAlias = Literal["all", "any"] | Annotated[int, Key(ge=1, strict=True)]


class Beside(Model):
    """A branch that runs beside the others."""

    title: Title | None = None
    """What the branch is called in drawings."""
    when: Expression | None = None
    """The branch is left out if this is false when the parallel begins."""
    steps: step.Steps
    """What is done there."""


class Parallel(step.Step):
    """Runs branches side by side.

    All branches begin at once; one whose `when` is false is left out. With `join: all`, the default, the process goes on when every
    branch has come to its end; with `any` when the first has, with a number when so many have: the others are then cancelled, their
    tasks withdrawn. Fewer branches than the number is an incident. No `next` leads out of a branch; `end` ends the whole instance.
    Results of the branches can be read after the parallel; variables cannot be set inside. (Workflow patterns 2 and 3, parallel split and
    synchronization; 6 and 7 with `when`; 29 and 32, cancelling discriminator and partial join, with `any` or a number.)

        steps:
          - activity: parallel
            title: Sign and prepare
            branches:
              contract:
                title: Contract
                steps:
                  - {id: sign, activity: request-info, title: Sign the contract, to: document.responsible}
              discount:
                when: document.discount > 10
                steps:
                  - {activity: request-info, title: Agree the discount, to: head_of(document.responsible)}
              stock:
                steps:
                  - {activity: notify, to: with_role("storekeeper"), text: Prepare $(document.name)}
    """

    opens_block: ClassVar[bool] = True

    branches: dict[Name, Beside]
    """The branches, by name."""
    join: Gather = "all"
    """How many branches must come to their end: `all`, `any` or a number; the others are cancelled then."""

    def lists(self) -> Iterator[tuple[str, Sequence[step.Step]]]:
        """The steps of each branch."""
        for name, branch in self.branches.items():
            yield str(name), branch.steps

    def mistakes(self) -> Iterator[Diagnostic]:
        """A number of branches that can never be reached."""
        yield from super().mistakes()
        if isinstance(self.join, int) and self.join > len(self.branches):
            message = say("there are {branches} branches, and {need} are to come to their end", branches=len(self.branches), need=self.join)
            yield Diagnostic(self.value_span("join"), "wrong-value", message)

    @property
    def has_timer(self) -> bool:
        """A pause in one of the branches, where it may win."""
        return self.join != "all" and any(isinstance(inner, Pause) for branch in self.branches.values() for inner in step.walk(branch.steps))

    def lower(self, b: Lowering) -> None:
        """One Block with a flow for each branch; where branches may be left out, these come from a Choose inside."""
        inside, chosen = b.inside(apart=True), any(branch.when for branch in self.branches.values())
        source = b.node("when") if chosen else b.path
        flows = {name: self._flow(inside, source, str(name), branch) for name, branch in self.branches.items()}
        entry = (inside.flow(b.path, way=inside.at("when")),) if chosen else tuple(flows.values())
        if chosen:
            arms = tuple((branch.when or Expr("true"), flows[name]) for name, branch in self.branches.items())
            nothing = inside.flow(source, "nothing") if self.join == "all" else None
            b.add(Choose(source, arms, nothing, "every", 0 if self.join == "all" else self._need))
        b.add(Block(b.path, entry, b.flow(b.path), "all" if self.join == "all" else self._need))

    @property
    def _need(self) -> int:
        return self.join if isinstance(self.join, int) else 1

    def _flow(self, inside: Lowering, source: str, name: str, branch: Beside) -> Flow:
        return inside.flow(source, name, inside.branch(name, branch.steps), branch.title)
