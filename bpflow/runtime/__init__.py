"""The runtime: an engine on a store, with a clock and a workspace. `open_engine` is the way in."""

from bpflow.runtime.clock import Clock, SystemClock, VirtualClock
from bpflow.runtime.commands import CommandView
from bpflow.runtime.drain import Request, Worked
from bpflow.runtime.engine import Deployed, Engine, Imported, NotDeployable, open_engine
from bpflow.runtime.views import IncidentView, InstanceView, Line, Standing, TaskView, Turn

__all__ = [
    "Clock",
    "CommandView",
    "Deployed",
    "Engine",
    "Imported",
    "IncidentView",
    "InstanceView",
    "Line",
    "NotDeployable",
    "Request",
    "Standing",
    "SystemClock",
    "TaskView",
    "Turn",
    "VirtualClock",
    "Worked",
    "open_engine",
]
