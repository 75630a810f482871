from bpflow.diagnostics import Diagnostic as Diagnostic
from bpflow.diagnostics import Refused as Refused
from bpflow.diagnostics import render as render
from bpflow.loading import load_process as load_process
from bpflow.loading import load_workspace as load_workspace
from bpflow.runtime import Engine as Engine
from bpflow.runtime import HttpService as HttpService
from bpflow.runtime import NotAllowed as NotAllowed
from bpflow.runtime import Policy as Policy
from bpflow.runtime import Request as Request
from bpflow.runtime import ServiceError as ServiceError
from bpflow.runtime import VirtualClock as VirtualClock
from bpflow.runtime import open_engine as open_engine
from bpflow.runtime.asynchronous import AsyncEngine as AsyncEngine

__version__: str
__all__ = [
    "AsyncEngine",
    "Diagnostic",
    "Engine",
    "HttpService",
    "NotAllowed",
    "Policy",
    "Refused",
    "Request",
    "ServiceError",
    "VirtualClock",
    "load_process",
    "load_workspace",
    "open_engine",
    "render",
]
