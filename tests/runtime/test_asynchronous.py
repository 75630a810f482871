"""`AsyncEngine`: the same calls, from asyncio; many at once, and some that are waited for no more."""

from __future__ import annotations

import asyncio
import inspect
import threading

import pytest

from bpflow import AsyncEngine
from bpflow.engine.transition import UnexpectedEvent
from bpflow.runtime import Engine, asynchronous
from docs.stub import STUB, methods, stub
from tests.runtime.conftest import Open
from tests.runtime.looking import check_replay


def test_type_checkers_are_told_what_there_is() -> None:
    assert STUB.read_text(encoding="utf-8") == stub(), "run `python -m docs.generate`"


def test_every_call_of_the_engine_is_there(engine: Engine) -> None:
    there = AsyncEngine(engine)
    for name, method in methods():
        assert inspect.iscoroutinefunction(getattr(there, name)), name
        assert getattr(there, name).__doc__ == method.__doc__
    for name in ("_happen", "world", "store", "no_such_thing"):
        with pytest.raises(AttributeError, match="AsyncEngine"):
            getattr(there, name)


def test_many_answers_at_once(opened: Open) -> None:
    """Two hundred answers to fifty tasks by many: each task takes one of them, and each history can be replayed."""

    async def main() -> tuple[int, list[int]]:
        engine = opened()
        async with AsyncEngine(engine, threads=8) as there:
            await there.deploy_workspace()
            started = await asyncio.gather(*(there.start("plain") for _ in range(50)))
            tasks = [entry.id for entry in await there.tasks("boss")]
            answers = [there.answer(task, by="boss", values={"parts": n}) for n in range(4) for task in tasks]
            looks = [there.instance(id) for id in started]
            done = await asyncio.gather(*answers, *looks, there.work(), return_exceptions=True)
            refused = [one for one in done if isinstance(one, BaseException)]
            assert {type(one) for one in refused} == {UnexpectedEvent}
            for id in started:
                check_replay(engine, id)
                kinds = [line.kind for line in await there.timeline(id)]
                assert kinds == ["started", "step", "answered", "step"]
            return len(refused), started

    refused, started = asyncio.run(main())
    assert (refused, len(set(started))) == (150, 50)


def test_a_call_that_is_waited_for_no_more_is_done_to_its_end(engine: Engine) -> None:
    begun, go = threading.Event(), threading.Event()

    def slowly(engine: Engine) -> int:
        with engine.store.together():
            begun.set()
            go.wait(10)
        return engine.start("plain")

    async def main() -> None:
        there = AsyncEngine(engine, threads=1)
        waiting = asyncio.create_task(there.do(slowly))
        behind = asyncio.create_task(there.start("plain"))
        await asyncio.to_thread(begun.wait, 10)
        behind.cancel()
        waiting.cancel()
        for task in (waiting, behind):
            with pytest.raises(asyncio.CancelledError):
                await task
        go.set()
        assert len(await there.instances()) == 1  # the one that had begun; the other never was
        assert await there.start("plain") == 2
        await there.close()

    asyncio.run(main())


def test_closing_lets_what_has_begun_come_to_its_end(opened: Open) -> None:
    begun = threading.Event()
    done: list[int] = []

    def act(engine: Engine) -> None:
        begun.set()
        done.append(engine.start("plain"))

    async def main() -> None:
        engine = opened()
        engine.deploy_workspace()
        async with AsyncEngine(engine) as there:
            task = asyncio.create_task(there.do(act))
            await asyncio.to_thread(begun.wait, 10)
        await task

    asyncio.run(main())
    assert done == [1]


def test_no_logic_of_its_own() -> None:
    """It stays a wrapper: a page of code, and no method that is not `Engine`'s."""
    own = {name for name, one in vars(AsyncEngine).items() if inspect.isfunction(one) and not name.startswith("_")}
    assert own == {"do", "close"}
    assert len(inspect.getsource(asynchronous).splitlines()) < 70
