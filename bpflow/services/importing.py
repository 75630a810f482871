"""Documents out of a CSV file: which rows can become documents, and why each of the others cannot.

The law of this file: it reads and stores nothing, so a row is imported whole or not at all. A row that is refused is listed with every
reason; a file whose columns are not those of the type is refused as a whole, before any row.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from datetime import tzinfo
from itertools import dropwhile

from msgspec import Struct, field

from bpflow.diagnostics import Message, did_you_mean, say, with_hint
from bpflow.expressions.data import DOTS, User, Value
from bpflow.services.documents import InvalidDocument, all_of, display_name, new_fields
from bpflow.services.tables import Line, UnreadableFile, decode, find_delimiter, lines_of, shortened
from bpflow.values import DocumentType, Field, InvalidValue, read

_BOOLEANS = {"истина": "true", "ложь": "false"}


class Rejection(Struct, frozen=True):
    """A row that cannot become a document: its first line and its text in the file, all the reasons, the column of the first. A secret is dots
    in the text, and in no reason."""

    line: int
    text: str
    reason: Message
    column: str | None = None


class Import(Struct, frozen=True):
    """What a file has: `rows` (line, fields) that can become documents, and the rest. `notes` are worth telling whoever imports."""

    encoding: str
    delimiter: str
    rows: list[tuple[int, dict[str, Value]]] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)
    notes: list[Message] = field(default_factory=list)


class _Column(Struct, frozen=True):
    """A column of the file: its heading, and the field that it fills; without a heading it may only be empty."""

    heading: str
    name: str | None
    field: Field | None

    @property
    def secret(self) -> bool:
        return self.field is not None and self.field.secret


class _Reasons(Exception):
    """Why a row is rejected: pairs of a column, if it is one column's fault, and a reason."""

    def __init__(self, reasons: list[tuple[str | None, Message]]) -> None:
        self.reasons = reasons


def read_csv(data: bytes, type: DocumentType, zone: tzinfo, check_user: Callable[[str], bool]) -> Import:
    """Reads a CSV file of documents of one type. Raises UnreadableFile.

    The first row has the names or the titles of fields, in any order and case. UTF-8, UTF-16 or Windows-1251; semicolons, commas or
    tabs. Cells as a person types them into a form (02.03.2026, 1 234,56, да), choices by id or title in any case, several values of
    one cell by semicolons, line breaks or commas. `zone` is that of times without one; `check_user` tells whether there is such a person.
    """
    text, encoding, notes = decode(data)
    headings = _headings(type)
    delimiter = find_delimiter(text, lambda cell: _folded(cell) in headings)
    lines = dropwhile(lambda line: line.empty or re.fullmatch(r"(?i)sep=.", line.text), lines_of(text, delimiter))
    head = next(lines, None)
    if head is None:
        raise UnreadableFile(say("the file is empty"), say("the first row must have the names of the fields"))
    columns = _columns(head, type, headings)
    done = Import(encoding, delimiter, notes=notes)
    _Rows(type, columns, zone, check_user, delimiter).sort_into(done, (line for line in lines if not line.empty))
    return done


# The first row


def _headings(type: DocumentType) -> dict[str, list[str]]:
    """The fields that a heading may mean: by name, else by title."""
    found: dict[str, list[str]] = {}
    for name, titled in type.fields:
        found.setdefault(_folded(titled.title), []).append(name)
    return {**found, **{_folded(name): [name] for name, _ in type.fields}}


def _folded(heading: str) -> str:
    return re.sub(r"\s+", "", heading).casefold().replace("ё", "е")


def _columns(head: Line, type: DocumentType, headings: dict[str, list[str]]) -> list[_Column]:
    """The columns by the first row. Raises UnreadableFile with everything that is wrong with it."""
    if head.broken is not None:
        raise UnreadableFile(say("the first row cannot be read: {reason}", reason=head.broken))
    fields = dict(type.fields)
    columns: list[_Column] = []
    problems: list[tuple[Message, Message | None]] = []
    for cell in head.cells:
        heading = cell.strip()
        meant = headings.get(_folded(heading), [])
        name = meant[0] if len(meant) == 1 and heading else None
        if heading and (problem := _wrong_column(heading, meant, columns, fields)) is not None:
            problems.append((problem, None if meant else _near(heading, type)))
        columns.append(_Column(heading, name, fields[name] if name else None))
    present = {column.name for column in columns}
    problems += [(_missing(name, field), None) for name, field in type.fields if field.required and name not in present]
    if problems:
        hint = next((hint for _, hint in problems if hint), None)
        raise UnreadableFile(all_of(message for message, _ in problems), hint)
    return columns


def _wrong_column(heading: str, meant: list[str], columns: list[_Column], fields: dict[str, Field]) -> Message | None:
    match meant:
        case []:
            return say('the column "{heading}" is no field of the type', heading=heading)
        case [name] if any(column.name == name for column in columns):
            return say('two columns are the field "{name}"', name=name)
        case [name] if fields[name].kind in ("file", "object"):
            return say('the field "{name}" cannot come from a table', name=name)
        case [_]:
            return None
    return say('the column "{heading}" may be one of several fields: {names}', heading=heading, names=", ".join(meant))


def _near(heading: str, type: DocumentType) -> Message | None:
    return did_you_mean(heading, (word for name, field in type.fields for word in (name, field.title) if word))


def _missing(name: str, field: Field) -> Message:
    return say('there is no column "{heading}", and each row needs it', heading=field.title or name)


# The other rows


class _Rows(Struct):
    """Reads the rows of one file, and remembers what the ones before were called."""

    type: DocumentType
    columns: list[_Column]
    zone: tzinfo
    check_user: Callable[[str], bool]
    delimiter: str
    called: dict[str, int] = field(default_factory=dict)

    def sort_into(self, done: Import, lines: Iterator[Line]) -> None:
        """Each line becomes a row or a rejection."""
        for line in lines:
            try:
                done.rows.append((line.number, self._fields(line)))
            except _Reasons as error:
                reasons = [say('column "{column}": {reason}', column=column, reason=reason) if column else reason for column, reason in error.reasons]
                done.rejected.append(Rejection(line.number, self._told(line), all_of(reasons), error.reasons[0][0]))

    @property
    def _any_secret(self) -> bool:
        return any(column.secret for column in self.columns)

    def _told(self, line: Line) -> str:
        """The text of a row, its secrets as dots. Where it has other cells than there are columns, any of them may be the secret; and one in a
        column without a name may have slipped there."""
        if not self._any_secret:
            return line.text
        if line.broken is not None or len(line.cells) != len(self.columns):
            return DOTS
        cells = (DOTS if cell and (column.secret or column.name is None) else cell for column, cell in zip(self.columns, line.cells, strict=True))
        text = io.StringIO()
        csv.writer(text, delimiter=self.delimiter, lineterminator="").writerow(cells)
        return shortened(text.getvalue())

    def _fields(self, line: Line) -> dict[str, Value]:
        """The fields of a new document. Raises _Reasons."""
        values: dict[str, Value] = {}
        wrong: dict[str | None, Message] = {}
        for column, cell in zip(self.columns, self._cells(line), strict=True):
            try:
                if column.name is not None and column.field is not None:
                    values[column.name] = self._value(column.field, cell.strip())
                elif cell.strip():
                    wrong[None] = say('"{cell}" stands in a column without a name', cell=DOTS if self._any_secret else cell.strip())
            except InvalidValue as error:
                wrong[column.heading] = _with_hint(error.message, error.hint)
        fields = self._checked(values, wrong)
        self._only_once(fields, line.number)
        return fields

    def _cells(self, line: Line) -> tuple[str, ...]:
        """As many cells as there are columns; only empty ones may be too many. Raises _Reasons."""
        if line.broken is not None:
            raise _Reasons([(None, line.broken)])
        cells, wanted = line.cells, len(self.columns)
        if len(cells) < wanted or any(cell.strip() for cell in cells[wanted:]):
            raise _Reasons([(None, say("the row has {found} cells, and the first row has {wanted}", found=len(cells), wanted=wanted))])
        return cells[:wanted]

    def _value(self, field: Field, cell: str) -> Value:
        """The cell as a value. Raises InvalidValue."""
        if not cell:
            return None
        value = read(field, [_raw(field, part) for part in _parts(cell)] if field.many else _raw(field, cell), self.zone)
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, User) and not self.check_user(one.id):
                raise InvalidValue(say('there is no person "{name}" in the directory', name=DOTS if field.secret else one.id))
        return value

    def _checked(self, values: dict[str, Value], wrong: dict[str | None, Message]) -> dict[str, Value]:
        """The fields, unless something was wrong before or is now. Raises _Reasons with all of it, in the order of the columns."""
        fields: dict[str, Value] = {}
        try:
            fields = new_fields(self.type, values)
        except InvalidDocument as error:
            headings = {column.name: column.heading for column in self.columns}
            wrong = {**{headings.get(problem.field): _with_hint(problem.message, problem.hint) for problem in error.problems}, **wrong}
        if wrong:
            order = [column.heading for column in self.columns]
            raise _Reasons(sorted(wrong.items(), key=lambda pair: order.index(pair[0]) if pair[0] else len(order)))
        return fields

    def _only_once(self, fields: dict[str, Value], line: int) -> None:
        """Refuses a second row that is called as an earlier one."""
        if fields.get(self.type.title_field or "") is None:
            return
        name = display_name(self.type, fields, 0, self.zone)
        first = self.called.setdefault(" ".join(name.casefold().split()), line)
        if first != line:
            heading = next(column.heading for column in self.columns if column.name == self.type.title_field)
            raise _Reasons([(heading, say('"{name}" is in line {first} already', name=name, first=first))])


def _with_hint(message: Message, hint: Message | None) -> Message:
    return with_hint(message, hint)


# How people write values in tables


def _parts(cell: str) -> list[str]:
    """Several values of one cell: by semicolons or line breaks where there are any, else by commas."""
    parts = re.split(r"[;\r\n]+", cell) if re.search(r"[;\r\n]", cell) else cell.split(",")
    return [part.strip() for part in parts if part.strip()]


def _raw(field: Field, cell: str) -> str:
    """The cell as `read` takes it: a choice in any case, a number without its currency, the booleans of Russian spreadsheets."""
    match field.kind:
        case "integer" | "number" | "money":
            return re.sub(r"\s*(₽|руб\.?|р\.)$", "", cell)
        case "boolean":
            return _BOOLEANS.get(cell.casefold(), cell)
        case "choice":
            return _choice(field, cell)
    return cell


def _choice(field: Field, cell: str) -> str:
    """The id of the choice with this id or title, in any case; else the cell itself, for `read` to refuse."""
    folded = cell.casefold()
    ids = [id for id, title in field.choices if id == cell] or [id for id, title in field.choices if folded in (id.casefold(), title.casefold())]
    return ids[0] if len(ids) == 1 else cell
