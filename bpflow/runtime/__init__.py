"""The runtime: an engine on a store, with a clock and a workspace. `open_engine` is the way in."""

from bpflow.engine.transition import NotAllowed
from bpflow.runtime.absences import AbsenceView
from bpflow.runtime.access import About, Act, Policy
from bpflow.runtime.auditing import Audited, Flaw
from bpflow.runtime.beginning import NotStarted
from bpflow.runtime.clock import Clock, SystemClock, VirtualClock
from bpflow.runtime.commands import CommandView
from bpflow.runtime.deploying import Deployed, NotDeployable
from bpflow.runtime.documents import Imported
from bpflow.runtime.drain import Worked
from bpflow.runtime.engine import Engine, open_engine
from bpflow.runtime.forms import FieldView, FormView
from bpflow.runtime.handing import Handed
from bpflow.runtime.moves import MoveView
from bpflow.runtime.operators import Repair
from bpflow.runtime.purging import Purged
from bpflow.runtime.remedies import Remedy
from bpflow.runtime.status import Status, WorkerView
from bpflow.runtime.verifying import Difference, Verified
from bpflow.runtime.views import IncidentView, InstanceView, Line, Standing, TaskView, Turn
from bpflow.runtime.who import Who
from bpflow.runtime.worker import Worker
from bpflow.services.http import HttpService
from bpflow.services.request import Request, ServiceError

__all__ = [
    "About",
    "AbsenceView",
    "Act",
    "Audited",
    "Clock",
    "CommandView",
    "Deployed",
    "Difference",
    "Engine",
    "FieldView",
    "Flaw",
    "FormView",
    "Handed",
    "HttpService",
    "Imported",
    "IncidentView",
    "InstanceView",
    "Line",
    "MoveView",
    "NotAllowed",
    "NotDeployable",
    "NotStarted",
    "Policy",
    "Purged",
    "Remedy",
    "Repair",
    "Request",
    "ServiceError",
    "Standing",
    "Status",
    "SystemClock",
    "TaskView",
    "Turn",
    "Verified",
    "VirtualClock",
    "Who",
    "Worked",
    "Worker",
    "WorkerView",
    "open_engine",
]
