"""The activity `join`."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field as Key

from bpflow.definition import step
from bpflow.graph import Join as Node
from bpflow.graph import Lowering

Need: TypeAlias = Literal["all", "any"] | Annotated[int, Key(ge=1, strict=True)]


class Join(step.Step):
    """Gathers what a `next` with several steps has split.

    It waits for one token on each of the ways that lead to it, and lets one go on. With `need: any` or a number it goes on with the first
    ones; those that come later are taken in and do nothing, and when one has come on each way it is ready anew. Where a `parallel` can say
    the same, write that: its branches cannot lose their way. (Workflow patterns 3 and 33, synchronization; 9, 28, 30 and 31,
    discriminators and partial joins, with `need`.)

        steps:
          - {activity: notify, to: initiator, text: We begin, next: [contract, stock]}
          - {id: contract, activity: request-info, title: Sign the contract, to: document.responsible, next: both}
          - {id: stock, activity: request-info, title: Put it aside, to: with_role("storekeeper")}
          - {id: both, activity: join}
          - {activity: notify, to: initiator, text: Both are done}
    """

    need: Need = "all"
    """How many of the ways must have been taken: `all`, `any` or a number."""

    def lower(self, b: Lowering) -> None:
        """One Join, whose incoming flows are known when everything is lowered."""
        b.add(Node(b.path, (), b.flow(b.path), 1 if self.need == "any" else self.need))
