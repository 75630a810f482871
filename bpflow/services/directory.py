"""Who is who: the contract of a directory, and the one that comes with a workspace.

The law of this file: a directory only answers, by ids and instants; it keeps no clock and changes nothing. What it answers is
recorded with the event that asked, so a change of the directory never rewrites what has happened.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, tzinfo
from decimal import Decimal
from typing import Protocol

from bpflow.definition.directory import near_entry
from bpflow.definition.entries import Absence, DepartmentEntry, DirectoryFile, PersonEntry, RoleEntry
from bpflow.definition.roster import Roster
from bpflow.diagnostics import Message, Refused, did_you_mean, say
from bpflow.expressions.data import Department, Role, User, Value, flattened


class DirectoryError(Refused):
    """The directory cannot answer; `hint` may say which name was meant."""

    def __init__(self, message: Message, hint: Message | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class Directory(Protocol):
    """What processes ask about people. A directory of the embedding program answers the same."""

    def answer(self, function: str, arguments: tuple[Value, ...]) -> Value:
        """The answer to ("directory", function, *arguments). Raises DirectoryError, naming whom or what it does not know.

        - `attribute(user or department or role, name)`: what the directory says of him; none where it says nothing of this one
        - `head_of(user or department, level)`: a user, or none above the top
        - `department(id or title)`, `role(id or title)`, `departments()`; `department_of(user)`: a department or none
        - `members(department or role)`: users · `chain(user)`: the heads above him, the nearest first
        - `exists(user)` · `is_absent(user, instant)` · `acting(user, instant)`: who acts for him then, or none · `belongs(user, group)`
        """

    def groups_of(self, user: User) -> list[Department | Role]:
        """The groups as whose member the user may claim a task."""


class EmbeddedDirectory:
    """The directory of `directory.yaml`. `zone` is that of its whole days."""

    def __init__(self, data: DirectoryFile, zone: tzinfo, further: Mapping[str, Sequence[Absence]] | None = None) -> None:
        self.data = data
        self.zone = zone
        self._further = dict(further or {})
        self._roster = Roster(data)

    def with_absences(self, absences: Mapping[str, Sequence[Absence]]) -> EmbeddedDirectory:
        """The same directory where these people are away on these days too. Raises DirectoryError for an unknown person."""
        for id, added in absences.items():
            for name in (id, *(absence.substitute for absence in added)):
                if name is not None:
                    self.entry(name)
        further = {id: (*self._further.get(id, ()), *absences.get(id, ())) for id in {**self._further, **absences}}
        return EmbeddedDirectory(self.data, self.zone, further)

    def answer(self, function: str, arguments: tuple[Value, ...]) -> Value:
        """See `Directory.answer`."""
        match function, arguments:
            case "attribute", (User() | Department() | Role() as of, str(name)):
                return self.attribute(of, name)
            case "department" | "role" | "departments" | "department_of" | "members" | "belongs", _:
                return self._of_groups(function, arguments)
            case "head_of", (User() | Department() as of, int(level)):
                return self.head_of(of, level)
            case "head_of", (User() | Department() as of,):
                return self.head_of(of)
            case "chain", (User() as user,):
                return [*self.chain(user)]
            case "exists", (User() as user,):
                return user.id in self.data.people
            case "is_absent", (User() as user, datetime() as at):
                return self.is_absent(user, at)
            case "acting", (User() as user, datetime() as at):
                return self.acting(user, at)
        raise _cannot(function)

    def _of_groups(self, function: str, arguments: tuple[Value, ...]) -> Value:
        match function, arguments:
            case "department", (str(name),):
                return Department(self._roster.department(name) or self._department_id(Department(name)))
            case "role", (str(name),):
                return Role(self._roster.role(name) or self._role_id(Role(name)))
            case "departments", ():
                return [Department(id) for id in self.data.departments]
            case "department_of", (User() as user,):
                return self._own_department(user)
            case "members", (Department() | Role() as group,):
                return [*self.members(group)]
            case "belongs", (User() as user, Department() | Role() as group):
                return self.belongs(user, group)
        raise _cannot(function)

    # What is said of somebody

    def attribute(self, of: User | Department | Role, name: str) -> Value:
        """What the directory says of him under `name`; none where it says it of others only. A name that it never has is refused."""
        own = self._said_of(of)
        if name in own:
            return own[name]
        known = {*own, *self._said_of_others(of)}
        if name not in known:
            raise DirectoryError(say('the directory has no "{name}" of "{of}"', name=name, of=of.id), did_you_mean(name, known))
        return None

    def _said_of(self, of: User | Department | Role) -> dict[str, Value]:
        match of:
            case User(id):
                person = self.entry(id)
                groups: dict[str, Value] = {
                    "department": self._own_department(of),
                    "roles": [*self._roles_of(id)],
                }
                return {**_values(person.attributes), **person.channels, **_of_person(id, person), **groups}
            case Department(id):
                department = self._department(id)
                return {**_values(department.attributes), **_of_department(id, department)}
            case Role(id):
                title = self._role(id).title
                return {"id": id, "name": title, "title": title}

    def _said_of_others(self, of: User | Department | Role) -> Iterator[str]:
        match of:
            case User():
                for person in self.data.people.values():
                    yield from (*person.attributes, *person.channels)
            case Department():
                for department in self.data.departments.values():
                    yield from department.attributes

    # Heads

    def head_of(self, of: User | Department, level: int = 1) -> User | None:
        """The head; with `level` 2 that head's head, and so on; none above the top.

        A department without a head has the head of the nearest one above it. Nobody is his own head, and nobody stands twice in a line.
        """
        if level < 1:
            raise DirectoryError(say("a head is looked for from level 1 upwards, not at level {level}", level=level))
        line = self.chain(of)
        return line[level - 1] if level <= len(line) else None

    def chain(self, of: User | Department) -> list[User]:
        """All the heads above a person or a department, the nearest first."""
        if isinstance(of, User):
            return [User(head) for head in self._roster.heads(self.department_of(of), but=of.id)]
        return [User(head) for head in self._roster.heads(self._department_id(of))]

    # Groups

    def department_of(self, user: User) -> str | None:
        """The id of the department in which he works; for one who has none, of the first that he heads."""
        self.entry(user.id)
        return self._roster.department_of(user.id)

    def _own_department(self, user: User) -> Department | None:
        own = self.department_of(user)
        return Department(own) if own is not None else None

    def members(self, group: Department | Role) -> list[User]:
        """A role's people, or those of a department and of the departments below it, in the order of the file.

        One who has left stays among them until his entry is taken out: `acting` tells who works in his place.
        """
        if isinstance(group, Role):
            self._role(group.id)
            return [User(id) for id in self._roster.roles[group.id]]
        return [User(id) for id in self._roster.members(self._department_id(group))]

    def belongs(self, user: User, group: Department | Role) -> bool:
        """Whether he is among the `members` of the group."""
        if isinstance(group, Role):
            self.entry(user.id)
            return user in self.members(group)
        return self._department_id(group) in self._roster.upwards(self.department_of(user))

    def groups_of(self, user: User) -> list[Department | Role]:
        """His department with those above it, and his roles."""
        above: list[Department | Role] = [Department(id) for id in self._roster.upwards(self.department_of(user))]
        return above + self._roles_of(user.id)

    def _roles_of(self, id: str) -> list[Department | Role]:
        return [Role(role) for role, members in self._roster.roles.items() if id in members]

    # Absence

    def is_absent(self, user: User, at: datetime) -> bool:
        """Whether he is away at the instant, or has left."""
        day = at.astimezone(self.zone).date()
        left = self.entry(user.id).left
        return (left is not None and left < day) or any(True for _ in self._absences(user.id, day))

    def acting(self, user: User, at: datetime) -> User | None:
        """Who acts for him at the instant: himself, or the substitute of the absence, or his own; theirs if they are away too; or nobody."""
        return self._acting(user, at, set())

    def _acting(self, user: User, at: datetime, asked: set[str]) -> User | None:
        asked.add(user.id)
        if not self.is_absent(user, at):
            return user
        named = [absence.substitute for absence in self._absences(user.id, at.astimezone(self.zone).date())]
        for id in (*named, self.entry(user.id).substitute):
            if id is not None and id not in asked and (found := self._acting(User(id), at, asked)):
                return found
        return None

    def _absences(self, id: str, day: date) -> Iterator[Absence]:
        return (absence for absence in (*self._further.get(id, ()), *self.entry(id).absences) if absence.holds(day))

    # Entries

    def entry(self, id: str) -> PersonEntry:
        """What the file says of a person. Raises DirectoryError if it does not know him."""
        entry = self.data.people.get(id)
        if entry is None:
            raise DirectoryError(say('there is no person "{name}" in the directory', name=id), near_entry(id, self.data.people))
        return entry

    def _department(self, id: str) -> DepartmentEntry:
        entry = self.data.departments.get(id)
        if entry is None:
            raise DirectoryError(say('there is no department "{name}" in the directory', name=id), near_entry(id, self.data.departments))
        return entry

    def _department_id(self, department: Department) -> str:
        self._department(department.id)
        return department.id

    def _role_id(self, role: Role) -> str:
        self._role(role.id)
        return role.id

    def _role(self, id: str) -> RoleEntry:
        entry = self.data.roles.get(id)
        if entry is None:
            raise DirectoryError(say('there is no role "{name}" in the directory', name=id), near_entry(id, self.data.roles))
        return entry


def _cannot(function: str) -> DirectoryError:
    return DirectoryError(say('the directory cannot answer "{function}" of such values', function=function))


def _of_person(id: str, person: PersonEntry) -> dict[str, Value]:
    """What the keys of the entry say, as values."""
    channels = {**({"email": person.email} if person.email else {}), **person.channels}
    return {
        "id": id,
        "name": person.name,
        "position": person.position,
        "email": person.email,
        "phone": person.phone,
        "channels": dict[str, Value](channels),
        "substitute": User(person.substitute) if person.substitute else None,
        "left": person.left,
    }


def _of_department(id: str, department: DepartmentEntry) -> dict[str, Value]:
    return {
        "id": id,
        "name": department.title,
        "title": department.title,
        "head": User(department.head) if department.head else None,
        "parent": Department(department.parent) if department.parent else None,
    }


def _values(attributes: Mapping[str, bool | int | Decimal | str | list[bool | int | Decimal | str]]) -> dict[str, Value]:
    return {name: [*value] if isinstance(value, list) else value for name, value in attributes.items()}


def is_among(user: Value, people: Value, directory: Directory | None) -> bool:
    """Whether somebody is one of these people, or belongs to one of these groups."""
    named = [*flattened(people)]
    groups = (one for one in named if not isinstance(one, User))
    return user in named or any(directory is not None and directory.answer("belongs", (user, group)) is True for group in groups)
