"""Coverage: what of a process no scenario has visited, by name and place."""

from collections.abc import Callable
from pathlib import Path

from bpflow.graph import Block, Choose, Exit, Expr, Flow, Graph, Handler, StepInfo, Trigger
from bpflow.scenario import Coverage, Report, Share, coverage_of, play_file

Play = Callable[[str], Report]

REFUSED = """\
process: deal
scenarios:
  - title: Отказ
    at: 2026-03-02T10:00+03:00
    document: {name: Труба, status: open, responsible: ivanov}
    play:
      - answer: {task: ask, by: ivanov, outcome: refused, comment: Дорого}
    ends: {result: lost}
"""
WON = """\
  - title: Потом согласие
    at: 2026-03-02T10:00+03:00
    document: {name: Труба, status: open, responsible: ivanov}
    play:
      - answer: {task: ask, by: ivanov, outcome: later, call_at: 2026-03-03T12:00+03:00}
      - wait: 26h
      - answer: {task: ask, by: ivanov, outcome: agreed, sum: 5000}
    ends: {result: won}
"""


def numbers(coverage: Coverage | None) -> dict[str, tuple[int, int]]:
    """Visited and all, of each kind."""
    assert coverage is not None
    shares = {"steps": coverage.steps, "branches": coverage.branches, "outcomes": coverage.outcomes}
    return {name: (share.visited, share.total) for name, share in shares.items()}


def test_one_scenario_leaves_much_unvisited(play: Play, folder: Path) -> None:
    coverage = play(REFUSED).coverage
    assert numbers(coverage) == {"steps": (4, 10), "branches": (0, 4), "outcomes": (1, 3)}
    assert coverage is not None
    assert not coverage.full
    text = (folder / "deal.yaml").read_text(encoding="utf-8").splitlines()
    told = [(str(part.name), text[part.span.line - 1][part.span.column - 1 :][:14]) for part in coverage.unvisited]
    assert told == [
        ('another turn of "Пока не договорились" (until_agreed)', "id: until_agre"),
        ('the end of "Пока не договорились" (until_agreed)', "ask.outcome =="),
        ('the outcome "Да" (agreed) of "Договорились?" (ask)', "id: ask"),
        ('the outcome "Позже" (later) of "Договорились?" (ask)', "id: ask"),
        ('"Звонок" (calendar-event)', "{activity: cal"),
        ('"До звонка" (wait_for_call)', "{id: wait_for_"),
        ('"Крупная?" (large)', "id: large"),
        ('"otherwise" of "Крупная?" (large)', "id: large"),
        ('branch 1 of "Крупная?" (large)', "document.sum >"),
        ('"Крупная сделка" (tell_boss)', "{id: tell_boss"),
        ('"update-document"', "{activity: upd"),
        ('"end"', "{activity: end"),
    ]
    assert all(part.span.file == str(folder / "deal.yaml") for part in coverage.unvisited)


def test_the_scenarios_of_a_file_add_up(play: Play) -> None:
    report = play(REFUSED + WON)
    assert report.ok
    assert numbers(report.coverage) == {"steps": (10, 10), "branches": (3, 4), "outcomes": (3, 3)}
    assert report.coverage is not None
    assert [str(part.name) for part in report.coverage.unvisited] == ['"otherwise" of "Крупная?" (large)']


def test_nothing_is_left(play: Play) -> None:
    small = WON.replace("Потом согласие", "Мелочь").replace("5000", "5")
    report = play(REFUSED + WON + small)
    assert report.coverage is not None
    assert report.coverage.full
    assert report.coverage.unvisited == ()


def test_a_scenario_that_fails_counts_as_far_as_it_went(play: Play) -> None:
    report = play(REFUSED.replace("result: lost", "result: won"))
    assert not report.ok
    assert numbers(report.coverage)["outcomes"] == (1, 3)


def test_an_outcome_that_a_deadline_has_chosen_is_visited(play: Play) -> None:
    text = REFUSED.replace("deal", "broken").partition("    play:")[0] + "    play:\n      - wait: 2d\n      - expect: {incident: none}\n"
    report = play(text)
    assert report.coverage is not None
    assert [str(part.name) for part in report.coverage.outcomes.unvisited] == ['the outcome "done" of "На сколько поделить?" (ask)']


def test_what_nothing_has_started_is_not_visited(play: Play) -> None:
    text = REFUSED.replace("status: open", "status: new").partition("      - answer")[0] + "      - change: {document: {status: lost}}\n"
    assert numbers(play(text).coverage) == {"steps": (0, 10), "branches": (0, 4), "outcomes": (0, 3)}


def test_branches_of_blocks_and_what_may_happen_meanwhile() -> None:
    """A graph made by hand: two flows into a block, a handler beside them, a choice with one way."""
    end = (Exit("a", "end", "a"), Exit("b", "end", "b"), Exit("late", "end", "late"))
    entries = (Flow("both[left]>a", "a"), Flow("both[right]>b", "b"))
    late = Handler("too_late", Trigger("at", Expr("moment(x)", (3, 7))), True, Flow("both[too_late]>late", "late"))
    block = Block("both", entries, Flow("both>check", "check"), handlers=(late,))
    choice = Choose("check", ((Expr("x", (5, 9)), Flow("check[1]>a", "a")),))
    steps = tuple(StepInfo(path, "block", "", (number, 1)) for number, path in enumerate(("both", "a", "b", "late", "check"), 1))
    graph = Graph("hand", "Сам", (Flow(">both", "both"),), (block, *end, choice), steps, source="hand.yaml")
    coverage = coverage_of(graph, {"both", "a"}, {">both", "both[left]>a"})
    assert numbers(coverage) == {"steps": (2, 5), "branches": (1, 4), "outcomes": (0, 0)}
    assert [(str(part.name), str(part.span)) for part in coverage.branches.unvisited] == [
        ('the branch "right" of "both"', "hand.yaml:1:1"),
        ('what may come meanwhile, "too_late", of "both"', "hand.yaml:3:7"),
        ('branch 1 of "check"', "hand.yaml:5:9"),
    ]
    assert coverage.outcomes == Share(0)
    assert coverage.outcomes.full


# ── the library ─────────────────────────────────────────────────────────────────────────────────────────────────────
PROCESSES = sorted((Path(__file__).parent.parent.parent / "processes").glob("*.test.yaml"))


def test_the_processes_of_the_library_do_what_their_scenarios_say_and_all_of_it_is_visited() -> None:
    assert PROCESSES
    for path in PROCESSES:
        report = play_file(path)
        assert report.findings == []
        assert [played.failure.text() for played in report.failed if played.failure] == []
        assert report.coverage is not None
        assert [f"{part.name}, {part.span}" for part in report.coverage.unvisited] == []
