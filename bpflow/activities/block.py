"""The activity `block`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from bpflow.definition import triggers
from bpflow.definition.step import Step, Steps
from bpflow.definition.triggers import Handler
from bpflow.graph import Block as Node
from bpflow.graph import Lowering, World
from bpflow.values import Field


class Block(Step):
    """Steps during which something else may happen.

    `meanwhile` says what: `after` so long, `at` a date, `changed` when a condition becomes true, `message`, `command` (a button),
    `error` when a step inside fails. With `cancels: true` what is going on is cancelled, with its tasks, timers and called processes; then
    come the steps of the entry, then what follows the block. With `cancels: false` the steps run beside it, and the block waits for
    them; a message, a command or a change may come again. All of it is armed when the block begins and disarmed when it is left.
    Without `meanwhile` a block is a list with one name: for `on-error`, for a split whose ways are gathered at its end. (Workflow patterns
    19, 25 and 27, cancel task, cancel region, complete multiple instances; 23 and 24, triggers.)

        steps:
          - id: offer
            activity: block
            title: Agree the offer
            steps:
              - {id: ask, activity: request-info, title: Agree the offer, to: document.responsible}
            meanwhile:
              - command: withdraw
                title: Withdraw
                by: initiator
                cancels: true
                steps: [{activity: end, result: withdrawn}]
              - {at: document.deadline - hours(48), cancels: false, steps: [{activity: notify, to: document.responsible, text: Two days are left}]}
    """

    opens_block: ClassVar[bool] = True

    steps: Steps
    """What is done."""
    meanwhile: tuple[Handler, ...] = ()
    """What may happen while it is going on."""

    def lists(self) -> Iterator[tuple[str, Sequence[Step]]]:
        """Its steps, and those of what may happen."""
        yield "", self.steps
        yield from triggers.lists(self.meanwhile)

    def brings(self, world: World | None = None) -> Iterator[tuple[str, Mapping[str, Field] | None]]:
        """What the triggers bring."""
        yield from super().brings(world)
        yield from triggers.brings(self.meanwhile)

    @property
    def has_timer(self) -> bool:
        """One of what may happen."""
        return any(handler.is_timer for handler in self.meanwhile)

    def lower(self, b: Lowering) -> None:
        """One Block."""
        inside = b.inside()
        entry = inside.flow(b.path, way=inside.branch("", self.steps))
        b.add(Node(b.path, (entry,), b.flow(b.path), handlers=triggers.lowered(inside, b.path, self.meanwhile)))
