"""The activity `wait-message`."""

from collections.abc import Mapping

from pydantic import Field as Key

from bpflow.definition.fields import OpenFields, fields_of
from bpflow.definition.step import Step
from bpflow.definition.types import Expression, Result
from bpflow.graph import Lowering, Trigger, Wait, World
from bpflow.values import Field


class WaitMessage(Step):
    """Waits for a message from another instance, or from outside.

    The message must have the same name and the same `key`; without a `key`, a message without one is waited for. One that was sent
    before and has found no receiver is taken at once. `values` are the fields that it must bring: later steps read them as
    `<id>.<field>`. A message whose values are not as they must be is an incident, and so is a key that is empty.

        steps:
          - id: payment
            activity: wait-message
            message: invoice-paid
            key: document.name
            values:
              amount: {type: money, required: true}
              paid_on: {type: date}
          - {activity: update-document, set: {amount: $(payment.amount)}}
    """

    message: Result
    """The name of the message."""
    key: Expression | None = None
    """Which matter it must be about; without it, a message without a key is waited for."""
    values: OpenFields = Key({})
    """The fields that the message brings."""

    def lower(self, b: Lowering) -> None:
        """One Wait."""
        trigger = Trigger("message", self.key, str(self.message), form=fields_of(self.values))
        b.add(Wait(b.path, ((trigger, b.flow(b.path)),), gives=b.name))

    def results(self, world: World | None = None) -> Mapping[str, Field] | None:
        """What the message has brought."""
        return dict(fields_of(self.values)) or None
