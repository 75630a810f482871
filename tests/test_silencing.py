"""What is not told: by the settings of a workspace, and by comments with a reason; and comments that silence nothing."""

from pathlib import Path

import pytest

from bpflow.diagnostics import Severity
from bpflow.loading import Loaded, load_process, load_text, load_workspace
from bpflow.loading.silencing import silences_in
from bpflow.scenario import check_scenarios
from bpflow.source import read_source

HEAD = "bpflow: 1\nid: tell\n"
END = "steps:\n  - {activity: notify, to: initiator, text: $(code)}\n"


def load(*lines: str) -> Loaded:
    return load_text(HEAD + "variables:\n" + "".join(f"  {line}\n" for line in lines) + END, "tell.yaml")


def told(loaded: Loaded) -> list[str]:
    return [f"{finding.span.line}:{finding.span.column} {finding.message} [{finding.rule}]" for finding in loaded.findings]


def comments(text: str) -> list[tuple[int, list[str], str]]:
    return [(one.line, [rule for rule, _ in one.rules], one.reason) for one in silences_in(read_source(text, "x.yaml"))]


# ── by a comment ────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("dash", ["—", "–", "-", "--"])
def test_a_comment_at_the_end_of_the_line_silences(dash: str) -> None:
    loaded = load(f"code: {{type: string, default: 007}} # bpflow: off number {dash} нули не нужны")
    assert told(loaded) == []
    (one,) = loaded.silenced
    assert (one.finding.rule, one.finding.span.line, one.reason) == ("number", 4, "нули не нужны")
    assert loaded.graph is not None


def test_a_comment_on_the_lines_before_silences() -> None:
    loaded = load("# bpflow: off number — the zeros are nothing", "", "# and another remark", "code: {type: string, default: 007}")
    assert told(loaded) == []
    assert len(loaded.silenced) == 1


def test_a_comment_speaks_of_its_own_rule_and_line_only() -> None:
    loaded = load("other: {type: string, default: 008} # bpflow: off number — no zeros", "code: {type: string, default: 007}")
    assert [finding.span.line for finding in loaded.findings] == [5]
    (one,) = loaded.silenced
    assert one.finding.span.line == 4


def test_several_rules_in_one_comment() -> None:
    loaded = load("# bpflow: off number, hash-glued — so they write it", "code: {type: string, default: 007, title: Код#1}")
    assert told(loaded) == []
    assert {one.finding.rule for one in loaded.silenced} == {"number", "hash-glued"}


def test_a_comment_in_a_text_is_no_comment() -> None:
    text = 'a: "x # bpflow: off number — no"\nb: |\n  # bpflow: off number — no\nc: >\n  y # bpflow: off number — no\n# bpflow: off number — yes\nd: x#y\n'
    assert comments(text) == [(7, ["number"], "yes")]


def test_other_comments_are_left_alone() -> None:
    assert comments("# bpflow: 1\n# bpflow offers this\n# see bpflow: off we go?\na: 1 # off number — why\n") == []
    assert comments("a: 1 #bpflow: Off number - so\n") == [(1, ["number"], "so")]


@pytest.mark.parametrize(
    "comment, said",
    [
        ("# bpflow: off number", "the comment does not say why: it silences nothing"),
        ("# bpflow: off number —", "the comment does not say why: it silences nothing"),
        ("# bpflow: off", 'a comment that silences a rule is written as "# bpflow: off RULE — why"'),
        ("# bpflow: off number because", 'a comment that silences a rule is written as "# bpflow: off RULE — why"'),
        ("# bpflow: off nomber — why not", 'there is no rule "nomber"'),
        ("# bpflow: off unknown-name — why not", 'what "unknown-name" finds is an error, and cannot be silenced'),
        ("# bpflow: off idle-comment — why not", "what silences nothing cannot be silenced"),
        ("# bpflow: off hash-cut — why not", 'in line 4 there is nothing of "hash-cut" to silence'),
        ("# bpflow: off dead-end-stage — why not", 'in line 4 there is nothing of "dead-end-stage" to silence'),
    ],
)
def test_a_comment_that_silences_nothing_is_a_finding(comment: str, said: str) -> None:
    loaded = load(f'code: {{type: string, default: "007"}} {comment}')
    (finding,) = loaded.findings
    assert (str(finding.message), finding.rule, finding.severity) == (said, "idle-comment", Severity.WARNING)
    assert HEAD.count("\n") + 2 == finding.span.line
    assert loaded.graph is not None


def test_without_a_reason_nothing_is_silenced() -> None:
    assert {finding.rule for finding in load("code: {type: string, default: 007} # bpflow: off number").findings} == {"number", "idle-comment"}


def test_the_finding_points_at_the_rule_and_tells_the_line_that_was_meant() -> None:
    loaded = load("# bpflow: off number — no zeros", 'other: {type: string, default: "1"}', "code: {type: string, default: 007}")
    idle = next(finding for finding in loaded.findings if finding.rule == "idle-comment")
    assert (idle.span.line, idle.span.column, idle.span.end_column, str(idle.hint)) == (4, 17, 23, "put it into line 6")


def test_an_error_is_told_whatever_a_comment_says() -> None:
    loaded = load_text(HEAD + "steps:\n  - {activity: notify, to: nobody, text: x} # bpflow: off unknown-name — he is\n")
    assert [finding.rule for finding in loaded.findings] == ["unknown-name", "idle-comment"]
    assert loaded.graph is None


def test_of_a_file_with_errors_no_comment_is_said_to_be_idle() -> None:
    loaded = load("code: {type: string, default: 1} # bpflow: off dead-end-stage — later", "x: {type: strng}")
    assert [finding.rule for finding in loaded.findings] == ["not-allowed"]


def test_where_another_rule_has_spoken_one_that_may_have_kept_silent_is_not_said_to_be_idle() -> None:
    loaded = load("code: {type: string, default: 007} # bpflow: off dead-end-stage, hash-cut — later")
    assert [(finding.rule, str(finding.message)) for finding in loaded.findings] == [
        ("number", "007 is read as the number 7"),
        ("idle-comment", 'in line 4 there is nothing of "hash-cut" to silence'),
    ]


# ── in a workspace ──────────────────────────────────────────────────────────────────────────────────────────────────
def office(folder: Path, settings: str = "", **processes: str) -> Path:
    (folder / "bpflow.yaml").write_text(settings, encoding="utf-8")
    for name, text in processes.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


ASIDE = "steps:\n  - {activity: notify, to: initiator, text: Ready}\n"


def test_what_only_the_workspace_finds_is_silenced_too(tmp_path: Path) -> None:
    folder = office(tmp_path, other="bpflow: 1\nid: tell # bpflow: off file-name — renamed in autumn\n" + ASIDE)
    workspace = load_workspace(folder)
    assert workspace.findings == []
    assert [one.finding.rule for one in workspace.silenced] == ["file-name"]
    assert load_process(folder / "other.yaml").findings == []  # alone, it cannot be said to be idle


def test_what_the_workspace_would_find_is_not_judged_where_a_process_cannot_be_read(tmp_path: Path) -> None:
    send = "steps:\n  - {activity: send-message, message: paid} # bpflow: off unmatched-message — the bank waits for it\n"
    folder = office(tmp_path, tell=HEAD + send, other="bpflow: 1\nid: other\nsteps: []\n")
    assert [finding.rule for finding in load_workspace(folder).findings] == ["too-short"]
    office(tmp_path, other="bpflow: 1\nid: other\nsteps:\n  - {activity: wait-message, message: paid}\n")
    assert [finding.rule for finding in load_workspace(folder).findings] == ["idle-comment"]


def test_settings_switch_off_and_raise(tmp_path: Path) -> None:
    folder = office(tmp_path, "rules:\n  file-name: {severity: off, reason: We name them so}\n", other=HEAD + ASIDE)
    workspace = load_workspace(folder)
    assert workspace.findings == []
    assert [(one.finding.rule, one.reason, one.by) for one in workspace.silenced] == [("file-name", "We name them so", None)]
    office(tmp_path, "rules:\n  file-name: {severity: error, reason: Somebody looks for them}\n")
    assert [(finding.rule, finding.severity) for finding in load_workspace(folder).findings] == [("file-name", Severity.ERROR)]


def test_what_the_settings_raise_keeps_a_process_from_running_and_cannot_be_silenced(tmp_path: Path) -> None:
    text = HEAD + "variables:\n  code: {type: string, default: 007} # bpflow: off number — no zeros\n" + END
    folder = office(tmp_path, "rules:\n  number: {severity: error, reason: Codes were lost}\n", tell=text)
    workspace = load_workspace(folder)
    assert [(finding.rule, finding.severity.value) for finding in workspace.findings] == [("number", "error"), ("idle-comment", "warning")]
    assert workspace.processes["tell"].graph is None


def test_an_error_cannot_be_made_less(tmp_path: Path) -> None:
    folder = office(tmp_path, "rules:\n  unknown-name: {severity: advice, reason: Why not}\n  alias: {severity: error, reason: So it is}\n")
    assert [str(finding.message) for finding in load_workspace(folder).findings] == [
        'what "unknown-name" finds is an error, and can be neither switched off nor made less'
    ]


def test_comments_in_the_other_files(tmp_path: Path) -> None:
    folder = office(tmp_path, tell=HEAD + ASIDE)
    (folder / "documents").mkdir()
    (folder / "documents" / "note.yaml").write_text("type: note\nfields:\n  code: {type: string, default: 007} # bpflow: off number — no zeros\n")
    (folder / "directory.yaml").write_text("people:\n  ivanov: {name: Ivan, attributes: {code: 007}} # bpflow: off number — no zeros\n")
    (folder / "tell.test.yaml").write_text("process: tell\nscenarios:\n  - {title: All#1, at: 2026-03-02T10:00+03:00} # bpflow: off hash-glued — so it is\n")
    workspace = load_workspace(folder)
    assert workspace.findings == []
    assert sorted(Path(one.finding.span.file).name for one in workspace.silenced) == ["directory.yaml", "note.yaml"]
    assert check_scenarios(folder / "tell.test.yaml", workspace) == []
