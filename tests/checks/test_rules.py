"""Every rule is its manual: the examples on its page are run, and every finding that any room makes has a page."""

import re
from pathlib import Path

import pytest

import bpflow
from bpflow.checks import RULES, Rule
from bpflow.diagnostics import Diagnostic, Severity
from bpflow.loading import load_text, load_workspace
from bpflow.scenario import check_scenarios
from bpflow.values import DocumentType, Field

WITHOUT_EXAMPLE = {"encoding", "file-missing", "file-unreadable", "too-large", "too-many", "too-deep"}
"""What cannot be shown in a text of a few lines."""

COMPANY = DocumentType(
    "company",
    "Company",
    (
        ("name", Field("string")),
        ("status", Field("choice", choices=(("new", "New"), ("won", "Won"), ("lost", "Lost")))),
        ("responsible", Field("user")),
        ("deadline", Field("datetime")),
    ),
)
HEAD = {"bpflow": "bpflow: 1", "id": "id: example", "document": "document: company"}
"""What examples leave out, because it is the same in all of them."""


def findings(example: str, folder: Path) -> list[Diagnostic]:
    """What is found in an example: the files of a workspace, each after a line with its name, or a process, less its head."""
    files = re.findall(r"^# (\S+\.yaml)\n(.*?)(?=^# |\Z)", example, re.DOTALL | re.MULTILINE)
    if files:
        for name, text in files:
            (folder / name).write_text(text, encoding="utf-8")
        workspace = load_workspace(folder)
        scenarios = [finding for path in workspace.scenarios.values() for finding in check_scenarios(path, workspace)]
        return [*workspace.findings, *scenarios]
    is_process = any(line.startswith(("steps:", "stages:")) for line in example.splitlines())
    head = [line for key, line in HEAD.items() if is_process and not re.search(rf"^{key}:", example, re.MULTILINE)]
    return load_text("\n".join([*head, example]), "example.yaml", {"company": COMPANY}).findings


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_the_examples_show_the_rule(rule: Rule, tmp_path: Path) -> None:
    if rule.id in WITHOUT_EXAMPLE:
        return
    (tmp_path / "bad").mkdir()
    (tmp_path / "good").mkdir()
    assert {finding.rule for finding in findings(rule.example("Bad"), tmp_path / "bad")} == {rule.id}
    assert findings(rule.example("Good"), tmp_path / "good") == []


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_a_page_opens_with_the_rule_in_a_sentence(rule: Rule) -> None:
    assert re.fullmatch(r"[A-Z`].+\.", rule.summary)


def test_every_finding_that_is_made_has_a_page() -> None:
    found = r'(?:Diagnostic|_refused|Said|report|findings\.add|_too_much)\(\s*(?:[\w.]+(?:\([^()]*(?:\([^()]*\))?[^()]*\))?,\s*)?"([a-z]+(?:-[a-z]+)*)",'
    package = Path(bpflow.__file__).parent
    made = {rule: path.name for path in package.rglob("*.py") for rule in re.findall(found, path.read_text(encoding="utf-8"))}
    assert len(made) > 40, "the pattern does not find the findings any more"
    assert {rule: where for rule, where in made.items() if rule not in RULES} == {}


def test_the_severity_of_a_page_is_that_of_its_findings(tmp_path: Path) -> None:
    for rule in RULES.values():
        if rule.id in WITHOUT_EXAMPLE or rule.severity is Severity.ERROR:
            continue
        folder = tmp_path / rule.id
        folder.mkdir()
        assert {finding.severity for finding in findings(rule.example("Bad"), folder)} == {rule.severity}
