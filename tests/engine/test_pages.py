"""Pages: what an event writes does not depend on how many turns, results or large values there are. That what is written is the state,
`play` looks at after every event."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from bpflow.engine import Program, advance, pages, watching
from bpflow.engine.events import Answered, Done, Skip, Started
from bpflow.engine.pages import ITEMS, Written, decode, encode
from bpflow.engine.state import LARGE, ROOT
from bpflow.graph import Block, Each, Expr, Graph, Node
from tests.engine.play import IVANOV, Paper, Play, T, World, call, flow, graph, pause, sets, size, step, task

MANY = LARGE + 8


def numbers(count: int) -> str:
    return f"[{', '.join(map(str, range(count)))}]"


def fan(count: int, *body: Node, **more: Any) -> Graph:
    """For each of `count` numbers the task `t` (or what `body` begins with), then the task `after`, which shows the results."""
    each = Each(Expr(more.pop("items", numbers(count))), "item", collect=Expr(more.pop("collect", "item")), **more)
    body = body or (task("t"),)
    return graph(Block("k", (flow("k", body[0].id, "in"),), flow("k", "after"), each=each, gives="k"), *body, task("after"), reads="k")


def answer(play: Play, item: int, outcome: str = "done") -> None:
    """Answers the task of one item."""
    (scope,) = (scope for scope in play.state.scopes.values() if scope.names and scope.names["item"] == item)
    (token,) = (token for token in play.state.tokens.values() if token.scope == scope.id)
    play.send(Answered(play.now, IVANOV, token.id, token.visit, outcome))


def weight(play: Play) -> int:
    """The bytes that the last event wrote of the state."""
    assert play.paper.last is not None
    return len(play.paper.last.root) + sum(map(len, play.paper.last.pages.values()))


# ── large fans ──────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_small_fan_is_in_the_root():
    play = Play(fan(LARGE))
    assert play.paper.pages == {}


def test_each_turn_is_on_a_page_of_its_own_and_each_result_is_written_once():
    play = Play(fan(MANY))
    (host,) = (token.id for token in play.state.tokens.values() if token.node == "k")
    assert set(play.paper.pages) == {(host, part) for part in (ITEMS, *range(MANY))}
    for item in (7, 0, MANY - 1):
        answer(play, item)
        assert play.paper.last is not None
        assert (play.paper.last.gone, play.paper.last.pages) == ([], {(host, item): f"[{item}]".encode()})
        assert weight(play) < 200
    for item in set(range(MANY)) - {7, 0, MANY - 1}:
        answer(play, item)
    assert play.names["k"] == {"results": list(range(MANY))}
    assert {key for key in play.paper.pages if key[0] > ROOT} == set()
    play.answer("after")
    play.replay_all()


def test_what_an_answer_writes_does_not_grow_with_the_items():
    """By the thousand, without all that `play` looks at."""
    weights = {}
    for count in (MANY, 1000):
        program, answers, paper = Program(fan(count, enough=Expr("any(r == 0 for r in results) or sum(r for r in results) < 0"))), World(), Paper()
        state = advance(program, None, Started(T), answers).state
        paper.write(program, state, None)
        weights[count] = []
        for token in list(state.tokens.values())[2:30]:
            answers.used = {}
            transition = advance(program, state, Answered(T, IVANOV, token.id, token.visit, "done"), answers)
            state = transition.state
            paper.write(program, state, transition)
            assert paper.last is not None
            weights[count].append(len(paper.last.root) + sum(map(len, paper.last.pages.values())))
            assert (len(paper.last.pages), paper.last.gone) == (1, [])
        assert paper.read(program)[0] == state
    assert max(weights[1000]) <= max(weights[MANY]) + 10 < 250, "but for the digits of what is counted"


def test_it_is_enough_and_the_rest_is_gone():
    play = Play(fan(MANY, collect="t.outcome", enough=Expr('len(r for r in results if r == "done") >= 2 and done < total')))
    answer(play, 3)
    answer(play, 1)
    assert play.names["k"] == {"results": [None, "done", None, "done", *[None] * (MANY - 4)]}
    assert not [key for key in play.paper.pages if key[0] > ROOT]
    assert play.where() == ["after"]


def test_some_at_a_time():
    play = Play(fan(MANY, at_most=Expr("3")))
    for item in range(MANY):
        assert len(play.paper.pages) == 1 + min(item + 3, MANY)
        answer(play, item)
    assert play.names["k"] == {"results": list(range(MANY))}


def test_an_incident_in_a_turn_is_on_its_page():
    play = Play(fan(MANY, step("s", "t", sets=sets(x="1 // (item - 5)")), task("t"), collect="1 // (item - 7)"))
    assert play.incident.node == "s"
    assert b"zero" not in play.paper.root
    answer(play, 7)
    assert len(play.state.incidents) == 2
    weights = []
    for item in (0, 1, 2):
        answer(play, item)
        weights.append(weight(play))
    assert max(weights) < 200
    for incident in play.state.incidents:
        play.send(Skip(play.now, None, incident.id, {}))
    assert play.state.incidents == ()


def test_a_fan_in_a_loop():
    """The same list, the same token: the pages of the turn before are gone."""
    each = Each(Expr("many"), "item", collect=Expr("item"), at_most=Expr("2"), enough=Expr("done >= 3"))
    nodes = (Block("k", (flow("k", "t", "in"),), flow("k", "l"), each=each, gives="k"), task("t", gives="r"))
    play = Play(graph(step("a", "l", sets=sets(many=numbers(MANY))), step("l", "k", turn="l", forgets=("r", "k")), *nodes, reads="l r k"))
    sizes = []
    for _ in range(8):
        for _ in range(3):
            token = min(id for id, token in play.state.tokens.items() if token.node == "t")
            play.send(Answered(play.now, IVANOV, token, play.state.tokens[token].visit, "done"))
        sizes.append(size(play))
    assert max(sizes) - min(sizes) < 20


def test_fans_within_fans():
    inner = Each(Expr(numbers(MANY)), "part", collect=Expr("part + item"), at_most=Expr("2"))
    each = Each(Expr(numbers(MANY)), "item", collect=Expr("len(i.results)"), at_most=Expr("2"))
    nodes = (Block("i", (flow("i", "c", "in"),), flow("i", None), each=inner, gives="i"), call("c", None, gives="got", arguments={"n": "part"}))
    play = Play(graph(Block("k", (flow("k", "i", "in"),), flow("k", "after"), each=each, gives="k"), *nodes, task("after"), reads="k"))
    weights = []
    for _ in range(2 * MANY + 3):
        out = play.calls[max(play.calls)]
        play.send(Done(play.now, out.token, out.visit))
        weights.append(weight(play))
    assert len([key for key in play.paper.pages if key[1] == ITEMS]) == 3
    assert sorted(weights)[-6] < 450, "but where a fan is over and another begins"


def test_a_name_of_a_turn_wakes_only_that_turn(monkeypatch: pytest.MonkeyPatch):
    """In each turn somebody waits for what the other gets; those of the other turns do not even look."""
    looked: list[int] = []
    reread = watching.reread
    monkeypatch.setattr(watching, "reread", lambda draft, holder, *rest, **more: looked.append(holder) or reread(draft, holder, *rest, **more))
    play = Play(fan(MANY, step("s", "c", "w"), call("c", None, gives="got"), pause("w", text='got.outcome == "go" and x == none')))
    out = play.calls[min(play.calls)]
    (waiting,) = (id for id, token in play.state.tokens.items() if token.node == "w" and token.scope == play.state.tokens[out.token].scope)
    play.send(Done(play.now, out.token, out.visit, {"outcome": "go"}))
    assert set(looked) == {waiting}
    assert waiting not in play.state.tokens
    assert len(play.where()) == 2 * MANY - 2


# ── large values ────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("text", ['"x" * 3000', numbers(900), f"list({numbers(900)})"])
def test_a_large_value_is_written_once(text: str):
    value = '"' + "x" * 3000 + '"' if "*" in text else text
    play = Play(graph(step("a", "t", sets=sets(big=value, small="1")), task("t", "u"), task("u", "b"), step("b", "v", sets=sets(big="2")), task("v")))
    assert list(play.paper.pages) == [(-1, 0)]
    play.answer("t")
    assert weight(play) < 200
    play.answer("u")
    assert play.paper.pages == {}
    assert play.names["big"] == 2


def test_large_values_come_change_and_go():
    nodes = [step("a", "t", sets=sets(a=numbers(400), b=numbers(500), c="1")), task("t", "b")]
    nodes += [step("b", "u", sets=sets(a="1", c=numbers(600), b=numbers(501))), task("u", "c"), step("c", "v", sets=sets(a="b", d="c", c="none")), task("v")]
    play = Play(graph(*nodes))
    assert len(play.paper.pages) == 2
    play.answer("t")
    assert len(play.paper.pages) == 2
    play.answer("u")
    assert len(play.paper.pages) == 3
    assert play.names["a"] == play.names["b"]
    assert len(play.names["d"]) == 600


def test_a_value_that_was_large_and_is_again(monkeypatch: pytest.MonkeyPatch):
    """The very same value, after another one in its place."""
    monkeypatch.setattr(pages, "LARGE_VALUE", 20)
    nodes = (step("a", "t", sets=sets(keep=numbers(30), x=numbers(20))), task("t", "b"), step("b", "u", sets=sets(x="5", y="x")), task("u", "c"))
    play = Play(graph(*nodes, step("c", "v", sets=sets(x="y", y="none")), task("v")))
    for name in "tuv":
        play.answer(name)
    assert play.names["x"] == list(range(20))
    data = encode(play.program, play.state)
    assert decode(play.program, data.root, data.pages)[0] == play.state


# ── what is kept ────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("names, most", [({"x": "1"}, 3000), (dict.fromkeys("abcdefgh", '"' + "x" * 300 + '"'), 8000)])
def test_what_is_kept_of_the_names_takes_no_more_room_than_they_do(names: dict[str, str], most: int):
    """orjson gives its bytes with room for 4 kB, and they stay with each state that is at hand: of names that are large together for each name."""
    play = Play(graph(step("a", "t", sets=sets(**names)), task("t")))
    kept = [Written() for _ in range(100)]
    tracemalloc.start()
    for written in kept:
        encode(play.program, play.state, written)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size / len(kept) < most
