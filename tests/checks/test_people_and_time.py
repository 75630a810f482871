"""The rules of people and time say what is so: what each warns of is played, and comes about."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bpflow.checks.parties import Meant, Party
from bpflow.definition.entries import DirectoryFile
from bpflow.definition.roster import Roster
from bpflow.expressions.data import User
from bpflow.graph import Expr
from bpflow.loading import load_text, load_workspace
from bpflow.scenario import play_file
from bpflow.services.directory import EmbeddedDirectory

DIRECTORY = """
departments:
  company: {title: Company, head: reed}
  sales: {title: Sales, head: hill, parent: company}
people:
  reed: {name: Dora Reed, department: company}
  hill: {name: Anna Hill, department: sales, substitute: wood, absences: [{from: 2026-03-02, to: 2026-03-03}]}
  wood: {name: Boris Wood, department: sales}
roles:
  lawyer: {title: Lawyer}
"""
DEAL = "type: deal\ntitle: Deal\nfields:\n  days: {type: integer, required: true, default: 2}\n  note: {type: string}\n"
HEAD = "bpflow: 1\nid: tried\ndocument: deal\n"


def told(folder: Path, process: str, play: str, timezone: str = "Europe/Moscow") -> tuple[set[str], bool]:
    """The rules that are broken, and whether the play goes as it says."""
    (folder / "documents").mkdir()
    files = {"directory.yaml": DIRECTORY, "bpflow.yaml": f"timezone: {timezone}\n", "documents/deal.yaml": DEAL, "tried.yaml": HEAD + process}
    scenario = f"process: tried\nscenarios:\n  - title: It is so\n    at: 2026-03-02T10:00+03:00\n    by: wood\n    document: {{days: 2}}\n    play:\n{play}"
    for name, text in {**files, "tried.test.yaml": scenario}.items():
        (folder / name).write_text(text, encoding="utf-8")
    workspace = load_workspace(folder)
    played = play_file(folder / "tried.test.yaml", workspace).played
    assert [one.title for one in played] == ["It is so"]
    return {finding.rule for finding in workspace.findings}, played[0].ok


CHANGES = "".join(f"      - wait: 36h\n      - change: {{document: {{note: day {day}}}, by: wood}}\n" for day in range(4))


@pytest.mark.parametrize(
    "rule, process, play",
    [
        (
            "now-in-watched",
            'steps:\n  - {id: wait, activity: pause, until: \'document.note == "go" or now > datetime("2026-03-03T12:00")\'}\n',
            "      - wait: 90d\n      - expect: {waiting: wait}\n",
        ),
        (
            "one-person",
            "steps:\n  - {id: agree, activity: approve, to: head_of(initiator), rule: any, due: 5d, outcomes: {rejected: {next: go-on}}}\n"
            "  - {activity: end, result: agreed}\n",
            "      - answer: {task: agree, by: wood, outcome: approved}\n    ends: {result: agreed}\n",
        ),
        (
            "for-nobody",
            'steps:\n  - {id: read, activity: task, to: with_role("lawyer"), due: none}\n',
            "      - wait: 90d\n      - expect: {waiting: read}\n",
        ),
        (
            "day-of-another-zone",
            'timezone: Asia/Vladivostok\nsteps:\n  - activity: condition\n    branches: [{when: \'is_absent(user("hill"), date("2026-03-02"))\', '
            "steps: [{activity: end, result: away}]}]\n    otherwise: {steps: [{activity: end, result: there}]}\n",
            "      []\n    ends: {result: there}\n",
        ),
    ],
)
def test_what_a_rule_warns_of_comes_about(rule: str, process: str, play: str, tmp_path: Path) -> None:
    assert told(tmp_path, process, play) == ({rule}, True)


PEOPLE = {"boss": Expr('head_of(department("Sales"))'), "both": Expr('[boss, user("wood")]'), "round": Expr("round")}
"""Names under `people`, one of them explained by itself."""


@pytest.mark.parametrize(
    "text, ids",
    [
        ('user("wood")', ["wood"]),
        ("both", ["hill", "wood"]),
        ('members(department("company"))', ["reed", "hill", "wood"]),
        ('members(with_role("lawyer"))', []),
        ('head_of(user("hill"))', ["reed"]),
        ('head_of(user("wood"), 2)', ["reed"]),
        ('head_of(user("reed"))', []),
        ('coalesce(head_of(user("reed")), user("wood"))', ["wood"]),
        ('coalesce(members(with_role("lawyer")), user("wood"))', []),
        ('chain(user("wood"))', ["hill", "reed"]),
        ("none", []),
        ("initiator", None),
        ('[initiator, user("wood")]', None),
        ("head_of(initiator)", None),
        ('user("nobody")', None),
        ("round", None),
    ],
)
def test_who_is_certainly_meant(text: str, ids: list[str] | None) -> None:
    directory = load_directory()
    parties = Meant(Roster(directory), PEOPLE).by(Expr(text))
    assert (None if parties is None else [party.id for party in parties]) == ids


def load_directory() -> DirectoryFile:
    from bpflow.loading.models import read_model
    from bpflow.source import read_source

    directory, findings = read_model(read_source(DIRECTORY, "directory.yaml"), DirectoryFile)
    assert not findings
    assert directory is not None
    return directory


def test_what_is_certain_is_what_the_directory_answers() -> None:
    """The heads and members that the checks know are those that a running process gets."""
    data = load_directory()
    answers, meant = EmbeddedDirectory(data, UTC), Meant(Roster(data), {})
    for id in data.people:
        chain = meant.by(Expr(f'chain(user("{id}"))'))
        assert chain == tuple(Party("person", user.id) for user in answers.chain(User(id)))
        assert answers.acting(User(id), datetime(2026, 4, 1, tzinfo=UTC)) == User(id)


@pytest.mark.parametrize("condition", ["document.day > today()", 'now < datetime("2027-01-01T00:00Z")', "document.hot", "not (document.day <= today())"])
def test_time_that_can_only_undo_a_condition_is_no_matter(condition: str) -> None:
    head = "bpflow: 1\nid: x\ndocument: {type: d, fields: {day: {type: date, required: true}, hot: {type: boolean, required: true}}}\n"
    assert load_text(f"{head}steps:\n  - {{activity: pause, until: '{condition}'}}\n").findings == []
