"""Tasks change hands: a seat moves, the answers stay, and nobody gets two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpflow.diagnostics import Refused, say
from bpflow.engine import InvalidAnswer, NotAllowed, UnexpectedEvent, votes
from bpflow.engine.state import Assignee, Waiting
from bpflow.engine.transition import Denied
from bpflow.expressions.data import Department, User
from bpflow.graph import Alarm, Expr, Form, Outcome, Rule, Task
from tests.engine.play import BOSS, HOUR, IVANOV, PETROV, SIDOROV, Play, World, flow, graph, task

SALES = Department("sales")
ORLOV = User("orlov")
FORM = Form(Expr('"Work"'), tuple(Outcome(name, name.title()) for name in ("approved", "rejected", "rework")))
WAYS = tuple((name, flow("t", "after", name)) for name in ("approved", "rejected", "rework"))
DUE = Expr('datetime("2026-03-02T09:00Z")')
"""Two hours after the start."""


class House(World):
    """One department; `boss` is the head of all, and `ivanov` of `petrov`."""

    def __init__(self, **more: Any) -> None:
        chains = {IVANOV: [BOSS], PETROV: [IVANOV, BOSS], SIDOROV: [BOSS], ORLOV: [BOSS]}
        super().__init__(groups={SALES: [IVANOV, PETROV, SIDOROV]}, chains=chains, **more)

    def find(self, question: Any) -> Any:
        return SALES if question[:2] == ("directory", "department") else super().find(question)


def one(people: str = 'user("ivanov")', world: World | None = None, **more: Any) -> Play:
    """A task `t`; what follows keeps the instance open."""
    return Play(graph(task("t", "after", people, **more), task("after"), reads="t"), world or House())


def vote(people: str, rule: Rule = Rule("all"), world: World | None = None, **more: Any) -> Play:  # noqa: B008
    return one(people, world, form=FORM, outcomes=WAYS, rule=rule, **more)


def waiting(play: Play) -> Waiting:
    found = play.at("t").waiting
    assert found is not None
    return found


def told(play: Play) -> list[tuple[str, list[Any]]]:
    return [(str(call.arguments["reason"]), call.arguments["to"]) for call in play.notices]  # type: ignore[misc]


# ── claiming ────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_member_claims_the_task_of_his_group():
    play = one('department("sales")')
    play.claim("t", PETROV)
    assert waiting(play).people == (Assignee(PETROV, None, SALES),)
    assert play.index.tasks[1, 1].people == (Assignee(PETROV, None, SALES),)
    assert play.names["t"]["waiting"] == [PETROV]
    play.answer("t", by=PETROV)
    assert play.names["t"]["by"] == PETROV
    assert play.names["t"]["answers"][0]["in_place_of"] is None


@pytest.mark.parametrize("do", [lambda play: play.claim("t", SIDOROV), lambda play: play.answer("t", by=SIDOROV)])
def test_what_one_has_claimed_is_no_longer_for_the_others(do: Callable[[Play], object]):
    play = one('department("sales")')
    play.claim("t", PETROV)
    with pytest.raises(NotAllowed, match='claimed by "petrov"'):
        do(play)


@pytest.mark.parametrize("who, why", [(ORLOV, 'not for "orlov"'), (PETROV, '"petrov" may not answer'), (BOSS, '"boss" has this task already')])
def test_who_may_not_claim(who: User, why: str):
    house = House()
    house.groups[SALES].append(BOSS)
    play = one('[department("sales"), user("boss")]', house, not_by=Expr('user("petrov")'))
    with pytest.raises(NotAllowed, match=why):
        play.claim("t", who)


def test_one_who_has_answered_does_not_claim_the_other_seat():
    play = vote('[user("ivanov"), department("sales")]')
    play.answer("t", "approved", by=IVANOV)
    with pytest.raises(NotAllowed, match="answered this task already"):
        play.claim("t", IVANOV)


def test_a_member_answers_without_claiming():
    play = one('department("sales")')
    play.answer("t", by=SIDOROV)
    assert play.where() == ["after"]


def test_a_claimed_task_is_given_back():
    play = one('department("sales")')
    play.claim("t", PETROV)
    with pytest.raises(UnexpectedEvent, match='"sidorov" has not claimed'):
        play.release("t", SIDOROV)
    play.release("t", PETROV)
    assert waiting(play).people == (Assignee(SALES),)
    with pytest.raises(UnexpectedEvent, match="has not claimed"):
        play.release("t", PETROV)
    play.claim("t", SIDOROV)


def test_a_claimed_task_that_is_withdrawn_is_told_to_him():
    play = one('department("sales")')
    play.claim("t", PETROV)
    play.cancel()
    assert told(play) == [("withdrawn", [PETROV])]


# ── delegating ──────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_subordinate_answers_in_the_place_of_who_has_delegated():
    play = one()
    play.delegate("t", IVANOV, PETROV, "please")
    assert waiting(play).people == (Assignee(PETROV, IVANOV),)
    assert told(play) == [("delegated", [PETROV])]
    assert play.notices[0].arguments["text"] == "please"
    play.answer("t", by=PETROV)
    assert (play.names["t"]["by"], play.names["t"]["answers"][0]["in_place_of"]) == (PETROV, IVANOV)


def test_who_has_delegated_may_still_answer_himself():
    play = one()
    play.delegate("t", IVANOV, PETROV)
    play.answer("t", by=IVANOV)
    assert play.names["t"]["answers"][0]["in_place_of"] is None


def test_further_down_it_stays_the_place_of_the_first_and_may_be_given_back():
    play = one('user("boss")')
    play.delegate("t", BOSS, IVANOV)
    play.delegate("t", IVANOV, PETROV)
    assert waiting(play).people == (Assignee(PETROV, BOSS),)
    play.delegate("t", PETROV, BOSS)
    assert waiting(play).people == (Assignee(BOSS),)


def test_who_had_it_is_told_when_it_is_given_to_another():
    play = one('user("boss")')
    play.delegate("t", BOSS, IVANOV)
    play.delegate("t", BOSS, ORLOV)
    assert waiting(play).people == (Assignee(ORLOV, BOSS),)
    assert told(play)[1:] == [("delegated", [ORLOV]), ("withdrawn", [IVANOV])]


@pytest.mark.parametrize(
    "delegate, to, taken",
    [("anyone", BOSS, True), ("subordinates", PETROV, True), ("subordinates", BOSS, False), ("subordinates", SIDOROV, False), ("nobody", PETROV, False)],
)
def test_the_limits(delegate: Any, to: User, taken: bool):
    play = one(delegate=delegate)
    if taken:
        play.delegate("t", IVANOV, to)
        return
    with pytest.raises(NotAllowed, match="may not be delegated" if delegate == "nobody" else "subordinates only"):
        play.delegate("t", IVANOV, to)


@pytest.mark.parametrize(
    "by, to, why",
    [
        (IVANOV, PETROV, '"petrov" may not answer'),
        (IVANOV, SIDOROV, '"sidorov" has this task already'),
        (IVANOV, IVANOV, '"ivanov" has this task already'),
        (IVANOV, BOSS, '"boss" has answered'),
        (PETROV, ORLOV, '"petrov" may not answer'),
        (ORLOV, BOSS, 'not for "orlov"'),
        (BOSS, ORLOV, '"boss" has answered'),
    ],
)
def test_who_does_not_get_it(by: User, to: User, why: str):
    play = vote('[user("boss"), user("ivanov"), user("sidorov")]', delegate="anyone", not_by=Expr('user("petrov")'))
    play.answer("t", "approved", by=BOSS)
    with pytest.raises(NotAllowed, match=why):
        play.delegate("t", by, to)


def test_a_place_that_another_has_for_him_is_his():
    play = vote('[user("boss"), user("ivanov")]', delegate="anyone")
    play.delegate("t", IVANOV, PETROV)
    with pytest.raises(NotAllowed, match='"ivanov" has this task already'):
        play.delegate("t", BOSS, IVANOV)


@pytest.mark.parametrize("acts, why", [(ORLOV, 'give it to "orlov", who acts for him'), (None, "nobody acts for him")])
def test_not_to_one_who_is_away(acts: User | None, why: str):
    play = one(delegate="anyone", world=House(acting={PETROV: acts}))
    with pytest.raises(NotAllowed, match=why):
        play.delegate("t", IVANOV, PETROV)


def test_not_to_somebody_whom_the_directory_does_not_know():
    class Small(House):
        def find(self, question: Any) -> Any:
            return Denied(say("there is no such person")) if question[1:3] == ("chain", User("nobody")) else super().find(question)

    play = one(world=Small())
    with pytest.raises(InvalidAnswer, match="no such person"):
        play.delegate("t", IVANOV, User("nobody"))


def test_what_is_a_group_s_must_be_claimed_before_it_is_delegated():
    play = one('department("sales")')
    with pytest.raises(NotAllowed, match="claimed first"):
        play.delegate("t", IVANOV, PETROV)
    play.claim("t", IVANOV)
    play.delegate("t", IVANOV, PETROV)
    assert waiting(play).people == (Assignee(PETROV, IVANOV, SALES),)
    play.release("t", IVANOV)
    assert waiting(play).people == (Assignee(SALES),)
    assert told(play)[-1] == ("withdrawn", [PETROV])


def test_before_his_turn_nobody_delegates():
    play = vote('[user("boss"), user("ivanov")]', in_turn=True)
    with pytest.raises(NotAllowed, match="not yet the turn"):
        play.delegate("t", IVANOV, PETROV)


def test_a_delegated_task_that_is_withdrawn_is_told_to_him_who_has_it():
    play = one()
    play.delegate("t", IVANOV, PETROV)
    play.cancel()
    assert told(play)[-1] == ("withdrawn", [PETROV])


# ── the deadline brings in others ───────────────────────────────────────────────────────────────────────────────────
def late(people: str, rule: Rule = Rule("all"), world: World | None = None, in_turn: bool = False, **alarm: str) -> Play:  # noqa: B008
    what = {name: Expr(text) for name, text in alarm.items()}
    return vote(people, rule, world, in_turn=in_turn, alarms=(Alarm(DUE, True, **what),))  # type: ignore[arg-type]


def test_those_to_whom_it_is_escalated_take_seats_of_those_who_are_late():
    play = late('[user("ivanov"), user("petrov"), user("sidorov")]', escalate='[user("boss"), user("orlov")]')
    play.answer("t", "approved", by=PETROV)
    play.wait(3 * HOUR)
    assert told(play) == [("escalated", [BOSS, ORLOV])]
    assert {seat.party for seat in play.index.tasks[1, 1].people} == {IVANOV, SIDOROV, BOSS, ORLOV}
    play.answer("t", "approved", by=BOSS)
    assert [(v.by, v.in_place_of) for v in waiting(play).votes] == [(PETROV, None), (BOSS, IVANOV)]
    with pytest.raises(NotAllowed, match="answered this task already"):
        play.answer("t", "approved", by=BOSS)
    with pytest.raises(NotAllowed, match='not for "ivanov"'):
        play.answer("t", "approved", by=IVANOV)
    play.answer("t", "approved", by=SIDOROV)
    assert (play.where(), play.names["t"]["outcome"]) == (["after"], "approved")
    assert len(play.names["t"]["answers"]) == 3


def test_those_who_have_it_are_not_brought_in_again():
    play = late('[user("ivanov"), user("petrov")]', escalate='[user("ivanov"), user("boss")]')
    play.wait(3 * HOUR)
    assert waiting(play).also == (Assignee(BOSS),)


def test_a_group_may_answer_too():
    play = late('[user("boss"), user("orlov")]', escalate='department("sales")')
    play.wait(3 * HOUR)
    play.answer("t", "approved", by=IVANOV)
    play.answer("t", "approved", by=PETROV)
    assert [(a["by"], a["in_place_of"]) for a in play.names["t"]["answers"]] == [(IVANOV, BOSS), (PETROV, ORLOV)]


def test_escalated_ones_are_told_when_it_is_withdrawn():
    play = late('user("ivanov")', escalate='user("boss")')
    play.wait(3 * HOUR)
    play.cancel()
    assert told(play)[-1] == ("withdrawn", [IVANOV, BOSS])


@pytest.mark.parametrize("alarm", ["escalate", "reassign"])
@pytest.mark.parametrize("whom", ["none", 'user("boss")', 'user("petrov")'])
def test_nobody_to_escalate_to_is_an_incident_on_the_alarm(alarm: str, whom: str):
    what = {alarm: Expr(whom)}
    house = House(acting={BOSS: None})
    play = vote('[user("ivanov"), user("sidorov")]', world=house, not_by=Expr('user("petrov")'), alarms=(Alarm(DUE, True, **what),))  # type: ignore[arg-type]
    play.wait(3 * HOUR)
    assert f"`{whom}` gives no one" in str(play.incident.message)
    assert play.names["t"]["overdue"] is False
    play.answer("t", "approved", by=IVANOV)
    if whom == 'user("boss")':
        house.acting.clear()
        play.retry()
        play.wait(HOUR)
        assert play.names["t"]["overdue"] is True
        assert not play.state.incidents


def test_others_get_it_instead():
    play = late('[user("ivanov"), user("petrov"), user("sidorov")]', reassign='user("boss")')
    play.answer("t", "approved", by=PETROV)
    play.wait(3 * HOUR)
    assert waiting(play).people == (Assignee(BOSS),)
    assert told(play) == [("reassigned", [BOSS]), ("withdrawn", [IVANOV, SIDOROV])]
    with pytest.raises(NotAllowed, match='not for "ivanov"'):
        play.answer("t", "approved", by=IVANOV)
    play.answer("t", "approved", by=BOSS)
    assert play.names["t"]["outcome"] == "approved"


def test_who_has_it_already_keeps_it_where_others_get_it_instead():
    play = late('[user("ivanov"), user("petrov")]', reassign='[user("petrov"), user("boss")]', in_turn=True)
    play.wait(3 * HOUR)
    assert (waiting(play).people, waiting(play).later) == ((Assignee(PETROV),), (Assignee(BOSS),))
    assert told(play) == [("reassigned", [PETROV]), ("withdrawn", [IVANOV])]


@pytest.mark.parametrize("rule, why", [(Rule("majority"), "without an answer"), (Rule("at-least", "4"), "4 must answer, and only 3")])
def test_fewer_people_do_not_decide(rule: Rule, why: str):
    people = ["ivanov", "petrov", "sidorov", "orlov", "u1"]
    play = late("[" + ", ".join(f'user("{name}")' for name in people) + "]", rule, reassign='user("boss")')
    for by in (IVANOV, PETROV):
        play.answer("t", "approved", by=by)
    play.wait(3 * HOUR)
    assert why in str(play.incident.message)
    assert [seat.party for seat in waiting(play).people] == [SIDOROV, ORLOV, User("u1")]


def test_a_reminder_before_the_deadline():
    play = one(alarms=(Alarm(Expr('datetime("2026-03-02T12:00Z")')), Alarm(DUE, False, remind=Expr("none"))))
    play.wait(4 * HOUR)
    assert told(play) == [("reminder", [IVANOV])]
    assert play.names["t"]["overdue"] is False
    play.wait(HOUR)
    assert play.names["t"]["overdue"] is True
    assert len(told(play)) == 1


# ── a person who leaves ─────────────────────────────────────────────────────────────────────────────────────────────
def test_what_he_has_goes_to_another_for_good():
    play = one()
    play.reassign("t", IVANOV, ORLOV, "left")
    assert waiting(play).people == (Assignee(ORLOV),)
    assert told(play) == [("reassigned", [ORLOV]), ("withdrawn", [IVANOV])]
    assert play.notices[0].arguments["text"] == "left"
    with pytest.raises(NotAllowed):
        play.answer("t", by=IVANOV)


def test_where_he_stands_in_for_somebody_it_stays_the_place_of_that_one():
    play = one(world=House(acting={IVANOV: PETROV}))
    play.reassign("t", PETROV, ORLOV)
    assert waiting(play).people == (Assignee(ORLOV, IVANOV),)
    play.reassign("t", ORLOV, SIDOROV)
    play.world.acting.clear()
    play.reassign("t", SIDOROV, IVANOV)
    assert waiting(play).people == (Assignee(IVANOV),)


def test_what_he_has_claimed_goes_back_to_the_group():
    play = one('department("sales")')
    play.claim("t", PETROV)
    play.reassign("t", PETROV, None)
    assert waiting(play).people == (Assignee(SALES),)


def test_or_to_the_person_named_who_may_give_it_back():
    play = one('department("sales")')
    play.claim("t", PETROV)
    play.reassign("t", PETROV, ORLOV)
    play.release("t", ORLOV)
    assert waiting(play).people == (Assignee(SALES),)


def test_before_his_turn_it_is_the_other_s_turn_to_come():
    play = vote('[user("boss"), user("ivanov")]', in_turn=True)
    play.reassign("t", IVANOV, ORLOV)
    assert waiting(play).later == (Assignee(ORLOV),)
    assert told(play) == []
    play.answer("t", "approved", by=BOSS)
    assert waiting(play).people == (Assignee(ORLOV),)


@pytest.mark.parametrize(
    "person, to, why",
    [
        (IVANOV, None, "say to whom"),
        (IVANOV, IVANOV, "has this task already"),
        (ORLOV, IVANOV, 'orlov" has no place'),
        (IVANOV, PETROV, '"petrov" may not answer'),
        (IVANOV, ORLOV, 'give it to "boss"'),
    ],
)
def test_what_cannot_be_reassigned(person: User, to: User | None, why: str):
    play = one(world=House(acting={ORLOV: BOSS}), not_by=Expr('user("petrov")'))
    with pytest.raises(Refused, match=why):
        play.reassign("t", person, to)


def test_one_who_has_a_seat_gets_no_second_and_one_less_is_asked():
    play = vote('[user("ivanov"), user("petrov"), user("sidorov")]', Rule("majority"))
    play.reassign("t", IVANOV, PETROV)
    assert [seat.party for seat in waiting(play).people] == [PETROV, SIDOROV]
    assert told(play) == [("withdrawn", [IVANOV])]
    play.answer("t", "approved", by=PETROV)
    assert play.where() == ["t"]
    play.answer("t", "rejected", by=SIDOROV)
    assert play.names["t"]["outcome"] == "rejected"


def test_one_for_whom_another_has_a_seat_gets_no_second():
    play = vote('[user("ivanov"), user("sidorov"), user("orlov")]', in_turn=True)
    play.delegate("t", IVANOV, PETROV)
    play.reassign("t", SIDOROV, IVANOV)
    assert [seat.party for seat in (*waiting(play).people, *waiting(play).later)] == [PETROV, ORLOV]
    play.answer("t", "approved", by=IVANOV)
    assert waiting(play).people == (Assignee(ORLOV),)


def test_one_whose_turn_is_still_to_come_gets_his_when_it_comes():
    play = vote('[user("ivanov"), user("petrov"), user("sidorov")]', in_turn=True)
    play.reassign("t", IVANOV, SIDOROV)
    assert [seat.party for seat in (*waiting(play).people, *waiting(play).later)] == [PETROV, SIDOROV]


@pytest.mark.parametrize("rule, why", [(Rule("all"), "decided without an answer"), (Rule("at-least", "2"), "2 must answer, and only 1 are asked")])
def test_a_seat_that_falls_away_does_not_decide(rule: Rule, why: str):
    people = '[user("ivanov"), user("petrov")]'
    play = vote(people, rule)
    if rule.kind == "all":
        play.answer("t", "approved", by=PETROV)
    with pytest.raises(InvalidAnswer, match=why):
        play.reassign("t", IVANOV, PETROV)
    assert IVANOV in [seat.party for seat in waiting(play).people]


def test_one_who_may_answer_too_is_replaced():
    play = late('user("ivanov")', escalate='[user("boss"), user("orlov")]')
    play.wait(3 * HOUR)
    play.reassign("t", BOSS, SIDOROV)
    assert [seat.party for seat in waiting(play).also] == [ORLOV, SIDOROV]
    play.reassign("t", SIDOROV, IVANOV)
    play.reassign("t", ORLOV, None)
    assert waiting(play).also == ()
    assert waiting(play).people == (Assignee(IVANOV),)


def test_of_a_closed_task_nothing_changes_hands():
    play = one('department("sales")')
    play.claim("t", PETROV)
    token, event = play.at("t"), play.events[-1]
    play.answer("t", by=PETROV)
    assert token.visit == 1
    with pytest.raises(UnexpectedEvent, match="closed"):
        play.send(event)


def test_of_a_suspended_instance_nothing_changes_hands():
    play = one('department("sales")')
    play.suspend()
    with pytest.raises(UnexpectedEvent, match="a strike"):
        play.claim("t", PETROV)


# ── votes stay right ────────────────────────────────────────────────────────────────────────────────────────────────
MANY = [User(f"u{n}") for n in range(8)]
RULES = (Rule("all"), Rule("majority"), Rule("at-least", "2"), Rule("percent", "60"), Rule("percent", "34"))


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_whoever_has_the_seats_the_votes_are_counted_once(data: st.DataObject):
    """People answer, delegate, are replaced and brought in, in any order: each has one vote at most, it is decided by the answers alone, and
    exactly as the rule says of those who are asked then."""
    draw = data.draw
    rule, total = draw(st.sampled_from(RULES)), draw(st.integers(2, 5))
    house = House()
    house.chains |= {user: [*MANY, BOSS] for user in MANY}
    people = "[" + ", ".join(f'user("{user.id}")' for user in MANY[:total]) + "]"
    play = vote(people, rule, house, in_turn=draw(st.booleans()), delegate=draw(st.sampled_from(("anyone", "subordinates"))), alarms=(brought_in(draw),))
    asked, given_ = total, 0
    for _ in range(40):
        if play.where() != ["t"]:
            break
        before = waiting(play)
        try:
            happen(play, draw)
        except Refused:
            continue
        if play.where() != ["t"]:
            given_ += 1
            continue
        now, given_ = waiting(play), len(waiting(play).votes)
        asked = votes.asked(now)
        assert votes.asked(now) <= max(votes.asked(before), len(now.votes) + 8)
        assert not now.votes or votes.decided(Task("t", Expr("none"), FORM, WAYS, rule=rule), now) is None
    else:
        return
    outcome = play.names["t"]["outcome"]
    said = [answer["outcome"] for answer in play.names["t"]["answers"]]
    assert len(said) == given_ == len({answer["by"] for answer in play.names["t"]["answers"]})
    need = votes.needed(rule, asked)
    assert outcome == ("approved" if said.count("approved") >= need else "rejected")
    assert said.count("approved") >= need or asked - said.count("rejected") < need


def brought_in(draw: Any) -> Alarm:
    """An alarm that brings in others, or does not."""
    whom = Expr("[" + ", ".join(f'user("{user.id}")' for user in draw(st.lists(st.sampled_from(MANY), min_size=1, max_size=4, unique=True))) + "]")
    return Alarm(DUE, True, None, None, None, *draw(st.sampled_from(((), (whom, None), (None, whom)))))


def happen(play: Play, draw: Any) -> None:
    by, to = draw(st.sampled_from(MANY)), draw(st.sampled_from(MANY))
    match draw(st.integers(0, 6)):
        case 0:
            play.wait(HOUR)
        case 1 | 2:
            play.delegate("t", by, to)
        case 3:
            play.reassign("t", by, to)
        case _:
            play.answer("t", draw(st.sampled_from(("approved", "rejected"))), by=by)
