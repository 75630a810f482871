"""What a called instance and its caller tell each other through the outbox: that it is over, and that it is not waited for any more.

The law of this file: both are left in the transaction that makes them true, so neither is lost; whoever has heard it already does not heed
it again, so it may be told until it is known that he has.
"""

from __future__ import annotations

from datetime import datetime

import orjson

from bpflow.diagnostics import Message, say
from bpflow.engine.codec import dumps, plain_message, read_message
from bpflow.engine.events import Done, Failed
from bpflow.engine.state import State
from bpflow.engine.transition import CallOut
from bpflow.expressions.data import Value
from bpflow.stores.contract import Caller, OutboxRow

ENDED, CANCEL = "processes.ended", "processes.cancel"
CANCELLED, NOT_STARTED = "cancelled", "not-started"
"""The errors of calls of processes that no process raises itself."""


def answer(caller: Caller, state: State) -> CallOut:
    """What the caller of an instance is told when that is over: its result and outputs, or with which error it has ended."""
    if state.failure is not None:
        return _answer(caller, {"error": state.failure.error, "reason": written(state.failure.reason)})
    if state.status == "cancelled":
        return _answer(caller, {"error": CANCELLED, "reason": written(say("the called instance was cancelled"))})
    return _answer(caller, {"values": {**state.outputs, "result": state.result}})


def _answer(caller: Caller, what: dict[str, Value]) -> CallOut:
    which: dict[str, Value] = {"token": caller.token, "visit": caller.visit, "attempt": caller.attempt}
    return CallOut(ENDED, {**which, **what}, 0, 0, 0, wait=False, to=caller.instance)


def cancel(instance: int, token: int, visit: int) -> CallOut:
    """The called instance is not waited for any more."""
    return CallOut(CANCEL, {}, token, visit, 0, wait=False, to=instance)


def event_of(row: OutboxRow, at: datetime) -> Done | Failed:
    """What an answer is to the caller."""
    told = row.call.arguments
    token, visit, attempt = (_number(told[name]) for name in ("token", "visit", "attempt"))
    if "error" in told:
        return Failed(at, token, visit, attempt, read(told["reason"]), str(told["error"]))
    values = told["values"]
    assert isinstance(values, dict)
    return Done(at, token, visit, values, attempt=attempt)


def _number(value: Value) -> int:
    assert isinstance(value, int)
    return value


def written(reason: Message) -> str:
    """A message as a value."""
    return dumps(plain_message(reason)).decode()


def read(text: Value) -> Message:
    """What `written` wrote."""
    assert isinstance(text, str)
    return read_message(orjson.loads(text))
