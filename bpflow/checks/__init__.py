"""The rules that a process keeps to beyond its shape. One rule is one function is one page of the manual."""

from __future__ import annotations

from bpflow.checks import choices, documents, files, flow, ids, names, pages, people
from bpflow.checks.rule import RULES, Rule
from bpflow.checks.subject import Subject
from bpflow.diagnostics import Diagnostic

__all__ = ["RULES", "Rule", "Subject", "check", "choices", "documents", "files", "flow", "ids", "names", "pages", "people"]


def check(subject: Subject) -> list[Diagnostic]:
    """The findings of all rules about a process."""
    return [finding for rule in RULES.values() if rule.check for finding in rule.check(subject)]
