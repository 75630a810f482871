"""The rules that a process keeps to. One rule is one function is one page of the manual.

The modules register their rules when they are imported; here they are in the order of the rooms.
"""

from bpflow.checks import files as _files  # noqa: I001  the order of the rooms is the order of the rules
from bpflow.checks import shapes as _shapes, starts as _starts, expressions as _expressions, ids as _ids, names as _names
from bpflow.checks import (
    typed as _typed,
    people as _people,
    documents as _documents,
    flow as _flow,
    gathering as _gathering,
    stages as _stages,
    workspace as _workspace,
)
from bpflow.checks import assigned as _assigned, certain as _certain, cases as _cases, loops as _loops, variables as _variables, amounts as _amounts
from bpflow.checks import directory as _directory, nobody as _nobody, four_eyes as _four_eyes, deadlines as _deadlines, watched as _watched, zones as _zones
from bpflow.checks import calls as _calls, channels as _channels, forms as _forms, messages as _messages
from bpflow.checks.calls import check_calls, interfaces
from bpflow.checks.messages import check_messages
from bpflow.checks import scenarios as _scenarios
from bpflow.checks.rule import RULES, Rule
from bpflow.checks.subject import Subject
from bpflow.diagnostics import Diagnostic, Severity

_OF_PEOPLE = (_people, _directory, _nobody, _four_eyes)
_OF_TIME = (_deadlines, _watched, _zones)
_OF_VALUES = (_assigned, _certain, _cases, _loops, _variables, _amounts)
_BY_SUBJECT = (
    _typed,
    *_OF_PEOPLE,
    *_OF_TIME,
    _forms,
    _documents,
    _flow,
    _gathering,
    *_OF_VALUES,
    _stages,
    _workspace,
    _calls,
    _channels,
    _messages,
    _scenarios,
)
ROOMS = (_files, _shapes, _starts, _expressions, _ids, _names, *_BY_SUBJECT)

__all__ = ["ROOMS", "RULES", "Rule", "Subject", "check", "check_calls", "check_messages", "interfaces"]


def check(subject: Subject) -> list[Diagnostic]:
    """The findings of all rules about a process."""
    found = [finding for rule in RULES.values() if rule.check and not rule.last for finding in rule.check(subject)]
    if subject.flawed or any(finding.severity is Severity.ERROR for finding in found):
        return found
    return found + [finding for rule in RULES.values() if rule.check and rule.last for finding in rule.check(subject)]
