"""What a message brings: its values are checked by the fields that the receiver has declared (the runtime has read them by their types).

The rule: a sender need not know its receivers, so what a message has besides is let be; what it has not, or has wrongly, is an incident
at the receiver, and the message is spent. Tried again, the receiver waits for the next one.
"""

from __future__ import annotations

from collections.abc import Mapping

from bpflow.diagnostics import say
from bpflow.engine import arms, watching
from bpflow.engine.draft import Draft, Fault
from bpflow.engine.events import Arrived
from bpflow.expressions.data import Value
from bpflow.graph import Trigger
from bpflow.values import InvalidValue, check


def taken(draft: Draft, trigger: Trigger, values: Mapping[str, Value]) -> dict[str, Value]:
    """The values by the fields of the trigger, those that are missing as none. A Fault names the first that is wrong."""
    found = dict(values)
    for name, field in trigger.form:
        try:
            found[name] = values.get(name, [] if field.many else None)
            check(field, found[name])
        except InvalidValue as wrong:
            message = say('the message "{message}" is not as it must be: "{field}": {reason}', message=trigger.name, field=name, reason=wrong.message)
            raise Fault(message) from wrong
    return found


def refused(draft: Draft, event: Arrived, fault: Fault) -> None:
    """The message is not as it must be: the token that waits for it is held; a scope goes on, with an incident on its arm."""
    if event.holder not in draft.tokens:
        watching.on_arm(draft, event.holder, event.arm, fault)
        return
    token = draft.token(event.holder)
    assert token.waiting is not None
    arms.disarm(draft, token.id, token.waiting.arms)
    draft.forget_incidents({token.id}, set())
    draft.hold(token, fault.message)
