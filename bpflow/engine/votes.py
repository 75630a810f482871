"""Votes: how many answers decide a task, in whole numbers.

The rules: the first outcome is counted against the second; any further one decides at once. It is decided as soon as no answer to come
could change it, and never undecided when all have answered: what has not won by then has lost.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil

from bpflow.diagnostics import say
from bpflow.engine.draft import Fault
from bpflow.engine.state import Waiting
from bpflow.graph import Rule, Task


def needed(rule: Rule, total: int) -> int:
    """How many of `total` must choose the first outcome; 66 per cent of 3 is 2."""
    match rule.kind:
        case "any":
            return min(1, total)
        case "all":
            return total
        case "majority":
            return total // 2 + 1
        case "at-least":
            return int(rule.amount)
        case "percent":
            return ceil(Fraction(rule.amount) * total / 100)


def check_reach(task: Task, waiting: Waiting) -> None:
    """A Fault if fewer are asked than must answer."""
    total = asked(waiting)
    if needed(task.rule, total) > total:
        raise Fault(say("{need} must answer, and only {total} are asked", need=needed(task.rule, total), total=total))


def asked(waiting: Waiting) -> int:
    """How many have been asked, or will be."""
    return len(waiting.people) + len(waiting.later) + len(waiting.votes)


def decided(task: Task, waiting: Waiting) -> str | None:
    """The outcome that the answers so far have decided; None while answers to come could still change it."""
    last = waiting.votes[-1].outcome
    if task.rule.kind == "any":
        return last
    first, *rest = [outcome.name for outcome in task.form.outcomes if outcome.button]
    if last in rest[1:]:
        return last
    need, total = needed(task.rule, asked(waiting)), asked(waiting)
    if sum(vote.outcome == first for vote in waiting.votes) >= need:
        return first
    against = sum(vote.outcome != first for vote in waiting.votes)
    return rest[0] if total - against < need else None
