"""All mutants of a workspace, judged, and what came of it in figures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.mutation import of_data, of_expressions, of_steps  # noqa: F401  they register the kinds
from tests.mutation.editing import Change, Original
from tests.mutation.judging import Court, Mutant
from tests.mutation.kinds import KINDS, Kind

LIBRARY, OTHERS = Path("processes"), Path("tests/scenarios")
FEW = 12
"""A kind with fewer places in the library of processes is tried in the little ones of the scenarios too."""


def places(court: Court, kind: Kind, at_most: int | None = None) -> list[tuple[Original, Change]]:
    """Every place where a kind can be applied; `at_most` so many, chosen always in the same way."""
    found = [(original, change) for original in court.originals for change in kind.changes(original)]
    return found if at_most is None or len(found) <= at_most else Random(kind.name).sample(found, at_most)


def judged(folder: Path, kinds: Iterable[Kind] = (), at_most: int | None = None) -> Iterator[Mutant]:
    """The mutants of the library, and of the little processes where there are few. `folder`: where copies of them may lie."""
    library, others = Court(LIBRARY, folder), Court(OTHERS, folder)
    for kind in list(kinds) or list(KINDS.values()):
        found = places(library, kind, at_most)
        yield from (library.judge(kind, original, change) for original, change in found)
        if len(found) < FEW:
            yield from (others.judge(kind, original, change) for original, change in places(others, kind, at_most or 100))


@dataclass
class Count:
    """Of one kind: the places, the mutants that count, those that the checker finds; of the others those for which it gives advice, and those on
    which a scenario fails."""

    places: int = 0
    apart: int = 0
    found: int = 0
    advised: int = 0
    failed: int = 0

    def add(self, mutant: Mutant) -> None:
        self.places += 1
        self.apart += mutant.apart
        self.found += mutant.apart and mutant.found
        self.advised += mutant.apart and mutant.advised and not mutant.found
        self.failed += mutant.apart and mutant.failed and not mutant.found

    @property
    def share(self) -> str:
        return f"{100 * self.found / self.apart:.0f} %" if self.apart else "–"

    def __add__(self, other: Count) -> Count:
        return Count(*(getattr(self, name) + getattr(other, name) for name in ("places", "apart", "found", "advised", "failed")))


def counts(mutants: Iterable[Mutant]) -> dict[str, Count]:
    """The figures of each kind."""
    found: dict[str, Count] = defaultdict(Count)
    for mutant in mutants:
        found[mutant.kind.name].add(mutant)
    return found


def table(mutants: list[Mutant]) -> Iterator[str]:
    """The figures, a line a kind: first the kinds that can be found, then those that make another process."""
    by_kind = counts(mutants)
    for title, others in (("mistakes that the definition shows", False), ("another process that could be meant", True)):
        names = [name for name in by_kind if bool(KINDS[name].other) == others]
        yield f"{title:48} places  count  found  share  slips: advice  scenario fails"
        for name in sorted(names):
            yield line(name, by_kind[name])
        yield line(f"together: {len(names)} kinds", sum((by_kind[name] for name in names), Count()))
        yield ""


def line(name: str, of: Count) -> str:
    return f"  {name:46} {of.places:6} {of.apart:6} {of.found:6} {of.share:>6} {of.advised:14} {of.failed:15}"


def silent(mutants: Iterable[Mutant], others: bool = False) -> Iterator[str]:
    """What slips: a line each, with its place."""
    for one in mutants:
        if one.apart and not one.found and bool(one.kind.other) == others:
            seen = "a scenario fails" if one.failed else "advice" if one.advised else "no scenario fails"
            yield f"{one.process}.yaml:{one.change.place.line}:{one.change.place.column}: {one.kind.name}: {one.change.what}  ({seen})"
