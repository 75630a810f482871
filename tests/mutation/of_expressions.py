"""Mistakes inside expressions."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import TypeVar

from bpflow.checks.subject import Use
from bpflow.diagnostics import Span
from bpflow.expressions import FUNCTIONS
from tests.mutation.editing import Change, Original, typo
from tests.mutation.kinds import kind, other

N = TypeVar("N", bound=ast.expr)
PEOPLE = ("user", "department", "with_role")


# ── looking ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def nodes(original: Original, *kinds: type[N]) -> Iterator[tuple[Use, N]]:
    """All parts of expressions of some kinds, with the expressions that they stand in."""
    for use in original.uses:
        for node in ast.walk(use.parsed.tree):
            if isinstance(node, kinds) and _text(original, use, node) is not None:
                yield use, node


def names_of(node: ast.expr) -> tuple[str, ...]:
    """The names of `a.b.c`; empty for anything else."""
    match node:
        case ast.Name(id=name):
            return (name,)
        case ast.Attribute(value=value, attr=name):
            before = names_of(value)
            return (*before, name) if before else ()
    return ()


def span_of(use: Use, node: ast.expr) -> Span:
    return use.span(node.col_offset, (node.end_col_offset or 0) - node.col_offset)


def _text(original: Original, use: Use, node: ast.expr) -> str | None:
    """What stands for a part; None where the file does not show it character by character."""
    said = use.part.text[node.col_offset : node.end_col_offset]
    return said if original.cut(span_of(use, node)) == said else None


def inside(use: Use, node: ast.expr) -> str:
    return use.part.text[node.col_offset : node.end_col_offset]


def instead(original: Original, use: Use, node: ast.expr, new: str) -> Change:
    return original.replaced(span_of(use, node), new)


def called(original: Original) -> Iterator[tuple[Use, ast.Call, str]]:
    for use, node in nodes(original, ast.Call):
        if isinstance(node.func, ast.Name):
            yield use, node, node.func.id


def between(original: Original, use: Use, left: ast.expr, right: ast.expr, change: Callable[[str], str]) -> Iterator[Change]:
    """The sign between two parts is another."""
    first, last = left.end_col_offset or 0, right.col_offset
    sign = use.part.text[first:last]
    span = use.span(first, last - first)
    if original.cut(span) == sign and change(sign) != sign:
        yield original.replaced(span, change(sign), f"{inside(use, left)}{change(sign)}{inside(use, right)}")


def in_text(use: Use) -> bool:
    """Whether the expression is put into a text with other words, where any value can be printed."""
    return use.part.offset > 0 and use.part.text != str(use.part.source)[2:-1]


def leaves(original: Original) -> Iterator[tuple[Use, ast.expr, tuple[str, ...]]]:
    """What is read: the longest paths."""
    within = {id(node.value) for _, node in nodes(original, ast.Attribute)}
    for use, node in nodes(original, ast.Name, ast.Attribute):
        if id(node) not in within and names_of(node):
            yield use, node, names_of(node)


# ── names ───────────────────────────────────────────────────────────────────────────────────────────────────────────
@kind
def misspelt_name(original: Original) -> Iterator[Change]:
    """`manger` for `manager`: a variable, a person, a step, an input"""
    functions = {id(node.func) for _, node, _ in called(original)}
    for use, node in nodes(original, ast.Name):
        if id(node) not in functions:
            yield instead(original, use, node, typo(node.id))


@kind
def misspelt_function(original: Original) -> Iterator[Change]:
    """`haed_of(…)`"""
    for use, node, name in called(original):
        yield instead(original, use, node.func, typo(name))


@kind
def misspelt_field(original: Original) -> Iterator[Change]:
    """`document.staus`, `ask.otucome`"""
    for use, node in nodes(original, ast.Attribute):
        end, attr = node.end_col_offset or 0, node.attr
        yield original.replaced(use.span(end - len(attr), len(attr)), typo(attr), f"{'.'.join(names_of(node)) or attr} → {typo(attr)}")


@kind
def misspelt_value(original: Original) -> Iterator[Change]:
    """A value of a choice, an outcome or a result, misspelt where it is compared"""
    for use, node in compared(original):
        yield instead(original, use, node, f'"{typo(str(node.value))}"')


@other("the field may have that value too")
def another_value(original: Original) -> Iterator[Change]:
    """Another value of the same choice"""
    for use, node in compared(original):
        for choice in choices_beside(original, use, node):
            yield instead(original, use, node, f'"{choice}"')


@kind
def misspelt_person(original: Original) -> Iterator[Change]:
    """The id of a person, a role or a department, misspelt"""
    for use, node, name in called(original):
        if name in PEOPLE and node.args and isinstance(node.args[0], ast.Constant):
            yield instead(original, use, node.args[0], f'"{typo(str(node.args[0].value))}"')


@kind
def without_quotes(original: Original) -> Iterator[Change]:
    """A text without its quotes"""
    for use, node in nodes(original, ast.Constant):
        if isinstance(node.value, str) and node.value:
            yield instead(original, use, node, node.value)


@kind
def no_field(original: Original) -> Iterator[Change]:
    """`document` for `document.status`: the thing instead of its field"""
    for use, node in nodes(original, ast.Attribute):
        if not in_text(use):
            yield instead(original, use, node, inside(use, node.value))


@kind
def field_of_another_type(original: Original) -> Iterator[Change]:
    """A field of the same thing that holds something else: a date for a person"""
    yield from other_fields(original, lambda use, same: not same and not in_text(use))


@other("in a text anything can be printed")
def another_field_in_a_text(original: Original) -> Iterator[Change]:
    """A text tells another field"""
    yield from other_fields(original, lambda use, same: in_text(use))


@other("both fields are there, and of one type")
def field_of_the_same_type(original: Original) -> Iterator[Change]:
    """Another field of the same thing and type"""
    yield from other_fields(original, lambda use, same: same and not in_text(use))


@kind
def result_of_another_step(original: Original) -> Iterator[Change]:
    """A result of a step that is not on every way here: of another branch, of a later step"""
    for use, node, names in leaves(original):
        here = original.around(use.span(0, 1))
        if names[0] in original.ids and len(names) > 1 and here:
            away = [id for id, there in original.ways.items() if id != names[0] and names[1] in original.fields((id,)) and not on_the_way(there, here)]
            for id in away[:3]:
                yield instead(original, use, node, ".".join([id, *names[1:]]))


def on_the_way(there: tuple[str | int, ...], here: tuple[str | int, ...]) -> bool:
    """A step at one place of the file is done on every way to another: it stands above, or around, and in no branch of its own."""
    same = next((at for at, (one, two) in enumerate(zip(there, here, strict=False)) if one != two), min(len(there), len(here)))
    if same == len(there):
        return True
    one, two = there[same], here[same] if same < len(here) else 0
    return isinstance(one, int) and isinstance(two, int) and one < two and not {"outcomes", "branches", "otherwise", "meanwhile"} & {*there[same:]}


def other_fields(original: Original, wanted: Callable[[Use, bool], bool]) -> Iterator[Change]:
    for use, node, names in leaves(original):
        fields = original.fields(names[:-1]) if len(names) > 1 else {}
        own = fields.get(names[-1])
        if own is not None:
            others = {name: (one.kind, one.many) == (own.kind, own.many) for name, one in fields.items() if name != names[-1]}
            for name in [name for name, same in others.items() if wanted(use, same)][:2]:
                yield instead(original, use, node, ".".join([*names[:-1], name]))


def compared(original: Original) -> Iterator[tuple[Use, ast.Constant]]:
    """Texts that are compared with something."""
    for use, node in nodes(original, ast.Compare):
        for one in (node.left, *node.comparators):
            for text in one.elts if isinstance(one, ast.List) else (one,):
                if isinstance(text, ast.Constant) and isinstance(text.value, str) and text.value:
                    yield use, text


def choices_beside(original: Original, use: Use, node: ast.Constant) -> list[str]:
    """Two other choices of the field that a text is compared with."""
    for compare in ast.walk(use.parsed.tree):
        if isinstance(compare, ast.Compare) and node in ast.walk(compare):
            for one in (compare.left, *compare.comparators):
                field = original.field(names_of(one)) if names_of(one) else None
                if field is not None and field.kind == "choice":
                    return [id for id, _ in field.choices if id != node.value][:2]
    return []


# ── conditions ──────────────────────────────────────────────────────────────────────────────────────────────────────
@other("yes and no are both answers")
def negated_condition(original: Original) -> Iterator[Change]:
    """A condition the wrong way round"""
    for _, table in original.tables:
        for key in ("when", "until", "while", "changed", "where", "that", "done-when"):
            said = str(table.get(key, ""))
            if key in table and not isinstance(table[key], dict) and any(sign in said for sign in ("==", "!=", "<", ">", " in ", " and ", " or ")):
                yield original.value(table, key, f"not ({said})")


@other("equal and unequal can both be asked")
def unequal_for_equal(original: Original) -> Iterator[Change]:
    """`==` → `!=`, and back"""
    for use, left, op, right in comparisons(original):
        if isinstance(op, ast.Eq | ast.NotEq):
            yield from between(original, use, left, right, lambda sign: sign.replace("==", "=!").replace("!=", "==").replace("=!", "!="))


@other("less and more can both be asked")
def less_for_more(original: Original) -> Iterator[Change]:
    """`<` → `>=`, and back"""
    signs = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}
    for use, left, op, right in comparisons(original):
        if isinstance(op, ast.Lt | ast.LtE | ast.Gt | ast.GtE):
            yield from between(original, use, left, right, lambda sign: f" {signs[sign.strip()]} " if sign.strip() in signs else sign)


@kind
def one_equals_sign(original: Original) -> Iterator[Change]:
    """`=` for `==`"""
    for use, left, op, right in comparisons(original):
        if isinstance(op, ast.Eq):
            yield from between(original, use, left, right, lambda sign: sign.replace("==", "="))


@other("both and either can be asked")
def or_for_and(original: Original) -> Iterator[Change]:
    """`and` → `or`, and back"""
    for use, node in nodes(original, ast.BoolOp):
        for left, right in zip(node.values, node.values[1:], strict=False):
            yield from between(original, use, left, right, lambda sign: sign.replace("and", "0r").replace("or", "and").replace("0r", "or"))


@other("whether a field is filled by then only those tell who fill it")
def forgotten_none(original: Original) -> Iterator[Change]:
    """The part of a condition that proves that there is a value is missing, and the rest reads it"""
    for use, node in nodes(original, ast.BoolOp):
        for one in node.values:
            if isinstance(one, ast.Compare) and any(isinstance(side, ast.Constant) and side.value is None for side in one.comparators):
                rest = f" {'and' if isinstance(node.op, ast.And) else 'or'} ".join(inside(use, left) for left in node.values if left is not one)
                if isinstance(node.op, ast.And) and inside(use, one.left) in rest and not _may_be_none(rest):
                    yield instead(original, use, node, rest)


def _may_be_none(text: str) -> bool:
    """Only asks for equality, or whether something is in a list, which can be asked of none too."""
    return not any(sign in text for sign in ("<", ">", "+", " - ", "("))


def comparisons(original: Original) -> Iterator[tuple[Use, ast.expr, ast.cmpop, ast.expr]]:
    for use, node in nodes(original, ast.Compare):
        left = node.left
        for op, right in zip(node.ops, node.comparators, strict=True):
            yield use, left, op, right
            left = right


# ── values ──────────────────────────────────────────────────────────────────────────────────────────────────────────
@kind
def date_and_number(original: Original) -> Iterator[Change]:
    """`document.deadline + 3`"""
    for use, node in dates(original):
        yield instead(original, use, node, f"{inside(use, node)} + 3")


@kind
def text_for_a_date(original: Original) -> Iterator[Change]:
    """`"2026-03-31"` for a date"""
    for use, node in dates(original):
        yield instead(original, use, node, '"2026-03-31"')


def dates(original: Original) -> Iterator[tuple[Use, ast.expr]]:
    for use, node, names in leaves(original):
        field = original.field(names)
        if field is not None and field.kind in ("date", "datetime"):
            yield use, node


@other("whether a field is filled by then only those tell who fill it; of what a function gives it is found")
def forgotten_coalesce(original: Original) -> Iterator[Change]:
    """`x` for `coalesce(x, y)` inside of something that cannot do with none"""
    for use, node, name in called(original):
        if name == "coalesce" and use.parsed.tree is not node:
            yield instead(original, use, node, inside(use, node.args[0]))


@kind
def list_for_its_item(original: Original) -> Iterator[Change]:
    """`found.items` for `found.items[0]`"""
    for use, node in nodes(original, ast.Subscript):
        yield instead(original, use, node, inside(use, node.value))


@kind
def forgotten_argument(original: Original) -> Iterator[Change]:
    """A function without an argument that it needs"""
    for use, node, name in called(original):
        if len(node.args) == FUNCTIONS[name].min_args:
            yield instead(original, use, node, f"{name}({', '.join(inside(use, one) for one in node.args[:-1])})")


@kind
def arguments_in_another_order(original: Original) -> Iterator[Change]:
    """The first two arguments of a function, exchanged"""
    for use, node, name in called(original):
        if len(node.args) > 1 and name not in ("coalesce", "min", "max"):
            one, two, *rest = (inside(use, arg) for arg in node.args)
            yield instead(original, use, node, f"{name}({', '.join([two, one, *rest])})")


@other("any number may be meant")
def another_number(original: Original) -> Iterator[Change]:
    """One more"""
    for use, node in nodes(original, ast.Constant):
        if isinstance(node.value, int) and not isinstance(node.value, bool):
            yield instead(original, use, node, str(node.value + 1))


@other("numbers and dates may be added and subtracted; of lists and people it is found")
def minus_for_plus(original: Original) -> Iterator[Change]:
    """`+` → `-`, and back"""
    for use, node in nodes(original, ast.BinOp):
        if isinstance(node.op, ast.Add | ast.Sub):
            yield from between(original, use, node.left, node.right, lambda sign: sign.replace("+", "0").replace("-", "+").replace("0", "-"))


@kind
def text_for_a_number(original: Original) -> Iterator[Change]:
    """`"3"` for `3`"""
    for use, node in nodes(original, ast.Constant):
        if isinstance(node.value, int) and not isinstance(node.value, bool):
            yield instead(original, use, node, f'"{node.value}"')


# ── how it is written ───────────────────────────────────────────────────────────────────────────────────────────────
@kind
def bracket_not_closed(original: Original) -> Iterator[Change]:
    """`head_of(manager`"""
    for use, node, _ in called(original):
        yield instead(original, use, node, inside(use, node)[:-1])


@other("a text may say anything")
def forgotten_dollar(original: Original) -> Iterator[Change]:
    """`(document.name)` for `$(document.name)`"""
    for use in original.uses:
        span = use.span(-2, 2) if use.part.offset >= 2 else None
        if span is not None and original.cut(span) == "$(":
            yield original.replaced(span, "(", f"$({use.part.text}) → ({use.part.text})")


@kind
def word_of_another_language(original: Original) -> Iterator[Change]:
    """`not` as `нет`, `and` as `&&`"""
    for use, node in nodes(original, ast.BoolOp):
        for left, right in zip(node.values, node.values[1:], strict=False):
            yield from between(original, use, left, right, lambda sign: sign.replace("and", "&&").replace("or", "||"))
