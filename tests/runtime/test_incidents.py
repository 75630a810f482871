"""What goes wrong while an instance runs: incidents, services that break, and what operators do about it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bpflow.diagnostics import Refused, say
from bpflow.engine.transition import UnexpectedEvent
from bpflow.expressions.data import Document, User, Value
from bpflow.graph import Call, Expr, Flow, Graph, Step
from bpflow.runtime import Engine, Request, VirtualClock
from tests.runtime.conftest import Open
from tests.runtime.looking import check_index, check_replay, dump, stored

Deploy = Callable[[Engine, str], None]

TELL = """\
id: tell
title: X
document: deal
steps:
  - {id: tell, activity: notify, title: Сказать, to: document.responsible, text: Здравствуйте}
  - {id: ask, activity: request-info, title: Вопрос, to: user("boss")}
"""


@pytest.fixture
def told(engine: Engine, deploy: Deploy) -> Engine:
    """An instance that was to tell somebody, and there was nobody."""
    deploy(engine, TELL)
    engine.start("tell", document=engine.create_document("deal", {"name": "Труба", "status": "new"}))
    return engine


def test_a_notice_to_nobody_is_an_incident(told: Engine, far: datetime) -> None:
    (incident,) = told.incidents()
    assert (incident.instance, incident.kind, incident.path, str(incident.message)) == (1, "failure", "tell", "there is nobody to notify")
    assert incident.place == "test.yaml:6:5"
    assert [standing.kind for standing in told.instance(1).where] == ["held"]
    assert told.notices() == []
    assert [row.id for row in told.instances(incidents=True)] == [1]
    check_replay(told, 1)
    check_index(told, 1, far)


def test_it_is_tried_again_once_its_cause_is_gone(told: Engine, far: datetime) -> None:
    (incident,) = told.incidents()
    told.retry(1, incident.id, by="boss", why="Ещё раз")
    (still,) = told.incidents()
    assert still.id != incident.id
    told.set_document("deal:1", {"responsible": "ivanov"})
    told.retry(1, still.id, by="boss")
    assert [notice.person for notice in told.notices()] == ["ivanov"]
    assert told.incidents() == []
    assert told.instances(incidents=True) == []
    for id in (incident.id, still.id, 99):
        with pytest.raises(UnexpectedEvent):
            told.retry(1, id)
        with pytest.raises(UnexpectedEvent):
            told.skip(1, id)
    check_replay(told, 1)
    check_index(told, 1, far)


def test_it_is_skipped(told: Engine) -> None:
    (incident,) = told.incidents()
    told.skip(1, incident.id, by="boss", why="Обойдутся")
    assert told.notices() == []
    assert [task.subject for task in told.tasks()] == ["Вопрос"]
    skipped = [line for line in told.timeline(1) if line.kind == "skip"]
    assert [(line.by, str(line.text)) for line in skipped] == [("boss", "Обойдутся")]
    check_replay(told, 1)


def test_the_instance_is_cancelled(told: Engine, far: datetime) -> None:
    told.cancel(1, by="boss", why="Хватит")
    assert told.incidents() == []
    row = told.instance(1).row
    assert (row.status, row.incidents, row.ended) == ("cancelled", 0, told.clock.now())
    check_replay(told, 1)
    check_index(told, 1, far)


# ── services of the program ─────────────────────────────────────────────────────────────────────────────────────────
def calling(service: str = "mail.send", **arguments: str) -> Graph:
    """A process that calls a service, keeps what it gives and ends."""
    call = Call("send", service, tuple((name, Expr(text)) for name, text in arguments.items()), Flow("send>keep", "keep"), gives="sent")
    keep = Step("keep", (Flow("keep>off"),), sets=(("kept", Expr("sent.number")),))
    return Graph("calls", "Зовёт", (Flow(">send", "send"),), (call, keep))


class Post:
    """A post office that remembers keys, and can be broken."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.letters: dict[str, Mapping[str, Value]] = {}
        self.broken: Exception | None = None

    def __call__(self, request: Request) -> Mapping[str, Value]:
        self.asked.append(request.key)
        if self.broken is not None:
            raise self.broken
        self.letters.setdefault(request.key, request.arguments)
        return {"number": len(self.letters)}


def test_a_broken_service_is_called_again_with_the_same_key(opened: Open, far: datetime) -> None:
    post = Post()
    engine = opened({"mail.send": post})
    engine.deploy_graph(calling(to='"boss"', text='"Здравствуйте"'))
    post.broken = ConnectionError("no route")
    id = engine.start("calls")
    assert post.asked == []
    assert engine.work().calls == 1
    (incident,) = engine.incidents()
    assert str(incident.message) == "mail.send broke: ConnectionError: no route"
    assert engine.work().total == 0
    post.broken = Refused(say("the box is full"))
    engine.retry(id, incident.id)
    engine.work()
    (incident,) = engine.incidents()
    assert str(incident.message) == "the box is full"
    post.broken = None
    engine.retry(id, incident.id)
    assert engine.work().calls == 1
    assert len(set(post.asked)) == 1
    assert list(post.letters.values()) == [{"to": "boss", "text": "Здравствуйте"}]
    assert engine.instance(id).row.status == "ended"
    assert stored(engine, id).state.names["kept"] == 1  # type: ignore[union-attr]
    check_replay(engine, id)
    check_index(engine, id, far)


def test_a_service_that_nobody_has_registered(opened: Open) -> None:
    engine = opened()
    engine.deploy_graph(calling())
    id = engine.start("calls")
    engine.work()
    (incident,) = engine.incidents()
    assert str(incident.message) == 'no service "mail.send" is registered'
    engine.close()
    post = Post()
    engine = opened({"mail.send": post})
    engine.retry(id, incident.id)
    engine.work()
    assert engine.instance(id).row.status == "ended"


def test_what_a_service_gives_must_be_values(opened: Open) -> None:
    """A service that gives what no database can keep has broken, and the program goes on."""
    engine = opened({"mail.send": lambda: {"number": object()}})
    engine.deploy_graph(calling())
    engine.start("calls")
    engine.work()
    (incident,) = engine.incidents()
    assert str(incident.message) == "what it gave is no value: object"


def test_a_cancelled_instance_calls_nobody(opened: Open, db: Path) -> None:
    post = Post()
    engine = opened({"mail.send": post})
    engine.deploy_graph(calling())
    engine.cancel(engine.start("calls"))
    assert engine.work().calls == 0
    assert post.asked == []
    assert dump(db)["outbox"] == []


CRASHING = """\
import os, sys
from pathlib import Path
from bpflow.runtime import Request, open_engine

def send(request: Request):
    with open(sys.argv[2], "a") as file:
        file.write(request.key + "\\n")
        file.flush()
    if sys.argv[3] == "crash":
        os._exit(9)                     # after its work, before it is known
    return {"number": 1}

with open_engine(sys.argv[1], services={"mail.send": send}) as engine:
    engine.work()
"""


def test_after_a_crash_the_service_is_called_with_the_key_it_knows(engine: Engine, db: Path, tmp_path: Path) -> None:
    engine.deploy_graph(calling())
    id = engine.start("calls")
    script, keys = tmp_path / "crashing.py", tmp_path / "keys"
    script.write_text(CRASHING)
    for end, code in (("crash", 9), ("crash", 9), ("well", 0), ("crash", 0)):
        done = subprocess.run([sys.executable, script, db, keys, end], timeout=60, check=False)
        assert done.returncode == code
    assert len(keys.read_text().split()) == 3
    assert set(keys.read_text().split()) == {f"{id}.1.1"}
    (row,) = engine.instances()
    assert (row.id, row.status, row.revision) == (id, "ended", 2)
    assert engine.store.outbox() == []


# ── documents of others ─────────────────────────────────────────────────────────────────────────────────────────────
PARENT = """\
id: adds
title: Прибавляет
document: deal
start: [{on: manual}]
steps:
  - {activity: update-document, document: document.parent, add: {sum: 1}, note: Прибавили.}
  - {id: ask, activity: request-info, title: У главной $(document.parent.sum), to: user("boss")}
"""


def pair(engine: Engine) -> tuple[Document, Document]:
    main = engine.create_document("deal", {"name": "Главная", "status": "new", "sum": 10})
    return main, engine.create_document("deal", {"name": "Труба", "status": "new", "parent": main, "sum": 1})


def test_the_document_of_another_owner_is_changed_through_the_outbox_once(engine: Engine, db: Path, deploy: Deploy) -> None:
    deploy(engine, PARENT)
    main, deal = pair(engine)
    id = engine.start("adds", document=deal)
    assert engine.document(main).fields["sum"] == 10
    assert len(dump(db)["outbox"]) == 1
    assert engine.work().calls == 1
    assert engine.document(main).fields["sum"] == 11
    assert [row.note for row in engine.feed(main)] == [None, "Прибавили."]
    assert [task.subject for task in engine.tasks()] == ["У главной 11"]
    assert engine.work().total == 0
    check_replay(engine, id)


def test_a_crash_between_the_two_owners_changes_the_other_once(engine: Engine, opened: Open, deploy: Deploy, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other owner's transaction is there, the answer to the instance is lost: the inbox knows the key."""
    deploy(engine, PARENT)
    main, deal = pair(engine)
    engine.start("adds", document=deal)
    (row,) = engine.store.outbox()
    engine._drain.elsewhere(row, f"{row.instance}.{row.call.token}.{row.call.visit}")
    assert engine.document(main).fields["sum"] == 11
    again = opened()
    again.work()
    assert again.document(main).fields["sum"] == 11
    assert [task.subject for task in again.tasks()] == ["У главной 11"]


def test_the_document_of_another_owner_may_refuse(engine: Engine, deploy: Deploy) -> None:
    deploy(engine, PARENT.replace("sum: 1", "sum: -100"))
    main, deal = pair(engine)
    engine.start("adds", document=deal)
    engine.work()
    (incident,) = engine.incidents()
    assert '"sum"' in str(incident.message)
    assert engine.document(main).version == 1
    engine.set_document(main, {"sum": 1000})
    engine.retry(1, incident.id)
    engine.work()
    assert engine.document(main).fields["sum"] == 900


def test_a_document_that_is_not_there(engine: Engine, deploy: Deploy) -> None:
    deploy(engine, PARENT)
    deal = engine.create_document("deal", {"name": "Труба", "status": "new", "parent": Document("deal", 77)})
    engine.start("adds", document=deal)
    engine.work()
    (incident,) = engine.incidents()
    assert str(incident.message) == 'there is no document "deal:77"'


@pytest.mark.parametrize("far_away", [False, True])
def test_processes_that_change_documents_in_each_other_without_end(engine: Engine, deploy: Deploy, far_away: bool) -> None:
    """They are stopped after 32 rounds, whether they change one document or two that know each other."""
    for name in ("ping", "pong"):
        what = "{activity: update-document, document: document.parent, add: {sum: 1}}" if far_away else "{activity: update-document, add: {sum: 1}}"
        deploy(engine, f"id: {name}\ntitle: X\ndocument: deal\nstart: [{{on: document-changed}}]\nsteps:\n  - {what}\n")
    main, deal = pair(engine)
    engine.set_document(main, {"parent": deal})
    engine.work(limit=5000)
    assert engine.work(limit=1).total == 0
    assert engine.incidents() != []
    assert all("32" in str(incident.message) for incident in engine.incidents() if "deep" in str(incident.message))


# ── timers and faults ───────────────────────────────────────────────────────────────────────────────────────────────
def test_an_alarm_that_cannot_be_evaluated_is_an_incident_and_the_task_stays(engine: Engine, clock: VirtualClock, deploy: Deploy, far: datetime) -> None:
    deploy(
        engine,
        """\
id: late
title: X
document: deal
steps:
  - id: ask
    activity: request-info
    title: Вопрос
    to: user("boss")
    due: 1d
    on-overdue: {tell: head_of(document.responsible)}
""",
    )
    deal = engine.create_document("deal", {"name": "Труба", "status": "new"})
    id = engine.start("late", document=deal)
    clock.forward(timedelta(days=2))
    assert engine.work().timers == 1
    (incident,) = engine.incidents()
    check_replay(engine, id)
    check_index(engine, id, far)
    engine.set_document(deal, {"responsible": "ivanov"})
    engine.retry(id, incident.id)
    engine.work()
    assert [(notice.person, notice.reason) for notice in engine.notices()] == [("boss", "overdue")]
    (task,) = engine.tasks("boss")
    assert task.overdue
    engine.answer(task.id, by="boss")
    assert check_replay(engine, id).status == "ended"


def test_a_change_of_a_document_that_spoils_what_waits_is_an_incident(engine: Engine, deploy: Deploy, far: datetime) -> None:
    """Whoever changes the document is not to blame: his change holds, and the instance has the incident."""
    deploy(
        engine,
        """\
id: waits
title: X
document: deal
steps:
  - id: ask
    activity: request-info
    title: $(document.parent.name)
    to: user("boss")
    due: document.deadline
""",
    )
    main, deal = pair(engine)
    engine.set_document(deal, {"deadline": "2026-03-05T10:00"})
    id = engine.start("waits", document=deal)
    engine.set_document(deal, {"deadline": "2026-03-06T10:00", "parent": None})
    assert engine.document(deal).fields["deadline"] == datetime.fromisoformat("2026-03-06T10:00+03:00")
    check_replay(engine, id)
    check_index(engine, id, far)
    engine.work()
    engine.set_document(deal, {"parent": main})
    (task,) = engine.tasks("boss")
    engine.answer(task.id, by="boss")
    assert check_replay(engine, id).status == "ended"


def test_a_pause_wakes_when_its_document_changes(engine: Engine, clock: VirtualClock, deploy: Deploy, far: datetime) -> None:
    deploy(
        engine,
        """\
id: waits
title: X
document: deal
steps:
  - {id: till_sum, activity: pause, until: 'coalesce(document.sum, 0) > 10'}
  - {id: till_day, activity: pause, until: document.deadline - days(1)}
  - {id: ask, activity: request-info, title: Вопрос, to: user("boss")}
""",
    )
    deal = engine.create_document("deal", {"name": "Труба", "status": "new", "deadline": "2026-03-05T10:00"})
    id = engine.start("waits", document=deal)

    def stands() -> list[tuple[str, datetime | None]]:
        check_replay(engine, id)
        check_index(engine, id, far)
        return [(standing.path, standing.due) for standing in engine.instance(id).where]

    assert stands() == [("till_sum", None)]
    engine.set_document(deal, {"sum": 10})
    assert stands() == [("till_sum", None)]
    engine.set_document(deal, {"sum": 11})
    assert stands() == [("till_day", datetime.fromisoformat("2026-03-04T10:00+03:00"))]
    engine.set_document(deal, {"deadline": "2026-03-10T10:00"})
    assert stands() == [("till_day", datetime.fromisoformat("2026-03-09T10:00+03:00"))]
    clock.set(datetime.fromisoformat("2026-03-09T09:59+03:00"))
    assert engine.work().total == 0
    engine.set_document(deal, {"deadline": "2026-03-03T10:00"})
    assert stands() == [("ask", None)]
    revision = engine.instance(id).row.revision
    engine.set_document(deal, {"deadline": "2026-04-03T10:00"})
    assert engine.instance(id).row.revision == revision
    assert engine.tasks()[0].opened == clock.now()


def test_an_emptied_field_is_a_change_too(engine: Engine, deploy: Deploy) -> None:
    deploy(
        engine,
        """\
id: waits
title: X
document: deal
start: [{on: document-changed, when: previous.parent != none and document.parent == none}]
steps:
  - {id: till_free, activity: pause, until: document.responsible == none}
""",
    )
    _, deal = pair(engine)
    engine.set_document(deal, {"responsible": "ivanov"})
    engine.set_document(deal, {"parent": None}, by="boss")
    (row,) = engine.instances()
    assert row.status == "running"
    engine.set_document(deal, {"responsible": ""})
    assert engine.instance(row.id).row.status == "ended"
    assert [dict(line.changes) for line in engine.feed(deal)][1:] == [{"responsible": User("ivanov")}, {"parent": None}, {"responsible": None}]


def test_answers_by_the_operator_name_him(told: Engine) -> None:
    told.cancel(1, by="boss", why="Хватит")
    (line,) = [line for line in told.timeline(1) if line.kind == "cancel"]
    assert (line.by, str(line.text)) == ("boss", "Хватит")
    assert User(line.by) == User("boss")


def test_what_is_no_length_of_time_is_an_incident(engine: Engine, deploy: Deploy) -> None:
    deploy(
        engine,
        """\
id: long
title: X
inputs: {n: {type: integer, default: 14}}
steps:
  - {id: put, activity: calendar-event, title: Встреча, at: now, lasts: '[n, hours(1)][0]', to: user("boss")}
""",
    )
    engine.start("long")
    (incident,) = engine.incidents()
    assert str(incident.message).startswith('"lasts" is no length of time')
    assert engine.calendar() == []


def test_a_pause_whose_date_is_taken_away_is_an_incident_until_there_is_one_again(engine: Engine, deploy: Deploy, clock: VirtualClock) -> None:
    deploy(
        engine,
        """\
id: waits
title: X
document: deal
start: [{on: manual}]
steps:
  - {id: till, activity: pause, until: document.deadline}
""",
    )
    _, deal = pair(engine)
    engine.set_document(deal, {"deadline": "2026-06-01T10:00"})
    engine.start("waits", document=deal)
    engine.set_document(deal, {"deadline": ""})
    (incident,) = engine.incidents()
    assert str(incident.message) == "there is no date to wait for"
    engine.set_document(deal, {"deadline": "2026-05-01T10:00"})
    assert engine.incidents() == []
    due = engine.next_due()
    assert due is not None
    clock.set(due)
    engine.work()
    assert engine.instance(1).row.status == "ended"
