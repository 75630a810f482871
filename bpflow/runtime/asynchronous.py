"""`AsyncEngine`: bpflow inside a program of asyncio.

    async with AsyncEngine(open_engine("sqlite:///bpflow.db", "processes")) as engine:
        instance = await engine.start("vacation", by="ivanov")

The law of this file: here is no logic. A call is that of `Engine` in one of a few threads; asynchronous.pyi tells type checkers the same
methods, and is generated (`python -m docs.generate`). A call that is waited for no more is done to its end: no transaction is left half-way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial, wraps
from typing import Any, TypeVar

from bpflow.runtime.engine import Engine

T = TypeVar("T")


class AsyncEngine:
    """The engine for asyncio: every method of `Engine` that a call of a program is, to be awaited. `threads`: how many calls are worked on
    at a time, the others wait; a store on SQLite works on one at a time whatever it is told."""

    def __init__(self, engine: Engine, threads: int = 4) -> None:
        self.engine = engine
        self._threads = ThreadPoolExecutor(threads, "bpflow")

    async def do(self, act: Callable[[Engine], T]) -> T:
        """Several calls in one thread, on the engine itself: `await engine.do(lambda engine: …)`. Here a connection can be opened, written to
        and given to calls as `connection`."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, act, self.engine)

    async def close(self) -> None:
        """Lets the calls that have begun come to their end, and closes the store."""
        await asyncio.get_running_loop().run_in_executor(None, partial(self._threads.shutdown, cancel_futures=True))
        self.engine.close()

    async def __aenter__(self) -> AsyncEngine:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(Engine, name, None)
        if name.startswith("_") or not callable(method):
            raise AttributeError(f'"AsyncEngine" has no "{name}"')

        @wraps(method)
        async def call(*args: Any, **kwargs: Any) -> Any:
            return await self.do(lambda engine: method(engine, *args, **kwargs))

        return call
