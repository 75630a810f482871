"""What operators do to instances: a part of `Engine`. Each method tells what it has really done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from bpflow.engine.events import Cancel, Event, Resume, Suspend
from bpflow.runtime import operators
from bpflow.runtime.access import asks
from bpflow.runtime.drain import Drain
from bpflow.runtime.joining import Connection
from bpflow.runtime.leases import Watch
from bpflow.runtime.operators import Repair
from bpflow.runtime.part import Part, user
from bpflow.runtime.status import Status, status
from bpflow.runtime.verifying import Difference, Verified, verify
from bpflow.stores.contract import Work
from bpflow.values import Field


class Operating(Part):
    """Instances that are repaired, corrected, suspended, cancelled."""

    _drain: Drain
    _watch: Watch

    @asks("repair")
    def retry(self, instance: int, incident: int | None = None, *, by: str | None = None, why: str = "") -> Repair:
        """Has the step of an incident tried again (without a number, of the only one); an instance that was set aside takes part again.

        UnexpectedEvent if there is no such incident.
        """
        if incident is None and any(row.instance == instance for row in self.store.aside()):
            return operators.take_back(self._drain, instance)
        return self._act(instance, lambda was, at: operators.retry(was, incident, at, user(by), why))

    @asks("repair")
    def skip(
        self, instance: int, incident: int, *, results: Mapping[str, object] | None = None, branch: str | None = None, by: str | None = None, why: str = ""
    ) -> Repair:
        """Passes the step of an incident over, with results in its stead, by `branch` where it has several ways out. InvalidAnswer if the
        step gives no such results."""
        return self._act(instance, lambda was, at: operators.skip(was, incident, results or {}, branch, at, user(by), why))

    def results(self, instance: int, incident: int, branch: str | None = None) -> Mapping[str, Field | None] | None:
        """What `skip` may give for the step of an incident: names, with their types where they are known; None: whatever the service gives."""
        return operators.results(operators.before(self.runner, instance), incident, branch)

    @asks("repair")
    def correct(self, instance: int, values: Mapping[str, object], *, by: str | None = None, why: str = "") -> Repair:
        """Gives variables and inputs of an instance other values; what waits for them sees it. InvalidAnswer if one cannot be so,
        UnexpectedEvent if nothing would change."""
        return self._act(instance, lambda was, at: operators.correct(was, values, at, user(by), why))

    @asks("repair")
    def jump(self, instance: int, token: int | str, step: str, *, by: str | None = None, why: str = "") -> Repair:
        """Takes a token that waits or is held (by its number, or by the step at which it stands) to another step of its list or of one
        around it; blocks that it leaves are cleared as a whole. UnexpectedEvent tells where it could be taken."""
        return self._act(instance, lambda was, at: operators.jump(was, token, step, at, user(by), why))

    @asks("repair")
    def suspend(self, instance: int, *, by: str | None = None, why: str = "") -> Repair:
        """Stops an instance where it stands: no token moves and no timer fires until it is resumed, and nothing is lost."""
        return self._act(instance, lambda was, at: Suspend(at, user(by), why))

    @asks("repair")
    def resume(self, instance: int, *, by: str | None = None, why: str = "") -> Repair:
        """Lets a suspended instance go on: what came meanwhile is worked in, what is overdue fires with the next `work`."""
        return self._act(instance, lambda was, at: Resume(at, user(by), why))

    @asks("repair")
    def cancel(self, instance: int, *, by: str | None = None, why: str = "", connection: Connection | None = None) -> Repair:
        """Ends an instance from outside. UnexpectedEvent if it has ended."""
        return self._act(instance, lambda was, at: Cancel(at, user(by), why), also=lambda work: work.take_back(instance) or True)

    # ── the whole ──────────────────────────────────────────────────────────────────────────────────────────────────
    def status(self) -> Status:
        """What waits to be worked and for how long it has, who works, and what somebody must see to."""
        return status(self.store, self.clock.now(), self._watch)

    def verify_store(self, repair: bool = False, tell: Callable[[Difference], None] = lambda difference: None) -> Verified:
        """Whether tasks, observers, timers, watches and listens in the store are what the states of the instances say; each that is not is
        told, and put right if it is to be. Others may go on working."""
        return verify(self.runner, self.clock, repair, tell)

    def _act(self, instance: int, event: Callable[[operators.Before, datetime], Event], also: Callable[[Work], bool] | None = None) -> Repair:
        was = operators.before(self.runner, instance)
        self._happen(instance, event(was, self.clock.now()), also)
        return operators.report(self.runner, was)
