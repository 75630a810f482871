"""Rules about work that nobody would do, as the directory of the workspace stands."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from bpflow.checks.parties import Asked, Meant, Party, asked, read_again
from bpflow.checks.rule import rule
from bpflow.checks.subject import Subject
from bpflow.definition.directory import gone, has_left
from bpflow.definition.roster import Roster
from bpflow.diagnostics import Diagnostic, Message, Severity, Span, say
from bpflow.expressions import parse
from bpflow.graph import Expr, Part

_IN_DIRECTORY = say("the directory says so: change it there, or ask somebody else")


@rule("for-nobody", Severity.WARNING)
def for_nobody(subject: Subject) -> Iterator[Diagnostic]:
    """Where people are asked, told or allowed something, there is somebody.

    A role that nobody has, a department in which nobody works, the head of a department that has none, nor any above it: by the directory as
    it stands now the task waits for nobody, or is an incident. It is no mistake of the process, unless it meant somebody else; and if
    `if-nobody` names others for the case that `to` gives nobody, it is none at all. That does not help where `to` is a group: a task for
    a group is opened even if the group is empty.

    Bad:

        # directory.yaml
        people:
          ivanov: {name: Ivan Ivanov}
        roles:
          lawyer: {title: Lawyer}
        # contract.yaml
        bpflow: 1
        id: contract
        steps:
          - {activity: task, title: Read the contract, to: with_role("lawyer"), due: 2d}

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
          - {activity: task, title: Read the contract, to: with_role("lawyer"), due: 2d}
    """
    for one, meant in _judged(subject):
        parties = meant.by(one.expr)
        if parties is not None and not any(meant.members(party) for party in parties) and (parties or not one.instead):
            expr = _named(one.expr, meant)
            span = _span(subject.origins.get(expr.place, ())) if expr.place else None
            if span is not None:
                yield Diagnostic(span, "for-nobody", *_why(expr, parties, meant), Severity.WARNING)


def _named(expr: Expr, meant: Meant) -> Expr:
    """The expression; where it is a name under `people`, the one that is explained there."""
    for _ in meant.people:
        expr = meant.people.get(expr.text, expr)
    return expr


def _span(parts: tuple[Part, ...]) -> Span | None:
    """The place of the first part of an expression."""
    if not parts:
        return None
    text = parts[0].text
    return parts[0].span(len(text) - len(text.lstrip()), len(text.strip()))


def _why(expr: Expr, parties: tuple[Party, ...], meant: Meant) -> tuple[Message, Message | None]:
    """What there is nobody of, and what may be done about it."""
    read = read_again(expr.text)
    match read.tree if read else None:
        case ast.Call(func=ast.Name(id="members" | "head_of" as function), args=[whose]):
            of = meant.of(whose)
            parties = parties or of or ()
            if function == "head_of" and of and of[0].kind == "department":
                title = meant.roster.data.departments[of[0].id].title
                return say('the department "{title}" has no head, nor has one above it', title=title), _IN_DIRECTORY
    named = parties[0] if parties and parties[0].kind != "person" else None
    return (_nobody_in(named, meant), _IN_DIRECTORY) if named else (say("this names nobody"), None)


def _nobody_in(group: Party, meant: Meant) -> Message:
    data = meant.roster.data
    if group.kind == "role":
        return say('nobody has the role "{title}"', title=data.roles[group.id].title)
    return say('nobody works in the department "{title}"', title=data.departments[group.id].title)


@rule("has-left", Severity.WARNING)
def left(subject: Subject) -> Iterator[Diagnostic]:
    """Nothing is left to somebody who has left, unless somebody acts for him.

    Who has `left` is absent for ever. He may stay in the directory, for the sake of what he has done; but if he heads a department, stands in
    for others, or gets the tasks of a process by name, that work is for nobody, unless he has a `substitute` who is there.

    Bad:

        # directory.yaml
        departments:
          sales: {title: Sales, head: ivanov}
        people:
          ivanov: {name: Ivan Ivanov, left: 2026-01-30}

    Good:

        # directory.yaml
        departments:
          sales: {title: Sales, head: petrova}
        people:
          ivanov: {name: Ivan Ivanov, left: 2026-01-30}
          petrova: {name: Anna Petrova}
    """
    for one, meant in _judged(subject):
        for party in meant.by(one.expr) or () if not one.instead else ():
            last = gone(meant.roster.data, party.id) if party.kind == "person" else None
            if last is not None:
                for span in _calls_of(party, one.expr, meant, subject):
                    yield Diagnostic(span, "has-left", has_left(meant.roster.data, party.id, last), None, Severity.WARNING)


def _calls_of(party: Party, expr: Expr, meant: Meant, subject: Subject) -> Iterator[Span]:
    """Where somebody is named by his id in an expression, or in those under `people` that it reads."""
    named = [meant.people[name] for name in meant.read_by(expr)]
    for part in (part for one in (expr, *named) if one.place for part in subject.origins.get(one.place, ())):
        for node in ast.walk(parse(part.text).tree):
            match node:
                case ast.Call(func=ast.Name(id="user"), args=[ast.Constant(value=str(id))]) if id.strip() == party.id:
                    yield part.span(node.col_offset, (node.end_col_offset or 0) - node.col_offset)


def _judged(subject: Subject) -> Iterator[tuple[Asked, Meant]]:
    """The expressions for people, with who reads them; none where the directory is not known."""
    if subject.directory is not None:
        meant = Meant(Roster(subject.directory), subject.process.people)
        yield from ((one, meant) for one in asked(subject.graph))
