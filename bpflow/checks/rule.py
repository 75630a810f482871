"""What a rule is.

The law of this room: one rule is one function is one page of the manual. The docstring opens with the rule in a sentence, then says
why, and ends with an example of each kind under `Bad:` and `Good:`; a test runs both. Rules that are found on the way to the
graph (in the text, in the shape, in an expression) have no function here, only their page.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterable

from msgspec import Struct

from bpflow.checks.subject import Subject
from bpflow.diagnostics import Diagnostic, Severity
from bpflow.schema.pages import markdown

Check = Callable[[Subject], Iterable[Diagnostic]]

RULES: dict[str, Rule] = {}
"""Every rule by its id, in the order of the rooms."""


class Rule(Struct, frozen=True):
    """A rule with its page as it stands in the source, and the module of this room in which that is. `check` is None for one that is found in an
    earlier room. `last`: it is asked only where nothing is wrong otherwise, for what it misses may be what was meant there."""

    id: str
    severity: Severity
    written: str
    room: str
    check: Check | None = None
    last: bool = False

    @property
    def manual(self) -> str:
        """The page of the manual."""
        first, _, rest = self.written.partition("\n")
        return f"{first}\n{textwrap.dedent(rest)}".strip()

    @property
    def summary(self) -> str:
        """The first sentence of the page."""
        return self.manual.partition("\n")[0]

    def example(self, name: str) -> str:
        """The YAML under `Bad:` or `Good:`."""
        _, _, rest = self.manual.partition(f"\n{name}:\n")
        lines: list[str] = []
        for line in rest.splitlines():
            if line.strip() and not line[:1].isspace():
                break
            lines.append(line)
        return textwrap.dedent("\n".join(lines)).strip("\n") + "\n"

    @property
    def markdown(self) -> str:
        """The page as Markdown: what is indented in it is a block of YAML."""
        return markdown(self.manual)


def rule(id: str, severity: Severity = Severity.ERROR, *, last: bool = False) -> Callable[[Check], Check]:
    """Registers a function as the check of the rule `id`; its docstring becomes the page."""

    def register(check: Check) -> Check:
        RULES[id] = Rule(id, severity, check.__doc__ or "", _room(check.__module__), check, last)
        return check

    return register


def page(id: str, manual: str, severity: Severity = Severity.ERROR) -> None:
    """Registers the page of a rule that is found in another room."""
    module: str = sys._getframe(1).f_globals["__name__"]
    RULES[id] = Rule(id, severity, manual, _room(module))


def _room(module: str) -> str:
    """The part of `bpflow.checks.rules` in which a module is."""
    return module.rpartition(".")[2]
