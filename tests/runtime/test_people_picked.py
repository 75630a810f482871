"""Who is picked: by chance that can be told beforehand, in turn, by load; and never somebody who is not there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from bpflow.expressions.data import User
from bpflow.runtime import Engine
from tests.runtime.conftest import Open
from tests.runtime.looking import check_replay, events_of, stored

Deploy = Callable[[Engine, str], None]
HEAD = "id: pick\ntitle: Выбрать\nsteps:\n"
ALL = '[user("petrova"), user("boss"), user("ivanov")]'
ASK = "  - {id: ask, activity: request-info, title: Взять, to: pick.user}\n"


def pick(how: str, people: str = ALL, more: str = "") -> str:
    return f"{HEAD}  - {{id: pick, activity: pick-user, from: '{people}', how: {how}{more}}}\n{ASK}"


def picked(engine: Engine, id: int) -> str:
    state = stored(engine, id).state
    assert state is not None
    record = state.names["pick"]
    assert isinstance(record, dict)
    assert isinstance(record["user"], User)
    check_replay(engine, id)
    return record["user"].id


def test_the_first(engine: Engine, deploy: Deploy) -> None:
    deploy(engine, pick("first"))
    assert [picked(engine, engine.start("pick")) for _ in range(2)] == ["petrova", "petrova"]


def test_chance_is_the_instances_own(opened: Open, engine: Engine, deploy: Deploy, tmp_path: Path) -> None:
    """Another store picks the same for the same numbers, and everybody comes to be picked."""
    deploy(engine, pick("random"))
    chosen = [picked(engine, engine.start("pick")) for _ in range(60)]
    assert set(chosen) == {"petrova", "boss", "ivanov"}
    assert min(Counter(chosen).values()) > 10
    other = opened(path=tmp_path / "other.db")
    deploy(other, pick("random"))
    assert [picked(other, other.start("pick")) for _ in range(60)] == chosen


def test_chance_is_new_in_each_turn(engine: Engine, deploy: Deploy) -> None:
    steps = (
        f"  - id: again\n    activity: loop\n    until: again.turn == 20\n    steps:\n      - {{id: pick, activity: pick-user, from: '{ALL}', how: random}}\n"
    )
    deploy(engine, HEAD + steps + ASK)
    id = engine.start("pick")
    assert len({event.values["user"] for event in events_of(engine, id) if type(event).__name__ == "Done"}) == 3


def test_in_turn(engine: Engine, deploy: Deploy) -> None:
    deploy(engine, pick("round-robin"))
    assert [picked(engine, engine.start("pick")) for _ in range(5)] == ["petrova", "boss", "ivanov", "petrova", "boss"]


def test_in_turn_a_new_one_is_next_and_the_others_go_on_where_they_were(engine: Engine, deploy: Deploy) -> None:
    deploy(engine, pick("round-robin", '[user("boss"), user("petrova")]'))
    assert picked(engine, engine.start("pick")) == "boss"
    deploy(engine, pick("round-robin", '[user("ivanov"), user("boss"), user("petrova")]'))
    assert [picked(engine, engine.start("pick")) for _ in range(4)] == ["ivanov", "petrova", "boss", "ivanov"]
    deploy(engine, pick("round-robin", '[user("ivanov"), user("petrova")]'))
    assert [picked(engine, engine.start("pick")) for _ in range(3)] == ["petrova", "ivanov", "petrova"]


def test_two_programs_share_the_turns(opened: Open, engine: Engine, deploy: Deploy) -> None:
    deploy(engine, pick("round-robin"))
    other = opened()
    assert [picked(one, one.start("pick")) for one in (engine, other, other, engine)] == ["petrova", "boss", "ivanov", "petrova"]


def test_each_step_has_turns_of_its_own(engine: Engine, deploy: Deploy) -> None:
    other = f"  - {{id: other, activity: pick-user, from: '{ALL}', how: round-robin}}\n"
    deploy(engine, pick("round-robin") + other + ASK.replace("id: ask", "id: ask_other").replace("pick.user", "other.user"))
    id = engine.start("pick")
    (task,) = engine.tasks()
    engine.answer(task.id, by="petrova")
    assert engine.tasks(instance=id)[0].party == "user:petrova"


def test_by_load(engine: Engine, deploy: Deploy) -> None:
    deploy(engine, pick("least-loaded"))
    first, second, third, fourth = (picked(engine, engine.start("pick")) for _ in range(4))
    assert [first, second, third, fourth] == ["petrova", "boss", "ivanov", "petrova"]
    for task in engine.tasks("boss"):
        engine.answer(task.id, by="boss")
    assert picked(engine, engine.start("pick")) == "boss"


def test_by_load_what_the_same_event_closes_and_hands_out_counts(engine: Engine, deploy: Deploy) -> None:
    two = f"  - {{id: pick, activity: pick-user, from: '{ALL}', how: least-loaded}}\n  - {{id: ask, activity: request-info, title: Ещё, to: pick.user}}\n"
    deploy(engine, f"{HEAD}  - {{id: zero, activity: request-info, title: Нулевой, to: 'user(\"petrova\")'}}\n{two}")
    id = engine.start("pick")
    engine.answer(engine.tasks()[0].id, by="petrova")
    assert picked(engine, id) == "petrova"


def test_by_load_side_by_side_work_is_spread(engine: Engine, deploy: Deploy) -> None:
    steps = "  - id: each\n    activity: for-each\n    items: [1, 2, 3, 4, 5, 6]\n    as: part\n    in-parallel: true\n    steps:\n"
    steps += f"      - {{id: pick, activity: pick-user, from: '{ALL}', how: least-loaded}}\n      {ASK.strip()}\n"
    deploy(engine, HEAD + steps)
    engine.start("pick")
    assert Counter(task.party for task in engine.tasks()) == {"user:petrova": 2, "user:boss": 2, "user:ivanov": 2}


@pytest.mark.parametrize("how", ["first", "random", "round-robin", "least-loaded"])
def test_those_who_are_away_are_left_out_if_so_said(engine: Engine, deploy: Deploy, how: str) -> None:
    """On the eleventh of March Ivanov is away, with Petrova in his place; Gone has left, and nobody is in his."""
    engine.clock.set(engine.clock.now().replace(day=11))  # type: ignore[attr-defined]
    deploy(engine, pick(how, '[user("gone"), user("ivanov")]'))
    assert picked(engine, engine.start("pick")) == "ivanov"
    deploy(engine, pick(how, '[user("ivanov"), user("gone"), user("boss")]', ", skip-absent: true"))
    assert [picked(engine, engine.start("pick")) for _ in range(2)] == ["boss", "boss"]


def test_groups_are_their_members(engine: Engine, deploy: Deploy) -> None:
    deploy(engine, pick("round-robin", '[with_role("clerk"), department("sales")]'))
    assert [picked(engine, engine.start("pick")) for _ in range(4)] == ["petrova", "boss", "ivanov", "petrova"]


def test_nobody(engine: Engine, deploy: Deploy) -> None:
    deploy(engine, pick("first", 'members(department("empty"))', ", if-nobody: 'user(\"boss\")'"))
    assert picked(engine, engine.start("pick")) == "boss"
    deploy(engine, pick("first", 'members(department("empty"))'))
    engine.start("pick")
    (incident,) = engine.incidents()
    assert str(incident.message) == 'there is nobody to choose: `members(department("empty"))` gives no one'


def test_a_failure_of_the_choice_can_be_handled(engine: Engine, deploy: Deploy) -> None:
    steps = "  - id: pick\n    activity: pick-user\n    from: members(department('empty'))\n    how: first\n    on-error: {next: none_there}\n"
    deploy(engine, f"{HEAD}{steps}  - {{activity: end, result: chosen}}\n  - {{id: none_there, activity: end, result: nobody}}\n")
    assert engine.instance(engine.start("pick")).row.result == "nobody"
