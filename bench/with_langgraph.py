"""The peer LangGraph 1.2: the same work as a `StateGraph` with a checkpointer, SQLite's or PostgreSQL's.

usage: python -m bench.with_langgraph {W1|W2|W3|W4|W5|W6} [N]      FLOOR_SYNC, FLOOR_PG: see peer.py

What is otherwise than with us, and what was chosen for it:
- A question is `interrupt(…)`, its answer `invoke(Command(resume=…))`. `durability="exit"`: saved once, when the graph comes to its next
  question; that is the same promise as ours (an event is kept wholly or not at all), and its fastest.
- It keeps no list of open tasks and no timers: both are a table of the program, as the floor has it, in a commit of its own after the
  checkpointer's (it commits by itself, so that a crash between them leaves the two different).
- Each checkpoint stays and holds the whole state: they are its history.
"""

from __future__ import annotations

import json
import operator
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypedDict

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send, interrupt

from bench.peer import FORM, SERVER, STAGES, SYNC, Figures, fresh_database, size_of, timed

SENT: list[str] = []
PEER = "LangGraph"
Act = Callable[[int], Any]


# ---- the graphs ---------------------------------------------------------------------------------------------------------


class Outreach(TypedDict, total=False):
    """The state of the outreach."""

    industry: str
    company: str
    status: str
    attempts: int
    outcome: str
    next_date: float


def puts(**values: Any) -> Callable[[Any], dict[str, Any]]:
    """A node that sets values."""
    return lambda state: values


def asks(name: str) -> Callable[[Outreach], dict[str, Any]]:
    """A node that waits for an answer to the form."""
    return lambda state: dict(interrupt({"task": name, "role": "manager", "form": FORM}))


def waits(state: Outreach) -> dict[str, Any]:
    """A node that waits until the program says that the time has come."""
    interrupt({"due": state["next_date"]})
    return {}


def tells(text: str) -> Callable[[Outreach], dict[str, Any]]:
    def notify(state: Outreach) -> dict[str, Any]:
        SENT.append(text)
        return {}

    return notify


def add_stage(graph: Any, k: int) -> None:
    """Ask; call later: count, wait, ask again; meeting: note, tell, on to the next stage; or refused."""
    graph.add_node(f"ask_{k}", asks(f"ask_{k}"))
    graph.add_node(f"note_{k}", lambda state: {"attempts": state["attempts"] + 1})
    graph.add_node(f"pause_{k}", waits)
    graph.add_node(f"set_{k}", puts(status=f"stage_{k}_done"))
    graph.add_node(f"notify_{k}", tells(f"stage {k} done"))
    graph.add_conditional_edges(f"ask_{k}", lambda state: state["outcome"], {"call_later": f"note_{k}", "meeting": f"set_{k}", "refuse": "refused"})
    graph.add_edge(f"note_{k}", f"pause_{k}")
    graph.add_edge(f"pause_{k}", f"ask_{k}")
    graph.add_edge(f"set_{k}", f"notify_{k}")
    graph.add_edge(f"notify_{k}", f"ask_{k + 1}" if k < STAGES else "finish")


def outreach(saver: Any) -> Any:
    graph = StateGraph(Outreach)
    graph.add_node("prepare", puts(status="new", attempts=0))
    graph.add_edge(START, "prepare")
    graph.add_conditional_edges("prepare", lambda state: "ask_1" if state["industry"] == "ЖКХ" else "not_target")
    for name, status in (("not_target", "not_target"), ("refused", "refused"), ("finish", "done")):
        graph.add_node(name, puts(status=status))
        graph.add_edge(name, END)
    for k in range(1, STAGES + 1):
        add_stage(graph, k)
    return graph.compile(checkpointer=saver)


class Counted(TypedDict):
    """The state of the line."""

    x: int


def linear(steps: int = 100, every: int = 10) -> Any:
    """A line of assignments, with a condition after each tenth."""
    graph = StateGraph(Counted)
    for i in range(1, steps + 1):
        graph.add_node(f"s{i}", lambda state: {"x": state["x"] + 1})
        after = f"s{i + 1}" if i < steps else END
        if i % every:
            graph.add_edge(f"s{i}", after)
        else:
            graph.add_node(f"g{i}", lambda state: {})
            graph.add_edge(f"s{i}", f"g{i}")
            graph.add_conditional_edges(f"g{i}", lambda state, after=after: after if state["x"] >= 0 else END, [after, END])
    graph.add_edge(START, "s1")
    return graph.compile()


class Fan(TypedDict, total=False):
    """The state of the fan."""

    items: list[int]
    item: int
    results: Annotated[list[int], operator.add]
    total: int


def fanout(saver: Any = None) -> Any:
    """Each of the items doubled in parallel, and their sum."""
    graph = StateGraph(Fan)
    graph.add_node("double", lambda state: {"results": [state["item"] * 2]})
    graph.add_node("joined", lambda state: {"total": sum(state["results"])})
    graph.add_conditional_edges(START, lambda state: [Send("double", {"item": item}) for item in state["items"]], ["double"])
    graph.add_edge("double", "joined")
    graph.add_edge("joined", END)
    return graph.compile(checkpointer=saver)


# ---- kept ---------------------------------------------------------------------------------------------------------------


class Kept:
    """Instances of a graph in a database: checkpoints, and beside them the open tasks and the timers, as the floor keeps them."""

    def __init__(self, compiled: Callable[[Any], Any], saver: Any, db: Any, place: str) -> None:
        self.graph, self.db, self.place = compiled(saver), db, place
        self.times: list[float] = []
        for table in (
            "create table due (inst int primary key, at double precision not null)",
            "create index due_at on due (at)",
            "create table task (inst int, node text, role text, form text, primary key (inst, node))",
        ):
            self.write(table)

    def write(self, sql: str, *values: Any) -> Any:
        return self.db.execute(sql.replace("?", "%s") if SERVER else sql, values)

    def cycle(self, number: int, given: Any) -> None:
        """One event: start, answer or the time that has come."""
        began = time.perf_counter()
        found = self.graph.invoke(given, {"configurable": {"thread_id": str(number)}}, durability="exit")
        with self.transaction():
            self.index(number, [one.value for one in found.get("__interrupt__", ())], isinstance(given, Command))
        self.times.append(time.perf_counter() - began)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One commit, on PostgreSQL in one round trip."""
        if SERVER:
            with self.db.transaction(), self.db.pipeline():
                yield
        else:
            with self.db:
                yield

    def index(self, number: int, waiting: list[Any], known: bool) -> None:
        """Writes what the instance waits for now."""
        if known:
            self.write("delete from task where inst = ?", number)
            self.write("delete from due where inst = ?", number)
        for wait in waiting:
            if "due" in wait:
                self.write("insert into due values (?, ?)", number, wait["due"])
            else:
                self.write("insert into task values (?, ?, ?, ?)", number, wait["task"], wait["role"], json.dumps(wait["form"]))

    def due(self) -> list[int]:
        return [row[0] for row in self.write("select inst from due where at <= ? order by at", time.time()).fetchall()]


@contextmanager
def kept(compiled: Callable[[Any], Any], name: str) -> Iterator[Kept]:
    """A fresh database of the kind that is asked for."""
    if SERVER:
        import psycopg
        from langgraph.checkpoint.postgres import PostgresSaver

        place = fresh_database(name)
        with PostgresSaver.from_conn_string(place) as saver, psycopg.connect(place, autocommit=True) as db:
            saver.setup()
            yield Kept(compiled, saver, db, place)
        return
    with tempfile.TemporaryDirectory(prefix="langgraph-") as folder:
        place = str(Path(folder) / "langgraph.db")
        saver = SqliteSaver(sqlite3.connect(place, check_same_thread=False))
        saver.setup()  # makes it WAL
        saver.conn.execute(f"pragma synchronous = {SYNC}")
        yield Kept(compiled, saver, saver.conn, place)
        saver.conn.close()


def answer(outcome: str) -> Command[Any]:
    """Fill the open form; a call later is due at once, as with the floor."""
    return Command(resume={"outcome": outcome, "next_date": time.time()})


# ---- the workloads ------------------------------------------------------------------------------------------------------


def w1(count: int = 20) -> None:
    emit = Figures(PEER, "W1 persisted")
    with kept(outreach, "langgraph_w1") as db:
        for number in range(count):
            db.cycle(number, {"industry": "ЖКХ"})
        for _ in range(STAGES):
            for number in range(count):
                db.cycle(number, answer("call_later"))
            for number in db.due():
                db.cycle(number, Command(resume=True))
            for number in range(count):
                db.cycle(number, answer("meeting"))
        last = db.graph.get_state({"configurable": {"thread_id": "0"}}).values
        assert (last["status"], last["attempts"], len(SENT)) == ("done", STAGES, STAGES * count), last
        emit("instances", count / sum(db.times), "1/s")
        emit.cycles(db.times)
        if not SERVER:
            emit("on disk at the end, with journal", size_of(db.place) / count, "bytes/instance")


def w2(count: int = 20) -> None:
    graph, limit = linear(), {"recursion_limit": 1000}
    assert graph.invoke({"x": 0}, limit)["x"] == 100
    taken = timed(lambda: [graph.invoke({"x": 0}, limit) for _ in range(count)])
    Figures(PEER, "W2 linear 100+10")("steps/s, in memory", 110 * count / taken, "steps/s")


def w3(count: int = 20) -> None:
    emit, items, graph = Figures(PEER, "W3 fan-out 50"), list(range(50)), fanout()
    assert graph.invoke({"items": items})["total"] == 2 * sum(items)
    emit("instance, in memory", timed(lambda: [graph.invoke({"items": items}) for _ in range(count)]) / count * 1e3, "ms")
    with kept(fanout, "langgraph_w3") as db:
        for number in range(count):
            db.cycle(number, {"items": items})
        emit("instance, saved at the end", sum(db.times) / count * 1e3, "ms")


def w4(count: int = 1000) -> None:
    emit = Figures(PEER, f"W4 herd {count}")
    with kept(outreach, "langgraph_w4") as db:
        before = size_of(db.place)
        began = time.perf_counter()
        for number in range(count):
            db.cycle(number, {"industry": "ЖКХ", "company": f"ООО Ромашка {number}"})
        emit.herd(count, time.perf_counter() - began, size_of(db.place) - before)
        db.times.clear()
        for number in random.Random(1).sample(range(count), min(count, 200)):
            db.cycle(number, answer("meeting"))
        emit.answers(db.times)


def w5(count: int = 1000) -> None:
    with kept(outreach, "langgraph_w5") as db:
        for number in range(count):
            db.cycle(number, {"industry": "ЖКХ"})
            db.cycle(number, answer("call_later"))
        due = db.due()
        assert len(due) == count
        began = time.perf_counter()
        for number in due:
            db.cycle(number, Command(resume=True))
        Figures(PEER, f"W5 timers {count}").fired(count, time.perf_counter() - began)


def w6() -> None:
    """A graph is Python code there: what is measured is making and compiling it, which checks its edges."""
    emit = Figures(PEER, "W6 load")
    emit("load and check, 20 steps, ms", timed(lambda: linear(18, 9)) * 1e3, "ms")
    emit("load and check, 1,000 steps, ms", timed(lambda: linear(910, 10)) * 1e3, "ms")


if __name__ == "__main__":
    {"W1": w1, "W2": w2, "W3": w3, "W4": w4, "W5": w5, "W6": w6}[sys.argv[1]](*map(int, sys.argv[2:]))
