"""The activity `set-variables`."""

from bpflow.definition import types
from bpflow.definition.step import Step as DefinedStep
from bpflow.diagnostics import did_you_mean, say
from bpflow.graph import Lowering, Sets, Step


class SetVariables(DefinedStep):
    """Changes variables of the process.

    A literal is read by the type of the variable; `$(…)` gives the value of an expression. All the new values are computed from
    what the variables were before the step.

        steps:
          - activity: set-variables
            set:
              attempts: $(attempts + 1)
              last_answer: refused
    """

    set: types.Givens
    """The new values, by the names of the variables."""

    def lower(self, b: Lowering) -> None:
        """One Step."""
        b.add(Step(b.path, (b.flow(b.path),), self._sets(b)))

    def _sets(self, b: Lowering) -> Sets:
        found = []
        variables = b.world.variables
        if b.is_apart:
            message = say("a variable cannot be set where steps run in parallel: which value it has afterwards would be chance")
            b.report("set-in-parallel", message, say("let the steps give results, and set the variable after the parallel"))
        for given in self.set:
            if given.name not in variables:
                b.report("unknown-name", say('there is no variable "{name}"', name=given.name), did_you_mean(given.name, variables), given.name_place)
            found.append((given.name, b.value(given.raw, variables.get(given.name), given.place)))
        return tuple(found)
