"""The mistakes of shape in an analyst's words: what jsonschema says becomes a finding.

The law of this file: a finding names what the analyst wrote, never the schema; it points at the word to be changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, TypeAlias

from jsonschema.exceptions import ValidationError

from bpflow.definition.vocabulary import vocabulary
from bpflow.diagnostics import Diagnostic, Message, Span, did_you_mean, each_quoted, say
from bpflow.expressions.letters import foreign_letter
from bpflow.source import Source, Text

Path: TypeAlias = tuple[str | int, ...]

_KINDS: tuple[tuple[str, type | tuple[type, ...], Message], ...] = (
    ("boolean", bool, say("true or false")),
    ("integer", int, say("a whole number")),
    ("number", (int, Decimal), say("a number")),
    ("string", str, say("a text")),
    ("array", list, say("a list")),
    ("object", dict, say("a set of keys with values")),
    ("null", type(None), say("nothing")),
)
KINDS: Mapping[str, Message] = {name: words for name, _, words in _KINDS}
_EXAMPLES = ("2026-03-31", "09:00-18:00", "RU", "ivanov@example.org", "https://example.org/{id}", "sms.send", "directory.yaml", "ivanov")
_FORMS: Mapping[str, Message] = {
    "expression": say("an expression"),
    "duration-or-expression": say("a duration or an expression"),
    "template": KINDS["string"],
}


class Place:
    """A value of the file that breaks its schema: the value, its path, its place."""

    __slots__ = ("path", "source", "value")

    def __init__(self, source: Source, error: ValidationError) -> None:
        self.source, self.path = source, tuple(error.absolute_path)
        self.value: Any = error.instance

    @property
    def span(self) -> Span:
        """Where the value stands."""
        return self.source.span_at(self.path)

    def key(self, name: str) -> Span:
        """Where a key of this value stands."""
        return self.source.span_at((*self.path, name), key=True)

    @property
    def name(self) -> str:
        """The nearest key above the value."""
        return next((step for step in reversed(self.path) if isinstance(step, str)), "")

    @property
    def called(self) -> Message:
        """The value as a message names it: by its activity, by its key, as an item of its list."""
        if isinstance(self.value, dict) and isinstance(self.value.get("activity"), str):
            return say('"{name}"', name=self.value["activity"])
        if not self.path:
            return say("the file")
        if isinstance(self.path[-1], int):
            return say('an item of "{name}"', name=self.name)
        return say('"{name}"', name=self.name)


def findings_of(errors: Iterable[ValidationError], source: Source) -> Iterator[Diagnostic]:
    """The findings for the errors of a validation."""
    for error in errors:
        yield from _TRANSLATIONS.get(str(error.validator), _other)(error, Place(source, error))


def schema_of(error: ValidationError) -> Mapping[str, Any]:
    """The schema that a value has broken."""
    return error.schema if isinstance(error.schema, Mapping) else {}


def kind_of(value: Any) -> Message:
    """What kind of value this is."""
    return next((words for _, kinds, words in _KINDS if isinstance(value, kinds)), KINDS["null"])


def _unknown_keys(error: ValidationError, at: Place) -> Iterator[Diagnostic]:
    known = list(schema_of(error).get("properties", {}))
    patterns = schema_of(error).get("patternProperties", {})
    for key in at.value:
        if key not in known and not patterns:
            yield _unknown_key(at, key, known)


def _unknown_key(at: Place, key: str, known: list[str]) -> Diagnostic:
    foreign = foreign_letter(key, known)
    if foreign:
        return foreign.finding_at(at.key(key))
    free = [name for name in known if name not in at.value]
    near = did_you_mean(key, free) or _by_sense(key, free) or _in_kebab(key, known) or _listed(free or known)
    return Diagnostic(at.key(key), "unknown-key", say('{owner} has no key "{key}"', owner=at.called, key=key), near)


_SAME_SENSE: Mapping[str, str] = {
    **dict.fromkeys(("deadline", "term", "срок"), "due"),
    **dict.fromkeys(("assignee", "assigned-to", "assigned_to", "who", "whom", "кому"), "to"),
    **dict.fromkeys(("else", "default", "иначе"), "otherwise"),
    **dict.fromkeys(("if", "condition", "если"), "when"),
    **dict.fromkeys(("name", "label", "subject", "название"), "title"),
    **dict.fromkeys(("description", "body", "message", "текст"), "text"),
    **dict.fromkeys(("goto", "go-to", "go_to"), "next"),
}
"""Keys under other names that come to mind."""


def _by_sense(key: str, known: list[str]) -> Message | None:
    word = _SAME_SENSE.get(key.lower(), "")
    return say('did you mean "{word}"?', word=word) if word in known else None


def _in_kebab(key: str, known: list[str]) -> Message | None:
    words = key.replace("_", "-").replace(" ", "-").lower()
    return say('did you mean "{word}"?', word=words) if words in known else None


def _listed(words: Iterable[str]) -> Message | None:
    """A hint with all the words that may stand there, if they are not too many."""
    few = list(words)
    if len(few) == 1:
        return say('write "{word}"', word=few[0])
    return say("it may be: {words}", words=each_quoted(few)) if 0 < len(few) <= 16 else None


def _missing(error: ValidationError, at: Place) -> Iterator[Diagnostic]:
    unknown = [key for key in at.value if key not in schema_of(error).get("properties", at.value)]
    for key in _said(error):
        if key not in at.value and f"{key!r}" in error.message and not any(did_you_mean(other, [key]) for other in unknown):
            yield Diagnostic(at.span, "missing-key", say('{owner} needs "{key}"', owner=at.called, key=key))


def _wrong_kind(error: ValidationError, at: Place) -> Iterator[Diagnostic]:
    yield _not_of_kind(at, _as_list(error.validator_value), schema_of(error))


def _not_of_kind(at: Place, wanted: list[str], schema: Mapping[str, Any]) -> Diagnostic:
    form = str(schema.get("format", ""))
    if form.startswith("duration") and isinstance(at.value, int | Decimal) and not isinstance(at.value, bool):
        hint = say('for example "{value} working days" or "{value}h"', value=at.value)
        return Diagnostic(at.span, "bad-duration", say("{value} of what? The unit is missing", value=at.value), hint)
    expected = _FORMS.get(form) or _or([KINDS[kind] for kind in wanted if kind != "null"])
    message = say("{owner} must be {expected}, and this is {found}", owner=_as_value(at), expected=expected, found=kind_of(at.value))
    return Diagnostic(at.span, "wrong-kind", message, _remedy(at, wanted, schema))


def _as_value(at: Place) -> Message:
    """Like `called`, but a step that is no step is an item of its list."""
    if at.path and isinstance(at.path[-1], int):
        return say('an item of "{name}"', name=at.name)
    return say('"{name}"', name=at.name) if at.path else say("the file")


def _or(kinds: list[Message]) -> Message:
    words = kinds[0]
    for kind in kinds[1:]:
        words = say("{one} or {other}", one=words, other=kind)
    return words


_TRUTHS = dict.fromkeys(("да", "yes", "on", "истина", "1"), "true") | dict.fromkeys(("нет", "no", "off", "ложь", "0"), "false")


def _remedy(at: Place, wanted: list[str], schema: Mapping[str, Any]) -> Message | None:
    """A hint with the same value as it should be written."""
    value, told_by = at.value, schema.get("items", {}).get("discriminator", {}).get("propertyName")
    if "boolean" in wanted and str(value).lower() in _TRUTHS:
        return say("write {value}", value=_TRUTHS[str(value).lower()])
    if wanted == ["array"] and isinstance(value, dict):
        return say('put a "-" before each item')
    if "array" in wanted and isinstance(value, str):
        return say("write it as a list: {value}", value=f"[{{{told_by}: {value}}}]" if told_by else f"[{value}]")
    if wanted == ["object"] and isinstance(value, str) and value in vocabulary() and at.name == "steps":
        return say('write "activity: {name}"', name=value)
    if "object" in wanted and isinstance(value, list):
        return say('write keys with a ":" behind them instead of items with a "-"')
    if at.name == "retry" and isinstance(value, int) and not isinstance(value, bool):
        return say("write {value}", value=f"{{times: {value}}}")
    if at.name == "rule" and isinstance(value, int) and not isinstance(value, bool):
        return say("write {value}", value=f"{{at-least: {value}}}")
    if "string" in wanted and isinstance(value, bool | int | Decimal):
        return say("put it in quotes")
    if wanted == ["object"] and isinstance(value, str) and at.path:
        return _as_table(value, schema.get("properties", {}), at.source.tree)
    if wanted == ["integer"] and isinstance(value, str) and value.isdigit():
        return say("write it without quotes")
    return None


def _as_table(value: str, keys: Mapping[str, Any], tree: Any) -> Message | None:
    """A hint with a text in the key to which it belongs: a step to which it leads, else a title in words."""
    steps = {"go-on", *(str(step["id"]) for step in _tables(tree) if isinstance(step.get("id"), str))}
    key = "next" if value in steps else "title"
    return say("write {value}", value=f"{{{key}: {value}}}") if key in keys and (key == "next" or not value.isascii()) else None


def _not_allowed(error: ValidationError, at: Place) -> Iterator[Diagnostic]:
    yield _not_among(at, [str(word) for word in (_said(error) if error.validator == "enum" else [error.validator_value])])


def _not_among(at: Place, words: list[str]) -> Diagnostic:
    value = at.value
    if isinstance(value, list | dict):
        return _not_of_kind(at, ["string"], {})
    message = say('"{value}" is no value of "{key}"', value=_written(value), key=at.name)
    foreign = foreign_letter(str(value), words)
    hint = foreign.hint if foreign else did_you_mean(str(value), words)
    return Diagnostic(at.span, "not-allowed", message, hint or _listed(words))


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _too_short(error: ValidationError, at: Place) -> Iterator[Diagnostic]:
    yield Diagnostic(at.span, "too-short", say('"{key}" must not be empty', key=at.name))


def _bounds(error: ValidationError, at: Place) -> Iterator[Diagnostic]:
    limit = f"{error.validator_value:g}"
    words = {
        "minimum": say('"{key}" must be at least {limit}', key=at.name, limit=limit),
        "exclusiveMinimum": say('"{key}" must be more than {limit}', key=at.name, limit=limit),
    }
    yield Diagnostic(at.span, "not-allowed", words.get(str(error.validator)) or say('"{key}" must be at most {limit}', key=at.name, limit=limit))


def _pattern(error: ValidationError, at: Place) -> Iterator[Diagnostic]:
    """A value, or a name that is a key, is not written as it should be. The schema's description says how."""
    value, pattern, is_key = str(at.value), str(error.validator_value), "propertyNames" in error.relative_schema_path
    span = at.key(value) if is_key else at.span
    foreign = foreign_letter(value)
    if foreign and re.match(pattern, foreign.latin):
        yield foreign.finding_at((at.value if isinstance(at.value, Text) else Text(value, span)).at(foreign.offset))
    elif not is_key and "next" in at.path[-2:]:
        yield Diagnostic(span, "unknown-step", say('there is no step "{name}"', name=value), _step_called(value, at.source.tree))
    elif is_key or pattern.startswith("^[a-z][a-z0-9_"):
        yield Diagnostic(span, "bad-id", say('"{value}" cannot be a name', value=value), _as_name(value, pattern))
    else:
        yield Diagnostic(span, "not-allowed", say('"{value}" is no value of "{key}"', value=value, key=at.name), _example(pattern))


def _example(pattern: str) -> Message | None:
    """A hint with something that does match."""
    found = next((example for example in _EXAMPLES if re.search(pattern, example)), None)
    return say('for example "{example}"', example=found) if found else None


def _step_called(title: str, tree: Any) -> Message | None:
    """A hint with the id of the step that has this title, or whose id is near to it."""
    ids = {str(step.get("title", "")): str(step["id"]) for step in _tables(tree) if isinstance(step.get("id"), str)}
    if title in ids:
        return say('a step is named by its id: "{id}"', id=ids[title])
    return did_you_mean(title, ["go-on", *ids.values()])


def _tables(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
    for value in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from _tables(value)


def name_like(value: str, joint: str = "_") -> str:
    """The name that was meant by something like it: `ask_head` by `ask-head` and by `askHead`."""
    return re.sub(r"\W+|(?<=[a-z])(?=[A-Z])", joint, value.strip()).strip("-_").lower()


def _as_name(value: str, pattern: str) -> Message:
    """A hint with the same word written as a name, or else with how names are written."""
    words = name_like(value, "-" if "_-]" in pattern else "_")
    if re.match(pattern, words):
        return say('write "{name}"', name=words)
    return say('names have small Latin letters, digits and "_", and begin with a letter; "title" may be in any language')


def _activity(error: ValidationError, at: Place) -> Iterator[Diagnostic]:
    """A step without an activity, or with one that there is not."""
    known = _said(error)
    name = at.value.get("activity")
    if "activity" not in at.value:
        yield _no_activity(at, known)
        return
    span = at.source.span_at((*at.path, "activity"))
    if not isinstance(name, str):
        message = say("{owner} must be {expected}, and this is {found}", owner=say('"{name}"', name="activity"), expected=KINDS["string"], found=kind_of(name))
        yield Diagnostic(span, "wrong-kind", message)
        return
    foreign = foreign_letter(name, known)
    hint = foreign.hint if foreign else did_you_mean(name, known)
    yield Diagnostic(span, "unknown-activity", say('there is no activity "{name}"', name=name), hint or _listed(known))


def _no_activity(at: Place, known: list[str]) -> Diagnostic:
    for key in at.value:
        if key in known:
            return Diagnostic(at.key(key), "missing-activity", say('a step says with "activity" what it does'), say('write "activity: {name}"', name=key))
        near = did_you_mean(key, ["activity"])
        if near or foreign_letter(key, ["activity"]):
            return Diagnostic(at.key(key), "unknown-key", say('a step has no key "{key}"', key=key), near)
    return Diagnostic(at.span, "missing-activity", say('a step says with "activity" what it does'), say('add "activity: …"'))


def _exactly_one(error: ValidationError, at: Place) -> Iterator[Diagnostic]:
    """`oneOf` of required keys."""
    options: list[list[str]] = [option.get("required", []) for option in _said(error)]
    if not all(len(option) == 1 for option in options):
        yield from _either(error, at)
        return
    keys = [option[0] for option in options]
    there = [key for key in at.value if key in keys] if isinstance(at.value, dict) else []
    listed = each_quoted(keys)
    if there:
        message = say("{owner} takes only one of {keys}", owner=at.called, keys=listed)
        yield Diagnostic(at.key(there[1]), "exactly-one", message, say('remove "{one}" or "{other}"', one=there[0], other=there[1]))
    elif isinstance(at.value, dict) and all(key in schema_of(error).get("properties", at.value) for key in at.value):
        yield Diagnostic(at.span, "exactly-one", say("{owner} needs one of {keys}", owner=at.called, keys=listed))


def _either(error: ValidationError, at: Place) -> Iterator[Diagnostic]:
    """Several forms are allowed: the mistakes of the one whose kind of value was written, or else which kinds there are."""
    branches: dict[int, list[ValidationError]] = {}
    for inner in error.context or ():
        branches.setdefault(int(inner.schema_path[0]), []).append(inner)
    fitting = [errors for errors in branches.values() if not any(e.validator == "type" and not e.path for e in errors)]
    if fitting:
        yield from findings_of(min(fitting, key=_gravity), at.source)
        return
    kinds = [kind for errors in branches.values() for e in errors if e.validator == "type" and not e.path for kind in _as_list(e.validator_value)]
    words = [word for errors in branches.values() for e in errors if e.validator == "enum" and not e.path for word in _said(e)]
    yield _not_among(at, words) if words and not kinds else _not_of_kind(at, list(dict.fromkeys(kinds)), schema_of(error))


def _gravity(errors: Iterable[ValidationError]) -> tuple[int, int]:
    every = list(errors)
    return sum(e.validator == "required" for e in every), len(every)


def _said(error: ValidationError) -> list[Any]:
    """The list that stands behind the keyword in the schema."""
    return error.validator_value if isinstance(error.validator_value, list) else []


def _as_list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _other(error: ValidationError, at: Place) -> Iterator[Diagnostic]:
    yield Diagnostic(at.span, "not-allowed", say('"{value}" is no value of "{key}"', value=_written(at.value), key=at.name))


_TRANSLATIONS: Mapping[str, Callable[[ValidationError, Place], Iterator[Diagnostic]]] = {
    "additionalProperties": _unknown_keys,
    "unevaluatedProperties": _unknown_keys,
    "required": _missing,
    "type": _wrong_kind,
    "enum": _not_allowed,
    "const": _not_allowed,
    "minItems": _too_short,
    "minProperties": _too_short,
    "minLength": _too_short,
    "minimum": _bounds,
    "maximum": _bounds,
    "exclusiveMinimum": _bounds,
    "pattern": _pattern,
    "oneOf": _exactly_one,
    "activity": _activity,
    "anyOf": _either,
}
