"""Known ways out of sandboxes for Python's expressions: none leads out of this one.

Each is refused when the process is read, as an expression and in a text. Those that are nothing but names and fields, and so are well
written, find nothing under them when they are evaluated all the same: a field of a value is looked up in data, never in a Python object.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from bpflow.diagnostics import Severity
from bpflow.expressions import Department, Document, Duration, EvaluationError, ExpressionError, File, Role, User, compile_code
from bpflow.loading import Loaded, load_text
from tests.expressions.conftest import Unanswered, World

# fmt: off
ESCAPES: dict[str, list[str]] = {
    "from a literal to all classes": [
        "().__class__", "().__class__.__base__", "().__class__.__bases__[0].__subclasses__()", "[].__class__.__mro__[1]",
        "''.__class__.__mro__[-1].__subclasses__()", '"".__class__.__base__.__subclasses__()[132]', "(1).__class__", "1 .__class__", "1.5.__class__",
        "true.__class__.__bases__", "none.__class__", "{}.__class__", "[x.__name__ for x in ().__class__.__base__.__subclasses__()]", "len.__self__",
        "len.__class__.__subclasses__", "(lambda: 0).__class__", "document.__class__.__init__.__globals__", "document.__dict__",
        "document.__reduce__()", "document.__reduce_ex__(2)", "x.__init_subclass__", "x.__getattribute__", 'x["__class__"]', 'document["__class__"]',
        'document["__dict__"]["x"]',
    ],
    "names of Python": [
        "__import__", "__import__('os')", '__import__("os").system("true")', "__builtins__", '__builtins__["eval"]', "__name__", "__file__",
        "__loader__.load_module('os')", "__spec__", "__doc__", "__debug__", "__build_class__", "_", "__", "_x", "eval('1')", "exec('1')",
        "compile('1', '', 'eval')", "open('/etc/passwd')", "open('/etc/passwd').read()", "input()", "print(1)", "breakpoint()", "help()", "exit()",
        "quit()", "globals()", "locals()", "vars()", "vars(document)", "dir()", "dir(document)", "getattr(document, 'name')",
        "setattr(document, 'name', 1)", "delattr(document, 'name')", "hasattr(document, '__class__')", "type(document)", "type('X', (), {})",
        "object()", "super()", "isinstance(x, object)", "id(document)", "hash(document)", "repr(document)", "ascii(document)", "str(document)",
        "bytes(9)", "bytearray(9)", "memoryview('')", "property(x)", "staticmethod(x)", "classmethod(x)", "map(open, [])", "filter(none, [])",
        "zip([], [])", "iter([])", "next(iter([]))", "reversed([])", "sorted([], key=len)", "range(9)", "enumerate([])", "slice(1)", "chr(47)",
        "ord('a')", "os.system('true')", "sys.modules", "subprocess.run('true')", "importlib.import_module('os')", "pickle.loads('')",
        "ctypes.CDLL(none)", "builtins.eval('1')",
    ],
    "frames of generators and functions": [
        "(x for x in []).gi_frame", "(x for x in []).gi_frame.f_back.f_globals", "(x for x in []).gi_code.co_consts",
        "list(g.gi_frame.f_back for g in [(x for x in [])])", "(await x)", "await x", "yield x", "(yield)", "(yield from x)", "(async for x in y)",
        "any(x async for x in y)", "document.gi_frame.f_back", "document.f_globals", "len.func_globals", "len.func_code", "compile_code.__globals__",
        "document.cr_frame", "document.ag_frame", "document.tb_frame.f_locals", "x.mro()", "document.mro", "x.__traceback__",
    ],
    "formats": [
        "'{0.__class__}'.format(document)", '"{0.__init__.__globals__}".format(document)', "'{x}'.format_map(document)", "'%s' % document",
        "'%(x)s' % document", 'f"{document.__class__}"', "f'{x!r}'", "F'{x}'", "rf'{x}'", "fr'{x}'", "f'{(lambda: 1)()}'", "t'{x}'",
        "format(document, '__class__')", "format(now, '{0.__class__}')()", "'{}'.join(['a'])", "'a'.join(x)", "'a'.encode('utf-7')", "b'x'", "rb'x'",
        "u'x'", "text('x').__class__", "'a' 'b'", "'''x'''", '"""x"""', r"'\x41'", r"'\u0041'", r"'\N{LATIN SMALL LETTER A}'", r"'\101'", r"'\0'",
    ],
    "what is no expression": [
        "(x := 1)", "x := document", "any((y := x) for x in [1])", "[y := 1, y]", "lambda: 1", "lambda x: x", "(lambda x: x)(1)",
        "(lambda: document)()", "lambda *a, **k: a", "x = 1", "x == 1; y", "import os", "from os import system", "del document", "assert x",
        "raise x", "return x", "global x", "nonlocal x", "pass", "with open('x') as f: f", "def f(): 1", "class X: 1", "try: x", "if x: y",
        "for x in y: z", "while true: x", "@x", "x if y", "x\ny = 1", "x # comment", "x \\\n y", "match x: y", "type X = int", "*x", "[*x]",
        "(*x, 1)", "len(*x)", "list(**x)", "len(x=1)", "round(number=1)", "max(x, key=len)", "max(x, default=document)", "join(x, separator='a')",
        "{1, 2}", "{}", "{'a': 1}", "{**x}", "{x for x in y}", "{x: 1 for x in y}", "[x for x in y]", "(x for x in y)", "(1, 2)", "()", "1,",
        "x[1:2]", "x[:]", "x[::2]", "x[1, 2]", "x[...]", "...", "x[()]", "x @ y", "x ** y", "x << y", "x >> y", "x & y", "x | y", "x ^ y", "~x", "+x",
        "x is y", "x is not none", "not x is y", "x <> y", "1j", "1_000", "0x10", "0b1", "0o7", "1e9", "1L", ".5", "5.", "1if 2else 3", "`x`", "x!",
        "x?", "x->y", "x::y", "$x", "$(x)", "#", "\\", ";", ":", "", " ", "\n",
    ],
    "letters that look or become like others": [
        "ｅｖａｌ('1')", "𝐞𝐯𝐚𝐥('1')", "ℯval('1')", "eᵥal('1')", "＿＿import＿＿('os')", "__ｉmport__('os')", "document.__ｃlass__", "document.＿＿class＿＿",
        "x.ﬁeld.__class__", "doc\u200bument.__class__", "doc\u00adument", "document\u2024__class__", "document．__class__", "document\ufe52__class__",
        "x\u00a0+ 1", "x\u2028y", "x\x0cy", "x\x00", "x\x1a", "\ufeffx", "\u202ex", "x\u2066y", "０", "x[０]", "１ + １", "\ud800", "‘x’", "“x”",
        "document.nаme", "evаl('1')", "_＿class__", "𝓍.__class__", "ſ.__class__", "ªeval", "x\u0301.__class__",
    ],
    "machinery of this sandbox": [
        "s.ask", "s.names", "s.names.clear()", "left", "left.__class__", "given_0", "given_0.__globals__", "known", "absent(1, 2, 3)", "metered(1)",
        "kept", "KeyError", "error.args", "expression(s)", "item_0", "n0", "n0.n1", "any(item_0 for x in [1])", "any(x for item_0 in [1])",
        "any(x for now in [1])", "any(x for document in [1])", "any(len for len in [1])", "any(x.y for x.y in [1])", "any(x for x, y in [1])",
        "any(x for x[0] in [1])", "any(x for [x] in [1])", "any(any(x for x in y) for x in y)", "coalesce.run", "coalesce(text)",
        "list(text for x in [1])", "text.run", "user.__wrapped__", "len(len)", "list(list)", "x()", "document()", "now()", "document.name()",
        "[len][0]([])", "x[0]()", "len([])()", "any(x)(y)", "true()", "'len'([])", "operations.add(1, 2)", "compile_code('1')", "World()",
        "Scope.ask",
    ],
}
HARMLESS = [
    'initiator["__class__"]["__mro__"]', 'now["__class__"]', '[]["__class__"]', '""["__len__"]', 'any(x for x in []).gi_frame',
    'any(s for s in [1])', 'any(left for left in [])', '(len)([])',
]
"""What is well written and finds nothing."""
# fmt: on
ALL = [(family, text) for family, several in ESCAPES.items() for text in several]
VALUES = (bool, int, Decimal, str, date, datetime, Duration, list, User, Document, Department, Role, File, type(None))


def readable(text: str) -> str:
    """As a scalar of YAML: what no YAML may have is written as an escape of Python's, which is an error as well."""
    shown = "".join(letter if letter.isprintable() or letter == "\n" else f"\\u{ord(letter):04x}" for letter in text)
    return '"' + shown.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


@pytest.fixture(scope="module")
def loaded() -> Loaded:
    """A process in which each of them is a condition, and stands in a text; three lines each."""
    pause, tell = "  - activity: pause\n    until: {}\n", "  - {{activity: notify, to: initiator, text: {}}}\n"
    steps = [pause.format(readable(text)) + tell.format(readable(f"On $({text}).")) for _, text in ALL]
    return load_text("bpflow: 1\nid: p\ntitle: P\nsteps:\n" + "".join(steps))


@pytest.fixture(scope="module")
def wrong(loaded: Loaded) -> set[int]:
    """The lines with errors."""
    return {finding.span.line for finding in loaded.findings if finding.severity is Severity.ERROR}


@pytest.mark.parametrize("number", range(len(ALL)), ids=[f"{family}: {text[:30]!a}" for family, text in ALL])
def test_a_process_with_it_is_refused(loaded: Loaded, wrong: set[int], number: int):
    assert loaded.graph is None
    assert 6 + 3 * number in wrong, "as a condition"
    assert 7 + 3 * number in wrong or ALL[number][1].strip() == "" or ")" in ALL[number][1], "in a text"


@pytest.mark.parametrize("text", [*(text for _, text in ALL), *HARMLESS], ids=ascii)
def test_it_finds_nothing_when_it_is_evaluated(text: str, world: World):
    world.names = {**world.names, "x": [1], "y": {"z": 1}, "s": {"ask": 1}, "left": 2, "known": 3, "error": {"args": 4}}
    try:
        value: Any = compile_code(text)(world)
    except (ExpressionError, EvaluationError, Unanswered):
        return
    assert isinstance(value, VALUES), type(value)


def test_there_are_many():
    assert len(ALL) == len({text for _, text in ALL}) > 300
