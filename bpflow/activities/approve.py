"""The activity `approve`."""

from typing import ClassVar

from bpflow.activities.people import ToPeople
from bpflow.activities.rules import Rule


class Approve(ToPeople):
    """People decide by vote: approved or rejected.

    `rule` says how many of those whom `to` names must approve: `any`, whoever answers first; `all`; the `majority`, more than half;
    `{at-least: 2}`; `{percent: 60}`. It is decided as soon as no answer to come could change it, and then the tasks of the others are
    withdrawn; when all have answered and not enough have approved, it is rejected. `ask: in-turn` asks one after the other. Outcomes of
    your own, such as `rework`, decide at once. An absent person is replaced by his substitute; nobody has two votes. `who-may-not` names
    those who may not decide, such as the `initiator` (four eyes).

        steps:
          - id: agree
            activity: approve
            title: Agree the contract with $(document.name)
            to: [head_of(document.responsible), user("orlov"), user("belova")]
            rule: majority
            outcomes:
              rejected:
                comment: required
                steps: [{activity: end, result: rejected}]
    """

    default_outcomes: ClassVar[tuple[str, ...]] = ("approved", "rejected")
    always: ClassVar[bool] = True
    approves: ClassVar[bool] = True

    rule: Rule
    """How many must approve: `any`, `all`, `majority`, `{at-least: 2}` or `{percent: 60}`."""
