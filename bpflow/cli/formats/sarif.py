"""For code scanning and editors: SARIF 2.1.0, the interchange format of OASIS for what tools find in files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from bpflow import __version__
from bpflow.checks import RULES, Rule
from bpflow.cli.checking import Checked
from bpflow.cli.formats.places import in_utf16, line_at, marked, relative, sentence
from bpflow.diagnostics import Diagnostic, Severity, Span

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.ADVICE: "note"}
_Object = dict[str, Any]


def write(checked: Checked, language: str) -> str:
    """One run: the rules that found something, each with its page, the files, and the findings; silenced ones are there as suppressed."""
    silenced = [one.finding for one in checked.silenced]
    rules = sorted({finding.rule for finding in (*checked.findings, *silenced)})
    results = _Results(rules, checked.sources, language)
    suppressed = [
        {**results.of(finding, mark), "suppressions": [{"kind": "inSource" if one.by else "external", "justification": one.reason}]}
        for (finding, mark), one in zip(marked(silenced, checked.sources), checked.silenced, strict=True)
    ]
    run = {
        "tool": {"driver": {"name": "bpflow", "version": __version__, "language": language, "rules": [_rule(RULES[id]) for id in rules]}},
        "columnKind": "utf16CodeUnits",
        "artifacts": [{"location": _location(file)} for file in sorted(checked.files)],
        "results": [*(results.of(finding, mark) for finding, mark in marked(checked.findings, checked.sources)), *suppressed],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, ensure_ascii=False, indent=2)


def _rule(rule: Rule) -> _Object:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": rule.manual.partition("\nBad:\n")[0].strip()},
        "help": {"text": rule.manual, "markdown": rule.markdown},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
    }


def _location(file: str) -> _Object:
    return {"uri": quote(relative(file))}


class _Results:
    """Makes results of findings."""

    def __init__(self, rules: Iterable[str], sources: Mapping[str, str], language: str) -> None:
        self._numbers = {rule: number for number, rule in enumerate(rules)}
        self._sources, self._language = sources, language

    def of(self, finding: Diagnostic, mark: str) -> _Object:
        """The finding; its run as a flow, of which only the last step has a place."""
        place = {"artifactLocation": _location(finding.span.file), "region": self._region(finding.span)}
        result = {
            "ruleId": finding.rule,
            "ruleIndex": self._numbers[finding.rule],
            "level": _LEVELS[finding.severity],
            "message": {"text": sentence(finding, self._language)},
            "locations": [{"physicalLocation": place}],
            "partialFingerprints": {"bpflowFinding/v1": mark},
        }
        if finding.run:
            result["codeFlows"] = [{"threadFlows": [{"locations": self._flow(finding, place)}]}]
        return result

    def _flow(self, finding: Diagnostic, place: _Object) -> list[_Object]:
        file = {"artifactLocation": place["artifactLocation"]}
        places = [file] * (len(finding.run) - 1) + [place]
        return [
            {"location": {"physicalLocation": where, "message": {"text": step.text(self._language)}}} for where, step in zip(places, finding.run, strict=True)
        ]

    def _region(self, span: Span) -> _Object:
        end_line, end_column = (span.end_line, span.end_column) if span.end_line else (span.line, span.column)
        return {
            "startLine": span.line,
            "startColumn": in_utf16(line_at(span.file, span.line, self._sources), span.column),
            "endLine": end_line,
            "endColumn": in_utf16(line_at(span.file, end_line, self._sources), end_column),
        }
