"""Choose: the first that is true, all that are, `otherwise`, and what is no answer."""

from typing import Any

import pytest

from bpflow.engine import UnexpectedEvent
from bpflow.graph import Choose, Expr, Graph
from tests.engine.play import COMPANY, Play, World, flow, graph, task


def choice(*conditions: str, otherwise: bool = False, every: bool = False) -> Graph:
    arms = tuple((Expr(text), flow("c", f"t{n}", str(n))) for n, text in enumerate(conditions, 1))
    tasks = [task(f"t{n}") for n in range(1, len(conditions) + 1)]
    return graph(Choose("c", arms, flow("c", "other") if otherwise else None, every), *tasks, task("other"))


@pytest.mark.parametrize(
    "conditions, more, where",
    [
        (("false", "true", "true"), {}, ["t2"]),
        (("false", "1 + 1 == 2", "true"), {"every": True}, ["t2", "t3"]),
        (("false", "false"), {"otherwise": True}, ["other"]),
        (("false", "true"), {"otherwise": True, "every": True}, ["t2"]),
        (("false",), {"otherwise": True, "every": True}, ["other"]),
        (("true", "nothing"), {}, ["t1"]),
    ],
)
def test_which_way(conditions: tuple[str, ...], more: dict[str, Any], where: list[str]):
    play = Play(choice(*conditions, **more))
    assert play.where() == where
    assert not play.state.incidents


@pytest.mark.parametrize(
    "conditions, more, message",
    [
        (("false",), {}, "no branch is true"),
        (("false",), {"every": True}, "no branch is true"),
        (("1", "true"), {}, "`1` is neither true nor false"),
        (("true", "none"), {"every": True}, "`none` is neither true nor false"),
        (("nothing == 1",), {"otherwise": True}, "nothing"),
    ],
)
def test_what_is_no_answer_is_an_incident(conditions: tuple[str, ...], more: dict[str, Any], message: str):
    play = Play(choice(*conditions, **more))
    assert play.where() == ["c"]
    assert message in str(play.incident.message)
    assert len(play.state.tokens) == 1


def test_retry_reads_the_document_again():
    world = World({COMPANY: {"status": None}})
    play = Play(choice("document.status"), world, document=COMPANY)
    assert play.where() == ["c"]
    world.documents[COMPANY]["status"] = True
    play.retry()
    assert play.where() == ["t1"]


@pytest.mark.parametrize("branch, where", [("1", "t1"), ("2", "t2"), ("otherwise", "other"), ("c[2]>t2", "t2")])
def test_an_operator_says_which_way(branch: str, where: str):
    play = Play(choice("nothing", "true", otherwise=True))
    for wrong in (None, "3"):
        with pytest.raises(UnexpectedEvent, match="by which branch"):
            play.skip(wrong)
    play.skip(branch)
    assert play.where() == [where]
