"""Choose: the first that is true, all that are, `otherwise`, and what is no answer."""

from typing import Any

import pytest

from bpflow.engine import UnexpectedEvent
from bpflow.graph import Choose, Expr, Graph
from tests.engine.play import COMPANY, Play, World, flow, graph, task


def choice(*conditions: str, otherwise: bool = False, hit: Any = "first", **more: Any) -> Graph:
    arms = tuple((Expr(text), flow("c", f"t{n}", str(n))) for n, text in enumerate(conditions, 1))
    tasks = [task(f"t{n}") for n in range(1, len(conditions) + 1)]
    return graph(Choose("c", arms, flow("c", "other") if otherwise else None, hit, **more), *tasks, task("other"))


@pytest.mark.parametrize(
    "conditions, more, where",
    [
        (("false", "true", "true"), {}, ["t2"]),
        (("false", "1 + 1 == 2", "true"), {"hit": "every"}, ["t2", "t3"]),
        (("false", "false"), {"otherwise": True}, ["other"]),
        (("false", "true"), {"otherwise": True, "hit": "every"}, ["t2"]),
        (("false",), {"otherwise": True, "hit": "every"}, ["other"]),
        (("true", "nothing"), {}, ["t1"]),
        (("false", "true"), {"hit": "only"}, ["t2"]),
        (("false", "false"), {"hit": "only", "otherwise": True}, ["other"]),
        (("true", "false", "true"), {"hit": "every", "least": 2}, ["t1", "t3"]),
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
        (("false",), {"hit": "every"}, "no branch is true"),
        (("1", "true"), {}, "`1` is neither true nor false"),
        (("true", "none"), {"hit": "every"}, "`none` is neither true nor false"),
        (("nothing == 1",), {"otherwise": True}, "nothing"),
        (("true", "false", "true"), {"hit": "only"}, "2 conditions are true"),
        (("true", "false"), {"hit": "every", "least": 2, "otherwise": True}, "1 of the branches begin, 2 were to"),
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
