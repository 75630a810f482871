"""A small world that answers the questions of expressions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bpflow.expressions import Department, Document, Duration, Question, Role, User, compile_code


class Unanswered(Exception):
    """What the engine raises for a question without an answer."""


DOCUMENT = Document("company", 17)
FIELDS: dict[str, Any] = {
    "name": "ТСЖ Заря",
    "status": "В обработке",
    "client": Document("client", 3),
    "responsible": User("ivanov"),
    "сфера": "ЖКХ",
    "Сфера деятельности": "ЖКХ",
}
NAMES = {"ivanov": "Иванов Иван", "sales": "Отдел продаж"}


@dataclass
class World:
    """Answers from a table or by simple rules; `asked` keeps the questions."""

    names: Mapping[str, Any] = field(default_factory=dict)
    now: datetime = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
    zone: str = "Europe/Moscow"
    asked: list[Question] = field(default_factory=list)

    def ask(self, question: Question) -> Any:
        self.asked.append(question)
        kind, *rest = question
        answer = getattr(self, f"answer_{kind}", None)
        if answer is None:
            raise Unanswered(question)
        return answer(*rest)

    def answer_document(self, document: Document, name: str) -> Any:
        if document.type == "client":
            return {"usual_manager": User("petrova"), "name": "Клиент"}.get(name)
        return FIELDS.get(name)

    def answer_title(self, document: Document) -> str:
        return "ТСЖ Заря" if document == DOCUMENT else f"{document.type} {document.id}"

    def answer_tasks(self, state: str, user: User) -> int:
        return 4

    def answer_directory(self, function: str, *arguments: Any) -> Any:
        match function, arguments:
            case "attribute", (User() | Department() as who, "name"):
                return NAMES.get(who.id)
            case "attribute", (_, name):
                return f"{name}?"
            case "head_of", (_, level):
                return User(f"head{level}") if level < 3 else None
            case "department", (name,):
                return Department(name)
            case "department_of", (User(),):
                return Department("sales")
            case "members", (Department() | Role(),):
                return [User("ivanov"), User("petrova")]
            case "departments", ():
                return [Department("sales"), Department("lawyers")]
            case "role", (name,):
                return Role(name)
            case "chain", (User(),):
                return [User("head1"), User("head2")]
            case "is_absent", (User() as who, datetime()):
                return who.id == "petrova"
            case "acting", (User() as who, datetime()):
                return User("ivanov") if who.id == "petrova" else who if who.id != "head2" else None
        raise Unanswered(function)

    def answer_calendar(self, operation: str, *arguments: Any) -> Any:
        values = arguments[:-1]
        zone = ZoneInfo("Europe/Moscow")
        match operation, values:
            case "add", (start, Duration() as length):
                return start + timedelta(days=length.days + length.working_days + 30 * length.months, seconds=length.seconds + length.working_seconds)
            case "date", (instant,):
                return instant.astimezone(zone).date()
            case "start_of_day", (day,):
                return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
            case "end_of_work", (day,):
                return datetime(day.year, day.month, day.day, 18, tzinfo=zone).astimezone(UTC)
            case "at_time", (day, clock):
                hour, minute = map(int, clock.split(":")[:2])
                return datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone).astimezone(UTC)
            case "weekday", (instant,):
                return instant.astimezone(zone).isoweekday()
            case "is_working_day", (day,):
                return day.isoweekday() < 6
            case "next_working_day", (date() as day,):
                return day + timedelta(days=1)
            case "format", (_, pattern, "Europe/Moscow"):
                return f"<{pattern}>"
        raise Unanswered(operation)


@pytest.fixture
def world() -> World:
    """A world with variables, results of steps and the names of every process."""
    return World(
        {
            "document": DOCUMENT,
            "initiator": User("ivanov"),
            "attempts": 3,
            "status": "a",
            "amount": Decimal("99.90"),
            "flag": True,
            "empty": None,
            "numbers": [1, 2, 3],
            "ask": {"outcome": "arranged", "by": User("petrova"), "at": datetime(2026, 3, 2, 6, 0, tzinfo=UTC), "comment": None, "from": "new"},
            "day": date(2026, 3, 10),
            "move": {"from": "new", "by": User("ivanov")},
        }
    )


@pytest.fixture
def value(world: World) -> Any:
    """Evaluates an expression in the world."""
    return lambda text, people={}: compile_code(text, people)(world)
