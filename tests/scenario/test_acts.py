"""What a scenario may do besides answers, changes and waits: commands, messages, services, other documents and other processes; and what
a failure says where several things are going on at once."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from bpflow.definition.step import Step
from bpflow.definition.types import Name
from bpflow.diagnostics import render
from bpflow.graph import Call, Expr, Lowering, World
from bpflow.loading import LoadedWorkspace, load_workspace
from bpflow.scenario import Report, check_scenarios, play_file
from bpflow.values import Field
from tests.runnable import runnable

LETTER = """\
bpflow: 1
id: letter
title: A letter
document: letter
variables:
  rounds: {type: integer, default: 0}
outputs:
  many: rounds
people:
  author: document.author
meanwhile:
  - {command: withdraw, title: Withdraw, by: author, fields: {why: {type: string, required: true}}, cancels: true, steps: [{activity: end, result: withdrawn}]}
  - {message: reminder, key: document.name, cancels: false, steps: [{activity: notify, to: user("anna"), text: Hurry}]}
steps:
  - id: both
    activity: parallel
    branches:
      read: {steps: [{id: check, activity: rate, title: Rate it, with_text: rating}]}
      sign:
        steps:
          - id: signers
            activity: for-each
            items: '[user("anna"), user("boris")]'
            as: signer
            in-parallel: true
            steps:
              - {id: sign, activity: request-info, title: Sign, to: signer, due: none}
  - {activity: set-variables, set: {rounds: $(check.score)}}
  - id: archive
    activity: call-process
    process: archive
    document: document.reply_to
  - {activity: end, result: archived}
"""

ARCHIVE = """\
bpflow: 1
id: archive
title: Archive
document: letter
outputs: {shelf: put.shelf}
steps:
  - {id: put, activity: request-info, title: Put it away, to: user("boris"), fields: {shelf: {type: string}}, due: none}
"""

FILES = {
    "bpflow.yaml": "timezone: Europe/London\n",
    "directory.yaml": "people:\n  anna: {name: Anna Hill}\n  boris: {name: Boris Wood}\n",
    "documents/letter.yaml": "type: letter\ntitle: Letter\ntitle-field: name\nfields:\n"
    "  name: {type: string, required: true}\n  author: {type: user}\n  reply_to: {type: document, of: letter}\n",
    "letter.yaml": LETTER,
    "archive.yaml": ARCHIVE,
}

HEAD = """\
process: letter
scenarios:
  - title: A letter
    at: 2026-03-02T10:00Z
    documents: {letter: {first: {name: The first}}}
    document: {name: The second, author: anna, reply_to: first}
    service: {rating: {score: 3}}
    play:
"""
SIGNED = "      - answer: {task: sign, by: anna, outcome: done}\n      - answer: {task: sign, by: boris, outcome: done}\n"


class Rate(Step):
    """Asks a service outside. An activity of the test, so that services can be played here whatever activities there are."""

    with_text: Name
    """The service."""

    def results(self, world: World | None = None) -> Mapping[str, Field]:
        """What it says."""
        return {"score": Field("integer")}

    def lower(self, b: Lowering) -> None:
        """One Call."""
        b.add(Call(b.path, str(self.with_text), (("name", Expr("document.name")), ("letter", Expr("document"))), b.flow(b.path), gives=b.name))


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> LoadedWorkspace:
    folder = tmp_path_factory.mktemp("office")
    (folder / "documents").mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text.replace("with_text", "with-text"), encoding="utf-8")
    return runnable(load_workspace(folder, activities={"rate": Rate}))


Play = Callable[..., Report]


@pytest.fixture
def play(office: LoadedWorkspace, tmp_path: Path) -> Play:
    def play(entries: str, head: str = HEAD) -> Report:
        path = tmp_path / "letter.test.yaml"
        path.write_text(head + entries, encoding="utf-8")
        return play_file(path, office)

    return play


@pytest.fixture
def said(play: Play, tmp_path: Path) -> Callable[..., str]:
    """The first line of the failure, and where it stood; empty where all was well."""

    def said(entries: str, head: str = HEAD) -> str:
        report = play(entries, head)
        assert report.findings == []
        (played,) = report.played
        if played.failure is None:
            return ""
        lines = [str(mismatch.message) for mismatch in played.failure.mismatches]
        return "\n".join([*lines, *map(str, played.failure.stood)])

    return said


Said = Callable[..., str]

HOLDS = {
    "a call of a service": "      - expect: {call: {service: rating}}\n",
    "a call with what it was given": "      - expect: {call: {service: rating, with: {name: The second, letter: document}}}\n",
    "no call any more": "      - answer: {task: sign, by: anna, outcome: done}\n      - expect: {call: none}\n",
    "a command": "      - command: {name: withdraw, by: anna, why: Wrong}\n    ends: {result: withdrawn}\n",
    "a command refused": "      - refused: {command: {name: withdraw, by: boris, why: Wrong}, because: not for}\n",
    "a form refused": "      - refused: {command: {name: withdraw, by: anna}, because: must be filled}\n"
    "      - refused: {command: {name: withdraw, by: anna, why: Wrong, what: ever}, because: what}\n",
    "a command of a process that has ended": SIGNED
    + "      - answer: {process: archive, task: put, by: boris, outcome: done}\n"
    + "      - refused: {command: {name: withdraw, by: anna, why: x}, because: has ended}\n",
    "a message": "      - message: {name: reminder, key: The second}\n      - expect: {notice: {to: anna, text: Hurry}, task: sign}\n",
    "a message for nobody": "      - message: {name: reminder, key: The third}\n      - expect: {notice: none}\n",
    "the called process": SIGNED
    + "      - expect: {waiting: archive, variables: {rounds: 3}}\n"
    + "      - expect: {process: archive, instances: 1, task: put, to: boris, waiting: put}\n"
    + "      - answer: {process: archive, task: put, by: boris, outcome: done, shelf: A}\n"
    + "      - expect: {process: archive, result: none, outputs: {shelf: A}}\n"
    + "    ends: {result: archived, outputs: {many: 3}}\n",
    "another document": "      - change: {of: first, by: boris, document: {name: The very first, author: boris}}\n"
    "      - expect: {documents: {letter: 2, first: {name: The very first, author: boris}}}\n"
    "      - refused: {change: {of: first, document: {name: none}}, because: required}\n",
    "a document of some kind": "      - expect: {documents: {letter: {name: The second, reply_to: first}}}\n",
    "the own document by its name": "      - change: {of: first, document: {reply_to: document}}\n      - expect: {documents: {first: {reply_to: document}}}\n",
}


@pytest.mark.parametrize("entries", HOLDS.values(), ids=HOLDS.keys())
def test_a_scenario_that_holds(said: Said, entries: str) -> None:
    assert said(entries) == ""


STOOD = """\
"Sign" (sign) in the branch "sign", signer anna: a task of anna
"Sign" (sign) in the branch "sign", signer boris: a task of boris"""

FAILS = {
    "a command that nobody may press": (
        "      - command: {name: withdraw, by: boris, why: Wrong}\n",
        f'the command was refused: the command is not for "boris"\n{STOOD}',
    ),
    "a command that is taken": (
        "      - refused: {command: {name: withdraw, by: anna, why: Wrong}}\n",
        'the command should have been refused, but it was taken\nit has ended with "withdrawn"',
    ),
    "a change that is taken": (
        "      - refused: {change: {document: {author: boris}}}\n",
        f"the change should have been refused, but it was taken\n{STOOD}",
    ),
    "a message that is taken": (
        "      - refused: {message: {name: reminder}}\n",
        f"the message should have been refused, but it was taken\n{STOOD}",
    ),
    "another reason": (
        "      - refused: {command: {name: withdraw, by: anna}, because: closed}\n",
        f'expected the refusal to say "closed", but it says: "why" must be filled\n{STOOD}',
    ),
    "no such call": (
        "      - expect: {call: {service: rating, with: {name: The third}}}\n",
        'expected a call of "rating" with {name: "The third"}, but the calls since the last action are: '
        f'"rating" with {{name: "The second", letter: letter:2}}\n{STOOD}',
    ),
    "a call too many": (
        "      - expect: {call: none}\n",
        f'expected no calls of services since the last action, but there are: "rating" with {{name: "The second", letter: letter:2}}\n{STOOD}',
    ),
    "a variable": (
        "      - expect: {variables: {rounds: 1}}\n",
        f'expected the variable "rounds" to be 1, but it is 0\n{STOOD}',
    ),
    "an output": (
        "      - expect: {outputs: {many: 1}}\n",
        f'expected the output "many" to be 1, but it is none\n{STOOD}',
    ),
    "a number of documents": (
        "      - expect: {documents: {letter: 3}}\n",
        f'expected 3 as the number of documents of the type "letter", but it is 2\n{STOOD}',
    ),
    "fields of a document": (
        "      - expect: {documents: {first: {author: anna}}}\n",
        f'expected a document "first" with these fields, but there are: {{author: none}}\n{STOOD}',
    ),
    "a number of instances": (
        "      - expect: {process: archive, instances: 1}\n",
        f"expected 1 as the number of instances, but it is 0\n{STOOD}",
    ),
    "a task of the called process": (
        SIGNED + "      - expect: {process: archive, task: put, to: anna}\n",
        'expected the task of "put" to be for anna, but it is for boris\n'
        '"archive": the process that it has called has not ended\n"archive", instance 2: "Put it away" (put): a task of boris',
    ),
    "the end of the called process": (
        SIGNED + "      - expect: {process: archive, result: none}\n",
        "expected the process to have ended, but it is still running\n"
        '"archive": the process that it has called has not ended\n"archive", instance 2: "Put it away" (put): a task of boris',
    ),
    "a process that does not play": (
        "      - expect: {process: letter, instances: 2}\n",
        f"expected 2 as the number of instances, but it is 1\n{STOOD}",
    ),
}


@pytest.mark.parametrize("entries, expected", FAILS.values(), ids=FAILS.keys())
def test_a_scenario_that_does_not_hold(said: Said, entries: str, expected: str) -> None:
    assert said(entries) == expected


def test_a_service_of_which_nothing_is_said(said: Said) -> None:
    told = said("      - expect: {task: sign}\n", HEAD.replace("    service: {rating: {score: 3}}\n", ""))
    assert told.startswith('the service "rating" was called, but the scenario does not say what it answers: say it under "service"\n')


def test_a_service_that_fails_and_answers_later(said: Said) -> None:
    head = HEAD.replace("{score: 3}", "{error: offline, message: Nobody is there}")
    assert said("      - expect: {incident: Nobody is there}\n      - service: {rating: {score: 5}}\n      - expect: {task: sign}\n", head) == ""
    told = said("      - expect: {task: sign}\n", head)
    assert told.startswith("this has led to an incident: Nobody is there\n")
    assert '"Rate it" (check) in the branch "read": held by an incident' in told


def test_the_coverage_of_branches_and_commands(play: Play) -> None:
    report = play(SIGNED + "      - answer: {process: archive, task: put, by: boris, outcome: done}\n    ends: {result: archived}\n")
    assert report.coverage is not None
    assert [str(part.name) for part in report.coverage.branches.unvisited] == [
        'what may come meanwhile, "withdraw", of the process',
        'what may come meanwhile, "reminder", of the process',
    ]
    assert report.coverage.branches.total == 4


MISTAKES = {
    "      - command: {name: ‹withdrew, by: anna, why: x}\n": 'the process has no command "withdrew" — did you mean "withdraw"? [unknown-command]',
    "      - command: {name: withdraw, by: ‹ana, why: x}\n": 'there is no person "ana" in the directory — did you mean "anna"? [unknown-person]',
    "      - command: {name: withdraw, by: anna, ‹wy: x}\n": 'the command "withdraw" has no field "wy" — did you mean "why"? [unknown-field]',
    "      - refused: {command: {name: ‹withdrew, by: anna}}\n": 'the process has no command "withdrew" — did you mean "withdraw"? [unknown-command]',
    "      - message: {name: ‹remainder}\n": 'no process of this workspace receives a message "remainder" — did you mean "reminder"? [unknown-message]',
    "      - service: {‹ratting: {score: 3}}\n": 'the process calls no service "ratting" — did you mean "rating"? [uncalled-service]',
    "      - service: {rating: ‹5}\n": '"rating" must be a set of keys with values or a text or a list, and this is a whole number — put it in quotes '
    "[wrong-kind]",
    "      - service: {rating: ‹[{score: 1}, offline]}\n": "write the fields of the result, none, or {error: name, message: text} [wrong-kind]",
    "      - start: {by: ‹ana}\n": 'there is no person "ana" in the directory — did you mean "anna"? [unknown-person]',
    "      - start: {of: ‹frist}\n": 'the scenario has no document "frist" — did you mean "first"? [unknown-document]',
    "      - start: {process: ‹archve}\n": 'there is no process "archve" in this workspace — did you mean "archive"? [unknown-process]',
    "      - start: {inputs: {‹day: 1}}\n": 'the process has no input "day" [unknown-field]',
    "      - absent: {‹ana: {from: 2026-03-02}}\n": 'there is no person "ana" in the directory — did you mean "anna"? [unknown-person]',
    "      - expect: {task: sign, answered: {outcome: ‹dne}}\n": '"sign" has no outcome "dne" — did you mean "done"? [unknown-outcome]',
    "      - expect: {closed: ‹sing}\n": 'there is no step "sing" — did you mean "sign"? [unknown-step]',
    "      - expect: {task: sign, in-place-of: ‹ana}\n": 'there is no person "ana" in the directory — did you mean "anna"? [unknown-person]',
    "      - expect: {task: none, ‹title: Sign}\n": '"title" is said of a task: name its step with "task" [missing-key]',
    "      - expect: {‹in-place-of: anna}\n": '"in-place-of" is said of a task: name its step with "task" [missing-key]',
    "      - expect: {call: {service: ‹ratting}}\n": 'the process calls no service "ratting" — did you mean "rating"? [uncalled-service]',
    "      - expect: {process: ‹archve}\n": 'there is no process "archve" in this workspace — did you mean "archive"? [unknown-process]',
    "      - expect: {process: archive, task: ‹sign}\n": 'there is no step "sign" [unknown-step]',
    "      - answer: {process: archive, task: put, by: boris, outcome: done, ‹shelv: A}\n": 'the outcome "done" has no field "shelv" — did you mean "shelf"? '
    "[unknown-field]",
    "      - change: {of: ‹frist, document: {name: x}}\n": 'the scenario has no document "frist" — did you mean "first"? [unknown-document]',
    "      - change: {of: first, document: {‹nmae: x}}\n": 'the document has no field "nmae" — did you mean "name"? [unknown-field]',
    "      - expect: {documents: {‹leter: 2}}\n": 'there is no document type "leter" — did you mean "letter"? [unknown-type]',
    "      - expect: {documents: {first: {‹nmae: x}}}\n": '"letter" has no field "nmae" — did you mean "name"? [unknown-field]',
    "      - expect: {variables: {‹round: 2}}\n": 'the process has no variable "round" — did you mean "rounds"? [unknown-field]',
    "      - expect: {variables: {rounds: ‹many}}\n": '"rounds": "many" is not a whole number [wrong-value]',
    "      - expect: {outputs: {‹man: 2}}\n": 'the process has no output "man" — did you mean "many"? [unknown-field]',
    "      - expect: {result: ‹archve}\n": 'the process never ends with "archve" — did you mean "archived"? [unknown-result]',
}


@pytest.mark.parametrize("entry, expected", MISTAKES.items(), ids=MISTAKES.keys())
def test_an_entry_with_a_mistake(office: LoadedWorkspace, tmp_path: Path, entry: str, expected: str) -> None:
    path = tmp_path / "letter.test.yaml"
    path.write_text(HEAD + entry.replace("‹", ""), encoding="utf-8")
    (found,) = check_scenarios(path, office)
    assert render(found).replace(f"{path}:", "") == f"9:{entry.index('‹') + 1}: {expected}"


HEADS = {
    HEAD.replace("documents: {letter", "documents: {leter"): '5:17: there is no document type "leter" — did you mean "letter"? [unknown-type]',
    HEAD.replace("name: The first", "nmae: The first"): '5:34: "letter" has no field "nmae" — did you mean "name"? [unknown-field]',
    HEAD.replace("reply_to: first", "reply_to: frist"): '6:58: "reply_to": "frist" is not a document',
    HEAD.replace("{rating: {score: 3}}", "{ratting: {score: 3}}"): '7:15: the process calls no service "ratting" — did you mean "rating"? [uncalled-service]',
    HEAD.replace("    play", "    processes: [archve]\n    play"): 'there is no process "archve" in this workspace — did you mean "archive"? [unknown-process]',
    HEAD.replace("{first: {name: The first}", "{document: {name: The first}"): '5:26: there is a document "document" already [duplicate-id]',
}


@pytest.mark.parametrize("head, expected", HEADS.items(), ids=HEADS.values())
def test_a_beginning_with_a_mistake(office: LoadedWorkspace, tmp_path: Path, head: str, expected: str) -> None:
    path = tmp_path / "letter.test.yaml"
    path.write_text(head + "      - expect: {task: sign}\n", encoding="utf-8")
    found = [render(finding).replace(f"{path}:", "") for finding in check_scenarios(path, office)]
    assert any(expected in finding for finding in found), found
