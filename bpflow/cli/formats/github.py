"""For GitHub Actions: a workflow command for each finding, which the log takes and shows beside the changed line.

The form is that of "Workflow commands for GitHub Actions": `::error file=…,line=…,title=…::message`, with `%`, line breaks, and in the
properties `:` and `,` as percent codes.
"""

from __future__ import annotations

from bpflow.cli.checking import Checked
from bpflow.cli.formats.places import relative, sentence
from bpflow.diagnostics import Diagnostic, Severity

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.ADVICE: "notice"}


def write(checked: Checked, language: str) -> str:
    """A line for each finding."""
    return "\n".join(_command(finding, language) for finding in checked.findings)


def _command(finding: Diagnostic, language: str) -> str:
    span = finding.span
    end = max(span.end_line, span.line)
    place: dict[str, object] = {"file": relative(span.file), "line": span.line, "endLine": end}
    if end == span.line:  # of several lines GitHub takes no columns
        place |= {"col": span.column, "endColumn": max(span.column, span.end_column - 1)}
    properties = ",".join(f"{name}={_property(str(value))}" for name, value in {**place, "title": finding.rule}.items())
    lines = [sentence(finding, language), *(one.text(language) for one in finding.run)]
    return f"::{_LEVELS[finding.severity]} {properties}::{_data(chr(10).join(lines))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
