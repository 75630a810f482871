"""The corridor: text → tree → shape → definition → graph → checks, of one process or of a whole workspace.

The law of this room: each room on the way is entered as far as the ones before it allow, and all findings come at once, in order.
Nothing is raised for what people have written; a file that is not there is a finding too.
"""

from bpflow.loading.process import Loaded, load_process, load_text
from bpflow.loading.silencing import Heeded, Silence, Silenced
from bpflow.loading.surroundings import Surroundings, find_workspace, load_surroundings
from bpflow.loading.workspace import LoadedWorkspace, load_workspace

__all__ = [
    "Heeded",
    "Loaded",
    "LoadedWorkspace",
    "Silence",
    "Silenced",
    "Surroundings",
    "find_workspace",
    "load_process",
    "load_surroundings",
    "load_text",
    "load_workspace",
]
