"""What is wrong with a file of scenarios is found before anything is played: each with its place and, where there is one, a hint."""

from pathlib import Path
from textwrap import dedent

import pytest

from bpflow.diagnostics import render
from bpflow.loading import LoadedWorkspace
from bpflow.scenario import check_scenarios, play_file

HEAD = """\
process: deal
scenarios:
  - title: Проба
    at: 2026-03-02T10:00+03:00
    document: {name: Труба, status: open, responsible: ivanov}
"""


TIMES = 'write "2026-12-31T09:00" or "31.12.2026 09:00"; "+03:00" after it names a zone'


def findings(text: str, folder: Path, workspace: LoadedWorkspace) -> list[str]:
    """The findings as `line:column: message — hint [rule]`."""
    path = folder / "deal.test.yaml"
    path.write_text(text, encoding="utf-8")
    return [render(finding).replace(f"{path}:", "") for finding in check_scenarios(path, workspace)]


# Where ‹ stands is the place of the finding.
ENTRIES = {
    "{expect: {task: ‹aks}}": 'there is no step "aks" — did you mean "ask"? [unknown-step]',
    "{expect: {task: ‹large}}": 'the step "large" gives nobody a task [unknown-step]',
    "{expect: {waiting: ‹wait_for_cal}}": 'there is no step "wait_for_cal" — did you mean "wait_for_call"? [unknown-step]',
    "{expect: {waiting: ‹pauze}}": 'there is no step "pauze" — did you mean "pause"? [unknown-step]',
    "{expect: {task: ask, to: ‹ivanow}}": 'there is no person "ivanow" in the directory — did you mean "ivanov"? [unknown-person]',
    "{expect: {task: ask, to: [boss, ‹ivanow]}}": 'there is no person "ivanow" in the directory — did you mean "ivanov"? [unknown-person]',
    "{expect: {‹to: ivanov}}": '"to" is said of a task: name its step with "task" [missing-key]',
    "{expect: {task: ask, due: ‹завтра}}": f'"завтра" is not a date with a time — {TIMES} [wrong-value]',
    "{expect: {task: ask, overdue: ‹'yes'}}": '"overdue" must be true or false, and this is a text — write true [wrong-kind]',
    "{expect: {document: {‹stauts: open}}}": 'the document has no field "stauts" — did you mean "status"? [unknown-field]',
    "{expect: {document: {‹Статус: open}}}": 'the document has no field "Статус" — did you mean "status"? [unknown-field]',
    "{expect: {document: {status: ‹opened}}}": '"status": "opened" is not one of the choices — did you mean "open"? [wrong-value]',
    "{expect: {document: {responsible: ‹nobody}}}": 'there is no person "nobody" in the directory [unknown-person]',
    "{expect: {calendar: {at: ‹soon}}}": f'"soon" is not a date with a time — {TIMES} [wrong-value]',
    "{expect: {calendar: {‹who: boss}}}": '"calendar" has no key "who" — did you mean "to"? [unknown-key]',
    "{expect: {notice: [{to: ‹bos}]}}": 'there is no person "bos" in the directory — did you mean "boss"? [unknown-person]',
    "{expect: ‹{}}": '"expect" must not be empty [too-short]',
    "{answer: {task: ask, by: boss, outcome: ‹agred, sum: 5}}": '"ask" has no outcome "agred" — did you mean "agreed"? [unknown-outcome]',
    "{answer: {task: ask, by: boss, outcome: ‹xyz}}": '"ask" has no outcome "xyz" — it may be: "agreed", "later", "refused" [unknown-outcome]',
    "{answer: {task: ask, by: boss, outcome: agreed, ‹summ: 5}}": 'the outcome "agreed" has no field "summ" — did you mean "sum"? [unknown-field]',
    "{answer: {task: ask, by: boss, outcome: agreed, ‹Сумма: 5}}": 'the outcome "agreed" has no field "Сумма" — did you mean "sum"? [unknown-field]',
    "{answer: {task: ask, by: boss, outcome: agreed, sum: ‹many}}": '"sum": "many" is not a whole number [wrong-value]',
    "{answer: {task: ask, by: ‹Морозов Илья, outcome: refused}}": 'there is no person "Морозов Илья" in the directory — did you mean "boss"? [unknown-person]',
    "{answer: ‹{task: ask, outcome: agreed}}": '"answer" needs "by" [missing-key]',
    "{refused: {answer: {task: ‹aks, by: boss, outcome: xyz, what: ever}}}": 'there is no step "aks" — did you mean "ask"? [unknown-step]',
    "{refused: {answer: {task: ask, by: ‹bos, outcome: xyz, what: ever}}}": 'there is no person "bos" in the directory — did you mean "boss"? [unknown-person]',
    "{change: {by: ‹bos, document: {sum: 5}}}": 'there is no person "bos" in the directory — did you mean "boss"? [unknown-person]',
    "{change: {document: {‹summ: 5}}}": 'the document has no field "summ" — did you mean "sum"? [unknown-field]',
    "{wait: ‹2 рабочих дня}": '"2 рабочих дня" is not a duration — durations are written in English: "2 working days" [bad-duration]',
    "{wait: ‹2026-02-30T10:00}": f'"2026-02-30T10:00" is not a date with a time — {TIMES} [bad-duration]',
    "{wait: 1h, ‹change: {document: {sum: 5}}}": 'an item of "play" takes only one of "expect", "start", "answer", "tick", "command", "move", "wait", '
    '"change", "message", "service", "absent", "refused", "claim", "release", "delegate", "reassign" — remove "wait" or "change" [exactly-one]',
    "{‹await: 1h}": 'an item of "play" has no key "await" — did you mean "wait"? [unknown-key]',
}


@pytest.mark.parametrize("entry, expected", ENTRIES.items(), ids=ENTRIES.keys())
def test_an_entry_with_a_mistake(entry: str, expected: str, tmp_path: Path, workspace: LoadedWorkspace) -> None:
    found = findings(f"{HEAD}    play:\n      - {entry.replace('‹', '')}\n", tmp_path, workspace)
    assert f"7:{9 + entry.index('‹')}: {expected}" in found
    assert len(found) == 1 or "[exactly-one]" in "".join(found)


WHOLE = {
    "process: dael\nscenarios:\n  - {title: Проба, at: 2026-03-02T10:00}\n": [
        '1:10: there is no process "dael" in this workspace — did you mean "deal"? [unknown-process]'
    ],
    "process: deal\nscenarios: []\n": ['2:12: "scenarios" must not be empty [too-short]'],
    "process: deal\n": ['1:1: the file needs "scenarios" [missing-key]'],
    HEAD + HEAD.partition("scenarios:\n")[2]: ["6:12: the scenario in line 3 has this title already [duplicate-id]"],
    HEAD.replace("2026-03-02T10:00+03:00", "вчера"): [f'4:9: "вчера" is not a date with a time — {TIMES} [wrong-value]'],
    HEAD.replace("name: Труба, ", ""): ['5:5: the document needs "name" [missing-key]'],
    HEAD.replace("open", "opened"): ['5:37: "status": "opened" is not one of the choices — did you mean "open"? [wrong-value]'],
    HEAD + "    inputs: {a: 1}\n": ['6:14: the process has no input "a" [unknown-field]'],
    HEAD + "    by: ivanow\n": ['6:9: there is no person "ivanow" in the directory — did you mean "ivanov"? [unknown-person]'],
    HEAD + "    absent: {ivanow: {from: 2026-03-02}}\n": ['6:14: there is no person "ivanow" in the directory — did you mean "ivanov"? [unknown-person]'],
    HEAD + "    absent: {ivanov: [{from: 2026-03-02, to: 2026-03-01}]}\n": ["6:14: the absence ends before it begins, on 2026-03-02 [absence-dates]"],
    HEAD + "    ends: {result: one}\n": ['6:20: the process never ends with "one" — did you mean "won"? [unknown-result]'],
    HEAD + "    ends: {document: {summ: 5}}\n": ['6:23: the document has no field "summ" — did you mean "sum"? [unknown-field]'],
    HEAD.replace("deal", "two"): ['5:5: the process "two" has no document [unknown-key]'],
}


@pytest.mark.parametrize("text, expected", WHOLE.items())
def test_a_file_with_a_mistake(text: str, expected: list[str], tmp_path: Path, workspace: LoadedWorkspace) -> None:
    assert findings(text, tmp_path, workspace) == expected


def test_the_deadline_s_own_outcome_is_nobody_s_button(tmp_path: Path, workspace: LoadedWorkspace) -> None:
    text = f"{HEAD}    play: [{{answer: {{task: ask, by: ivanov, outcome: expired}}}}]\n".replace("deal", "broken", 1)
    assert findings(text, tmp_path, workspace) == ['6:54: nobody can choose "expired": only the deadline does — it may be: "done" [unknown-outcome]']


def test_all_findings_come_at_once_though_one_scenario_has_no_shape(tmp_path: Path, workspace: LoadedWorkspace) -> None:
    text = dedent("""\
        process: deal
        scenarios:
          - {title: Без начала, play: []}
          - title: Проба
            at: 2026-03-02T10:00+03:00
            document: {name: Труба, status: open, responsible: ivanow}
            play:
              - expect: {task: aks}
        """)
    assert findings(text, tmp_path, workspace) == [
        '3:5: an item of "scenarios" needs "at" [missing-key]',
        '6:56: there is no person "ivanow" in the directory — did you mean "ivanov"? [unknown-person]',
        '8:24: there is no step "aks" — did you mean "ask"? [unknown-step]',
    ]


def test_a_file_that_is_not_there(tmp_path: Path, workspace: LoadedWorkspace) -> None:
    (finding,) = check_scenarios(tmp_path / "none.test.yaml", workspace)
    assert finding.rule == "file-missing"


def test_with_errors_nothing_is_played(tmp_path: Path, workspace: LoadedWorkspace) -> None:
    path = tmp_path / "deal.test.yaml"
    path.write_text(f"{HEAD}    play:\n      - expect: {{task: aks}}\n", encoding="utf-8")
    report = play_file(path, workspace)
    assert (report.ok, report.played, report.coverage) == (False, (), None)
    assert [finding.rule for finding in report.findings] == ["unknown-step"]


def test_findings_point_into_the_text(tmp_path: Path, workspace: LoadedWorkspace) -> None:
    path = tmp_path / "deal.test.yaml"
    path.write_text(f"{HEAD}    play:\n      - expect: {{task: aks}}\n", encoding="utf-8")
    (finding,) = check_scenarios(path, workspace)
    assert render(finding, path.read_text(encoding="utf-8")).splitlines()[1:] == [
        "    7 |       - expect: {task: aks}",
        "      |                        ^^^",
    ]
