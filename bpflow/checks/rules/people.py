"""Rules about the names for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bpflow.checks.rule import rule
from bpflow.checks.subject import Subject, Use
from bpflow.diagnostics import Diagnostic, say


@rule("people-cycle")
def people_cycle(subject: Subject) -> Iterator[Diagnostic]:
    """The names under `people` cannot be explained by each other in a circle.

    Each stands for its expression wherever it is read; in a circle nobody would ever be found.

    Bad:

        people:
          head: deputy
          deputy: head
        steps:
          - {activity: notify, to: deputy, text: Ready}

    Good:

        people:
          head: head_of(initiator)
          deputy: head
        steps:
          - {activity: notify, to: deputy, text: Ready}
    """
    reads = {name: _reads(name, subject) for name in subject.table("people")}
    done: set[str] = set()
    for start in reads:
        circle = _circle(start, reads, done)
        if circle:
            after = [*circle, circle[0]][1]
            use, offset = reads[circle[0]][after]
            message = say("these people are explained in a circle: {names}", names=" → ".join([*circle, circle[0]]))
            yield Diagnostic(use.span(offset, len(after)), "people-cycle", message)


def _reads(name: str, subject: Subject) -> Mapping[str, tuple[Use, int]]:
    """The names that the expression of `name` reads, with the place of each."""
    table = subject.table("people")
    span = table.value_spans[name]
    inside = (use for use in subject.uses if (span.line, span.column) <= _start(use) < (span.end_line, span.end_column))
    return {read: (use, offset) for use in inside for read, offset in use.parsed.names.items() if read in table}


def _start(use: Use) -> tuple[int, int]:
    span = use.span(0, 1)
    return span.line, span.column


def _circle(start: str, reads: Mapping[str, Mapping[str, tuple[Use, int]]], done: set[str]) -> list[str]:
    """The names of a circle that is met from `start`, each only once; empty if there is none."""
    way: list[str] = []

    def visit(name: str) -> list[str]:
        if name in way:
            return way[way.index(name) :]
        if name in done:
            return []
        way.append(name)
        found = next((circle for read in reads[name] if (circle := visit(read))), [])
        done.add(way.pop())
        return found

    return visit(start)
