"""Documents that processes make and look up: in the instance's own transaction, and the same when it is replayed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from bpflow.expressions.data import Document, User
from bpflow.loading import LoadedWorkspace, load_text, load_workspace
from bpflow.runtime import Engine
from tests.runnable import runnable
from tests.runtime.conftest import DIRECTORY, SETTINGS
from tests.runtime.looking import check_index, check_replay, dump, stored

DEAL = """\
type: deal
title: Сделка
title-field: name
fields:
  name: {type: string, title: Название, required: true}
  status: {type: choice, required: true, default: new, choices: {new: Новая, open: Открыта, won: Выиграна}}
  responsible: {type: user, default: $(initiator)}
  sum: {type: money, min: 0}
  since: {type: date}
  ready: {type: boolean}
  tags: {type: string, many: true}
  parent: {type: document, of: deal}
  orders: {type: document, of: order, many: true}
  main_order: {type: document, of: order}
"""
ORDER = """\
type: order
title: Заказ
title-field: number
fields:
  number: {type: string, required: true}
  deal: {type: document, of: deal}
  amount: {type: money, min: 1}
  at: {type: datetime, default: $(now)}
"""
HEAD = "id: test\ntitle: Проверка\ndocument: deal\nstart: [{on: manual}]\nsteps:\n"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> LoadedWorkspace:
    folder = tmp_path_factory.mktemp("orders")
    (folder / "documents").mkdir()
    for name, text in {"bpflow.yaml": SETTINGS, "directory.yaml": DIRECTORY, "documents/deal.yaml": DEAL, "documents/order.yaml": ORDER}.items():
        (folder / name).write_text(text, encoding="utf-8")
    return runnable(load_workspace(folder))


Run = Callable[..., int]


@pytest.fixture
def run(engine: Engine, workspace: LoadedWorkspace) -> Iterator[Run]:
    """Deploys steps and starts an instance of them on a deal."""
    started: list[int] = []

    def run(steps: str, document: Document | None = None, head: str = HEAD, **fields: object) -> int:
        engine.deploy(runnable(load_text(f"bpflow: 1\n{head}{steps}", "test.yaml", workspace.documents, timezone="Europe/Moscow")))
        document = document or engine.create_document("deal", {"name": "Труба", **fields}, by="petrova")
        started.append(engine.start("test", document=document if "document:" in head else None, by="petrova"))
        return started[-1]

    yield run
    for id in started:
        check_replay(engine, id)


# ── create-document ─────────────────────────────────────────────────────────────────────────────────────────────────
CREATE = """\
  - id: order
    activity: create-document
    type: order
    set: {number: A-$(document.name), amount: 1.50}
    link: {orders: deal, main_order: deal}
  - {id: ask, activity: request-info, title: "$(order.document.number) $(order.document.deal.name)", to: user("boss")}
"""


def test_a_document_is_made_and_tied_in_one_transaction(engine: Engine, run: Run, db: Path, far: datetime) -> None:
    id = run(CREATE)
    (deal,), (order,) = engine.documents("deal"), engine.documents("order")
    assert dict(order.fields) == {"number": "A-Труба", "deal": deal.ref, "amount": order.fields["amount"], "at": engine.clock.now()}
    assert str(order.fields["amount"]) == "1.50"
    assert (deal.fields["orders"], deal.fields["main_order"]) == ([order.ref], order.ref)
    assert order.owner == deal.owner == deal.ref.id
    assert [task.subject for task in engine.tasks()] == ["A-Труба Труба"]
    assert len(dump(db)["history"]) == 1
    check_index(engine, id, far)


def test_another_order_is_added_to_the_first(engine: Engine, run: Run) -> None:
    run(CREATE)
    (deal,) = engine.documents("deal")
    run(CREATE, deal.ref)
    first, second = engine.documents("order")
    assert engine.document(deal.ref).fields["orders"] == [first.ref, second.ref]
    assert engine.document(deal.ref).fields["main_order"] == second.ref


def test_a_document_that_may_not_be_so_leaves_nothing_behind(engine: Engine, run: Run) -> None:
    run("  - {activity: create-document, type: order, set: {number: A, amount: '$(document.sum)'}, link: {orders: deal}}\n", sum=0)
    (incident,) = engine.incidents()
    assert str(incident.message) == '"amount": at least 1 needed, not the number 0'
    assert engine.documents("order") == []
    (deal,) = engine.documents("deal")
    engine.set_document(deal.ref, {"sum": 5})
    engine.retry(incident.instance, incident.id)
    assert len(engine.documents("order")) == 1


def test_a_process_without_a_document_makes_one_of_its_own(engine: Engine, run: Run) -> None:
    id = run("  - {id: made, activity: create-document, type: deal, set: {name: Новая}}\n", head=HEAD.replace("document: deal\n", ""))
    (_, made) = engine.documents("deal")
    assert dict(made.fields) == {"name": "Новая", "status": "new", "responsible": User("petrova")}
    assert made.owner == engine.instance(id).row.owner


def test_others_start_with_the_new_document_and_the_process_itself_does_not(engine: Engine, run: Run, workspace: LoadedWorkspace) -> None:
    other = 'id: other\ndocument: deal\nstart: [{on: document-created}]\nsteps:\n  - {id: q, activity: request-info, title: Q, to: user("boss")}\n'
    engine.deploy(load_text(f"bpflow: 1\n{other}", "other.yaml", workspace.documents))
    head = HEAD.replace("{on: manual}", "{on: manual}, {on: document-created}")
    first = engine.create_document("deal", {"name": "Первая"})
    assert [row.process for row in engine.instances()] == ["other"]
    run("  - {id: made, activity: create-document, type: deal, set: {name: Вторая}}\n", first, head=head)
    assert [row.process for row in engine.instances()] == ["other", "test", "other"]


def test_processes_that_make_documents_for_each_other_come_to_an_end(engine: Engine, workspace: LoadedWorkspace) -> None:
    text = "bpflow: 1\nid: {id}\ndocument: {of}\nstart: [{{on: document-created}}]\nsteps: [{{activity: create-document, type: {type}, set: {{{name}: X}}}}]\n"
    for id, of, type, name in (("ping", "deal", "order", "number"), ("pong", "order", "deal", "name")):
        engine.deploy(load_text(text.format(id=id, of=of, type=type, name=name), f"{id}.yaml", workspace.documents))
    engine.create_document("deal", {"name": "Первая"})
    engine.work()
    (incident,) = engine.incidents()
    assert str(incident.message) == "processes change documents in each other more than 32 deep"
    assert len(engine.documents()) == 34


# ── find-documents ──────────────────────────────────────────────────────────────────────────────────────────────────
FIND = """\
  - id: found
    activity: find-documents
    type: deal
    {keys}
  - {{id: last, activity: request-info, title: $(found.count) $(found.items), to: user("boss")}}
"""


def names_found(engine: Engine, id: int) -> tuple[list[str], int]:
    """The names of the documents that the step has found, and how many it says there are."""
    state = stored(engine, id).state
    assert state is not None
    found = state.names["found"]
    assert isinstance(found, dict)
    assert isinstance(found["items"], list)
    assert isinstance(found["count"], int)
    return [str(engine.document(item).fields["name"]) for item in found["items"] if isinstance(item, Document)], found["count"]


@pytest.fixture
def deals(engine: Engine) -> list[Document]:
    """Ten deals, of which the process runs on the last."""
    fields = [
        {"name": "а", "status": "open", "sum": 10, "responsible": "ivanov", "since": "2026-01-10", "tags": ["x"]},
        {"name": "б", "status": "open", "sum": 30, "responsible": "petrova", "ready": True},
        {"name": "в", "status": "won", "sum": "10.00", "responsible": "ivanov", "since": "2026-01-05", "tags": ["x", "y"]},
        {"name": "г", "status": "open", "responsible": "ivanov", "ready": False},
        {"name": "д", "status": "new", "sum": 20, "responsible": "petrova"},
    ]
    made = [engine.create_document("deal", each) for each in fields]
    engine.set_document(made[1], {"parent": made[0]})
    return made


@pytest.mark.parametrize(
    "keys, names, count",
    [
        ([], "абвгдТ", 6),
        (["where: item.status == 'open'"], "абг", 3),
        (["where: (item.status) == 'open' and true"], "абг", 3),
        (["where: not item.status == 'open'"], "вдТ", 3),
        (["where: document.parent.status == item.status and item.responsible == user('ivanov')"], "аг", 2),
        (["where: item.status == 'open' or item.status == 'won'"], "абвг", 4),
        (["where: item.sum == 10"], "ав", 2),
        (["where: item.ready == true"], "б", 1),
        (["where: item.ready == false"], "г", 1),
        (["where: item.parent == document.parent and item.parent.name == document.parent.name"], "бТ", 2),
        (["where: item.parent == none"], "авгд", 4),
        (["where: item.tags == ['x', 'y']"], "в", 1),
        (["where: len(item.tags) > 0"], "ав", 2),
        (["where: item.responsible == document.responsible"], "бдТ", 3),
        (["where: item.sum != none and item.sum > document.sum"], "бд", 2),
        (["where: item.name in [least, 'д']"], "ад", 2),
        (["where: item != document", "limit: 2"], "аб", 5),
        (["order: -item.name", "limit: 3"], "дгв", 6),
        (["order: [-item.sum, item.name]", "where: item != document"], "бдавг", 5),
        (["order: item.since"], "вабгдТ", 6),
        (["order: -item.since"], "авбгдТ", 6),
        (["order: [-(item.sum + 1 if item.sum != none else 0), -item.name]"], "бдТваг", 6),
        (["order: item.name", "where: false"], "", 0),
    ],
)
def test_what_is_found(engine: Engine, run: Run, deals: list[Document], keys: list[str], names: str, count: int) -> None:
    head = HEAD.replace("steps:", "variables:\n  least: {type: string, default: а}\nsteps:")
    on = engine.create_document("deal", {"name": "Т", "responsible": "petrova", "sum": 15, "parent": deals[0]})
    id = run(FIND.format(keys="\n    ".join(keys)), on, head=head)
    assert names_found(engine, id) == ([*names], count)


def test_what_is_found_is_of_that_moment_and_is_recorded(engine: Engine, run: Run, deals: list[Document]) -> None:
    id = run(FIND.format(keys="where: item.status == 'open'"), deals[4])
    engine.set_document(deals[0], {"status": "won"})
    (task,) = engine.tasks()
    assert task.subject == "3 а, б, г"
    check_replay(engine, id)


def test_it_finds_what_it_has_just_made(engine: Engine, run: Run, deals: list[Document]) -> None:
    steps = "  - {activity: update-document, set: {status: won}}\n  - {activity: create-document, type: deal, set: {name: ё, status: won}}\n"
    id = run(steps + FIND.format(keys="where: item.status == 'won'\n    order: item.name"), deals[4])
    assert names_found(engine, id) == (["в", "д", "ё"], 3)


def test_a_condition_that_cannot_be_read_names_the_document(engine: Engine, run: Run, deals: list[Document]) -> None:
    run(FIND.format(keys="where: item.sum > 15"), deals[4])
    (incident,) = engine.incidents()
    assert str(incident.message).startswith("deal:4: ")
    run(FIND.format(keys="where: '[item.name, true][0]'"), deals[4])
    assert str(engine.incidents()[-1].message) == "deal:1: `[item.name, true][0]` is neither true nor false"


def test_the_database_leaves_out_what_differs(engine: Engine, deals: list[Document], monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    """One status is asked for: no other document is decoded."""
    from bpflow.services import finding

    monkeypatch.setattr(finding, "MAX_CANDIDATES", 2)
    run(FIND.format(keys="where: item.status == 'won' and len(item.tags) == 2"), deals[4])
    assert engine.incidents() == []
    run(FIND.format(keys="where: item.status != 'open'"), deals[4])
    (incident,) = engine.incidents()
    assert str(incident.message).startswith('more than 2 documents of the type "deal" would have to be looked at: ask in "where"')
