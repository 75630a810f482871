"""The peer DBOS 3.4: the same work as a durable function, on its system database in SQLite or PostgreSQL.

usage: python -m bench.with_dbos {W1|W4|W5} [N]      FLOOR_SYNC, FLOOR_PG: see peer.py

What is otherwise than with us, and what was chosen for it:
- A question is `DBOS.recv` with a time-out of ten years, its answer `DBOS.send`; what is open is published with `DBOS.set_event`. There is no
  list of the open tasks of a person: that would be a table of the program and a step more.
- What waits is alive: a coroutine of the process for each instance (after a restart all of them are run again from their beginning, their
  steps read back). So nothing is loaded when an answer comes; with us and with the floor each event loads the state.
- An event is several commits: the message, its receipt, each step, what is open next.
- SQLite is looked at in turns for messages (every 20 ms here; by default each second); PostgreSQL tells of them. An instance has no cycle of
  its own that could be timed: hundreds go on at once, and the rate is that of all of them, from the first answer until the last has come to
  its next wait. SQLite is made WAL, which it is not by default, so that all peers wait for the disk alike.
- W2 and W3 are left out: between two waits there is Python code, and no engine to be measured.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy
from dbos import DBOS, DBOSConfig, SetWorkflowID

from bench.peer import FORM, SERVER, STAGES, SYNC, Figures, fresh_database, size_of

PEER = "DBOS"
LONG = 10 * 365 * 86400.0
AT_ONCE = 16
"""How many answers are on their way at once, as those of several people would be."""
SENT: list[str] = []
reached = 0
"""How many waits all instances together have come to."""


def waits() -> None:
    global reached
    reached += 1


@DBOS.step()
async def notify(text: str) -> None:
    SENT.append(text)


@DBOS.workflow()
async def outreach(industry: str, company: str = "") -> str:
    """Stages of one question each: call later (count, wait, ask again), meeting (note, tell, on), or refused."""
    status, attempts = "new", 0
    if industry != "ЖКХ":
        return "not_target"
    for k in range(1, STAGES + 1):
        while status != f"stage_{k}_done":
            await DBOS.set_event_async("task", {"node": f"ask_{k}", "role": "manager", "form": FORM})
            waits()
            answer = await DBOS.recv_async(f"ask_{k}", LONG)
            if answer["outcome"] == "call_later":
                attempts += 1
                waits()
                await DBOS.sleep_async(answer["next_date"] - time.time())
            elif answer["outcome"] == "meeting":
                status = f"stage_{k}_done"
                await notify(f"stage {k} done")
            else:
                return "refused"
    assert attempts in (0, STAGES)
    waits()
    return "done"


# ---- the herd -----------------------------------------------------------------------------------------------------------


class Herd:
    """Instances in one process, each by its number."""

    def __init__(self, place: str) -> None:
        self.place = place

    async def start(self, count: int) -> None:
        async def one(number: int) -> None:
            with SetWorkflowID(str(number)):
                await DBOS.start_workflow_async(outreach, "ЖКХ", f"ООО Ромашка {number}")

        await all_of([one(number) for number in range(count)])
        await until(count)

    async def answer(self, numbers: Sequence[int], stage: int, outcome: str, due: float = 0.0) -> None:
        """All of them are answered and have come to their next wait."""
        goal, form = reached + len(numbers), {"outcome": outcome, "next_date": due}
        await all_of([DBOS.send_async(str(number), form, f"ask_{stage}") for number in numbers])
        await until(goal)


async def all_of(tasks: Sequence[Coroutine[Any, Any, None]]) -> None:
    """All of them, `AT_ONCE` at a time."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(task: Awaitable[None]) -> None:
        async with places:
            await task

    await asyncio.gather(*(one(task) for task in tasks))


async def until(goal: int) -> None:
    while reached < goal:
        await asyncio.sleep(0.002)


@contextmanager
def launched(name: str) -> Iterator[Herd]:
    """DBOS on a fresh database of the kind that is asked for."""
    with tempfile.TemporaryDirectory(prefix="dbos-") as folder:
        place = str(Path(folder) / "dbos.db")
        address = fresh_database(name) if SERVER else f"sqlite:///{place}"
        if not SERVER:

            @sqlalchemy.event.listens_for(sqlalchemy.Engine, "connect")
            def as_the_floor(connection: Any, _: Any) -> None:
                connection.execute("pragma journal_mode = wal")
                connection.execute(f"pragma synchronous = {SYNC}")

        config: DBOSConfig = {"name": "bench", "system_database_url": address, "log_level": "ERROR", "notification_listener_polling_interval_sec": 0.02}
        DBOS(config=config)
        DBOS.launch()
        yield Herd(address if SERVER else place)
        DBOS.destroy(workflow_completion_timeout_sec=0)


async def clocked(work: Awaitable[None]) -> float:
    """How long it took, in seconds."""
    began = time.perf_counter()
    await work
    return time.perf_counter() - began


# ---- the workloads ------------------------------------------------------------------------------------------------------


async def w1(count: int = 100) -> None:
    emit = Figures(PEER, "W1 persisted")
    with launched("dbos_w1") as herd:
        busy = await clocked(herd.start(count))
        for stage in range(1, STAGES + 1):
            busy += await stage_of(herd, count, stage)
        results = [await (await DBOS.retrieve_workflow_async(str(number))).get_result() for number in range(count)]
        assert set(results) == {"done"}, results
        assert len(SENT) == STAGES * count
        emit("instances", count / busy, "1/s")
        if not SERVER:
            emit("on disk at the end, with journal", size_of(herd.place) / count, "bytes/instance")


async def stage_of(herd: Herd, count: int, stage: int) -> float:
    """Call later, the time comes, meeting. What is slept in between is not counted."""
    numbers = range(count)
    due = time.time() + 1.0 + count / 100
    goal = reached + 2 * count
    busy = await clocked(herd.answer(numbers, stage, "call_later", due))
    await asyncio.sleep(due - time.time())
    busy += await clocked(until(goal))
    return busy + await clocked(herd.answer(numbers, stage, "meeting"))


async def w4(count: int = 1000) -> None:
    emit = Figures(PEER, f"W4 herd {count}")
    with launched("dbos_w4") as herd:
        before = size_of(herd.place)
        taken = await clocked(herd.start(count))
        emit.herd(count, taken, size_of(herd.place) - before)
        emit.answers([await clocked(herd.answer([number], 1, "meeting")) for number in random.Random(1).sample(range(count), min(count, 200))])


async def w5(count: int = 1000) -> None:
    with launched("dbos_w5") as herd:
        await herd.start(count)
        due, goal = time.time() + 2.0 + count / 50, reached + 2 * count
        await herd.answer(range(count), 1, "call_later", due)
        assert time.time() < due, "the timers are due before all of them are set"
        await asyncio.sleep(due - time.time())
        Figures(PEER, f"W5 timers {count}").fired(count, await clocked(until(goal)))


if __name__ == "__main__":
    work = {"W1": w1, "W4": w4, "W5": w5}[sys.argv[1]]
    asyncio.run(work(*map(int, sys.argv[2:])))
