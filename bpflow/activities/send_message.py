"""The activity `send-message`."""

from collections.abc import Iterator

from bpflow.definition.step import Step
from bpflow.definition.types import Duration, Expression, Givens, Result, wrong_name
from bpflow.diagnostics import Diagnostic
from bpflow.expressions import quoted
from bpflow.graph import Call, Expr, Lowering
from bpflow.graph.written import start_of


class SendMessage(Step):
    """Sends a message to another instance, or starts a process by it.

    A message has a name, and usually a `key` that tells one matter from another: an order's number, a client. It goes to one receiver:
    to whoever has waited longest for that name and key, else to a process that starts by such a message (`on: message`). Where there
    is none it is kept until somebody waits for it, or as long as `keep` says; with `keep: 0h` only whoever waits now gets it. Each
    message arrives once. The step does not wait for its receiver.

        steps:
          - activity: send-message
            message: contract-signed
            key: document.name
            values: {amount: $(document.amount), signed_on: $(today())}
            keep: 30d
    """

    message: Result
    """The name of the message."""
    key: Expression | None = None
    """Which matter it is about; without it, only those who wait without a key get it."""
    values: Givens = ()
    """What it brings, by name."""
    keep: Duration | None = None
    """How long it waits for a receiver; without it, until there is one."""

    def mistakes(self) -> Iterator[Diagnostic]:
        """Names of values that no expression could read."""
        yield from super().mistakes()
        yield from (found for given in self.values if (found := wrong_name(given.name, given.name_place)))

    def lower(self, b: Lowering) -> None:
        """One Call."""
        arguments = [("message", Expr(quoted(self.message), start_of(self.value_span("message"))))]
        if self.key is not None:
            arguments.append(("key", self.key))
        if self.keep is not None:
            arguments.append(("keep", self.keep))
        arguments += ((f"values.{given.name}", b.value(given.raw, None, given.place)) for given in self.values)
        b.add(Call(b.path, "messages.send", tuple(arguments), b.flow(b.path)))
