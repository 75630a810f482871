"""The catalogue of messages: what bpflow can say, and the Russian for it.

Every message is a literal in a call of `say` or `tr`, or the first sentence of a rule's page. This reads them out of the code,
keeps `bpflow.po` in step with them and compiles it. usage: python -m tests.catalogue {update | untranslated}
"""

import ast
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from string import Formatter

from babel.messages.catalog import Catalog
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po, write_po

from bpflow.checks import RULES
from bpflow.diagnostics import Severity

ROOT = Path(__file__).parent.parent
CODE = ROOT / "bpflow"
PO = CODE / "locale" / "ru" / "LC_MESSAGES" / "bpflow.po"
MO = PO.with_suffix(".mo")
SAYING = {"say", "tr"}
WORDS = [str(severity) for severity in Severity if severity is not Severity.ERROR]
"""The levels before a finding, which are said without a call."""

IDLE = tuple(f'"{name}' for name in ("Project-Id", "Report-Msgid", "POT-Creation", "PO-Revision", "Last-Translator", "Language-Team", "Generated-By"))
"""Headers that would change with every run, or say nothing."""

Found = dict[str, list[str]]
"""Template → the files in which it is said."""


def said() -> Found:
    """All templates in the code, sorted."""
    found: Found = {word: ["bpflow/diagnostics.py"] for word in WORDS}
    for path in sorted(CODE.rglob("*.py")):
        for template in [*(text for call in calls(path) for text in literals(call)), *annotations(path)]:
            found.setdefault(template, []).append(str(path.relative_to(ROOT)))
    for rule in RULES.values():
        found.setdefault(rule.summary, []).append("bpflow/checks")
    return dict(sorted(found.items()))


def unclear() -> list[str]:
    """The calls whose template is no literal, so that nobody could translate it."""
    return [f"{path.relative_to(ROOT)}:{call.lineno}" for path in sorted(CODE.rglob("*.py")) for call in calls(path) if not literals(call)]


def annotations(path: Path) -> Iterator[str]:
    """The hints that a model gives its schema, to be shown where a value does not fit: `{"x-written": "write …"}`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        for key, value in zip(node.keys, node.values, strict=True) if isinstance(node, ast.Dict) else ():
            if isinstance(key, ast.Constant) and key.value == "x-written" and isinstance(value, ast.Constant):
                yield str(value.value)


def calls(path: Path) -> Iterator[ast.Call]:
    """The calls of `say` and `tr` in a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and node.args and called(node.func) in SAYING:
            yield node


def called(function: ast.expr) -> str:
    return getattr(function, "id", None) or getattr(function, "attr", "")


def literals(call: ast.Call) -> list[str]:
    """The templates that a call may say: its literal, or both of `"a" if x else "b"`."""
    todo, found = [call.args[0]], []
    while todo:
        match todo.pop(0):
            case ast.Constant(value=str(text)):
                found.append(text)
            case ast.IfExp(body=body, orelse=other):
                todo += [body, other]
            case _:
                return []
    return found


def holes(template: str) -> set[str]:
    """The names of the holes in a template."""
    return {name for _, name, _, _ in Formatter().parse(template) if name is not None}


def catalogue() -> Catalog:
    """The translations as they stand in the file."""
    with PO.open("rb") as file:
        return read_po(file, locale="ru")


def renewed() -> Catalog:
    """The translations of what is said today, and an empty one for what is new."""
    old = catalogue()
    new = Catalog(locale="ru", project="bpflow", version="", copyright_holder="", charset="utf-8", creation_date=old.creation_date, fuzzy=False)
    new.header_comment = old.header_comment
    for template, files in said().items():
        known = old.get(template)
        new.add(template, known.string if known else "", locations=[(name, 0) for name in sorted(set(files))], flags=flags(template))
    return new


def flags(template: str) -> set[str]:
    return {"python-brace-format"} if holes(template) else set()


def written(texts: Catalog) -> bytes:
    """The text of `bpflow.po`."""
    out = BytesIO()
    write_po(out, texts, width=140, omit_header=False, include_lineno=False)
    lines = out.getvalue().decode().splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(IDLE)).encode()


def compiled(texts: Catalog) -> bytes:
    out = BytesIO()
    write_mo(out, texts)
    return out.getvalue()


def translations(texts: Catalog) -> dict[str, str]:
    return {str(message.id): str(message.string) for message in texts if message.id and message.string}


def read_compiled() -> dict[str, str]:
    with MO.open("rb") as file:
        return translations(read_mo(file))


def update() -> None:
    texts = renewed()
    PO.write_bytes(written(texts))
    MO.write_bytes(compiled(texts))


def untranslated() -> list[str]:
    """What is said today and has no Russian."""
    known = translations(catalogue())
    return [template for template in said() if template not in known]


def main(command: str) -> None:
    if command == "update":
        update()
    found = said()
    for template in untranslated():
        print(f"{template!r}   ({', '.join(sorted(set(found[template])))})")


if __name__ == "__main__":
    main(*sys.argv[1:])
