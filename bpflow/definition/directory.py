"""The checks across the entries of `directory.yaml`: whether they agree with each other; and what there is to say of a name that is none of theirs.

Nobody is looked up here; that is the directory service's. The models, which take long to make, are needed by those alone who read the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from bpflow.diagnostics import Diagnostic, Message, Severity, Span, did_you_mean, in_order, say

if TYPE_CHECKING:
    from bpflow.definition.entries import DepartmentEntry, DirectoryFile, Entry, PersonEntry, RoleEntry

PERSON_ATTRIBUTES = frozenset({"id", "name", "position", "email", "phone", "channels", "department", "roles", "substitute", "left"})
DEPARTMENT_ATTRIBUTES = frozenset({"id", "name", "title", "head", "parent"})
"""What expressions read after a point without any `attributes` in the file; those may not take these names."""
EntryKind: TypeAlias = Literal["person", "department", "role"]


def entries_of(data: DirectoryFile, kind: EntryKind) -> Mapping[str, PersonEntry] | Mapping[str, DepartmentEntry] | Mapping[str, RoleEntry]:
    """The entries of a kind, by id."""
    match kind:
        case "person":
            return data.people
        case "department":
            return data.departments
        case "role":
            return data.roles


class Places(Protocol):
    """Where the entries stand in their file: a `Source`, for these checks."""

    def span_at(self, path: Sequence[str | int], *, key: bool = False) -> Span:
        """The place of the value at `path`, or of its key."""


Keys: TypeAlias = tuple[str | int, ...]


def check_directory(data: DirectoryFile, source: Places) -> list[Diagnostic]:
    """What does not agree between the entries: names that no entry has, departments in a circle, days in the wrong order."""
    findings: list[Diagnostic] = []
    for path, name, kind, known in _references(data):
        if name not in known:
            findings.append(Diagnostic(source.span_at(path), f"unknown-{kind}", no_entry(kind, name), near_entry(name, known)))
    findings += _have_left(data, source)
    findings += _wrong_days(data, source)
    findings += _circles(data, source)
    findings += _taken_names(data, source)
    return in_order(findings)


def near_entry(name: str, known: Mapping[str, Entry]) -> Message | None:
    """A hint with the entry whose id is near to `name`, or whose name or title is `name`."""
    for id, entry in known.items():
        if name in (getattr(entry, "name", None), getattr(entry, "title", None)):
            return say('did you mean "{word}"?', word=id)
    return did_you_mean(name, known)


def no_entry(kind: EntryKind, name: str) -> Message:
    """That the directory has no such entry."""
    match kind:
        case "person":
            return say('there is no person "{name}" in the directory', name=name)
        case "department":
            return say('there is no department "{name}" in the directory', name=name)
        case "role":
            return say('there is no role "{name}" in the directory', name=name)


def _references(data: DirectoryFile) -> Iterator[tuple[Keys, str, EntryKind, Mapping[str, Entry]]]:
    """Every name of another entry: its place, the name, its kind, and the entries among which it must be."""
    for id, person in data.people.items():
        yield from _references_of(("people", id), person, data)
    for id, department in data.departments.items():
        if department.head is not None:
            yield ("departments", id, "head"), department.head, "person", data.people
        if department.parent is not None:
            yield ("departments", id, "parent"), department.parent, "department", data.departments
    for id, role in data.roles.items():
        for i, member in enumerate(role.members):
            yield ("roles", id, "members", i), member, "person", data.people


def _references_of(at: Keys, person: PersonEntry, data: DirectoryFile) -> Iterator[tuple[Keys, str, EntryKind, Mapping[str, Entry]]]:
    if person.department is not None:
        yield (*at, "department"), person.department, "department", data.departments
    if person.substitute is not None:
        yield (*at, "substitute"), person.substitute, "person", data.people
    for i, role in enumerate(person.roles):
        yield (*at, "roles", i), role, "role", data.roles
    for i, absence in enumerate(person.absences):
        if absence.substitute is not None:
            yield (*at, "absences", i, "substitute"), absence.substitute, "person", data.people


def gone(data: DirectoryFile, id: str) -> date | None:
    """The last day at work of somebody who has left (or is to leave) without anybody who acts for him from then on; None for everybody else."""
    first, met = data.people.get(id), set[str]()
    entry = first
    while entry is not None and entry.left is not None:
        if entry.substitute is None or entry.substitute in met:
            return first.left if first else None
        met.add(entry.substitute)
        entry = data.people.get(entry.substitute)
    return None


def has_left(data: DirectoryFile, id: str, last: date) -> Message:
    """That nobody does the work of somebody after his last day, which may be past or to come."""
    return say('the last day of "{name}" is {day}, and nobody acts for him after that', name=data.people[id].name, day=last)


def _have_left(data: DirectoryFile, source: Places) -> Iterator[Diagnostic]:
    """Heads and substitutes whose work nobody does any more, and roles that only such people have."""
    for path, name, kind, _ in _references(data):
        last = gone(data, name) if kind == "person" and path[0] != "roles" else None
        if last is not None and not (path[0] == "people" and data.people[str(path[1])].left):
            yield Diagnostic(source.span_at(path), "has-left", has_left(data, name, last), _SUCCESSOR, Severity.WARNING)
    for id, role in data.roles.items():
        members = {*role.members, *(name for name, person in data.people.items() if id in person.roles)}
        if members and all(gone(data, name) for name in members):
            message = say('all who have the role "{title}" leave, and nobody acts for them after that', title=role.title)
            yield Diagnostic(source.span_at(("roles", id), key=True), "has-left", message, _SUCCESSOR, Severity.WARNING)


_SUCCESSOR = say("name whoever does the work now")


def _wrong_days(data: DirectoryFile, source: Places) -> Iterator[Diagnostic]:
    for id, person in data.people.items():
        for i, absence in enumerate(person.absences):
            at: Keys = ("people", id, "absences", i)
            if absence.last is not None and absence.last < absence.first:
                yield Diagnostic(source.span_at((*at, "to")), "absence-dates", say("the absence ends before it begins, on {first}", first=absence.first))
            if absence.substitute == id:
                yield Diagnostic(source.span_at((*at, "substitute")), "own-substitute", say('"{id}" cannot be his own substitute', id=id))
        if person.substitute == id:
            yield Diagnostic(source.span_at(("people", id, "substitute")), "own-substitute", say('"{id}" cannot be his own substitute', id=id))


def _circles(data: DirectoryFile, source: Places) -> Iterator[Diagnostic]:
    """One finding for each circle of departments, at the first of them in the file."""
    done: set[str] = set()
    for start in data.departments:
        way: list[str] = []
        at: str | None = start
        while at is not None and at in data.departments and at not in done:
            way.append(at)
            done.add(at)
            at = data.departments[at].parent
        if at in way:
            circle = way[way.index(at) :]
            names = " → ".join([*circle, circle[0]])
            place = source.span_at(("departments", circle[0], "parent"))
            yield Diagnostic(place, "department-circle", say("the departments go in a circle: {names}", names=names))


def _taken_names(data: DirectoryFile, source: Places) -> Iterator[Diagnostic]:
    """Attributes under names that a person or a department has anyway."""
    sections: Iterable[tuple[str, Mapping[str, PersonEntry] | Mapping[str, DepartmentEntry], frozenset[str]]] = (
        ("people", data.people, PERSON_ATTRIBUTES),
        ("departments", data.departments, DEPARTMENT_ATTRIBUTES),
    )
    for section, entries, taken in sections:
        for id, entry in entries.items():
            for name in entry.attributes:
                if name in taken:
                    place = source.span_at((section, id, "attributes", name), key=True)
                    yield Diagnostic(place, "attribute-name", say('"{name}" has a key of its own; it cannot be a further attribute', name=name))
