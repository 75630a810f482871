"""The activity `loop`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, ClassVar

from pydantic import Field as Key

from bpflow.definition import step
from bpflow.definition.types import Expression
from bpflow.graph import Block, Choose, Expr, Lowering, Step, Way, World
from bpflow.values import Field


class Loop(step.Step):
    """Repeats its steps.

    With `while` the condition is read before each turn, with `until` after it. `<id>.turn` is the number of the turn, from 1. Each
    turn forgets the results of the steps inside; `until`, and what follows the loop, see those of the last one. A turn more than
    `max` is an incident.

        steps:
          - id: until_reached
            activity: loop
            title: Until somebody answers
            until: call.outcome == "reached"
            max: 10
            steps:
              - id: call
                activity: request-info
                title: Call the client, attempt $(until_reached.turn)
                to: document.responsible
                outcomes:
                  reached: {title: Reached}
                  no_answer:
                    title: No answer
                    steps: [{activity: pause, for: 1 working day}]
    """

    one_of: ClassVar[tuple[str, ...]] = ("while", "until")

    while_: Expression | None = None
    """Repeats as long as this is true; read before each turn."""
    until: Expression | None = None
    """Repeats until this is true; read after each turn."""
    max: Annotated[int, Key(ge=1, le=1_000_000, strict=True)] | None = None
    """The most turns."""
    steps: step.Steps
    """What is repeated."""

    def lists(self) -> Iterator[tuple[str, Sequence[step.Step]]]:
        """The steps of a turn."""
        yield "", self.steps

    def results(self, world: World | None = None) -> Mapping[str, Field]:
        """The number of the turn."""
        return {"turn": Field("integer")}

    def lower(self, b: Lowering) -> None:
        """A Step that begins, a Step that counts a turn, a Choose before or after the body; a Block around it if it can fork."""
        turn, choose = b.node("turn"), b.node("while" if self.while_ else "until")
        body = self._body(b, b.at("while" if self.while_ else "until"))
        first = b.at("while") if self.while_ else b.at("turn")
        b.add(Step(b.path, (b.flow(b.path, way=first),), forgets=(b.name,)))
        b.add(Step(turn, (b.flow(turn, way=body),), forgets=b.given_within(), turn=b.name, bound=self.max))
        if self.while_:
            b.add(Choose(choose, ((self.while_, b.flow(choose, "again", b.at("turn"))),), b.flow(choose, "over")))
        else:
            b.add(Choose(choose, ((self.until or Expr("none"), b.flow(choose, "over")),), b.flow(choose, "again", b.at("turn"))))

    def _body(self, b: Lowering, after: Way) -> Way:
        if not step.can_fork(self.steps):
            return b.branch("", self.steps, then=after)
        inside, block = b.inside(), b.node("body")
        b.add(Block(block, (inside.flow(block, way=inside.branch("", self.steps)),), b.flow(block, way=after)))
        return b.at("body")
