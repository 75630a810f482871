"""CSV files as people have them: from spreadsheets, in Windows-1251, with mistakes."""

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from bpflow.expressions.data import User
from bpflow.services.importing import Import, read_csv
from bpflow.services.tables import LARGEST, UnreadableFile
from bpflow.values import DocumentType, Field

COMPANY = DocumentType(
    "company",
    "Компания",
    (
        ("name", Field("string", "Название", required=True)),
        ("industry", Field("choice", "Сфера деятельности", choices=(("ЖКХ", "ЖКХ"), ("trade", "Торговля")))),
        ("responsible", Field("user", "Ответственный", required=True)),
        ("address", Field("text", "Адрес")),
        ("met_at", Field("datetime", "Встреча")),
        ("signed_on", Field("date", "Подписан")),
        ("sum", Field("number", "Сумма")),
        ("vip", Field("boolean", "ВИП")),
        ("services", Field("choice", "Услуги", many=True, choices=(("lift", "Лифты"), ("roof", "Кровля")))),
        ("scan", Field("file", "Скан")),
    ),
    "name",
)
PEOPLE = {"ivanov", "petrova"}
SHORT = "Название;Ответственный\n"


def reading(text: str | bytes, type: DocumentType = COMPANY) -> Import:
    return read_csv(text.encode() if isinstance(text, str) else text, type, ZoneInfo("Europe/Moscow"), PEOPLE.__contains__)


def rejected(done: Import) -> list[tuple[int, str, str | None]]:
    return [(row.line, str(row.reason), row.column) for row in done.rejected]


def unreadable(text: str | bytes) -> tuple[str, str | None]:
    with pytest.raises(UnreadableFile) as error:
        reading(text)
    return str(error.value), str(error.value.hint) if error.value.hint else None


def test_a_good_file() -> None:
    done = reading("Название;Сфера деятельности;Ответственный\nТСЖ «Заря»;ЖКХ;ivanov\nЛарёк;Торговля;petrova\n")
    assert done.rows == [
        (2, {"name": "ТСЖ «Заря»", "industry": "ЖКХ", "responsible": User("ivanov")}),
        (3, {"name": "Ларёк", "industry": "trade", "responsible": User("petrova")}),
    ]
    assert (done.encoding, done.delimiter, done.rejected, done.notes) == ("utf-8", ";", [], [])


@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_delimiters_and_line_ends(delimiter: str, ends: str) -> None:
    text = ends.join([delimiter.join(cells) for cells in (["Название", "Ответственный"], ["ТСЖ", "ivanov"], ["УК", "petrova"])])
    done = reading(text)
    assert [(line, fields["name"]) for line, fields in done.rows] == [(2, "ТСЖ"), (3, "УК")]
    assert done.delimiter == delimiter


def test_windows_1251_is_recognised_and_said() -> None:
    done = reading((SHORT + "ТСЖ «Заря» № 1;ivanov\n").encode("cp1251"))
    assert done.rows[0][1]["name"] == "ТСЖ «Заря» № 1"
    assert done.encoding == "windows-1251"
    assert [str(note) for note in done.notes] == ["the file is in Windows-1251, not in UTF-8, and was read as that"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_marks(encoding: str) -> None:
    done = reading((SHORT + "ТСЖ;ivanov\n").encode(encoding))
    assert len(done.rows) == 1
    assert len(done.notes) == (encoding == "utf-16")


def test_headings_by_name_or_title_in_any_case() -> None:
    done = reading(" НАЗВАНИЕ ;responsible;Сфера  Деятельности\nТСЖ;ivanov;жкх\n")
    assert done.rows == [(2, {"name": "ТСЖ", "responsible": User("ivanov"), "industry": "ЖКХ"})]


def test_how_people_write_values() -> None:
    done = reading(
        "Название;Ответственный;Встреча;Подписан;Сумма;ВИП;Услуги\n"
        'А;ivanov;02.03.2026 9:30;1.2.2026;1 234,56;ИСТИНА;"Лифты, кровля"\n'
        "Б;ivanov;2026-03-02T09:30+05:00;2026-02-01;1\u00a0234.56 ₽;НЕТ;roof\n"
        'В;ivanov;;;"1234,56 руб.";;"lift;roof"\n'
    )
    assert rejected(done) == []
    a, b, v = (fields for _, fields in done.rows)
    assert (a["met_at"], b["met_at"]) == (datetime(2026, 3, 2, 6, 30, tzinfo=UTC), datetime(2026, 3, 2, 4, 30, tzinfo=UTC))
    assert a["signed_on"] == b["signed_on"] == date(2026, 2, 1)
    assert a["sum"] == b["sum"] == v["sum"] == Decimal("1234.56")
    assert (a["vip"], b["vip"], v.get("vip")) == (True, False, None)
    assert a["services"] == v["services"] == ["lift", "roof"]
    assert b["services"] == ["roof"]


def test_quoted_line_breaks_keep_the_numbers_of_lines() -> None:
    done = reading('Название;Ответственный;Адрес\n"ООО ""Ромашка""";ivanov;"г. Заречный\nул. Мира, 1\n"\n\n;;\nУК;nobody;\n')
    assert done.rows == [(2, {"name": 'ООО "Ромашка"', "responsible": User("ivanov"), "address": "г. Заречный\nул. Мира, 1"})]
    assert rejected(done) == [(7, 'column "Ответственный": there is no person "nobody" in the directory', "Ответственный")]
    assert done.rejected[0].text == "УК;nobody;"


@pytest.mark.parametrize(
    "row,reason,column",
    [
        ("ТСЖ", "the row has 1 cells, and the first row has 2", None),
        ("ТСЖ;ivanov;ещё", "the row has 3 cells, and the first row has 2", None),
        (";ivanov", 'column "Название": a value is required', "Название"),
        ('"ТСЖ "Заря"";ivanov', "a quote ends before its cell does: inside quotes, write a quote twice", None),
        ('"ТСЖ;ivanov', "a quote opens here and is never closed: the rest of the file is lost to it", None),
        ("х" * 140_000 + ";ivanov", "a cell is longer than 131072 characters", None),
        ("УК первая;ivanov", 'column "Название": "УК первая" is in line 2 already', "Название"),
        ("ук  Первая;petrova", 'column "Название": "ук  Первая" is in line 2 already', "Название"),
    ],
)
def test_rows_that_are_rejected(row: str, reason: str, column: str | None) -> None:
    done = reading(f"{SHORT}УК первая;ivanov\n{row}\n")
    assert [line for line, _ in done.rows] == [2]
    assert rejected(done) == [(3, reason, column)]
    assert done.rejected[0].text == (row if len(row) <= 200 else row[:199] + "…")


def test_the_rows_after_a_bad_one_are_read() -> None:
    done = reading(SHORT + 'УК;ivanov\n"ТСЖ "Заря"";ivanov\n;\nЖСК;petrova\nУК;petrova\n')
    assert [line for line, _ in done.rows] == [2, 5]
    assert [row.line for row in done.rejected] == [3, 6]


def test_all_the_reasons_of_a_row_are_told() -> None:
    done = reading("Название;Ответственный;Подписан;Сфера деятельности\nТСЖ;nobody;31.02.2026;Космос\n")
    (row,) = done.rejected
    assert [part.split(":")[0] for part in str(row.reason).split("; ")] == ['column "Ответственный"', 'column "Подписан"', 'column "Сфера деятельности"']
    assert row.column == "Ответственный"


CARD = DocumentType("card", "Карта", (("owner", Field("user", "Чья", required=True)), ("pin", Field("string", "Код", secret=True, pattern="[0-9]+"))), None)


@pytest.mark.parametrize(
    "head, row, text",
    [
        ("Чья;Код", "nobody;s3cret", "nobody;••••••"),
        ("Код;Чья", 'nobody;"ivan;ov"', '••••••;"ivan;ov"'),
        ("Код,Чья", '"s3cret, and ""more""",ivanov', "••••••,ivanov"),
        ("Чья;Код", f"{'x' * 180};s3cret{'x' * 40}", f"{'x' * 180};••••••"),
        ("Чья;Код", "nobody;", "nobody;"),
        # any cell may be the secret
        ("Чья;Код", "ivanov;s3;cret", "••••••"),
        ("Чья;Код", "s3cret", "••••••"),
        ("Чья;Код", '"ivanov;s3cret', "••••••"),
        ("Чья;Код;", "ivanov;;s3cret", "ivanov;;••••••"),
    ],
)
def test_a_secret_of_a_rejected_row_is_dots(head: str, row: str, text: str) -> None:
    (found,) = reading(f"{head}\n{row}\n", CARD).rejected
    assert found.text == text
    assert "s3" not in str(found.reason)


def test_a_person_who_is_a_secret_is_not_named() -> None:
    (found,) = reading("Кто\nivanow\n", DocumentType("vote", "Голос", (("who", Field("user", "Кто", secret=True)),))).rejected
    assert (found.text, str(found.reason)) == ("••••••", 'column "Кто": there is no person "••••••" in the directory')


def test_what_spreadsheets_leave_in_files() -> None:
    done = reading("sep=;\n\nНазвание;Ответственный;;\nТСЖ;ivanov;;\nУК;petrova;;;;\nЖСК;petrova;;примечание\n")
    assert [line for line, _ in done.rows] == [4, 5]
    assert rejected(done) == [(6, '"примечание" stands in a column without a name', None)]


def test_rows_without_a_title_are_not_compared() -> None:
    type = DocumentType("note", "Записка", (("text", Field("text", "Текст")),))
    assert len(reading("Текст\nпривет\nпривет\n", type).rows) == 2


@pytest.mark.parametrize(
    "text,message,hint",
    [
        ("", "the file is empty", "the first row must have the names of the fields"),
        ("\n;;\n", "the file is empty", "the first row must have the names of the fields"),
        ("Название;Отвественный\n", None, 'did you mean "Ответственный"?'),
        ("Название;Ответственный;Цвет\n", 'the column "Цвет" is no field of the type', None),
        ("Название;Ответственный;name\n", 'two columns are the field "name"', None),
        ("Название;Ответственный;Скан\n", 'the field "scan" cannot come from a table', None),
        ("Название\n", 'there is no column "Ответственный", and each row needs it', None),
        ('"Название\n', "the first row cannot be read: a quote opens here and is never closed: the rest of the file is lost to it", None),
        (b"PK\x03\x04 xlsx", "the file is a book of a spreadsheet program, not a CSV file", 'save it as "CSV UTF-8"'),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "the file is a book of a spreadsheet program, not a CSV file", 'save it as "CSV UTF-8"'),
        (b"a\x98b\xff", "the file is neither in UTF-8 nor in Windows-1251", 'save it as "CSV UTF-8"'),
        (b"name\0", "the file is not text: it has zero bytes", 'save it as "CSV UTF-8"'),
        ((SHORT + "ТСЖ Заря").encode() + b"\xff\n", "the file is in UTF-8, but line 2 has a byte that is not", None),
    ],
)
def test_files_that_are_refused(text: str | bytes, message: str | None, hint: str | None) -> None:
    said, hinted = unreadable(text)
    assert message is None or said == message
    assert hinted == hint


def test_everything_wrong_with_the_first_row_is_told() -> None:
    assert unreadable("Назвние;Цвет\n")[0] == (
        'the column "Назвние" is no field of the type; the column "Цвет" is no field of the type; '
        'there is no column "Название", and each row needs it; there is no column "Ответственный", and each row needs it'
    )


def test_one_title_of_two_fields_must_be_told_apart() -> None:
    type = DocumentType("deal", "Сделка", (("a", Field("string", "Сумма")), ("b", Field("string", "Сумма"))))
    with pytest.raises(UnreadableFile, match='the column "Сумма" may be one of several fields: a, b'):
        reading("Сумма\n1\n", type)
    assert reading("a;b\n1;2\n", type).rows == [(2, {"a": "1", "b": "2"})]


def test_a_file_that_is_too_large_is_not_read() -> None:
    with pytest.raises(UnreadableFile, match="more than"):
        reading(b"x" * (LARGEST + 1))
