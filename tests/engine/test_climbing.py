"""A task that climbs a line: who is asked next, who is skipped, where the climb ends, and what operators can do about one that cannot."""

from typing import Any

import pytest

from bpflow.engine import NotAllowed
from bpflow.expressions.data import Question, User, Value
from bpflow.graph import Alarm, Choose, Climb, Expr, Form, Outcome, Step
from tests.engine.play import BOSS, HOUR, IVANOV, PETROV, SIDOROV, Play, World, flow, graph, task

ANNA = User("anna")
FORM = Form(Expr('text("Level ", coalesce(t.level, 0))'), tuple(Outcome(name, name) for name in ("approved", "rejected")))


class Line(World):
    """A world in which `chain(…)` is the line that a test says."""

    line: list[User]

    def find(self, question: Question) -> Any:
        return [*self.line] if question[:2] == ("directory", "chain") else super().find(question)


def climb(*line: User, acting: dict[User, User | None] | None = None, until: str = "false", **more: Any) -> Play:
    """The climb as `approve-chain` lowers it."""
    world = Line(acting=acting or {})
    world.line = [*line]
    ways = (("approved", flow("t", "next", "approved")), ("rejected", flow("t", "refused", "rejected")))
    not_by = Expr("[initiator, list(answer.by for answer in coalesce(t.answers, []))]")
    level = task("t", None, "chain(initiator)", form=FORM, outcomes=ways, not_by=not_by, climb=Climb(flow("t", "over", "top")), **more)
    final = Choose("next", ((Expr(until), flow("next", "over", "over")),), flow("next", "t", "again"))
    begin = Step("begin", (flow("begin", "t"),), forgets=("t",))
    return Play(graph(begin, level, final, task("over"), task("refused"), reads="t"), world, by=ANNA)


def asked(play: Play) -> list[Value]:
    results = play.names["t"]
    return [results["approver"], results["level"], results["skipped"], results["waiting"]]


def test_one_after_another_up_to_the_top():
    play = climb(IVANOV, PETROV)
    assert asked(play) == [IVANOV, 1, [], [IVANOV]]
    with pytest.raises(NotAllowed):
        play.answer("t", "approved", PETROV)
    play.answer("t", "approved", IVANOV)
    assert asked(play) == [PETROV, 2, [], [PETROV]]
    assert [one["by"] for one in play.names["t"]["answers"]] == [IVANOV]
    assert play.names["t"]["outcome"] is None
    play.answer("t", "approved", PETROV, "Good")
    assert play.where() == ["over"]
    assert [one["by"] for one in play.names["t"]["answers"]] == [IVANOV, PETROV]
    assert (play.names["t"]["outcome"], play.names["t"]["by"], play.names["t"]["comment"]) == ("approved", PETROV, "Good")
    play.replay_all()


def test_the_final_one_ends_it_and_so_does_whoever_stands_above_a_final_one_who_is_skipped():
    final = 'any(approver == user("petrov") for approver in t.skipped + [t.approver] if approver != none)'
    play = climb(IVANOV, PETROV, SIDOROV, BOSS, until=final)
    play.answer("t", "approved", IVANOV)
    play.answer("t", "approved", PETROV)
    assert play.where() == ["over"]
    play = climb(IVANOV, PETROV, SIDOROV, BOSS, until=final, acting={PETROV: None})
    play.answer("t", "approved", IVANOV)
    assert asked(play) == [SIDOROV, 2, [PETROV], [SIDOROV]]
    play.answer("t", "approved", SIDOROV)
    assert play.where() == ["over"]


def test_a_rejection_ends_the_climb():
    play = climb(IVANOV, PETROV)
    play.answer("t", "rejected", IVANOV)
    assert play.where() == ["refused"]


def test_a_substitute_answers_in_the_place_of_the_head_and_only_once():
    play = climb(IVANOV, PETROV, SIDOROV, acting={IVANOV: PETROV, SIDOROV: PETROV})
    assert asked(play) == [IVANOV, 1, [], [PETROV]]
    play.answer("t", "approved", PETROV)
    assert play.where() == ["over"]
    assert [(one["by"], one["in_place_of"]) for one in play.names["t"]["answers"]] == [(PETROV, IVANOV)]


def test_the_one_for_whom_it_is_does_not_answer_as_a_substitute():
    play = climb(IVANOV, PETROV, acting={IVANOV: ANNA})
    assert asked(play) == [PETROV, 1, [IVANOV], [PETROV]]


def test_nobody_has_his_turn_twice_where_the_line_changes_meanwhile():
    play = climb(IVANOV, PETROV, acting={IVANOV: None})
    play.world.line, play.world.acting = [BOSS, IVANOV, PETROV, SIDOROV], {}
    play.answer("t", "approved", PETROV)
    assert asked(play) == [BOSS, 2, [], [BOSS]]
    play.answer("t", "approved", BOSS)
    assert asked(play) == [SIDOROV, 3, [], [SIDOROV]]


def test_nobody_above_is_an_incident_that_names_the_line_and_can_be_tried_again():
    play = climb()
    assert str(play.incident.message) == "nobody to give the task to: `chain(initiator)` gives no one"
    play.world.line = [IVANOV, PETROV]
    play.retry()
    assert asked(play) == [IVANOV, 1, [], [IVANOV]]
    play.answer("t", "approved", IVANOV)
    assert asked(play) == [PETROV, 2, [], [PETROV]]


def test_where_all_are_away_the_incident_begins_anew_with_the_first_who_is_back():
    play = climb(IVANOV, PETROV, acting={IVANOV: None, PETROV: None})
    assert play.where() == ["t"]
    play.world.acting = {}
    play.retry()
    assert asked(play) == [IVANOV, 1, [], [IVANOV]]


def test_who_stands_in_where_nobody_is_above_is_final():
    play = climb(if_nobody=Expr('[user("boss"), user("sidorov")]'))
    assert asked(play) == [None, 1, [], [BOSS, SIDOROV]]
    play.answer("t", "approved", SIDOROV)
    assert play.where() == ["over"]


def test_an_operator_passes_over_a_level():
    play = climb(IVANOV, PETROV, acting={IVANOV: None, PETROV: None})
    play.world.acting = {PETROV: PETROV}
    play.world.line = [IVANOV, PETROV, SIDOROV]
    play.skip("approved")
    assert asked(play) == [SIDOROV, 2, [], [SIDOROV]]


def test_a_level_approved_by_the_deadline_leads_to_the_next():
    play = climb(IVANOV, PETROV, alarms=(Alarm(Expr("now + hours(1)"), outcome="approved"),))
    play.wait(HOUR)
    assert asked(play) == [PETROV, 2, [], [PETROV]]
    play.wait(HOUR)
    assert play.where() == ["over"]
    assert play.names["t"]["answers"] == []
