"""Rules about the people, departments and roles that a process names: they must be those of the directory."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from bpflow.checks.literals import literals
from bpflow.checks.parties import FUNCTION_OF, KIND_OF
from bpflow.checks.rule import page, rule
from bpflow.checks.rules.documents import fields_in
from bpflow.checks.subject import Subject
from bpflow.definition.directory import EntryKind, entries_of, near_entry, no_entry
from bpflow.definition.model import Model
from bpflow.definition.roster import Roster
from bpflow.diagnostics import Diagnostic, Message, Span, did_you_mean, say
from bpflow.expressions import quoted
from bpflow.graph.written import NOWHERE, is_template, span_of

if TYPE_CHECKING:
    from bpflow.definition.entries import DirectoryFile

_WRITTEN = re.compile(r'\[?(user|department)\("')
"""How the value begins of a field of people that was written out."""


class Said(Struct, frozen=True):
    """A name of somebody as it is written out in a process: as the argument of a function, or as the value of a field."""

    kind: EntryKind
    name: str
    span: Span


@rule("unknown-person")
def unknown_person(subject: Subject) -> Iterator[Diagnostic]:
    """A person who is named must be one of the people of the directory.

    In the directory itself, where somebody heads a department or stands in for another, and in every process of its workspace: a task for
    somebody who is not there would be an incident. People are named by their ids, the keys under `people`.

    Bad:

        # directory.yaml
        departments:
          sales: {title: Sales, head: ivanof}
        people:
          ivanov: {name: Ivan Ivanov}

    Good:

        # directory.yaml
        departments:
          sales: {title: Sales, head: ivanov}
        people:
          ivanov: {name: Ivan Ivanov}
    """
    if subject.directory is None:
        return
    roster = Roster(subject.directory)
    for said in (*_called(subject), *_written_out(subject), *_defaults(subject.process)):
        yield from _unknown(said, roster)


page(
    "unknown-department",
    """
    A department that is named must be one of those of the directory.

    Processes name it by its id or by its title.

    Bad:

        # directory.yaml
        people:
          ivanov: {name: Ivan Ivanov, department: sale}
        departments:
          sales: {title: Sales}

    Good:

        # directory.yaml
        people:
          ivanov: {name: Ivan Ivanov, department: sales}
        departments:
          sales: {title: Sales}
    """,
)

page(
    "unknown-role",
    """
    A role that is named must be one of those of the directory.

    Processes name it by its id or by its title.

    Bad:

        # directory.yaml
        people:
          ivanov: {name: Ivan Ivanov, roles: [lawyer]}
        roles:
          lawyer: {title: Lawyer}
        # contract.yaml
        bpflow: 1
        id: contract
        steps:
          - {activity: notify, to: with_role("lawier"), text: Ready}

    Good:

        # directory.yaml
        people:
          ivanov: {name: Ivan Ivanov, roles: [lawyer]}
        roles:
          lawyer: {title: Lawyer}
        # contract.yaml
        bpflow: 1
        id: contract
        steps:
          - {activity: notify, to: with_role("lawyer"), text: Ready}
    """,
)


def unknown_defaults(model: Model, directory: DirectoryFile | None) -> Iterator[Diagnostic]:
    """The findings about people and departments that fields of a model hold where nothing is given, and that the directory does not know."""
    if directory is not None:
        roster = Roster(directory)
        for said in _defaults(model):
            yield from _unknown(said, roster)


def _unknown(said: Said, roster: Roster) -> Iterator[Diagnostic]:
    """The finding that the directory has no such entry, if it has none."""
    if roster.id_of(said.kind, said.name) is None:
        yield Diagnostic(said.span, f"unknown-{said.kind}", no_entry(said.kind, said.name), _nearest(said, roster.data))


def _nearest(said: Said, directory: DirectoryFile) -> Message | None:
    """Who may have been meant: an entry of another kind with that very name, else one that is near."""
    for kind, function in FUNCTION_OF.items():
        if kind != said.kind and said.name in entries_of(directory, kind):
            call = f"{function}({quoted(said.name)})"
            match kind:
                case "person":
                    return say('"{name}" is a person: {call}', name=said.name, call=call)
                case "department":
                    return say('"{name}" is a department: {call}', name=said.name, call=call)
                case "role":
                    return say('"{name}" is a role: {call}', name=said.name, call=call)
    entries = entries_of(directory, said.kind)
    return near_entry(said.name, entries) or did_you_mean(said.name, [entry.title for entry in entries.values() if hasattr(entry, "title")])


# ── where they are named ────────────────────────────────────────────────────────────────────────────────────────────
def _called(subject: Subject) -> Iterator[Said]:
    """As arguments of the functions that look them up."""
    for use in subject.uses:
        if any(function in KIND_OF for function, _ in use.parsed.calls):
            for kind, node in _arguments(use.parsed.tree):
                yield Said(kind, str(node.value).strip() if kind == "person" else str(node.value), use.span(node.col_offset, _length(node)))


def _arguments(tree: ast.expr) -> Iterator[tuple[EntryKind, ast.Constant]]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=function), args=[ast.Constant(value=str()) as name]) if function in KIND_OF:
                yield KIND_OF[function], name


def _length(node: ast.expr) -> int:
    return (node.end_col_offset or 0) - node.col_offset


def _written_out(subject: Subject) -> Iterator[Said]:
    """As values of fields: what was made of them in the graph tells the type, the file the place."""
    for literal in literals(subject, _WRITTEN):
        for node, span in literal.values():
            yield from (Said(kind, str(name.value), span) for kind, name in _arguments(node))


def _defaults(model: Model) -> Iterator[Said]:
    """As what fields hold where nothing is given."""
    for field in fields_in(model):
        kind = _KINDS.get(field.type)
        values = field.default if isinstance(field.default, list | tuple) else [field.default]
        for value in values if kind and field.default is not None else ():
            if isinstance(value, str) and not is_template(value) and value != "none" and kind:
                place = span_of(value)
                yield Said(kind, value, field.value_span("default") if place is NOWHERE else place)


_KINDS: Mapping[str, EntryKind] = {"user": "person", "department": "department"}
"""What the fields of a type hold."""
