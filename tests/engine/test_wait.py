"""Wait: dates and conditions, which are read again when what they read changes; messages and commands; stale events."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from bpflow.engine import InvalidAnswer, NotAllowed, UnexpectedEvent, interpreter
from bpflow.engine.events import Answered, Arrived, Commanded, TimerFired
from bpflow.expressions.data import Department, User
from bpflow.graph import Alarm, Block, Expr, Form, Graph, Handler, Outcome, Step, Trigger, Wait
from bpflow.values import Field
from tests.engine.play import COMPANY, HOUR, IVANOV, PETROV, Play, T, World, call, flow, graph, pause, sets, step, task

TOMORROW = 'datetime("2026-03-03T07:00Z")'


def race(*triggers: Trigger, gives: str | None = "r") -> Wait:
    return Wait("w", tuple((trigger, flow("w", f"t{n}", str(n))) for n, trigger in enumerate(triggers)), gives)


def raced(*triggers: Trigger, world: World | None = None) -> Play:
    tasks = (task(f"t{n}") for n in range(len(triggers)))
    return Play(graph(race(*triggers), *tasks, reads="r"), world, document=COMPANY)


# ── dates ───────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("kind", ["at", "until"])
def test_a_date(kind: str):
    play = Play(graph(pause("w", "t", TOMORROW, kind), task("t")))
    assert play.index.timers == {(1, 0): T + 24 * HOUR}
    play.wait(23 * HOUR)
    assert play.where() == ["w"]
    play.wait(HOUR)
    assert play.where() == ["t"]
    assert play.state.at == T + 24 * HOUR
    assert play.index.timers == {}


@pytest.mark.parametrize("text", ["now", 'datetime("2026-03-01T07:00Z")', "true", "1 == 1"])
def test_what_is_past_or_true_already_is_not_waited_for(text: str):
    play = Play(graph(pause("w", "t", text), task("t")))
    assert play.where() == ["t"]
    assert play.index.timers == {}


@pytest.mark.parametrize("text, message", [("none", "no date to wait for"), ("1", "neither a date nor a condition"), ("nothing", "nothing")])
def test_what_cannot_be_waited_for_is_an_incident(text: str, message: str):
    play = Play(graph(pause("w", "t", text), task("t")))
    assert play.where() == ["w"]
    assert message in str(play.incident.message)
    play.skip()
    assert play.where() == ["t"]


def test_a_race_in_which_nothing_can_happen_is_an_incident():
    play = raced(Trigger("at", Expr("none")), Trigger("until", Expr("document.at")), world=World({COMPANY: {"at": None}}))
    assert play.where() == ["w"]
    assert "no date to wait for" in str(play.incident.message)


def test_an_arm_that_cannot_be_armed_leaves_nothing_armed():
    play = raced(Trigger("at", Expr(TOMORROW)), Trigger("message", name="m"), Trigger("until", Expr("nothing")))
    assert play.at("w").status == "held"
    assert (play.index.timers, play.index.listens) == ({}, {})
    assert play.at("w").visit == 0


def test_a_date_of_the_document_moves_with_it_and_a_fixed_one_does_not():
    world = World({COMPANY: {"at": T + HOUR}})
    play = raced(Trigger("at", Expr("document.at")), Trigger("at", Expr("document.at + hours(5)"), fixed=True), world=world)
    assert play.index.timers == {(1, 0): T + HOUR, (1, 1): T + 6 * HOUR}
    assert play.index.watches == {(1, COMPANY)}
    play.change(at=T + 3 * HOUR)
    assert play.index.timers == {(1, 0): T + 3 * HOUR, (1, 1): T + 6 * HOUR}
    play.wait(2 * HOUR)
    assert play.where() == ["w"]
    play.change(at=T)
    assert play.where() == ["t0"]
    assert play.index.watches == set()


def test_a_change_of_a_document_moves_no_date_that_does_not_read_it():
    world = World({COMPANY: {"status": "a"}})
    play = raced(Trigger("until", Expr('document.status == "b"')), Trigger("at", Expr("now + hours(5)")), world=world)
    play.now += HOUR
    play.change(status="c")
    assert play.index.timers == {(1, 1): T + 5 * HOUR}


def test_a_date_that_cannot_be_read_any_more_is_an_incident_and_waits_on():
    world = World({COMPANY: {"at": T + HOUR}})
    play = raced(Trigger("at", Expr("document.at - hours(1) + hours(1)")), world=world)
    play.change(at="soon")
    assert (play.incident.arm, play.incident.token) == (0, 1)
    assert play.index.timers == {(1, 0): T + HOUR}
    play.change(at=3)
    assert len(play.state.incidents) == 1
    world.documents[COMPANY]["at"] = T + 2 * HOUR
    play.retry()
    assert play.index.timers == {(1, 0): T + 2 * HOUR}
    assert not play.state.incidents


def test_the_incident_of_an_arm_goes_when_another_arm_goes_off():
    world = World({COMPANY: {"at": T + HOUR}})
    play = raced(Trigger("at", Expr("document.at - hours(1) + hours(1)")), Trigger("message", name="m"), world=world)
    play.change(at="soon")
    play.message(1, 1)
    assert play.where() == ["t1"]
    assert not play.state.incidents


def test_the_incident_of_an_arm_may_be_let_be():
    play = raced(Trigger("at", Expr("document.at - hours(1)")), world=World({COMPANY: {"at": T + 2 * HOUR}}))
    play.change(at="soon")
    play.skip()
    assert play.where() == ["w"]
    play.wait(HOUR)
    assert play.where() == ["t0"]


# ── conditions ──────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_condition_that_a_change_of_the_document_makes_true():
    world = World({COMPANY: {"status": "new", "other": 1}})
    play = Play(graph(pause("w", "t", 'document.status == "met"'), task("t")), world, document=COMPANY)
    assert play.index.watches == {(1, COMPANY)}
    play.change(other=2)
    assert play.where() == ["w"]
    play.change(status="met")
    assert play.where() == ["t"]


def beside(*first: Step, text: str = "x == 2", **more: object) -> Graph:
    """A pause for a condition, and beside it a call that is followed by steps."""
    return graph(step("a", "w", "c"), pause("w", "t", text), call("c", first[0].id), *first, task("t"), **more)


def test_a_condition_that_a_parallel_branch_makes_true():
    play = Play(beside(step("s", sets=sets(x="2")), text="coalesce(x, 0) == 2"))
    assert play.where() == ["c", "w"]
    play.done("c")
    assert play.where() == ["t"]


def test_a_condition_that_was_true_for_a_moment_only_is_not_met():
    play = Play(beside(step("s", "s2", sets=sets(x="2")), step("s2", sets=sets(x="3")), text="coalesce(x, 0) == 2"))
    play.done("c")
    assert play.where() == ["w"]


def test_a_condition_on_the_results_of_a_parallel_branch():
    play = Play(beside(step("s"), text="coalesce(c.ok, false)"))
    play.done("c", ok=True)
    assert play.where() == ["t"]


def test_a_condition_on_the_turns_of_a_loop_in_a_parallel_branch():
    nodes = (step("l", "c", turn="l"), call("c", "l"))
    play = Play(graph(step("a", "l", "w"), *nodes, pause("w", "t", "l.turn == 3"), task("t")))
    play.done("c")
    assert play.where() == ["c", "w"]
    play.done("c")
    assert play.where() == ["c", "t"]


def test_a_condition_on_results_that_are_forgotten():
    nodes = (call("c", "d"), call("d", "f"), step("f", None, forgets=("c",)))
    play = Play(graph(step("a", "w", "c"), *nodes, pause("w", "t", "d != none and coalesce(c, 0) == 0"), task("t"), reads="c d"))
    play.done("c", a=1)
    assert play.where() == ["d", "w"]
    play.done("d", a=1)
    assert play.where() == ["t"]


def test_two_waits_that_set_each_other_free():
    wake = (pause("w1", "s1", "x == 1"), step("s1", "w2b", sets=sets(x="2")), pause("w2b", "t", "x == 3"))
    other = (pause("w2", "s2", "x == 2"), step("s2", None, sets=sets(x="3")))
    play = Play(graph(step("z", "a", sets=sets(x="0")), step("a", "w1", "w2", "c"), *wake, *other, call("c", "s"), step("s", sets=sets(x="1")), task("t")))
    play.done("c")
    assert play.where() == ["t"]


def test_two_waits_that_set_each_other_free_for_ever_are_stopped():
    def side(name: str, own: str, other: str) -> tuple[Wait | Step, ...]:
        return pause(f"w{name}", f"s{name}", f"x == {own}"), step(f"s{name}", f"w{name}", sets=sets(x=other))

    play = Play(graph(step("z", "a", sets=sets(x="1")), step("a", "w1", "w2"), *side("1", "1", "2"), *side("2", "2", "1")))
    assert any("10000 steps" in str(incident.message) for incident in play.state.incidents)


# ── messages and commands ───────────────────────────────────────────────────────────────────────────────────────────
def test_the_first_arm_wins_and_the_others_are_disarmed():
    play = raced(Trigger("message", Expr('"k"'), "offer"), Trigger("at", Expr(TOMORROW), "late"))
    assert play.index.listens == {(1, 0): ("offer", "k")}
    play.message(1, 0, price=5)
    assert play.where() == ["t0"]
    assert play.names["r"] == {"won": "offer", "price": 5}
    assert (play.index.listens, play.index.timers) == ({}, {})


def test_the_clock_wins():
    play = raced(Trigger("message", Expr('"k"'), "offer"), Trigger("at", Expr(TOMORROW), "late"))
    play.wait(24 * HOUR)
    assert play.names["r"] == {"won": "late"}
    assert play.where() == ["t1"]


def test_the_order_of_the_arms_decides_what_is_met_at_once():
    play = raced(Trigger("at", Expr(TOMORROW)), Trigger("changed", Expr("true"), "b"), Trigger("changed", Expr("true"), "c"))
    assert play.names["r"] == {"won": "b"}
    assert play.index.timers == {}


GROUP = Department("sales")


def test_a_command_is_for_those_whom_it_names():
    world = World(groups={GROUP: [PETROV]})
    play = raced(Trigger("command", name="go", by=Expr('[user("ivanov"), department("sales")]')), world=with_department(world))
    for stranger in (User("nobody"),):
        with pytest.raises(NotAllowed, match="nobody"):
            play.command(1, 0, stranger)
    for arm in (1, -1, 5):
        with pytest.raises(UnexpectedEvent):
            play.command(1, arm)
    play.command(1, 0, PETROV, comment="yes")
    assert play.names["r"] == {"won": "go", "by": PETROV, "at": T, "comment": "yes"}


def with_department(world: World) -> World:
    find = world.find

    def found(question):  # type: ignore[no-untyped-def]
        return GROUP if question[:2] == ("directory", "department") else find(question)

    world.find = found  # type: ignore[method-assign]
    return world


def test_a_command_for_everyone():
    play = raced(Trigger("command", name="go"))
    play.command(1, 0, User("nobody"))
    assert play.where() == ["t0"]


FORM = (("reason", Field("text", required=True)), ("days", Field("integer", max="5")))


def test_the_form_of_a_command_is_checked_as_that_of_an_answer():
    play = raced(Trigger("command", name="go", form=FORM, comment="required"), Trigger("at", Expr(TOMORROW)))
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"comment": "x"}, "reason"),
        ({"comment": "x", "reason": ""}, "reason"),
        ({"comment": "x", "reason": "r", "days": 6}, "days"),
        ({"comment": "x", "reason": "r", "other": 1}, "other"),
        ({"comment": " ", "reason": "r"}, "comment"),
        ({"reason": "r"}, "comment"),
    ]
    for given, field in wrong:
        with pytest.raises(InvalidAnswer) as refused:
            play.command(1, **given)
        assert refused.value.field == field
    play.command(1, comment="x", reason="r")
    assert play.where() == ["t0"]
    assert play.names["r"] == {"won": "go", "by": IVANOV, "at": T, "comment": "x", "reason": "r", "days": None}


def test_a_command_of_an_earlier_visit_is_refused():
    """The same token waits again at the same place: who has seen the button before has seen another one."""
    play = Play(graph(Wait("w", ((Trigger("command", name="go"), flow("w", "w", "0")), (Trigger("at", Expr(TOMORROW)), flow("w")))), task("t")))
    first = Commanded(T, IVANOV, 1, 0, visit=1)
    play.send(first)
    with pytest.raises(UnexpectedEvent):
        play.send(first)
    play.send(replace(first, visit=2))
    assert play.at("w").visit == 3


def test_a_command_of_a_wait_that_is_held_is_refused():
    play = raced(Trigger("command", name="go"), Trigger("until", Expr("nothing")))
    assert play.at("w").status == "held"
    with pytest.raises(UnexpectedEvent):
        play.command(1)


def test_a_command_whose_people_cannot_be_found_is_refused():
    play = raced(Trigger("command", name="go", by=Expr("document.manager")))
    with pytest.raises(Exception, match="nobody knows"):
        play.command(1)


# ── stale events ────────────────────────────────────────────────────────────────────────────────────────────────────
def test_stale_events_of_machines_change_nothing():
    message = Trigger("message", name="m")
    play = Play(graph(race(message, Trigger("at", Expr(TOMORROW))), pause("t0", "t1", TOMORROW), task("t1"), reads="r"))
    stale = [Arrived(T, 1, 0), Arrived(T, 1, 1), Arrived(T, 77, 0), TimerFired(T, 1, 0, T), TimerFired(T, 77, 0, T), TimerFired(T, 1, 1, T + 24 * HOUR)]
    play.message(1)
    assert play.where() == ["t0"]
    before = play.state
    for event in stale:
        transition = play.send(event)
        assert play.state == before
        assert not transition.facts
    early = play.send(TimerFired(T + HOUR, 1, 0, T + 24 * HOUR))
    assert not early.facts


def test_stale_events_of_people_are_refused():
    play = raced(Trigger("command", name="go"))
    play.command(1)
    for event in (Commanded(T, IVANOV, 1, 0), Commanded(T, IVANOV, 0, 0), Answered(T, IVANOV, 1, 1, "done"), Answered(T, IVANOV, 9, 2, "done")):
        with pytest.raises(UnexpectedEvent):
            play.send(event)


def test_time_never_goes_back():
    play = Play(graph(pause("w", "u", TOMORROW), pause("u", "t", "now + hours(1)", "at"), task("t")))
    play.wait(24 * HOUR)
    assert play.state.at == T + 24 * HOUR
    play.now = T
    play.change(status="x")
    assert play.state.at == T + 24 * HOUR
    play.wait(timedelta(hours=26))
    assert play.where() == ["t"]


# ── nothing hangs in silence ────────────────────────────────────────────────────────────────────────────────────────
def test_a_condition_that_nothing_can_make_true_is_an_incident():
    play = Play(graph(step("a", "w", sets=sets(x="1")), pause("w", "t", "x > 1"), task("t")))
    assert play.where() == ["w"]
    assert "nothing is left" in str(play.incident.message)
    play.retry()
    assert "nothing is left" in str(play.incident.message)


def test_a_condition_is_waited_for_as_long_as_something_may_make_it_true():
    fork = step("f", "w", "t")
    play = Play(graph(step("a", "f", sets=sets(x="1")), fork, pause("w", "z", "x > 1"), task("t", "s"), step("s", sets=sets(y="x")), task("z")))
    assert play.state.incidents == ()
    play.answer("t")
    assert "nothing is left" in str(play.incident.message)


# ── what goes round without a wait ──────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("what", ["task", "outside", "inside"])
def test_dates_that_are_past_when_they_are_set_do_not_let_a_process_go_round_for_ever(what: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(interpreter, "MAX_HOPS", 20)
    late = task(
        "w", form=Form(Expr('"Work"'), (Outcome("late", "late"),)), outcomes=(("late", flow("w", "w", "late")),), alarms=(Alarm(Expr("now"), outcome="late"),)
    )
    outside = Handler("h", Trigger("at", Expr("now")), True, flow("w", "w", "h", up=0), outside=True)
    inside = Handler("h", Trigger("at", Expr("now")), True, flow("w", "back", "h"))
    back = step("back")
    block = Block("w", (flow("w", "t", "in"),), flow("w", "w"), handlers=(outside if what == "outside" else inside,))
    play = Play(graph(late) if what == "task" else graph(block, task("t"), back))
    play.wait(HOUR)
    assert "20 steps without a wait" in str(play.incident.message)
