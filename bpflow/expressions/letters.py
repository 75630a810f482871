"""Cyrillic letters that look like Latin ones, in names that are written in Latin letters."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from bpflow.diagnostics import Diagnostic, Message, Span, say

_ALIKE = dict(zip("асеорхукіѕјАВЕКМНОРСТХУІЅЈ", "aceopxykisjABEKMHOPCTXYISJ", strict=True))
_CYRILLIC = range(0x400, 0x530)


class Foreign(Struct, frozen=True):
    """A Cyrillic letter in a Latin name: where in the name it stands, the letter, and the name in Latin letters."""

    name: str
    offset: int
    latin: str

    @property
    def message(self) -> Message:
        """Which letter it is."""
        letter = self.name[self.offset]
        return say('"{letter}" in "{name}" is a Cyrillic letter', letter=letter, name=self.name)

    @property
    def hint(self) -> Message:
        """What to write instead."""
        return say('write "{name}" in Latin letters', name=self.latin)

    def finding_at(self, span: Span) -> Diagnostic:
        """The finding, at that place."""
        return Diagnostic(span, "lookalike", self.message, self.hint)


def foreign_letter(name: str, known: Iterable[str] = ()) -> Foreign | None:
    """The first Cyrillic letter of a name that has Latin letters too, or that is one of the `known` names but for such letters."""
    at = next((i for i, letter in enumerate(name) if ord(letter) in _CYRILLIC), None)
    if at is None:
        return None
    latin = "".join(_ALIKE.get(letter, letter) for letter in name)
    mixed = any(letter.isascii() and letter.isalpha() for letter in name)
    return Foreign(name, at, latin) if latin in set(known) or (mixed and latin.isascii()) else None
