"""Pipelines: a stage that is waited in, moves by people, by the process and by changes of the document, and all that is refused."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bpflow.diagnostics import Refused
from bpflow.engine.events import Moved
from bpflow.engine.transition import InvalidAnswer, NotAllowed, UnexpectedEvent
from bpflow.expressions.data import User
from bpflow.loading import load_text
from bpflow.runtime import Engine, VirtualClock
from bpflow.values import DocumentType, Field
from tests.runnable import runnable
from tests.runtime.conftest import Open
from tests.runtime.looking import check_index, check_replay, dump, work_class

SALE = DocumentType(
    "sale",
    "Продажа",
    (
        ("name", Field("string", "Название")),
        ("stage", Field("choice", "Стадия", choices=tuple((name, name) for name in ("offer", "talks", "paid", "won", "lost")))),
        ("manager", Field("user", "Менеджер")),
        ("sum", Field("integer", "Сумма", min=0)),
        ("reason", Field("string", "Причина")),
        ("tags", Field("string", "Метки", many=True)),
    ),
    "name",
)

SALES = """\
bpflow: 1
id: sales
title: Продажи
document: sale
stage-field: stage
start: [{on: document-created}, {on: manual}]
people: {manager: document.manager}
moves:
  lost: {title: Проиграна, by: manager, comment: required}
stages:
  offer:
    title: Предложение
    steps:
      - {id: ask, activity: request-info, title: Готово?, to: manager}
      - {id: rest, activity: pause, for: 2d}
      - {activity: notify, to: manager, text: Пора, next: talks}
    moves:
      talks: {title: Отправлено, by: manager, fill: [sum], required: [sum], fields: {how: {type: choice, choices: [mail, phone]}}}
  talks:
    title: Переговоры
    enter: {required: [sum]}
    steps:
      - {activity: notify, to: manager, text: '$(move.from), $(move.by), $(move.comment), $(move.how), $(move.at == now)'}
    moves:
      paid: {}
      offer: {by: 'user("boss")'}
      won: {title: Выиграна, by: 'with_role("clerk")'}
  paid:
    title: Оплачена
    enter: {required: [tags, name], ask: 'user("boss")'}
    moves:
      won: {title: Закрыта, by: manager}
  won: {title: Выигранные, final: true}
  lost:
    title: Проигранные
    final: true
    enter: {required: [reason], ask: 'user("boss")'}
    steps: [{activity: notify, to: manager, text: 'Жаль: $(move.comment), $(document.reason)'}]
"""

MOVER = """\
bpflow: 1
id: mover
title: Другой процесс
inputs: {which: {type: document, of: sale}, to: {type: string}}
steps:
  - activity: update-document
    document: which
    set: {stage: $(to)}
    on-error: {steps: [{activity: end, result: refused}]}
  - {activity: end, result: done}
"""

IVANOV = {"name": "Труба", "manager": "petrova"}


def deploy_sales(engine: Engine, *texts: str) -> None:
    for text in texts:
        engine.deploy(runnable(load_text(text, "sales.yaml", {"sale": SALE}, timezone="Europe/Moscow")))


@pytest.fixture
def sales(engine: Engine) -> Engine:
    deploy_sales(engine, SALES, MOVER)
    return engine


def test_the_form_of_a_move_is_shown_to_those_alone_for_whom_it_is(sales: Engine) -> None:
    """It shows what the document holds."""
    sales.create_document("sale", {**IVANOV, "sum": 123456})
    sales.work()
    assert sales.move_form(1, "talks", by="petrova").values["sum"] == 123456
    assert sales.move_form(1, "talks").values["sum"] == 123456
    with pytest.raises(NotAllowed, match='the move "Отправлено" is not for "ivanov"'):
        sales.move_form(1, "talks", by="ivanov")


def stage_of(engine: Engine, id: int = 1) -> str | None:
    stage = engine.instance(id).stage
    return stage.id if stage else None


def field(engine: Engine, name: str = "stage", document: str = "sale:1") -> object:
    return engine.document(document).fields.get(name)


def standing(engine: Engine, id: int = 1) -> set[tuple[str, str]]:
    return {(one.kind, one.path) for one in engine.instance(id).where if one.kind != "block"}


# ── starting and staying ────────────────────────────────────────────────────────────────────────────────────────────
def test_an_instance_starts_in_the_stage_of_its_document(sales: Engine, far: datetime) -> None:
    for number, (stage, stays, result) in enumerate((("offer", "offer", None), ("talks", "talks", None), ("won", None, "won"), (None, "offer", None)), 1):
        sales.create_document("sale", {**IVANOV, "stage": stage})
        row = sales.instance(number).row
        assert (stage_of(sales, number), row.status, row.result) == (stays, "ended" if result else "running", result)
        assert field(sales, document=f"sale:{number}") == (stage or "offer")
        check_replay(sales, number)
        check_index(sales, number, far)


def test_a_stage_that_nobody_leaves_does_not_end_the_process(sales: Engine, clock: VirtualClock, far: datetime) -> None:
    sales.create_document("sale", {**IVANOV, "stage": "talks"})
    assert standing(sales) == {("pause", "talks")}, "its steps have come to their end"
    clock.forward(timedelta(days=3650))
    assert sales.work().total == 0
    assert (sales.instance(1).row.status, sales.instance(1).incidents, stage_of(sales)) == ("running", [], "talks")
    check_index(sales, 1, far)


def test_a_change_of_a_document_that_has_come_to_its_end_begins_no_pipeline(engine: Engine, far: datetime) -> None:
    deploy_sales(engine, SALES.replace("document-created", "document-changed"))
    engine.create_document("sale", {**IVANOV, "reason": "Дорого"})
    engine.set_document("sale:1", {"sum": 5}, by="petrova")
    engine.work()
    engine.set_document("sale:1", {"stage": "lost"}, by="petrova", note="Жаль")
    engine.work()
    engine.set_document("sale:1", {"sum": 6}, by="petrova")
    engine.work()
    assert [(row.status, row.result) for row in engine.instances()] == [("ended", "lost")]
    assert [notice.text for notice in engine.notices("petrova") if notice.text.startswith("Жаль")] == ["Жаль: Жаль, Дорого"]
    engine.set_document("sale:1", {"stage": "offer"}, by="petrova")
    engine.work()
    assert [row.status for row in engine.instances()] == ["ended", "running"]
    check_index(engine, 2, far)


def test_one_pipeline_runs_on_a_document(sales: Engine) -> None:
    deploy_sales(sales, SALES.replace("id: sales", "id: others").replace("[{on: document-created}, {on: manual}]", "[{on: manual}]"))
    sale = sales.create_document("sale", IVANOV)
    for process in ("sales", "others"):
        with pytest.raises(Refused, match="runs on"):
            sales.start(process, document=sale)
    sales.cancel(1)
    assert sales.instance(sales.start("others", document=sale)).row.process == "others"


# ── moves by people ─────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_move_by_a_person(sales: Engine, far: datetime) -> None:
    sales.create_document("sale", IVANOV)
    assert [(view.stage, view.title, [name for name, _ in view.form.fields]) for view in sales.moves(1, "petrova")] == [
        ("talks", "Отправлено", ["how", "sum"]),
        ("lost", "Проиграна", []),
    ]
    assert sales.moves(1, "boss") == []
    sales.move(1, "talks", by="petrova", values={"sum": "100", "how": "phone"}, comment="Ждём")
    assert (stage_of(sales), field(sales), field(sales, "sum")) == ("talks", "talks", 100)
    assert sales.tasks() == [], "what was open in the stage is cancelled"
    assert sales.notices()[-1].text == "offer, Петрова Анна, Ждём, phone, да"
    assert [view.stage for view in sales.moves(1)] == ["offer", "won", "lost"], "by no person: paid"
    assert [view.stage for view in sales.moves(1, "petrova")] == ["won", "lost"], "she is a clerk"
    assert [view.stage for view in sales.moves(1, "ivanov")] == []
    check_replay(sales, 1)
    check_index(sales, 1, far)
    assert [(line.kind, line.path, line.by) for line in sales.timeline(1) if line.kind == "moved"] == [("moved", "talks", "petrova")]


def test_leaving_cancels_what_is_open(sales: Engine, clock: VirtualClock, far: datetime) -> None:
    sales.create_document("sale", IVANOV)
    (task,) = sales.tasks()
    sales.answer(task.id, by="petrova")
    assert sales.next_due() is not None
    sales.set_document("sale:1", {"stage": "talks", "sum": 3}, by="petrova")
    assert (sales.next_due(), standing(sales)) == (None, {("pause", "talks")})
    sales.move(1, "offer", by="boss")
    assert {path for _, path in standing(sales)} == {"offer/ask"}, "entering again does all steps again"
    check_replay(sales, 1)
    check_index(sales, 1, far)


@pytest.mark.parametrize(
    "stage, to, by, given, error, reason",
    [
        ("offer", "talks", "petrova", {}, InvalidAnswer, '"Сумма" must be filled'),
        ("offer", "talks", "petrova", {"values": {"sum": -1}}, InvalidAnswer, '"Сумма": '),
        ("offer", "talks", "petrova", {"values": {"sum": 1, "hwo": "x"}}, InvalidAnswer, 'no field "hwo"'),
        ("offer", "talks", "petrova", {"values": {"sum": 1, "how": "x"}}, InvalidAnswer, '"how": '),
        ("offer", "talks", "boss", {"values": {"sum": 1}}, NotAllowed, 'the move "Отправлено" is not for "boss"'),
        ("offer", "lost", "petrova", {}, InvalidAnswer, "a comment is required"),
        ("offer", "won", "petrova", {}, UnexpectedEvent, 'no move leads from "Предложение" to "Выигранные"; there are: "talks", "lost"'),
        ("offer", "tolks", "petrova", {}, UnexpectedEvent, 'there is no stage "tolks" — did you mean "talks"?'),
        ("offer", "offer", "petrova", {}, UnexpectedEvent, 'the document is in the stage "Предложение" already'),
        ("talks", "paid", "boss", {}, NotAllowed, 'nobody moves the document to "Оплачена" by hand'),
        ("talks", "won", "ivanov", {}, NotAllowed, "is not for"),
    ],
)
def test_a_refused_move_says_why_and_changes_nothing(
    sales: Engine, db: Path, stage: str, to: str, by: str, given: dict[str, dict[str, object]], error: type[Refused], reason: str
) -> None:
    sales.create_document("sale", {**IVANOV, "stage": stage})
    before = dump(db)
    with pytest.raises(error) as refused:
        sales.move(1, to, by=by, **given)  # type: ignore[arg-type]
    assert reason in str(refused.value)
    assert dump(db) == before


def test_a_refused_move_says_which_fields_are_missing(engine: Engine, db: Path) -> None:
    deploy_sales(
        engine,
        SALES.replace("talks: {title: Отправлено, by: manager, fill: [sum], required: [sum]", "talks: {by: manager").replace(
            "[sum]}\n", "[sum, tags, reason]}\n"
        ),
    )
    engine.create_document("sale", {**IVANOV, "reason": "Есть"})
    before = dump(db)
    for act in (lambda: engine.move(1, "talks", by="petrova"), lambda: engine.set_document("sale:1", {"stage": "talks"}, by="petrova")):
        with pytest.raises(InvalidAnswer) as refused:
            act()
        assert str(refused.value) == 'the stage "Переговоры" needs what is not filled: "Сумма", "Метки"'
        assert refused.value.field == "sum"
    assert dump(db) == before
    engine.set_document("sale:1", {"stage": "talks", "sum": 0, "tags": ["a"]}, by="petrova")
    assert stage_of(engine) == "talks"


def test_no_pipeline_no_moves(sales: Engine) -> None:
    sales.start("plain")
    assert sales.moves(1) == []
    with pytest.raises(UnexpectedEvent, match="has no stages"):
        sales.move(1, "won", by="boss")
    sales.create_document("sale", {**IVANOV, "stage": "won"})
    with pytest.raises(UnexpectedEvent, match="the instance has ended"):
        sales.move(2, "lost", by="petrova")
    sales.create_document("sale", IVANOV)
    sales.suspend(3, by="boss")
    for act in (lambda: sales.move(3, "lost", by="petrova", comment="x"), lambda: sales.set_document("sale:2", {"stage": "talks", "sum": 1}, by="petrova")):
        with pytest.raises(UnexpectedEvent, match="suspended"):
            act()
    assert sales.moves(3) == []


# ── what a stage needs ──────────────────────────────────────────────────────────────────────────────────────────────
def test_whoever_moves_and_may_fill_it_gets_the_fields_in_the_same_form(engine: Engine, far: datetime) -> None:
    deploy_sales(engine, SALES.replace("ask: 'user(\"boss\")'", "ask: manager"))
    engine.create_document("sale", IVANOV)
    (_, lost) = engine.moves(1, "petrova")
    assert [(name, one.required) for name, one in lost.form.fields] == [("reason", True)]
    with pytest.raises(InvalidAnswer, match='"Причина" must be filled'):
        engine.move(1, "lost", by="petrova", comment="Нет")
    engine.move(1, "lost", by="petrova", comment="Нет", values={"reason": "Дорого"})
    assert (engine.instance(1).row.result, field(engine, "reason"), engine.notices()[-1].text) == ("lost", "Дорого", "Жаль: Нет, Дорого")
    check_replay(engine, 1)
    check_index(engine, 1, far)


def test_else_those_are_asked_who_may_and_the_document_stays_until_they_answer(sales: Engine, far: datetime) -> None:
    sales.create_document("sale", IVANOV)
    sales.move(1, "lost", by="petrova", comment="Нет")
    assert (stage_of(sales), field(sales)) == ("offer", "offer")
    assert {(task.party, task.node.partition(":")[0]) for task in sales.tasks()} == {("user:petrova", "offer/ask"), ("user:boss", "offer/enter_lost")}
    with pytest.raises(UnexpectedEvent, match="waits already"):
        sales.move(1, "lost", by="petrova", comment="Ну же")
    (asked,) = (task for task in sales.tasks() if task.party == "user:boss")
    with pytest.raises(InvalidAnswer, match='"Причина" must be filled'):
        sales.answer(asked.id, by="boss")
    check_replay(sales, 1)
    check_index(sales, 1, far)
    sales.answer(asked.id, by="boss", values={"reason": "Дорого"})
    assert (sales.instance(1).row.result, field(sales), sales.tasks(), sales.notices()[-1].text) == ("lost", "lost", [], "Жаль: Нет, Дорого")
    check_replay(sales, 1)


def test_what_was_asked_is_withdrawn_when_the_document_goes_elsewhere(sales: Engine, far: datetime) -> None:
    sales.create_document("sale", IVANOV)
    sales.move(1, "lost", by="petrova", comment="Нет")
    sales.move(1, "talks", by="petrova", values={"sum": 1})
    assert (stage_of(sales), sales.tasks()) == ("talks", [])
    check_index(sales, 1, far)


def test_a_move_of_the_process_without_anybody_to_ask_is_an_incident(sales: Engine, clock: VirtualClock, far: datetime) -> None:
    sales.create_document("sale", IVANOV)
    sales.answer(sales.tasks()[0].id, by="petrova")
    clock.forward(timedelta(days=2))
    sales.work()
    (incident,) = sales.incidents()
    assert str(incident.message) == 'the stage "Переговоры" needs what is not filled: "Сумма"'
    assert (stage_of(sales), field(sales)) == ("offer", "offer")
    check_replay(sales, 1)
    check_index(sales, 1, far)
    sales.set_document("sale:1", {"sum": 7})
    sales.retry(1)
    assert (stage_of(sales), field(sales), sales.notices()[-1].text) == ("talks", "talks", "offer, , , , yes")
    check_replay(sales, 1)


def test_a_move_of_the_process_asks_who_may_fill_it(engine: Engine, clock: VirtualClock, far: datetime) -> None:
    deploy_sales(engine, SALES.replace("enter: {required: [sum]}", "enter: {required: [sum], ask: 'user(\"boss\")'}"))
    engine.create_document("sale", IVANOV)
    engine.answer(engine.tasks()[0].id, by="petrova")
    clock.forward(timedelta(days=2))
    engine.work()
    assert (stage_of(engine), standing(engine)) == ("offer", {("task", "offer/enter_talks")})
    engine.answer(engine.tasks()[0].id, by="boss", values={"sum": 9})
    assert (stage_of(engine), field(engine, "sum")) == ("talks", 9)
    check_replay(engine, 1)
    check_index(engine, 1, far)


# ── direct changes of the stage field ───────────────────────────────────────────────────────────────────────────────
def test_a_direct_change_by_a_person_is_a_move_or_is_refused(sales: Engine, db: Path, far: datetime) -> None:
    sale = sales.create_document("sale", IVANOV)
    before = dump(db)
    for by, fields, reason in (
        ("boss", {"stage": "talks", "sum": 1}, "is not for"),
        ("petrova", {"stage": "talks"}, '"Сумма" must be filled'),
        ("petrova", {"stage": "won", "name": "Другое"}, "no move leads"),
        ("petrova", {"stage": None, "name": "Другое"}, 'there is no stage ""'),
        ("petrova", {"stage": "lost", "reason": "Дорого"}, "a comment is required"),
    ):
        with pytest.raises(Refused, match=reason):
            sales.set_document(sale, fields, by=by)
    assert dump(db) == before
    row = sales.set_document(sale, {"stage": "talks", "sum": 1, "name": "Новое"}, by="petrova")
    assert (row.fields["stage"], row.fields["name"], stage_of(sales)) == ("talks", "Новое", "talks")
    assert sales.notices()[-1].text.startswith("offer, Петрова Анна, , ,")
    sales.set_document(sale, {"name": "Ещё", "stage": "talks"}, by="ivanov")
    assert stage_of(sales) == "talks", "nothing is moved, so anybody may"
    with pytest.raises(Refused, match="needs what is not filled"):
        sales.set_document(sale, {"stage": "lost"}, by="petrova", note="Нет")
    sales.set_document(sale, {"stage": "lost", "reason": "Дорого"}, by="petrova", note="Нет")
    assert (sales.instance(1).row.result, sales.notices()[-1].text) == ("lost", "Жаль: Нет, Дорого")
    sales.set_document(sale, {"stage": "offer"}, by="ivanov")
    assert field(sales) == "offer", "no pipeline runs on it any more"
    check_replay(sales, 1)
    check_index(sales, 1, far)


def test_a_direct_change_by_the_program_needs_the_move_but_no_person(sales: Engine) -> None:
    sale = sales.create_document("sale", {**IVANOV, "stage": "talks"})
    with pytest.raises(Refused, match='needs what is not filled: "Метки"'):
        sales.set_document(sale, {"stage": "paid"})
    sales.set_document(sale, {"stage": "paid", "tags": ["a"]})
    assert stage_of(sales) == "paid"


def test_an_import_puts_documents_into_their_stages(sales: Engine, far: datetime) -> None:
    done = sales.import_documents("sale", "name;stage;manager;sum\nА;talks;petrova;5\nБ;won;petrova;6\nВ;;petrova;7\nГ;nowhere;petrova;8\n".encode())
    assert (len(done.created), len(done.rejected)) == (3, 1)
    assert [stage_of(sales, id) for id in (1, 2, 3)] == ["talks", None, "offer"]
    assert [row.status for row in sales.instances()] == ["running", "ended", "running"]
    for id in (1, 2, 3):
        check_index(sales, id, far)


def test_another_process_moves_the_document_or_is_refused(sales: Engine, far: datetime) -> None:
    sale = sales.create_document("sale", {**IVANOV, "stage": "talks", "tags": ["a"]})
    for number, to, result, stage in ((2, "offer", "done", "offer"), (3, "paid", "refused", "offer"), (4, "talks", "refused", "offer")):
        sales.start("mover", inputs={"which": sale, "to": to})
        sales.work()
        assert (sales.instance(number).row.result, stage_of(sales), field(sales)) == (result, stage, stage)
    sales.set_document(sale, {"sum": 4})
    sales.start("mover", inputs={"which": sale, "to": "talks"})
    sales.work()
    assert (sales.instance(5).row.result, stage_of(sales)) == ("done", "talks")
    for id in range(1, 6):
        check_replay(sales, id)
        check_index(sales, id, far)


def test_another_process_on_the_same_document_moves_it_too(sales: Engine) -> None:
    text = (
        MOVER.replace("inputs: {which: {type: document, of: sale}, to: {type: string}}", "document: sale")
        .replace("    document: which\n", "")
        .replace("$(to)", "paid")
    )
    deploy_sales(sales, text)
    sale = sales.create_document("sale", {**IVANOV, "stage": "talks", "tags": ["a"]})
    sales.start("mover", document=sale)
    sales.work()
    assert (sales.instance(2).row.result, stage_of(sales), field(sales)) == ("done", "paid", "paid")
    check_replay(sales, 1)


def test_the_process_itself_moves_by_next_alone(sales: Engine) -> None:
    """By another name of its own document too, where loading cannot see it."""
    text = SALES.replace("- {activity: notify, to: manager, text: Пора, next: talks}", "- {activity: update-document, document: me, set: {stage: talks}}")
    text = text.replace("people:", "variables: {me: {type: document, of: sale}}\npeople:")
    sales.deploy(runnable(load_text(text, "sales.yaml", {"sale": SALE}, timezone="Europe/Moscow")))
    sales.create_document("sale", {**IVANOV, "sum": 1})
    sales.correct(1, {"me": "sale:1"})
    sales.answer(sales.tasks()[0].id, by="petrova")
    sales.clock.forward(timedelta(days=2))  # type: ignore[attr-defined]
    sales.work()
    assert 'moves its document by "next"' in str(sales.incidents()[0].message)
    assert (stage_of(sales), field(sales)) == ("offer", "offer")


# ── with what else may happen ───────────────────────────────────────────────────────────────────────────────────────
MORE = """\
bpflow: 1
id: more
document: sale
stage-field: stage
start: [{on: manual}]
people: {manager: document.manager}
meanwhile:
  - {command: drop, by: 'user("boss")', cancels: true, steps: [{activity: notify, to: manager, text: Брошено, next: lost}]}
  - {command: note, by: 'user("boss")', cancels: false, steps: [{activity: notify, to: manager, text: Записано}]}
stages:
  offer:
    steps:
      - {id: ask, activity: request-info, to: manager}
      - id: both
        activity: parallel
        branches:
          one: {steps: [{id: first, activity: pause, for: 9d}]}
          two: {steps: [{id: second, activity: request-info, to: manager}]}
        on-error: {next: talks}
      - activity: loop
        until: document.sum == 3
        steps:
          - id: more
            activity: request-info
            to: manager
            outcomes: {again: {fill: [sum]}, talk: {next: talks}}
    meanwhile:
      - {command: quick, cancels: true, steps: [{activity: notify, to: manager, text: Быстро}]}
      - {command: aside, cancels: false, steps: [{activity: notify, to: manager, text: Рядом}, {activity: pause, for: 1d, next: talks}]}
    moves: {paid: {by: manager}}
  talks:
    steps: [{activity: call-service, service: bank, on-error: {next: paid}}]
    moves: {offer: {by: manager}}
  paid: {moves: {won: {by: manager}, lost: {by: manager}}}
  won: {final: true, steps: [{id: bye, activity: request-info, to: manager}]}
  lost: {final: true}
"""


@pytest.fixture
def more(opened: Open) -> Engine:
    """An instance of it on a document, in its first stage."""

    def bank() -> None:
        raise RuntimeError("closed")

    engine = opened({"bank": bank})
    deploy_sales(engine, MORE)
    engine.start("more", document=engine.create_document("sale", IVANOV), by="boss")
    assert stage_of(engine) == "offer"
    return engine


def answer(engine: Engine, step: str, outcome: str | None = None, **values: object) -> None:
    (task,) = (task for task in engine.tasks(instance=1) if task.node.endswith(step))
    engine.answer(task.id, by="petrova", outcome=outcome, values=values)


def test_a_jump_from_deep_inside_leaves_everything_of_the_stage(more: Engine, far: datetime) -> None:
    answer(more, "ask")
    answer(more, "second")
    assert {path for kind, path in standing(more) if kind != "block"} == {"offer/both.one/first"}
    more.clock.forward(timedelta(days=9))  # type: ignore[attr-defined]
    more.work()
    answer(more, "more", sum=2)
    answer(more, "more", "talk")
    assert (stage_of(more), standing(more)) == ("talks", {("call", "talks/call-service")})
    more.work()
    assert (stage_of(more), field(more)) == ("paid", "paid"), "an error leads to a stage too"
    check_replay(more, 1)
    check_index(more, 1, far)


def test_what_happens_meanwhile_in_a_stage_leaves_its_moves(more: Engine, far: datetime) -> None:
    more.command(1, "aside", by="boss")
    assert {path for kind, path in standing(more)} == {"offer/ask", "offer.aside/pause"}
    more.command(1, "quick", by="boss")
    assert (stage_of(more), standing(more)) == ("offer", {("pause", "offer")})
    assert [view.stage for view in more.moves(1, "petrova")] == ["paid"]
    more.move(1, "paid", by="petrova")
    more.move(1, "won", by="petrova")
    assert (stage_of(more), more.instance(1).row.status) == ("won", "running"), "its steps are to be done first"
    with pytest.raises(UnexpectedEvent, match='no move leads from "won" to "lost", or anywhere else'):
        more.move(1, "lost", by="petrova")
    answer(more, "bye")
    assert more.instance(1).row.result == "won"
    check_replay(more, 1)
    check_index(more, 1, far)


def test_what_runs_beside_the_steps_of_a_stage_may_move_the_document(more: Engine, far: datetime) -> None:
    more.command(1, "aside", by="boss")
    more.clock.forward(timedelta(days=1))  # type: ignore[attr-defined]
    more.work()
    assert field(more) in ("talks", "paid")
    assert more.tasks() == []
    check_replay(more, 1)
    check_index(more, 1, far)


def test_what_happens_meanwhile_in_the_process_may_move_the_document(more: Engine, far: datetime) -> None:
    more.command(1, "note", by="boss")
    assert stage_of(more) == "offer"
    more.command(1, "drop", by="boss")
    assert (more.instance(1).row.result, field(more), more.tasks()) == ("lost", "lost", [])
    check_replay(more, 1)
    check_index(more, 1, far)


def test_what_runs_beside_the_whole_process_cannot_leave_a_stage() -> None:
    text = MORE.replace(
        "cancels: false, steps: [{activity: notify, to: manager, text: Записано}]", "cancels: false, steps: [{activity: pause, for: 1d, next: won}]"
    )
    assert [finding.rule for finding in load_text(text, "more.yaml", {"sale": SALE}).findings] == ["jump-out-of-parallel"]


def test_operators_cannot_part_the_document_from_its_stage(sales: Engine, clock: VirtualClock) -> None:
    sales.create_document("sale", IVANOV)
    with pytest.raises(UnexpectedEvent, match=r"the steps that can: offer/rest, offer/notify$"):
        sales.jump(1, "ask", "talks", by="boss")
    sales.answer(sales.tasks()[0].id, by="petrova")
    clock.forward(timedelta(days=2))
    sales.work()
    (incident,) = sales.incidents()
    assert [remedy.command for remedy in incident.remedies] == ["retry", "cancel"]
    with pytest.raises(UnexpectedEvent, match="a move cannot be passed over"):
        sales.skip(1, incident.id, by="boss")
    sales.move(1, "talks", by="petrova", values={"sum": 1})
    assert (stage_of(sales), sales.incidents()) == ("talks", []), "but a person may move it"


def test_a_document_in_no_stage_is_an_incident(sales: Engine) -> None:
    fields = "name: {type: string}, stage: {type: string}, manager: {type: user}, sum: {type: integer}, reason: {type: string}"
    bid = f"document: {{type: bid, fields: {{{fields}, tags: {{type: string, many: true}}}}}}"
    text = SALES.replace("document: sale", bid)
    deploy_sales(sales, text.replace("id: sales", "id: bids"))
    made = sales.create_document("bid", {"stage": "nowhere", "manager": "petrova"})
    (incident,) = sales.incidents()
    assert (incident.kind, stage_of(sales), sales.moves(1)) == ("fault", None, [])
    with pytest.raises(UnexpectedEvent, match="the document is in no stage now"):
        sales.move(1, "talks", by="petrova")
    sales.set_document(made, {"stage": "talks", "sum": 1})
    sales.retry(1)
    assert stage_of(sales) == "talks"


# ── going round, at once, and after a crash ─────────────────────────────────────────────────────────────────────────
def test_two_stages_that_jump_to_each_other_are_stopped(engine: Engine, far: datetime) -> None:
    text = """\
bpflow: 1
id: round
document: sale
stage-field: stage
start: [{on: manual}]
stages:
  offer: {steps: [{activity: condition, branches: [{when: 'document.sum == 1', next: go-on}], otherwise: {next: talks}}]}
  talks: {steps: [{activity: condition, branches: [{when: 'document.sum == 1', next: go-on}], otherwise: {next: offer}}]}
  paid: {final: true}
  won: {final: true}
  lost: {final: true}
"""
    loaded = load_text(text, "round.yaml", {"sale": SALE})
    engine.deploy(loaded)
    sale = engine.create_document("sale", IVANOV)
    engine.start("round", document=sale)
    (incident,) = engine.incidents()
    assert "10000 steps without a wait" in str(incident.message)
    assert stage_of(engine) == field(engine)
    check_replay(engine, 1)
    check_index(engine, 1, far)


def move_at_once(engines: list[Engine], id: int, moves: list[tuple[str, str]]) -> list[str]:
    """Each moves on an engine of his own, at the same moment; what became of it: the stage, or why it was refused."""
    told: list[str] = []
    start = threading.Barrier(len(engines))

    def press(engine: Engine, by: str, to: str) -> None:
        start.wait()
        try:
            engine.move(id, to, by=by)
            told.append(to)
        except UnexpectedEvent as refused:
            told.append(f"refused: {refused}")

    people = [threading.Thread(target=press, args=(engine, *move)) for engine, move in zip(engines, moves, strict=True)]
    for thread in people:
        thread.start()
    for thread in people:
        thread.join()
    return told


def test_of_two_people_who_move_at_once_one_is_refused(sales: Engine, opened: Open, far: datetime) -> None:
    text = SALES.replace("paid: {}", "paid: {by: 'user(\"boss\")'}").replace("enter: {required: [tags, name], ask: 'user(\"boss\")'}\n    moves:", "moves:")
    deploy_sales(sales, text.replace("offer: {by: 'user(\"boss\")'}", "offer: {by: manager}"))
    other = opened()
    for number in range(1, 11):
        sales.create_document("sale", {**IVANOV, "stage": "talks"})
        told = move_at_once([sales, other], number, [("petrova", "offer"), ("boss", "paid")])
        (taken,), (refused,) = ([one for one in told if one.startswith("refused") is late] for late in (False, True))
        assert any(reason in refused for reason in ("by now", "no move leads"))
        assert (stage_of(other, number), field(other, document=f"sale:{number}")) == (taken, taken)
        check_replay(other, number)
        check_index(other, number, far)


def test_whoever_has_seen_the_document_in_another_stage_is_refused(sales: Engine, clock: VirtualClock) -> None:
    """Though the move that he means is there from this stage too: it is another one."""
    sales.create_document("sale", {**IVANOV, "stage": "talks"})
    with pytest.raises(UnexpectedEvent, match='the document is in the stage "Переговоры" by now'):
        sales.runner.happen(1, Moved(clock.now(), User("petrova"), "offer", "lost", comment="Нет"))
    assert stage_of(sales) == "talks"


class Crash(Exception):
    """The program dies."""


def test_a_crash_at_any_point_leaves_the_move_made_or_not_made(sales: Engine, db: Path, far: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = work_class(sales)
    sales.create_document("sale", IVANOV)
    before = dump(db)
    acts: list[Callable[[], object]] = [
        lambda: sales.move(1, "talks", by="petrova", values={"sum": 1}),
        lambda: sales.set_document("sale:1", {"stage": "talks", "sum": 1}, by="petrova"),
    ]

    def die(*_: object, **__: object) -> None:
        raise Crash

    for act in acts:
        for method in ("save", "index", "change_document", "__exit__"):
            with monkeypatch.context() as patch:
                if method == "__exit__":
                    leave = kind.__exit__
                    patch.setattr(kind, method, lambda self, *_, leave=leave: (leave(self, Crash, Crash(), None), die()))
                else:
                    patch.setattr(kind, method, die)
                with pytest.raises(Crash):
                    act()
            assert dump(db) == before
            assert (stage_of(sales), field(sales)) == ("offer", "offer")
    acts[0]()
    assert (stage_of(sales), field(sales)) == ("talks", "talks")
    check_index(sales, 1, far)


STAGES, PEOPLE = ("offer", "talks", "paid", "won", "lost"), ("petrova", "boss", "ivanov")


class Walk:
    """Somebody who does at random whatever can be done with three documents."""

    def __init__(self, engine: Engine, clock: VirtualClock, seed: int) -> None:
        self.engine, self.clock, self.chance = engine, clock, random.Random(seed)
        self.done: Counter[str] = Counter()
        for _ in range(3):
            engine.create_document("sale", {**IVANOV, "sum": self.chance.choice([None, 5])})

    def act(self) -> None:
        deed = self.chance.choice([self.move, self.move, self.change, self.edit, self.other, self.answer, self.wait])
        try:
            deed()
            self.done[deed.__name__] += 1
        except Refused:
            self.done["refused"] += 1

    def some(self, **values: object) -> dict[str, object]:
        return {name: value for name, value in values.items() if self.chance.random() < 0.5}

    def fields(self) -> dict[str, object]:
        return self.some(sum=3, reason="Р", tags=["x"])

    def move(self) -> None:
        stage, by, values = self.chance.choice(STAGES), self.chance.choice(PEOPLE), {**self.fields(), **self.some(how="mail")}
        self.engine.move(self.chance.randint(1, 3), stage, by=by, values=values, comment=self.chance.choice([None, "К"]))

    def change(self) -> None:
        by, note = self.chance.choice([*PEOPLE, None]), self.chance.choice([None, "З"])
        self.engine.set_document(f"sale:{self.chance.randint(1, 3)}", {**self.fields(), "stage": self.chance.choice(STAGES)}, by=by, note=note)

    def edit(self) -> None:
        self.engine.set_document(f"sale:{self.chance.randint(1, 3)}", {"sum": self.chance.choice([None, 4]), "tags": self.chance.choice([[], ["a"]])})

    def other(self) -> None:
        self.engine.start("mover", inputs={"which": f"sale:{self.chance.randint(1, 3)}", "to": self.chance.choice(STAGES)})

    def answer(self) -> None:
        for task in self.engine.tasks()[:1]:
            self.engine.answer(task.id, by=self.chance.choice(PEOPLE), values=self.some(reason="Р", tags=["x"]))

    def wait(self) -> None:
        self.clock.forward(timedelta(days=1))
        self.engine.work()


@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_done_the_document_is_where_the_instance_stands(sales: Engine, opened: Open, clock: VirtualClock, far: datetime, seed: int) -> None:
    """After each deed the replay is what is stored, the index what the state says, and the document in the stage that is open."""
    walk = Walk(sales, clock, seed)
    for number in range(60):
        walk.act()
        if number % 20 == 19:
            walk.engine = opened()
        for row in walk.engine.instances():
            check_replay(walk.engine, row.id)
            check_index(walk.engine, row.id, far)
            if row.process == "sales" and row.status == "running":
                assert row.document is not None
                assert stage_of(walk.engine, row.id) == field(walk.engine, document=f"sale:{row.document.id}")
    assert len(walk.done) > 4
