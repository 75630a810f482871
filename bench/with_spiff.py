"""The peer SpiffWorkflow 3.2: the same work written in BPMN, kept in SQLite after every event as its manual says (serialize, deserialize).

usage: python -m bench.with_spiff {W1|W2|W3|W4|W5|W6} [N]      FLOOR_SYNC: see peer.py

What is otherwise than with us, and what was chosen for it:
- It is a library without a store: the program writes its state, the open task and when it is due, all in one commit, as the floor does.
  PostgreSQL is left out: its cost is the state read and written as JSON, not the store.
- Its state carries its own history, so no journal is written beside it; it knows all nodes that the instance has been through.
"""

import json
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from SpiffWorkflow.bpmn.parser import BpmnParser
from SpiffWorkflow.bpmn.script_engine import PythonScriptEngine
from SpiffWorkflow.bpmn.script_engine.python_environment import TaskDataEnvironment
from SpiffWorkflow.bpmn.serializer import BpmnWorkflowSerializer
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.util.task import TaskState

from bench.peer import FORM, STAGES, SYNC, Figures, size_of, timed

PEER = "SpiffWorkflow"
SENT: list[str] = []
ENGINE = PythonScriptEngine(TaskDataEnvironment({"notify": SENT.append}))
Act = Callable[[Any], None]


# ---- the processes, in BPMN ---------------------------------------------------------------------------------------


class Drawing:
    """A BPMN process under construction: elements and the flows between them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.elements: list[str] = []
        self.flows: list[str] = []

    def element(self, tag: str, name: str, inside: str = "", **attributes: str) -> None:
        written = "".join(f' {key}="{value}"' for key, value in attributes.items())
        self.elements.append(f'<bpmn:{tag} id="{name}" name="{name}"{written}>{inside}</bpmn:{tag}>')

    def script(self, name: str, code: str, to: str) -> None:
        self.element("scriptTask", name, f"<bpmn:script>{code}</bpmn:script>")
        self.flow(name, to)

    def choice(self, name: str, otherwise: str, *arms: tuple[str, str]) -> None:
        self.element("exclusiveGateway", name, default=self.flow(name, otherwise))
        for condition, to in arms:
            self.flow(name, to, f'<bpmn:conditionExpression xsi:type="bpmn:tFormalExpression">{condition}</bpmn:conditionExpression>')

    def timer(self, name: str, expression: str, to: str) -> None:
        date = f'<bpmn:timeDate xsi:type="bpmn:tFormalExpression">{expression}</bpmn:timeDate>'
        self.element("intermediateCatchEvent", name, f'<bpmn:timerEventDefinition id="{name}_at">{date}</bpmn:timerEventDefinition>')
        self.flow(name, to)

    def flow(self, origin: str, to: str, condition: str = "") -> str:
        name = f"flow_{len(self.flows)}"
        self.flows.append(f'<bpmn:sequenceFlow id="{name}" sourceRef="{origin}" targetRef="{to}">{condition}</bpmn:sequenceFlow>')
        return name

    def spec(self) -> Any:
        """The process as SpiffWorkflow reads it."""
        namespaces = 'xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        process = f'<bpmn:process id="{self.name}" isExecutable="true">{"".join(self.elements + self.flows)}</bpmn:process>'
        parser = BpmnParser()
        parser.add_bpmn_str(f'<bpmn:definitions {namespaces} id="bench" targetNamespace="bench">{process}</bpmn:definitions>'.encode())
        return parser.get_spec(self.name)


def outreach() -> Any:
    """Stages of one question each: call later (note, pause, ask again), meeting (set, notify, next stage), or refused."""
    draw = Drawing("outreach")
    draw.element("startEvent", "start")
    draw.flow("start", "prepare")
    draw.script("prepare", "status = 'new'; attempts = 0", "check")
    draw.choice("check", "not_target", ("industry == 'ЖКХ'", "ask_1"))
    for name, status in (("not_target", "not_target"), ("refused", "refused"), ("finish", "done")):
        draw.script(name, f"status = '{status}'", "end")
    for k in range(1, STAGES + 1):
        draw.element("userTask", f"ask_{k}")
        draw.flow(f"ask_{k}", f"route_{k}")
        draw.choice(f"route_{k}", "refused", ("outcome == 'call_later'", f"note_{k}"), ("outcome == 'meeting'", f"set_{k}"))
        draw.script(f"note_{k}", "attempts = attempts + 1", f"pause_{k}")
        draw.timer(f"pause_{k}", "next_date", f"ask_{k}")
        draw.script(f"set_{k}", f"status = 'stage_{k}_done'", f"notify_{k}")
        draw.script(f"notify_{k}", f"notify('stage {k} done')", f"ask_{k + 1}" if k < STAGES else "finish")
    draw.element("endEvent", "end")
    return draw.spec()


def linear(steps: int = 100, every: int = 10) -> Any:
    """A row of assignments, with a condition after each tenth."""
    draw = Drawing("linear")
    draw.element("startEvent", "start")
    draw.flow("start", "init")
    draw.script("init", "x = 0", "s1")
    for i in range(1, steps + 1):
        after = f"s{i + 1}" if i < steps else "end"
        if i % every == 0:
            draw.choice(f"g{i // every}", "end", ("x &gt;= 0", after))
            after = f"g{i // every}"
        draw.script(f"s{i}", "x = x + 1", after)
    draw.element("endEvent", "end")
    return draw.spec()


def fanout() -> Any:
    """A script for each of the items, in parallel, and the sum of what they gave."""
    draw = Drawing("fanout")
    draw.element("startEvent", "start")
    draw.flow("start", "each")
    data = "".join(
        f"<bpmn:{tag}>{name}</bpmn:{tag}>" if tag.startswith("loop") else f'<bpmn:{tag} id="{name}" name="{name}"/>'
        for tag, name in (("loopDataInputRef", "items"), ("loopDataOutputRef", "results"), ("inputDataItem", "item"), ("outputDataItem", "doubled"))
    )
    turns = f'<bpmn:multiInstanceLoopCharacteristics isSequential="false">{data}</bpmn:multiInstanceLoopCharacteristics>'
    draw.element("scriptTask", "each", f"<bpmn:script>doubled = item * 2</bpmn:script>{turns}")
    draw.flow("each", "joined")
    draw.script("joined", "total = sum(results)", "end")
    draw.element("endEvent", "end")
    return draw.spec()


# ---- the store: one transaction a cycle -----------------------------------------------------------------------------


class Kept:
    """Instances in SQLite: the state, when it is due, and the open tasks, as the floor keeps them."""

    def __init__(self, spec: Any, folder: str) -> None:
        self.spec = spec
        self.times: list[float] = []
        self.serializer = BpmnWorkflowSerializer()
        self.path = Path(folder) / "spiff.db"
        self.db = sqlite3.connect(self.path, isolation_level=None)
        self.db.execute("pragma journal_mode=wal")
        self.db.execute(f"pragma synchronous={SYNC}")
        self.db.executescript("""
            create table inst(id integer primary key, state text not null, due real);
            create index inst_due on inst(due) where due is not null;
            create table task(inst int, node text, role text, form text, primary key(inst, node)) without rowid;
        """)

    def cycle(self, number: int, act: Act, new: bool = False) -> None:
        began = time.perf_counter()
        self.db.execute("begin immediate")
        instance = BpmnWorkflow(self.spec, script_engine=ENGINE) if new else self.load(number)
        act(instance)
        instance.do_engine_steps()
        self.save(number, instance)
        self.db.execute("commit")
        self.times.append(time.perf_counter() - began)

    def load(self, number: int) -> Any:
        (text,) = self.db.execute("select state from inst where id=?", (number,)).fetchone()
        instance = self.serializer.deserialize_json(text)
        instance.script_engine = ENGINE
        return instance

    def save(self, number: int, instance: Any) -> None:
        waiting = instance.get_next_task(state=TaskState.WAITING)
        due = datetime.fromisoformat(waiting.data["next_date"]).timestamp() if waiting else None
        row = (self.serializer.serialize_json(instance), due, number)
        changed = self.db.execute("update inst set state=?, due=? where id=?", row).rowcount
        if not changed:
            self.db.execute("insert into inst(state, due, id) values(?,?,?)", row)
        self.db.execute("delete from task where inst=?", (number,))
        ask = open_task(instance)
        if ask is not None:
            self.db.execute("insert into task values(?,?,?,?)", (number, ask.task_spec.name, "manager", json.dumps(FORM)))

    def due(self) -> Iterator[int]:
        """The instances whose time has come; sleeps until the last one is due (not counted)."""
        (last,) = self.db.execute("select max(due) from inst").fetchone()
        time.sleep(max(0.0, last - time.time()) + 0.01)
        yield from [number for (number,) in self.db.execute("select id from inst where due<=? order by due", (time.time(),))]


def open_task(instance: Any) -> Any:
    return instance.get_next_task(state=TaskState.READY, manual=True)


def starting(**data: Any) -> Act:
    return lambda instance: instance.get_next_task(state=TaskState.READY).data.update(data)


def answer(outcome: str, wait: float = 0.0) -> Act:
    """Fill the open form; a call later is due `wait` seconds from now."""

    def act(instance: Any) -> None:
        task = open_task(instance)
        task.data.update(outcome=outcome, next_date=(datetime.now(UTC) + timedelta(seconds=wait)).isoformat())
        task.run()

    return act


def fire(instance: Any) -> None:
    instance.refresh_waiting_tasks()


# ---- the workloads --------------------------------------------------------------------------------------------------


def w1(count: int = 20) -> None:
    emit = Figures(PEER, "W1 persisted")
    with tempfile.TemporaryDirectory(prefix="spiff-") as folder:
        kept = Kept(outreach(), folder)
        for number in range(count):
            kept.cycle(number, starting(industry="ЖКХ"), new=True)
        for _ in range(STAGES):
            play_stage(kept, count)
        last = kept.load(0)
        assert last.is_completed(), "the instance has not ended"
        assert (last.data["status"], last.data["attempts"], len(SENT)) == ("done", STAGES, STAGES * count), last.data
        emit("instances", count / sum(kept.times), "1/s")
        emit.cycles(kept.times)
        emit("on disk at the end, with journal", size_of(kept.path) / count, "bytes/instance")


def play_stage(kept: Kept, count: int) -> None:
    for number in range(count):
        kept.cycle(number, answer("call_later", wait=0.5))
    for number in kept.due():
        kept.cycle(number, fire)
    for number in range(count):
        kept.cycle(number, answer("meeting"))


def w2(count: int = 10) -> None:
    spec = linear()
    began = time.perf_counter()
    for _ in range(count):
        instance = BpmnWorkflow(spec, script_engine=ENGINE)
        instance.do_engine_steps()
    taken = time.perf_counter() - began
    assert instance.data["x"] == 100, instance.data
    Figures(PEER, "W2 linear 100+10")("steps/s, in memory", 110 * count / taken, "steps/s")


def w3(count: int = 10) -> None:
    emit, spec, items = Figures(PEER, "W3 fan-out 50"), fanout(), list(range(50))
    began = time.perf_counter()
    for _ in range(count):
        instance = BpmnWorkflow(spec, script_engine=ENGINE)
        starting(items=items)(instance)
        instance.do_engine_steps()
    emit("instance, in memory", (time.perf_counter() - began) / count * 1e3, "ms")
    assert instance.data["total"] == 2 * sum(items), instance.data
    with tempfile.TemporaryDirectory(prefix="spiff-") as folder:
        kept = Kept(spec, folder)
        for number in range(count):
            kept.cycle(number, starting(items=items), new=True)
        emit("instance, saved at the end", sum(kept.times) / count * 1e3, "ms")


def w4(count: int = 1000) -> None:
    emit = Figures(PEER, f"W4 herd {count}")
    with tempfile.TemporaryDirectory(prefix="spiff-") as folder:
        kept = Kept(outreach(), folder)
        before = size_of(kept.path)
        began = time.perf_counter()
        for number in range(count):
            kept.cycle(number, starting(industry="ЖКХ", company=f"ООО Ромашка {number}"), new=True)
        emit.herd(count, time.perf_counter() - began, size_of(kept.path) - before)
        kept.times.clear()
        for number in random.Random(1).sample(range(count), min(count, 200)):
            kept.cycle(number, answer("meeting"))
        emit.answers(kept.times)


def w5(count: int = 1000) -> None:
    with tempfile.TemporaryDirectory(prefix="spiff-") as folder:
        kept = Kept(outreach(), folder)
        for number in range(count):
            kept.cycle(number, starting(industry="ЖКХ"), new=True)
        at = time.time() + 1.0 + count / 20  # when all of them have been answered
        for number in range(count):
            kept.cycle(number, answer("call_later", wait=at - time.time()))
        due = list(kept.due())
        assert len(due) == count
        began = time.perf_counter()
        for number in due:
            kept.cycle(number, fire)
        Figures(PEER, f"W5 timers {count}").fired(count, time.perf_counter() - began)


def w6() -> None:
    """It parses BPMN; whether the process is right is not checked, but for what its parser needs. That goes into itself at each step."""
    sys.setrecursionlimit(100_000)
    emit = Figures(PEER, "W6 load")
    emit("load and check, 20 steps, ms", timed(lambda: linear(18, 9)) * 1e3, "ms")
    emit("load and check, 1,000 steps, ms", timed(lambda: linear(910, 10)) * 1e3, "ms")


if __name__ == "__main__":
    {"W1": w1, "W2": w2, "W3": w3, "W4": w4, "W5": w5, "W6": w6}[sys.argv[1]](*map(int, sys.argv[2:]))
