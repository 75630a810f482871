"""The proof of the proof: what the checker says of random processes is so in the engine, which runs them in every way.

Three families, each with its counts, which are printed with `-s`: small processes of any kind, run exhaustively; their mistakes, replayed;
larger ones that are sound by construction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from random import Random

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from bpflow.checks.soundness import Examination
from bpflow.graph import Exit, Graph
from tests.soundness.exploring import Explored, explore, free_choices
from tests.soundness.making import compiled, make, make_sound
from tests.soundness.replaying import WAITED, shows

ENDLESS = ("no-way-to-end", "livelock")
SMALL = 14
"""The most nodes of a process that is sound by construction and yet run in every way."""
NO_ERROR = ("done-twice", "cancels-others", "not-decided")


@pytest.fixture(scope="module", autouse=True)
def choices() -> Iterator[None]:
    with free_choices():
        yield


@pytest.fixture(scope="module")
def counts() -> Iterator[Counter[str]]:
    """What has been looked at; in the end enough of it must have been."""
    counts: Counter[str] = Counter()
    yield counts
    print(f"\nsoundness: {dict(sorted(counts.items()))}")
    if counts["made"]:  # another process may have run the test that makes them
        assert counts["explored"] > counts["made"] / 3
        assert counts["sound"] > counts["made"] / 10
        assert counts["unsound"] > counts["made"] / 8
        assert counts["goes round before an end"] <= counts["made"] / 1000
    assert counts["shown"] >= (counts["shown"] + counts["behind another"]) * 0.9


def seeds(times: int, most: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Runs a test with so many seeds for each example of the profile, `most` of all; a failure names the seed, which makes it again."""
    examples = min(most, settings.default.max_examples * times)  # type: ignore[attr-defined]
    phases = (Phase.explicit, Phase.reuse, Phase.generate)  # a smaller seed is no smaller process
    return lambda test: settings(max_examples=examples, phases=phases)(given(seed=st.integers(0, 2**48))(test))  # type: ignore[return-value]


def fit(seed: int) -> Graph | None:
    return compiled(make(Random(seed)))


@seeds(6, 10_000)
@example(seed=2722)  # it goes round after a pause, at which it may be cancelled
@example(seed=65)  # it goes round before another token ends the whole
@example(seed=1001966)  # it goes round beside a branch that never comes to its end either, though one would be enough
@example(seed=784034)  # it goes round in the first branch, and the second would end the whole
def test_the_checker_agrees_with_all_that_the_engine_can_do(seed: int, counts: Counter[str]):
    graph = fit(seed)
    if graph is None:
        return
    counts["made"] += 1
    examination, explored = Examination(graph), explore(graph, 300)
    rules = {verdict.rule for verdict in examination.verdicts}
    unreached = len(examination.regions.reached) < len(graph.nodes)
    counts["explored"] += explored.whole
    counts["unsound" if rules - {*NO_ERROR} else "sound" if not unreached else "unreached"] += 1
    if explored.having("stuck"):
        assert rules & {*WAITED, *ENDLESS, "not-decided"} or unreached, "a join waits for ever, and nothing is said"
    if explored.whole and not rules and not unreached and not turns_in_some(examination):
        nothing_is_wrong(examination, explored, counts)
    if explored.whole and rules & {*WAITED, *ENDLESS} and not is_cut_short(examination):
        assert explored.wrong or explored.lost(), "a mistake is told, and everything comes to its end"


def turns_in_some(examination: Examination) -> bool:
    """Whether some join of N stands in a circle: whether it takes in what goes round is more than the checker looks at."""
    for region in examination.regions.all.values():
        for id in region.joins:
            if len(region.ways[id]) > 1 and id in examination.upstream(region, id):
                return True
    return False


def is_cut_short(examination: Examination) -> bool:
    """Whether something may end the whole before anything beside it has begun, which is not looked at: mistakes there are told all the same."""
    return any(region.forks and examination.at_once.clears(region) for region in examination.regions.all.values())


def nothing_is_wrong(examination: Examination, explored: Explored, counts: Counter[str]) -> None:
    """Of a process that was looked at as a whole."""
    goes_round = any("without a wait" in message for message in explored.wrong)
    counts["goes round before an end"] += goes_round and is_cut_short(examination)
    assert not explored.having("stuck")
    assert not goes_round or is_cut_short(examination), "it goes round without a wait, and nothing is said"
    assert not explored.lost(), "it cannot come to its end, and nothing is said"


@seeds(6, 10_000)
@example(seed=29460)  # it goes round before anything else, and beside what ends the whole a day later
@example(seed=29279)  # it goes round beside a block that pauses before anything may happen meanwhile
@example(seed=2147483649)  # a circle from which a way leads to a join that never lets anything go on, within a greater one
@example(seed=282359)  # a circle stands behind a join to which another token must come as well
@example(seed=5630)  # a circle stands behind a join that never lets anything go on, and another before it
def test_what_is_told_can_be_replayed(seed: int, counts: Counter[str]):
    graph = fit(seed)
    if graph is None:
        return
    examination = Examination(graph)
    told = [verdict for verdict in examination.verdicts if verdict.rule not in ("not-decided", "cancels-others")]
    shown = [shows(examination, verdict) for verdict in told]
    counts["shown"] += sum(shown)
    counts["behind another"] += len(shown) - sum(shown)
    unreached = len(examination.regions.reached) < len(graph.nodes)
    assert not told or any(shown) or unreached or is_cut_short(examination) or all(verdict.rule == "done-twice" for verdict in told), [
        verdict.rule for verdict in told
    ]


@seeds(8, 10_000)
def test_nothing_is_said_against_what_is_sound(seed: int, counts: Counter[str]):
    graph = compiled(make_sound(Random(seed)))
    if graph is not None:
        examination = Examination(graph)
        counts["sound by construction"] += 1
        counts["not decided"] += any(verdict.rule == "not-decided" for verdict in examination.verdicts)
        assert not [verdict for verdict in examination.verdicts if verdict.rule != "not-decided"]
        assert len(examination.regions.reached) == len(graph.nodes) or any(isinstance(node, Exit) for node in graph.nodes)
        if len(graph.nodes) <= SMALL:
            explored = explore(graph, 100)
            assert not explored.having("stuck")
            assert not explored.whole or not explored.lost()
            counts["sound, and explored"] += explored.whole
