"""From a checked tree to a Python function of one Scope.

The law of this file: the code that Python gets is built here, node by node, of calls to our own operators. It has no builtins, no
attribute access but that of `names`, and nothing of the user's text in it but constants.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from types import FunctionType
from typing import Any, TypeAlias

from bpflow.diagnostics import say
from bpflow.expressions import operations
from bpflow.expressions.data import Value
from bpflow.expressions.errors import Absent, EvaluationError, ExpressionError, describe
from bpflow.expressions.functions import FUNCTIONS, Function, Scope
from bpflow.expressions.meter import MAX_TURNS, MAX_WORK, Meter, kept, metered, pay_turns
from bpflow.expressions.parse import OPERATORS, Parsed, parse

Code: TypeAlias = Callable[[Scope], Value]
"""A compiled expression."""

SHORT = 100
"""Characters of a literal that costs nothing to be compared with."""
MANY_PARTS = 200
"""An expression of more parts is metered even if it has neither generators nor lists."""
MAX_READS = 10_000
"""How often one expression may come to evaluate expressions of people, each within others."""

_CALLS: dict[str, Callable[..., Any]] = {
    "+": operations.add,
    "-": operations.subtract,
    "*": operations.multiply,
    "/": operations.divide,
    "//": operations.floor_divide,
    "%": operations.remainder,
    "==": operations.equal,
    "!=": operations.unequal,
    "<": operations.less,
    "<=": operations.less_or_equal,
    ">": operations.greater,
    ">=": operations.greater_or_equal,
    "in": operations.contained,
    "not in": operations.not_contained,
}
_ASK = frozenset(("+", "-"))  # a date with a duration asks the calendar


def compile_code(text: str, people: Mapping[str, str] = {}) -> Code:
    """The expression as a function of a Scope, which may be called any number of times.

    A name in `people` stands for that expression. ExpressionError if a text is no expression or people go round in a circle. The
    function raises EvaluationError where there is no value, and lets through whatever `Scope.ask` raises.
    """
    parsed = parse(text)
    try:
        return _Compiler(people).compiled(parsed)[0]
    except RecursionError:
        raise ExpressionError(say("the expression is nested too deeply")) from None


# ── what compiled code calls ────────────────────────────────────────────────────────────────────────────────────────
def read(names: Mapping[str, Any], name: str) -> Any:
    """The value of a name. Absent if it has none yet."""
    try:
        return names[name]
    except KeyError as error:
        raise absent(error, names, (name,)) from None


def absent(error: KeyError, names: Mapping[str, Any], known: Iterable[str]) -> Exception:
    """What a failed look-up means: a name without a value, or (the error itself) a mistake of somebody else's."""
    name = str(error.args[0]) if error.args else ""
    if name in known and name not in names:
        return Absent(say('"{name}" has no value yet', name=name), say('"coalesce({name}, …)" gives one in place of it', name=name))
    return error


def turns(value: Any, left: Meter, parts: int) -> list[Any]:
    """The list that a generator goes through, once all its turns are paid for; `parts`: how much of the expression each turn goes through."""
    if not isinstance(value, list):
        hint = say('"coalesce(x, [])" makes an empty list of none') if value is None else None
        raise EvaluationError(say("a generator goes through a list, not {value}", value=describe(value)), hint)
    pay_turns(left, len(value), parts)
    return value


def is_none(read_value: Callable[[], Any]) -> bool:
    """`x == none`: also true where `x` is not there yet."""
    try:
        return read_value() is None
    except Absent:
        return True


# ── building ────────────────────────────────────────────────────────────────────────────────────────────────────────
_AT: dict[str, Any] = {"lineno": 1, "col_offset": 0, "end_lineno": 1, "end_col_offset": 0}
_SHELL = "def expression(s, left=None):\n {start}\n try:\n  return 0\n except KeyError as error:\n  raise absent(error, s.names, known) from None"


def _constant(value: Any) -> ast.expr:
    return ast.Constant(value, **_AT)


def _name(name: str) -> ast.expr:
    return ast.Name(name, ast.Load(), **_AT)


def _lambda(body: ast.expr, *names: str) -> ast.expr:
    given = [ast.arg(name, **_AT) for name in names]
    return ast.Lambda(ast.arguments(posonlyargs=[], args=given, kwonlyargs=[], kw_defaults=[], defaults=[]), body, **_AT)


def is_wide(tree: ast.expr) -> bool:
    """The parts of the expression together may go through much more than each of them: it has generators, lists or very many parts."""
    parts = [part for part in ast.walk(tree) if isinstance(part, ast.expr)]
    return len(parts) > MANY_PARTS or any(isinstance(part, ast.GeneratorExp) or (isinstance(part, ast.List) and not _is_constant(part)) for part in parts)


def is_short(node: ast.expr) -> bool:
    """A literal of few characters, or a list of such."""
    if isinstance(node, ast.List):
        return all(isinstance(item, ast.Constant) and is_short(item) for item in node.elts)
    return isinstance(node, ast.Constant) and (not isinstance(node.value, str) or len(node.value) <= SHORT)


def _is_constant(items: ast.List) -> bool:
    return all(isinstance(item, ast.Constant) for item in items.elts)


class _Compiler:
    """Compiles one expression, and each of the people that it names once."""

    def __init__(self, people: Mapping[str, str]) -> None:
        self.people = people
        self.codes: dict[str, tuple[Code, int]] = {}
        self.open: list[str] = []

    def compiled(self, parsed: Parsed) -> tuple[Code, int]:
        """The function, and how many evaluations one call of it may come to."""
        builder = _Builder(self, parsed)
        body = builder.expression(parsed.tree)
        return builder.function(body), builder.reads

    def person(self, name: str, offset: int) -> tuple[Code, int]:
        if name in self.open:
            circle = " → ".join((*self.open[self.open.index(name) :], name))
            raise ExpressionError(say("the people go round in a circle: {circle}", circle=circle), offset, len(name))
        if name not in self.codes:
            self.open.append(name)
            self.codes[name] = self.compiled(parse(self.people[name]))
            self.open.pop()
        return self.codes[name]


class _Builder:
    """Builds the Python tree of one expression, and the globals that it needs."""

    def __init__(self, compiler: _Compiler, parsed: Parsed) -> None:
        self.compiler = compiler
        self.parsed = parsed
        self.globals: dict[str, Any] = {"__builtins__": {}, "KeyError": KeyError, "absent": absent, "known": frozenset(parsed.names)}
        self.given: dict[int, str] = {}
        self.bound: dict[str, str] = {}
        self.tolerant = 0
        self.metered = is_wide(parsed.tree)
        self.reads = 1

    def function(self, body: ast.expr) -> Code:
        start = f"left = left or [{MAX_TURNS}, {MAX_WORK}]" if self.metered else "pass"
        shell = ast.parse(_SHELL.replace("{start}", start))
        whole: Any = shell.body[0]
        whole.body[1].body[0].value = body
        code = compile(shell, "<expression>", "exec")
        inner = next(constant for constant in code.co_consts if hasattr(constant, "co_code"))
        made: Any = FunctionType(inner, self.globals, "expression", (None,))
        return made  # type: ignore[no-any-return]

    def known(self, value: Any) -> ast.expr:
        """A name in the code for something that the code needs."""
        if id(value) not in self.given:
            self.given[id(value)] = f"given_{len(self.given)}"
            self.globals[self.given[id(value)]] = value
        return _name(self.given[id(value)])

    def call(self, run: Callable[..., Any], *arguments: ast.expr) -> ast.expr:
        """A call of something that reads, or goes through its own few values."""
        return ast.Call(self.known(run), list(arguments), [], **_AT)

    def work(self, run: Callable[..., Any], *arguments: ast.expr) -> ast.expr:
        """A call of something that may go through long texts and lists, or make them."""
        return self.call(metered, _name("left"), self.known(run), *arguments) if self.metered else self.call(run, *arguments)

    def value(self, value: Any) -> ast.expr:
        return _constant(value) if value is None or type(value) in (bool, int, str) else self.known(value)

    def expression(self, node: ast.expr) -> ast.expr:
        match node:
            case ast.Constant(value=value):
                return self.value(value)
            case ast.Name(id=name):
                return self.name(name, node.col_offset)
            case ast.Attribute(value=value, attr=field):
                return self.call(operations.attribute, _name("s"), self.expression(value), _constant(field))
            case ast.Subscript(value=value, slice=index):
                return self.call(operations.item, _name("s"), self.expression(value), self.expression(index))
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return self.library(FUNCTIONS[name], arguments)
            case ast.List(elts=items):
                made = ast.List([self.expression(item) for item in items], ast.Load(), **_AT)
                return self.call(kept, _name("left"), made) if self.metered else made
        return self.operation(node)

    def operation(self, node: ast.expr) -> ast.expr:
        match node:
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return ast.UnaryOp(ast.Not(), self.condition(operand), **_AT)
            case ast.UnaryOp(operand=ast.Constant(value=int() as value)) if type(value) is int:
                return self.value(-value)
            case ast.UnaryOp(operand=operand):
                return self.call(operations.negative, self.expression(operand))
            case ast.BinOp(left=left, op=op, right=right):
                sign = OPERATORS[type(op)]
                scope = (_name("s"),) if sign in _ASK else ()
                return self.work(_CALLS[sign], *scope, self.expression(left), self.expression(right))
            case ast.BoolOp(op=op, values=values):
                return ast.BoolOp(op, [self.condition(value) for value in values], **_AT)
            case ast.IfExp(test=test, body=body, orelse=other):
                return ast.IfExp(self.condition(test), self.expression(body), self.expression(other), **_AT)
            case ast.Compare():
                return self.comparison(node)
        raise AssertionError(node)

    def condition(self, node: ast.expr) -> ast.expr:
        """The node as true or false; comparisons and their like are so already."""
        certain = isinstance(node, ast.Compare | ast.BoolOp) or (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not))
        made = self.expression(node)
        return made if certain else self.call(operations.condition, made)

    # names ──────────────────────────────────────────────────────────────────────────────────────────────────────────
    def name(self, name: str, offset: int) -> ast.expr:
        if name in self.bound:
            return _name(self.bound[name])
        if name == "now":
            return ast.Attribute(_name("s"), "now", ast.Load(), **_AT)
        if name in self.compiler.people:
            return self.person(name, offset)
        names = ast.Attribute(_name("s"), "names", ast.Load(), **_AT)
        if self.tolerant:
            return self.call(read, names, _constant(name))
        return ast.Subscript(names, _constant(name), ast.Load(), **_AT)

    def person(self, name: str, offset: int) -> ast.expr:
        code, reads = self.compiler.person(name, offset)
        self.reads += reads
        if self.reads > MAX_READS:
            raise ExpressionError(say("the people stand for too long an expression"), offset, len(name))
        self.metered = True
        return self.call(code, _name("s"), _name("left"))

    # comparisons ────────────────────────────────────────────────────────────────────────────────────────────────────
    def comparison(self, node: ast.Compare) -> ast.expr:
        signs = [OPERATORS[type(op)] for op in node.ops]
        if len(signs) > 1:
            links = [self.link(sign, other) for sign, other in zip(signs, node.comparators, strict=True)]
            return self.call(operations.chained, self.expression(node.left), *links)
        left, right = node.left, node.comparators[0]
        if signs[0] in ("==", "!="):
            return self.equality(left, right, signs[0])
        return self.compared(signs[0], left, right)

    def compared(self, sign: str, left: ast.expr, right: ast.expr) -> ast.expr:
        """A comparison; one with a short literal does not go far, whatever it is compared with."""
        near = is_short(right) or (is_short(left) and sign not in ("in", "not in"))
        call = self.call if near else self.work
        return call(_CALLS[sign], self.side(left, sign), self.side(right, sign))

    def link(self, sign: str, other: ast.expr) -> ast.expr:
        compare = _lambda(self.work(_CALLS[sign], _name("a"), _name("b")), "a", "b") if self.metered else self.known(_CALLS[sign])
        return ast.Tuple([compare, _lambda(self.expression(other))], ast.Load(), **_AT)

    def equality(self, left: ast.expr, right: ast.expr, sign: str) -> ast.expr:
        for one, other in ((left, right), (right, left)):
            if isinstance(other, ast.Constant) and other.value is None and isinstance(one, ast.Name | ast.Attribute | ast.Subscript):
                made = self.call(is_none, self.lazy(one))
                return made if sign == "==" else ast.UnaryOp(ast.Not(), made, **_AT)
        return self.compared(sign, left, right)

    def side(self, node: ast.expr, sign: str) -> ast.expr:
        """A side of a comparison: of `==`, `x.outcome` may be compared before `x` has run."""
        match node:
            case ast.Attribute(value=ast.Name(id=name), attr="outcome") if sign in ("==", "!=") and name not in self.bound and name not in self.compiler.people:
                names = ast.Attribute(_name("s"), "names", ast.Load(), **_AT)
                return self.call(operations.result, names, _constant(name), _constant("outcome"))
        return self.expression(node)

    def lazy(self, node: ast.expr) -> ast.expr:
        """The node as something to be read, where a name without a value is allowed for."""
        self.tolerant += 1
        made = _lambda(self.expression(node))
        self.tolerant -= 1
        return made

    # calls ──────────────────────────────────────────────────────────────────────────────────────────────────────────
    def library(self, function: Function, arguments: list[ast.expr]) -> ast.expr:
        constant = self.literal(function, arguments)
        if constant is not None:
            return self.value(constant)
        if function.name == "coalesce":
            return self.work(function.run, *(self.lazy(argument) for argument in arguments))
        made = [self.argument(function, argument) for argument in arguments]
        return self.work(function.run, *([_name("s")] if function.asks else []), *made)

    def literal(self, function: Function, arguments: list[ast.expr]) -> Any:
        values = [argument.value for argument in arguments if isinstance(argument, ast.Constant)]
        return function.literal(*values) if function.literal and len(values) == len(arguments) else None

    def argument(self, function: Function, node: ast.expr) -> ast.expr:
        if isinstance(node, ast.GeneratorExp):
            return self.generator(node, short=function.name in ("any", "all"))
        return self.expression(node)

    def generator(self, node: ast.GeneratorExp, short: bool) -> ast.expr:
        """A generator as one of Python's; as a list, unless its function stops at the first item that decides."""
        part = node.generators[0]
        parts = sum(isinstance(inner, ast.expr) for one in (node.elt, *part.ifs) for inner in ast.walk(one))
        items = self.call(turns, self.expression(part.iter), _name("left"), _constant(parts))
        name, known = str(getattr(part.target, "id", "")), f"item_{len(self.bound)}"
        self.bound[name] = known
        ifs = [self.condition(test) for test in part.ifs]
        inner = self.expression(node.elt)
        del self.bound[name]
        loop = ast.comprehension(ast.Name(known, ast.Store(), **_AT), items, ifs, 0)
        if short:
            return ast.GeneratorExp(inner, [loop], **_AT)
        is_read = isinstance(node.elt, ast.Name | ast.Attribute | ast.Subscript | ast.IfExp)  # what is made is paid for by whoever makes it
        return ast.ListComp(self.call(kept, _name("left"), inner) if is_read else inner, [loop], **_AT)
