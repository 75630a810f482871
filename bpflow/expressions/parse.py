"""From text to a checked tree: a small, safe part of Python's expressions.

The law of this file: Python's parser serves for precedence alone. It is given the tokens' numbers in place of all names and
literals; what comes back is held against an allow-list, and then gets the user's names, values and places again, as data.
"""

from __future__ import annotations

import ast
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import pairwise, takewhile
from typing import Any, NoReturn

from msgspec import Struct

from bpflow.diagnostics import Message, did_you_mean, say
from bpflow.expressions.errors import EvaluationError, ExpressionError, brief
from bpflow.expressions.functions import Function
from bpflow.expressions.library import BUILTIN_NAMES, FUNCTIONS
from bpflow.expressions.numbers import LARGEST
from bpflow.expressions.tokens import MAX_DEPTH, Token, tokenize

MAX_TREE = 2 * MAX_DEPTH
"""Levels of operators and brackets together: `a + b + c` has two."""
MAX_GENERATORS = 3
"""Generators inside generators."""


class Path(Struct, frozen=True):
    """What an expression reads: a name, and the fields that follow it. `document.client.name` → ("document", "client", "name")."""

    names: tuple[str, ...]
    offset: int


class Parsed(Struct, frozen=True, eq=False):
    """An expression that has been read.

    `names`: the names that it takes from outside, with the offset of their first use · `paths`: those names with their fields ·
    `calls`: the functions called, with offsets · `tree`: its `ast`, in which `id`, `attr` and constants are the user's own, and
    `col_offset` and `end_col_offset` count characters of `text`.
    """

    text: str
    names: Mapping[str, int]
    paths: tuple[Path, ...]
    calls: tuple[tuple[str, int], ...]
    tree: ast.expr

    def __eq__(self, other: object) -> bool:
        return type(other) is Parsed and self.text == other.text  # from which all else follows

    def __hash__(self) -> int:
        return hash(self.text)


def written_out(node: ast.expr) -> Any:
    """The text, number, truth or none that is written out there; `...` for anything else."""
    match node:
        case ast.Constant(value=value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=value)) if type(value) is not bool:
            return -value  # type: ignore[operator]  # the reader lets nothing but a number stand there
    return ...


@lru_cache(8192)
def parse(text: str) -> Parsed:
    """Read an expression. ExpressionError, with place and hint, if it is none.

    A file has the same expression in many places, and several readers; what has been read is shared, so nobody changes it.
    """
    tokens = tokenize(text)
    source = _Source(tokens)
    tree = _python_tree(source)
    reader = _Reader(source)
    try:
        reader.expression(tree, 1)
    except RecursionError:
        raise _too_deep(tokens[0].offset) from None
    return Parsed(text, reader.names, tuple(reader.paths), tuple(reader.calls), tree)


class _Source:
    """The tokens as text for Python's parser, and the way back from its columns to ours."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.starts: list[int] = []
        pieces = ["("]
        at = 1
        for number, token in enumerate(tokens):
            piece = {"name": f"n{number}", "literal": f'"{number}"'}.get(token.kind, token.text)
            self.starts.append(at)
            pieces.append(piece)
            at += len(piece) + 1
        self.text = pieces[0] + " ".join(pieces[1:]) + ")"

    def at(self, column: int) -> Token:
        """The token at a column of the text, or the nearest before it."""
        return self.tokens[max(0, bisect_right(self.starts, column) - 1)]

    def token(self, placeholder: str) -> Token:
        return self.tokens[int(placeholder.lstrip("n"))]


def _too_deep(offset: int) -> ExpressionError:
    return ExpressionError(say("the expression is nested too deeply: at most {depth} levels", depth=MAX_DEPTH), offset)


def _python_tree(source: _Source) -> ast.expr:
    try:
        return ast.parse(source.text, mode="eval").body
    except SyntaxError as error:
        raise _syntax_error(source, (error.offset or 1) - 1) from None
    except (RecursionError, MemoryError):
        raise _too_deep(source.tokens[0].offset) from None


def _syntax_error(source: _Source, column: int) -> ExpressionError:
    tokens, last = source.tokens, source.tokens[-1]
    words = [token.text for token in tokens if token.kind == "word"]
    if words.count("if") > words.count("else") and "for" not in words:
        word = next(token for token in tokens if token.kind == "word" and token.text == "if")
        hint = say("leave it out where a condition stands") if word is tokens[0] and "else" not in words else say('write "a if condition else b"')
        return ExpressionError(say('"if" without "else"'), word.offset, 2, hint)
    ends_early = last.kind == "word" or (last.kind == "operator" and last.text not in ")]")
    if ends_early or column >= source.starts[-1] + len(last.text) + 1:
        return ExpressionError(say('something is missing after "{token}"', token=brief(last.text)), last.offset, len(last.text))
    token = _culprit(tokens, source.at(column))
    return ExpressionError(say('"{token}" is not expected here', token=brief(token.text)), token.offset, len(token.text))


def _culprit(tokens: list[Token], reported: Token) -> Token:
    """The first operator or word with nothing on a side where it needs something; else what Python reported."""
    for left, right in pairwise(tokens):
        if left.kind == "operator" and left.text not in ")]" and right.kind == "operator" and right.text not in ("(", "[", "-"):
            empty = left.text + right.text in ("()", "[]") or (left.text, right.text) in ((",", ")"), (",", "]"))
            if not empty:
                return right
    return reported


# ── the allow-list ──────────────────────────────────────────────────────────────────────────────────────────────────
OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.In: "in",
    ast.NotIn: "not in",
}


class _Reader:
    """Holds a tree against the allow-list, gives it back its names and places, and notes what it reads and calls."""

    def __init__(self, source: _Source) -> None:
        self.source = source
        self.names: dict[str, int] = {}
        self.paths: list[Path] = []
        self.calls: list[tuple[str, int]] = []
        self.bound: list[str] = []

    def expression(self, node: ast.expr, depth: int) -> None:
        self.place(node, depth)
        match node:
            case ast.Constant():
                self.constant(node, LARGEST)
            case ast.Name() | ast.Attribute() | ast.Subscript():
                self.path(node, depth)
            case ast.Call():
                self.call(node, depth)
            case _:
                self.operation(node, depth)

    def operation(self, node: ast.expr, depth: int) -> None:
        match node:
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant() as operand):
                self.place(operand, depth + 1)
                self.constant(operand, LARGEST + 1)  # the smallest integer has no positive twin
            case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
                self.expression(operand, depth + 1)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
                self.each((left, right), depth)
            case ast.BoolOp(values=values):
                self.each(values, depth)
            case ast.Compare(left=left, ops=ops, comparators=others) if all(type(op) in OPERATORS for op in ops):
                self.each((left, *others), depth)
            case ast.IfExp(test=test, body=body, orelse=other):
                self.each((body, test, other), depth)
            case ast.List(elts=items):
                self.each(items, depth)
            case _:
                self.refuse(node, *_refusal(node))

    def each(self, nodes: Iterable[ast.expr], depth: int) -> None:
        for node in nodes:
            self.expression(node, depth + 1)

    def place(self, node: ast.expr, depth: int) -> None:
        first, last = self.source.at(node.col_offset), self.source.at((node.end_col_offset or 1) - 1)
        node.col_offset, node.end_col_offset = first.offset, last.end
        if depth > MAX_TREE:
            raise _too_deep(node.col_offset)

    def refuse(self, node: ast.expr, message: Message, hint: Message | None = None, rule: str = "bad-expression") -> NoReturn:
        raise ExpressionError(message, node.col_offset, (node.end_col_offset or 0) - node.col_offset, hint, rule)

    def constant(self, node: ast.Constant, largest: int) -> None:
        value = self.source.token(str(node.value)).value
        if type(value) is int and value > largest:
            self.refuse(node, say("the number is too large: an integer has at most 64 bits"))
        node.value = value  # type: ignore[assignment]  # a Decimal stands in the tree as any other constant does

    # names ──────────────────────────────────────────────────────────────────────────────────────────────────────────
    def path(self, node: ast.expr, depth: int) -> None:
        names = self.chain(node, depth)
        if names and names[0] not in self.bound:
            self.paths.append(Path(tuple(takewhile(bool, names)), node.col_offset))

    def chain(self, node: ast.expr, depth: int) -> list[str]:
        """Read a name and the fields after it. An empty string stands for an index; nothing where there is no name at the root."""
        match node:
            case ast.Name():
                return [self.name(node)]
            case ast.Attribute():
                node.attr = str(self.source.token(node.attr).value)
                names, step = self.link(node.value, depth), node.attr
            case ast.Subscript(slice=key):
                names = self.link(node.value, depth)
                self.expression(key, depth + 1)
                step = key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else ""
            case _:
                raise AssertionError(node)
        return [*names, step] if names else []

    def link(self, node: ast.expr, depth: int) -> list[str]:
        if not isinstance(node, ast.Name | ast.Attribute | ast.Subscript):
            self.expression(node, depth + 1)
            return []
        self.place(node, depth + 1)
        return self.chain(node, depth + 1)

    def name(self, node: ast.Name) -> str:
        node.id = str(self.source.token(node.id).value)
        if node.id in FUNCTIONS:
            self.refuse(node, say('"{name}" is a function', name=node.id), say('write "{name}(…)"', name=node.id))
        if node.id not in self.bound:
            self.names.setdefault(node.id, node.col_offset)
        return node.id

    # calls and generators ───────────────────────────────────────────────────────────────────────────────────────────
    def call(self, node: ast.Call, depth: int) -> None:
        function = self.function(node)
        self.calls.append((function.name, node.col_offset))
        for number, argument in enumerate(node.args):
            if isinstance(argument, ast.GeneratorExp) and function.takes_list and number == 0:
                self.generator(argument, depth + 1)
            else:
                self.expression(argument, depth + 1)
        self.count_arguments(node, function)
        self.try_literal(node, function)

    def function(self, node: ast.Call) -> Function:
        callee = node.func
        self.place(callee, 1)
        if isinstance(callee, ast.Attribute):
            name = str(self.source.token(callee.attr).value)
            hint = say('write "{name}(x)" instead of "x.{name}()"', name=name) if name in FUNCTIONS else None
            self.refuse(callee, say('"{name}" is called as if it belonged to a value', name=name), hint)
        if not isinstance(callee, ast.Name):
            self.refuse(callee, say("only a function can be called"))
        name = callee.id = str(self.source.token(callee.id).value)
        if name in BUILTIN_NAMES:
            self.refuse(callee, say('"{name}" is not a function', name=name), say('write "{name}"', name=name))
        if name not in FUNCTIONS:
            self.refuse(callee, say('there is no function "{name}"', name=brief(name)), _function_like(name), "unknown-name")
        return FUNCTIONS[name]

    def count_arguments(self, node: ast.Call, function: Function) -> None:
        count, least, most = len(node.args), function.min_args, function.max_args
        if count < least:
            self.refuse(node, say('"{name}" needs {least} values, not {count}', name=function.name, least=least, count=count), _usage(function))
        if most is not None and count > most:
            self.refuse(node, say('"{name}" takes at most {most} values, not {count}', name=function.name, most=most, count=count), _usage(function))

    def try_literal(self, node: ast.Call, function: Function) -> None:
        """Find a wrong `date("2026-13-01")` here, and not in a year."""
        if function.literal and node.args and all(isinstance(argument, ast.Constant) for argument in node.args):
            try:
                function.literal(*(argument.value for argument in node.args if isinstance(argument, ast.Constant)))
            except EvaluationError as error:
                self.refuse(node.args[0], error.message, error.hint)

    def generator(self, node: ast.GeneratorExp, depth: int) -> None:
        self.place(node, depth)
        part = node.generators[0]
        if len(node.generators) > 1 or len(part.ifs) > 1 or part.is_async:
            self.refuse(node, say('a generator has one "for" and at most one "if"'), say('join conditions with "and"; put one generator inside another'))
        if len(self.bound) >= MAX_GENERATORS:
            self.refuse(node, say("at most {count} generators stand inside each other", count=MAX_GENERATORS))
        self.expression(part.iter, depth + 1)
        self.bound.append(self.target(part.target, depth + 1))
        self.each((*part.ifs, node.elt), depth)
        self.bound.pop()

    def target(self, node: ast.expr, depth: int) -> str:
        self.place(node, depth)
        if not isinstance(node, ast.Name):
            self.refuse(node, say('after "for" stands one plain name'))
        name = node.id = str(self.source.token(node.id).value)
        if name in self.bound or name in FUNCTIONS or name in BUILTIN_NAMES:
            self.refuse(node, say('the name "{name}" is taken', name=name))
        return name


_SAME_SENSE: Mapping[str, str] = {
    **dict.fromkeys(("если", "if", "iif"), "if"),
    **dict.fromkeys(("сегодня", "текдата"), "today()"),
    **dict.fromkeys(("сейчас", "тдата"), "now"),
    **dict.fromkeys(("isblank", "isnull", "is_null", "isempty", "empty", "епусто"), "x == none"),
    **dict.fromkeys(("начальник", "руководитель", "manager_of", "boss_of"), "head_of(user)"),
    **dict.fromkeys(("concat", "concatenate", "str", "string", "сцепить"), "text(a, b)"),
    **dict.fromkeys(("сумм", "сумма"), "sum(list)"),
    **dict.fromkeys(("длстр", "length", "count", "счёт"), "len(list)"),
    **dict.fromkeys(("int", "float", "decimal", "value", "число"), "number(text)"),
    **dict.fromkeys(("мин", "least"), "min(a, b)"),
    **dict.fromkeys(("макс", "greatest"), "max(a, b)"),
    **dict.fromkeys(("ifnull", "nvl", "iferror"), "coalesce(a, b)"),
    **dict.fromkeys(("trim", "сжпробелы"), "strip(text)"),
    **dict.fromkeys(("округл",), "round(number, digits)"),
    **dict.fromkeys(("дата", "datevalue"), 'date("2026-12-31")'),
    **dict.fromkeys(("дней", "дни", "день"), "days(n)"),
    **dict.fromkeys(("часов", "часы", "час"), "hours(n)"),
    **dict.fromkeys(("отдел",), 'department("sales")'),
    **dict.fromkeys(("роль",), 'with_role("lawyer")'),
    **dict.fromkeys(("пользователь", "сотрудник", "person", "employee"), 'user("ivanov")'),
}
"""What functions of spreadsheets and of other languages, and their Russian names, are here."""


def _function_like(name: str) -> Message | None:
    call = _SAME_SENSE.get(name.lower())
    if call == "if":
        return say('write "a if condition else b"')
    return say('write "{call}"', call=call) if call else did_you_mean(name, FUNCTIONS)


def _usage(function: Function) -> Message | None:
    return say("{usage}", usage=function.usage) if function.usage else None


def _refusal(node: ast.expr) -> tuple[Message, Message | None]:
    match node:
        case ast.Tuple():
            return say("a comma is not expected here"), say("a list stands between square brackets: [a, b]; decimals follow a point: 1.5")
        case ast.ListComp():
            return say("a generator stands inside a function"), say('write "list(x for x in …)"')
        case ast.GeneratorExp():
            return say("a generator stands inside a function"), say("any, all, sum, len, min, max, list, unique or join: any(x > 1 for x in …)")
        case ast.UnaryOp(op=ast.UAdd()):
            return say('"+" has nothing on its left'), None
    return say("this is not part of the language"), None
