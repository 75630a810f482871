"""Who is certainly meant: the people whom an expression names whatever happens, as far as the directory tells it before anything runs.

The law of this file: what depends on the run (the document, the initiator, an answer) is not known, and of what is not known nothing is
said. Who is away is not asked, for that changes from day to day; who has left, has left for ever.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct

from bpflow.definition.directory import EntryKind
from bpflow.definition.roster import Roster
from bpflow.expressions import ExpressionError, Parsed, parse, quoted
from bpflow.graph import Block, Call, Expr, Graph, Handler, Task, Trigger, Wait

if TYPE_CHECKING:
    from bpflow.definition.entries import DirectoryFile

FUNCTION_OF: Mapping[EntryKind, str] = {"person": "user", "department": "department", "role": "with_role"}
"""The functions that look somebody up by his name."""
KIND_OF: Mapping[str, EntryKind] = {function: kind for kind, function in FUNCTION_OF.items()}


class Party(Struct, frozen=True):
    """A person, a department or a role of the directory."""

    kind: EntryKind
    id: str


Parties: TypeAlias = "tuple[Party, ...] | None"
"""Those who are meant; empty if that is certainly nobody, None if it is not known."""


class Asked(Struct, frozen=True):
    """An expression that says who is asked, told, or allowed. `instead`: somebody else is meant if it gives nobody."""

    expr: Expr
    instead: bool = False


def asked(graph: Graph) -> Iterator[Asked]:
    """Every expression of a graph that must give people for somebody to hear of it."""
    for node in graph.nodes:
        match node:
            case Task():
                yield from _of_task(node)
            case Call():
                yield from _of_call(node)
            case Wait():
                yield from (Asked(trigger.by) for trigger, _ in node.arms if trigger.by)
            case Block():
                yield from _of_handlers(node.handlers)
    yield from _of_handlers(graph.handlers)
    yield from (Asked(start.by) for start in graph.starts if start.by)
    yield from (Asked(stage.ask) for stage in graph.stages if stage.ask)


def _of_task(task: Task) -> Iterator[Asked]:
    yield Asked(task.people, instead=task.if_nobody is not None)
    others = [task.if_nobody, task.observers]
    for alarm in task.alarms:
        others += [alarm.tell, alarm.escalate, alarm.reassign]
    yield from (Asked(expr) for expr in others if expr)


def _of_call(call: Call) -> Iterator[Asked]:
    arguments = dict(call.arguments)
    if call.people:
        yield Asked(arguments[call.people])
    elif call.service == "people.pick":
        yield Asked(arguments["from"], instead="if_nobody" in arguments)
        if "if_nobody" in arguments:
            yield Asked(arguments["if_nobody"])


def _of_handlers(handlers: tuple[Handler, ...]) -> Iterator[Asked]:
    triggers: Iterator[Trigger] = (handler.trigger for handler in handlers)
    yield from (Asked(trigger.by) for trigger in triggers if trigger.by)


class Meant:
    """Reads expressions for the people whom they name. `people` are the names of the process for such expressions."""

    def __init__(self, roster: Roster, people: Mapping[str, Expr]) -> None:
        self.roster = roster
        self.people = people

    def by(self, expr: Expr) -> Parties:
        """Whom an expression names."""
        read = read_again(expr.text)
        return self.of(read.tree) if read else None

    def read_by(self, expr: Expr) -> list[str]:
        """The names under `people` that an expression reads, also through each other."""
        found: list[str] = []
        todo = [expr]
        while todo:
            read = read_again(todo.pop().text)
            new = [name for name in (read.names if read else ()) if name in self.people and name not in found]
            found += new
            todo += [self.people[name] for name in new]
        return found

    def of(self, node: ast.expr, within: tuple[str, ...] = ()) -> Parties:
        """Whom a part of an expression names; `within` are the names that are being explained."""
        match node:
            case ast.Constant(value=None):
                return ()
            case ast.Name(id=name) if name in self.people and name not in within:
                read = read_again(self.people[name].text)
                return self.of(read.tree, (*within, name)) if read else None
            case ast.List(elts=items):
                each = [self.of(item, within) for item in items]
                return None if None in each else tuple(dict.fromkeys(party for parties in each for party in parties or ()))
            case ast.Call(func=ast.Name(id=function), args=arguments):
                return self._called(function, arguments, within)
        return None

    def _called(self, function: str, arguments: list[ast.expr], within: tuple[str, ...]) -> Parties:
        match function, arguments:
            case "user" | "department" | "with_role", [ast.Constant(value=str(name))]:
                id = self.roster.id_of(KIND_OF[function], name.strip() if function == "user" else name)
                return (Party(KIND_OF[function], id),) if id is not None else None
            case "coalesce", _:
                return self._first(arguments, within)
            case "members" | "chain" | "head_of", [whose, *rest]:
                of = self.of(whose, within)
                return self._from(function, of[0], rest) if of and len(of) == 1 else None
        return None

    def _first(self, arguments: list[ast.expr], within: tuple[str, ...]) -> Parties:
        """The first that is not none. An empty list is not none, so only what gives one person or none is passed over."""
        for argument in arguments:
            parties = self.of(argument, within)
            single = isinstance(argument, ast.Constant) or (isinstance(argument, ast.Call) and getattr(argument.func, "id", "") == "head_of")
            if parties != () or not single:
                return parties
        return ()

    def _from(self, function: str, of: Party, rest: list[ast.expr]) -> Parties:
        """The members of a group; the heads above a person or a department, or one of them."""
        if function == "members":
            return tuple(Party("person", id) for id in self.members(of)) if of.kind != "person" else None
        if of.kind == "role" or (of.kind == "department" and function == "chain"):
            return None
        heads = self.roster.heads(of.id) if of.kind == "department" else self.roster.heads(self.roster.department_of(of.id), but=of.id)
        line = tuple(Party("person", id) for id in heads if id in self.roster.data.people)
        match rest:
            case []:
                return line if function == "chain" else line[:1]
            case [ast.Constant(value=int(level))] if level >= 1:
                return line[level - 1 : level]
        return None

    def members(self, party: Party) -> list[str]:
        """The people of a group; the person himself."""
        if party.kind == "person":
            return [party.id]
        return self.roster.roles[party.id] if party.kind == "role" else self.roster.members(party.id)


def calls_of(name: str, directory: DirectoryFile) -> list[str]:
    """The calls that give whoever has that id in the directory, or that title."""
    roster = Roster(directory)
    found = [(function, roster.id_of(kind, name)) for kind, function in FUNCTION_OF.items()]
    return [f"{function}({quoted(id)})" for function, id in found if id is not None]


def read_again(text: str) -> Parsed | None:
    """An expression of a graph; None where what was written could not be read."""
    try:
        return parse(text)
    except ExpressionError:
        return None
