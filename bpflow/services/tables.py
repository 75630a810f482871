"""A CSV file as a table of text: its encoding and its delimiter are found out, its lines keep their numbers.

The law of this file: every byte of the file ends in a row, in a refusal or in an empty line; nothing is guessed in silence.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Callable, Iterator

from msgspec import Struct

from bpflow.diagnostics import Message, Refused, say

LARGEST = 100_000_000
"""The most bytes of a file."""
DELIMITERS = (";", ",", "\t")
_BOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")


class UnreadableFile(Refused):
    """The file as a whole cannot be read; `hint` may say what to do."""

    def __init__(self, message: Message, hint: Message | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class Line(Struct, frozen=True):
    """A row as it stands: the number of its first line, its cells, its text; `broken` says why it has no cells."""

    number: int
    cells: tuple[str, ...]
    text: str
    broken: Message | None = None

    @property
    def empty(self) -> bool:
        """Whether there is nothing in it: an empty line, or the bare delimiters that spreadsheets leave."""
        return self.broken is None and not any(cell.strip() for cell in self.cells)


def decode(data: bytes) -> tuple[str, str, list[Message]]:
    """The text, the name of its encoding, and what is worth saying of it. Raises UnreadableFile."""
    if len(data) > LARGEST:
        raise UnreadableFile(say("the file has more than {megabytes} MB", megabytes=LARGEST // 1_000_000), say("cut it into several files"))
    if data.startswith(_BOOKS):
        raise UnreadableFile(say("the file is a book of a spreadsheet program, not a CSV file"), say('save it as "CSV UTF-8"'))
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text, encoding, notes = _strictly(data, "utf-16"), "utf-16", [say("the file is in UTF-16, and was read as that")]
    else:
        text, encoding, notes = _utf8_or_1251(data)
    if "\0" in text:
        raise UnreadableFile(say("the file is not text: it has zero bytes"), say('save it as "CSV UTF-8"'))
    return text, encoding, notes


def _utf8_or_1251(data: bytes) -> tuple[str, str, list[Message]]:
    try:
        return data.decode("utf-8-sig"), "utf-8", []
    except UnicodeDecodeError as error:
        # Russian text of Windows-1251 has next to no sequences that are valid in UTF-8: where most are, the file is UTF-8 with a fault.
        lenient = data.decode("utf-8", "replace")
        if sum(sign > "\x7f" for sign in lenient) > 4 * lenient.count("\ufffd"):
            line = data.count(b"\n", 0, error.start) + 1
            raise UnreadableFile(say("the file is in UTF-8, but line {line} has a byte that is not", line=line)) from error
    return _strictly(data, "cp1251"), "windows-1251", [say("the file is in Windows-1251, not in UTF-8, and was read as that")]


def _strictly(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise UnreadableFile(say("the file is neither in UTF-8 nor in Windows-1251"), say('save it as "CSV UTF-8"')) from error


def lines_of(text: str, delimiter: str) -> Iterator[Line]:
    """The rows of the text, one after another; a row with quoted line breaks takes several lines."""
    raw = [*io.StringIO(text, newline="")]
    reader = csv.reader(raw, delimiter=delimiter, strict=True)
    while True:
        number = reader.line_num + 1
        cells: list[str] = []
        broken = None
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            broken = _fault(str(error))
        yield Line(number, tuple(cells), shortened("".join(raw[number - 1 : reader.line_num])), broken)


def _fault(error: str) -> Message:
    """What the library says in its own words, in ours."""
    if "unexpected end" in error:
        return say("a quote opens here and is never closed: the rest of the file is lost to it")
    if "field limit" in error:
        return say("a cell is longer than {limit} characters", limit=csv.field_size_limit())
    return say("a quote ends before its cell does: inside quotes, write a quote twice")


def shortened(text: str) -> str:
    """A row as it is told of."""
    text = text.strip("\r\n")
    return text if len(text) <= 200 else text[:199] + "…"


def find_delimiter(text: str, known: Callable[[str], bool]) -> str:
    """The delimiter by which the first row has most headings that are `known`; of several, the one that makes most cells."""

    def rank(delimiter: str) -> tuple[int, int]:
        cells = next((line.cells for line in lines_of(text[:100_000], delimiter) if line.text.strip(" ;,\t")), ())
        return sum(known(cell) for cell in cells), len(cells)

    return max(DELIMITERS, key=rank)
