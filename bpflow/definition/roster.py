"""Who is who by the file alone: members, heads and reporting lines.

The law of this file: no clock and no absences, and nothing is refused: an entry that is not there is passed over. So the checks may ask
it of a file that is still being written, and the directory service of one that is in order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from bpflow.definition.directory import EntryKind

if TYPE_CHECKING:
    from bpflow.definition.entries import DepartmentEntry, DirectoryFile, RoleEntry


class Roster:
    """The structure of a directory. People, departments and roles are named by their ids."""

    def __init__(self, data: DirectoryFile) -> None:
        self.data = data

    @cached_property
    def roles(self) -> dict[str, list[str]]:
        """Who has each role, in the order of preference."""
        found = {id: [*role.members] for id, role in self.data.roles.items()}
        for id, person in self.data.people.items():
            for role in person.roles:
                if role in found and id not in found[role]:
                    found[role].append(id)
        return found

    @cached_property
    def _headed(self) -> dict[str, str]:
        """By head, the first department that he heads."""
        found: dict[str, str] = {}
        for id, department in self.data.departments.items():
            if department.head is not None:
                found.setdefault(department.head, id)
        return found

    def department(self, name: str) -> str | None:
        """The id of the department with that id or title."""
        return named(name, self.data.departments)

    def role(self, name: str) -> str | None:
        """The id of the role with that id or title."""
        return named(name, self.data.roles)

    def id_of(self, kind: EntryKind, name: str) -> str | None:
        """The id of an entry as processes name it: a person by his id alone."""
        if kind == "person":
            return name if name in self.data.people else None
        return self.department(name) if kind == "department" else self.role(name)

    def department_of(self, person: str) -> str | None:
        """The department in which he works; for one who has none, the first that he heads."""
        entry = self.data.people.get(person)
        own = entry.department if entry else None
        return own if own is not None else self._headed.get(person)

    def upwards(self, department: str | None) -> Iterator[str]:
        """The department and those above it, up to the top or to where they begin to repeat."""
        met: set[str] = set()
        while department in self.data.departments and department not in met:
            met.add(department)
            yield department
            department = self.data.departments[department].parent

    def members(self, department: str) -> list[str]:
        """The people of a department and of the departments below it, in the order of the file."""
        below = {id for id in self.data.departments if department in self.upwards(id)}
        return [id for id in self.data.people if self.department_of(id) in below]

    def heads(self, department: str | None, but: str | None = None) -> list[str]:
        """The heads of a department and of those above it, the nearest first, each once; without one person, who is not his own head."""
        found = (self.data.departments[id].head for id in self.upwards(department))
        return list(dict.fromkeys(head for head in found if head is not None and head != but))


def named(name: str, entries: Mapping[str, DepartmentEntry] | Mapping[str, RoleEntry]) -> str | None:
    """The id of an entry that is called by its id, or by a title that no other has; none if there is no such entry."""
    found = [id for id, entry in entries.items() if entry.title == name]
    return name if name in entries else found[0] if len(found) == 1 else None
