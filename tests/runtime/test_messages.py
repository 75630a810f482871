"""Messages: each reaches one receiver, once, in order; whoever was first, whatever crashes between two commits."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from bpflow.diagnostics import Refused
from bpflow.engine.events import Arrived, Commanded
from bpflow.engine.transition import UnexpectedEvent
from bpflow.expressions.data import Document, User
from bpflow.runtime import Engine, VirtualClock
from bpflow.runtime.transaction import NobodyListens
from bpflow.stores.mail import NewMessage, key_text
from tests.runtime.conftest import Open
from tests.runtime.looking import check_index, check_replay, dump, events_of, listens, stored, tamper

Deploy = Callable[[Engine, str], None]

WAITS = """\
id: waits
title: Ждёт
inputs: {order: {type: integer}}
outputs: {sum: paid.sum, day: paid.day}
steps:
  - id: paid
    activity: wait-message
    message: paid
    key: order
    values: {sum: {type: money, required: true}, day: {type: date}}
  - {activity: end, result: paid}
"""
SENDS = """\
id: sends
title: Шлёт
inputs: {order: {type: integer}, amount: {type: money}}
steps:
  - {activity: send-message, message: paid, key: order, values: {sum: $(amount), day: $(today())}}
  - {activity: end, result: sent}
"""


def sure(engine: Engine, far: datetime) -> None:
    """All that was recorded gives what is stored, and the index is what the states say."""
    for row in engine.instances():
        check_replay(engine, row.id)
        check_index(engine, row.id, far)


def listening(engine: Engine, id: int) -> set[tuple[int, int, str, str]]:
    return {(holder, arm, name, key) for _, holder, arm, _, name, key in listens(engine, id)}


def arrivals(engine: Engine) -> list[object]:
    """What has reached anybody, in the order of the instances."""
    return [dict(event.values).get("sum") for row in engine.instances() for event in events_of(engine, row.id) if isinstance(event, Arrived)]


def put(engine: Engine, key: object = 7, **values: object) -> None:
    """A message whose sender breaks down right after it has sent it: nobody looks yet who receives it."""
    with engine.store.begin() as work:
        work.messages.add(NewMessage(-1, "paid", key, {"sum": 1, **values}, engine.clock.now(), None))  # type: ignore[arg-type,dict-item]


@pytest.fixture
def both(engine: Engine, deploy: Deploy) -> Engine:
    deploy(engine, WAITS)
    deploy(engine, SENDS)
    return engine


# ── who comes first ─────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_wait_comes_first(both: Engine, far: datetime) -> None:
    one = both.start("waits", inputs={"order": 7})
    other = both.start("waits", inputs={"order": 8})
    both.start("sends", inputs={"order": 7, "amount": "12.50"})
    assert both.instance(one).outputs == {"sum": Decimal("12.50"), "day": both.clock.now().date()}
    assert both.instance(other).row.status == "running"
    assert both.messages() == []
    sure(both, far)


def test_the_message_comes_first(both: Engine, far: datetime) -> None:
    both.start("sends", inputs={"order": 7, "amount": 3})
    (kept,) = both.messages()
    assert (kept.name, kept.key, kept.values["sum"], kept.fresh, kept.instance) == ("paid", 7, 3, False, 1)
    both.start("waits", inputs={"order": 8})
    assert len(both.messages()) == 1
    one = both.start("waits", inputs={"order": 7})
    assert both.instance(one).row.result == "paid"
    assert both.messages() == []
    sure(both, far)


@pytest.mark.parametrize("first", ["message", "wait"])
def test_both_at_once_and_a_crash_after_each_commit(both: Engine, opened: Open, first: str, far: datetime) -> None:
    """Each step is done by an engine of its own, as if the one before had broken down right after its commit."""
    acts: list[Callable[[Engine], object]] = [put, lambda engine: begin_silently(engine, "waits", {"order": 7})]
    for act in acts if first == "message" else reversed(acts):
        act(opened())
    while opened().work(limit=1).total:
        pass
    again = opened()
    assert again.instance(1).row.result == "paid"
    assert again.messages() == []
    assert arrivals(again) == [1]
    sure(again, far)


def begin_silently(engine: Engine, process: str, inputs: dict[str, object]) -> None:
    """Starts an instance, and breaks down before anything is told."""
    definition = engine.store.deployment(process)
    assert definition is not None
    with engine.store.begin() as work:
        assert engine.runner.begin(work, definition.id, None, inputs, None, engine.clock.now()) is not None  # type: ignore[arg-type]


def test_two_waits_and_one_message(both: Engine, far: datetime) -> None:
    one, other = (both.start("waits", inputs={"order": 7}) for _ in range(2))
    both.send_message("paid", 7, {"sum": 1})
    assert [both.instance(id).row.status for id in (one, other)] == ["ended", "running"]
    both.send_message("paid", 7, {"sum": 2})
    assert arrivals(both) == [1, 2]
    sure(both, far)


def test_who_begins_to_wait_anew_goes_to_the_end_of_the_line(engine: Engine, deploy: Deploy, far: datetime) -> None:
    deploy(
        engine,
        """\
id: again
title: X
steps:
  - id: turns
    activity: loop
    until: turns.turn == 2
    steps:
      - {id: got, activity: wait-message, message: paid, values: {sum: {type: integer}}}
""",
    )
    for _ in range(2):
        engine.start("again")
    for number in range(1, 5):
        engine.send_message("paid", None, {"sum": number})
    assert arrivals(engine) == [1, 3, 2, 4]
    sure(engine, far)


def test_two_messages_and_one_wait_come_in_order(engine: Engine, deploy: Deploy, far: datetime) -> None:
    for number in range(1, 4):
        put(engine, None, sum=number)
    deploy(
        engine,
        """\
id: loops
title: X
steps:
  - id: turns
    activity: loop
    until: turns.turn == 3
    steps:
      - {id: got, activity: wait-message, message: paid}
""",
    )
    engine.start("loops")
    assert arrivals(engine) == [1, 2, 3]
    sure(engine, far)


def test_a_crash_between_two_deliveries(both: Engine, opened: Open, far: datetime) -> None:
    for number in range(3):
        put(both, number)
        begin_silently(both, "waits", {"order": number})
    done = 0
    while opened().work(limit=1).messages:
        done += 1
    assert done == 3
    assert [row.status for row in opened().instances()] == ["ended"] * 3
    sure(opened(), far)


# ── keys ────────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    "key, text",
    [
        (7, "7"),
        ("7", "7"),
        (Decimal("7.00"), "7"),
        (Decimal("1E+2"), "100"),
        (Decimal("0.50"), "0.5"),
        (100, "100"),
        (True, "true"),
        (Document("deal", 3), "deal:3"),
        (User("ivanov"), "ivanov"),
        (None, ""),
        ([1, "a"], '[1,"a"]'),
    ],
)
def test_keys_are_compared_as_people_write_them(key: object, text: str) -> None:
    assert key_text(key) == text  # type: ignore[arg-type]


def test_a_message_without_a_key_is_for_a_wait_without_a_key(engine: Engine, deploy: Deploy) -> None:
    deploy(engine, "id: any\ntitle: X\nsteps:\n  - {activity: wait-message, message: paid}\n  - {activity: end, result: got}\n")
    id = engine.start("any")
    engine.send_message("paid", 7)
    assert engine.instance(id).row.status == "running"
    engine.send_message("paid")
    assert engine.instance(id).row.result == "got"
    assert [message.key for message in engine.messages()] == [7]


def test_an_empty_key_is_an_incident_and_no_wait_for_all(both: Engine) -> None:
    both.start("waits")
    both.start("sends", inputs={"amount": 1})
    assert [str(one.message) for one in both.incidents()] == ['the key of the message "paid" is empty'] * 2
    assert both.messages() == []


# ── how long it is kept ─────────────────────────────────────────────────────────────────────────────────────────────
def test_a_message_whose_time_is_over_is_not_delivered_and_stays_in_sight(both: Engine, clock: VirtualClock, far: datetime) -> None:
    both.send_message("paid", 7, {"sum": 1}, keep="2h")
    clock.forward(timedelta(hours=2))
    id = both.start("waits", inputs={"order": 7})
    both.work()
    assert both.instance(id).row.status == "running"
    assert [message.until for message in both.messages()] == [clock.now()]
    both.send_message("paid", 8, {"sum": 1}, keep="2h")
    assert both.purge_messages() == 1
    assert [message.key for message in both.messages()] == [8]
    sure(both, far)


def test_a_wait_that_began_in_time_gets_it_however_late_we_look(both: Engine, opened: Open, clock: VirtualClock) -> None:
    begin_silently(both, "waits", {"order": 7})
    with both.store.begin() as work:
        work.messages.add(NewMessage(-1, "paid", 7, {"sum": 1}, clock.now(), clock.now() + timedelta(hours=1)))
    clock.forward(timedelta(days=3))
    opened().work()
    assert opened().instance(1).row.result == "paid"


def test_with_keep_0h_only_who_waits_now_gets_it(both: Engine, clock: VirtualClock) -> None:
    early = both.start("waits", inputs={"order": 7})
    for number in (1, 2):
        with both.store.begin() as work:  # and nobody looks before the other begins to wait, at the same moment
            work.messages.add(NewMessage(-1, "paid", 7, {"sum": number}, clock.now(), clock.now()))
    begin_silently(both, "waits", {"order": 7})
    both.work()
    assert both.instance(early).outputs["sum"] == 1
    assert both.instance(2).row.status == "running"
    assert [message.values["sum"] for message in both.messages()] == [2]


def test_the_step_says_how_long_its_message_is_kept(engine: Engine, deploy: Deploy, clock: VirtualClock) -> None:
    deploy(engine, "id: sends\ntitle: X\nsteps:\n  - {activity: send-message, message: paid, keep: 2 working days}\n")
    engine.start("sends")
    assert [message.until for message in engine.messages()] == [datetime.fromisoformat("2026-03-04T10:00+03:00")]


# ── what it brings ──────────────────────────────────────────────────────────────────────────────────────────────────
def test_values_from_outside_are_read_by_the_fields_of_the_wait(both: Engine, far: datetime) -> None:
    id = both.start("waits", inputs={"order": 7})
    both.send_message("paid", "7", {"sum": "1250,40", "day": "2026-03-05", "more": [1.5, {"a": True}]})
    assert both.instance(id).outputs == {"sum": Decimal("1250.40"), "day": datetime(2026, 3, 5).date()}
    sure(both, far)


def test_a_message_that_is_not_as_it_must_be_is_an_incident_and_the_next_one_is_waited_for(both: Engine, far: datetime) -> None:
    id = both.start("waits", inputs={"order": 7})
    both.send_message("paid", 7, {"sum": "much"})
    (incident,) = both.incidents()
    assert str(incident.message) == 'the message "paid" is not as it must be: "sum": "much" is not a number'
    assert both.messages() == listens(both, id) == []
    both.send_message("paid", 7, {"sum": 5})
    both.retry(id, incident.id)
    assert both.instance(id).outputs["sum"] == 5
    both.start("waits", inputs={"order": 7})
    both.send_message("paid", 7)
    assert "a value is required" in str(both.incidents()[0].message)
    sure(both, far)


def test_what_is_no_message_is_refused(both: Engine, db: Path) -> None:
    before = dump(db)
    wrong: list[Callable[[], object]] = [
        lambda: both.send_message("Paid"),
        lambda: both.send_message("paid", ""),
        lambda: both.send_message("paid", 7, {"x": object()}),
        lambda: both.send_message("paid", 7, {"x": "\ud800"}),
        lambda: both.send_message("paid", 7, {"x": datetime(2026, 1, 1)}),
        lambda: both.send_message("paid", 7, keep="soon"),
    ]
    for act in wrong:
        with pytest.raises(Refused):
            act()
    assert dump(db) == before


def test_with_an_id_it_is_sent_once_for_ever(both: Engine, opened: Open) -> None:
    assert [both.send_message("paid", 7, {"sum": 1}, id="bank/17") for _ in range(2)] == [True, False]
    assert len(both.messages()) == 1
    both.start("waits", inputs={"order": 7})
    opened().send_message("paid", 7, {"sum": 1}, id="bank/17")
    assert both.messages() == []


# ── receivers that go away ──────────────────────────────────────────────────────────────────────────────────────────
def test_the_receiver_is_cancelled_at_that_moment(both: Engine, opened: Open, monkeypatch: pytest.MonkeyPatch, far: datetime) -> None:
    """Another program cancels it after the receiver was found, and before he gets the message: the next in line gets it."""
    one, other = (both.start("waits", inputs={"order": 7}) for _ in range(2))
    put(both)
    typed = both._drain.post.typed

    def meanwhile(message: object, listen: object) -> object:
        if opened().instance(one).row.status == "running":
            opened().cancel(one)
        return typed(message, listen)  # type: ignore[arg-type]

    monkeypatch.setattr(type(both._drain.post), "typed", lambda _, message, listen: meanwhile(message, listen))
    both.work()
    again = opened()
    assert [again.instance(id).row.status for id in (one, other)] == ["cancelled", "ended"]
    assert arrivals(again) == [1]
    sure(again, far)


def test_the_receiver_waits_anew_at_that_moment(engine: Engine, opened: Open, deploy: Deploy, monkeypatch: pytest.MonkeyPatch, far: datetime) -> None:
    """The wait that was found is over, and the same token waits at the same arm again: that is another wait."""
    deploy(
        engine,
        """\
id: turns
title: X
steps:
  - id: around
    activity: loop
    until: around.turn == 3
    steps:
      - {id: got, activity: wait-message, message: paid, key: '"k"'}
""",
    )
    one, other = engine.start("turns"), engine.start("turns")
    for number in (1, 2):
        put(engine, "k", sum=number)
    typed, raced = type(engine._drain.post).typed, []

    def meanwhile(self: object, message: object, listen: object) -> object:
        if not raced:
            raced.append(True)
            opened().work(limit=1)  # another program delivers the same message to the same wait
        return typed(self, message, listen)  # type: ignore[arg-type]

    monkeypatch.setattr(type(engine._drain.post), "typed", meanwhile)
    engine.work()
    assert arrivals(opened()) == [1, 2], "the second goes to the other instance, whose wait is older now"
    assert [len([e for e in events_of(opened(), id) if isinstance(e, Arrived)]) for id in (one, other)] == [1, 1]
    sure(opened(), far)


def test_a_wait_that_the_state_does_not_know_is_forgotten(both: Engine, db: Path, far: datetime) -> None:
    """A row of the index that is there by mistake swallows no message."""
    id = both.start("waits", inputs={"order": 7})
    tamper(db, f"update listen set holder = 99 where instance = {id}")
    both.send_message("paid", 7, {"sum": 1})
    assert [message.values["sum"] for message in both.messages()] == [1]
    assert both.instance(id).row.status == "running"


def test_what_was_for_an_earlier_visit_does_not_hit_a_later_one(engine: Engine, deploy: Deploy) -> None:
    deploy(
        engine,
        """\
id: turns
title: X
steps:
  - id: around
    activity: loop
    until: around.turn == 3
    steps:
      - activity: race
        branches:
          come: {message: paid, next: go-on}
          pressed: {command: press, next: go-on}
""",
    )
    id = engine.start("turns")
    (token,) = stored(engine, id).state.tokens.values()  # type: ignore[union-attr]
    visit = token.visit
    engine.send_message("paid")
    before = stored(engine, id).state
    with pytest.raises(NobodyListens):
        engine.runner.happen(id, Arrived(engine.clock.now(), token.id, 0, visit=visit))
    with pytest.raises(UnexpectedEvent):
        engine.runner.happen(id, Commanded(engine.clock.now(), User("boss"), token.id, 1, visit=visit))
    assert stored(engine, id).state == before
    engine.runner.happen(id, Commanded(engine.clock.now(), User("boss"), token.id, 1, visit=visit + 1))
    check_replay(engine, id)


def test_a_message_meanwhile_comes_as_often_as_it_is_sent(engine: Engine, deploy: Deploy, far: datetime) -> None:
    deploy(
        engine,
        """\
id: beside
title: X
meanwhile:
  - {message: nudge, key: '"k"', cancels: false, steps: [{activity: notify, to: user("boss"), text: Толкнули}]}
  - {message: stop, key: '"k"', cancels: true, steps: [{activity: end, result: stopped}]}
steps:
  - {id: ask, activity: request-info, to: user("boss"), title: Вопрос}
""",
    )
    id = engine.start("beside")
    for _ in range(3):
        engine.send_message("nudge", "k")
    assert len(engine.notices("boss")) == 3
    sure(engine, far)
    engine.send_message("stop", "k")
    engine.send_message("nudge", "k")
    assert engine.instance(id).row.result == "stopped"
    assert [message.name for message in engine.messages()] == ["nudge"]
    sure(engine, far)


# ── starts ──────────────────────────────────────────────────────────────────────────────────────────────────────────
STARTS = """\
id: by-message
title: X
inputs: {amount: {type: money, required: true}, source: {type: string}}
start:
  - on: message
    message: order
    when: message.sum > 10
    values: {sum: {type: money}}
    with: {amount: $(message.sum), source: $(key)}
steps:
  - {id: ask, activity: request-info, to: user("boss"), title: '$(amount) $(source)'}
"""


def test_a_message_starts_a_process_if_nobody_waits_for_it(engine: Engine, deploy: Deploy, far: datetime) -> None:
    deploy(engine, STARTS)
    deploy(engine, "id: waits\ntitle: X\nsteps:\n  - {activity: wait-message, message: order, key: '\"a\"'}\n")
    engine.start("waits")
    engine.send_message("order", "a", {"sum": 50})
    assert engine.instance(1).row.status == "ended"
    engine.send_message("order", "a", {"sum": "50"})
    engine.send_message("order", "b", {"sum": "5"})
    assert [task.subject for task in engine.tasks("boss")] == ["50 a"]
    assert [message.values["sum"] for message in engine.messages()] == ["5"]
    sure(engine, far)


def test_a_message_waits_for_a_process_that_starts_by_it(engine: Engine, opened: Open, deploy: Deploy) -> None:
    engine.send_message("order", "a", {"sum": 50})
    deploy(engine, STARTS)
    opened().work()
    assert [task.subject for task in engine.tasks("boss")] == ["50 a"]


def test_a_start_takes_its_document_from_the_message(engine: Engine, deploy: Deploy, far: datetime) -> None:
    deploy(
        engine,
        """\
id: on-deal
title: X
document: deal
unless-running: true
start: [{on: message, message: order, document: message.deal, values: {deal: {type: document, of: deal}}, when: document.status == "new"}]
steps:
  - {id: ask, activity: request-info, to: user("boss"), title: $(document.name)}
""",
    )
    deal = engine.create_document("deal", {"name": "Труба", "status": "new"})
    engine.send_message("order", None, {"deal": f"deal:{deal.id}"})
    assert [(row.document, row.incidents) for row in engine.instances()] == [(deal, 0)]
    engine.send_message("order", None, {"deal": deal})
    assert len(engine.messages()) == 1, "it runs on the document already"
    engine.send_message("order", None, {"deal": "deal:99"})
    (incident,) = engine.incidents()
    assert "the start condition cannot be evaluated" in str(incident.message)
    sure(engine, far)


def test_a_start_that_cannot_be_evaluated_is_an_incident(engine: Engine, deploy: Deploy) -> None:
    deploy(engine, STARTS)
    engine.send_message("order", "a", {"sum": "much"})
    engine.send_message("order", "a")
    assert len(engine.incidents()) == 2
    assert engine.messages() == []


def test_messages_start_processes_in_each_other_only_so_deep(engine: Engine, deploy: Deploy) -> None:
    deploy(engine, "id: echo\ntitle: X\nstart: [{on: message, message: echo}]\nsteps:\n  - {activity: send-message, message: echo}\n")
    engine.send_message("echo")
    (incident,) = engine.incidents()
    assert "messages start processes in each other more than 32 deep" in str(incident.message)
    assert len(engine.instances()) == 33
    engine.cancel(incident.instance)


def test_a_dialogue_is_not_too_deep(engine: Engine, deploy: Deploy, far: datetime) -> None:
    """Each question starts an instance that answers it: who waits for answers may ask as often as he likes."""
    text = "id: answers\ntitle: X\nstart: [{on: message, message: ask}]\nsteps:\n  - {activity: send-message, message: answer}\n"
    deploy(engine, text)
    deploy(
        engine,
        """\
id: asks
title: X
steps:
  - id: turns
    activity: loop
    until: turns.turn == 50
    steps:
      - {activity: send-message, message: ask}
      - {activity: wait-message, message: answer}
  - {activity: end, result: answered}
""",
    )
    id = engine.start("asks")
    assert engine.instance(id).row.result == "answered"
    assert len(engine.instances()) == 51
    sure(engine, far)


def test_a_start_is_made_once_whatever_crashes(engine: Engine, opened: Open, deploy: Deploy) -> None:
    deploy(engine, STARTS)
    with engine.store.begin() as work:
        work.messages.add(NewMessage(-1, "order", "a", {"sum": 50}, engine.clock.now(), None))
    while opened().work(limit=1).total:
        pass
    assert len(engine.instances()) == 1


# ── two programs ────────────────────────────────────────────────────────────────────────────────────────────────────
RACER = """\
import sys, time
from datetime import datetime
from bpflow.runtime import VirtualClock, open_engine

db, folder, at, what, count = sys.argv[1:6]
engine = open_engine(db, folder, VirtualClock(datetime.fromisoformat(at)))
print("ready", flush=True)
time.sleep(max(0, float(sys.stdin.readline()) - time.time()))
for number in range(int(count)):
    if what == "send":
        engine.send_message("paid", number, {"sum": number})
    else:
        engine.start("waits", inputs={"order": number})
engine.work()
engine.close()
"""


def test_one_program_sends_and_the_other_waits(both: Engine, opened: Open, tmp_path: Path, db: Path, folder: Path, clock: VirtualClock, far: datetime) -> None:
    """200 messages, 200 waits, two processes of the operating system on one file: each message arrives once."""
    script = tmp_path / "racer.py"
    script.write_text(RACER, encoding="utf-8")
    racing = [
        subprocess.Popen(
            [sys.executable, str(script), str(db), str(folder), clock.now().isoformat(), what, "200"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for what in ("send", "wait")
    ]
    for process in racing:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", process.communicate()[1]
    moment = time.time() + 0.1
    for process in racing:
        assert process.stdin is not None
        process.stdin.write(f"{moment}\n")
        process.stdin.flush()
    for process in racing:
        _, errors = process.communicate(timeout=240)
        assert process.returncode == 0, errors
    again = opened()
    assert again.messages() == []
    assert [row.status for row in again.instances(limit=1000)] == ["ended"] * 200
    got = Counter(arrivals(again))
    assert got == Counter(range(200))
    for row in again.instances(limit=1000)[::20]:
        check_replay(again, row.id)
        check_index(again, row.id, far)
