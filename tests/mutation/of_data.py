"""Mistakes of data: what is set, forms, declarations, calls, messages; and of the words of the language."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bpflow.definition.house import HOUSE
from bpflow.graph import to_json
from bpflow.source import Items, Table
from bpflow.values import Field
from tests.mutation.editing import Change, Original, flow, typo, walk
from tests.mutation.kinds import kind, other
from tests.mutation.of_steps import having, removed, title_of, used

WRONG = {
    "choice": "что-нибудь",
    "user": "начальник",
    "department": "отдел",
    "date": "скоро",
    "datetime": "скоро",
    "duration": "недолго",
    "integer": "много",
    "number": "много",
    "money": "много",
    "boolean": "может быть",
    "document": "карточка",
}
"""What of each type a text can never be."""


# ── looking ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def sets(original: Original) -> Iterator[tuple[Table, Table, Mapping[str, Field]]]:
    """What sets something: the step, its table, and the fields that may be set."""
    for step in original.steps:
        inner = step.get("set")
        if isinstance(inner, Table):
            yield step, inner, target(original, step)


def target(original: Original, step: Table) -> dict[str, Field]:
    match str(step["activity"]):
        case "set-variables":
            return {one.name: one.field for one in original.subject.graph.variables}
        case "create-document" if str(step.get("type")) in original.types:
            return dict(original.types[str(step["type"])].fields)
        case "update-document":
            return original.document if "document" not in step else original.fields(tuple(str(step["document"]).split(".")))
    return {}


def settings(original: Original) -> Iterator[tuple[Table, str, Field]]:
    """Everything that is set, with the field that it is for."""
    for _, inner, fields in sets(original):
        yield from ((inner, name, fields[name]) for name in inner if name in fields)


def forms(original: Original) -> Iterator[Table]:
    """Tables of fields that are declared: in forms, variables, inputs, what is given."""
    for key in ("fields", "variables", "inputs", "gives"):
        for owner in having(original, key):
            inner = owner[key]
            if isinstance(inner, Table) and inner and all(isinstance(one, Table) and "type" in one for one in inner.values()):
                yield inner


def declared(original: Original) -> Iterator[tuple[Table, str, Table]]:
    for inner in forms(original):
        for name, one in inner.items():
            if isinstance(one, Table):
                yield inner, name, one


# ── what is set ─────────────────────────────────────────────────────────────────────────────────────────────────────
@kind
def wrong_type_in_set(original: Original) -> Iterator[Change]:
    """A word for a date, a number or a person"""
    for inner, name, field in settings(original):
        if field.kind in WRONG and not field.many:
            yield original.value(inner, name, WRONG[field.kind])


@kind
def wrong_expression_in_set(original: Original) -> Iterator[Change]:
    """`$(now)` for a text, a person or a document"""
    for inner, name, field in settings(original):
        if "$(" in str(inner[name]) and field.kind not in ("date", "datetime"):
            yield original.value(inner, name, "$(now)")


@kind
def misspelt_choice_in_set(original: Original) -> Iterator[Change]:
    """`status: Запщуен`"""
    for inner, name, field in settings(original):
        if field.kind == "choice" and str(inner[name]) in dict(field.choices):
            yield original.value(inner, name, typo(str(inner[name])))


@other("the field may be set to that too")
def another_choice_in_set(original: Original) -> Iterator[Change]:
    """Another choice of the field"""
    for inner, name, field in settings(original):
        for choice in [id for id, _ in field.choices if id != str(inner[name])][:2] if field.kind == "choice" else ():
            yield original.value(inner, name, choice)


@kind
def misspelt_field_in_set(original: Original) -> Iterator[Change]:
    """`set: {staus: …}`"""
    for _, inner, _ in sets(original):
        for name in inner:
            yield original.key(inner, name, typo(name))


@kind
def set_of_a_field_of_another_type(original: Original) -> Iterator[Change]:
    """The value is set to a field that holds something else"""
    yield from _elsewhere(original, same=False)


@other("both fields are there, and of one type")
def set_of_another_field(original: Original) -> Iterator[Change]:
    """The value is set to another field of the same type"""
    yield from _elsewhere(original, same=True)


def _elsewhere(original: Original, same: bool) -> Iterator[Change]:
    for _, inner, fields in sets(original):
        for name in (name for name in inner if name in fields):
            own = (fields[name].kind, fields[name].many)
            free = {key: one for key, one in fields.items() if key not in inner and (same or one.kind not in ("string", "text"))}
            if "$(" in str(inner[name]) and fields[name].kind in ("string", "text"):
                free = {key: one for key, one in free.items() if one.kind != "choice"}  # a text may be the name of a choice
            for key in [key for key, one in free.items() if ((one.kind, one.many) == own) == same][:2]:
                yield original.key(inner, name, key)


@other("nothing has to be set, unless a loop waits for it or it is read")
def removed_set(original: Original) -> Iterator[Change]:
    """One value is not set"""
    for step, inner, _ in sets(original):
        for name in inner:
            yield original.without(inner, name) if len(inner) > 1 else original.without(step, "set")


@kind
def forgotten_required_of_a_new_document(original: Original) -> Iterator[Change]:
    """A document is created without a field that it must have"""
    for step, inner, fields in sets(original):
        for name in inner if step["activity"] == "create-document" else ():
            if name in fields and fields[name].required and len(inner) > 1:
                yield original.without(inner, name)


# ── forms ───────────────────────────────────────────────────────────────────────────────────────────────────────────
@other("less may be asked for, unless something cannot do without it")
def removed_required(original: Original) -> Iterator[Change]:
    """A field that had to be filled may be left empty"""
    for table in having(original, "required"):
        inner = table["required"]
        if isinstance(inner, Items):
            for number in range(len(inner)):
                yield original.without_item(inner, number)
        else:
            yield original.without(table, "required")


@kind
def misspelt_in_a_form(original: Original) -> Iterator[Change]:
    """`fill`, `required` or `show` with a misspelt field"""
    for table in (table for _, table in original.tables):
        for key in ("fill", "required", "show"):
            inner = table.get(key)
            for number, name in enumerate(inner if isinstance(inner, Items) else ()):
                if str(name).isidentifier():
                    yield original.replaced(inner.spans[number], typo(str(name)))


@kind
def forgotten_field(original: Original) -> Iterator[Change]:
    """A form does not ask for something that is used or required"""
    for table, inner, number in filled(original):
        if inner[number] in items(table, "required"):
            yield original.without_item(inner, number)
    for inner, name, _ in declared(original):
        if any(name in path.names[1:] for use in original.uses for path in use.parsed.paths):
            yield original.without(inner, name)


@other("less may be asked for")
def field_not_asked_for(original: Original) -> Iterator[Change]:
    """A form does not ask for something that need not be filled"""
    for table, inner, number in filled(original):
        if inner[number] not in items(table, "required"):
            yield original.without_item(inner, number)


def items(table: Table, key: str) -> Items:
    found = table.get(key)
    return found if isinstance(found, Items) else Items()


def filled(original: Original) -> Iterator[tuple[Table, Items, int]]:
    for table in having(original, "fill"):
        yield from ((table, items(table, "fill"), number) for number in range(len(items(table, "fill"))))


@kind
def field_of_a_wrong_type(original: Original) -> Iterator[Change]:
    """A form, a variable or an input is declared with another type"""
    for inner, name, one in declared(original):
        said = str(one["type"])
        for type in [type for type in ("string", "integer", "date") if type != said and {said, type} != {"string", "text"}][:2]:
            new = {key: value for key, value in {**one, "type": type}.items() if key in ("type", "title", "required", "many", "when")}
            yield original.written(one, new, inner.value_spans[name], f"{name}: {said} → {type}")


@other("one value may be enough, or none")
def dropped_choice(original: Original) -> Iterator[Change]:
    """A choice is missing from a field that is declared here"""
    for _, _, one in declared(original):
        inner = one.get("choices")
        if isinstance(inner, Items) and len(inner) > 1:
            yield from (original.without_item(inner, number) for number in range(len(inner)))
        elif isinstance(inner, Table) and len(inner) > 1:
            yield from (original.without(inner, name) for name in inner)


@other("what is not there may be none")
def removed_default(original: Original) -> Iterator[Change]:
    """A variable or an input without its default"""
    yield from removed(original, "default")


@other("a comment need not be asked for")
def removed_comment(original: Original) -> Iterator[Change]:
    """An answer needs no comment any more"""
    yield from removed(original, "comment")


@other("a form need not be checked")
def removed_check(original: Original) -> Iterator[Change]:
    """A form is not checked any more"""
    for table in having(original, "check"):
        inner = table["check"]
        for number in range(len(inner)) if isinstance(inner, Items) else ():
            yield original.without_item(inner, number) if len(inner) > 1 else original.without(table, "check")


# ── declarations ────────────────────────────────────────────────────────────────────────────────────────────────────
@kind
def removed_declaration(original: Original) -> Iterator[Change]:
    """A variable, a person or an input is not declared"""
    for key in ("variables", "people", "inputs"):
        inner = original.tree.get(key)
        for name in inner if isinstance(inner, Table) else ():
            yield original.without(inner, name) if len(inner) > 1 else original.without(original.tree, key)


@kind
def renamed_declaration(original: Original) -> Iterator[Change]:
    """A variable, a person, an input or a field of a form is called otherwise, but not where it is used"""
    people = original.tree.get("people")
    for inner in [*forms(original), *([people] if isinstance(people, Table) else [])]:
        for name in inner:
            if used(original, name) or any(name in path.names for use in original.uses for path in use.parsed.paths):
                yield original.key(inner, name, f"{name}_new")


@kind
def renamed_outcome(original: Original) -> Iterator[Change]:
    """An outcome is called otherwise, but not where it is used"""
    for owner in having(original, "outcomes"):
        inner = owner["outcomes"]
        for name in inner if isinstance(inner, Table) else ():
            compared = f'{owner.get("id")}.outcome == "{name}"'
            if any(compared in use.part.text for use in original.uses) or name == getattr(owner.get("on-overdue"), "get", {}.get)("outcome"):
                yield original.key(inner, name, f"{name}_new")


@other("what calls it may need less")
def removed_output(original: Original) -> Iterator[Change]:
    """A result that others read is not given"""
    inner = original.tree.get("outputs")
    for name in inner if isinstance(inner, Table) else ():
        yield original.without(inner, name) if len(inner) > 1 else original.without(original.tree, "outputs")


@kind
def wrong_document_type(original: Original) -> Iterator[Change]:
    """A document type that there is not, or another one"""
    for table in (table for _, table in original.tables):
        for key in ("document", "of", "type"):
            said = table.get(key)
            if isinstance(said, str) and said in original.types and (key != "type" or "activity" in table):
                yield original.value(table, key, typo(said))
                yield from (original.value(table, key, name) for name in [name for name in original.types if name != said][:2])


@other("a process may be started in more ways, or fewer")
def removed_start(original: Original) -> Iterator[Change]:
    """A process is not started by what should start it, or always"""
    inner = original.tree.get("start")
    for number in range(len(inner)) if isinstance(inner, Items) and len(inner) > 1 else ():
        yield original.without_item(inner, number)
    for one in inner if isinstance(inner, Items) else ():
        if isinstance(one, Table) and "when" in one:
            yield original.without(one, "when")


# ── calls and messages ──────────────────────────────────────────────────────────────────────────────────────────────
def given(original: Original) -> Iterator[tuple[Table, str, Table]]:
    """What calls and messages are given: the step, the key, its values."""
    for step in original.steps:
        for key in ("inputs", "with", "values"):
            inner = step.get(key)
            if isinstance(inner, Table) and step["activity"] in ("call-process", "call-service", "send-message"):
                yield step, key, inner


@kind
def wrong_input_name(original: Original) -> Iterator[Change]:
    """A call gives an input, an argument or a value that nobody knows"""
    for _, _, inner in given(original):
        for name in inner:
            yield original.key(inner, name, typo(name))


@kind
def missing_input(original: Original) -> Iterator[Change]:
    """A call lacks an input or an argument that is required"""
    for step, key, inner in given(original):
        yield from (_not_given(original, step, key, name) for name in inner if _needed(original, step, name))


@other("what is not required need not be given")
def input_not_given(original: Original) -> Iterator[Change]:
    """A call lacks an input, an argument or a value that is not required"""
    for step, key, inner in given(original):
        yield from (_not_given(original, step, key, name) for name in inner if not _needed(original, step, name))


def _not_given(original: Original, step: Table, key: str, name: str) -> Change:
    inner = step[key]
    assert isinstance(inner, Table)
    return original.without(inner, name) if len(inner) > 1 else original.without(step, key)


def _needed(original: Original, step: Table, name: str) -> bool:
    """Whoever is called says that he needs it."""
    fields = _wanted(original, step)
    return name in fields and fields[name].required


def _wanted(original: Original, step: Table) -> dict[str, Field]:
    """What whoever is called takes, as far as that is known."""
    if "process" in step:
        called = original.processes.get(str(step["process"]))
        return dict(called.inputs) if called else {}
    service = {**original.subject.services, **HOUSE}.get(str(step.get("service")))
    return dict(service.takes or ()) if service else {}


@kind
def wrong_type_of_an_input(original: Original) -> Iterator[Change]:
    """A call gives a moment where something else is wanted"""
    for step, _, inner in given(original):
        fields = _wanted(original, step)
        for name in inner:
            dated = name in fields and fields[name].kind in ("date", "datetime")
            printed = "service" in step and str(step["service"]) not in HOUSE  # to what is outside a moment goes as text
            if name in fields and not dated and not printed:
                yield original.value(inner, name, "$(now)")


@kind
def misspelt_process_or_service(original: Original) -> Iterator[Change]:
    """A process, a service or a channel that there is not"""
    for step in original.steps:
        for key in ("process", "service", "channel"):
            if key in step:
                yield original.value(step, key, typo(str(step[key])))


def shared(original: Original, table: Table) -> bool:
    """Another process of the workspace knows the message too."""
    name = f'"{table["message"]}"'
    return any(name in to_json(graph) for id, graph in original.processes.items() if id != original.name)


@kind
def wrong_message_name(original: Original) -> Iterator[Change]:
    """A message under another name than the other process knows"""
    for table in having(original, "message"):
        if shared(original, table):
            yield original.value(table, "message", typo(str(table["message"])))


@other("whoever sends it, or waits for it, is outside")
def wrong_name_of_a_message_outside(original: Original) -> Iterator[Change]:
    """A message under another name than the world outside knows"""
    for table in having(original, "message"):
        if not shared(original, table):
            yield original.value(table, "message", typo(str(table["message"])))


@other("a message may have no key, or any")
def another_message_key(original: Original) -> Iterator[Change]:
    """A message without the key by which it is found, or with another"""
    for table in having(original, "message", "key"):
        yield original.without(table, "key")
        yield original.value(table, "key", "now")


# ── words of the language ───────────────────────────────────────────────────────────────────────────────────────────
NAMES = (
    *("set", "add", "remove", "fields", "variables", "inputs", "outputs", "people", "outcomes", "branches", "gives", "with", "values"),
    *("link", "choices", "then", "otherwise", "collect", "takes"),
)


def own_keys(original: Original) -> Iterator[tuple[Table, str]]:
    """Keys that are words of the language, not somebody's names."""
    for path, holder in walk(original.tree):
        if isinstance(holder, Table) and not (path and path[-1] in NAMES and not _is_branch(path, holder)):
            yield from ((holder, key) for key in holder)


def _is_branch(path: tuple[str | int, ...], holder: Table) -> bool:
    return path[-1] == "otherwise" and ("steps" in holder or "next" in holder)


@kind
def misspelt_key(original: Original) -> Iterator[Change]:
    """`otherwies:`, `tittle:`"""
    for table, key in own_keys(original):
        yield original.key(table, key, typo(key))


@kind
def key_twice(original: Original) -> Iterator[Change]:
    """A key stands there twice"""
    for table, key in own_keys(original):
        text = original.cut(table.span)
        if text.startswith("{"):
            said = table[key]
            yield original.replaced(table.span, f"{text[:-1]}, {key}: {flow(typo(said) if isinstance(said, str) else said)}}}", f"{key} twice")


@kind
def misspelt_word(original: Original) -> Iterator[Change]:
    """An activity, a type, a start, a rule that there is not"""
    for table, key in own_keys(original):
        said: Any = table[key]
        word = key in ("activity", "on", "rule", "how", "hit", "join", "ask", "delegate", "comment") or (key == "type" and "activity" not in table)
        if word and isinstance(said, str) and said not in original.types and said.replace("-", "").isalpha() and said.isascii():
            yield original.value(table, key, typo(said))


@kind
def removed_needed_key(original: Original) -> Iterator[Change]:
    """A step without what it cannot do without"""
    for key in ("activity", "rule", "items", "as", "until", "while", "process", "service", "message", "type", "at", "branches", "rules", "from", "for", "text"):
        for table in having(original, key, "activity"):
            yield original.without(table, key)


@kind
def one_blank_too_many(original: Original) -> Iterator[Change]:
    """A line that is indented by one blank more"""
    lines = original.source.text.splitlines(keepends=True)
    first = original.tree.key_spans["steps" if "steps" in original.tree else "stages"].line
    for step in original.steps:
        for key in step:
            span = step.key_spans[key]
            line = lines[span.line - 1]
            if span.line > first and line[: span.column - 1].strip() == "" and key != next(iter(step)):
                yield original.replaced(type(span)(span.file, span.line, 1, span.line, 1), " ", f"{title_of(step)}: {key} further right")


@kind
def no_blank_after_the_colon(original: Original) -> Iterator[Change]:
    """`title:Отказ`"""
    for step in original.steps:
        for key in step:
            span, value = step.key_spans[key], step.value_spans[key]
            gap = type(span)(span.file, span.end_line, span.end_column, value.line, value.column)
            if span.end_line == value.line and original.cut(gap) == ": ":
                yield original.replaced(gap, ":", f"{key}:{flow(step[key])[:20]}")
