"""What an engine takes from its workspace: the services that are declared there."""

from __future__ import annotations

from bpflow.loading import LoadedWorkspace
from bpflow.services.request import Registered


def declared(workspace: LoadedWorkspace | None) -> dict[str, Registered]:
    """The services by HTTP that a workspace declares."""
    from bpflow.services.http import HttpService

    declared = workspace.settings.services.items() if workspace else ()
    return {name: HttpService(s.url, s.method, s.headers, s.body, s.seconds) for name, s in declared if s.url}
