"""The rule of four eyes: who begins something does not approve it himself.

The law of this file: it speaks of nobody in general. Either the directory shows somebody who could do both, and then he is named, or the
approver is read of a field which could hold anybody.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from bpflow.activities import rules
from bpflow.activities.people import ToPeople
from bpflow.checks.parties import Meant, Parties, read_again
from bpflow.checks.rule import rule
from bpflow.checks.subject import Subject
from bpflow.definition.process import ManualStart, MessageStart, ScheduleStart
from bpflow.definition.roster import Roster
from bpflow.diagnostics import Diagnostic, Message, Severity, say
from bpflow.graph import Expr


@rule("one-person", Severity.ADVICE)
def one_person(subject: Subject) -> Iterator[Diagnostic]:
    """Nobody approves what he himself has begun.

    Where one answer decides, `to` may turn out to be the initiator: he has the role that is asked, he is the one whom the document names, or
    he stands in for his own head while that one is away. `who-may-not: initiator` keeps him out, or whoever else must not decide; if it is
    meant to be so, `who-may-not: none` says that. Nothing is said of `approve-chain`, which never asks the one at whom it begins, and of
    one who has nobody above him.

    Bad:

        # directory.yaml
        departments:
          sales: {title: Sales, head: morozov}
        people:
          morozov: {name: Dmitry Morozov, department: sales, substitute: ivanov}
          ivanov: {name: Alexey Ivanov, department: sales}
        # discount.yaml
        bpflow: 1
        id: discount
        steps:
          - {id: agree, activity: approve, to: head_of(initiator), rule: any, due: 2d, outcomes: {rejected: {next: go-on}}}

    Good:

        # directory.yaml
        departments:
          sales: {title: Sales, head: morozov}
        people:
          morozov: {name: Dmitry Morozov, department: sales, substitute: ivanov}
          ivanov: {name: Alexey Ivanov, department: sales}
        # discount.yaml
        bpflow: 1
        id: discount
        steps:
          - {id: agree, activity: approve, to: head_of(initiator), who-may-not: initiator, rule: any, due: 2d, outcomes: {rejected: {next: go-on}}}
    """
    approvals = [step for step in subject.process.all_steps() if isinstance(step, ToPeople) and step.approves and "who_may_not" not in step.model_fields_set]
    if approvals and subject.settings and subject.complete and _somebody_begins(subject):
        eyes = _Eyes(subject)
        for step in approvals:
            message = eyes.why(step)
            if message is not None:
                yield Diagnostic(step.value_span("to"), "one-person", message, say('write "who-may-not: initiator"'), Severity.ADVICE)


def _somebody_begins(subject: Subject) -> bool:
    """Whether a person may begin the process: a schedule and a message are nobody."""
    starts = subject.process.start
    return not starts or not all(isinstance(start, ScheduleStart | MessageStart) for start in starts)


class _Eyes:
    """Looks for somebody who could begin a process and approve it too."""

    def __init__(self, subject: Subject) -> None:
        from bpflow.definition.entries import DirectoryFile  # only where something is approved

        self.process = subject.process
        self.data = subject.directory or DirectoryFile.model_construct()
        self.roster = Roster(self.data)
        self.meant = Meant(self.roster, self.process.people)
        self.initiators = self._initiators()

    def why(self, step: ToPeople) -> Message | None:
        """How the initiator may come to approve it; None if that cannot be said."""
        to = self._explained(step.to)
        read = read_again(to.text)
        tree, parties = read.tree if read else None, self.meant.by(to)
        lowered = rules.lowered(step.rule)
        if lowered.kind != "any" and (lowered.kind, lowered.amount) != ("at-least", "1") and not _is_one(tree, parties):
            return None
        match tree:
            case ast.Call(func=ast.Name(id="head_of"), args=[ast.Name(id="initiator")]):
                return self._own_head()
            case ast.Attribute(value=ast.Name(id="document")) | ast.Name() if self._is_field(tree):
                return say('"{field}" may be the very person who has begun it', field=to.text)
        return self._among(parties)

    def _explained(self, expr: Expr) -> Expr:
        """The expression; where it is a name under `people`, the one that is explained there."""
        for _ in self.process.people:
            expr = self.process.people.get(expr.text, expr)
        return expr

    def _is_field(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Attribute) or (isinstance(node, ast.Name) and node.id in self.process.inputs)

    def _initiators(self) -> set[str]:
        """Who may begin it: those whom all its starts name, else everybody."""
        allowed: set[str] = set()
        for start in self.process.start:
            parties = self.meant.by(start.by) if isinstance(start, ManualStart) and start.by else None
            if parties is None and not isinstance(start, ScheduleStart | MessageStart):
                return set(self.data.people)
            allowed.update(id for party in parties or () for id in self.meant.members(party))
        return allowed or set(self.data.people)

    def _own_head(self) -> Message | None:
        """Somebody who stands in for his own head."""
        for id in self.data.people:
            heads = self.roster.heads(self.roster.department_of(id), but=id) if id in self.initiators else []
            if heads and id in self._substitutes(heads[0]):
                return self._acts(id, heads[0])
        return None

    def _among(self, parties: Parties) -> Message | None:
        """Somebody who is among those who are asked, or stands in for one of them."""
        asked = [id for party in parties or () for id in self.meant.members(party)]
        if len(asked) == 1 and not self.roster.heads(self.roster.department_of(asked[0]), but=asked[0]):
            return None
        for id in asked:
            if id in self.initiators and id in self.data.people:
                return say('"{name}" may begin it, and then approve it himself', name=self.data.people[id].name)
        people = [party.id for party in parties or () if party.kind == "person"]
        found = ((id, other) for id in people for other in self._substitutes(id) if other in self.initiators)
        return next((self._acts(other, id) for id, other in found), None)

    def _acts(self, id: str, absent: str) -> Message:
        values = {"name": self.data.people[id].name, "head": self.data.people[absent].name}
        return say('"{name}" acts for "{head}" while that one is away, and could approve what he himself has begun', **values)

    def _substitutes(self, id: str) -> list[str]:
        """Who may come to act for somebody: his substitutes, and theirs."""
        found: list[str] = []
        todo = [id]
        while todo:
            entry = self.data.people.get(todo.pop())
            named = [*(absence.substitute for absence in entry.absences), entry.substitute] if entry else []
            new = [one for one in named if one is not None and one in self.data.people and one != id and one not in found]
            found += new
            todo += new
        return found


def _is_one(tree: ast.expr | None, parties: Parties) -> bool:
    """Whether it is asked of one person, or of one group, whatever the rule of the vote is."""
    function = tree.func.id if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) else ""
    return function in ("user", "head_of", "with_role", "department") and (parties is None or len(parties) == 1)
