"""The corridor: what comes out of it, and that nothing an analyst writes stops it."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpflow.definition.step import Step
from bpflow.diagnostics import Severity, in_order, render
from bpflow.graph import Lowering
from bpflow.graph import Step as Node
from bpflow.loading import Surroundings, find_workspace, load_process, load_surroundings, load_text, load_workspace
from bpflow.values import DocumentType, Field

CASES = Path(__file__).parent / "cases"
GOOD = [path.read_text(encoding="utf-8") for path in sorted((CASES / "ok").glob("*.yaml"))]
TYPES = load_surroundings(CASES).types

TELL = """bpflow: 1
id: tell
steps:
  - {activity: notify, to: initiator, text: Ready}
"""


def rules(findings: list) -> list[str]:
    return [finding.rule for finding in findings]


# ── one process ─────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_good_text_gives_process_and_graph() -> None:
    loaded = load_text(TELL)
    assert loaded.findings == []
    assert loaded.process is not None
    assert loaded.graph is not None
    assert (loaded.process.id, loaded.graph.process) == ("tell", "tell")
    assert loaded.sources == {"process.yaml": TELL}


def test_a_process_with_an_error_has_no_graph_to_run() -> None:
    loaded = load_text(TELL.replace("initiator", "initator"))
    assert rules(loaded.findings) == ["unknown-name"]
    assert loaded.process is not None
    assert loaded.graph is None


def test_a_warning_does_not_keep_from_running() -> None:
    loaded = load_text(TELL.replace("- {activity: notify, to: initiator, text: Ready}", "- activity: notify\n    to: initiator\n    text: Ready# soon"))
    assert [finding.severity for finding in loaded.findings] == [Severity.WARNING]
    assert loaded.graph is not None


def test_what_the_text_only_warns_of_is_an_error_where_it_breaks_the_process() -> None:
    loaded = load_text(TELL.replace("id: tell", "id: tell\ntitle: 007"))
    assert [(finding.rule, finding.severity) for finding in loaded.findings] == [("number", Severity.ERROR)]
    assert loaded.graph is None


def test_the_document_types_of_a_program_may_be_given() -> None:
    company = DocumentType("company", "Company", (("name", Field("string")),))
    text = TELL.replace("steps:", "document: company\nsteps:").replace("Ready", "$(document.nam)")
    assert rules(load_text(text, types={"company": company}).findings) == ["unknown-field"]
    assert rules(load_text(text).findings) == ["unknown-type"]


def test_all_findings_come_at_once_and_in_order() -> None:
    loaded = load_process(CASES / "err" / "all-at-once.yaml")
    assert set(rules(loaded.findings)) == {"unknown-field", "unknown-key", "unknown-name", "unknown-step", "bad-duration", "bad-expression", "missing-key"}
    assert loaded.findings == in_order(loaded.findings)


def test_a_broken_step_hides_nothing_of_the_others_and_invents_nothing() -> None:
    text = """bpflow: 1
id: broken
steps:
  - {id: first, activity: notify, to: initiatr, next: third}
  - id: second
    activity: loop
    until: inner.outcome == "done"
    max: many
    steps:
      - {id: inner, activity: request-info, to: initiator, next: third}
  - {id: third, activity: notify, to: initiator, text: "$(inner.by), $(inner.anything), $(nobody)"}
  - {activity: pause, until: now + hour(2), next: inner}
"""
    found = [(finding.rule, finding.span.line) for finding in load_text(text).findings]
    assert found == [("missing-key", 4), ("unknown-name", 4), ("wrong-kind", 8), ("unknown-name", 11), ("unknown-name", 12)]


def test_names_in_what_cannot_be_read_are_not_unknown() -> None:
    text = """bpflow: 1
id: broken
variables:
  attempts: {type: intger, default: 0}
people:
  boss: {who: initiator}
steps:
  - {activity: notify, to: boss, text: $(attempts)}
"""
    assert rules(load_text(text).findings) == ["not-allowed", "wrong-kind"]


@pytest.mark.parametrize("text", ["", "# nothing\n", "null", "[]", "5", "text", "bpflow: 1", "steps: []", "{}", "steps:\n- steps:\n  - steps:\n"])
def test_what_is_no_process_is_said(text: str) -> None:
    loaded = load_text(text)
    assert loaded.process is None
    assert loaded.graph is None
    assert loaded.findings


STRANGE = ["", "5", "true", "[]", "{}", "[1, {a: b}]", "{x: [y]}", "null", "go-on", "a.b.c(", "2026-01-01"]


def changed(text: str, chance: random.Random) -> str:
    """The text with a few accidents of editing: lines lost, doubled, moved or indented, words and signs lost or put elsewhere."""
    lines = text.splitlines()
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(lines))
        match chance.randrange(8):
            case 0:
                del lines[at : at + chance.randint(1, 3)]
            case 1:
                lines.insert(at, chance.choice(lines))
            case 2:
                lines[at] = " " * chance.randint(0, 8) + lines[at].lstrip()
            case 3:
                cut = chance.randint(0, len(lines[at]))
                lines[at] = lines[at][:cut] + chance.choice(["", ":", "{", "]", "$(", '"', " #", "\t", "«", "&", "- ", "с"]) + lines[at][cut:]
            case 4:
                words = lines[at].split(" ")
                del words[chance.randrange(len(words))]
                lines[at] = " ".join(words)
            case 5:
                lines[at] = lines[at].partition(":")[0] + ": " + chance.choice(STRANGE)
            case 6:
                lines[at] = lines[at].replace(chance.choice("aeioctsn"), chance.choice("аеосxyz_"))
            case _:
                other = chance.randrange(len(lines))
                lines[at], lines[other] = lines[other], lines[at]
        lines = lines or ["x"]
    return "\n".join(lines) + "\n"


@given(st.sampled_from(GOOD), st.integers(0, 2**32))
def test_whatever_is_done_to_a_text_there_are_findings_with_places_and_no_exception(text: str, seed: int) -> None:
    spoilt = changed(text, random.Random(seed))
    loaded = load_text(spoilt, "x.yaml", TYPES)
    count = len(spoilt.splitlines()) + 1
    for finding in loaded.findings:
        assert finding.span.file == "x.yaml"
        assert 1 <= finding.span.line <= count
        assert finding.span.column >= 1
        assert render(finding, spoilt)
        assert render(finding, spoilt, "ru")
    fit = not any(finding.severity is Severity.ERROR for finding in loaded.findings)
    assert (loaded.graph is not None) is fit


class Nap(Step):
    """Does nothing, for the author of a program."""

    how_long: str

    def lower(self, b: Lowering) -> None:
        """Nothing is done."""
        b.add(Node(b.path, (b.flow(b.path),)))


@pytest.mark.parametrize(
    "step, said",
    [
        ("{id: ask, activity: request-info, to: initiator, fill: [a, 'de(((x']}", '"fill" needs a document'),
        ("{id: ask, activity: request-info, to: initiator, fill: [not]}", '"fill" needs a document'),
        ("{activity: send-message, message: paid, keep: 0x7fffffffffffffff0d}", "the number is too large"),
    ],
)
def test_names_and_numbers_that_no_expression_can_have(step: str, said: str) -> None:
    """They come into expressions without having been one."""
    found = load_text(f"bpflow: 1\nid: x\ntitle: X\nvariables: {{status: {{type: text}}}}\nsteps:\n  - {step}\n").findings
    assert any(said in str(finding.message) for finding in found)


def test_a_move_that_fills_what_no_field_is_called() -> None:
    text = """
bpflow: 1
id: x
title: X
document: deal
stage-field: stage
stages:
  a: {title: A, moves: {b: {by: initiator, fill: ['de(((x']}}}
  b: {title: B, final: true}
"""
    stage = Field("choice", "Stage", choices=(("a", "A"), ("b", "B")))
    found = load_text(text, types={"deal": DocumentType("deal", "Deal", (("name", Field("string", "Name")), ("stage", stage)), "name")}).findings
    assert any("de(((x" in str(finding.message) for finding in found)


@pytest.mark.parametrize("name, hint", [("people.yaml", 'did you mean "peoples.yaml"?'), ("d" * 300 + ".yaml", "check the name and the folder")])
def test_a_directory_that_is_named_must_be_there(tmp_path: Path, name: str, hint: str) -> None:
    (tmp_path / "bpflow.yaml").write_text(f"language: en\ndirectory: {name}\n")
    (tmp_path / "peoples.yaml").write_text("people:\n  ivanov: {name: Иван, email: i@x.ru}\n")
    (finding,) = [one for one in load_workspace(tmp_path, processes=False).findings if one.rule == "file-missing"]
    assert (finding.span.line, finding.span.column, finding.severity) == (2, 12, Severity.ERROR)
    assert (str(finding.message), str(finding.hint)) == (f'there is no file "{name}"', hint)


def test_a_program_may_bring_activities_of_its_own(tmp_path: Path) -> None:
    text = TELL.replace("- {activity: notify, to: initiator, text: Ready}", "- {activity: nap, how-long: very}")
    assert rules(load_text(text).findings) == ["unknown-activity"]
    assert load_text(text, activities={"nap": Nap}).graph is not None
    assert rules(load_text(text.replace("how-long", "how-lang"), activities={"nap": Nap}).findings) == ["unknown-key"]
    path = workspace(tmp_path, nap=text.replace("id: tell", "id: nap")) / "nap.yaml"
    assert load_process(path, activities={"nap": Nap}).findings == []
    assert load_workspace(tmp_path, activities={"nap": Nap}).findings == []


# ── files and folders ───────────────────────────────────────────────────────────────────────────────────────────────
def workspace(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / (name.replace("__", "/").replace("_test", ".test") + ".yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


COMPANY = "type: company\nfields: {name: {type: string}}\n"
OF_COMPANY = TELL.replace("steps:", "document: company\nsteps:").replace("Ready", "$(document.name)")


def test_a_file_that_is_not_there_is_a_finding() -> None:
    assert rules(load_process("no/such.yaml").findings) == ["file-missing"]


def test_findings_name_files_as_the_user_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace(tmp_path, bpflow="timezone: Europe/Nowhere\n", tell=TELL.replace("initiator", "nobody"))
    monkeypatch.chdir(tmp_path)
    assert [finding.span.file for finding in load_process("tell.yaml").findings] == ["bpflow.yaml", "tell.yaml"]
    monkeypatch.chdir(tmp_path.parent)
    name = f"{tmp_path.name}/tell.yaml"
    assert [finding.span.file for finding in load_process(name).findings] == [f"{tmp_path.name}/bpflow.yaml", name]


def test_the_nearest_workspace_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace(tmp_path, bpflow="timezone: Asia/Omsk\n", documents__company=COMPANY, inner__deep__tell=OF_COMPANY)
    path = tmp_path / "inner" / "deep" / "tell.yaml"
    assert find_workspace(path) == tmp_path
    loaded = load_process(path)
    assert loaded.findings == []
    assert loaded.graph is not None
    assert loaded.graph.timezone == "Asia/Omsk"
    monkeypatch.chdir(path.parent)
    assert load_process("tell.yaml").findings == []


def test_a_process_outside_of_workspaces_is_loaded_by_itself(tmp_path: Path) -> None:
    workspace(tmp_path, tell=TELL)
    assert find_workspace(tmp_path / "tell.yaml") is None
    assert load_process(tmp_path / "tell.yaml").findings == []


def test_a_workspace_has_all_that_is_in_its_folder(tmp_path: Path) -> None:
    people = "people: {ivanov: {name: Ivan}}\n"
    folder = workspace(tmp_path, bpflow="language: en\n", directory=people, documents__company=COMPANY, tell=OF_COMPANY, tell_test="process: tell\n")
    loaded = load_workspace(folder)
    assert loaded.findings == []
    assert (loaded.settings.language, list(loaded.directory.people), list(loaded.documents)) == ("en", ["ivanov"], ["company"])
    assert list(loaded.processes) == ["tell"]
    assert loaded.scenarios == {"tell": folder / "tell.test.yaml"}
    assert set(loaded.sources) == {str(folder / name) for name in ("bpflow.yaml", "directory.yaml", "documents/company.yaml", "tell.yaml")}


def test_the_directory_may_be_called_otherwise(tmp_path: Path) -> None:
    folder = workspace(tmp_path, bpflow="directory: people.yaml\n", people="people: {ivanov: {name: Ivan}}\n")
    loaded = load_workspace(folder)
    assert (list(loaded.directory.people), loaded.processes, loaded.findings) == (["ivanov"], {}, [])


def test_a_folder_without_settings_is_a_workspace_too(tmp_path: Path) -> None:
    loaded = load_workspace(workspace(tmp_path, tell=TELL))
    assert (list(loaded.processes), loaded.settings.timezone, loaded.findings) == (["tell"], "Europe/Moscow", [])


def test_an_empty_settings_file_says_nothing(tmp_path: Path) -> None:
    assert load_workspace(workspace(tmp_path, bpflow="# later\n", tell=TELL)).findings == []


def test_a_folder_that_is_not_there_is_a_finding(tmp_path: Path) -> None:
    assert rules(load_workspace(tmp_path / "nowhere").findings) == ["file-missing"]


@pytest.mark.parametrize("broken", ["type: [\n", "- company\n", "", "type: company\nfields: {name: {type: strin}}\n", "type: Компания\nfields: {}\n"])
def test_a_broken_document_type_is_told_once_and_not_at_each_use(tmp_path: Path, broken: str) -> None:
    folder = workspace(tmp_path, documents__company=broken, tell=OF_COMPANY)
    assert {Path(finding.span.file).name for finding in load_workspace(folder).findings} == {"company.yaml"}


def test_a_copy_is_told_from_its_original(tmp_path: Path) -> None:
    folder = workspace(tmp_path, a_copy=TELL, tell=TELL.replace("Ready", "Really"))
    loaded = load_workspace(folder)
    assert [(finding.rule, Path(finding.span.file).name) for finding in loaded.findings] == [("duplicate-id", "a_copy.yaml")]
    assert loaded.processes["tell"].sources == {str(folder / "tell.yaml"): TELL.replace("Ready", "Really")}


def test_advice_can_be_switched_off_with_a_reason_and_errors_cannot(tmp_path: Path) -> None:
    folder = workspace(tmp_path, other=TELL)
    assert rules(load_workspace(folder).findings) == ["file-name"]
    workspace(folder, bpflow='rules: {file-name: {severity: "off", reason: We name files otherwise}}\n')
    assert load_workspace(folder).findings == []
    workspace(folder, bpflow='rules: {unknown-name: {severity: "off", reason: Why not}}\n', other=TELL.replace("initiator", "nobody"))
    assert rules(load_workspace(folder).findings) == ["not-allowed", "file-name", "unknown-name"]


def test_surroundings_may_be_given_for_many_files(tmp_path: Path) -> None:
    path = workspace(tmp_path, tell=TELL) / "tell.yaml"
    assert load_process(path, surroundings=Surroundings()).findings == []
