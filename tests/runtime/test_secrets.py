"""Secrets: a value goes every way that there is, and stands in one table only."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from bpflow.cli import main
from bpflow.diagnostics import Refused
from bpflow.engine.transition import InvalidAnswer
from bpflow.expressions.data import Secret
from bpflow.loading import load_workspace
from bpflow.runtime import Engine, Request, ServiceError, VirtualClock, open_engine
from bpflow.services import secrets
from tests.postgres import plain
from tests.runnable import runnable
from tests.runtime.looking import check_replay, connected, select

MARK = "Q7zMarker"
"""What is looked for: every secret has it in it."""

FILES = {
    "bpflow.yaml": """\
timezone: Europe/Moscow
services:
  bank.open:
    takes: {pin: {type: string, secret: true}, form: {type: object, fields: {pin: {type: string, secret: true}}}}
    gives: {token: {type: string, secret: true}, number: {type: string}}
""",
    "directory.yaml": "people:\n  ivanov: {name: Иванов}\n  boss: {name: Морозов}\n",
    "documents/card.yaml": """\
type: card
title: Карта
title-field: owner
fields:
  owner: {type: string, required: true}
  number: {type: string, title: Номер, secret: true, pattern: "[0-9]{4}.*"}
  token: {type: string, secret: true}
""",
    "open.yaml": """\
bpflow: 1
id: open
title: Открыть карту
document: card
inputs:
  phrase: {type: string, title: Фраза, secret: true}
variables:
  kept: {type: string, secret: true}
start:
  - {on: manual}
  - {on: document-changed, when: document.number != none and previous.number == none, with: {phrase: $(document.number)}}
meanwhile:
  - command: exchange
    title: Заменить
    cancels: false
    fields: {again: {type: string, secret: true}}
    steps: [{activity: set-variables, set: {kept: $(exchange.again)}}]
steps:
  - id: ask
    activity: request-info
    title: Пин-код
    to: user("ivanov")
    fill: [number]
    fields:
      pin: {type: string, title: Пин, secret: true, required: true, min: 6}
      inside:
        type: object
        fields: {pin: {type: string, secret: true}, plain: {type: string}}
  - {activity: set-variables, set: {kept: "$(coalesce(phrase, ask.pin))"}}
  - id: opened
    activity: call-service
    service: bank.open
    with: {pin: $(ask.pin), form: $(ask.inside)}
    retry: {times: 1, first: 10s}
  - {activity: update-document, set: {token: $(opened.token)}}
  - id: part
    activity: call-process
    process: part
    inputs: {pin: $(kept)}
  - id: again
    activity: call-service
    service: bank.open
    with: {pin: $(part.given), form: none}
  - {activity: notify, to: user("boss"), text: "Карта $(again.number)"}
  - {id: last, activity: request-info, title: Последнее, to: user("ivanov"), fill: [token]}
""",
    "part.yaml": """\
bpflow: 1
id: part
title: Часть
inputs:
  pin: {type: string, secret: true, required: true}
outputs:
  given: look.pin
steps:
  - id: look
    activity: request-info
    title: Проверить
    to: user("boss")
    fields:
      pin: {type: string, secret: true, required: true}
  - {activity: call-service, service: bank.open, with: {pin: $(pin), form: none}}
""",
}


class Bank:
    """A service that is told secrets, gives one, and cannot hold its tongue where it fails."""

    def __init__(self) -> None:
        self.told: list[object] = []
        self.fails: list[Exception] = []

    def perform(self, request: Request) -> object:
        self.told.append(dict(request.arguments))
        if self.fails:
            raise self.fails.pop(0)
        return {"token": f"{MARK}-token", "number": "4276"}


Made = tuple[Engine, Bank]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("secrets")
    (folder / "documents").mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def made(folder: Path, db: Path, clock: VirtualClock) -> Iterator[Made]:
    bank = Bank()
    with open_engine(str(db), runnable(load_workspace(folder)), clock, {"bank.open": bank}) as engine:
        engine.deploy_workspace()
        yield engine, bank


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(request.getfixturevalue("database")) if request.param == "postgres" else f"sqlite:///{tmp_path / 'bpflow.db'}"


def written(db: Path | str) -> dict[str, list[str]]:
    """Whatever stands in the database, by table, of blobs too."""
    name = str(db)
    if name.startswith("postgresql"):
        with psycopg.connect(plain(name)) as server:
            tables = [f"bpflow.{table}" for (table,) in server.execute("select tablename from pg_tables where schemaname = 'bpflow'").fetchall()]
            return {table.removeprefix("bpflow."): [repr(row) for row in server.execute(f"select * from {table}").fetchall()] for table in tables}  # type: ignore[arg-type]
    connection = sqlite3.connect(name.removeprefix("sqlite:///"))
    tables = [name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")]
    found = {table: [repr(row) for row in connection.execute(f"select * from {table}")] for table in tables}
    connection.close()
    return found


def run(engine: Engine, bank: Bank, clock: VirtualClock) -> int:
    """One instance goes its whole way, with every kind of failure; gives its number."""
    card = engine.create_document("card", {"owner": "Заря"})
    engine.set_document(card, {"number": f"1234{MARK}-changed"}, by="ivanov")
    (row,) = engine.instances("open")
    (task,) = engine.tasks("ivanov")
    for values in ({"pin": MARK[:5]}, {"pin": [MARK]}, {"pin": f"{MARK}-pin", "number": f"{MARK}-wrong"}, {"pin": f"{MARK}-pin", "none": MARK}):
        with pytest.raises(InvalidAnswer) as refused:
            engine.answer(task.id, by="ivanov", values=values)
        assert MARK[:5] not in str(refused.value)
    shown = engine.form(task.id, by="ivanov", values={"pin": f"{MARK}-pin"})
    assert MARK not in repr(shown)
    values = {"pin": f"{MARK}-pin", "number": f"1234{MARK}-number", "inside": {"pin": f"{MARK}-inside", "plain": "open"}}
    engine.answer(task.id, by="ivanov", values=values)
    engine.command(row.id, "exchange", by="boss", values={"again": f"{MARK}-again"})
    engine.correct(row.id, {"kept": f"{MARK}-corrected"}, by="boss", why="wrong")
    bank.fails = [ServiceError("no_money", f"the pin {MARK}-pin and {MARK}-inside"), ValueError(f"{MARK}-pin")]
    engine.work()
    clock.forward(timedelta(minutes=1))
    engine.work()
    (incident,) = engine.incidents()
    assert "••••••" in str(incident.message)
    engine.retry(row.id, by="boss")
    engine.work()
    (part,) = engine.tasks("boss")
    engine.answer(part.id, by="boss", values={"pin": f"{MARK}-part"})
    engine.work()
    return row.id


def test_a_secret_stands_in_one_table_only(folder: Path, url: str, clock: VirtualClock, caplog: pytest.LogCaptureFixture) -> None:
    bank = Bank()
    with open_engine(url, runnable(load_workspace(folder)), clock, {"bank.open": bank}) as engine:
        engine.deploy_workspace()
        goes_every_way(engine, bank, url, clock, caplog)


def goes_every_way(engine: Engine, bank: Bank, url: str, clock: VirtualClock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    id = run(engine, bank, clock)
    assert bank.told == [
        {"pin": f"{MARK}-pin", "form": {"pin": f"{MARK}-inside", "plain": "open"}},
        {"pin": f"{MARK}-pin", "form": {"pin": f"{MARK}-inside", "plain": "open"}},
        {"pin": f"{MARK}-pin", "form": {"pin": f"{MARK}-inside", "plain": "open"}},
        {"pin": f"{MARK}-corrected", "form": None},
        {"pin": f"{MARK}-part", "form": None},
    ]
    found = {table for table, rows in written(url).items() if any(MARK in row for row in rows)}
    assert found == {"secret"}
    assert MARK not in caplog.text
    for row in engine.instances():
        check_replay(engine, row.id)
        for seen in (engine.instance(row.id), engine.timeline(row.id), engine.visited(row.id), engine.notices(instance=row.id)):
            assert MARK not in repr(seen)
    (task,) = engine.tasks("ivanov")
    (card,) = engine.documents("card")
    assert engine.task(task.id).prefill == {"token": card.fields["token"]}
    assert isinstance(engine.task(task.id).prefill["token"], Secret)
    assert MARK not in repr([card, engine.feed(card.ref), engine.task(task.id), engine.who(task.id)])
    engine.answer(task.id, by="ivanov")
    assert engine.instance(id).row.status == "ended"


def test_nothing_is_printed(made: Made, db: Path, folder: Path, clock: VirtualClock, capsys: pytest.CaptureFixture[str]) -> None:
    engine, bank = made
    id = run(engine, bank, clock)
    (task,) = engine.tasks("ivanov")
    calls = [
        *(["show", str(id)], ["show", str(id), "--json"], ["tasks"], ["tasks", "--json"], ["task", task.id], ["task", task.id, "--json"], ["instances"]),
        *(["incidents"], ["documents", "card"], ["document", "card:1"], ["document", "card:1", "--json"], ["notices", "boss"], ["calendar", "boss"]),
        *(["who", task.id], ["who", task.id, "--json"], ["messages"], ["commands", str(id)], ["verify-history"], ["verify-store"], ["status"]),
    ]
    for call in calls:
        done, said = main([*call, "--db", str(db), "--workspace", str(folder)]), capsys.readouterr()
        assert done == 0, said.err
        assert MARK not in said.out + said.err, call


def test_every_owner_has_a_handle_of_its_own(made: Made, db: Path, clock: VirtualClock) -> None:
    """What goes with an instance does not take away what its document or its caller has."""
    engine, bank = made
    run(engine, bank, clock)
    rows = select(db, "select owner, instance, value from secret order by value")
    of = {(instance, value.decode().strip("\0").strip('"').removeprefix(f"{MARK}-")) for _, instance, value in rows}
    assert {(1, "pin"), (1, "inside"), (None, f"1234{MARK}-number"), (None, "token"), (2, "corrected"), (1, "part"), (2, "part")} <= of
    assert {owner for owner, instance, _ in rows if instance == 2} == {2}


def test_purged_with_its_instance(made: Made, db: Path, tmp_path: Path, clock: VirtualClock) -> None:
    """What its document has stays; the archive has handles."""
    engine, bank = made
    id = run(engine, bank, clock)
    (task,) = engine.tasks("ivanov")
    engine.answer(task.id, by="ivanov", values=engine.task(task.id).prefill)
    engine.start("part", inputs={"pin": f"{MARK}-other"})
    clock.forward(timedelta(days=400))
    assert engine.purge(timedelta(days=180), archive=tmp_path / "gone.jsonl").instances == {"open": 1, "part": 1}
    assert MARK not in (tmp_path / "gone.jsonl").read_text(encoding="utf-8")
    rows = select(db, "select instance, value from secret")
    assert {instance for instance, _ in rows} == {None, 3}
    assert secrets.value_of(engine.document("card:1").fields["token"], engine.store.secret) == f"{MARK}-token"  # type: ignore[arg-type]
    assert id == 1


def test_encrypted_at_rest(made: Made, db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cryptography.fernet import Fernet

    engine, bank = made
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    monkeypatch.setenv(secrets.KEY, old)
    engine.start("part", inputs={"pin": f"{MARK}-locked"})
    monkeypatch.setenv(secrets.KEY, f"{new},{old}")
    engine.start("part", inputs={"pin": f"{MARK}-locked too"})
    assert not any(MARK in row for row in written(db)["secret"])
    for task in engine.tasks("boss"):
        engine.answer(task.id, by="boss", values={"pin": f"{MARK}-x"})
    engine.work()
    assert [told["pin"] for told in bank.told] == [f"{MARK}-locked", f"{MARK}-locked too"]  # type: ignore[index]
    for keys, message in (("", "has no key"), (Fernet.generate_key().decode(), "encrypted with another key"), ("short", "holds no key")):
        monkeypatch.setenv(secrets.KEY, keys)
        engine.start("part", inputs={"pin": "y"}) if keys != "short" else None
        with pytest.raises(Refused, match=message):
            secrets.unlocked(bytes(select(db, "select value from secret where instance = 1")[0][0]))


def test_what_was_rolled_back_leaves_no_secret(made: Made, db: Path) -> None:
    engine, _ = made
    orders = connected(db)
    engine.start("part", inputs={"pin": MARK}, connection=orders)
    orders.rollback()
    orders.close()
    assert written(db)["secret"] == []
    with pytest.raises(Refused):
        engine.start("open", inputs={"phrase": MARK})
    assert written(db)["secret"] == []


@pytest.mark.parametrize("said, left", [(f"it is {MARK}", "it is ••••••"), ("17.50 of 17", "•••••• of ••••••"), ("nothing", "nothing")])
def test_what_a_service_says_is_cleaned(said: str, left: str) -> None:
    from decimal import Decimal

    from bpflow.diagnostics import say

    assert str(secrets.redacted(say("{reason}", reason=say("{text}", text=said)), [MARK, {"sum": Decimal("17.50")}, [17]])) == left
