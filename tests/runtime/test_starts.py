"""How instances begin: by changes of documents, by their creation, by hand; once, and with what was given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bpflow.diagnostics import Refused
from bpflow.engine.transition import UnexpectedEvent
from bpflow.runtime import Engine, open_engine
from bpflow.values import DocumentType, Field
from tests.runtime.conftest import Open
from tests.runtime.looking import check_replay, dump, stored

Deploy = Callable[[Engine, str], None]

NEW = {"name": "Труба", "status": "new", "responsible": "ivanov"}


def test_a_change_starts_the_process_when_its_condition_holds(engine: Engine) -> None:
    deal = engine.create_document("deal", NEW)
    engine.set_document(deal, {"sum": 5})
    assert engine.instances() == []
    engine.set_document(deal, {"status": "open"}, by="boss")
    (row,) = engine.instances(document=deal)
    assert (row.process, row.status, row.document, row.owner) == ("ask", "running", deal, deal.id)
    assert [line.by for line in engine.timeline(row.id) if line.kind == "started"] == ["boss"]
    check_replay(engine, row.id)


def test_the_same_document_starts_the_process_again_later(engine: Engine) -> None:
    """What has been told once is told by its change, not by the number of a row that comes again."""
    deal = engine.create_document("deal", NEW)
    for turn in (1, 2, 3):
        engine.set_document(deal, {"status": "open"})
        assert len(engine.instances()) == turn
        (task,) = engine.tasks()
        engine.answer(task.id, by="ivanov", outcome="agreed", values={"sum": turn})
        engine.set_document(deal, {"status": "new"})
    assert [row.result for row in engine.instances()] == ["won"] * 3


VERSION = """\
id: version
title: Версия
inputs: {INPUTS}
steps:
  - {id: told, activity: set-variables, set: {which: NUMBER}}
  - {activity: pause, for: 1d}
variables: {which: {type: integer}}
"""


def test_a_start_gets_what_others_have_deployed_meanwhile(opened: Open, deploy: Deploy) -> None:
    """An engine knows what is deployed, and sees when that is so no longer: in what begins, in what is refused, in what is taken."""
    one, other = opened(), opened()
    first, second = (
        VERSION.replace("NUMBER", number).replace("INPUTS", inputs) for number, inputs in (("1", "of: {type: integer}"), ("2", "price: {type: integer}"))
    )

    def begun(**inputs: object) -> object:
        return one.instance(one.start("version", inputs=inputs)).names["which"]

    deploy(one, first)
    assert (begun(), begun()) == (1, 1)
    with pytest.raises(Refused, match='there is no field "price"'):
        begun(price=1)
    deploy(other, second)
    assert (begun(price=1), begun(price=2)) == (2, 2)
    deploy(other, first)
    with pytest.raises(Refused, match='there is no field "price"'):
        begun(price=1)
    assert begun() == 1
    deploy(other, second)
    assert [one.instance(id).names["which"] for id in one.start_many("version", [{"price": 1}, {}])] == [2, 2]
    other.undeploy("version")
    with pytest.raises(Refused, match='"version" is not deployed'):
        begun()
    deploy(other, first)
    assert begun() == 1


def test_while_it_runs_no_second_one_begins(engine: Engine, db: Path) -> None:
    deal = engine.create_document("deal", NEW)
    engine.set_document(deal, {"status": "open"})
    engine.set_document(deal, {"status": "new"})
    engine.set_document(deal, {"status": "open"})
    assert len(engine.instances()) == 1
    before = dump(db)
    for by in ("ivanov", None):
        with pytest.raises(Refused, match='"ask" runs on "deal:1" already'):
            engine.start("ask", document=deal, by=by)
    assert dump(db) == before
    engine.cancel(1)
    assert engine.instance(engine.start("ask", document="deal:1", by="ivanov")).row.status == "running"


def test_a_new_document_starts_and_gives_inputs(engine: Engine, deploy: Deploy) -> None:
    deploy(
        engine,
        """\
id: born
title: Новая
document: deal
inputs: {name: {type: string}, who: {type: user}, size: {type: integer}}
start:
  - {on: document-created, when: document.status == "open", with: {name: $(document.name), who: $(document.responsible), size: 3}}
steps:
  - {id: ask, activity: request-info, title: $(name) $(size), to: who}
""",
    )
    engine.create_document("deal", NEW)
    deal = engine.create_document("deal", {**NEW, "status": "open"}, by="boss")
    (row,) = engine.instances()
    assert row.document == deal
    assert [task.subject for task in engine.tasks("ivanov")] == ["Труба 3"]
    engine.set_document(deal, {"status": "new"})
    engine.set_document(deal, {"status": "open"})
    assert len(engine.instances(process="born")) == 1


def test_imported_documents_start_too(engine: Engine, deploy: Deploy) -> None:
    deploy(
        engine,
        """\
id: born
title: Новая
document: deal
start: [{on: document-created}]
steps:
  - {activity: update-document, set: {sum: 1}}
""",
    )
    done = engine.import_documents("deal", "name;status\nA;new\nB;никакой\nC;open\n".encode())
    assert [rejected.line for rejected in done.rejected] == [3]
    assert [engine.document(ref).fields["sum"] for ref in done.created] == [1, 1]
    assert [row.status for row in engine.instances()] == ["ended", "ended"]


MANUAL = """\
id: by_hand
title: Вручную
document: deal
start:
  - {on: manual, by: with_role("clerk"), when: document.status == "open"}
  - {on: manual, by: document.responsible}
steps:
  - {activity: request-info, id: ask, title: Вопрос, to: initiator}
"""


def test_by_hand_those_may_start_whom_a_start_names(engine: Engine, db: Path, deploy: Deploy) -> None:
    deploy(engine, MANUAL.replace("by_hand", "by-hand"))
    new = engine.create_document("deal", NEW)
    open_one = engine.create_document("deal", {**NEW, "status": "open"})
    before = dump(db)
    others = "its start is for others, or its condition does not hold"
    for document, by, reason in ((new, "petrova", others), (new, "nobody", "nobody"), (open_one, "gone", others), (new, "", "no person")):
        with pytest.raises(Refused, match=reason):
            engine.start("by-hand", document=document, by=by)
    assert dump(db) == before
    for document, by in ((new, "ivanov"), (open_one, "ivanov"), (open_one, "petrova"), (open_one, "boss")):
        id = engine.start("by-hand", document=document, by=by)
        assert [task.party for task in engine.tasks(instance=id)] == [f"user:{by}"]
    engine.start("plain", by="petrova")


def test_what_a_program_may_not_start(engine: Engine, db: Path, deploy: Deploy) -> None:
    deploy(engine, "id: only-changes\ntitle: X\ndocument: deal\nstart: [{on: document-changed}]\nsteps:\n  - {activity: end, result: over}\n")
    deal = engine.create_document("deal", NEW)
    before = dump(db)
    wrong = [
        ({"process": "no-such"}, 'the process "no-such" is not deployed; deployed are: ask, only-changes, plain'),
        ({"process": "only-changes", "document": deal, "by": "boss"}, '"only-changes" is not started by hand'),
        ({"process": "ask"}, '"ask" runs on a document of the type "deal"'),
        ({"process": "plain", "document": deal}, 'the process "plain" has no document'),
        ({"process": "ask", "document": "deal:99"}, 'there is no document "deal:99"'),
        ({"process": "ask", "document": "bill:1"}, '"ask" runs on a document of the type "deal"'),
        ({"process": "ask", "document": "deal"}, '"deal" is not a document; one looks like company:17'),
        ({"process": "plain", "inputs": {"whom": "boss"}}, 'there is no field "whom"'),
        ({"process": "plain", "inputs": {"who": 17}}, '"who"'),
    ]
    for given, reason in wrong:
        with pytest.raises(Refused) as refused:
            engine.start(**given)  # type: ignore[arg-type]
        assert reason in str(refused.value.message)
    assert dump(db) == before


def test_a_number_of_a_document_of_another_type(engine: Engine, db: Path) -> None:
    bill = engine.create_document("bill", {"sum": "10.50"})
    before = dump(db)
    acts: list[Callable[[], object]] = [
        lambda: engine.start("ask", document=f"deal:{bill.id}"),
        lambda: engine.set_document(f"deal:{bill.id}", {"status": "new"}),
        lambda: engine.document(f"deal:{bill.id}"),
        lambda: engine.feed(f"deal:{bill.id}"),
    ]
    for act in acts:
        with pytest.raises(Refused, match='there is no document "deal:1"'):
            act()
    assert dump(db) == before


def test_what_is_asked_for_must_be_there(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(Refused, match='"sleeping" is no status; there are: running, ended, cancelled'):
        engine.instances(status="sleeping")
    with pytest.raises(Refused, match="there is no folder"):
        open_engine(":memory:", tmp_path / "nowhere")
    with pytest.raises(Refused, match='there is no document type "dael"'):
        engine.create_document("dael", {})


def test_inputs_have_their_defaults(engine: Engine, deploy: Deploy) -> None:
    deploy(
        engine,
        """\
id: sized
title: X
inputs: {size: {type: integer, default: 7}, name: {type: string, required: true}}
steps:
  - {id: ask, activity: request-info, title: $(name) $(size), to: user("boss")}
""",
    )
    engine.start("sized", inputs={"name": "A", "size": 2})
    engine.start("sized", inputs={"name": "B"})
    assert [task.subject for task in engine.tasks()] == ["A 2", "B 7"]
    with pytest.raises(Refused, match='"name" must be filled'):
        engine.start("sized")


def test_own_changes_do_not_start_a_process_again_and_those_of_others_do(engine: Engine, deploy: Deploy) -> None:
    for name, other in (("one", "sum: '$(coalesce(document.sum, 0) + 1)'"), ("two", "name: Насос")):
        deploy(
            engine,
            f"""\
id: {name}
title: X
document: deal
start: [{{on: document-changed, when: document.status == "{"open" if name == "one" else "won"}" and previous.status != document.status}}]
steps:
  - {{activity: update-document, set: {{{other}}}}}
  - {{activity: update-document, set: {{status: {"won" if name == "one" else "lost"}}}}}
""",
        )
    engine.deploy_graph(engine.graph("one"))
    deal = engine.create_document("deal", NEW)
    engine.set_document(deal, {"status": "open"})
    assert [row.process for row in engine.instances() if row.process != "ask"] == ["one", "two"]
    assert engine.document(deal).fields["sum"] == 1
    deploy(engine, "id: self\ntitle: X\ndocument: deal\nstart: [{on: document-changed}]\nsteps:\n  - {activity: update-document, add: {sum: 1}}\n")
    engine.set_document(deal, {"name": "Кран"})
    assert engine.document(deal).fields["sum"] == 2


def test_a_start_sees_the_document_as_each_change_left_it(engine: Engine, deploy: Deploy) -> None:
    """Several changes of one transaction are told one by one; a note in between is no change."""
    deploy(
        engine,
        """\
id: fast
title: X
document: deal
start: [{on: manual}]
steps:
  - {activity: update-document, set: {status: open, sum: 1}}
  - {activity: update-document, note: Открыли.}
  - {activity: update-document, set: {status: won, sum: 2}}
""",
    )
    deploy(
        engine,
        """\
id: seen
title: X
document: deal
inputs: {was: {type: string}, amount: {type: integer}}
start: [{on: document-changed, with: {was: '$(previous.status) → $(document.status)', amount: $(document.sum)}}]
steps:
  - {id: ask, activity: request-info, title: '$(was), $(amount)', to: user("boss")}
""",
    )
    deal = engine.create_document("deal", NEW)
    engine.start("fast", document=deal)
    assert [task.subject for task in engine.tasks("boss")] == ["new → open, 1", "open → won, 2"]


def test_a_start_condition_that_cannot_be_evaluated_is_an_incident(engine: Engine, deploy: Deploy) -> None:
    deploy(
        engine,
        """\
id: shaky
title: X
document: deal
start: [{on: document-changed, when: 100 / document.sum > 3}]
steps:
  - {id: ask, activity: request-info, title: Вопрос, to: user("boss")}
""",
    )
    deal = engine.create_document("deal", NEW)
    engine.set_document(deal, {"sum": 0})
    (incident,) = engine.incidents()
    assert "the start condition cannot be evaluated" in str(incident.message)
    assert engine.tasks() == []
    engine.retry(incident.instance, incident.id, by="boss", why="Всё равно начать")
    assert engine.incidents() == []
    assert [task.subject for task in engine.tasks()] == ["Вопрос"]
    check_replay(engine, incident.instance)
    engine.set_document(deal, {"sum": 50})
    engine.set_document(deal, {"sum": 5})
    assert len(engine.instances(process="shaky")) == 2


def test_a_start_by_hand_whose_condition_cannot_be_evaluated_is_refused(engine: Engine, db: Path, deploy: Deploy) -> None:
    deploy(engine, "id: shaky\ntitle: X\ndocument: deal\nstart: [{on: manual, when: 1 / document.sum > 3}]\nsteps:\n  - {activity: end, result: over}\n")
    deal = engine.create_document("deal", {**NEW, "sum": 0})
    before = dump(db)
    with pytest.raises(Refused, match="zero"):
        engine.start("shaky", document=deal, by="boss")
    assert dump(db) == before


def test_an_engine_without_a_workspace_runs_what_is_deployed(engine: Engine, opened: Open) -> None:
    """What an instance needs to know of its documents is stored with its graph."""
    deal = engine.create_document("deal", NEW)
    engine.set_document(deal, {"status": "open"})
    bare = opened(workspace=None)
    (task,) = bare.tasks()
    bare.answer(task.id, by="ivanov", outcome="agreed", values={"sum": 3})
    assert bare.instance(1).row.result == "won"
    other = bare.create_document("deal", NEW)
    bare.set_document(other, {"status": "open"})
    assert len(bare.instances()) == 2
    check_replay(bare, 2)


def test_new_instances_get_the_new_version_and_running_ones_keep_theirs(engine: Engine, deploy: Deploy) -> None:
    text = 'id: asked\ntitle: X\nsteps:\n  - {id: ask, activity: request-info, title: Вопрос, to: user("boss")}\n'
    deploy(engine, text)
    engine.start("asked")
    deploy(engine, text)
    deploy(engine, text.replace("boss", "ivanov"))
    engine.start("asked")
    assert [task.party for task in engine.tasks()] == ["user:boss", "user:ivanov"]
    assert {row.process: row.version for row in engine.store.deployed()} == {"ask": 1, "asked": 2, "plain": 1}
    assert stored(engine, 1).program.graph != stored(engine, 2).program.graph
    with pytest.raises(UnexpectedEvent):
        engine.instance(3)


def test_a_new_document_has_the_defaults_of_its_type(engine: Engine) -> None:
    engine.runner.world = engine.world.with_types(
        [
            DocumentType(
                "note",
                "Заметка",
                (
                    ("text", Field("string", required=True)),
                    ("made_on", Field("date", default="today()")),
                    ("state", Field("string", required=True, default='"new"')),
                ),
            )
        ]
    )
    made = engine.document(engine.create_document("note", {"text": "a"})).fields
    assert made["state"] == "new"
    assert str(made["made_on"]) == str(engine.clock.now().date())
    assert engine.document(engine.create_document("note", {"text": "a", "state": "old"})).fields["state"] == "old"


def test_a_list_of_which_nothing_is_said_is_empty(engine: Engine, deploy: Deploy) -> None:
    """As a field of a document is; so that what is added to it and looked up in it needs no other beginning."""
    text = (
        "id: lists\ntitle: Списки\ninputs:\n  given: {type: user, many: true}\nvariables:\n  kept: {type: user, many: true}\nsteps:\n"
        "  - activity: set-variables\n    set: {kept: '$(kept + given + [user(\"boss\")])'}\n"
        "  - {activity: request-info, to: kept, if-nobody: given}\n"
    )
    deploy(engine, text)
    engine.start("lists", inputs={"given": ["petrova"]})
    engine.start("lists")
    assert [(task.instance, task.party) for task in engine.tasks()] == [(1, "user:boss"), (1, "user:petrova"), (2, "user:boss")]
    for id in (1, 2):
        check_replay(engine, id)
