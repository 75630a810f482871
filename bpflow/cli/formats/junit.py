"""For whatever shows results of tests: JUnit XML, where a file is a test case that fails if a finding in it counts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from bpflow.cli.checking import Checked
from bpflow.cli.formats.places import relative, sentence
from bpflow.diagnostics import Diagnostic, render

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write(checked: Checked, language: str) -> str:
    """One suite with a case for each file; what does not count stands in the output of its case."""
    files = sorted({*checked.files, *(finding.span.file for finding in checked.findings)})
    suite = ElementTree.Element("testsuite", name="bpflow validate", errors="0", skipped="0")
    for file in files:
        suite.append(_case(file, [finding for finding in checked.findings if finding.span.file == file], checked, language))
    root = ElementTree.Element("testsuites", name="bpflow validate")
    root.append(suite)
    for element in (root, suite):
        element.attrib |= {"tests": str(len(files)), "failures": str(len(suite.findall("testcase/failure")))}
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode")


def _case(file: str, findings: Sequence[Diagnostic], checked: Checked, language: str) -> ElementTree.Element:
    name = _clean(relative(file))
    case = ElementTree.Element("testcase", classname="bpflow.validate", name=name, file=name)
    grave = [finding for finding in findings if checked.counts(finding)]
    slight = [finding for finding in findings if not checked.counts(finding)]
    if grave:
        failure = ElementTree.SubElement(case, "failure", type=grave[0].rule, message=_clean(sentence(grave[0], language)))
        failure.text = _shown(grave, checked, language)
    if slight:
        ElementTree.SubElement(case, "system-out").text = _shown(slight, checked, language)
    return case


def _shown(findings: Sequence[Diagnostic], checked: Checked, language: str) -> str:
    return _clean("\n".join(render(finding, checked.sources.get(finding.span.file), language) for finding in findings))


def _clean(text: str) -> str:
    """The text without the characters that XML cannot have."""
    return _NOT_IN_XML.sub("\ufffd", text)
