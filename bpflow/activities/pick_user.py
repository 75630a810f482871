"""The activity `pick-user`."""

from collections.abc import Mapping
from typing import Literal

from bpflow.definition.step import Step
from bpflow.definition.types import Expression
from bpflow.expressions import quoted
from bpflow.graph import Call, Expr, Lowering, World
from bpflow.values import Field


class PickUser(Step):
    """Chooses one of several people.

    `how` says by what: `random` (each as likely), `round-robin` (who was not chosen for longest at this step, by whichever instance; a new
    one is next), `least-loaded` (who has the fewest open tasks; of several the first of the list), `first` (the first of the list). Groups
    are taken by their members. With `skip-absent` only those who are there now are chosen among; without it also those who are away
    and have somebody in their place. Where there is nobody, one of `if-nobody` is chosen in the same way; without it, or if that is
    nobody too, the step fails. The choice is in `<id>.user`.

        steps:
          - id: pick
            activity: pick-user
            from: members(department("sales"))
            how: least-loaded
            skip-absent: true
            if-nobody: head_of(department("sales"))
          - {activity: update-document, set: {responsible: $(pick.user)}}
    """

    from_: Expression
    """The people."""
    how: Literal["random", "round-robin", "least-loaded", "first"]
    """How one of them is chosen."""
    skip_absent: bool = False
    """Whether those who are away now are left out."""
    if_nobody: Expression | None = None
    """The people instead, where there is nobody."""

    def results(self, world: World | None = None) -> Mapping[str, Field] | None:
        """The one who was chosen."""
        return {"user": Field("user")}

    def lower(self, b: Lowering) -> None:
        """One Call."""
        arguments = [("from", self.from_), ("how", Expr(quoted(self.how))), ("people", Expr(quoted(self.from_.text)))]
        if self.skip_absent:
            arguments.append(("skip_absent", Expr("true")))
        if self.if_nobody:
            arguments.append(("if_nobody", self.if_nobody))
        b.add(Call(b.path, "people.pick", tuple(arguments), b.flow(b.path), gives=b.name))
