"""Functions of the library: people, departments and roles. All of it is asked of the directory."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from bpflow.diagnostics import Message, say
from bpflow.expressions.data import Department, Question, Role, User
from bpflow.expressions.errors import EvaluationError, describe
from bpflow.expressions.functions import Scope, as_integer, as_list, as_text, few_enough, function
from bpflow.expressions.signatures import DAY, USERS
from bpflow.expressions.types import BOOLEAN, DEPARTMENT, INTEGER, ROLE, TEXT, USER, list_of, one_of_types


def _refuse(name: str, what: Message, value: Any) -> EvaluationError:
    hint = say('"coalesce(x, …)" gives a value in place of none') if value is None else None
    return EvaluationError(say('"{name}" needs {what}, not {value}', name=name, what=what, value=describe(value)), hint)


def _as_user(value: Any, name: str) -> User:
    if isinstance(value, User):
        return value
    raise _refuse(name, say("a user"), value)


def _people(s: Scope, question: Question, name: str) -> list[Any]:
    answer = as_list(s.ask(question), name)
    few_enough(len(answer))
    return answer


@function(one_of_types(TEXT, USER), gives=USER, literal=True)
def user(value: Any) -> User:
    """`user("ivanov")` → user

    The person with that id in the directory.
    Example: `initiator == user("ivanov")`.
    """
    if isinstance(value, User):
        return value
    known = str(as_text(value, "user")).strip()
    if not known:
        raise EvaluationError(say("the id of a user is empty"))
    return User(known)


def _level(level: Any) -> int:
    steps = as_integer(level, "head_of")
    if not 1 <= steps <= 100:
        raise EvaluationError(say('the level of "head_of" is from 1 to 100, not {level}', level=steps))
    return steps


@function(one_of_types(USER, DEPARTMENT), INTEGER, gives=USER.or_none(), least=1, asks=True, bounds={1: _level})
def head_of(s: Scope, whose: Any, level: Any = 1) -> Any:
    """`head_of(user or department, level)` → user

    Who heads the person's department, or the department; with level 2 the head above that, and so on. None where there is none.
    Example: `coalesce(head_of(initiator), user("director"))`.
    """
    if not isinstance(whose, User | Department):
        raise _refuse("head_of", say("a user or a department"), whose)
    return s.ask(("directory", "head_of", whose, _level(level)))


@function(one_of_types(TEXT, DEPARTMENT), gives=DEPARTMENT, asks=True)
def department(s: Scope, name: Any) -> Any:
    """`department("sales")` → department

    The department with that id or name.
    Example: `members(department("sales"))`.
    """
    return name if isinstance(name, Department) else s.ask(("directory", "department", str(as_text(name, "department"))))


@function(USER, gives=DEPARTMENT.or_none(), asks=True)
def department_of(s: Scope, who: Any) -> Any:
    """`department_of(user)` → department

    The department in which the person works; none where there is none.
    Example: `department_of(initiator) == department("sales")`.
    """
    return s.ask(("directory", "department_of", _as_user(who, "department_of")))


@function(one_of_types(DEPARTMENT, ROLE), gives=USERS, asks=True)
def members(s: Scope, group: Any) -> list[Any]:
    """`members(department or role)` → list of users

    The people of a department, or all who have a role.
    Example: `members(department_of(initiator))`.
    """
    if not isinstance(group, Department | Role):
        raise _refuse("members", say("a department or a role"), group)
    return _people(s, ("directory", "members", group), "members")


@function(gives=list_of(DEPARTMENT), asks=True)
def departments(s: Scope) -> list[Any]:
    """`departments()` → list of departments

    All departments of the directory.
    Example: `for-each` with `items: departments()`.
    """
    return _people(s, ("directory", "departments"), "departments")


@function(TEXT, gives=ROLE, asks=True)
def with_role(s: Scope, name: Any) -> Any:
    """`with_role("accountant")` → role

    All who have the role, as a group: a task for it is claimed by one of them.
    Example: `to: with_role("accountant")`; `initiator in members(with_role("lawyer"))`.
    """
    return s.ask(("directory", "role", str(as_text(name, "with_role"))))


@function(USER, gives=USERS, asks=True)
def chain(s: Scope, who: Any) -> list[Any]:
    """`chain(user)` → list of users

    The reporting line above the person, from the nearest head to the top.
    Example: `initiator in chain(document.responsible)`.
    """
    return _people(s, ("directory", "chain", _as_user(who, "chain")), "chain")


@function(USER, DAY.or_none(), gives=BOOLEAN, least=1, asks=True)
def is_absent(s: Scope, who: Any, at: Any = None) -> bool:
    """`is_absent(user, at)` → boolean

    Whether the person is away now, or at the instant given (or at the beginning of the day given).
    Example: `is_absent(document.responsible)`.
    """
    return s.ask(("directory", "is_absent", _as_user(who, "is_absent"), _when(s, at, "is_absent"))) is True


@function(USER, DAY.or_none(), gives=USER.or_none(), least=1, asks=True)
def acting(s: Scope, who: Any, at: Any = None) -> Any:
    """`acting(user, at)` → user

    Who gets the person's tasks now, or at the instant given (or at the beginning of the day given): himself, or who acts for him while he is
    away; none where nobody does.
    Example: `list(h for h in chain(initiator) if acting(h) != none)`.
    """
    return s.ask(("directory", "acting", _as_user(who, "acting"), _when(s, at, "acting")))


def _when(s: Scope, at: Any, name: str) -> Any:
    """The instant that is meant: now, the one given, or the beginning of the day given."""
    when: Any = s.now if at is None else at
    if not isinstance(when, date):
        raise _refuse(name, say("a date"), at)
    return when if isinstance(when, datetime) else s.ask(("calendar", "start_of_day", when, s.zone))


@function(USER, gives=INTEGER, asks=True)
def open_tasks(s: Scope, who: Any) -> int:
    """`open_tasks(user)` → integer

    How many tasks the person has at the moment.
    Example: `open_tasks(document.responsible) < 10`.
    """
    return as_integer(s.ask(("tasks", "open", _as_user(who, "open_tasks"))), "open_tasks")
