"""The rule about the names in expressions: each must be known."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from bpflow.checks.parties import calls_of
from bpflow.checks.rule import rule
from bpflow.checks.subject import Subject, Use
from bpflow.definition.directory import DirectoryFile
from bpflow.diagnostics import Diagnostic, Message, did_you_mean, say
from bpflow.expressions import FUNCTIONS, quoted
from bpflow.expressions.letters import foreign_letter


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
    silent = {str(step.id) for step in subject.process.all_steps() if step.id and step.results() is None}
    for use in subject.uses:
        for name, offset in use.parsed.names.items():
            if use.named(name) is None:
                yield _unknown(name, offset, use, silent, subject.directory)


def _unknown(name: str, offset: int, use: Use, silent: set[str], directory: DirectoryFile | None) -> Diagnostic:
    foreign = foreign_letter(name, _known(use))
    if foreign:
        return Diagnostic(use.span(offset + foreign.offset, 1), "lookalike", foreign.message, foreign.hint)
    message, hint = _explained(name, use, silent, directory)
    return Diagnostic(use.span(offset, len(name)), "unknown-name", message, hint)


def _known(use: Use) -> list[str]:
    return [*use.around.names, *(use.around.start if use.at_start else ())]


def _explained(name: str, use: Use, silent: set[str], directory: DirectoryFile | None) -> tuple[Message, Message | None]:
    if name in silent:
        return say('the step "{name}" gives no results', name=name), None
    if name in use.around.start:
        return say('"{name}" can be read in "start" only', name=name), say("keep what is needed of it in a variable")
    if name in ("document", "previous"):
        return say('the process has no document, so there is no "{name}"', name=name), say('name its type with "document: …"')
    if name in FUNCTIONS:
        return say('"{name}" is a function', name=name), say('write "{call}"', call=FUNCTIONS[name].usage)
    exact = _as_party(name, use, directory)
    return say('nothing is called "{name}" here', name=name), exact or did_you_mean(name, _known(use)) or _as_field(name, use) or _as_text(name, use)


def _as_party(name: str, use: Use, directory: DirectoryFile | None) -> Message | None:
    """A hint for the bare name of somebody in the directory, and for one that stands in a function which takes it in quotes."""
    for node in ast.walk(use.parsed.tree):
        match node:
            case ast.Call(func=ast.Name(id="user" | "department" | "with_role" as function), args=[ast.Name(id=id)]) if id == name:
                return say("a name stands in quotes: {call}", call=f"{function}({quoted(name)})")
    found = calls_of(name, directory) if directory else []
    return say("write {call}", call=found[0]) if len(found) == 1 else None


def _as_field(name: str, use: Use) -> Message | None:
    """A hint with the field of the document that the name, or all that is written there, is near to."""
    document = use.named("document")
    fields = {f"document.{field}" for field in (document.fields if document else None) or ()}
    return did_you_mean(f"document.{name}", fields & {f"document.{name}"}) or _near(use.part.text, fields)


def _near(text: str, fields: set[str]) -> Message | None:
    return did_you_mean(f"document.{text.strip()}", fields) if did_you_mean(text.strip(), [field.partition(".")[2] for field in fields]) else None


def _as_text(name: str, use: Use) -> Message | None:
    """A hint for what was perhaps meant as itself: a text, or, where a name is all that is written, the id of a person."""
    if not name.isascii():
        return say("a text stands in quotes")
    return say('a person is written user("{name}"), a role with_role("{name}")', name=name) if str(use.part.source).strip() == name else None
