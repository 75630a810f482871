"""The rule about the names in expressions: each must be known."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from bpflow.checks.environment import NOT_KNOWN
from bpflow.checks.parties import asked, calls_of
from bpflow.checks.rule import rule
from bpflow.checks.subject import Subject, Use
from bpflow.diagnostics import Diagnostic, Message, did_you_mean, say
from bpflow.expressions import FUNCTIONS, parse, quoted
from bpflow.expressions.inference import infer
from bpflow.expressions.letters import foreign_letter
from bpflow.expressions.remedies import instead_of_text
from bpflow.expressions.types import BOOLEAN
from bpflow.graph import ITEM, Place

if TYPE_CHECKING:
    from bpflow.definition.entries import DirectoryFile


@rule("unknown-name")
def unknown_name(subject: Subject) -> Iterator[Diagnostic]:
    """A name in an expression must be a name of the process or of the language.

    Names are the variables, inputs and people of the process, the ids of steps that give results, `document`, `initiator` and the
    other built-in names and functions. `previous` (the document before the change), `message` and `key` (of the message that has come) can
    be read in `start` only. A misspelt name would otherwise be noticed when an instance comes to it.

    Bad:

        variables:
          attempts: {type: integer, default: 0}
        steps:
          - {activity: set-variables, set: {attempts: $(attemps + 1)}}

    Good:

        variables:
          attempts: {type: integer, default: 0}
        steps:
          - {activity: set-variables, set: {attempts: $(attempts + 1)}}
    """
    whom = frozenset(one.expr.place for one in asked(subject.graph) if one.expr.place)
    silent = frozenset(str(step.id) for step in subject.process.all_steps() if step.id and step.results() is None)
    for use in subject.uses:
        for name, offset in use.parsed.names.items():
            if use.named(name) is None:
                yield _Unknown(name, use, silent, subject.directory, whom).finding(offset)


class _Unknown(Struct, frozen=True):
    """A name that nothing has where it stands. `silent`: the steps that give no results · `whom`: where people are asked for."""

    name: str
    use: Use
    silent: frozenset[str]
    directory: DirectoryFile | None
    whom: frozenset[Place]

    def finding(self, offset: int) -> Diagnostic:
        foreign = foreign_letter(self.name, self.known)
        if foreign:
            return Diagnostic(self.use.span(offset + foreign.offset, 1), "lookalike", foreign.message, foreign.hint)
        message, hint = self.explained()
        return Diagnostic(self.use.span(offset, len(self.name)), "unknown-name", message, hint)

    @property
    def known(self) -> list[str]:
        """The names that there are."""
        return [*self.use.around.names, *(self.use.around.start if self.use.at_start else ())]

    def explained(self) -> tuple[Message, Message | None]:
        """The message, and the hint."""
        name = self.name
        if name in self.silent:
            return say('the step "{name}" gives no results', name=name), None
        if name in self.use.around.start:
            return say('"{name}" can be read in "start" only', name=name), say("keep what is needed of it in a variable")
        if name in ("document", "previous"):
            return say('the process has no document, so there is no "{name}"', name=name), say('name its type with "document: …"')
        if name in FUNCTIONS:
            return say('"{name}" is a function', name=name), say('write "{call}"', call=FUNCTIONS[name].usage)
        return say('nothing is called "{name}" here', name=name), self.exact() or did_you_mean(name, self.known) or self.near_field() or self.as_text()

    def exact(self) -> Message | None:
        """What is certainly meant."""
        return self.as_party() or self.as_truth() or self.as_document() or self.as_choice() or self.as_result() or self.as_field()

    # ── what may be meant ───────────────────────────────────────────────────────────────────────────────────────────
    def as_party(self) -> Message | None:
        """The bare name of somebody in the directory, or one that stands in a function which takes it in quotes."""
        for node in ast.walk(self.use.parsed.tree):
            match node:
                case ast.Call(func=ast.Name(id="user" | "department" | "with_role" as function), args=[ast.Name(id=id)]) if id == self.name:
                    return say("a name stands in quotes: {call}", call=f"{function}({quoted(self.name)})")
        found = calls_of(self.name, self.directory) if self.directory else []
        return say("write {call}", call=found[0]) if len(found) == 1 else None

    def as_truth(self) -> Message | None:
        """A yes or a no in other words."""
        return instead_of_text(self.name, BOOLEAN)

    def as_document(self) -> Message | None:
        """The type of the document in place of the word for it."""
        document = self.use.named("document")
        return say('write "{name}"', name="document") if document is not None and self.name in document.type.of else None

    def as_choice(self) -> Message | None:
        """A text without quotes, compared with what can be such a text."""
        for node in ast.walk(self.use.parsed.tree):
            match node:
                case ast.Compare(left=left, ops=[ast.Eq() | ast.NotEq()], comparators=[right]):
                    for one, other in ((left, right), (right, left)):
                        if isinstance(one, ast.Name) and one.id == self.name and self.name in self.texts(other):
                            return say("a text stands in quotes: {text}", text=quoted(self.name))
        return None

    def texts(self, node: ast.expr) -> tuple[str, ...]:
        """The only texts that a part of the expression can be."""
        written = self.use.parsed.text[node.col_offset : node.end_col_offset]
        return infer(parse(written), self.use.known).type.values or ()

    def as_result(self) -> Message | None:
        """A field of what has been asked, decided or found, where only one thing has such a field."""
        owners = [owner for owner in self.known if owner not in ("document", "previous") and self.name in self.fields(owner)]
        near = [owner for owner in owners if owner == ITEM] or owners
        return say('did you mean "{word}"?', word=f"{near[0]}.{self.name}") if len(near) == 1 else None

    def fields(self, owner: str) -> set[str]:
        type = (self.use.named(owner) or NOT_KNOWN).type
        known = self.use.known.fields_of(type) if type.kind in ("record", "document") else None
        return {name for each in known or () for name, _ in each}

    def as_field(self) -> Message | None:
        """A field of the document."""
        return say('did you mean "{word}"?', word=f"document.{self.name}") if self.name in self.of_document() else None

    def near_field(self) -> Message | None:
        """A field of the document that all that is written there is near to."""
        written, fields = self.use.part.text.strip(), self.of_document()
        return did_you_mean(f"document.{written}", {f"document.{field}" for field in fields}) if did_you_mean(written, fields) else None

    def of_document(self) -> set[str]:
        document = self.use.named("document")
        return set((document.fields if document else None) or ())

    def as_text(self) -> Message | None:
        """What is meant as itself: where people are asked for, the name of a person; else a text."""
        alone = str(self.use.part.source).strip() == self.name
        if alone and self.use.place in self.whom:
            return self.by_surname() or say('a person is written user("{name}"), a role with_role("{name}")', name=self.name)
        return None if self.name.isascii() else say("a text stands in quotes")

    def by_surname(self) -> Message | None:
        """The only person with that word in his name."""
        people = self.directory.people if self.directory else {}
        found = [str(id) for id, person in people.items() if self.name.lower() in person.name.lower().split()]
        return say("write {call}", call=f"user({quoted(found[0])})") if len(found) == 1 else None
