"""What may be written in `directory.yaml`, and what its entries may not say of each other."""

from typing import Any

import pytest
from pydantic import ValidationError

from bpflow.definition.directory import check_directory
from bpflow.definition.entries import DirectoryFile
from bpflow.source import read_source

GOOD = """\
departments:
  company: {title: Компания, head: petrova}
  sales: {title: Отдел продаж, parent: company}
roles:
  accountant: {title: Бухгалтер, members: [orlova]}
people:
  petrova: {name: Петрова Ольга, department: company}
  ivanov:
    name: Иванов Пётр
    email: ivanov@example.ru
    channels: {telegram: "@ivanov"}
    department: sales
    roles: [accountant]
    attributes: {experience: 5, rate: 1.5, remote: true, languages: [ru, en]}
    substitute: petrova
    absences:
      - {from: 2026-03-16, to: 2026-03-29, substitute: orlova, reason: отпуск}
      - {from: 2026-06-01}
  orlova: {name: Орлова Анна}
"""


def found(text: str) -> list[str]:
    source = read_source(text, "directory.yaml")
    assert not source.findings
    findings = check_directory(DirectoryFile.model_validate(source.tree), source)
    return [f"{f.span.line}:{f.span.column} {f.message}{f' — {f.hint}' if f.hint else ''} [{f.rule}]" for f in findings]


def test_a_good_file_has_no_findings() -> None:
    assert found(GOOD) == []


@pytest.mark.parametrize(
    "old,new,finding",
    [
        ("head: petrova", "head: petrov", '2:36 there is no person "petrov" in the directory — did you mean "petrova"? [unknown-person]'),
        ("parent: company", "parent: firma", '3:40 there is no department "firma" in the directory [unknown-department]'),
        (
            "department: sales",
            "department: Отдел продаж",
            '12:17 there is no department "Отдел продаж" in the directory — did you mean "sales"? [unknown-department]',
        ),
        ("members: [orlova]", "members: [orlov]", '5:44 there is no person "orlov" in the directory — did you mean "orlova"? [unknown-person]'),
        ("roles: [accountant]", "roles: [acountant]", '13:13 there is no role "acountant" in the directory — did you mean "accountant"? [unknown-role]'),
        ("substitute: petrova", "substitute: nobody", '15:17 there is no person "nobody" in the directory [unknown-person]'),
        ("substitute: petrova", "substitute: ivanov", '15:17 "ivanov" cannot be his own substitute [own-substitute]'),
        ("substitute: orlova", "substitute: ivanov", '17:56 "ivanov" cannot be his own substitute [own-substitute]'),
        ("to: 2026-03-29", "to: 2026-03-09", "17:32 the absence ends before it begins, on 2026-03-16 [absence-dates]"),
        ("head: petrova", "parent: sales", "2:38 the departments go in a circle: company → sales → company [department-circle]"),
        ("experience: 5", "phone: 5", '14:18 "phone" has a key of its own; it cannot be a further attribute [attribute-name]'),
    ],
)
def test_entries_that_do_not_agree(old: str, new: str, finding: str) -> None:
    assert GOOD.count(old) == 1
    assert found(GOOD.replace(old, new)) == [finding]


@pytest.mark.parametrize(
    "data",
    [
        {"people": {"ivanov": {"name": "Иванов", "departmnet": "sales"}}},
        {"people": {"иванов пётр": {"name": "Иванов"}}},
        {"people": {"ivanov": {"department": "sales"}}},
        {"people": {"ivanov": {"name": "Иванов", "email": "нет"}}},
        {"people": {"ivanov": {"name": "Иванов", "absences": [{"first": "2026-03-16"}]}}},
        {"people": {"ivanov": {"name": "Иванов", "absences": [{"from": "2026-02-30"}]}}},
        {"people": {"ivanov": {"name": "Иванов", "attributes": {"two words": 1}}}},
        {"departments": {"sales": {"title": ""}}},
        {"groups": {}},
    ],
)
def test_what_may_not_be_written(data: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DirectoryFile.model_validate(data)


def test_every_key_is_explained_to_editors() -> None:
    schema = DirectoryFile.model_json_schema()
    for model in (schema, *schema["$defs"].values()):
        assert model["description"]
        assert all("description" in key for key in model["properties"].values()), model["title"]
