"""The activity `condition`."""

from collections.abc import Iterator, Sequence

from bpflow.definition.step import Branch, Step
from bpflow.definition.types import Expression
from bpflow.graph import Choose, Flow, Lowering


class When(Branch):
    """A branch that is taken if it is the first whose condition is true."""

    when: Expression
    """The condition."""


class Condition(Step):
    """Takes the first branch whose condition is true.

    The conditions are read from top to bottom. If none is true, `otherwise` is taken; where there is no `otherwise`, that is an
    incident, which an operator has to resolve: write it unless one of the conditions always holds. A branch has `steps` of its
    own, or leads with `next` to another step; `next: go-on` says that there is nothing to do.

        steps:
          - activity: condition
            title: How large is the order?
            branches:
              - when: document.amount > 100000
                title: large
                steps:
                  - {activity: notify, to: document.responsible.head, text: A large order has come in}
              - when: document.amount > 0
                next: go-on
            otherwise:
              steps:
                - {activity: end, result: empty_order}
    """

    branches: tuple[When, ...]
    """The branches, in the order in which they are tried."""
    otherwise: Branch | None = None
    """What happens if none of the conditions is true."""

    def lists(self) -> Iterator[tuple[str, Sequence[Step]]]:
        """The steps of each branch."""
        for number, branch in enumerate(self.branches, 1):
            yield str(number), branch.steps
        if self.otherwise:
            yield "otherwise", self.otherwise.steps

    def lower(self, b: Lowering) -> None:
        """One Choose."""
        arms = tuple((branch.when, self._flow(b, str(number), branch)) for number, branch in enumerate(self.branches, 1))
        b.add(Choose(b.path, arms, self._flow(b, "otherwise", self.otherwise) if self.otherwise else None))

    def _flow(self, b: Lowering, name: str, branch: Branch) -> Flow:
        return b.flow(b.path, name, branch.way(b, name), branch.title)
