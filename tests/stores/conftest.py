"""Every store there is, each test on each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bpflow.diagnostics import say
from bpflow.engine.codec import micros
from bpflow.engine.pages import Encoded, Pages
from bpflow.engine.state import Incident, Rest, State, Status
from bpflow.stores import open_store
from bpflow.stores.contract import Standing, Store, Work

AT = datetime(2026, 3, 2, 7, 0, 0, 123456, tzinfo=UTC)
KINDS = ("sqlite:memory", "sqlite:file", "sqlite:file,normal", "postgres", "postgres,partitioned")

Again = Callable[[], Store]
NO_PAGES: Pages = {}


def save(
    work: Work,
    id: int,
    owner: int,
    expected: int,
    previous: int | None,
    at: datetime,
    status: Status,
    result: str | None,
    incidents: int,
    root: bytes,
    history: bytes,
    gone: Sequence[int] = (),
    pages: Pages = NO_PAGES,
    link: bytes = b"",
    seal: bytes = b"",
) -> int:
    """Saves an instance of which only that is known."""
    troubles = tuple(Incident(n, "fault", "", say("trouble"), at) for n in range(incidents))
    state = State(status, at, 0, 1, {}, {}, {}, troubles, Rest(result))
    return work.save(Standing(id, owner, 0, expected, previous, None, None, b""), state, Encoded(micros(at), root, [*gone], dict(pages)), history, link, seal)


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if str(request.param).startswith("postgres"):
        return str(request.getfixturevalue("stored" if request.param == "postgres" else "divided"))
    path = (tmp_path / "bpflow.db").as_posix()
    return {"sqlite:memory": ":memory:", "sqlite:file": f"sqlite:///{path}", "sqlite:file,normal": f"sqlite:///{path}?sync=normal"}[str(request.param)]


@pytest.fixture
def again(url: str) -> Iterator[Again]:
    """Opens the store once more, as another program does; what is in memory is only there once."""
    opened: list[Store] = []

    def again() -> Store:
        if not (opened and url == ":memory:"):
            opened.append(open_store(url))
        return opened[-1]

    yield again
    for store in opened:
        store.close()


@pytest.fixture
def store(again: Again) -> Store:
    return again()
