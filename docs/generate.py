"""Writes the generated parts of the manual again: `python -m docs.generate`.

A page of the manual is written by hand, but for what stands between `<!-- generated: NAME -->` and `<!-- end -->`: that is made here,
out of the docstrings, the models, the rules and the command line. `tests/test_docs.py` tells when a page is stale.
"""

from __future__ import annotations

import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias, get_args

import yaml
from pydantic import BaseModel

from bpflow.checks import RULES, Rule
from bpflow.cli.app import build
from bpflow.definition.entries import DirectoryFile
from bpflow.definition.fields import DocumentTypeModel
from bpflow.definition.settings import Settings
from bpflow.definition.vocabulary import vocabulary
from bpflow.diagram import mermaid
from bpflow.expressions import BUILTIN_NAMES, FUNCTIONS, Function
from bpflow.loading import load_workspace
from bpflow.scenario import ScenarioFile
from bpflow.schema.generate import model_schema, process_schema
from bpflow.values import Kind
from docs.stub import STUB, stub

DOCS = Path(__file__).parent
PAGES = ("language.md", "patterns.md", "processes.md", "rules.md", "operating.md")
LIBRARY = DOCS.parent / "processes"
PATTERNS = DOCS.parent / "tests" / "patterns"
PART = re.compile(r"(?<=<!-- generated: )([a-z-]+) -->\n.*?(?=<!-- end -->)", re.DOTALL)

Schema: TypeAlias = Mapping[str, Any]
Lines: TypeAlias = Iterator[str]

VISIBLE = {"\t": ("⇥   ", "⇥ stands for a tab"), "\u00a0": ("⍽", "⍽ stands for a no-break space")}
"""What cannot be seen in an example, and what is shown in its place."""
ELSEWHERE = {
    "FieldModel": "[field](#fields)",
    "FormField": "[field of a form](#fields-of-forms)",
    "FormCheck": "[check](#fields-of-forms)",
    "DocumentTypeModel": "[document type](#document-types)",
    "step": "a step",
}
"""Sets of keys that have a place of their own on the page."""
FIELD_TYPES: Mapping[Kind, tuple[str, str]] = {
    "string": ("a line of text", "`ТСЖ «Заря»`"),
    "text": ("text of several lines", "`Позвонить после обеда.`"),
    "integer": ("a whole number", "`12`"),
    "number": ("a decimal number, exact to the last digit", "`1.5`"),
    "money": ("an amount of money, exact to the last digit", "`1500000.50`"),
    "boolean": ("true or false", "`true`"),
    "date": ("a day without a time", "`2026-03-31`"),
    "datetime": ("a day with a time; without a zone, in that of the process", "`2026-03-31T12:00`, `2026-03-31T12:00+03:00`"),
    "duration": ("a length of time", "`2 working days`"),
    "choice": ("one of its `choices`", "`ЖКХ`"),
    "user": ("a person of the directory, by id", "`ivanov`"),
    "department": ("a department of the directory, by id", "`sales`"),
    "document": ("another document, of the types in `of`, by type and number", "`company:17`"),
    "file": ("a file, by name and digest; programs fill it in, the command line cannot", ""),
    "object": ("a record with `fields` of its own", ""),
}
"""Each type of field: what it holds, and how a value is written."""


# ── keys ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def keys_of(schema: Schema, definitions: Schema, whose: str, without: Iterable[str] = (), seen: set[str] | None = None) -> Lines:
    """A table of the keys of a set, then one for each set inside it that has not been seen yet."""
    properties = {key: said for key, said in schema.get("properties", {}).items() if key not in without}
    if not properties:
        return
    yield f"{whose}:"
    yield from ("", "| key | value | |", "|---|---|---|")
    for key, said in properties.items():
        yield row(f"`{key}`", value_of(said, key in schema.get("required", ())), meaning(said))
    if schema.get("additionalProperties") is True:
        yield row("any other", "value", str(schema.get("description", "")).rpartition(". ")[2])
    yield ""
    if one_of := [name for case in schema.get("oneOf", ()) for name in case.get("required", ())]:
        yield from (f"Exactly one of {', '.join(f'`{name}`' for name in one_of)} is written.", "")
    yield from _inner(properties, definitions, set() if seen is None else seen)


def _inner(properties: Schema, definitions: Schema, seen: set[str]) -> Lines:
    """The tables of the sets of keys that some keys hold."""
    for key, said in properties.items():
        for name, many in _sets(said):
            if name in seen:
                continue
            seen.add(name)
            inner = definitions[name]
            constant = inner["properties"].get("on", {}).get("const")
            title = f"`on: {constant}`" if constant else f"each of `{key}`" if many else f"`{key}`"
            yield from keys_of(inner, definitions, f"Keys of {title}", ["on"] if constant else [], seen)


def _sets(said: Any, many: bool = False) -> Iterator[tuple[str, bool]]:
    """The definitions that a key leads to, and whether it holds several of them."""
    if isinstance(said, list):
        for one in said:
            yield from _sets(one, many)
    elif isinstance(said, Mapping):
        name = str(said.get("$ref", "")).rpartition("/")[2]
        if name and name not in ELSEWHERE:
            yield name, many
        for word, one in said.items():
            if word in ("items", "additionalProperties", "anyOf", "oneOf"):
                yield from _sets(one, many or word in ("items", "additionalProperties"))


def row(*cells: str) -> str:
    return f"| {' | '.join(' '.join(cell.split()).replace('|', chr(92) + '|') for cell in cells)} |"


def meaning(said: Schema) -> str:
    text = str(said.get("description", ""))
    default = said.get("default")
    shown = default if isinstance(default, str) else f"[{', '.join(map(str, default))}]" if isinstance(default, list) else None
    return f"{text} By default `{shown}`." if shown else text


def value_of(said: Schema, required: bool = False) -> str:
    """What stands behind a key, in a few words."""
    return f"{_kind(said)}, **required**" if required else _kind(said)


def _kind(said: Schema) -> str:
    match said:
        case {"const": constant}:
            return f"`{constant}`"
        case {"enum": words}:
            return " / ".join(f"`{word}`" for word in words)
        case {"$ref": ref}:
            name = str(ref).rpartition("/")[2]
            return ELSEWHERE.get(name, "{…}")
        case {"oneOf": cases} | {"anyOf": cases}:
            return " or ".join(dict.fromkeys(map(_kind, cases)))
        case {"format": ("expression" | "template" | "duration-or-expression" | "duration" | "date") as form}:
            return {"template": "text with `$(…)`", "duration-or-expression": "duration or expression"}.get(form, str(form))
    return _plain(said)


def _plain(said: Schema) -> str:
    match said.get("type"):
        case "array":
            return f"list of {_kind(said['items'])}" if said.get("items") else "list"
        case "object" if isinstance(said.get("additionalProperties"), Mapping):
            return f"name: {_kind(said['additionalProperties'])}"
        case "object":
            return "name: value"
        case "string":
            return "name" if said.get("pattern", "").startswith(("^[a-z]", "^(go-on|", "^[A-Za-zА")) else "text"
        case ["string", "array"]:
            return f"{_plain(said['items'])} or list"
        case "boolean":
            return "`true` / `false`"
        case "integer":
            return "whole number"
        case "number":
            return "number"
    return "value"


# ── prose ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def prose(text: str) -> Lines:
    """A docstring as Markdown: what is indented in it is an example."""
    block: list[str] = []
    for line in text.splitlines():
        if line[:1].isspace() or (block and not line):
            block.append(line)
            continue
        yield from _fenced(block)
        block = []
        yield line
    yield from _fenced(block)
    yield ""


def _fenced(lines: list[str]) -> Lines:
    example = textwrap.dedent("\n".join(lines)).strip("\n")
    if not example:
        return
    notes = [note for sign, (_, note) in VISIBLE.items() if sign in example]
    for sign, (shown, _) in VISIBLE.items():
        example = example.replace(sign, shown)
    controls = {letter for letter in example if ord(letter) < 32 and letter != "\n"}
    for letter in controls:
        example = example.replace(letter, chr(0x2400 + ord(letter)))
        notes.append(f"{chr(0x2400 + ord(letter))} stands for a control character")
    yield from ("```yaml", *example.splitlines(), "```", "")
    if notes:
        yield from (f"({'; '.join(notes)})", "")


# ── the parts ───────────────────────────────────────────────────────────────────────────────────────────────────────
def process_keys() -> Lines:
    schema = process_schema()
    yield from keys_of(schema, schema["$defs"], "Keys of a process")


def step_keys() -> Lines:
    """What every step may have: the keys that all activities share."""
    schema = process_schema()["$defs"]
    steps = [made["properties"] for name, made in schema.items() if name.startswith("activity.")]
    shared = [key for key in steps[0] if all(key in keys for keys in steps)]
    plain = min(steps, key=lambda keys: keys["title"].get("format", ""))
    properties = {key: plain[key] for key in shared if key != "activity"}
    properties = {"activity": {"type": "string", "description": "What the step does: the name of an activity."}, **properties}
    yield from keys_of({"properties": properties, "required": ["activity"]}, schema, "Keys of every step")


def activities() -> Lines:
    definitions = process_schema()["$defs"]
    common = {key: text for key, text in _common(definitions).items() if key != "title"}
    names = [name for name in vocabulary() if vocabulary()[name].__module__.startswith("bpflow.")]
    yield from ("| activity | |", "|---|---|")
    for name in names:
        yield row(f"[`{name}`](#{name})", (vocabulary()[name].__doc__ or "").partition("\n")[0])
    yield ""
    for name in names:
        yield from (f"### {name}", "")
        yield from prose(inspect.cleandoc(vocabulary()[name].__doc__ or ""))
        schema = definitions[f"activity.{name}"]
        without = [key for key in common if key == "activity" or schema["properties"][key].get("description") == common[key]]
        if schema["properties"]["title"].get("format") is None:
            without.append("title")
        yield from keys_of(schema, definitions, f"Keys of `{name}`", without)


def _common(definitions: Schema) -> dict[str, str]:
    """The keys that every step has, with what is said of them."""
    end = definitions["activity.end"]["properties"]
    return {key: str(end[key].get("description", "")) for key in end if key != "result"}


def field_types() -> Lines:
    yield from ("| type | what it holds | for example |", "|---|---|---|")
    for kind in get_args(Kind):
        what, example = FIELD_TYPES[kind]
        yield row(f"`{kind}`", what, example)


def field_keys() -> Lines:
    schema = process_schema()["$defs"]
    yield from keys_of(schema["FieldModel"], schema, "Keys of a field")


def form_keys() -> Lines:
    """What the fields of forms have besides, and the checks of forms."""
    schema = process_schema()["$defs"]
    yield from keys_of(schema["FormField"], schema, "Keys of a field of a form besides", schema["FieldModel"]["properties"])
    yield from keys_of(schema["FormCheck"], schema, "Keys of a check")


def names() -> Lines:
    yield from ("| name | |", "|---|---|")
    for name, text in BUILTIN_NAMES.items():
        yield row(f"`{name}`", text)


def functions() -> Lines:
    """Every function, by the module that it comes from."""
    groups: dict[str, list[Function]] = {}
    for function in FUNCTIONS.values():
        groups.setdefault(function.run.__module__, []).append(function)
    for module, members in groups.items():
        about = (sys.modules[module].__doc__ or "").partition("\n")[0].removeprefix("Functions of the library: ")
        title = about.partition(". ")[0].partition(", and how")[0].rstrip(".")
        yield from (f"#### {title[:1].upper()}{title[1:]}", "")
        for function in members:
            usage, _, text = inspect.cleandoc(function.doc).partition("\n")
            yield f"- {usage}. {' '.join(text.split()).replace(' Example: ', ' *Example:* ')}"
        yield ""


def workspace(model: type[BaseModel], whose: str) -> Callable[[], Lines]:
    def keys() -> Lines:
        schema = model_schema(model, "")
        yield from keys_of(schema, schema.get("$defs", {}), whose)

    return keys


def rules() -> Lines:
    yield from ("| rule | | |", "|---|---|---|")
    for rule in RULES.values():
        yield row(f"[`{rule.id}`](#{rule.id})", severity(rule), rule.summary)
    yield ""
    for rule in RULES.values():
        yield from (f"## {rule.id}", "", f"*{severity(rule).capitalize()}.* {rule.summary}", "")
        yield from prose(rule.manual.partition("\n")[2].strip("\n"))


def severity(rule: Rule) -> str:
    return rule.severity.name.lower()


def commands() -> Lines:
    program: Any = build("en")
    yield from ("Options of every command:", "", "| option | |", "|---|---|")
    yield from _options(program)
    yield from ("", "| command | |", "|---|---|")
    for name, command in program.commands.items():
        yield row(f"[`{name}`](#bpflow-{name})", command.help.partition(". ")[0].rstrip(".") + ".")
    yield ""
    for name, command in program.commands.items():
        yield from (f"### bpflow {name}", "", f"    bpflow {name} {_arguments(command)}".rstrip(), "", command.help, "")
        if options := list(_options(command)):
            yield from ("| | |", "|---|---|", *options, "")


def _arguments(command: Any) -> str:
    named = [part for part in command.params if part.param_type_name == "argument"]
    parts = [part.metavar if part.required or part.metavar.startswith("[") else f"[{part.metavar}]" for part in named]
    needed = [f"{part.opts[0]} {part.metavar}" for part in command.params if part.param_type_name == "option" and part.required]
    return " ".join([*parts, *needed])


def _options(command: Any) -> Lines:
    for param in command.params:
        if param.param_type_name == "argument":
            yield row(f"`{param.metavar}`", param.help or "")
            continue
        shown = ", ".join(sorted(param.opts, key=len)) + ("" if param.is_flag else f" {param.metavar}")
        default = f" By default {param.default}." if param.default and isinstance(param.default, str) and param.show_default else ""
        yield row(f"`{shown}`", f"{param.help or ''}{default}{' **Required.**' if param.required else ''}")


def patterns() -> Lines:
    """How each workflow pattern is written: the titles and descriptions of the processes that are tested."""
    yield from ("| pattern | | how |", "|---|---|---|")
    for path in sorted(PATTERNS.glob("*.yaml")):
        if not path.name.endswith(".traces.yaml"):
            process = yaml.safe_load(path.read_text(encoding="utf-8"))
            runs = path.with_suffix(".traces.yaml").exists()
            yield row(f"[{process['title']}](../tests/patterns/{path.name})", "runs" if runs else "refused", process["description"])


def drawings() -> Lines:
    """Each process of the library: what it does, and its drawing."""
    for loaded in load_workspace(LIBRARY).processes.values():
        process, graph = loaded.process, loaded.graph
        assert process is not None
        assert graph is not None
        yield from (f"## {process.title}", "", f"[`{process.id}`](../processes/{process.id}.yaml)", "")
        yield from (str(process.description).partition("\n\n")[0].strip(), "", "```mermaid", mermaid(graph, "ru").strip(), "```", "")


PARTS: Mapping[str, Callable[[], Lines]] = {
    "process-keys": process_keys,
    "step-keys": step_keys,
    "activities": activities,
    "field-types": field_types,
    "field-keys": field_keys,
    "form-keys": form_keys,
    "names": names,
    "functions": functions,
    "document-type": workspace(DocumentTypeModel, "Keys of a document type"),
    "settings": workspace(Settings, "Keys of `bpflow.yaml`"),
    "directory": workspace(DirectoryFile, "Keys of `directory.yaml`"),
    "scenarios": workspace(ScenarioFile, "Keys of a file of scenarios"),
    "patterns": patterns,
    "rules": rules,
    "commands": commands,
    "drawings": drawings,
}
"""The generated parts by their names in the markers."""


def fresh(page: str) -> str:
    """The text of a page with its generated parts made anew. KeyError for a part that nobody makes."""

    def made(found: re.Match[str]) -> str:
        text = re.sub("\n{3,}", "\n\n", "\n".join(PARTS[found[1]]())).strip("\n")
        return f"{found[1]} -->\n\n{text}\n\n"

    return PART.sub(made, page)


def main() -> None:
    """Writes every page anew, and what type checkers are told of `AsyncEngine`."""
    STUB.write_text(stub(), encoding="utf-8")
    for name in PAGES:
        path = DOCS / name
        path.write_text(fresh(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
