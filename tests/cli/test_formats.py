"""The forms in which `validate` tells what it has found, each held to what its readers ask for."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
from jsonschema import Draft7Validator

from bpflow.cli.checking import Checked
from bpflow.cli.formats import FORMATS, written
from bpflow.diagnostics import Diagnostic, Severity, Span, say
from bpflow.loading.silencing import Silence, Silenced

Bpflow = Callable[..., Any]

TEXT = 'title: "Заявка 🚀"  # note\nsteps:\n  - {activity: end}\n'
SARIF = json.loads((Path(__file__).parent / "sarif.schema.json").read_text(encoding="utf-8"))
"""What SARIF 2.1.0 asks of the objects that are used here, written after the specification; nothing else is let through."""


@pytest.fixture
def checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checked:
    """A file with an error that has a run, a warning behind a character of two code units, an advice, and one that is silenced."""
    monkeypatch.chdir(tmp_path)
    file = str(tmp_path / "мои дела" / "a, b.yaml")
    comment = Silence(Span(file, 1, 23, 1, 29), 1, (("number", Span(file, 1, 24)),), "so it is")
    run = (say('"{step}" is done', step="ask"), say("nobody comes back"))
    findings = [
        Diagnostic(Span(file, 1, 18, 1, 19), "hash-glued", say("50% of: this\nand, that"), None, Severity.WARNING),
        Diagnostic(Span(file, 2, 1, 3, 20), "missing-key", say('"{name}" is missing', name="result"), say("write it"), run=run),
        Diagnostic(Span(file, 3, 5), "file-name", say("the file of a process is called as the process"), None, Severity.ADVICE),
    ]
    silenced = [Silenced(Diagnostic(Span(file, 1, 1), "number", say("x"), None, Severity.WARNING), "so it is", by) for by in (comment, None)]
    return Checked(findings, silenced, {file: TEXT}, {file, str(tmp_path / "clean.yaml")})


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_same_findings_are_the_same_text_and_name_no_folder_of_the_machine(format: str, language: str, checked: Checked, tmp_path: Path) -> None:
    assert written(format, checked, language) == written(format, checked, language)
    if format not in ("text", "json", "junit"):
        assert str(tmp_path) not in written(format, checked, language)


# ── SARIF ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def run_of(checked: Checked) -> dict[str, Any]:
    log = json.loads(written("sarif", checked, "en"))
    assert [error.message for error in Draft7Validator(SARIF).iter_errors(log)] == []
    (run,) = log["runs"]
    return run


def test_sarif_has_the_findings_with_their_rules(checked: Checked) -> None:
    run = run_of(checked)
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["file-name", "hash-glued", "missing-key", "number"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
    assert [result["level"] for result in run["results"]] == ["warning", "error", "note", "warning", "warning"]
    assert "```yaml\n" in rules[0]["help"]["markdown"]
    assert unquote(run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]) == "мои дела/a, b.yaml"


def test_sarif_counts_columns_in_utf16(checked: Checked) -> None:
    run = run_of(checked)
    assert run["columnKind"] == "utf16CodeUnits"
    first, second, third, *_ = (result["locations"][0]["physicalLocation"]["region"] for result in run["results"])
    assert first == {"startLine": 1, "startColumn": 19, "endLine": 1, "endColumn": 20}
    assert second == {"startLine": 2, "startColumn": 1, "endLine": 3, "endColumn": 20}
    assert third == {"startLine": 3, "startColumn": 5, "endLine": 3, "endColumn": 5}
    units = TEXT.splitlines()[0].encode("utf-16-le")
    assert units[(first["startColumn"] - 1) * 2 :].decode("utf-16-le")[0] == TEXT[17]


def test_sarif_has_the_run_as_a_flow_that_ends_at_the_finding(checked: Checked) -> None:
    result = run_of(checked)["results"][1]
    steps = result["codeFlows"][0]["threadFlows"][0]["locations"]
    assert [step["location"]["message"]["text"] for step in steps] == ['"ask" is done', "nobody comes back"]
    assert steps[-1]["location"]["physicalLocation"] == result["locations"][0]["physicalLocation"]
    assert "region" not in steps[0]["location"]["physicalLocation"]


def test_sarif_has_what_is_silenced_as_suppressed(checked: Checked) -> None:
    suppressed = [result["suppressions"][0] for result in run_of(checked)["results"] if "suppressions" in result]
    assert suppressed == [{"kind": "inSource", "justification": "so it is"}, {"kind": "external", "justification": "so it is"}]


def test_the_schema_for_sarif_would_find_a_mistake(checked: Checked) -> None:
    log = json.loads(written("sarif", checked, "en"))
    del log["runs"][0]["results"][0]["message"]
    log["runs"][0]["results"][1]["level"] = "advice"
    log["runs"][0]["columnKind"] = "bytes"
    assert len(list(Draft7Validator(SARIF).iter_errors(log))) == 3


# ── GitHub ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_commands_for_github_are_escaped(checked: Checked) -> None:
    assert written("github", checked, "en").splitlines() == [
        "::warning file=мои дела/a%2C b.yaml,line=1,endLine=1,col=18,endColumn=18,title=hash-glued::50%25 of: this%0Aand, that",
        '::error file=мои дела/a%2C b.yaml,line=2,endLine=3,title=missing-key::"result" is missing — write it%0A"ask" is done%0Anobody comes back',
        "::notice file=мои дела/a%2C b.yaml,line=3,endLine=3,col=5,endColumn=5,title=file-name::the file of a process is called as the process",
    ]


def test_for_github_nothing_is_printed_where_nothing_was_found(bpflow: Bpflow, workspace: Path) -> None:
    told = bpflow("validate", ".", "--format", "github")
    assert (told.code, told.out) == (0, "")


# ── GitLab ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_issues_for_gitlab_have_what_it_asks_for(checked: Checked) -> None:
    issues = json.loads(written("gitlab", checked, "en"))
    assert [issue["severity"] for issue in issues] == ["minor", "critical", "info"]
    assert issues[1] == {
        "description": '"result" is missing — write it',
        "check_name": "missing-key",
        "fingerprint": issues[1]["fingerprint"],
        "severity": "critical",
        "location": {"path": "мои дела/a, b.yaml", "lines": {"begin": 2, "end": 3}},
    }
    assert len({issue["fingerprint"] for issue in issues}) == 3


NOTIFY = "  - {activity: notify, to: nobody, text: Ready}\n"


def prints(bpflow: Bpflow, text: str, language: str = "en") -> list[str]:
    Path("some.yaml").write_text("bpflow: 1\nid: some\nsteps:\n" + text, encoding="utf-8")
    return [issue["fingerprint"] for issue in json.loads(bpflow("validate", "some.yaml", "--format", "gitlab", "--lang", language).out)]


def test_a_fingerprint_stays_when_lines_come_and_go_and_is_nobody_elses(bpflow: Bpflow, workspace: Path) -> None:
    before = prints(bpflow, NOTIFY + NOTIFY)
    assert len(set(before)) == 2
    assert prints(bpflow, "  # a line above\n\n" + NOTIFY + NOTIFY) == before
    assert prints(bpflow, NOTIFY + NOTIFY, "ru") == before
    assert prints(bpflow, NOTIFY.replace("Ready", "Done")) != before[:1]


# ── JUnit ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def cases(checked: Checked) -> Iterator[ElementTree.Element]:
    root = ElementTree.fromstring(written("junit", checked, "en"))
    assert (root.tag, root[0].tag) == ("testsuites", "testsuite")
    yield from root.iter("testcase")


def test_junit_has_a_case_for_each_file(checked: Checked) -> None:
    clean, broken = cases(checked)
    assert (clean.get("name"), list(clean)) == ("clean.yaml", [])
    failure, output = broken
    assert (failure.tag, failure.get("type"), failure.get("message")) == ("failure", "missing-key", '"result" is missing — write it')
    assert "nobody comes back" in (failure.text or "")
    assert output.tag == "system-out"
    assert "[hash-glued]" in (output.text or "")
    assert "[file-name]" in (output.text or "")


def test_for_junit_warnings_fail_only_if_they_count(checked: Checked) -> None:
    root = ElementTree.fromstring(written("junit", checked, "en"))
    assert (root.get("tests"), root.get("failures")) == ("2", "1")
    checked.findings = [finding for finding in checked.findings if finding.severity is not Severity.ERROR]
    assert ElementTree.fromstring(written("junit", checked, "en")).get("failures") == "0"
    checked.strict = True
    assert ElementTree.fromstring(written("junit", checked, "en")).get("failures") == "1"


def test_junit_is_xml_whatever_stands_in_the_file(bpflow: Bpflow, workspace: Path) -> None:
    Path("odd.yaml").write_text("title: a\u0007b <&\n", encoding="utf-8")
    told = bpflow("validate", "odd.yaml", "--format", "junit")
    assert told.code == 1
    assert "control-character" in ElementTree.fromstring(told.out)[0][0][0].get("type", "")


# ── text ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_run_is_a_picture(checked: Checked, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = written("text", checked, "en").splitlines()
    assert plain[plain.index('      ○ "ask" is done') + 1] == "      → nobody comes back"
    assert plain[-1] == "files: 2, findings: 3, silenced: 2"
    monkeypatch.setattr("bpflow.cli.output.is_terminal", lambda stream: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    seen = written("text", checked, "en").splitlines()
    at = seen.index('      \x1b[34m○\x1b[0m "ask" is done')
    assert seen[at + 1 : at + 3] == ["      \x1b[2m│\x1b[0m", "      \x1b[1;31m✗\x1b[0m \x1b[1;31mnobody comes back\x1b[0m"]
    assert any("\x1b[33mwarning:\x1b[0m" in line for line in seen)
    assert any(" — \x1b[32mwrite it\x1b[0m \x1b[2m[missing-key]\x1b[0m" in line for line in seen)


def test_silenced_findings_are_counted(bpflow: Bpflow, workspace: Path) -> None:
    text = (workspace / "purchase.yaml").read_text(encoding="utf-8")
    (workspace / "purchase.yaml").write_text(text.replace("id: purchase", "id: buying # bpflow: off file-name — renamed in autumn"), encoding="utf-8")
    assert bpflow("validate", ".").out == "clean (files: 6, silenced: 1)\n"
    assert bpflow("validate", ".", "--lang=ru").out == "находок нет (файлов: 6, заглушено: 1)\n"
    data = json.loads(bpflow("validate", ".", "--json").out)
    assert [(one["rule"], one["reason"]) for one in data["silenced"]] == [("file-name", "renamed in autumn")]
