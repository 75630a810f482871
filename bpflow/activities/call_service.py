"""The activity `call-service`."""

from collections.abc import Mapping
from typing import Annotated

from bpflow.definition.house import HOUSE as OPEN
from bpflow.definition.step import Step
from bpflow.definition.times import moment
from bpflow.definition.types import Duration, Given, Givens
from bpflow.definition.validators import Kept
from bpflow.diagnostics import Severity, did_you_mean, each_quoted, say
from bpflow.graph import Call, Expr, Lowering, World
from bpflow.graph.written import span_of
from bpflow.values import Field, ServiceType

HOUSE = frozenset(("calendar", "documents", "messages", "notify", "people", "processes"))
"""What names of services of the house begin with that have activities of their own; the others are open to this one."""


class CallService(Step):
    """Calls a service: code of the program that embeds bpflow, or an HTTP address.

    Services by HTTP are declared under `services` in `bpflow.yaml`; those of a program are registered with it, and may be declared
    there too, with what they take and give. `with` are the arguments by name. What the service gives is in `<id>.<field>`, or, if it
    is one value, in `<id>.value`; what is declared is checked, and an answer that does not fit is an error like any other.

    The call is made after the step has been written down. After a crash it may be made again, with the same key: a service that
    remembers keys does nothing twice. With `timeout` the step waits no longer. Errors have names: those that the service gives them,
    `timeout`, `unreachable`, `http_404` and the like, `wrong_arguments`, `wrong_answer`; one without a name has that of the service.

    One service is there always: `absence` enters days on which the `user` is away into the directory that comes with the workspace, from
    the day `from` up to and with the day `to` (without it, until further notice), with a `substitute` and a `reason` if there are any. From
    then on `is_absent`, and whoever gets a task, go by it, in every process. It gives the number of `days`, and the `substitute` who acts
    then; it is done with the step, and never twice.

        steps:
          - id: check
            activity: call-service
            service: credit-check
            with: {client: $(document.client.name), amount: $(document.amount)}
            timeout: 30s
          - {activity: notify, to: document.responsible, text: "The limit is $(check.limit)"}
          - activity: call-service
            service: absence
            with: {user: ivanov, from: 2026-07-01, to: 2026-07-14, reason: holiday}
    """

    service: Annotated[str, Kept(r"^[a-z][a-z0-9_.-]*$")]
    """Which service."""
    with_: Givens = ()
    """The arguments, by name."""
    timeout: Duration | None = None
    """How long the step waits for the answer."""

    def results(self, world: World | None = None) -> Mapping[str, Field] | None:
        """What is declared; nothing is known of a service that is not."""
        known = {**(world.services if world else {}), **OPEN}.get(str(self.service))
        return dict(known.gives) if known and known.gives is not None else {}

    def lower(self, b: Lowering) -> None:
        """One Call."""
        known = self._known(b)
        takes = dict(known.takes) if known.takes is not None else None
        arguments = tuple((given.name, self._value(b, given, takes)) for given in self.with_)
        misnamed = takes is not None and any(given.name not in takes for given in self.with_)
        missing = [] if misnamed else [name for name, field in (takes or {}).items() if field.required and name not in dict(arguments)]
        if missing:
            message = say('the service "{service}" needs {names}', service=str(self.service), names=each_quoted(missing))
            b.report("missing-key", message, say('write it in "with"'))
        timeout = moment(self.timeout) if self.timeout else None
        b.add(Call(b.path, str(self.service), arguments, b.flow(b.path), gives=b.name, timeout=timeout))

    def _known(self, b: Lowering) -> ServiceType:
        name, known, place = str(self.service), b.world.services, span_of(self.service)
        if name.partition(".")[0] in HOUSE:
            b.report("wrong-value", say('"{service}" is done by an activity of its own', service=name), at=place)
        elif name not in known and name not in OPEN and (known or did_you_mean(name, OPEN)):
            message, hint = say('no service "{service}" is known', service=name), did_you_mean(name, {**OPEN, **known})
            b.report("unknown-service", message, hint or say('declare it under "services" in bpflow.yaml'), place, Severity.WARNING)
        return OPEN.get(name) or known.get(name, ServiceType())

    def _value(self, b: Lowering, given: Given, takes: Mapping[str, Field] | None) -> Expr:
        if takes is not None and given.name not in takes:
            message = say('the service "{service}" takes no "{name}"', service=str(self.service), name=given.name)
            b.report("unknown-field", message, did_you_mean(given.name, takes) or say("it takes: {names}", names=each_quoted(takes)), given.name_place)
        return b.value(given.raw, (takes or {}).get(given.name), given.place)
