"""The activity `notify`."""

from bpflow.definition.step import Step
from bpflow.definition.types import Expression, Template
from bpflow.graph import Call, Lowering


class Notify(Step):
    """Tells people something.

    Nobody has to answer, and the process goes on at once. The message is kept with the notices of each person, and with it the
    `channel` for whatever program delivers them.

        steps:
          - activity: notify
            to: document.responsible
            title: The contract is signed
            text: $(document.name) has signed the contract.
    """

    title: Template | None = None
    """The subject of the message."""
    to: Expression
    """Who gets it: users, departments, roles."""
    text: Template
    """What it says."""
    channel: Template | None = None
    """The channel by which it is to be delivered."""

    def lower(self, b: Lowering) -> None:
        """One Call, whose answer nobody waits for: telling somebody cannot fail, only that there is nobody to tell."""
        texts = (("title", self.title), ("text", self.text), ("channel", self.channel))
        arguments = tuple((name, text.expr) for name, text in texts if text is not None)
        b.add(Call(b.path, "notify", (("to", self.to), *arguments), b.flow(b.path), wait=False, people="to"))
