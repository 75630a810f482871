"""What the fields of a document may be."""

from collections.abc import Mapping
from decimal import Decimal

import pytest
from msgspec.structs import replace

from bpflow.expressions.data import User, Value
from bpflow.services.documents import InvalidDocument, changed_fields, display_name, field_of, new_fields
from bpflow.values import DocumentType, Field

COMPANY = DocumentType(
    "company",
    "Компания",
    (
        ("name", Field("string", "Название", required=True)),
        ("inn", Field("string", "ИНН", pattern=r"\d{10}")),
        ("status", Field("choice", "Статус", choices=(("new", "Новая"), ("lost", "Отказ")))),
        ("responsible", Field("user", "Ответственный", required=True)),
        ("employees", Field("integer", "Сотрудников", min="1", max="1000")),
        ("sum", Field("money", "Сумма")),
        ("services", Field("choice", "Услуги", many=True, choices=(("lift", "Лифты"), ("roof", "Кровля"), ("water", "Вода")))),
        ("tags", Field("string", "Метки", many=True, required=True)),
    ),
    "name",
)
ZARYA: dict[str, Value] = {"name": "ТСЖ «Заря»", "responsible": User("ivanov"), "tags": ["вип"], "employees": 5, "services": ["lift"]}


def refused(set: Mapping[str, Value] | None = None, add: Mapping[str, Value] | None = None, remove: Mapping[str, Value] | None = None) -> list[str]:
    before = dict(ZARYA)
    with pytest.raises(InvalidDocument) as error:
        changed_fields(COMPANY, ZARYA, set or {}, add, remove)
    assert before == ZARYA
    return [f"{problem.field}: {problem.message}" for problem in error.value.problems]


def test_a_new_document() -> None:
    assert new_fields(COMPANY, {**ZARYA, "inn": None}) == ZARYA
    assert list(new_fields(COMPANY, dict(reversed(ZARYA.items())))) == ["name", "responsible", "employees", "services", "tags"]


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(InvalidDocument) as error:
        new_fields(COMPANY, {"nane": "ТСЖ", "Статус": "new", "status": "won", "employees": 0, "inn": "12", "responsible": None})
    assert [problem.field for problem in error.value.problems] == ["nane", "Статус", "status", "employees", "inn", "responsible", "name", "tags"]
    text = str(error.value)
    assert '"nane": the type "company" has no such field, did you mean "name"?; ' in text
    assert '"Статус": the type "company" has no such field, did you mean "status"?; ' in text
    assert text.endswith('"responsible": a value is required; "name": a value is required; "tags": a value is required')
    assert str(error.value.hint) == 'did you mean "name"?'


def test_a_change_leaves_the_rest_as_it_was() -> None:
    changed = changed_fields(COMPANY, ZARYA, {"status": "lost", "employees": None, "services": []})
    assert changed == {"name": "ТСЖ «Заря»", "responsible": User("ivanov"), "tags": ["вип"], "status": "lost"}
    assert ZARYA["employees"] == 5


def test_adding_to_lists_and_numbers() -> None:
    changed = changed_fields(COMPANY, ZARYA, {}, {"services": ["lift", "roof", "roof"], "tags": "долг", "employees": 2, "sum": Decimal("1.50")})
    assert changed["services"] == ["lift", "roof"]
    assert changed["tags"] == ["вип", "долг"]
    assert changed["employees"] == 7
    assert changed["sum"] == Decimal("1.50")


def test_removing_from_lists_and_numbers() -> None:
    changed = changed_fields(COMPANY, ZARYA, {}, None, {"services": ["lift", "water"], "employees": 2})
    assert "services" not in changed
    assert changed["employees"] == 3


@pytest.mark.parametrize(
    "change,problem",
    [
        ({"set": {"phone": "1"}}, 'phone: the type "company" has no such field'),
        ({"set": {"name": "  "}}, "name: a value is required"),
        ({"set": {"name": None}}, "name: a value is required"),
        ({"set": {"tags": []}}, "tags: a value is required"),
        ({"remove": {"tags": "вип"}}, "tags: a value is required"),
        ({"add": {"name": "!"}}, "name: only lists and numbers can be added to"),
        ({"add": {"employees": "1"}}, "employees: only lists and numbers can be added to"),
        ({"add": {"services": None}}, "services: there is no value to add"),
        ({"remove": {"employees": None}}, "employees: there is no value to remove"),
        ({"set": {"tags": ["а"]}, "add": {"tags": "б"}}, "tags: it is changed twice at once"),
    ],
)
def test_changes_that_are_refused(change: dict[str, dict[str, Value]], problem: str) -> None:
    assert refused(**change) == [problem]


@pytest.mark.parametrize(
    "change,field",
    [
        ({"set": {"status": "Новая!"}}, "status"),
        ({"set": {"employees": 1001}}, "employees"),
        ({"set": {"employees": "пять"}}, "employees"),
        ({"set": {"inn": "123"}}, "inn"),
        ({"set": {"responsible": "ivanov"}}, "responsible"),
        ({"set": {"services": "lift"}}, "services"),
        ({"add": {"services": "garden"}}, "services"),
        ({"remove": {"employees": 5}}, "employees"),
    ],
)
def test_values_that_the_type_does_not_allow(change: dict[str, dict[str, Value]], field: str) -> None:
    (problem,) = refused(**change)
    assert problem.startswith(f"{field}: ")


def test_an_old_document_without_a_field_that_is_required_now_can_be_changed() -> None:
    assert changed_fields(COMPANY, {"name": "ТСЖ"}, {"employees": 3}) == {"name": "ТСЖ", "employees": 3}


def test_reading_a_field() -> None:
    assert field_of(COMPANY, ZARYA, "name") == "ТСЖ «Заря»"
    assert field_of(COMPANY, ZARYA, "status") is None
    assert field_of(COMPANY, {}, "services") == []
    with pytest.raises(InvalidDocument, match='"phone": the type "company" has no such field'):
        field_of(COMPANY, ZARYA, "phone")


def test_what_a_document_is_called() -> None:
    assert display_name(COMPANY, ZARYA, 17) == "ТСЖ «Заря»"
    assert display_name(COMPANY, {}, 17) == "Компания 17"
    assert display_name(DocumentType("note", "Записка", ()), {}, 3) == "Записка 3"
    number = DocumentType("deal", "Сделка", (("number", Field("integer")), ("stage", Field("choice", choices=(("new", "Новая"),)))), "number")
    assert display_name(number, {"number": 10234}, 3) == "10234"
    assert display_name(replace(number, title_field="stage"), {"stage": "new"}, 3) == "Новая"


def test_very_many_problems_are_told_in_short() -> None:
    with pytest.raises(InvalidDocument) as error:
        changed_fields(COMPANY, ZARYA, {f"f{i}": 1 for i in range(5000)})
    assert str(error.value).endswith("; and 4980 more")
    assert len(error.value.problems) == 5000


def test_numbers_that_grow_too_large_are_refused() -> None:
    assert [problem.split(":")[0] for problem in refused(add={"sum": Decimal("1e61"), "employees": 2**63 - 1})] == ["sum", "employees"]
