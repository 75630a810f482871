"""The embedded directory: heads who are not there, departments without one, people who have left."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from bpflow.definition.entries import Absence, DirectoryFile
from bpflow.expressions.data import Department, Role, User, Value
from bpflow.services.directory import Directory, DirectoryError, EmbeddedDirectory

MOSCOW = ZoneInfo("Europe/Moscow")
COMPANY = {
    "departments": {
        "company": {"title": "Компания", "head": "sokolova"},
        "sales": {"title": "Отдел продаж", "head": "morozov", "parent": "company", "attributes": {"plan": 100}},
        "regions": {"title": "Региональные продажи", "parent": "sales"},
        "legal": {"title": "Юридический отдел", "head": "titova", "parent": "company"},
    },
    "roles": {"accountant": {"title": "Бухгалтер", "members": ["titova"]}, "driver": {"title": "Водитель"}},
    "people": {
        "sokolova": {"name": "Соколова Ирина", "department": "company"},
        "morozov": {
            "name": "Морозов Дмитрий",
            "department": "sales",
            "substitute": "ivanov",
            "absences": [{"from": "2026-03-16", "to": "2026-03-29", "substitute": "petrova", "reason": "отпуск"}, {"from": "2026-06-01", "to": "2026-06-05"}],
        },
        "ivanov": {
            "name": "Иванов Пётр",
            "department": "sales",
            "email": "ivanov@example.ru",
            "channels": {"telegram": "@ivanov"},
            "roles": ["accountant"],
            "substitute": "petrova",
            "attributes": {"experience": 5, "languages": ["ru", "en"]},
        },
        "petrova": {"name": "Петрова Мария", "department": "sales", "substitute": "ivanov", "absences": [{"from": "2026-06-01"}]},
        "orlov": {"name": "Орлов Максим", "department": "regions"},
        "titova": {"name": "Титова Ксения"},
        "nikitin": {"name": "Никитин Роман", "department": "sales", "left": "2026-01-30", "substitute": "orlov"},
        "gone": {"name": "Гусев Артём", "left": "2026-01-30"},
    },
}


def company() -> EmbeddedDirectory:
    return EmbeddedDirectory(DirectoryFile.model_validate(COMPANY), MOSCOW)


def ask(function: str, *arguments: Value) -> Value:
    directory: Directory = company()
    return directory.answer(function, arguments)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=MOSCOW).astimezone(UTC)


@pytest.mark.parametrize(
    "of,level,head",
    [
        ("ivanov", 1, "morozov"),
        ("ivanov", 2, "sokolova"),
        ("ivanov", 3, None),
        ("morozov", 1, "sokolova"),  # nobody is his own head
        ("sokolova", 1, None),
        ("orlov", 1, "morozov"),  # his department has no head
        ("titova", 1, "sokolova"),  # she has no department, but heads one
        ("gone", 1, None),
    ],
)
def test_the_head_of_a_person(of: str, level: int, head: str | None) -> None:
    assert ask("head_of", User(of), level) == (User(head) if head else None)


def test_the_head_of_a_department() -> None:
    assert ask("head_of", Department("regions")) == User("morozov")
    assert ask("head_of", Department("regions"), 2) == User("sokolova")
    assert ask("head_of", Department("company"), 2) is None
    assert ask("chain", User("orlov")) == [User("morozov"), User("sokolova")]


def test_one_who_heads_two_levels_stands_once_in_the_line() -> None:
    data = {**COMPANY, "departments": {**COMPANY["departments"], "sales": {"title": "Отдел продаж", "head": "sokolova", "parent": "company"}}}
    assert EmbeddedDirectory(DirectoryFile.model_validate(data), MOSCOW).chain(User("ivanov")) == [User("sokolova")]


def test_a_circle_of_departments_ends() -> None:
    data = {
        "departments": {"a": {"title": "А", "parent": "b", "head": "x"}, "b": {"title": "Б", "parent": "a"}},
        "people": {"x": {"name": "Х", "department": "a"}, "y": {"name": "Ы", "department": "b"}},
    }
    directory = EmbeddedDirectory(DirectoryFile.model_validate(data), MOSCOW)
    assert directory.chain(User("x")) == []
    assert directory.chain(User("y")) == [User("x")]
    assert directory.members(Department("a")) == [User("x"), User("y")]


def test_groups() -> None:
    assert ask("department", "sales") == Department("sales")
    assert ask("department", "Отдел продаж") == Department("sales")
    assert ask("role", "accountant") == ask("role", "Бухгалтер") == Role("accountant")
    assert ask("departments") == [Department(id) for id in ("company", "sales", "regions", "legal")]
    assert ask("department_of", User("orlov")) == Department("regions")
    assert ask("department_of", User("gone")) is None
    assert ask("members", Role("accountant")) == [User("titova"), User("ivanov")]
    assert ask("members", Role("driver")) == []
    assert ask("members", Department("sales")) == [User(id) for id in ("morozov", "ivanov", "petrova", "orlov", "nikitin")]
    assert ask("members", Department("legal")) == [User("titova")]
    assert ask("belongs", User("orlov"), Department("sales")) is True
    assert ask("belongs", User("morozov"), Department("regions")) is False
    assert ask("belongs", User("ivanov"), Role("accountant")) is True
    assert ask("exists", User("nobody")) is False
    assert company().groups_of(User("orlov")) == [Department("regions"), Department("sales"), Department("company")]
    assert company().groups_of(User("titova")) == [Department("legal"), Department("company"), Role("accountant")]


@pytest.mark.parametrize(
    "of,name,value",
    [
        (User("ivanov"), "name", "Иванов Пётр"),
        (User("ivanov"), "experience", 5),
        (User("orlov"), "experience", None),
        (User("ivanov"), "languages", ["ru", "en"]),
        (User("ivanov"), "telegram", "@ivanov"),
        (User("orlov"), "telegram", None),
        (User("ivanov"), "channels", {"email": "ivanov@example.ru", "telegram": "@ivanov"}),
        (User("ivanov"), "department", Department("sales")),
        (User("ivanov"), "substitute", User("petrova")),
        (User("ivanov"), "roles", [Role("accountant")]),
        (User("titova"), "roles", [Role("accountant")]),
        (Department("sales"), "title", "Отдел продаж"),
        (Department("sales"), "name", "Отдел продаж"),
        (Department("sales"), "head", User("morozov")),
        (Department("regions"), "head", None),
        (Department("sales"), "plan", 100),
        (Department("legal"), "plan", None),
        (Role("driver"), "title", "Водитель"),
    ],
)
def test_attributes(of: User | Department | Role, name: str, value: Value) -> None:
    assert ask("attribute", of, name) == value


@pytest.mark.parametrize(
    "user,when,acting",
    [
        ("morozov", "2026-03-15T23:59", "morozov"),
        ("morozov", "2026-03-16T00:00", "petrova"),
        ("morozov", "2026-03-29T23:59", "petrova"),
        ("morozov", "2026-03-30T00:00", "morozov"),
        ("morozov", "2026-06-02T10:00", "ivanov"),
        ("petrova", "2026-06-02T10:00", "ivanov"),
        ("nikitin", "2026-01-30T18:00", "nikitin"),  # his last day at work
        ("nikitin", "2026-01-31T00:00", "orlov"),
        ("gone", "2030-01-01T10:00", None),
    ],
)
def test_who_acts_for_whom(user: str, when: str, acting: str | None) -> None:
    assert ask("acting", User(user), at(when)) == (User(acting) if acting else None)
    assert ask("is_absent", User(user), at(when)) is (acting != user)


def test_days_are_those_of_the_zone() -> None:
    instant = datetime(2026, 3, 15, 21, 30, tzinfo=UTC)  # the 16th in Moscow
    assert company().is_absent(User("morozov"), instant)
    assert not EmbeddedDirectory(DirectoryFile.model_validate(COMPANY), UTC).is_absent(User("morozov"), instant)


def away(**data: str) -> list[Absence]:
    return [Absence.model_validate({"from": "2026-03-01", **data})]


def test_substitutes_who_are_away_too() -> None:
    when = at("2026-03-17T10:00")
    # The substitute of the absence is away without a substitute that is there: the person's own substitute acts.
    assert company().with_absences({"petrova": away(substitute="gone")}).acting(User("morozov"), when) == User("ivanov")
    assert company().with_absences({"petrova": away(substitute="orlov")}).acting(User("morozov"), when) == User("orlov")
    # Two who replace each other are both away: nobody acts, and nothing loops.
    assert company().with_absences({"petrova": away(), "ivanov": away()}).acting(User("ivanov"), when) is None
    assert company().acting(User("ivanov"), when) == User("ivanov")


def test_further_absences_add_up() -> None:
    one = company().with_absences({"orlov": away(to="2026-03-05")})
    both = one.with_absences({"orlov": [Absence.model_validate({"from": "2026-05-01", "to": "2026-05-02"})], "titova": away()})
    assert [both.is_absent(User("orlov"), at(f"{day}T10:00")) for day in ("2026-03-05", "2026-03-06", "2026-05-01")] == [True, False, True]
    assert both.is_absent(User("titova"), at("2026-03-02T10:00"))
    assert not one.is_absent(User("orlov"), at("2026-05-01T10:00"))


@pytest.mark.parametrize(
    "function,arguments,message,hint",
    [
        ("attribute", (User("ivanof"), "name"), 'there is no person "ivanof" in the directory', 'did you mean "ivanov"?'),
        ("attribute", (User("Иванов Пётр"), "name"), 'there is no person "Иванов Пётр" in the directory', 'did you mean "ivanov"?'),
        ("attribute", (User("ivanov"), "experiense"), 'the directory has no "experiense" of "ivanov"', 'did you mean "experience"?'),
        ("attribute", (Department("sales"), "experience"), 'the directory has no "experience" of "sales"', None),
        ("attribute", (Role("driver"), "nane"), 'the directory has no "nane" of "driver"', 'did you mean "name"?'),
        ("department", ("slaes",), 'there is no department "slaes" in the directory', 'did you mean "sales"?'),
        ("attribute", (Department("Отдел продаж"), "plan"), 'there is no department "Отдел продаж" in the directory', 'did you mean "sales"?'),
        ("role", ("acountant",), 'there is no role "acountant" in the directory', 'did you mean "accountant"?'),
        ("members", (Department("x"),), 'there is no department "x" in the directory', None),
        ("members", (Role("x"),), 'there is no role "x" in the directory', None),
        ("head_of", (User("nobody"), 1), 'there is no person "nobody" in the directory', None),
        ("head_of", (User("ivanov"), 0), "a head is looked for from level 1 upwards, not at level 0", None),
        ("belongs", (User("nobody"), Role("driver")), 'there is no person "nobody" in the directory', None),
        ("acting", (User("nobody"), datetime(2026, 3, 2, tzinfo=UTC)), 'there is no person "nobody" in the directory', None),
        ("head_of", ("ivanov", 1), 'the directory cannot answer "head_of" of such values', None),
        ("boss", (), 'the directory cannot answer "boss" of such values', None),
    ],
)
def test_what_the_directory_refuses(function: str, arguments: tuple[Value, ...], message: str, hint: str | None) -> None:
    with pytest.raises(DirectoryError) as refused:
        ask(function, *arguments)
    assert (str(refused.value), str(refused.value.hint) if refused.value.hint else None) == (message, hint)


def test_further_absences_of_unknown_people_are_refused() -> None:
    with pytest.raises(DirectoryError, match="nobody"):
        company().with_absences({"nobody": away()})
    with pytest.raises(DirectoryError, match="nobody"):
        company().with_absences({"ivanov": away(substitute="nobody")})
