"""What an engine takes from its workspace: the services that are declared there, and what is around the instances."""

from __future__ import annotations

from bpflow.loading import LoadedWorkspace
from bpflow.runtime.answers import World
from bpflow.services.directory import EmbeddedDirectory
from bpflow.services.request import Registered
from bpflow.services.working_calendar import WorkingCalendar, zone_of


def declared(workspace: LoadedWorkspace | None) -> dict[str, Registered]:
    """The services by HTTP that a workspace declares."""
    from bpflow.services.http import HttpService

    declared = workspace.settings.services.items() if workspace else ()
    return {name: HttpService(s.url, s.method, s.headers, s.body, s.seconds) for name, s in declared if s.url}


def world_of(workspace: LoadedWorkspace | None) -> World:
    from bpflow.definition.settings import CalendarSettings

    if workspace is None:
        return World({}, None, WorkingCalendar(CalendarSettings()))
    settings = workspace.settings
    directory = EmbeddedDirectory(workspace.directory, zone_of(settings.timezone)) if workspace.directory.people else None
    return World(dict(workspace.documents), directory, WorkingCalendar(settings.calendar))
