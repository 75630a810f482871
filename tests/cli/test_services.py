"""A service that the workspace declares is called by `bpflow work`, and by nothing else."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Result
from tests.runtime.test_services import SETTINGS, STEPS, Server, serving


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving() as server:
        monkeypatch.setenv("RATES", server.url)
        yield server


def test_the_service_of_the_workspace(bpflow: Callable[..., Result], workspace: Path, server: Server) -> None:
    (workspace / "bpflow.yaml").write_text(f"timezone: Europe/Moscow\n{SETTINGS}", encoding="utf-8")
    steps = STEPS.replace("boss", "ivanov")
    (workspace / "rates.yaml").write_text(f"bpflow: 1\nid: rates\ntitle: Курс\nsteps:\n{steps}", encoding="utf-8")
    server.answer = (200, b'{"rate": 90.50, "day": "2026-03-02"}')
    assert bpflow("start", "rates").code == 0
    assert server.asked == []
    assert bpflow("work").out == "timers: 0, changes: 0, messages: 0, calls: 1, starts: 0\n"
    assert [asked[:2] for asked in server.asked] == [("GET", "/rate/USD")]
    assert "90.50 02.03.2026" in bpflow("tasks").out
