"""For GitLab: a report of Code Quality, which a merge request shows beside the changed lines and compares with the one before it."""

from __future__ import annotations

import json
from typing import Any

from bpflow.cli.checking import Checked
from bpflow.cli.formats.places import marked, relative, sentence
from bpflow.diagnostics import Diagnostic, Severity

_SEVERITIES = {Severity.ERROR: "critical", Severity.WARNING: "minor", Severity.ADVICE: "info"}


def write(checked: Checked, language: str) -> str:
    """A list of findings; the fingerprint of each stays when lines above it come and go."""
    return json.dumps([_issue(finding, mark, language) for finding, mark in marked(checked.findings, checked.sources)], ensure_ascii=False, indent=2)


def _issue(finding: Diagnostic, mark: str, language: str) -> dict[str, Any]:
    span = finding.span
    return {
        "description": sentence(finding, language),
        "check_name": finding.rule,
        "fingerprint": mark,
        "severity": _SEVERITIES[finding.severity],
        "location": {"path": relative(span.file), "lines": {"begin": span.line, "end": max(span.line, span.end_line)}},
    }
