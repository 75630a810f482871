"""Documents: import, list, fields, changes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Bpflow = Callable[..., Any]
ROOT = Path(__file__).parent.parent.parent
PROCESSES = ROOT / "processes"
CSV = """Название;Сумма;Ответственный;Стадия
Стол;1 200,50;ivanov;Новая
Стул;много;ivanov;Новая
Шкаф;300;nobody;
"""


@pytest.fixture
def deals(bpflow: Bpflow, workspace: Path) -> Path:
    """A database with one deal."""
    (workspace / "deals.csv").write_text(CSV, encoding="utf-8")
    bpflow("import-documents", "deal", "deals.csv")
    return workspace


def test_rows_become_documents_and_each_rejected_one_is_told(bpflow: Bpflow, workspace: Path) -> None:
    (workspace / "deals.csv").write_text(CSV, encoding="utf-8")
    told = bpflow("import-documents", "deal", "deals.csv", "--by", "ivanov")
    assert told.code == 1
    lines = told.out.splitlines()
    assert lines[0].startswith('deals.csv:3: column "Сумма": ')
    assert lines[1] == "    Стул;много;ivanov;Новая"
    assert lines[2].startswith('deals.csv:4: column "Ответственный": there is no person "nobody"')
    assert lines[-1] == "imported: 1, rejected: 2"
    assert 'deployed "deal-flow", version 1' in told.err
    assert [one["name"] for one in json.loads(bpflow("documents", "--json").out)] == ["Стол"]


def test_a_dry_run_changes_nothing(bpflow: Bpflow, deals: Path) -> None:
    told = bpflow("import-documents", "deal", "deals.csv", "--dry-run")
    assert told.code == 1
    assert told.out.splitlines()[-1] == "nothing was imported: this was a dry run; rows that would be rejected: 2"
    assert len(json.loads(bpflow("documents", "--json").out)) == 1


def test_an_import_for_programs(bpflow: Bpflow, deals: Path) -> None:
    told = bpflow("import-documents", "deal", "deals.csv", "--json")
    data = json.loads(told.out)
    assert data["created"] == ["deal:2"]
    assert [(row["line"], row["column"]) for row in data["rejected"]] == [(3, "Сумма"), (4, "Ответственный")]
    assert data["notes"] == []


def test_a_secret_of_a_rejected_row_is_not_printed(bpflow: Bpflow, workspace: Path) -> None:
    (workspace / "documents" / "card.yaml").write_text("type: card\nfields:\n  owner: {type: user}\n  pin: {type: string, secret: true}\n", encoding="utf-8")
    (workspace / "cards.csv").write_text("owner;pin\nnobody;s3cret\n", encoding="utf-8")
    told, data = bpflow("import-documents", "card", "cards.csv"), bpflow("import-documents", "card", "cards.csv", "--json")
    assert "    nobody;••••••\n" in told.out
    assert json.loads(data.out)["rejected"][0]["text"] == "nobody;••••••"
    assert "s3cret" not in told.out + told.err + data.out + data.err


@pytest.mark.parametrize(
    "arguments, code, said",
    [
        (["deal", "nosuch.csv"], 2, '"nosuch.csv" cannot be read: '),
        (["dael", "deals.csv"], 1, 'there is no document type "dael"; there are: deal'),
        (["deal", "bpflow.yaml"], 1, "the column"),
        (["deal", "deals.csv", "--by", "Иванов Пётр"], 2, 'there is no person "Иванов Пётр" in the directory — did you mean "ivanov"?'),
    ],
)
def test_what_cannot_be_imported(bpflow: Bpflow, deals: Path, arguments: list[str], code: int, said: str) -> None:
    told = bpflow("import-documents", *arguments)
    assert told.code == code
    assert said in told.err


def test_the_companies_that_come_along(bpflow: Bpflow, tmp_path: Path) -> None:
    base = ["--db", tmp_path / "x.db", "-w", PROCESSES]
    told = bpflow("import-documents", "company", PROCESSES / "data" / "companies.csv", *base)
    assert (told.code, told.out) == (0, "imported: 60, rejected: 0\n")
    again = bpflow("import-documents", "company", PROCESSES / "data" / "companies-cp1251.csv", *base)
    assert again.code == 1
    assert again.err == "the file is in Windows-1251, not in UTF-8, and was read as that\n"
    assert "imported: 3, rejected: 2" in again.out
    assert len(bpflow("documents", "company", *base, "--limit", "10").out.splitlines()) == 11


def test_documents_are_listed_by_name(bpflow: Bpflow, deals: Path) -> None:
    lines = bpflow("documents", "deal").out.splitlines()
    assert lines[0].split() == ["document", "name", "changed"]
    assert lines[1].split()[:2] == ["deal:1", "Стол"]
    assert bpflow("documents", "company").out == "no documents\n"
    assert bpflow("documents", "company", "--json").out == "[]\n"


def test_a_document_shows_its_fields_and_its_feed(bpflow: Bpflow, deals: Path) -> None:
    bpflow("set-document", "deal:1", "amount=12 500", "signed_at=02.03.2026 10:00", "--by", "petrova", "--note", "Новая цена")
    told = bpflow("document", "deal:1")
    lines = [line.split("  ") for line in told.out.splitlines()]
    assert told.out.startswith("Стол (deal:1)\n")
    shown = {line[0].strip(): line[-1].strip() for line in lines}
    assert shown["Сумма"] == "12 500.00"
    assert shown["Ответственный"] == "Иванов Пётр"
    assert shown["Стадия"] == "Новая"
    assert shown["Подписана"] == "02.03.2026 10:00"
    assert "Петрова Анна" in told.out.splitlines()[-1]
    assert told.out.splitlines()[-1].endswith("Новая цена")


def test_a_document_for_programs(bpflow: Bpflow, deals: Path) -> None:
    bpflow("set-document", "deal:1", "signed_at=02.03.2026 10:00")
    data = json.loads(bpflow("document", "deal:1", "--json").out)
    assert data["document"] == "deal:1"
    assert data["fields"] == {"name": "Стол", "amount": "1200.50", "responsible": "ivanov", "stage": "new", "signed_at": "2026-03-02T10:00:00+03:00"}
    assert [line["version"] for line in data["feed"]] == [1, 2]
    assert data["feed"][1]["changes"] == {"signed_at": "2026-03-02T10:00:00+03:00"}


def test_a_change_is_made_once_and_says_so(bpflow: Bpflow, deals: Path) -> None:
    assert bpflow("set-document", "deal:1", "stage=Проиграна").out == '"Стол" was changed\n'
    assert bpflow("set-document", "deal:1", "stage=lost").out == '"Стол" is so already: nothing was changed\n'
    bpflow("set-document", "deal:1", "stage=")
    assert "stage" not in json.loads(bpflow("set-document", "deal:1", "amount=1", "--json").out)["fields"]


@pytest.mark.parametrize(
    "arguments, code, said",
    [
        (["deal:1", "stage=gone"], 1, '"Стадия": '),
        (["deal:1", "stge=won"], 1, 'there is no field "stge", did you mean "stage"?'),
        (["deal:1", "name="], 1, '"name": a value is required'),
        (["deal:9", "stage=won"], 1, 'there is no document "deal:9"'),
        (["deal", "stage=won"], 1, '"deal" is not a document'),
        (["deal:1", "won"], 2, '"won" is not of the form FIELD=VALUE'),
        (["deal:1", "stage=won", "--by", "nobody"], 2, 'there is no person "nobody"'),
    ],
)
def test_a_wrong_change_changes_nothing(bpflow: Bpflow, deals: Path, arguments: list[str], code: int, said: str) -> None:
    before = bpflow("document", "deal:1").out
    told = bpflow("set-document", *arguments)
    assert told.code == code
    assert said in told.err
    assert bpflow("document", "deal:1").out == before


def test_in_russian(bpflow: Bpflow, deals: Path) -> None:
    told = bpflow("--lang", "ru", "import-documents", "deal", "deals.csv")
    assert "столбец «Сумма»" in told.out
    assert "3" in told.out.splitlines()[0]
