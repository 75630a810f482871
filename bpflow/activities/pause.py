"""The activity `pause`."""

from typing import ClassVar

from bpflow.definition.step import Step
from bpflow.definition.times import moment
from bpflow.definition.types import Duration, Expression
from bpflow.graph import Expr, Lowering, Trigger, Wait


class Pause(Step):
    """Waits for a time or for a fact.

    `for` waits a while, counted from the moment at which the pause begins. `until` waits for a date, or until a condition is true;
    it is read again whenever the data that it reads change, so a meeting that is moved moves the reminder too. What is past or true
    already is not waited for.

        steps:
          - {activity: pause, for: 2 working days}
          - {activity: pause, until: document.deadline - hours(2)}
          - {activity: pause, until: document.status == "signed"}
    """

    one_of: ClassVar[tuple[str, ...]] = ("for", "until")

    for_: Duration | None = None
    """How long: a duration such as `2h` or `2 working days`, or an expression that gives one."""
    until: Expression | None = None
    """A date, or a condition."""

    def lower(self, b: Lowering) -> None:
        """One Wait."""
        trigger = Trigger("until", moment(self.until)) if self.until else Trigger("at", moment(self.for_ or Expr("none")), fixed=True)
        b.add(Wait(b.path, ((trigger, b.flow(b.path)),)))
