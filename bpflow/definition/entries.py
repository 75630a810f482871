"""The file `directory.yaml`: people, departments and roles, as an analyst writes them."""

from datetime import date
from decimal import Decimal
from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt

Day: TypeAlias = Annotated[date, Field(json_schema_extra={"pattern": r"^\d{4}-\d{2}-\d{2}$"})]
"""A day, written as 2026-03-02."""
Id: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-zА-Яа-яЁё0-9_][A-Za-zА-Яа-яЁё0-9_.@+-]*$")]
"""The name of an entry: letters, digits and `_ . @ + -`, no spaces. Spelt out, since `\\w` is ASCII for editors and not for Python."""
AttributeName: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-zА-Яа-яЁё_][A-Za-zА-Яа-яЁё0-9_]*$")]
"""A name that can be written after a point in an expression."""
Scalar: TypeAlias = StrictBool | StrictInt | Decimal | str
Attributes: TypeAlias = dict[AttributeName, Scalar | list[Scalar]]


class Entry(BaseModel):
    """A part of `directory.yaml`; an unknown key in it is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Absence(Entry):
    """Days on which a person is away, the first and the last included. They are whole days of the workspace's time zone."""

    first: Day = Field(alias="from", description="The first day of the absence.")
    last: Day | None = Field(None, alias="to", description="The last day of the absence. Without it the person is away until further notice.")
    substitute: str | None = Field(None, description="Who acts for the person on these days; without it, the person's own `substitute`.")
    reason: str | None = Field(None, description="Why, for people who read it: отпуск, больничный…")

    def holds(self, day: date) -> bool:
        """Whether the person is away on `day`."""
        return self.first <= day and (self.last is None or day <= self.last)


class PersonEntry(Entry):
    """A person. The key is the id by which processes and commands call him: `user("ivanov")`."""

    name: str = Field(min_length=1, description="The name under which the person stands in texts: Иванов Пётр.")
    position: str | None = Field(None, description="The post, as documents print it: ведущий менеджер.")
    email: str | None = Field(None, pattern=r"^[^@\s]+@[^@\s]+$", description="The e-mail address; also the address of the channel `email`.")
    phone: str | None = Field(None, description="The telephone number.")
    channels: dict[Id, str] = Field({}, description="Addresses on further channels of `bpflow.yaml`: `telegram: '@ivanov'`.")
    department: str | None = Field(None, description="The department in which the person works.")
    roles: list[str] = Field([], description="Roles that the person has; the same as his name in the role's `members`.")
    attributes: Attributes = Field({}, description="Anything else that processes read: with `experience: 5` here, `document.responsible.experience` is 5.")
    substitute: str | None = Field(None, description="Who acts for the person whenever he is away and the absence names nobody.")
    absences: list[Absence] = Field([], description="When the person is away.")
    left: Day | None = Field(None, description="The last day at work of a person who has left; he is absent from the next day on, for ever.")


class DepartmentEntry(Entry):
    """A department. The key is its id: `department("sales")`."""

    title: str = Field(min_length=1, description="The name of the department in texts: Отдел продаж.")
    head: str | None = Field(None, description="Who heads it. Without it, `head_of` finds the head of the nearest department above that has one.")
    parent: str | None = Field(None, description="The department that this one is a part of.")
    attributes: Attributes = Field({}, description="Anything else that processes read of it.")


class RoleEntry(Entry):
    """A role that several people may have. The key is its id: `with_role("accountant")`."""

    title: str = Field(min_length=1, description="The name of the role in texts: Бухгалтер.")
    members: list[str] = Field([], description="Who has the role, in the order of preference; then those whose own `roles` name it.")


class DirectoryFile(Entry):
    """People, departments with their heads, roles, substitutes and absences: the directory that comes with a workspace."""

    people: dict[Id, PersonEntry] = Field({}, description="Everybody whom processes may ask, by id.")
    departments: dict[Id, DepartmentEntry] = Field({}, description="The departments, by id.")
    roles: dict[Id, RoleEntry] = Field({}, description="The roles, by id.")
