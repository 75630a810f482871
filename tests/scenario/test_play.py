"""Scenarios that hold, and what those say that do not: each kind of expectation with the text that an analyst reads."""

import shutil
from collections.abc import Callable
from pathlib import Path
from textwrap import indent
from time import process_time

import pytest

from bpflow.diagnostics import Refused
from bpflow.loading import LoadedWorkspace
from bpflow.scenario import Report, Scenario, load_scenarios, play, play_file, prepare
from bpflow.scenario.stage import Stage
from bpflow.stores import open_store

Play = Callable[[str], Report]
Said = Callable[..., str]

WAITS = '"Договорились?" (ask): a task of ivanov, due 2026-03-04T10:00+03:00'
LATER = "      - answer: {task: ask, by: ivanov, outcome: later, call_at: 2026-03-03T12:00+03:00}\n"
AGREED = "      - answer: {task: ask, by: ivanov, outcome: agreed, sum: 5000}\n"
CARETS = str.maketrans({"‹": "", "›": ""})


def failure(entry: str, message: str, stood: str = WAITS, at: str = "2026-03-02T10:00+03:00", line: int = 7) -> str:
    """The text of a failure. In the entry the place stands between ‹ ›."""
    start, end = entry.index("‹"), entry.index("›") - 1
    shown = entry.translate(CARETS)
    carets = " " * start + "^" * (end - start)
    where = indent(stood, "  ")
    return f"deal.test.yaml:{line}:{start + 1}: {message}\n{line:>5} | {shown}\n      | {carets}\nat {at} the process stood here:\n{where}"


HOLDS = {
    "a task": "      - expect: {task: ask, to: ivanov, due: 2026-03-04T10:00+03:00, overdue: false, waiting: ask, instances: 1}\n",
    "a list of people": "      - expect: {task: ask, to: [ivanov]}\n",
    "a pause by its id": LATER + "      - expect: {waiting: wait_for_call}\n",
    "a pause by its activity": LATER + "      - expect: {waiting: pause}\n",
    "a calendar entry": LATER + "      - expect: {calendar: {title: Звонок, at: 2026-03-03T12:00+03:00, to: ivanov}}\n",
    "an instant without a zone is one of the process's": LATER + "      - expect: {calendar: [{at: 2026-03-03T12:00}, {to: [ivanov]}]}\n",
    "no calendar entries": "      - expect: {calendar: none, notice: none}\n",
    "empty fields": "      - expect: {document: {sum: none, tags: none, name: Труба}}\n",
    "up to an instant": LATER + "      - wait: 2026-03-03T12:00+03:00\n      - expect: {task: ask, due: 2026-03-05T12:00+03:00}\n",
    "a length of time": LATER + "      - wait: 26h\n      - expect: {task: ask}\n",
    "working days": "      - wait: 2 working days\n      - expect: {task: ask, overdue: true, notice: {to: boss}}\n",
    "the wait ends where it says": "      - wait: 2026-03-04T09:59+03:00\n      - expect: {task: ask, overdue: false}\n",
    "an end": AGREED + "    ends: {result: won, document: {status: won, sum: 5000}, notice: {to: boss}}\n",
    "an end with a comment": "      - answer: {task: ask, by: ivanov, outcome: refused, comment: Дорого}\n    ends: {result: lost, calendar: none}\n",
    "somebody absent": "      - expect: {task: ask, to: petrova}\n    absent: {ivanov: {from: 2026-03-02, to: 2026-03-03}}\n",
    "several absences": "      - expect: {task: ask, to: boss}\n"
    "    absent: {ivanov: [{from: 2026-01-01, to: 2026-01-02}, {from: 2026-03-01, substitute: boss}]}\n",
    "a change by nobody": "      - expect: {task: ask}\n      - change: {document: {sum: 7}}\n      - expect: {document: {sum: 7}}\n",
    "a field emptied": "      - expect: {task: ask}\n      - change: {document: {sum: 7}}\n"
    "      - change: {document: {sum: none}}\n      - expect: {document: {sum: none}}\n",
    "a wrong outcome refused": "      - refused: {answer: {task: ask, by: ivanov, outcome: won}}\n",
    "a reason": "      - refused: {answer: {task: ask, by: ivanov, outcome: agreed}, because: must be filled}\n",
    "a reason in either language": "      - refused: {answer: {task: ask, by: petrova, outcome: agreed, sum: 1}, because: petrova}\n",
    "a wrong value": "      - refused: {answer: {task: ask, by: ivanov, outcome: later, call_at: завтра}}\n",
    "nothing open": LATER + "      - expect: {task: none, closed: ask}\n",
    "what the task says": "      - expect: {task: ask, title: Договорились?}\n",
    "away as of now": LATER + "      - absent: {ivanov: {from: 2026-03-03, to: 2026-03-04}}\n      - wait: 26h\n"
    "      - expect: {task: ask, to: petrova, in-place-of: ivanov}\n",
    "who has the task keeps it": "      - absent: {ivanov: {from: 2026-03-01}}\n      - expect: {task: ask, to: ivanov, in-place-of: []}\n",
    "up to a day": LATER + "      - wait: 2026-03-04\n      - expect: {task: ask, due: 2026-03-05T12:00+03:00}\n",
    "a start": "      - start: {}\n      - expect: {instances: 1, task: ask}\n",
    "a start refused": "      - refused: {start: {by: ivanov}}\n      - expect: {instances: 0, task: none}\n",
    "a closed task": LATER + "      - refused: {answer: {task: ask, by: ivanov, outcome: agreed, sum: 5}, because: closed}\n",
}


@pytest.mark.parametrize("entries", HOLDS.values(), ids=HOLDS.keys())
def test_a_scenario_that_holds(said: Said, entries: str) -> None:
    assert said(entries) == ""


FAILS = {
    "no task": (
        LATER,
        failure(
            "      - expect: {task: ‹ask›}",
            'expected an open task of "ask", but no task is open',
            '"До звонка" (wait_for_call): waits until 2026-03-03T12:00+03:00',
            line=8,
        ),
    ),
    "people": ("", failure("      - expect: {task: ask, to: ‹petrova›}", 'expected the task of "ask" to be for petrova, but it is for ivanov')),
    "more people": (
        "",
        failure("      - expect: {task: ask, to: ‹[petrova, ivanov]›}", 'expected the task of "ask" to be for ivanov, petrova, but it is for ivanov'),
    ),
    "due": (
        "",
        failure(
            "      - expect: {task: ask, due: ‹2026-03-04T11:00+03:00›}",
            'expected the task of "ask" to be due 2026-03-04T11:00+03:00, but it is due 2026-03-04T10:00+03:00',
        ),
    ),
    "no deadline": ("", failure("      - expect: {task: ask, due: ‹none›}", 'expected the task of "ask" to be due none, but it is due 2026-03-04T10:00+03:00')),
    "overdue": (
        "",
        failure("      - expect: {task: ask, overdue: ‹true›}", 'expected the task of "ask" to be overdue, but it is not: it is due 2026-03-04T10:00+03:00'),
    ),
    "not overdue": (
        "      - wait: 2 working days\n",
        failure(
            "      - expect: {task: ask, overdue: ‹false›}",
            'expected the task of "ask" not to be overdue, but it is: it was due 2026-03-04T10:00+03:00',
            '"Договорились?" (ask): a task of ivanov, overdue since 2026-03-04T10:00+03:00',
            at="2026-03-04T10:00+03:00",
            line=8,
        ),
    ),
    "no task at all": ("", failure("      - expect: {task: ‹none›}", 'expected no open task, but open is "ask"')),
    "closed, and it is open": ("", failure("      - expect: {closed: ‹ask›}", 'expected the task of "ask" to be closed, but it is open')),
    "closed, and it was never open": (
        "      - change: {document: {status: lost}}\n",
        failure("      - expect: {closed: ‹ask›}", 'expected the task of "ask" to be closed, but nobody has had one yet', "it has not been started", line=8),
    ),
    "in whose place": (
        "",
        failure(
            "      - expect: {task: ask, in-place-of: ‹petrova›}",
            'expected the task of "ask" to be done in place of petrova, but it is done in place of nobody',
        ),
    ),
    "an answer so far": (
        "",
        failure(
            "      - expect: {task: ask, answered: ‹{by: ivanov, outcome: agreed}›}",
            'expected the task of "ask" to have an answer "agreed" by ivanov, but the answers are: none',
        ),
    ),
    "what a task is called": (
        "",
        failure("      - expect: {task: ask, title: ‹Решили?›}", 'expected the task of "ask" to be called "Решили?", but it is called "Договорились?"'),
    ),
    "what a task tells": ("", failure("      - expect: {task: ask, text: ‹Звони›}", 'expected the task of "ask" to tell "Звони", but it tells ""')),
    "a start that is refused": (
        "",
        failure("      - ‹start›: {by: ivanov}", 'the start was refused: "deal" is not started by hand', "it has not been started"),
    ),
    "a start that should be": ("", failure("      - ‹refused›: {start: {}}", "the start should have been refused, but it was taken")),
    "waiting": ("", failure("      - expect: {waiting: ‹wait_for_call›}", 'expected the process to wait at "wait_for_call", but it does not')),
    "a field": ("", failure("      - expect: {document: {status: ‹won›}}", 'expected "status" of the document to be "won", but it is "open"')),
    "an empty field": ("", failure("      - expect: {document: {tags: ‹[a, b]›}}", 'expected "tags" of the document to be ["a", "b"], but it is none')),
    "a calendar entry": (
        LATER,
        failure(
            "      - expect: {calendar: ‹{title: Звонок, at: 2026-03-03T12:30+03:00, to: boss}›}",
            'expected a calendar entry "Звонок" at 2026-03-03T12:30+03:00 for boss, but the entries are: "Звонок" at 2026-03-03T12:00+03:00 for ivanov',
            '"До звонка" (wait_for_call): waits until 2026-03-03T12:00+03:00',
            line=8,
        ),
    ),
    "no calendar entries": ("", failure("      - expect: {calendar: ‹{to: boss}›}", "expected a calendar entry for boss, but the entries are: none")),
    "a calendar entry too many": (
        LATER,
        failure(
            "      - expect: {calendar: ‹none›}",
            'expected no calendar entries, but there are: "Звонок" at 2026-03-03T12:00+03:00 for ivanov',
            '"До звонка" (wait_for_call): waits until 2026-03-03T12:00+03:00',
            line=8,
        ),
    ),
    "a notice": (
        AGREED,
        failure(
            "      - expect: {notice: ‹{to: ivanov, title: Крупная сделка, text: на 6000}›}",
            'expected a notice "Крупная сделка" with "на 6000" in its text for ivanov, but the notices since the last action are: '
            '"Крупная сделка" to boss ("Труба на 5000")',
            'it has ended with "won"',
            line=8,
        ),
    ),
    "a notice too many": (
        "      - wait: 2 working days\n",
        failure(
            "      - expect: {notice: ‹none›}",
            'expected no notices since the last action, but there are: overdue: "Договорились?" to boss; reminder: "Договорились?" to ivanov',
            '"Договорились?" (ask): a task of ivanov, overdue since 2026-03-04T10:00+03:00',
            at="2026-03-04T10:00+03:00",
            line=8,
        ),
    ),
    "instances": ("", failure("      - expect: {instances: ‹2›}", "expected 2 as the number of instances, but it is 1")),
    "an incident": ("", failure("      - expect: {incident: ‹zero›}", 'expected an incident with "zero", but there is none')),
    "an answer by another": (
        "",
        failure("      - ‹answer›: {task: ask, by: petrova, outcome: agreed, sum: 5}", 'the answer was refused: the task is not for "petrova"'),
    ),
    "an answer to a task that has not been": (
        "      - change: {document: {status: lost}}\n",
        failure(
            "      - answer: {task: ‹ask›, by: ivanov, outcome: agreed, sum: 5}",
            'nobody has had a task of "ask" yet',
            "it has not been started",
            line=8,
        ),
    ),
    "taken": (
        "",
        failure(
            "      - ‹refused›: {answer: {task: ask, by: ivanov, outcome: agreed, sum: 5}}",
            "the answer should have been refused, but it was taken",
            'it has ended with "won"',
        ),
    ),
    "refused for another reason": (
        "",
        failure(
            "      - refused: {answer: {task: ask, by: ivanov, outcome: agreed}, because: ‹not his›}",
            'expected the refusal to say "not his", but it says: "Сумма" must be filled',
        ),
    ),
    "back in time": ("", failure("      - ‹wait›: 2026-03-01T10:00+03:00", "this moment has passed already: time does not go back")),
    "a change refused": (
        "      - expect: {task: ask}\n",
        failure("      - ‹change›: {by: ivanov, document: {name: none}}", 'the change was refused: "name": a value is required', line=8),
    ),
    "still running": (
        LATER,
        failure(
            "    ends: {result: ‹won›}",
            'expected the process to have ended with "won", but it is still running',
            '"До звонка" (wait_for_call): waits until 2026-03-03T12:00+03:00',
            line=8,
        ),
    ),
    "still running, with whatever result": (
        "      - expect: {task: ask}\n",
        failure("    ‹ends›: {document: {status: open}}", "expected the process to have ended, but it is still running", line=8),
    ),
    "another result": (
        "      - answer: {task: ask, by: ivanov, outcome: agreed, sum: 5}\n",
        failure("    ends: {result: ‹lost›}", 'expected the result "lost", but it has ended with "won"', 'it has ended with "won"', line=8),
    ),
}


@pytest.mark.parametrize("before, expected", FAILS.values(), ids=FAILS.keys())
def test_a_scenario_that_does_not_hold_says_why_and_where_it_stood(said: Said, before: str, expected: str) -> None:
    number = int(expected.split(":")[1])
    entry = next(line for line in expected.splitlines() if line.startswith(f"{number:>5} | ")).partition(" | ")[2]
    assert said(f"{before}{entry}\n") == expected


@pytest.mark.parametrize(
    "entry, russian",
    [
        ("expect: {task: none}", "открытых задач не ожидалось, но открыты: «ask»"),
        ("expect: {closed: ask}", "задача шага «ask» должна быть закрыта, но она открыта"),
        ("expect: {task: ask, in-place-of: petrova}", "задача шага «ask» не за тех: ожидалось — за petrova, на деле — никого"),
        ("expect: {task: ask, title: Решили?}", "задача шага «ask» называется не так: ожидалось «Решили?», на деле «Договорились?»"),
        ("refused: {start: {}}", "в запуске должно было быть отказано, но процесс запущен"),
    ],
)
def test_and_says_so_in_russian(said: Said, entry: str, russian: str) -> None:
    assert said(f"      - {entry}\n", "ru").partition(": ")[2].startswith(f"{russian}\n")


def test_all_that_is_wrong_with_one_expectation_is_said(said: Said) -> None:
    text = said("      - expect: {task: ask, to: petrova, overdue: true, document: {status: won}}\n")
    assert [line.partition(": ")[2] for line in text.splitlines() if line.startswith("deal.test.yaml:7")] == [
        'expected the task of "ask" to be for petrova, but it is for ivanov',
        'expected the task of "ask" to be overdue, but it is not: it is due 2026-03-04T10:00+03:00',
        'expected "status" of the document to be "won", but it is "open"',
    ]


def test_other_tasks_that_are_open_are_named(play: Play) -> None:
    report = play(OTHER)
    assert [finding.rule for finding in report.findings] == []
    (played,) = report.played
    assert played.failure is not None
    assert 'expected an open task of "second", but open is "first"' in played.failure.text()


OTHER = """\
process: two
scenarios:
  - title: Второй вопрос
    at: 2026-03-02T10:00+03:00
    play:
      - expect: {task: second}
"""


# ── the start ───────────────────────────────────────────────────────────────────────────────────────────────────────
NEW = """\
process: deal
scenarios:
  - title: Взяли в работу
    at: 2026-03-02T10:00+03:00
    document: {{name: Труба, status: new, responsible: ivanov}}
    play:
{play}"""


def test_a_change_starts_the_process_by_itself(said: Said) -> None:
    assert said(NEW.format(play="      - change: {by: ivanov, document: {status: open}}\n      - expect: {instances: 1, task: ask, to: ivanov}\n")) == ""


def test_another_change_starts_nothing(said: Said) -> None:
    assert said(NEW.format(play="      - change: {by: ivanov, document: {status: lost}}\n      - expect: {instances: 0}\n")) == ""


def test_what_has_not_been_started_has_not_ended(said: Said) -> None:
    text = said(NEW.format(play="      - change: {document: {status: lost}}\n    ends: {result: won}\n"))
    assert text == failure("    ‹ends›: {result: won}", "expected the process to have ended, but it has not been started", "it has not been started", line=8)


def test_a_document_that_cannot_be_is_a_failure(workspace: LoadedWorkspace) -> None:
    scenario = Scenario.model_validate({"title": "Без имени", "at": "2026-03-02T10:00+03:00", "document": {"status": "open"}}).of("deal", "")
    played = play(scenario, workspace)
    assert played.failure is not None
    assert "the scenario cannot begin: " in played.failure.text()
    assert "it has not been started" in played.failure.text()


def test_a_scenario_of_no_process_is_refused(workspace: LoadedWorkspace) -> None:
    scenario = Scenario.model_validate({"title": "Ничей", "at": "2026-03-02T10:00+03:00"})
    with pytest.raises(Refused, match='there is no process ""'):
        play(scenario.of("", ""), workspace)


# ── incidents ───────────────────────────────────────────────────────────────────────────────────────────────────────
BROKEN = """\
process: broken
scenarios:
  - title: Ноль
    at: 2026-03-02T10:00+03:00
    document: {{name: Труба, status: open, responsible: ivanov}}
    play:
{play}"""
ZERO = "      - answer: {task: ask, by: ivanov, outcome: done, parts: 0}\n"


def test_an_incident_fails_the_scenario_with_its_message_and_place(said: Said) -> None:
    for rest in ("", "      - wait: 1d\n", "      - expect: {waiting: tell}\n", "    ends: {result: none}\n"):
        text = said(BROKEN.format(play=ZERO + rest))
        assert text.startswith("deal.test.yaml:7:9: this has led to an incident: division by zero\n")
        assert text.endswith(": division by zero")
        assert '  "Сказать" (tell): held by an incident\n  an incident at "Сказать" (tell), ' in text
        assert "broken.yaml:17:5: " in text


def test_an_incident_while_time_passes_fails_the_wait(said: Said) -> None:
    assert "7:9: this has led to an incident: " in said(BROKEN.format(play="      - wait: 2d\n"))


def test_an_incident_may_be_expected(said: Said) -> None:
    assert said(BROKEN.format(play=ZERO + "      - expect: {incident: by zero}\n      - wait: 1d\n      - expect: {incident: Zero}\n")) == ""


def test_another_incident_than_the_expected_one(said: Said) -> None:
    text = said(BROKEN.format(play=ZERO + "      - expect: {incident: not there}\n"))
    assert text.startswith('deal.test.yaml:8:28: expected an incident with "not there", but there is: division by zero\n')


def test_an_end_without_a_result(said: Said) -> None:
    ends = "      - answer: {task: ask, by: ivanov, outcome: done, parts: 3}\n    ends: {result: none, notice: {to: boss, text: По 33}}\n"
    assert said(BROKEN.format(play=ends)) == ""


# ── time and cost ───────────────────────────────────────────────────────────────────────────────────────────────────
def test_each_timer_on_the_way_goes_off_at_its_own_time(workspace: LoadedWorkspace) -> None:
    """After two working days the head is told, and there is a reminder each working day, always at ten o'clock."""
    deal = {"name": "Труба", "status": "open", "responsible": "ivanov"}
    scenario = Scenario.model_validate({"title": "Молчание", "at": "2026-03-02T10:00+03:00", "document": deal})
    stage = Stage(prepare(workspace.processes["deal"], workspace), scenario)
    stage.begin(scenario)
    stage.wait(stage.known.instant("2026-03-06T12:00+03:00"))
    told = [(notice.reason, notice.at.astimezone(stage.known.zone).strftime("%d.%m %H:%M")) for notice in stage.notices()]
    assert sorted(told) == [("overdue", "04.03 10:00"), ("reminder", "04.03 10:00"), ("reminder", "05.03 10:00"), ("reminder", "06.03 10:00")]
    stage.close()


def test_a_fresh_store_costs_next_to_nothing() -> None:
    open_store(":memory:").close()
    begun = process_time()
    for _ in range(10):
        open_store(":memory:").close()
    assert (process_time() - begun) / 10 < 0.05  # seconds; a few milliseconds where the machine has nothing else to do


def test_scenarios_know_nothing_of_each_other(play: Play) -> None:
    one = LATER.replace("      - answer", "      - expect: {instances: 1, calendar: none}\n      - answer")
    text = NEW.format(play=one).replace("status: new", "status: open")
    twice = text + text.partition("scenarios:\n")[2].replace("Взяли в работу", "Ещё раз")
    report = play(twice)
    assert [played.ok for played in report.played] == [True, True]
    assert all(0 < played.seconds < 5 for played in report.played)


def test_the_text_of_a_file_goes_with_its_scenarios(tmp_path: Path) -> None:
    path = tmp_path / "deal.test.yaml"
    path.write_text(NEW.format(play="      - expect: {task: ask}\n"), encoding="utf-8")
    (scenario,) = load_scenarios(path).scenarios
    assert scenario.process == "deal"
    assert scenario.source == path.read_text(encoding="utf-8")
    assert str(scenario.place) == f"{path}:3:5"


# ── starts of other kinds ───────────────────────────────────────────────────────────────────────────────────────────
def test_a_process_without_a_document_is_started_with_its_inputs(play: Play) -> None:
    text = OTHER.replace("    play:\n", "    inputs: {who: ivanov}\n    by: petrova\n    play:\n").replace("{task: second}", "{task: first, to: ivanov}")
    assert play(text).ok
    assert play(text.replace("inputs: {who: ivanov}", "inputs: {who: none}").replace("to: ivanov", "to: boss")).ok


def test_what_nobody_starts_by_hand_is_not_started_by_hand(said: Said) -> None:
    text = said(NEW.format(play="      - expect: {task: ask}\n").replace("    play:", "    by: ivanov\n    play:"))
    assert text.startswith('deal.test.yaml:3:12: the scenario cannot begin: "deal" is not started by hand\n')


def test_a_process_is_started_again_whenever_its_start_holds_again(said: Said) -> None:
    lost = "      - change: {by: ivanov, document: {status: open}}\n      - answer: {task: ask, by: ivanov, outcome: refused, comment: Дорого}\n"
    again = "      - change: {document: {status: new}}\n      - change: {document: {status: open}}\n      - expect: {instances: 2}\n"
    assert said(NEW.format(play=lost + again + "    ends: {result: lost}\n")) == ""


def test_a_document_that_is_created_may_start_the_process_itself(tmp_path: Path, folder: Path) -> None:
    """The player starts nothing then: there would be two instances."""
    own = tmp_path / "own"
    shutil.copytree(folder, own)
    process = (own / "deal.yaml").read_text(encoding="utf-8")
    start = '  - on: document-changed\n    when: previous.status == "new" and document.status == "open"\n'
    assert start in process
    (own / "deal.yaml").write_text(process.replace(start, "  - {on: document-created}\n"), encoding="utf-8")
    (own / "deal.test.yaml").write_text(NEW.format(play="      - expect: {instances: 1, task: ask}\n"), encoding="utf-8")
    report = play_file(own / "deal.test.yaml")
    assert report.findings == []
    assert [played.failure for played in report.played] == [None]


def test_a_process_on_schedule_starts_at_its_time(tmp_path: Path, folder: Path) -> None:
    own = tmp_path / "own"
    shutil.copytree(folder, own)
    report = "bpflow: 1\nid: report\nstart:\n  - {on: schedule, cron: 0 18 * * 1-5}\nsteps:\n  - {activity: end, result: done}\n"
    (own / "report.yaml").write_text(report, encoding="utf-8")
    scenario = "process: report\nscenarios:\n  - title: From Friday to Monday\n    at: 2026-03-06T12:00\n    play:\n"
    waits = "      - {wait: 5h}\n      - expect: {instances: 0}\n      - {wait: 1h}\n      - expect: {instances: 1, result: done}\n"
    waits += "      - {wait: 3d}\n      - expect: {instances: 2}\n"
    (own / "report.test.yaml").write_text(scenario + waits, encoding="utf-8")
    (played,) = play_file(own / "report.test.yaml").played
    assert played.failure is None


def test_a_process_that_never_rests_is_a_failure(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bpflow.scenario.stage.MOST_WORK", 0)
    own = tmp_path / "own"
    shutil.copytree(folder, own)
    (own / "deal.test.yaml").write_text(HEAD_OF_DEAL + "      - wait: 3 working days\n", encoding="utf-8")
    (played,) = play_file(own / "deal.test.yaml").played
    assert played.failure is not None
    assert "the process does not come to rest" in played.failure.text()


def test_a_reminder_that_comes_again_at_once_is_an_incident(tmp_path: Path, folder: Path) -> None:
    own = tmp_path / "own"
    shutil.copytree(folder, own)
    process = (own / "deal.yaml").read_text(encoding="utf-8")
    (own / "deal.yaml").write_text(process.replace("remind: 1 working day", "remind: hours(weekday(now) - weekday(now))"), encoding="utf-8")
    (own / "deal.test.yaml").write_text(HEAD_OF_DEAL + "      - wait: 3 working days\n", encoding="utf-8")
    (played,) = play_file(own / "deal.test.yaml").played
    assert played.failure is not None
    assert "the next reminder would come at once" in played.failure.text()


HEAD_OF_DEAL = NEW.format(play="").replace("status: new", "status: open")
