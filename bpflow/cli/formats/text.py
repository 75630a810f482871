"""For people: each finding with its line, a caret under the place, and the run that shows it; in colour where a terminal shows it."""

from __future__ import annotations

import sys

from bpflow.cli.checking import Checked
from bpflow.cli.output import colours, paint
from bpflow.diagnostics import Diagnostic, Message, Severity, excerpt, render, say, translate

STYLES = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.ADVICE: "blue"}


def write(checked: Checked, language: str) -> str:
    """The findings, and a line that counts them."""
    shown = [_painted(finding, checked.sources.get(finding.span.file), language) for finding in checked.findings]
    style = "bold" if checked.findings else "green"
    return "\n".join([*shown, paint(_total(checked).text(language), style, sys.stdout)])


def _total(checked: Checked) -> Message:
    files, findings, silenced = len(checked.files), len(checked.findings), len(checked.silenced)
    if findings and silenced:
        return say("files: {files}, findings: {findings}, silenced: {silenced}", files=files, findings=findings, silenced=silenced)
    if findings:
        return say("files: {files}, findings: {findings}", files=files, findings=findings)
    if silenced:
        return say("clean (files: {files}, silenced: {silenced})", files=files, silenced=silenced)
    return say("clean (files: {files})", files=files)


def _painted(finding: Diagnostic, source: str | None, language: str) -> str:
    """The finding; in colour its place, how grave it is, the hint, the caret and the run."""
    if not colours(sys.stdout):
        return render(finding, source, language)
    style = STYLES[finding.severity]
    place, level = _in(f"{finding.span}:", "bold"), _in(translate(finding.severity, language) + ":", style)
    hint = f" — {_in(finding.hint.text(language), 'green')}" if finding.hint else ""
    head = f"{place} {level} {finding.message.text(language)}{hint} {_in(f'[{finding.rule}]', 'dim')}"
    line, _, caret = excerpt(finding.span, source).partition("\n") if source is not None else ("", "", "")
    rest = [_in(line, "dim"), f"{_in(caret[:7], 'dim')}{_in(caret[7:], style)}"] if line else []
    return "\n".join([head, *rest, *_run(finding, style, language)])


def _run(finding: Diagnostic, style: str, language: str) -> list[str]:
    """The run as a small picture: a line that leads from one step down to the next, and ends where it goes wrong."""
    last = len(finding.run) - 1
    picture: list[str] = []
    for number, step in enumerate(finding.run):
        sign = _in("✗", style) if number == last else _in("●" if number else "○", "blue")
        text = step.text(language)
        picture += [f"      {sign} {_in(text, style) if number == last else text}", f"      {_in('│', 'dim')}"]
    return picture[:-1]


def _in(text: str, style: str) -> str:
    return paint(text, style, sys.stdout)
