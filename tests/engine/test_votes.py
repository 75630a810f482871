"""Votes: decided exactly when the answers to come can no longer change it, and always when all have answered."""

from collections.abc import Iterator
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpflow.engine import NotAllowed, votes
from bpflow.engine.state import Assignee, Vote, Waiting
from bpflow.expressions.data import Department, Role, User
from bpflow.graph import Expr, Form, Outcome, Rule, Task
from tests.engine.play import COMPANY, IVANOV, PETROV, SIDOROV, Play, World, flow, graph, task

OUTCOMES = ("approved", "rejected", "rework")
FORM = Form(Expr('"Work"'), tuple(Outcome(name, name.title()) for name in OUTCOMES))
WAYS = tuple((name, flow("t", name, name)) for name in OUTCOMES)


def rules(total: int) -> Iterator[Rule]:
    """Every rule that can be met by so many."""
    yield from (Rule("any"), Rule("all"), Rule("majority"))
    yield from (Rule("at-least", str(n)) for n in range(1, total + 1))
    yield from (Rule("percent", text) for text in ("0.5", "1", "25", "33", "33.4", "50", "50.1", "60", "66", "66.7", "75", "99.9", "100"))


def final(rule: Rule, given: tuple[str, ...]) -> str:
    """What the rule says when all have answered, counted in the plainest way."""
    if rule.kind == "any":
        return given[0]
    if "rework" in given:
        return "rework"
    share = Fraction(given.count("approved"), len(given))
    least = {"all": Fraction(1), "at-least": Fraction(rule.amount or 0) / len(given), "percent": Fraction(rule.amount or 0) / 100}
    met = share > Fraction(1, 2) if rule.kind == "majority" else share >= least[rule.kind]
    return "approved" if met else "rejected"


def told(rule: Rule, given: tuple[str, ...], total: int) -> str | None:
    waiting = Waiting(people=tuple(Assignee(User(f"u{n}")) for n in range(len(given), total)))
    waiting.votes = tuple(Vote(User(f"u{n}"), outcome) for n, outcome in enumerate(given))
    return votes.decided(Task("t", Expr("none"), FORM, WAYS, rule=rule), waiting)


def possible(rule: Rule, given: tuple[str, ...], total: int) -> set[str]:
    """What may still come out if those who have not answered approve or reject; that they answer otherwise is always possible."""
    left = total - len(given)
    return {final(rule, (*given, *["approved"] * yes, *["rejected"] * (left - yes))) for yes in range(left + 1)}


@pytest.mark.parametrize("total", range(1, 13))
def test_every_order_of_answers(total: int):
    """Every order in which so many people can approve and reject, as far as it is not decided before the last has answered."""
    for rule in rules(total):
        open: list[tuple[str, ...]] = [()]
        while open:
            before = open.pop()
            for answers in ((*before, "approved"), (*before, "rejected")):
                outcomes, decided = possible(rule, answers, total), told(rule, answers, total)
                assert decided == (outcomes.pop() if len(outcomes) == 1 else None), (rule, answers)
                assert len(answers) < total or decided == final(rule, answers)
                if decided is None:
                    open.append(answers)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_up_to_twelve_people(data: st.DataObject):
    total = data.draw(st.integers(1, 12))
    rule = data.draw(st.sampled_from(list(rules(total))))
    answers = tuple(data.draw(st.lists(st.sampled_from(OUTCOMES), min_size=total, max_size=total)))
    for n in range(1, total + 1):
        decided = told(rule, answers[:n], total)
        if answers[n - 1] == "rework":
            assert decided == "rework"
            return
        outcomes = possible(rule, answers[:n], total)
        assert decided == (outcomes.pop() if len(outcomes) == 1 else None), (rule, answers[:n])
        if decided is not None:
            return
    raise AssertionError("all have answered, and it is not decided")


# ── in an instance ──────────────────────────────────────────────────────────────────────────────────────────────────
VOTERS = [User(f"u{n}") for n in range(12)]


def vote(people: str, rule: Rule, world: World | None = None, **more: object) -> Play:
    nodes = (task("t", None, people, form=FORM, outcomes=WAYS, rule=rule, gives="t", **more), *(task(name) for name in OUTCOMES))
    return Play(graph(*nodes, reads="t"), world or World(), document=COMPANY)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_an_instance_goes_on_when_it_is_decided(data: st.DataObject):
    total, in_turn = data.draw(st.integers(1, 12)), data.draw(st.booleans())
    rule = data.draw(st.sampled_from(list(rules(total))))
    play = vote("[" + ", ".join(f'user("u{n}")' for n in range(total)) + "]", rule, in_turn=in_turn)
    order = VOTERS[:total] if in_turn else data.draw(st.permutations(VOTERS[:total]))
    given: tuple[str, ...] = ()
    for by in order:
        assert set(play.names["t"]["waiting"]) == set(VOTERS[:total]) - set(order[: len(given)])
        given += (data.draw(st.sampled_from(OUTCOMES)),)
        play.answer("t", given[-1], by)
        assert [(one["by"], one["outcome"]) for one in play.names["t"]["answers"]] == list(zip(order, given, strict=False))
        decided = told(rule, given, total)
        assert play.where() == [decided or "t"]
        if decided is not None:
            assert (play.names["t"]["outcome"], play.names["t"]["by"]) == (decided, by)
            play.replay_all()
            return
        assert play.names["t"]["outcome"] is None
    raise AssertionError("all have answered, and it is not decided")


def test_66_per_cent_of_three_are_two():
    play = vote('[user("ivanov"), user("petrov"), user("sidorov")]', Rule("percent", "66"))
    play.answer("t", "approved")
    play.answer("t", "rejected", PETROV)
    assert play.where() == ["t"]
    play.answer("t", "approved", SIDOROV)
    assert play.where() == ["approved"]


def test_nobody_has_two_votes():
    play = vote('[user("ivanov"), department("sales"), user("petrov")]', Rule("all"), House())
    play.answer("t", "approved")
    with pytest.raises(NotAllowed, match="has answered this task already"):
        play.answer("t", "approved")
    assert play.names["t"]["waiting"] == [Department("sales"), PETROV]


def test_the_vote_of_a_substitute_who_votes_himself_counts_once():
    play = vote('[user("ivanov"), user("petrov"), user("sidorov")]', Rule("all"), World(acting={IVANOV: PETROV}))
    assert play.index.tasks[1, 1].people == (Assignee(PETROV), Assignee(SIDOROV))
    play.answer("t", "approved", PETROV)
    play.answer("t", "approved", SIDOROV)
    assert play.where() == ["approved"]


def test_asked_in_turn_only_one_has_the_task():
    play = vote('[user("ivanov"), user("petrov")]', Rule("all"), in_turn=True)
    assert play.index.tasks[1, 1].people == (Assignee(IVANOV),)
    with pytest.raises(NotAllowed, match="not yet the turn"):
        play.answer("t", "approved", PETROV)
    play.answer("t", "approved")
    assert play.index.tasks[1, 1].people == (Assignee(PETROV),)
    play.answer("t", "rejected", PETROV)
    assert play.where() == ["rejected"]


def test_fewer_people_than_must_answer_are_an_incident():
    play = vote('[user("ivanov"), user("petrov")]', Rule("at-least", "3"))
    assert str(play.incident.message) == "3 must answer, and only 2 are asked"


class House(World):
    """A world with one department and one role, to which nobody belongs but who is said so."""

    def find(self, question: object) -> object:  # type: ignore[override]
        match question:
            case ("directory", "department", *_):
                return Department("sales")
            case ("directory", "belongs", by, Department() | Role()):
                return by == IVANOV
        return super().find(question)  # type: ignore[arg-type]
