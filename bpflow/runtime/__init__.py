"""The runtime: an engine on a store, with a clock and a workspace. `open_engine` is the way in."""

from bpflow.runtime.clock import Clock, SystemClock, VirtualClock
from bpflow.runtime.commands import CommandView
from bpflow.runtime.documents import Imported
from bpflow.runtime.drain import Worked
from bpflow.runtime.engine import Deployed, Engine, NotDeployable, open_engine
from bpflow.runtime.forms import FieldView, FormView
from bpflow.runtime.operators import Repair
from bpflow.runtime.remedies import Remedy
from bpflow.runtime.views import IncidentView, InstanceView, Line, Standing, TaskView, Turn
from bpflow.services.http import HttpService
from bpflow.services.request import Request, ServiceError

__all__ = [
    "Clock",
    "CommandView",
    "Deployed",
    "Engine",
    "FieldView",
    "FormView",
    "HttpService",
    "Imported",
    "IncidentView",
    "InstanceView",
    "Line",
    "NotDeployable",
    "Remedy",
    "Repair",
    "Request",
    "ServiceError",
    "Standing",
    "SystemClock",
    "TaskView",
    "Turn",
    "VirtualClock",
    "Worked",
    "open_engine",
]
