"""The activity `approve-chain`."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar

from pydantic import Field as Key

from bpflow.activities.people import Asked, HumanStep, OutcomeKeys
from bpflow.definition.types import Expression
from bpflow.graph import Choose, Climb, Expr, Lowering, Step, Way, World
from bpflow.values import Field

APPROVER = "approver"
"""The name under which `until` reads the head who has approved."""
FIRST = "approved"
"""The outcome with which the climb goes on."""


class ApproveChain(HumanStep):
    """Climbs the reporting line until someone final has approved.

    The line begins above `start-at`, the initiator if nothing is said: his head is asked first, after him the head above, and so on. A
    head who is away is replaced by his substitute; who is away without one, may not answer (`who-may-not`), or has answered already is
    skipped, and the person at whom the line begins is never asked. Each approval leads one level up, until the condition `until` is true
    of the head who has approved, `approver`, or of one who was skipped just before him; or until `levels` heads have approved. The top of
    the line is final too. Any other outcome ends the climb at once. If there is nobody whom it could ask at all, `if-nobody` is asked
    instead; without it that is an incident.

    `<id>.outcome`, `.by`, `.comment` and the like are those of the last answer, `<id>.answers` has one of each level. `<id>.approver` is
    the head who is asked, in whose place a substitute may answer, `<id>.level` the number of the level from 1, `<id>.skipped` those who
    were skipped before him.

        steps:
          - id: agree
            activity: approve-chain
            title: Agree the discount for $(document.name)
            until: approver == head_of(department("company"))
            due: 2 working days
            outcomes:
              rejected:
                comment: required
                steps: [{activity: end, result: rejected}]
          - {activity: notify, to: initiator, text: "$(len(agree.answers)) have approved, last $(agree.by.name)"}
    """

    default_outcomes: ClassVar[tuple[str, ...]] = (FIRST, "rejected")
    always: ClassVar[bool] = True
    further_results: ClassVar[tuple[str, ...]] = (APPROVER, "level", "skipped", "passed")
    one_of: ClassVar[tuple[str, ...]] = ("until", "levels")

    start_at: Expression | None = None
    """The person whose head is asked first; the initiator if nothing is said."""
    until: Expression | None = None
    """The condition under which the head who has approved, `approver`, is final."""
    levels: Annotated[int, Key(ge=1, le=100, strict=True)] | None = None
    """How many heads must approve."""

    def results(self, world: World | None = None) -> Mapping[str, Field]:
        """Those of a task, and how far it has climbed."""
        return {**(super().results(world) or {}), APPROVER: Field("user"), "level": Field("integer"), "skipped": Field("user", many=True)}

    def names_within(self, world: World) -> Iterator[tuple[Expr, Mapping[str, Field]]]:
        """The head who has approved."""
        yield from super().names_within(world)
        if self.until:
            yield self.until, {APPROVER: Field("user")}

    @property
    def around(self) -> str:
        """The step that forgets what an earlier climb has come to."""
        return "climb"

    def lower(self, b: Lowering) -> None:
        """A Step that begins, the Task of each level, and a Choose whether another one follows; what follows the step stands after a Step that
        both the Choose and the top of the line lead to."""
        begin, again, over = b.node("climb"), b.node("next"), b.node("over")
        level = b.at("open") if self.has_beside else b.at()
        b.add(Step(begin, (b.flow(begin, way=level),), forgets=(b.name,)))
        super().lower(b)
        approved = self._outcomes()[FIRST]
        b.add(Choose(again, ((self._final(b.name), b.flow(again, "over", b.at("over"))),), b.flow(again, "again", level)))
        b.add(Step(over, (b.flow(over, way=super().way(b, FIRST, approved)),)))

    def asked(self, b: Lowering) -> Asked:
        """The heads above, and nobody who has answered already."""
        start = self.start_at or Expr("initiator")
        barred = [start.text, f"list(answer.by for answer in coalesce({b.name}.answers, []))", *([self.who_may_not.text] if self.who_may_not else [])]
        within = b.inside() if self.has_beside else b
        top = within.flow(b.path, "top", b.at("over"))
        place = self.who_may_not.place if self.who_may_not else None
        return Asked(Expr(f"chain({start.text})", start.place), Expr(f"[{', '.join(barred)}]", place), climb=Climb(top))

    def way(self, b: Lowering, name: str, outcome: OutcomeKeys) -> Way:
        """An approval leads to the question whether another level follows."""
        return b.at("next") if name == FIRST else super().way(b, name, outcome)

    def _final(self, name: str) -> Expr:
        if self.until is None:
            return Expr(f"{name}.level >= {self.levels or 1}")
        return Expr(f"any(({self.until.text}) for {APPROVER} in {name}.skipped + [{name}.approver] if {APPROVER} != none)", self.until.place)
