"""What is wrong with a process, before it runs.

The law of this room: `rules` say what is wrong, each in one function that is its page of the manual; the other files tell them what a process is:
which types its names have, what is certain on the ways through it, which values are possible, what its flow comes to. Nothing here runs.
"""

from bpflow.checks.rule import RULES, Rule
from bpflow.checks.rules.calls import check_calls, interfaces
from bpflow.checks.rules.messages import check_messages
from bpflow.checks.subject import Subject
from bpflow.diagnostics import Diagnostic, Severity

__all__ = ["RULES", "Rule", "Subject", "check", "check_calls", "check_messages", "interfaces"]


def check(subject: Subject) -> list[Diagnostic]:
    """The findings of all rules about a process."""
    found = [finding for rule in RULES.values() if rule.check and not rule.last for finding in rule.check(subject)]
    if subject.flawed or any(finding.severity is Severity.ERROR for finding in found):
        return found
    return found + [finding for rule in RULES.values() if rule.check and rule.last for finding in rule.check(subject)]
