"""The activity `for-each`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, ClassVar

from pydantic import Field as Key

from bpflow.definition import step
from bpflow.definition.types import Expression, Name, OneOrGiven
from bpflow.diagnostics import Diagnostic, say
from bpflow.graph import Block, Each, Expr, Lowering, World
from bpflow.values import Field


class ForEach(step.Step):
    """Does its steps once for each item.

    `items` is read once, when the step begins; in the steps, the item has the name that `as` gives it. The turns come one after the
    other, or with `in-parallel: true` side by side, at most `at-most` of them at a time. `enough` is read at the end of each turn: when
    it is true, the rest is cancelled; it may read `done`, `total` and the `results` so far. What a turn gives is said by `collect`, an
    expression or several by name; `<id>.results` has them in the order of the items, `none` for a turn that was cancelled or never
    began. Results of steps inside are not seen outside otherwise. An empty list is nothing to do. (Workflow patterns 13 and
    14, multiple instances; 35, cancelling partial join, with `enough`.)

        steps:
          - id: offers
            activity: for-each
            title: Ask every supplier
            items: members(with_role("supplier"))
            as: supplier
            in-parallel: true
            enough: done >= 3
            collect: {who: $(supplier), price: $(ask.price)}
            steps:
              - id: ask
                activity: request-info
                title: What does it cost?
                to: supplier
                fields: {price: {type: money, required: true}}
          - {activity: notify, to: initiator, text: "$(len(offers.results)) suppliers were asked"}
    """

    opens_block: ClassVar[bool] = True
    inner_names: ClassVar[tuple[str, ...]] = ("done", "total", "results")

    items: Expression
    """A list."""
    as_: Name
    """The name of the item in the steps."""
    in_parallel: bool = False
    """`true`: all turns at once, else one after the other."""
    at_most: Annotated[int, Key(ge=1, strict=True)] | None = None
    """How many turns run at a time."""
    enough: Expression | None = None
    """Read after each turn; when it is true, the others are cancelled."""
    collect: OneOrGiven | None = None
    """What a turn gives: an expression, or values by name, seen from the end of its steps."""
    steps: step.Steps
    """What is done for each item."""

    def lists(self) -> Iterator[tuple[str, Sequence[step.Step]]]:
        """The steps of a turn."""
        yield "", self.steps

    def mistakes(self) -> Iterator[Diagnostic]:
        """A number of turns at a time where they come one after the other."""
        yield from super().mistakes()
        if self.at_most is not None and not self.in_parallel:
            message = say('"{key}" goes with "{other}" only', key="at-most", other="in-parallel: true")
            yield Diagnostic(self.key_span("at-most"), "unknown-key", message)

    def results(self, world: World | None = None) -> Mapping[str, Field]:
        """What the turns gave."""
        return {"results": Field("object", many=True)}

    def brings(self, world: World | None = None) -> Iterator[tuple[str, Mapping[str, Field] | None]]:
        """The item."""
        yield from super().brings(world)
        yield self.as_, None

    def lower(self, b: Lowering) -> None:
        """One Block with a turn for each item."""
        inside = b.inside(apart=self.in_parallel)
        at_most = None if self.in_parallel and self.at_most is None else Expr(str(self.at_most or 1))
        entry = (inside.flow(b.path, way=inside.branch("", self.steps)),)
        each = Each(self.items, str(self.as_), at_most, self.enough, *self._collected(b))
        b.add(Block(b.path, entry, b.flow(b.path), each=each, gives=b.name))

    def _collected(self, b: Lowering) -> tuple[Expr | None, tuple[tuple[str, Expr], ...]]:
        if self.collect is None or isinstance(self.collect, Expr):
            return self.collect, ()
        return None, tuple((one.name, b.value(one.raw, None, one.place)) for one in self.collect)
