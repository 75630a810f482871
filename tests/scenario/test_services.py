"""Scenarios of processes that make and find documents, decide and pick people: an analyst plays them with no database and no network."""

from pathlib import Path

from bpflow.loading import load_workspace
from bpflow.scenario import play_file
from tests.runnable import runnable
from tests.scenario.conftest import DIRECTORY

DEAL = """\
type: deal
title: Сделка
title-field: name
fields:
  name: {type: string, required: true}
  status: {type: choice, default: new, choices: [new, won]}
  sum: {type: integer}
  responsible: {type: user}
  next: {type: document, of: deal, many: true}
  earlier: {type: document, of: deal}
"""

PROCESS = """\
bpflow: 1
id: renew
title: Продлить сделку
timezone: Europe/Moscow
document: deal
start: [{on: document-created, when: document.earlier == none}]
steps:
  - id: terms
    activity: decide
    title: Какая скидка?
    rules:
      - {title: крупная, when: document.sum > 1000, then: {discount: 10}}
      - {title: средняя, when: document.sum > 100, then: {discount: 5}}
    otherwise: {discount: 0}
    gives:
      discount: {type: integer}
  - id: pick
    activity: pick-user
    title: Кому поручить?
    from: [user("ivanov"), user("petrova")]
    how: random
    skip-absent: true
    if-nobody: user("boss")
  - id: new_one
    activity: create-document
    title: Завести новую
    type: deal
    set: {name: Снова $(document.name), responsible: $(pick.user), sum: $(document.sum * (100 - terms.discount) // 100)}
    link: {next: earlier}
  - id: others
    activity: find-documents
    title: Сколько их?
    type: deal
    where: item.earlier == document
    order: -item.sum
  - {id: tell, activity: notify, title: Сказать, to: pick.user, text: "$(others.count): $(others.items), $(others.items[0].sum)"}
"""

SCENARIOS = """\
process: renew
scenarios:
  - title: Крупная сделка
    at: 2026-03-02T10:00+03:00
    document: {name: Труба, sum: 2000}
    ends: {notice: {to: petrova, text: "1: Снова Труба, 1800"}} # by the seed of the first instance, always
  - title: Средняя, Иванова нет
    at: 2026-03-02T10:00+03:00
    absent: {ivanov: {from: 2026-03-02, to: 2026-03-03}}
    document: {name: Труба, sum: 200}
    ends: {notice: {to: petrova, text: "1: Снова Труба, 190"}}
  - title: Малая, никого нет
    at: 2026-03-02T10:00+03:00
    absent: {ivanov: {from: 2026-03-02, to: 2026-03-03}, petrova: {from: 2026-03-02, to: 2026-03-03}}
    document: {name: Труба, sum: 20}
    ends: {notice: {to: boss, text: "1: Снова Труба, 20"}}
"""


def workspace(folder: Path, scenarios: str) -> Path:
    (folder / "documents").mkdir()
    files = {"bpflow.yaml": "timezone: Europe/Moscow\n", "directory.yaml": DIRECTORY, "documents/deal.yaml": DEAL}
    for name, text in {**files, "renew.yaml": PROCESS, "renew.test.yaml": scenarios}.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_scenarios_hold_and_see_each_rule(tmp_path: Path) -> None:
    loaded = runnable(load_workspace(workspace(tmp_path, SCENARIOS)))
    report = play_file(tmp_path / "renew.test.yaml", loaded)
    assert [str(played.failure) for played in report.failed] == []
    assert report.coverage is not None
    assert report.coverage.full


def test_a_rule_that_no_scenario_meets_is_told(tmp_path: Path) -> None:
    loaded = load_workspace(workspace(tmp_path, SCENARIOS.partition("  - title: Средняя")[0]))
    report = play_file(tmp_path / "renew.test.yaml", loaded)
    assert report.coverage is not None
    assert [str(part.name) for part in report.coverage.branches.unvisited] == [
        'branch 2 of "Какая скидка?" (terms)',
        '"otherwise" of "Какая скидка?" (terms)',
    ]
