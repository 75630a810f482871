"""Expressions and processes that would eat all time and memory, and a bounded room to set them off in.

Run as a program it sets off each of them with little memory, and prints a line for each: its name, the seconds of processor time, and what
came of it. What runs out of memory or of time ends the whole program, so nothing can be told of it but that.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterator
from datetime import datetime

from bpflow.diagnostics import Refused, Severity
from bpflow.expressions import EvaluationError, ExpressionError, compile_code
from bpflow.loading import load_text
from bpflow.runtime import VirtualClock, open_engine
from tests.expressions.conftest import World

MEMORY, SECONDS = 900_000_000, 100
"""What all of them together may take: bytes of address space, and seconds of processor time."""

MANY = f'split("{"a," * 40_000}", ",")'
LONG = f'"{"a" * 400_000}"'
WIDE = ",".join(["t + t"] * 1500)


def of_long(body: str, item: str = "") -> str:
    """For a long list `m`, so many times."""
    return f"any(any({body} for x in m) for m in [{MANY}{item}])"


def of_text(body: str) -> str:
    """For a long text `t`, so many times."""
    return f"any(any({body} for x in {MANY}) for t in [{LONG}])"


# fmt: off
REFUSED_AT_LOAD = {
    "power": "9 ** 9 ** 9",
    "power by calls": "pow(9, 999999)",
    "shift": "1 << 1000000",
    "walrus": "any((n := n * n) for x in y)",
    "huge integer": "9" * 30,
    "huge integer times": "9" * 5000 + " * " + "9" * 4000,
    "long fraction": "0." + "1" * 5000,
    "exponent": "1e999999",
    "hexadecimal": "0x" + "f" * 9000,
    "brackets": "(" * 5000 + "x" + ")" * 5000,
    "lists": "[" * 5000 + "]" * 5000,
    "calls": "lower(" * 1000 + "x" + ")" * 1000,
    "mixed brackets": "([" * 2000 + "x" + "])" * 2000,
    "open brackets": "(" * 9000,
    "nots": "not " * 2000 + "x",
    "minuses": "- " * 4000 + "x",
    "ifs": " if x else ".join("x" * 1000),
    "ifs inside": "(x if " * 1000 + "x" + " else x)" * 1000,
    "fields": "x" + ".y" * 4000,
    "indexes": "x" + "[0]" * 3000,
    "index of index": "x[" * 3000 + "0" + "]" * 3000,
    "sum": "+".join("x" * 4000),
    "product": "*".join(["99"] * 3000),
    "text": '"a"' + ' + "a"' * 3000,
    "comparisons": "x" + " < x" * 3000,
    "generators": "any(any(any(any(d for d in c) for c in b) for b in a) for a in x)",
    "generators inside": "any(" * 40 + "x" + " for a in b)" * 40,
    "names": "x" * 20_000,
    "arguments": "text(" + ", ".join(["x"] * 5000) + ")",
    "items": "[" + ", ".join(["1"] * 5000) + "]",
    "literal": '"' + "a" * 1_100_000 + '"',
    "repeat": '"a" * 10**9',
    "percent": '"%1000000000d" % 1 ** 9',
    "generator of two": "sum(1 for a in x for b in x)",
    "range": "sum(x for x in range(1000000000))",
    "repeated list": "[0] * 10**10",
    "dictionary": "{" * 3000,
    "backslashes": "\\" * 5000,
    "quotes": '"' * 5001,
    "combining": "a" + "\u0301" * 20_000,
}
BOUNDED = {
    "a text so many times": '"a" * 1000000000',
    "a list so many times": "[0] * 1000000000",
    "digits of a square": "list(n * n * n for n in [9223372036854775807])",
    "an integer of a text": "number(" + '"' + "9" * 100_000 + '")',
    "a huge duration": "days(9223372036854775807) + days(9223372036854775807)",
    "a distant month": "add_months(now, 9223372036854775807)",
    "a long rounding": "round(1.5, 9223372036854775807)",
    "a small rounding": "round(1.5, -9223372036854775807)",
    "a list of lists": f"text(list(list(m for x in m) for m in [{MANY}]))",
    "lists compared": of_long("list(m for y in m) == list(m for z in m)"),
    "a list of lists, each once": f"unique(list(list(m for x in m) for m in [{MANY}]))",
    "two long lists compared": of_long("m != m"),
    "two long lists joined": of_long("len(m + m) < 0"),
    "the greatest": of_long("len(max(m)) < 0"),
    "joined in each turn": of_long("len(join(m)) < 0"),
    "printed in each turn": of_long("len(text(m)) < 0"),
    "added in each turn": of_long("sum(list(1 for y in m)) < 0"),
    "unique in each turn": of_long("len(unique(m)) < 0"),
    "looked for in each turn": of_long('"b" in m'),
    "looked for in a list of lists": of_long("m in [[], [m]]") ,
    "compared in a chain": of_long("1 < 2 < 3 and m != m"),
    "in a chain": f"any(any(m == m != m for x in m) for m in [{MANY}])",
    "an item of a new list": of_long('(m + ["b"])[0] == "b"'),
    "a choice of new lists": of_long("len(m if x == x else m + m) < 0 or len(m + m) < 0"),
    "coalesced": of_long("len(coalesce(none, m + [])) < 0"),
    "a text that grows": f"list(list(t + t for x in {MANY}) for t in [{LONG}])",
    "a list that keeps a text": f"list(list([t, t, t] for x in {MANY}) for t in [{LONG}])",
    "contained": of_text('"aaaab" in t'),
    "replaced": of_text('len(replace(t, "a", "bb")) < 0'),
    "capitals": of_text("len(upper(t)) < 0"),
    "small letters": of_text("len(lower(t)) < 0"),
    "stripped": of_text("len(strip(t)) < 0"),
    "split": of_text('len(split(t, "b")) < 0'),
    "the beginning": of_text('starts_with(t, t + "b")'),
    "texts in order": of_text('t < t + "b" and t > t + "b"'),
    "replaced by much": f'replace("{"a" * 1000}", "a", "{"b" * 2000}")',
    "sharp s": 'upper("' + "ß" * 900_000 + '")',
    "too many parts": f'split("{"," * 200_000}", ",")',
    "wide text": f"list(text({WIDE}) for t in [{LONG}])",
    "wide list": f"list([{WIDE}] for t in [{LONG}])",
    "wide choice": f"list(max({WIDE}) for t in [{LONG}])",
    "turns in turns": of_long("any(all(x != y for z in m) for y in m)"),
    "long conditions in each turn": of_long(" or ".join(["x == y_"] * 300)).replace("y_", "x + x"),
    "joins of joins": f"join(list(join([x, x, join([x, x])]) for x in {MANY}), join(list(x for x in {MANY}), {LONG}))",
    "texts of texts": f"text(text({LONG}, {LONG}), text({LONG}, {LONG}))",
    "a long name": "document." + "a" * 9000,
}
# fmt: on

HEAD = "bpflow: 1\nid: p\ntitle: P\nstart: [{on: manual}, {on: call}]\n"
END = "  - {activity: end, result: done}\n"


def looped(name: str, declared: str, expression: str, counts: str = "k + 1") -> str:
    """A process that computes something anew in each turn of a loop."""
    sets = f"{{activity: set-variables, set: {{{name}: '$({expression})', k: $({counts})}}}}"
    declared = f"variables: {{{name}: {declared}, k: {{type: integer, default: 0}}}}\n"
    return f"{HEAD}{declared}steps:\n  - id: l\n    activity: loop\n    until: k > 1000000\n    steps:\n      - {sets}\n{END}"


def fans(count: int) -> str:
    """Each for-each collects in each of its turns all that the one before has collected."""
    made = f"{HEAD}variables: {{xs: {{type: integer, many: true}}}}\nsteps:\n"
    made += f"""  - {{activity: set-variables, set: {{xs: '$(list(len(x) for x in split("{"a," * 99}", ",")))'}}}}\n"""
    for number in range(count):
        kept = f"f{number - 1}.results" if number else "xs"
        made += f"  - {{id: f{number}, activity: for-each, items: xs, as: i{number}, steps: [{{activity: pause, for: 0min}}], collect: {kept}}}\n"
    return made + END


def persons(each: str, count: int, last: str = "[initiator]") -> str:
    """People that stand for each other; `{}` is the next of them."""
    made = "".join(f"  p{number}: '{each.format(f'p{number + 1}')}'\n" for number in range(count))
    return f"{HEAD}people:\n{made}  p{count}: '{last}'\nsteps:\n  - {{activity: notify, to: p0, text: Hi}}\n"


PROCESSES = {
    "a square": looped("n", "{type: integer, default: 3}", "n * n"),
    "a square with a fraction": looped("n", "{type: number, default: 1.5}", "n * n"),
    "a doubled text": looped("t", "{type: text, default: aa}", "t + t"),
    "a text in a text": looped("t", "{type: text, default: aa}", "text(t, t, t)"),
    "a doubled list": looped("xs", "{type: integer, many: true}", "xs + [1] + xs"),
    "a loop for ever": looped("n", "{type: integer, default: 3}", "n", "k"),
    "turns for ever": looped("n", "{type: number, default: 3}", "n / 3"),
    "results of results": fans(8),
    "people twice as many": persons("[{0}, {0}]", 60),
    "people chosen among people": persons("list(x for x in {0} + {0})", 40),
    "people of people": persons("list(x for x in {0} if any(y != x for y in {0}))", 40),
    "ways that split for ever": f"{HEAD}steps:\n  - {{id: a, activity: pause, for: 0min, next: [b, c]}}\n  - {{id: b, activity: pause, for: 0min, next: a}}\n"
    "  - {id: c, activity: pause, for: 0min, next: a}\n",
    "a process that calls itself": f"{HEAD}steps:\n  - {{id: a, activity: call-process, process: p}}\n",
    "too many turns at once": f"{HEAD}steps:\n  - id: f\n    activity: for-each\n    items: '{MANY} + {MANY} + {MANY}'\n    as: i\n    in-parallel: true\n"
    "    steps: [{activity: pause, for: 1h}]\n",
    "a pattern without end": f"{HEAD}inputs: {{x: {{type: string, pattern: '(a+)+b'}}}}\nsteps:\n{END}",
    "a pattern of choices": f"{HEAD}inputs: {{x: {{type: string, pattern: '(a|a|aa)*b'}}}}\nsteps:\n{END}",
    "a pattern of repeats": f"{HEAD}inputs: {{x: {{type: string, pattern: '((a{{1,900}}){{1,900}}){{1,900}}'}}}}\nsteps:\n{END}",
    "a pattern of stars": f"{HEAD}inputs: {{x: {{type: string, pattern: '{'.*' * 30}b'}}}}\nsteps:\n{END}",
    "a pattern looking back": f"{HEAD}inputs: {{x: {{type: string, pattern: '(a*)(\\1)*b'}}}}\nsteps:\n{END}",
    "a pattern as a condition": f"{HEAD}inputs: {{x: {{type: string, pattern: '(?=(a+))a*b'}}}}\nsteps:\n{END}",
    "templates in templates": f"{HEAD}steps:\n  - {{activity: notify, to: initiator, text: '{'$(text(' * 500}{'))' * 500}'}}\n",
    "a text of very many expressions": f"{HEAD}steps:\n  - {{activity: notify, to: initiator, text: '{'$(1 + 1)' * 20_000}'}}\n",
    "lists in lists of YAML": f"{HEAD}steps:\n  - {{activity: notify, to: {'[' * 2000}initiator{']' * 2000}, text: Hi}}\n",
    "a condition that is nested in YAML": f"{HEAD}steps:\n" + "".join(f"{'  ' * n}- activity: block\n{'  ' * n}  steps:\n" for n in range(1, 400)),
}


def went_off(text: str) -> str:
    """What comes of an expression: refused when it is read, or a fault when it is evaluated; a value if it is none of both."""
    try:
        code = compile_code(text)
    except ExpressionError:
        return "refused"
    try:
        return f"gives {str(code(World()))[:40]}"
    except EvaluationError:
        return "bounded"


def ran(text: str) -> str:
    """What comes of a process: findings; else an incident, or how many instances there are after some work."""
    loaded = load_text(text)
    if loaded.graph is None:
        assert any(finding.severity is Severity.ERROR for finding in loaded.findings)
        return "refused"
    with open_engine(":memory:", None, VirtualClock(datetime.fromisoformat("2026-03-02T10:00+03:00"))) as engine:
        try:
            engine.deploy(loaded)
            engine.start("p", by="ivanov")
        except Refused:
            return "refused"
        engine.work(1000)
        return "bounded" if engine.incidents() else f"stands: {len(engine.instances(limit=1000))}"


def all_of_them() -> Iterator[tuple[str, str, float, str]]:
    for kind, several, run in (("load", REFUSED_AT_LOAD, went_off), ("expression", BOUNDED, went_off), ("process", PROCESSES, ran)):
        for name, text in several.items():
            begun = time.process_time()
            yield kind, name, run(text), time.process_time() - begun


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    for kind, name, result, seconds in all_of_them():
        print(json.dumps([kind, name, result, round(seconds, 2)]), flush=True)


if __name__ == "__main__":
    sys.setrecursionlimit(1000)
    main()
