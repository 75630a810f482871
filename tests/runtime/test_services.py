"""Services of the program: functions by their annotations, and addresses by HTTP, against a server on this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel

from bpflow.diagnostics import Refused, say
from bpflow.expressions.data import Document, Duration, User, Value
from bpflow.loading import load_workspace
from bpflow.runtime import Engine, HttpService, Request, ServiceError, VirtualClock, open_engine
from tests.runnable import runnable
from tests.runtime.conftest import Open
from tests.runtime.looking import check_index, check_replay, stored

Deploy = Callable[[Engine, str], None]
HEAD = "id: calls\ntitle: Зовёт\ninputs:\n  deal: {type: document, of: deal}\nsteps:\n"


def called(service: str = "crm", arguments: str = "", more: str = "") -> str:
    """A process that calls a service and keeps all that it gives."""
    keys = f", with: {arguments}" if arguments else ""
    keep = '  - {id: last, activity: request-info, title: Дальше, show: ["coalesce(got, none)"], to: user("boss")}\n'
    return f"{HEAD}  - {{id: got, activity: call-service, service: {service}{keys}{more}}}\n{keep}"


def results(engine: Engine, id: int) -> Mapping[str, Value]:
    assert engine.incidents() == []
    state = stored(engine, id).state
    assert state is not None
    found = state.names["got"]
    assert isinstance(found, dict)
    check_replay(engine, id)
    return found


def trouble(engine: Engine) -> str:
    (incident,) = engine.incidents()
    return str(incident.message)


@dataclass
class Price:
    amount: Decimal
    days: list[date] = field(default_factory=list)


class Terms(BaseModel):
    until: datetime
    every: timedelta
    who: User | None = None


class Level(StrEnum):
    LOW = "low"


# ── functions ───────────────────────────────────────────────────────────────────────────────────────────────────────
def run(opened: Open, deploy: Deploy, service: object, arguments: str = "", more: str = "") -> tuple[Engine, int]:
    engine = opened({"crm": service})  # type: ignore[dict-item]
    deploy(engine, called(arguments=arguments, more=more))
    id = engine.start("calls")
    engine.work()
    return engine, id


def test_arguments_come_by_name_and_by_type(opened: Open, deploy: Deploy) -> None:
    asked: list[Any] = []

    def crm(sku: str, amount: Decimal, at: date, wait: timedelta, who: str, user: User, kind: Literal["a", "b"], times: int = 3) -> None:
        asked.extend([sku, amount, at, wait, who, user, kind, times])

    arguments = "{sku: X-1, amount: 3, at: $(date('2026-03-02')), wait: $(days(1)), who: $(user('boss')), user: $(user('boss')), kind: b}"
    engine, id = run(opened, deploy, crm, arguments)
    assert results(engine, id) == {}
    assert asked == ["X-1", Decimal(3), date(2026, 3, 2), timedelta(days=1), "boss", User("boss"), "b", 3]
    assert type(asked[1]) is Decimal


def test_the_request_comes_beside_them(opened: Open, deploy: Deploy) -> None:
    asked: list[Request] = []

    def crm(request: Request, sku: str, **others: object) -> dict[str, object]:
        asked.append(request)
        return {"others": sorted(others)}

    engine, id = run(opened, deploy, crm, "{sku: X, b: 1, a: 2}", ", timeout: 90s")
    assert results(engine, id) == {"others": ["a", "b"]}
    assert asked == [Request(f"{id}.1.1", id, {"sku": "X", "b": 1, "a": 2}, 90.0)]


def test_what_comes_without_an_annotation_is_a_value(opened: Open, deploy: Deploy) -> None:
    engine = opened({"crm": lambda deal: {"deal": deal}})
    deploy(engine, called(arguments="{deal: $(deal)}"))
    deal = engine.create_document("deal", {"name": "Труба", "status": "new"})
    id = engine.start("calls", inputs={"deal": f"deal:{deal.id}"})
    engine.work()
    assert results(engine, id) == {"deal": deal}


GIVEN: list[tuple[object, dict[str, Value]]] = [
    (None, {}),
    (5, {"value": 5}),
    ("text", {"value": "text"}),
    ([1, (2.5, Level.LOW)], {"value": [1, [Decimal("2.5"), "low"]]}),
    ({"a": {"b": date(2026, 1, 1)}}, {"a": {"b": date(2026, 1, 1)}}),
    (Price(Decimal("9.90"), [date(2026, 1, 1)]), {"amount": Decimal("9.90"), "days": [date(2026, 1, 1)]}),
    (
        Terms(until=datetime.fromisoformat("2026-03-02T12:00+03:00"), every=timedelta(hours=36)),
        {"until": datetime(2026, 3, 2, 9, tzinfo=UTC), "every": Duration(seconds=36 * 3600), "who": None},
    ),
    (User("boss"), {"value": User("boss")}),
    ({"one": Document("deal", 7)}, {"one": Document("deal", 7)}),
]


@pytest.mark.parametrize("given, found", GIVEN, ids=lambda one: repr(one)[:20])
def test_what_it_gives_are_results(opened: Open, deploy: Deploy, given: object, found: dict[str, Value]) -> None:
    engine, id = run(opened, deploy, lambda: given)
    assert results(engine, id) == found


@pytest.mark.parametrize(
    "given, said",
    [
        (object(), "what it gave is no value: object"),
        (float("nan"), "it gave the number nan, which is out of bounds"),
        (2**70, f"it gave the number {2**70}, which is out of bounds"),
        (datetime(2026, 1, 1), "it gave a date with a time but without a zone"),
        (b"bytes", "what it gave is no value: bytes"),
        ("x" * 1_000_001, "the answer is longer than 1000000 bytes"),
        ("half \ud800", "its answer cannot be kept: str is not valid UTF-8: surrogates not allowed"),
        (timedelta(milliseconds=1), "it gave a length of time that is not of whole seconds"),
    ],
    ids=lambda one: repr(one)[:12],
)
def test_what_is_no_value_is_a_failure(opened: Open, deploy: Deploy, given: object, said: str) -> None:
    engine, _ = run(opened, deploy, lambda: given)
    assert trouble(engine) == said


def endless() -> object:
    found: list[Any] = []
    found.append(found)
    return found


def test_what_never_ends_is_a_failure(opened: Open, deploy: Deploy) -> None:
    engine, _ = run(opened, deploy, endless)
    assert trouble(engine) == "its answer is nested too deeply"


class OutOfStock(Exception):
    error = "out_of_stock"


def price(sku: str, amount: Decimal = Decimal(1)) -> Price:
    if sku == "poor":
        raise ServiceError("no_money", "there are 10 roubles on the account")
    if sku == "own":
        raise OutOfStock(sku)
    if sku == "broken":
        raise ImportError("nowhere", name="module")
    return Price(amount)


@pytest.mark.parametrize(
    "arguments, said",
    [
        ("{skq: X}", 'it takes no "skq", did you mean "sku"?'),
        ("{sku: X, colour: red}", 'it takes no "colour", it takes: "sku", "amount"'),
        ("{amount: 1}", 'it needs "sku"'),
        ("{sku: X, amount: much}", 'its "amount" is wrong: Input should be a valid decimal'),
        ("{sku: poor}", "there are 10 roubles on the account"),
        ("{sku: own}", "crm broke: OutOfStock: own"),
    ],
)
def test_a_call_that_does_not_fit_is_a_failure(opened: Open, deploy: Deploy, arguments: str, said: str) -> None:
    engine, _ = run(opened, deploy, price, arguments)
    assert trouble(engine) == said


@pytest.mark.parametrize("sku, name", [("poor", "no_money"), ("own", "out_of_stock"), ("broken", "crm")])
def test_errors_are_told_apart_by_their_names(opened: Open, deploy: Deploy, sku: str, name: str) -> None:
    more = ", on-error: {steps: [{id: handled, activity: request-info, title: $(error.name), to: user('boss')}]}"
    engine, id = run(opened, deploy, price, f"{{sku: {sku}}}", more)
    assert [task.subject for task in engine.tasks()] == [name]
    check_replay(engine, id)


def test_what_a_service_says_can_always_be_kept(opened: Open, deploy: Deploy) -> None:
    def crm() -> None:
        raise ServiceError("much", say("{share} of {all}: {text}", share=0.5, all=2**80, text=["half \ud800", *("x" * 5000)]))

    engine, id = run(opened, deploy, crm)
    assert trouble(engine).startswith(f"0.5 of {2**80}: ['half")
    assert len(trouble(engine)) < 1100
    check_replay(engine, id)


def test_what_cannot_be_a_service_is_refused_at_once() -> None:
    async def later() -> None: ...

    def by_place(sku: str, /) -> None: ...

    for service, said in ((later, "it is an async function"), (by_place, "it does not take all of its arguments by name"), (5, "5 is not a callable")):
        with pytest.raises(Refused, match=said):
            open_engine(":memory:", services={"crm": service})  # type: ignore[dict-item]
    with pytest.raises(Refused, match="is a service of the house"):
        open_engine(":memory:", services={"notify": lambda: None})


def test_a_service_that_nobody_has_registered_may_be_meant_otherwise(opened: Open, deploy: Deploy) -> None:
    engine = opened({"crn": lambda: None, "mail": lambda: None})
    deploy(engine, called("crm"))
    engine.start("calls")
    engine.work()
    assert trouble(engine) == 'no service "crm" is registered, did you mean "crn"?'


def test_a_call_that_is_too_late_is_not_made(opened: Open, deploy: Deploy, clock: VirtualClock, far: datetime) -> None:
    asked: list[int] = []
    engine = opened({"crm": lambda: asked.append(1)})
    deploy(engine, called(more=", timeout: 1min"))
    id = engine.start("calls")
    clock.set(clock.now() + timedelta(minutes=2))
    engine.work()
    assert asked == []
    assert trouble(engine) == "no answer in time"
    check_replay(engine, id)
    check_index(engine, id, far)


# ── what the checker knows of them ──────────────────────────────────────────────────────────────────────────────────
def workspace_in(folder: Path, settings: str, steps: str) -> Path:
    (folder / "bpflow.yaml").write_text(f"timezone: Europe/Moscow\n{settings}", encoding="utf-8")
    (folder / "calls.yaml").write_text(f"bpflow: 1\nid: calls\nsteps:\n{steps}", encoding="utf-8")
    return folder


def test_a_function_is_known_by_its_annotations(tmp_path: Path) -> None:
    steps = (
        "  - {id: got, activity: call-service, service: price, with: {skq: X, amount: much}}\n"
        "  - {activity: notify, to: user('boss'), text: $(got.amuont) $(got.amount)}\n"
        "  - {activity: call-service, service: prices}\n"
    )
    with open_engine(":memory:", workspace_in(tmp_path, "", steps), services={"price": price}) as engine:
        assert engine.workspace is not None
        assert [f"{f.span.line}: {f.rule}: {f.message}{f' - {f.hint}' if f.hint else ''}" for f in engine.workspace.findings] == [
            '4: unknown-field: the service "price" takes no "skq" - did you mean "sku"?',
            '4: wrong-value: "much" is not a number',
            '5: unknown-field: "got" has no field "amuont" - did you mean "amount"?',
            '6: unknown-service: no service "prices" is known - did you mean "price"?',
        ]


# ── by HTTP ─────────────────────────────────────────────────────────────────────────────────────────────────────────
class Server(ThreadingHTTPServer):
    """Answers with what the test says, and remembers what it was asked."""

    answer: tuple[int, bytes] = (200, b"{}")
    hold: threading.Event | None = None

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str, dict[str, str], str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        self.server.asked.append((self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        if self.server.hold is not None:
            self.server.hold.wait(10)
            return
        status, content = self.server.answer
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

    def log_message(self, format: str, *args: Any) -> None: ...


@contextmanager
def serving() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving() as server:
        yield server


def test_json_goes_out_and_comes_in(opened: Open, deploy: Deploy, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_TOKEN", "t0p")
    server.answer = (200, '{"price": 12.10, "name": "Труба", "tags": [1, null]}'.encode())
    crm = HttpService(f"{server.url}/goods/{{sku}}", headers={"Authorization": "Bearer ${CRM_TOKEN}"})
    arguments = "{sku: a/b ё, amount: 1.50, big: 12345678901234567.89, at: $(date('2026-03-02')), who: $(user('boss')), nothing: $(none)}"
    engine, id = run(opened, deploy, crm, arguments)
    assert results(engine, id) == {"price": Decimal("12.10"), "name": "Труба", "tags": [1, None]}
    ((method, path, headers, body),) = server.asked
    assert (method, path) == ("POST", "/goods/a%2Fb%20%D1%91")
    assert (headers["authorization"], headers["idempotency-key"], headers["content-type"]) == ("Bearer t0p", f"{id}.1.1", "application/json")
    assert json.loads(body) == {"amount": 1.5, "big": "12345678901234567.89", "at": "2026-03-02", "who": "boss", "nothing": None}


@pytest.mark.parametrize(
    "method, body, path, sent",
    [
        ("GET", None, "/x?q=1&a=%D1%91&b=true&c=1&c=2", ""),
        ("POST", "form", "/x?q=1", "a=%D1%91&b=true&c=1&c=2"),
        ("PUT", "none", "/x?q=1&a=%D1%91&b=true&c=1&c=2", ""),
        ("DELETE", "json", "/x?q=1", '{"a": "ё", "b": true, "c": [1, 2]}'),
    ],
)
def test_the_rest_of_the_arguments(opened: Open, deploy: Deploy, server: Server, method: Any, body: Any, path: str, sent: str) -> None:
    engine, id = run(opened, deploy, HttpService(f"{server.url}/x?q=1", method, body=body), "{a: ё, b: true, c: [1, 2]}")
    assert results(engine, id) == {}
    assert [(asked[0], asked[1], asked[3]) for asked in server.asked] == [(method, path, sent)]


@pytest.mark.parametrize(
    "answer, found",
    [((204, b""), {}), ((200, b"[1]"), {"value": [1]}), ((201, b'"x"'), {"value": "x"}), ((200, b"null"), {})],
)
def test_other_answers(opened: Open, deploy: Deploy, server: Server, answer: tuple[int, bytes], found: dict[str, Value]) -> None:
    server.answer = answer
    engine, id = run(opened, deploy, HttpService(server.url))
    assert results(engine, id) == found


@pytest.mark.parametrize(
    "answer, name, said",
    [
        ((404, b"no such thing"), "http_404", "POST {url}/x: 404 Not Found: no such thing"),
        ((500, b""), "http_500", "POST {url}/x: 500 Internal Server Error"),
        ((302, b""), "http_302", "POST {url}/x: 302 Found"),
        ((200, b"<html>"), "wrong_answer", "POST {url}/x: the answer is no JSON"),
        ((200, b'{"a": 1e400}'), "wrong_answer", "it gave the number 1E+400, which is out of bounds"),
        ((200, b" " * 1_000_001), "wrong_answer", "the answer is longer than 1000000 bytes"),
    ],
    ids=lambda one: str(one)[:12],
)
def test_errors_by_http_have_names(opened: Open, deploy: Deploy, server: Server, answer: tuple[int, bytes], name: str, said: str) -> None:
    server.answer = answer
    more = ", on-error: {steps: [{id: handled, activity: request-info, title: '$(error.name): $(error.message)', to: user('boss')}]}"
    engine, _ = run(opened, deploy, HttpService(f"{server.url}/x"), more=more)
    assert [task.subject for task in engine.tasks()] == [f"{name}: {said.format(url=server.url)}"]


def test_an_answer_that_does_not_come_in_time(opened: Open, deploy: Deploy, server: Server) -> None:
    server.hold = threading.Event()
    engine, _ = run(opened, deploy, HttpService(server.url), more=", timeout: 1s")
    server.hold.set()
    assert trouble(engine) == f"POST {server.url}: no answer within 1 s"


def test_nobody_is_there(opened: Open, deploy: Deploy, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    gone = Server()
    gone.server_close()
    engine, _ = run(opened, deploy, HttpService(gone.url), more=", retry: {times: 1, first: 10s}")
    assert engine.incidents() == []
    assert [(one.kind, one.due is not None) for one in engine.instance(1).where if one.path == "got" and one.kind != "block"] == [("retry", True)]
    clock.set(clock.now() + timedelta(seconds=10))
    assert engine.work().calls == 1
    assert trouble(engine) == f"POST {gone.url}: cannot be reached (ConnectError)"


def test_a_secret_that_is_not_there_is_named(opened: Open, deploy: Deploy, server: Server) -> None:
    engine, _ = run(opened, deploy, HttpService(server.url, headers={"X-Token": "${NO_SUCH_TOKEN_HERE}"}))
    assert trouble(engine) == 'the environment variable "NO_SUCH_TOKEN_HERE" is not set'
    assert server.asked == []


def test_an_argument_of_the_address_is_needed(opened: Open, deploy: Deploy, server: Server) -> None:
    engine, _ = run(opened, deploy, HttpService(server.url + "/{id}"))
    assert trouble(engine) == 'it needs "id"'


SETTINGS = """\
services:
  rate:
    title: Курс
    method: GET
    url: "${RATES}/rate/{currency}"
    timeout: 5s
    takes:
      currency: {type: choice, choices: [USD, EUR], required: true}
    gives:
      rate: {type: number, required: true, min: 0}
      day: {type: date}
"""
STEPS = """\
  - {id: got, activity: call-service, service: rate, with: {currency: USD}}
  - {id: last, activity: request-info, title: $(got.rate) $(got.day), to: user("boss"), due: none}
"""


def test_a_service_of_the_workspace_is_called_and_held_to_its_word(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATES", server.url)
    loaded = runnable(load_workspace(workspace_in(tmp_path, SETTINGS, STEPS)))
    with open_engine(":memory:", loaded) as engine:
        engine.deploy_workspace()
        server.answer = (200, b'{"rate": 90.50, "day": "2026-03-02", "more": 1}')
        first = engine.start("calls")
        engine.work()
        assert [asked[:2] for asked in server.asked] == [("GET", "/rate/USD")]
        assert [task.subject for task in engine.tasks()] == ["90.50 02.03.2026"]
        check_replay(engine, first)
        for answer, said in (
            (b"{}", 'it gave a wrong "rate": a value is required'),
            (b'{"rate": -1}', 'it gave a wrong "rate": at least 0 needed, not the number -1'),
            (b'{"rate": 1, "day": "soon"}', 'it gave a wrong "day": "soon" is not a date'),
        ):
            server.answer = (200, answer)
            engine.start("calls")
            engine.work()
            assert str(engine.incidents()[-1].message) == said
