"""What can be read of people and departments: the types of what the directory of the workspace says of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from bpflow.expressions.inference import FieldTypes
from bpflow.expressions.types import ANY, BOOLEAN, DATE, DEPARTMENT, INTEGER, NUMBER, ROLE, TEXT, USER, Type, list_of, one_of_types, record_of

if TYPE_CHECKING:
    from bpflow.definition.entries import DirectoryFile

_OF_ALL_PEOPLE: Mapping[str, Type] = {
    "id": TEXT,
    "name": TEXT,
    "position": TEXT.or_none(),
    "email": TEXT.or_none(),
    "phone": TEXT.or_none(),
    "channels": record_of((), open=True),
    "department": DEPARTMENT.or_none(),
    "roles": list_of(ROLE),
    "substitute": USER.or_none(),
    "left": DATE.or_none(),
}
_OF_ALL_DEPARTMENTS: Mapping[str, Type] = {"id": TEXT, "name": TEXT, "title": TEXT, "head": USER.or_none(), "parent": DEPARTMENT.or_none()}


def of_people(directory: DirectoryFile | None) -> FieldTypes | None:
    """What can be read of a person; None where nobody is known."""
    if directory is None or not directory.people:
        return None
    people = directory.people.values()
    channels = {name: TEXT.or_none() for person in people for name in person.channels}
    return tuple({**_further(person.attributes for person in people), **channels, **_OF_ALL_PEOPLE}.items())


def of_departments(directory: DirectoryFile | None) -> FieldTypes | None:
    """What can be read of a department; None where none is known."""
    if directory is None or not directory.departments:
        return None
    return tuple({**_further(one.attributes for one in directory.departments.values()), **_OF_ALL_DEPARTMENTS}.items())


def _further(attributes: Iterable[Mapping[str, Any]]) -> dict[str, Type]:
    """Attributes that some of them have; the others have none there."""
    entries = list(attributes)
    names = dict.fromkeys(name for entry in entries for name in entry)
    return {name: _common([entry.get(name) for entry in entries]) for name in names}


def _common(values: Iterable[Any]) -> Type:
    found = one_of_types(*(_type(value) for value in values if value is not None))
    return found.or_none()


def _type(value: Any) -> Type:
    match value:
        case bool():
            return BOOLEAN
        case int():
            return INTEGER
        case str():
            return TEXT
        case date():
            return DATE
        case list():
            return list_of(one_of_types(*map(_type, value))) if value else list_of(ANY)
    return NUMBER
