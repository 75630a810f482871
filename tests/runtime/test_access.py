"""Who may do what: operators by the settings, a policy of the program's own, and the program itself, which is trusted."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bpflow.diagnostics import Refused
from bpflow.engine.transition import NotAllowed
from bpflow.expressions.data import User
from bpflow.loading import load_text, load_workspace
from bpflow.runtime import About, Act, Engine, VirtualClock, open_engine
from tests.runnable import runnable
from tests.runtime.conftest import FILES
from tests.runtime.looking import connected, dump


@pytest.fixture(scope="module")
def manned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace, with operators: a person and a role."""
    folder = tmp_path_factory.mktemp("operators")
    (folder / "documents").mkdir()
    directory = FILES["directory.yaml"].replace("roles:\n", "roles:\n  admins: {title: Операторы, members: [gone]}\n")
    settings = FILES["bpflow.yaml"] + "operators: [boss, admins]\n"
    for name, text in {**FILES, "bpflow.yaml": settings, "directory.yaml": directory}.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def guarded(manned: Path, db: Path, clock: VirtualClock) -> Iterator[Engine]:
    with open_engine(str(db), runnable(load_workspace(manned)), clock) as engine:
        engine.deploy_workspace()
        yield engine


def test_operators_repair_and_others_do_not(guarded: Engine, db: Path) -> None:
    instance = guarded.start("plain", inputs={"who": "ivanov"}, by="ivanov")
    before = dump(db)
    with pytest.raises(NotAllowed, match=f'"ivanov" may not repair instance {instance}'):
        guarded.suspend(instance, by="ivanov", why="why not")
    with pytest.raises(NotAllowed):
        guarded.reassign("ivanov", "ivanov", by="petrova")
    assert dump(db) == before
    assert guarded.suspend(instance, by="gone").lines
    assert guarded.resume(instance, by="boss").lines
    assert guarded.cancel(instance, why="the program itself").lines


def test_one_sees_that_in_which_he_takes_part(guarded: Engine) -> None:
    mine = guarded.start("plain", inputs={"who": "ivanov"})
    other = guarded.start("plain", inputs={"who": "boss"}, by="petrova")
    assert [row.id for row in guarded.instances(by="ivanov")] == [mine]
    assert [row.id for row in guarded.instances(by="boss")] == [mine, other]
    assert [row.id for row in guarded.instances(by="petrova")] == [other]  # she has started it
    assert [row.id for row in guarded.instances()] == [mine, other]
    assert {entry.instance for entry in guarded.tasks(by="ivanov")} == {mine}
    assert guarded.tasks("boss", by="ivanov") == []
    for see in (guarded.instance, guarded.timeline, guarded.visited):
        assert see(mine, by="ivanov")
        with pytest.raises(NotAllowed, match=f'"ivanov" may not see instance {other}'):
            see(other, by="ivanov")
    (task,) = guarded.tasks("boss", instance=other)
    for look in (guarded.task, guarded.form, guarded.who):
        with pytest.raises(NotAllowed, match="may not see"):
            look(task.id, by="ivanov")
        assert look(task.id, by="boss")
        assert look(task.id)


def test_who_has_answered_sees_it_still(guarded: Engine) -> None:
    instance = guarded.start("plain", inputs={"who": "ivanov"})
    (task,) = guarded.tasks("ivanov")
    guarded.answer(task.id, by="ivanov", values={"parts": 1})
    assert guarded.tasks("ivanov") == []
    assert guarded.instance(instance, by="ivanov").row.id == instance
    assert [row.id for row in guarded.instances(by="petrova")] == [instance]  # of whose group the next task is
    with pytest.raises(Refused, match='there is no person "nobody" in the directory'):
        guarded.instances(by="nobody")


def test_many_of_which_one_sees_few(guarded: Engine) -> None:
    guarded.start_many("plain", [{"who": "ivanov" if n % 100 == 7 else "boss"} for n in range(450)])
    seen = [row.id for row in guarded.instances(by="ivanov")]
    assert len(seen) == 5
    assert [row.id for row in guarded.instances(by="ivanov", limit=2, after=seen[0])] == seen[1:3]
    assert len(guarded.tasks("ivanov", by="ivanov", limit=3)) == 3


def test_documents_are_seen_by_those_who_work_on_them(guarded: Engine) -> None:
    deals = [guarded.create_document("deal", {"name": who, "status": "new", "responsible": who}, by=who) for who in ("ivanov", "petrova")]
    for deal in deals:
        guarded.set_document(deal, {"status": "open"})
    assert guarded.document(deals[0], by="ivanov").fields["name"] == "ivanov"
    assert [row.ref for row in guarded.documents("deal", by="ivanov")] == deals[:1]
    for see in (guarded.document, guarded.feed):
        with pytest.raises(NotAllowed, match=f'"ivanov" may not see the document "deal:{deals[1].id}"'):
            see(deals[1], by="ivanov")


def test_the_definition_still_judges(guarded: Engine) -> None:
    """An operator is not whom a task is for."""
    guarded.start("plain", inputs={"who": "ivanov"})
    (task,) = guarded.tasks("ivanov")
    with pytest.raises(NotAllowed, match='the task is not for "boss"'):
        guarded.answer(task.id, by="boss", values={"parts": 1})


def test_without_operators_everybody_may(engine: Engine) -> None:
    instance = engine.start("plain", inputs={"who": "ivanov"})
    assert engine.policy is None
    assert engine.instance(instance, by="petrova")
    assert engine.suspend(instance, by="petrova", why="as before").lines


# ── a policy of the program's own ───────────────────────────────────────────────────────────────────────────────────
@dataclass
class Own:
    """Remembers what it was asked, and refuses what it is told to refuse."""

    refuses: set[Act] = field(default_factory=set)
    asked: list[tuple[str, Act, About]] = field(default_factory=list)

    def may(self, by: User, act: Act, about: About) -> bool:
        self.asked.append((by.id, act, about))
        return act not in self.refuses


def test_every_call_asks_once(folder: Path, db: Path, clock: VirtualClock) -> None:
    own = Own()
    with open_engine(str(db), folder, clock, policy=own) as engine:
        engine.deploy_workspace()
        instance = engine.start("plain", inputs={"who": "ivanov"}, by="ivanov")
        (task,) = engine.tasks("ivanov")
        engine.answer(task.id, by="ivanov", values={"parts": 1})
        engine.create_document("deal", {"name": "А", "status": "new"}, by="boss")
        engine.set_document("deal:1", {"sum": 1}, by="boss")
        engine.suspend(instance, by="boss")
        engine.instance(instance, by="boss")
        asked = [(by, act, about.process, about.instance and about.instance.id, about.task, about.type) for by, act, about in own.asked]
        assert asked == [
            ("ivanov", "start", "plain", None, None, None),
            ("ivanov", "answer", "plain", instance, task.id, None),
            ("boss", "change", None, None, None, "deal"),
            ("boss", "change", None, None, None, None),
            ("boss", "repair", "plain", instance, None, None),
            ("boss", "see", "plain", instance, None, None),
        ]
        assert str(own.asked[3][2].document) == "Document(type='deal', id=1)"
        assert own.asked[4][2].takes_part(User("ivanov"))
        assert own.asked[4][2].takes_part(User("gone")) is False


BUTTON = """
bpflow: 1
id: button
title: Кнопка
steps:
  - {id: ask, activity: request-info, title: Готово?, to: user("petrova")}
meanwhile:
  - {command: poke, cancels: false, fields: {mark: {type: integer}}, steps: [{activity: notify, to: user("boss"), text: Poke}]}
"""


def test_who_may_press_nothing_is_shown_no_buttons(folder: Path, db: Path, clock: VirtualClock) -> None:
    own = Own()
    with open_engine(str(db), folder, clock, policy=own) as engine:
        engine.deploy(runnable(load_text(BUTTON, "button.yaml")))
        instance = engine.start("button")
        assert [one.name for one in engine.commands(instance, "ivanov")] == ["poke"]
        assert engine.command_form(instance, "poke", by="ivanov").fields
        own.refuses = {"answer"}
        assert engine.commands(instance, "ivanov") == engine.moves(instance, "ivanov") == []
        assert engine.commands(instance)
        for form in (engine.command_form, engine.move_form):
            with pytest.raises(NotAllowed, match=f'"ivanov" may not do that in instance {instance}'):
                form(instance, "poke", by="ivanov")


def test_what_it_refuses_changes_nothing(folder: Path, db: Path, clock: VirtualClock) -> None:
    own = Own()
    with open_engine(str(db), folder, clock, policy=own) as engine:
        engine.deploy_workspace()
        instance = engine.start("plain", inputs={"who": "ivanov"})
        engine.create_document("deal", {"name": "А", "status": "new"})
        (task,) = engine.tasks("ivanov")
        before = dump(db)
        own.refuses = {"start", "see", "answer", "change", "repair"}
        for call in (
            lambda: engine.start("plain", by="ivanov"),
            lambda: engine.start_many("plain", [{}, {}], by="ivanov"),
            lambda: engine.answer(task.id, by="ivanov", values={"parts": 1}),
            lambda: engine.claim(task.id, by="ivanov"),
            lambda: engine.delegate(task.id, by="ivanov", to="boss"),
            lambda: engine.tick(task.id, 1, by="ivanov"),
            lambda: engine.command(instance, "none", by="ivanov"),
            lambda: engine.move(instance, "none", by="ivanov"),
            lambda: engine.create_document("deal", {}, "ivanov"),
            lambda: engine.set_document("deal:1", {"sum": 5}, "ivanov"),
            lambda: engine.import_documents("deal", b"", by="ivanov"),
            lambda: engine.cancel(instance, by="ivanov"),
            lambda: engine.instance(instance, by="ivanov"),
        ):
            with pytest.raises(NotAllowed, match='"ivanov" may not '):
                call()
        assert engine.instances(by="ivanov") == engine.tasks(by="ivanov") == engine.documents(by="ivanov") == engine.incidents(by="ivanov") == []
        assert dump(db) == before


def test_it_is_asked_in_the_transaction_of_the_program(folder: Path, db: Path | str, clock: VirtualClock) -> None:
    own = Own()
    with open_engine(str(db), folder, clock, policy=own) as engine:
        engine.deploy_workspace()
        orders = connected(db)
        instance = engine.start("plain", by="boss", connection=orders)
        assert engine.instance(instance, by="boss", connection=orders).row.id == instance
        assert [about.instance and about.instance.id for _, _, about in own.asked] == [None, instance]
        orders.rollback()
        orders.close()


def test_every_call_of_a_person_asks() -> None:
    """Whoever names a person in `by` asks, or leaves out what is not for him; but for an absence, which anybody may enter."""
    naming = {
        name: method for name, method in inspect.getmembers(Engine, inspect.isfunction) if "by" in inspect.signature(method).parameters and name[0] != "_"
    }
    silent = {name for name, method in naming.items() if not hasattr(method, "__wrapped__")}
    assert silent == {"commands", "moves", "absent", "instances", "incidents", "documents"}


# ── secrets for those who have the task ─────────────────────────────────────────────────────────────────────────────
def test_a_secret_is_revealed_to_whoever_has_the_task(tmp_path: Path, db: Path, clock: VirtualClock) -> None:
    (tmp_path / "documents").mkdir()
    files = {"bpflow.yaml": FILES["bpflow.yaml"], "directory.yaml": FILES["directory.yaml"]}
    files["documents/safe.yaml"] = "type: safe\ntitle: Сейф\nfields:\n  pin: {type: string, secret: true}\n  name: {type: string}\n"
    files["look.yaml"] = (
        'bpflow: 1\nid: look\ntitle: Сейф\ndocument: safe\nsteps:\n  - {id: ask, activity: request-info, title: Пин, to: user("ivanov"), fill: [pin, name]}\n'
    )
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    with open_engine(str(db), runnable(load_workspace(tmp_path)), clock) as engine:
        engine.deploy_workspace()
        safe = engine.create_document("safe", {"pin": "1234"})
        engine.start("look", document=safe)
        (task,) = engine.tasks("ivanov")
        assert engine.reveal(task.id, "pin", by="ivanov") == "1234"
        with pytest.raises(NotAllowed):
            engine.reveal(task.id, "pin", by="petrova")
        with pytest.raises(Exception, match='no secret is offered in "name"'):
            engine.reveal(task.id, "name", by="ivanov")
