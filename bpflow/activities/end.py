"""The activity `end`."""

from collections.abc import Iterator

from bpflow.definition.step import Step
from bpflow.definition.types import Result
from bpflow.diagnostics import Diagnostic, say
from bpflow.graph import Exit, Lowering


class End(Step):
    """Ends the whole instance with a result, from wherever it stands.

    Whatever is still open is cancelled: tasks are withdrawn, waits are dropped. The result is shown with the instance and given to
    whoever called the process. Nothing follows an `end`, so it has no `next`.

        steps:
          - activity: condition
            branches:
              - when: document.amount == 0
                steps:
                  - {activity: end, result: nothing_to_pay}
            otherwise: {next: go-on}
          - {activity: end, result: paid}
    """

    result: Result
    """How it ended: small Latin letters, digits, `_` and `-`."""

    def mistakes(self) -> Iterator[Diagnostic]:
        """A `next`, which nothing would follow."""
        yield from super().mistakes()
        if self.next:
            yield Diagnostic(self.key_span("next"), "unknown-key", say('nothing can follow "end", so it has no "next"'))

    def lower(self, b: Lowering) -> None:
        """One Exit."""
        b.add(Exit(b.path, "end", str(self.result)))
