"""A small workspace: deals that are talked about until they are won or lost, and a process that breaks."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bpflow.loading import LoadedWorkspace, load_workspace
from bpflow.scenario import Report, play_file
from tests.runnable import runnable

DIRECTORY = """\
people:
  ivanov: {name: Иванов Пётр, department: sales, substitute: petrova}
  petrova: {name: Петрова Анна, department: sales}
  boss: {name: Морозов Илья}
departments:
  sales: {title: Отдел продаж, head: boss}
"""

DOCUMENT = """\
type: deal
title: Сделка
title-field: name
fields:
  name: {type: string, title: Название, required: true}
  status: {type: choice, title: Статус, required: true, choices: [new, open, won, lost]}
  responsible: {type: user, title: Ответственный, required: true}
  sum: {type: integer, title: Сумма}
  tags: {type: string, many: true}
"""

PROCESS = """\
bpflow: 1
id: deal
title: Сделка
timezone: Europe/Moscow
document: deal
start:
  - on: document-changed
    when: previous.status == "new" and document.status == "open"
steps:
  - id: until_agreed
    activity: loop
    title: Пока не договорились
    until: ask.outcome == "agreed"
    steps:
      - id: ask
        activity: request-info
        title: Договорились?
        to: document.responsible
        due: 2 working days
        on-overdue: {tell: user("boss"), remind: 1 working day}
        outcomes:
          agreed:
            title: Да
            fill: [sum]
            required: [sum]
          later:
            title: Позже
            fields:
              call_at: {type: datetime, title: Когда, required: true}
            steps:
              - {activity: calendar-event, title: Звонок, at: ask.call_at, to: document.responsible}
              - {id: wait_for_call, activity: pause, title: До звонка, until: ask.call_at}
          refused:
            title: Нет
            comment: required
            next: refused
  - id: large
    activity: condition
    title: Крупная?
    branches:
      - when: document.sum > 1000
        steps:
          - {id: tell_boss, activity: notify, to: user("boss"), title: Крупная сделка, text: $(document.name) на $(document.sum)}
    otherwise: {next: go-on}
  - {activity: update-document, set: {status: won}}
  - {activity: end, result: won}
  - {id: refused, activity: update-document, set: {status: lost}}
  - {activity: end, result: lost}
"""

BROKEN = """\
bpflow: 1
id: broken
title: Делит на ноль
document: deal
steps:
  - id: ask
    activity: request-info
    title: На сколько поделить?
    to: document.responsible
    due: 1d
    on-overdue: {outcome: expired}
    outcomes:
      done:
        fields:
          parts: {type: integer, required: true}
      expired: {title: Срок вышел, button: false, next: go-on}
  - {id: tell, activity: notify, title: Сказать, to: user("boss"), text: "По $(100 // coalesce(ask.parts, 0))"}
"""

TWO = """\
bpflow: 1
id: two
title: Два вопроса без документа
inputs:
  who: {type: user}
steps:
  - {id: first, activity: request-info, title: Первый, to: 'coalesce(who, user("boss"))', due: none}
  - {id: second, activity: request-info, title: Второй, to: user("boss"), due: none}
"""

HEAD = """\
process: deal
scenarios:
  - title: Проба
    at: 2026-03-02T10:00+03:00
    document: {name: Труба, status: open, responsible: ivanov}
    play:
"""


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the workspace."""
    folder = tmp_path_factory.mktemp("workspace")
    (folder / "documents").mkdir()
    files = {"bpflow.yaml": "timezone: Europe/Moscow\n", "directory.yaml": DIRECTORY, "documents/deal.yaml": DOCUMENT}
    for name, text in {**files, "deal.yaml": PROCESS, "broken.yaml": BROKEN, "two.yaml": TWO}.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def workspace(folder: Path) -> LoadedWorkspace:
    return runnable(load_workspace(folder))


Play = Callable[..., Report]


@pytest.fixture
def play(tmp_path: Path, workspace: LoadedWorkspace) -> Play:
    """Plays the text of a file, or entries of a play and what follows them in the small scenario."""

    def played(text: str) -> Report:
        path = tmp_path / "deal.test.yaml"
        path.write_text(text if text.startswith("process:") else HEAD + text, encoding="utf-8")
        return play_file(path, workspace)

    return played


@pytest.fixture
def said(play: Play, tmp_path: Path) -> Callable[..., str]:
    """What the only scenario says of its failure; empty where all was well."""

    def said(text: str, language: str = "en") -> str:
        report = play(text)
        assert report.findings == []
        (played,) = report.played
        return played.failure.text(language).replace(f"{tmp_path}/", "") if played.failure else ""

    return said
