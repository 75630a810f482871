"""Where several files of scenarios are played: each workspace is loaded once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bpflow.loading import LoadedWorkspace, find_workspace, load_workspace
from bpflow.loading.process import Activities
from bpflow.services.annotations import service_type
from bpflow.services.request import Registered


class Workspaces:
    """The workspaces of files. `activities` and `services` are those that a program gives to `open_engine`; a service is asked only for its
    type: in scenarios nothing outside is called."""

    def __init__(self, activities: Activities | None = None, services: Mapping[str, Registered] | None = None) -> None:
        """Refused if something given cannot be a service."""
        self._activities = activities
        self._services = {name: service_type(name, one) for name, one in (services or {}).items()}
        self._loaded: dict[Path, LoadedWorkspace] = {}

    @property
    def loaded(self) -> tuple[LoadedWorkspace, ...]:
        """Those that have been loaded."""
        return tuple(self._loaded.values())

    def of(self, path: Path) -> LoadedWorkspace:
        """The workspace of a file; its folder, where that is in none."""
        folder = find_workspace(path) or path.parent
        if folder not in self._loaded:
            self._loaded[folder] = load_workspace(folder, activities=self._activities, services=self._services)
        return self._loaded[folder]
