"""The engine in a program of asyncio: requests are served while a worker goes on; an order and the start of its process are one commit."""

import asyncio
import sqlite3
from datetime import date
from pathlib import Path

from bpflow import AsyncEngine, Engine, Request, open_engine

FILE = "orders.db"


def book(request: Request, day: date, goods: str) -> None:
    print("a courier for", goods, "on", day)


def place(engine: Engine, goods: str) -> int:
    """In one thread: the program's own row and bpflow's in one transaction."""
    connection = sqlite3.connect(FILE)
    order = connection.execute("insert into orders (goods) values (?)", (goods,)).lastrowid
    instance = engine.start("delivery", inputs={"order": order, "goods": goods}, key=f"order {order}", connection=connection)
    connection.commit()
    connection.close()
    return instance


async def serve(engine: AsyncEngine, goods: str) -> None:
    """A request, as a web framework would call it."""
    instance = await engine.do(lambda engine: place(engine, goods))
    (task,) = await engine.tasks("petrov", instance=instance)
    await engine.answer(task.id, by="petrov", values={"day": "2026-03-05"})


async def go_on(engine: AsyncEngine, asked: asyncio.Event) -> None:
    """What a worker does beside the requests."""
    while not asked.is_set():
        await engine.work()
        await asyncio.sleep(0.01)


async def main() -> None:
    services = {"courier.book": book}
    async with AsyncEngine(open_engine(f"sqlite:///{FILE}", Path(__file__).parent, services=services)) as engine:
        await engine.deploy_workspace()
        with sqlite3.connect(FILE) as connection:
            connection.execute("create table if not exists orders (number integer primary key, goods text)")
        connection.close()
        asked = asyncio.Event()
        worker = asyncio.create_task(go_on(engine, asked))
        await asyncio.gather(*(serve(engine, goods) for goods in ("a lamp", "a table", "two chairs")))
        asked.set()
        await worker
        await engine.work()
        for row in await engine.instances("delivery"):
            print(row.id, row.status, row.result)


asyncio.run(main())
