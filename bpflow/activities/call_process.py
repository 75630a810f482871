"""The activity `call-process`."""

from collections.abc import Mapping

from bpflow.definition.step import Step
from bpflow.definition.types import Expression, Givens, Result
from bpflow.expressions import quoted
from bpflow.graph import Call, Expr, Lowering, World
from bpflow.graph.written import start_of
from bpflow.values import Field


class CallProcess(Step):
    """Runs another process.

    `inputs` fill the form of its start; they are read by its fields, and one that does not fit is an error of this step. A process
    that runs on a document is given one with `document`. The step waits until the other process has ended, and then gives its
    `result` and its `outputs`. If this process ends or leaves the step before, the other one is cancelled. It runs in the version
    that it had when this process began.

    An error that the other process does not deal with itself comes to this step if it has `retry`, or a handler (`on-error`) around it
    takes errors of that name; else the other process keeps it as an incident, and this one waits until it is repaired. With
    `wait: false` the other process is on its own once it has begun.

        steps:
          - id: contract
            activity: call-process
            process: sign-contract
            inputs: {amount: $(document.amount), urgent: true}
            document: document.client
          - {activity: set-variables, set: {last_answer: $(contract.result)}}
    """

    process: Result
    """The id of the process."""
    inputs: Givens = ()
    """Values for its inputs."""
    document: Expression | None = None
    """The document that it runs on, if it has one."""
    wait: bool = True
    """Whether the step waits for its end."""

    def lower(self, b: Lowering) -> None:
        """One Call."""
        arguments = [("process", Expr(quoted(self.process), start_of(self.value_span("process")))), ("initiator", Expr("initiator"))]
        if self.document is not None:
            arguments.append(("document", self.document))
        if not self.wait:
            arguments.append(("wait", Expr("false")))
        arguments += ((f"inputs.{given.name}", b.value(given.raw, None, given.place)) for given in self.inputs)
        b.add(Call(b.path, "processes.start", tuple(arguments), b.flow(b.path), gives=b.name if self.wait else None))

    def results(self, world: World | None = None) -> Mapping[str, Field] | None:
        """How the process has ended; its outputs are known to its own file."""
        return {"result": Field("string")} if self.wait else None

    @property
    def open_results(self) -> bool:
        """The outputs are known to the file of the other process only."""
        return True
