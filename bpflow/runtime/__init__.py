"""The runtime: an engine on a store, with a clock and a workspace. `open_engine` is the way in."""

from bpflow.runtime.clock import Clock, SystemClock, VirtualClock
from bpflow.runtime.drain import Request, Worked
from bpflow.runtime.engine import Deployed, Engine, Imported, NotDeployable, open_engine
from bpflow.runtime.operators import Repair
from bpflow.runtime.remedies import Remedy
from bpflow.runtime.views import IncidentView, InstanceView, Line, Standing, TaskView

__all__ = [
    "Clock",
    "Deployed",
    "Engine",
    "Imported",
    "IncidentView",
    "InstanceView",
    "Line",
    "NotDeployable",
    "Remedy",
    "Repair",
    "Request",
    "Standing",
    "SystemClock",
    "TaskView",
    "VirtualClock",
    "Worked",
    "open_engine",
]
