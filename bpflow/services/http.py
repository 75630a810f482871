"""Services that are called by HTTP. Needs `httpx`: `pip install "bpflow[http]"`.

The law of this file: what goes wrong has a name of its own (`http_404`, `timeout`, `unreachable`, `wrong_answer`), and no message
holds a header or a value that was sent.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterable, Mapping
from decimal import Decimal
from types import ModuleType
from typing import Any, Literal, TypeAlias
from urllib.parse import quote, urlencode

from msgspec import Struct, field

from bpflow.diagnostics import Refused, each_quoted, say
from bpflow.expressions.data import Value
from bpflow.expressions.errors import brief
from bpflow.services.functions import plain
from bpflow.services.given import wrong_answer
from bpflow.services.request import Request, ServiceError

Method: TypeAlias = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Body: TypeAlias = Literal["json", "form", "none"]
MAX_ANSWER = 1_000_000
"""Bytes of an answer that are read."""
HOLE = re.compile(r"\$\{(?P<env>\w+)\}|\{(?P<name>\w+)\}")
"""`${NAME}` of the environment, or `{name}` of the arguments."""


class HttpService(Struct, frozen=True):
    """A service that is called by HTTP.

    `url` may have `{names}` of arguments in it, which are escaped; what it does not name goes into the body, or with the body `none`
    into the query. `url` and the values of `headers` may have `${NAME}` of the environment in them. Without `body`: `json`, and
    `none` for GET and DELETE. The key of the call is sent as `Idempotency-Key`. `timeout`: seconds, and at most as long as the step waits.

    A JSON object gives its fields as results, other JSON `value`, nothing gives nothing.
    """

    url: str
    method: Method = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Body | None = None
    timeout: float = 30.0

    def perform(self, request: Request) -> object:
        """One call. ServiceError `http_…`, `timeout`, `unreachable` or `wrong_answer`."""
        httpx = _httpx()
        seconds = self.timeout if request.timeout is None else min(self.timeout, request.timeout)
        where = f"{self.method} {self.url}"
        sent = self._sent(request)
        try:
            with httpx.Client(timeout=seconds) as client, client.stream(self.method, **sent) as response:
                content = _read(response.iter_bytes(), time.monotonic() + seconds)
                return answer_of(response, content, where)
        except (httpx.TimeoutException, TimeoutError) as error:
            raise ServiceError("timeout", say("{call}: no answer within {seconds} s", call=where, seconds=f"{seconds:g}")) from error
        except httpx.RequestError as error:
            raise ServiceError("unreachable", say("{call}: cannot be reached ({reason})", call=where, reason=type(error).__name__)) from error
        except httpx.InvalidURL as error:
            raise ServiceError("wrong_arguments", say("{call}: this is no address", call=where)) from error

    def _sent(self, request: Request) -> dict[str, Any]:
        """What is sent: address, headers, and the rest of the arguments."""
        arguments = {name: _written(value) for name, value in request.arguments.items()}
        named = {hole["name"] for hole in HOLE.finditer(self.url) if hole["name"]}
        missing = [name for name in named if arguments.get(name) in (None, "")]
        if missing:
            raise ServiceError("wrong_arguments", say("it needs {names}", names=each_quoted(sorted(missing))))
        rest = {name: value for name, value in arguments.items() if name not in named}
        headers = {name: filled(value, {}) for name, value in self.headers.items()}
        sent: dict[str, Any] = {"url": filled(self.url, arguments), "headers": {**request.headers, **headers, "Idempotency-Key": request.key}}
        body = self.body or ("none" if self.method in ("GET", "DELETE") else "json")
        given = {name: value for name, value in rest.items() if value is not None}
        if body == "json":
            sent["content"] = json.dumps(rest, ensure_ascii=False).encode()
            sent["headers"] = {"Content-Type": "application/json", **sent["headers"]}
        elif body == "form":
            sent["data"] = {name: _texts(value) for name, value in given.items()}
        elif given:
            query = urlencode({name: _texts(value) for name, value in given.items()}, doseq=True)
            sent["url"] += ("&" if "?" in self.url else "?") + query
        return sent


def _httpx() -> ModuleType:
    try:
        import httpx
    except ImportError as error:
        raise ServiceError("unreachable", say("httpx is not installed: {command}", command='pip install "bpflow[http]"')) from error
    return httpx


def filled(text: str, arguments: Mapping[str, Any]) -> str:
    """The text with its holes filled. Refused, naming the variable, if the environment lacks one."""

    def fill(hole: re.Match[str]) -> str:
        if hole["name"]:
            return quote(str(_texts(arguments[hole["name"]])), safe="") if hole["name"] in arguments else hole[0]
        if hole["env"] not in os.environ:
            raise Refused(say('the environment variable "{name}" is not set', name=hole["env"]))
        return os.environ[hole["env"]]

    return HOLE.sub(fill, text)


def _written(value: Value) -> Any:
    """The argument as JSON has it: exact numbers as they are written, dates by ISO, references by id."""
    found = plain(value)
    match found:
        case None | bool() | int() | str():
            return found
        case list():
            return [_written(item) for item in found]
        case dict():
            return {name: _written(item) for name, item in found.items()}
        case Decimal():
            return int(found) if found == found.to_integral_value() else float(found) if Decimal(repr(float(found))) == found else str(found)
    return found.isoformat() if hasattr(found, "isoformat") else str(found)


def _texts(value: Any) -> Any:
    if isinstance(value, list):
        return [_texts(item) for item in value]
    return str(value).lower() if isinstance(value, bool) else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _read(chunks: Iterable[bytes], until: float) -> bytes:
    """The whole answer: httpx bounds each wait, and not all of them together."""
    found = b""
    for chunk in chunks:
        found += chunk
        if len(found) > MAX_ANSWER:
            raise wrong_answer(say("the answer is longer than {bound} bytes", bound=MAX_ANSWER))
        if time.monotonic() > until:
            raise TimeoutError
    return found


def answer_of(response: Any, content: bytes, where: str) -> object:
    """What the response says. ServiceError where it is not one of success, or no JSON."""
    if not response.is_success:
        reason = brief(content.decode(errors="replace").strip(), 200)
        code = f"{response.status_code} {response.reason_phrase}".strip()
        message = say("{call}: {status}: {reason}", call=where, status=code, reason=reason) if reason else say("{call}: {status}", call=where, status=code)
        raise ServiceError(f"http_{response.status_code}", message)
    if not content.strip():
        return None
    try:
        return json.loads(content, parse_float=Decimal)
    except ValueError as error:
        raise wrong_answer(say("{call}: the answer is no JSON", call=where)) from error
