"""Bytes to text: UTF-8 or a finding that names the encoding which the file is in."""

from __future__ import annotations

import codecs

from msgspec import Struct

from bpflow.diagnostics import Message, say

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16: its mark begins with the same bytes
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_OF_CYRILLIC = {"cp1251": "Windows-1251", "koi8-r": "KOI8-R", "cp866": "CP866 (DOS)"}
_SMALL = frozenset("абвгдежзийклмнопрстуфхцчшщъыьэюя")
_SAVE = say('save the file as UTF-8: in an editor, "Save as" or "Save with encoding"')


class Decoded(Struct, frozen=True):
    """A file's text; `problem` where it is not UTF-8, then `offset` is the first character concerned."""

    text: str
    problem: Message | None = None
    hint: Message | None = None
    offset: int = 0


def decode(data: bytes) -> Decoded:
    """The text of a file's bytes, without a byte-order mark. The text of a foreign encoding is for showing only."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _utf8(data[len(mark) :]) if encoding == "utf-8" else _wide(data[len(mark) :], encoding)
    for encoding in ("utf-16-le", "utf-16-be") if b"\0" in data[:1000] else ():
        start = data[:1000].decode(encoding, "replace")
        if sum("\0" < letter < "\u0500" for letter in start) * 10 > len(start) * 9:
            return _wide(data, encoding)
    return _utf8(data)


def _utf8(data: bytes) -> Decoded:
    try:
        return Decoded(data.decode())
    except UnicodeDecodeError as error:
        return _foreign(data, error.start)


def _wide(data: bytes, encoding: str) -> Decoded:
    name = encoding[:6].upper()
    return Decoded(data.decode(encoding, "replace"), say("the file is in {encoding}, not in UTF-8", encoding=name), _SAVE)


def _foreign(data: bytes, start: int) -> Decoded:
    """Text in an eight-bit encoding, or UTF-8 that something has damaged."""
    text = data.decode(errors="replace")
    if sum(map(text.count, "оеаинт")) > text.count("\ufffd"):
        problem = say("the byte {byte} is not UTF-8 text: the file is damaged here", byte=f"0x{data[start]:02X}")
        return Decoded(text, problem, say("type the text at this place again and save the file as UTF-8"), len(data[:start].decode()))
    readings = {name: data.decode(name, "replace") for name in _OF_CYRILLIC}
    likely = max(readings, key=lambda name: sum(map(readings[name].count, _SMALL)))
    if not any(letter in _SMALL for letter in readings[likely]):
        return Decoded(readings[likely], say("the file is not in UTF-8"), _SAVE, start)
    return Decoded(readings[likely], say("the file is in {encoding}, not in UTF-8", encoding=_OF_CYRILLIC[likely]), _SAVE, start)
