"""A small workspace of deals, and engines on real database files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bpflow.loading import LoadedWorkspace, load_text, load_workspace
from bpflow.runtime import Engine, VirtualClock, open_engine
from bpflow.services.request import Registered
from tests.owners import guarded
from tests.runnable import runnable

SETTINGS = "timezone: Europe/Moscow\n"

DIRECTORY = """\
people:
  ivanov: {name: Иванов Пётр, department: sales, substitute: petrova, absences: [{from: 2026-03-10, to: 2026-03-13}]}
  petrova: {name: Петрова Анна, department: sales}
  gone: {name: Ушедший Олег, department: sales, left: 2026-01-30}
  boss: {name: Морозов Илья}
departments:
  sales: {title: Отдел продаж, head: boss}
  empty: {title: Пустой отдел}
roles:
  clerk: {title: Секретарь, members: [petrova, boss]}
"""

DEAL = """\
type: deal
title: Сделка
title-field: name
fields:
  name: {type: string, title: Название, required: true}
  status: {type: choice, title: Статус, required: true, choices: [new, open, won, lost]}
  responsible: {type: user, title: Ответственный}
  sum: {type: integer, title: Сумма, min: 0}
  deadline: {type: datetime, title: Срок}
  parent: {type: document, of: deal, title: Главная сделка}
"""

ASK = """\
bpflow: 1
id: ask
title: Договориться
document: deal
unless-running: true
start:
  - on: document-changed
    when: previous.status == "new" and document.status == "open"
  - {on: manual}
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
            comment: none
            fields:
              call_at: {type: datetime, title: Когда, required: true}
              kind: {type: choice, choices: [phone, visit]}
            steps:
              - {activity: calendar-event, title: Звонок, at: ask.call_at, to: document.responsible}
              - {id: wait_for_call, activity: pause, title: До звонка, until: ask.call_at}
          refused:
            title: Нет
            comment: required
            next: refused
  - {id: win, activity: update-document, set: {status: won}}
  - {activity: end, result: won}
  - {id: refused, activity: update-document, set: {status: lost}}
  - {activity: end, result: lost}
"""

PLAIN = """\
bpflow: 1
id: plain
title: Два вопроса без документа
inputs:
  who: {type: user}
steps:
  - id: first
    activity: request-info
    title: Первый
    to: 'coalesce(who, user("boss"))'
    due: none
    outcomes: {done: {fields: {parts: {type: integer, required: true}}}}
  - id: second
    activity: request-info
    title: Второй
    to: with_role("clerk")
    due: 30d
    on-overdue: {outcome: silent}
    outcomes:
      done: {}
      silent: {title: Молчат, button: false, next: go-on}
"""

FILES = {
    "bpflow.yaml": SETTINGS,
    "directory.yaml": DIRECTORY,
    "documents/deal.yaml": DEAL,
    "documents/bill.yaml": "type: bill\ntitle: Счёт\nfields:\n  sum: {type: money}\n",
    "ask.yaml": ASK,
    "plain.yaml": PLAIN,
}

Open = Callable[..., Engine]


@pytest.fixture(autouse=True)
def one_owner(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """No test may have a unit of work write rows of two owners; gives what has done so."""
    with guarded(monkeypatch) as broken:
        yield broken


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the workspace."""
    folder = tmp_path_factory.mktemp("workspace")
    (folder / "documents").mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def workspace(folder: Path) -> LoadedWorkspace:
    return runnable(load_workspace(folder))


@pytest.fixture
def clock() -> VirtualClock:
    """Monday morning."""
    return VirtualClock(datetime.fromisoformat("2026-03-02T10:00+03:00"))


ON_POSTGRES = frozenset({"test_called_processes", "test_round", "test_verifying"})
"""The modules that are run on PostgreSQL too where nothing else is asked for; `--store postgres` runs all on it."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests that have a database have it on one store, or on each."""
    if "db" in metafunc.fixturenames:
        asked = metafunc.config.getoption("store")
        both = asked == "some" and metafunc.module.__name__.rpartition(".")[2] in ON_POSTGRES
        stores = ["sqlite", "postgres"] if both else ["sqlite" if asked == "some" else asked]
        of_files = metafunc.definition.get_closest_marker("sqlite") is not None
        metafunc.parametrize("db", ["sqlite"] if of_files and "sqlite" in stores else [] if of_files else stores, indirect=True)


@pytest.fixture
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """Where the database of the test is: a file, or the URL of one on a server."""
    return str(request.getfixturevalue("stored")) if request.param == "postgres" else tmp_path / "bpflow.db"


@pytest.fixture
def opened(db: Path | str, workspace: LoadedWorkspace, clock: VirtualClock) -> Iterator[Open]:
    """Opens an engine on the database of the test; closes all at the end."""
    engines: list[Engine] = []

    def opened(services: Mapping[str, Registered] | None = None, path: str | Path = db, workspace: LoadedWorkspace | None = workspace) -> Engine:
        engines.append(open_engine(str(path), workspace, clock, services))
        return engines[-1]

    yield opened
    for engine in engines:
        engine.close()


@pytest.fixture
def engine(opened: Open) -> Engine:
    """An engine on which the workspace is deployed."""
    engine = opened()
    engine.deploy_workspace()
    return engine


@pytest.fixture
def deploy(workspace: LoadedWorkspace) -> Callable[[Engine, str], None]:
    """Deploys a process that is written in the test."""

    def deploy(engine: Engine, text: str) -> None:
        engine.deploy(runnable(load_text(f"bpflow: 1\n{text}", "test.yaml", workspace.documents, timezone="Europe/Moscow")))

    return deploy


@pytest.fixture
def far() -> datetime:
    """Later than anything in the tests."""
    return datetime(2100, 1, 1, tzinfo=UTC)
